/* SPDX-License-Identifier: BSD-2-Clause */
/* buffer: one block from malloc, that grows by doubling up to the limit of the moment. */
#include "base/buffer.h"
#include "base/compiler.h"
#include "base/log.h"
#include <errno.h>
#include <stdlib.h>

enum { SMALLEST_CAP = 256 };

struct buffer *
buffer_create(size_t cap)
{
    struct buffer *b = cap <= UINT32_MAX ? malloc(sizeof(struct buffer) + cap) : NULL;

    if (b == NULL) {
        LOG(&process_log, CRIT, ENOMEM, "malloc() of %zu bytes failed", cap);
        return NULL;
    }
    b->start = b->end = 0;
    b->cap = (uint32_t)cap;
    return b;
}

void
buffer_free(struct buffer *b)
{
    free(b);
}

static void
move_to_front(struct buffer *b)
{
    uint32_t len = b->end - b->start;

    memmove(b->p, b->p + b->start, len);
    b->start = 0;
    b->end = len;
}

static bool
grow(struct buffer **b, size_t needed, size_t limit)
{
    const struct buffer *old = *b;
    size_t doubled = old != NULL ? (size_t)old->cap * 2 : SMALLEST_CAP;
    struct buffer *grown = buffer_create(MIN(MAX(needed, doubled), limit));

    if (grown == NULL)
        return false;
    if (old != NULL) {
        grown->end = old->end - old->start;
        memcpy(grown->p, old->p + old->start, grown->end);
        buffer_free(*b);
    }
    *b = grown;
    return true;
}

bool
buffer_reserve(struct buffer **b, size_t n, size_t limit)
{
    size_t len = buffer_len(*b), most = MIN(limit, (size_t)UINT32_MAX);

    if (*b != NULL && n <= (*b)->cap - (*b)->end)
        return true;
    if (len > most || n > most - len)
        return false;
    if (*b == NULL || len + n > (*b)->cap)
        return grow(b, len + n, most);
    move_to_front(*b);
    return true;
}

bool
buffer_append(struct buffer **b, const void *p, size_t n, size_t limit)
{
    if (!buffer_reserve(b, n, limit))
        return false;
    if (n > 0)
        memcpy((*b)->p + (*b)->end, p, n);
    (*b)->end += (uint32_t)n;
    return true;
}
