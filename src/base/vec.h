/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vec: an array that grows in an arena. Elements move when it grows: keep indexes, not pointers,
 * while it is being filled.
 */
#ifndef WEIR_BASE_VEC_H
#define WEIR_BASE_VEC_H

#include "base/arena.h"

/* An array of T by value: struct { T *items; uint32_t len, cap; } */
#define VEC(T) struct { T *items; uint32_t len, cap; }

/*
 * The address of a new, zeroed last element, or NULL when memory is short (the vec is as before).
 */
#define VEC_ADD(arena, v)                                                                 \
    ((__typeof__((v)->items))vec_add((arena), (void **)&(v)->items, &(v)->len, &(v)->cap, \
                                     sizeof(*(v)->items)))

void *vec_add(struct arena *arena, void **items, uint32_t *len, uint32_t *cap, size_t size);

#endif
