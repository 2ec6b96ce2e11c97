/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena: memory that is released all at once.
 *
 * A request makes many small objects and frees none: when it ends, its arena goes, and they with
 * it. A pointer into an arena is good for exactly as long as the arena (or until arena_reset).
 * Freed and not yet handed out bytes are poisoned for AddressSanitizer, so that a use after release
 * is caught.
 */
#ifndef WEIR_BASE_ARENA_H
#define WEIR_BASE_ARENA_H

#include "base/str.h"

struct arena;                   /* its blocks are nobody's business outside arena.c */

/*
 * block_size: bytes asked from the system at a time, the first block included (a larger object gets
 * a block of its own). limit: bytes in all that may be handed out, 0 for no limit. NULL when memory
 * is short.
 */
struct arena *arena_create(size_t block_size, size_t limit);

/* What it holds is wiped before it is given back, from now on: there are secrets in it. */
void arena_wipe_at_end(struct arena *arena);

/* Runs what was deferred, last first, then gives all back. NULL is allowed. */
void arena_destroy(struct arena *arena);

/*
 * Runs what was deferred and frees all but the first block: ready for the next use, failure
 * forgotten.
 */
void arena_reset(struct arena *arena);

/*
 * Aligned for any type. NULL once the arena's limit or the system's memory is reached, and from
 * then on always (sticky). size 0 gives a valid pointer.
 */
void *arena_alloc(struct arena *arena, size_t size);
/* The same, zero-filled. */
void *arena_zalloc(struct arena *arena, size_t size);
/* The same for bytes: no alignment. */
char *arena_bytes(struct arena *arena, size_t size);

/* Copies; the copy is followed by a NUL that len does not count. STR_NONE on failure. */
struct str arena_str(struct arena *arena, struct str s);
/* printf into the arena, NUL-terminated likewise. */
struct str arena_fmt(struct arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Gives back the end of the newest object: `size` shrinks from old_size to new_size when p is the
 * newest, otherwise nothing happens. Used by writers that took more than they needed.
 */
void arena_trim(struct arena *arena, const void *p, size_t old_size, size_t new_size);
/* Grows the newest object in place when there is room behind it in its block; false otherwise. */
bool arena_extend(struct arena *arena, const void *p, size_t old_size, size_t new_size);

/*
 * fn(data) runs when the arena is reset or destroyed, last registered first. False (and fn not
 * registered) when memory is short.
 */
bool arena_defer(struct arena *arena, void (*fn)(void *data), void *data);

/* Bytes handed out so far, and whether an allocation has failed. */
size_t arena_used(const struct arena *arena);
bool arena_failed(const struct arena *arena);

#define ARENA_NEW(arena, type)          ((type *)arena_zalloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_zalloc_array((arena), sizeof(type), (count)))
/* Zero-filled; NULL when the product does not fit. */
void *arena_zalloc_array(struct arena *arena, size_t size, size_t count);

#endif
