/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map: a hash table from text to a pointer, in an arena. Filled at load, read on the hot path; keys
 * are not copied.
 */
#ifndef WEIR_BASE_MAP_H
#define WEIR_BASE_MAP_H

#include "base/arena.h"

struct map;

/* ignore_case: ASCII letters match in any case. NULL when memory is short. */
struct map *map_create(struct arena *arena, bool ignore_case);

/*
 * Room for so many keys in a map that is empty, so that it need not grow. False when memory is
 * short.
 */
bool map_reserve(struct map *map, uint32_t count);

/* The value of key, or NULL. A NULL map is empty. */
void *map_get(const struct map *map, struct str key);

/*
 * Adds; the value must not be NULL. A key that is there keeps its old value, which is returned
 * through *old (else NULL). False when memory is short.
 */
bool map_add(struct map *map, struct str key, void *value, void **old);
/* Adds, or replaces the value of a key that is there. False when memory is short. */
bool map_set(struct map *map, struct str key, void *value);

uint32_t map_len(const struct map *map);

/* Calls fn for each pair, in the order of their addition, until it returns false. */
void map_each(const struct map *map, bool (*fn)(void *ctx, struct str key, void *value), void *ctx);

#endif
