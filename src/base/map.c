/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map: pairs in the order of their addition, and beside them a table of places, open-addressed,
 * that says by hash which pair to look at. A place holds half of the hash, so that a key is
 * compared only when it is almost surely the right one.
 */
#include "base/map.h"
#include "base/vec.h"
#include <assert.h>

enum { FIRST_PLACES = 8 };

struct pair {
    struct str key;
    void *value;
    uint64_t hash;
};

struct place {
    uint32_t tag;               /* the upper half of the hash */
    uint32_t pair;              /* its index + 1, 0: free */
};

/* Invariant: at most half of the places are taken, so that a search ends. */
struct map {
    struct place *places;
    uint32_t mask;              /* number of places - 1, a power of two less one */
    bool ignore_case;
    VEC(struct pair) pairs;
    struct arena *arena;
};

struct map *
map_create(struct arena *arena, bool ignore_case)
{
    struct map *map = ARENA_NEW(arena, struct map);

    if (map == NULL)
        return NULL;
    map->places = ARENA_ARRAY(arena, struct place, FIRST_PLACES);
    if (map->places == NULL)
        return NULL;
    map->mask = FIRST_PLACES - 1;
    map->ignore_case = ignore_case;
    map->arena = arena;
    return map;
}

bool
map_reserve(struct map *map, uint32_t count)
{
    uint32_t places = FIRST_PLACES;

    assert(map->pairs.len == 0);
    while (places / 2 < count && places <= UINT32_MAX / 2)
        places *= 2;
    map->pairs.items = ARENA_ARRAY(map->arena, struct pair, count);
    map->places = ARENA_ARRAY(map->arena, struct place, places);
    map->pairs.cap = count;
    map->mask = places - 1;
    return map->pairs.items != NULL && map->places != NULL;
}

static uint64_t
hash_key(const struct map *map, struct str key)
{
    return map->ignore_case ? str_ihash(key) : str_hash(key);
}

static bool
keys_match(const struct map *map, struct str a, struct str b)
{
    return map->ignore_case ? str_ieq(a, b) : str_eq(a, b);
}

static struct pair *
find_pair(const struct map *map, struct str key, uint64_t hash)
{
    for (uint32_t i = (uint32_t)hash & map->mask;; i = (i + 1) & map->mask) {
        const struct place *place = &map->places[i];
        struct pair *pair;

        if (place->pair == 0)
            return NULL;
        pair = &map->pairs.items[place->pair - 1];
        if (place->tag == hash >> 32 && keys_match(map, pair->key, key))
            return pair;
    }
}

void *
map_get(const struct map *map, struct str key)
{
    const struct pair *pair;

    if (map == NULL || map->pairs.len == 0)
        return NULL;
    pair = find_pair(map, key, hash_key(map, key));
    return pair != NULL ? pair->value : NULL;
}

static void
take_place(struct place *places, uint32_t mask, uint64_t hash, uint32_t pair)
{
    uint32_t i = (uint32_t)hash & mask;

    while (places[i].pair != 0)
        i = (i + 1) & mask;
    places[i] = (struct place){ (uint32_t)(hash >> 32), pair };
}

static bool
double_places(struct map *map)
{
    uint32_t mask = map->mask * 2 + 1;
    struct place *places;

    if (mask == UINT32_MAX)
        return false;
    places = ARENA_ARRAY(map->arena, struct place, (size_t)mask + 1);
    if (places == NULL)
        return false;
    for (uint32_t i = 0; i < map->pairs.len; i++)
        take_place(places, mask, map->pairs.items[i].hash, i + 1);
    map->places = places;
    map->mask = mask;
    return true;
}

static bool
append_pair(struct map *map, struct str key, void *value, uint64_t hash)
{
    struct pair *pair;

    if (map->pairs.len >= (map->mask + 1) / 2 && !double_places(map))
        return false;
    pair = VEC_ADD(map->arena, &map->pairs);
    if (pair == NULL)
        return false;
    *pair = (struct pair){ key, value, hash };
    take_place(map->places, map->mask, hash, map->pairs.len);
    return true;
}

bool
map_add(struct map *map, struct str key, void *value, void **old)
{
    uint64_t hash = hash_key(map, key);
    const struct pair *pair = find_pair(map, key, hash);

    if (old != NULL)
        *old = pair != NULL ? pair->value : NULL;
    return pair != NULL || append_pair(map, key, value, hash);
}

bool
map_set(struct map *map, struct str key, void *value)
{
    uint64_t hash = hash_key(map, key);
    struct pair *pair = find_pair(map, key, hash);

    if (pair == NULL)
        return append_pair(map, key, value, hash);
    pair->value = value;
    return true;
}

uint32_t
map_len(const struct map *map)
{
    return map != NULL ? map->pairs.len : 0;
}

void
map_each(const struct map *map, bool (*fn)(void *ctx, struct str key, void *value), void *ctx)
{
    for (uint32_t i = 0; i < map_len(map); i++) {
        if (!fn(ctx, map->pairs.items[i].key, map->pairs.items[i].value))
            return;
    }
}
