/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffer: bytes on their way in or out, that a connection owns only while it must wait.
 *
 * One allocation holds header and bytes. Read from start, written at end.
 */
#ifndef WEIR_BASE_BUFFER_H
#define WEIR_BASE_BUFFER_H

#include "base/str.h"

struct buffer {
    uint32_t start, end, cap;
    char p[];
};

/* Room for at least cap bytes. NULL, and told, when memory is short. Freed with buffer_free. */
struct buffer *buffer_create(size_t cap);
void buffer_free(struct buffer *b);

static inline size_t
buffer_len(const struct buffer *b)
{
    return b == NULL ? 0 : b->end - b->start;
}

/*
 * Makes room for n bytes behind end: moves the bytes to the front, then grows to at most limit
 * bytes of capacity. The buffer may move: *b is updated (a NULL *b is created). False, *b as it
 * was, when it would pass limit or memory is short.
 */
bool buffer_reserve(struct buffer **b, size_t n, size_t limit);
/* Appends; false as above. */
bool buffer_append(struct buffer **b, const void *p, size_t n, size_t limit);

#endif
