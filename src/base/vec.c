/* SPDX-License-Identifier: BSD-2-Clause */
/* vec: growing by doubling, in place where nothing came behind it in the arena. */
#include "base/vec.h"

enum { FIRST_CAP = 4 };

/*
 * The caller's items have a type of their own, so that its pointer is read and written as bytes: a
 * store through void ** would be of a type that the compiler may hold to be another.
 */
static bool
grow(struct arena *arena, void **items, uint32_t len, uint32_t *cap, size_t size)
{
    uint32_t wanted = *cap == 0 ? FIRST_CAP : *cap * 2;
    size_t bytes;
    void *old, *moved;

    if (wanted <= *cap || __builtin_mul_overflow(size, wanted, &bytes))
        return false;
    memcpy(&old, items, sizeof(old));
    if (old == NULL || !arena_extend(arena, old, size * *cap, bytes)) {
        moved = arena_alloc(arena, bytes);
        if (moved == NULL)
            return false;
        if (old != NULL && len > 0)
            memcpy(moved, old, size * len);
        memcpy(items, &moved, sizeof(moved));
    }
    *cap = wanted;
    return true;
}

void *
vec_add(struct arena *arena, void **items, uint32_t *len, uint32_t *cap, size_t size)
{
    char *first;

    if (*len == *cap && !grow(arena, items, *len, cap, size))
        return NULL;
    memcpy(&first, items, sizeof(first));
    return memset(first + size * (*len)++, 0, size);
}
