/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena: blocks of memory from which objects are cut one behind the other.
 *
 * The struct arena lives in its own first block, so that an arena costs one malloc and a reset
 * none. A large object gets a block of its own and leaves the current one as it is.
 */
#include "base/arena.h"
#include "base/compiler.h"
#include "base/poison.h"
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = alignof(max_align_t), SMALLEST_ROOM = 64, FMT_ON_STACK = 256 };

struct block {
    struct block *older;
    size_t size;                            /* of data, a multiple of ALIGNMENT */
    alignas(ALIGNMENT) char data[];
};

struct deferred {
    struct deferred *earlier;
    void (*fn)(void *data);
    void *data;
};

/*
 * Invariants: [p, end) is the free part of the current block, all of it poisoned; end is aligned.
 * Once the arena has failed that part is empty, so that every request goes to the slow path, which
 * refuses.
 */
struct arena {
    char *p, *end;
    size_t allowance;                       /* bytes that may still be handed out */
    size_t limit;
    size_t block_room;                      /* data in a block of the usual size */
    struct block *blocks;                   /* newest first, without the first one */
    struct deferred *deferred;
    bool failed;
    bool wipes;
    alignas(ALIGNMENT) struct block first;
};

static size_t
round_up(size_t n)
{
    return (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static void
start_over(struct arena *arena)
{
    arena->p = arena->first.data;
    arena->end = arena->p + arena->first.size;
    arena->allowance = arena->limit;
    arena->blocks = NULL;
    arena->failed = false;
    poison(arena->p, arena->first.size);
}

struct arena *
arena_create(size_t block_size, size_t limit)
{
    size_t smallest = sizeof(struct arena) + SMALLEST_ROOM;
    size_t size = round_up(MAX(block_size, smallest));
    struct arena *arena = size >= block_size ? malloc(size) : NULL;

    if (arena == NULL)
        return NULL;
    arena->limit = limit != 0 ? limit : SIZE_MAX;
    arena->block_room = size - sizeof(struct block);
    arena->deferred = NULL;
    arena->wipes = false;
    arena->first.older = NULL;
    arena->first.size = size - sizeof(struct arena);
    start_over(arena);
    return arena;
}

void
arena_wipe_at_end(struct arena *arena)
{
    arena->wipes = true;
}

static void
run_deferred(struct arena *arena)
{
    while (arena->deferred != NULL) {
        struct deferred *d = arena->deferred;

        arena->deferred = d->earlier;
        d->fn(d->data);
    }
}

static void
free_blocks(struct arena *arena)
{
    struct block *older;

    for (struct block *b = arena->blocks; b != NULL; b = older) {
        older = b->older;
        unpoison(b->data, b->size);
        if (UNLIKELY(arena->wipes))
            explicit_bzero(b->data, b->size);
        free(b);
    }
}

void
arena_destroy(struct arena *arena)
{
    if (arena == NULL)
        return;
    run_deferred(arena);
    free_blocks(arena);
    unpoison(arena->first.data, arena->first.size);
    if (arena->wipes)
        explicit_bzero(arena->first.data, arena->first.size);
    free(arena);
}

void
arena_reset(struct arena *arena)
{
    run_deferred(arena);
    free_blocks(arena);
    if (UNLIKELY(arena->wipes)) {
        unpoison(arena->first.data, arena->first.size);
        explicit_bzero(arena->first.data, arena->first.size);
    }
    start_over(arena);
}

static struct block *
add_block(struct arena *arena, size_t room)
{
    struct block *b = malloc(sizeof(struct block) + room);

    if (b == NULL)
        return NULL;
    b->size = room;
    b->older = arena->blocks;
    arena->blocks = b;
    poison(b->data, room);
    return b;
}

/* An object that the current block has no room for. */
static COLD void *
alloc_in_new_block(struct arena *arena, size_t size)
{
    bool large = size > arena->block_room / 2;
    struct block *b;

    if (arena->failed || size > arena->allowance || size > SIZE_MAX / 2)
        goto fail;
    b = add_block(arena, large ? round_up(size) : arena->block_room);
    if (b == NULL)
        goto fail;
    arena->allowance -= size;
    unpoison(b->data, size);
    if (!large) {
        arena->p = b->data + size;
        arena->end = b->data + b->size;
    }
    return b->data;

fail:
    arena->failed = true;
    arena->p = arena->end = arena->first.data;
    return NULL;
}

/*
 * Cuts `size` bytes off the current block behind `pad` bytes, which its aligned end has room for.
 */
static inline void *
cut(struct arena *arena, size_t pad, size_t size)
{
    char *p = arena->p + pad;
    size_t room = (size_t)(arena->end - p);

    /* Without bytes of its own, an empty object would share its address with the next. */
    size += size == 0;
    if (UNLIKELY(size > room || pad + size > arena->allowance))
        return alloc_in_new_block(arena, size);
    arena->allowance -= pad + size;
    arena->p = p + size;
    unpoison(p, size);
    return p;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
    return cut(arena, -(uintptr_t)arena->p & (ALIGNMENT - 1), size);
}

char *
arena_bytes(struct arena *arena, size_t size)
{
    return cut(arena, 0, size);
}

void *
arena_zalloc(struct arena *arena, size_t size)
{
    void *p = arena_alloc(arena, size);

    return p != NULL ? memset(p, 0, size) : NULL;
}

void *
arena_zalloc_array(struct arena *arena, size_t size, size_t count)
{
    size_t bytes;

    if (__builtin_mul_overflow(size, count, &bytes))
        return NULL;
    return arena_zalloc(arena, bytes);
}

struct str
arena_str(struct arena *arena, struct str s)
{
    char *p = s.len < SIZE_MAX ? arena_bytes(arena, s.len + 1) : NULL;

    if (p == NULL)
        return STR_NONE;
    if (s.len > 0)
        memcpy(p, s.p, s.len);
    p[s.len] = '\0';
    return (struct str){ p, s.len };
}

struct str
arena_fmt(struct arena *arena, const char *fmt, ...)
{
    char on_stack[FMT_ON_STACK];
    va_list args;
    char *p;
    int len;

    va_start(args, fmt);
    len = vsnprintf(on_stack, sizeof(on_stack), fmt, args);
    va_end(args);
    if (len < 0)
        return STR_NONE;
    if ((size_t)len < sizeof(on_stack))
        return arena_str(arena, (struct str){ on_stack, (size_t)len });

    p = arena_bytes(arena, (size_t)len + 1);
    if (p == NULL)
        return STR_NONE;
    va_start(args, fmt);
    vsnprintf(p, (size_t)len + 1, fmt, args);
    va_end(args);
    return (struct str){ p, (size_t)len };
}

static bool
is_newest(const struct arena *arena, const void *p, size_t size)
{
    return !arena->failed && (const char *)p + size == arena->p;
}

void
arena_trim(struct arena *arena, const void *p, size_t old_size, size_t new_size)
{
    size_t spare = old_size - new_size;

    if (new_size >= old_size || !is_newest(arena, p, old_size))
        return;
    arena->p -= spare;
    arena->allowance += spare;
    poison(arena->p, spare);
}

bool
arena_extend(struct arena *arena, const void *p, size_t old_size, size_t new_size)
{
    size_t more = new_size - old_size;

    if (new_size < old_size || !is_newest(arena, p, old_size))
        return false;
    if (more > (size_t)(arena->end - arena->p) || more > arena->allowance)
        return false;
    unpoison(arena->p, more);
    arena->p += more;
    arena->allowance -= more;
    return true;
}

bool
arena_defer(struct arena *arena, void (*fn)(void *data), void *data)
{
    struct deferred *d = arena_alloc(arena, sizeof(*d));

    if (d == NULL)
        return false;
    d->fn = fn;
    d->data = data;
    d->earlier = arena->deferred;
    arena->deferred = d;
    return true;
}

size_t
arena_used(const struct arena *arena)
{
    return arena->limit - arena->allowance;
}

bool
arena_failed(const struct arena *arena)
{
    return arena->failed;
}
