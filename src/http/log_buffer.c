/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/log_buffer.h"
#include "base/clock.h"
#include <stdlib.h>

enum { TURN_SIZE = 65536 };

void
log_buffers_init(struct log_buffers *buffers)
{
    link_init(&buffers->head);
}

static struct log_buffer *
buffer_at(struct link *link)
{
    return CONTAINER_OF(link, struct log_buffer, link);
}

bool
log_buffers_start(struct log_buffers *buffers)
{
    for (struct link *l = buffers->head.next; l != &buffers->head; l = l->next) {
        struct log_buffer *b = buffer_at(l);

        b->cap = MAX(b->size, TURN_SIZE);
        b->len = 0;
        if ((b->p = malloc(b->cap)) == NULL)
            return false;
    }
    return true;
}

void
log_buffers_stop(struct log_buffers *buffers)
{
    for (struct link *l = buffers->head.next; l != &buffers->head; l = l->next) {
        free(buffer_at(l)->p);
        buffer_at(l)->p = NULL;
    }
}

static void
write_out(struct log_buffer *b)
{
    if (b->len == 0)
        return;
    log_file_write(b->file, (struct str){ b->p, b->len });
    b->len = 0;
}

char *
log_buffer_room(struct log_buffer *b, size_t n)
{
    if (b->p == NULL || n > b->cap)
        return NULL;
    if (b->cap - b->len < n)
        write_out(b);
    return b->p + b->len;
}

void
log_buffer_added(struct log_buffer *b, size_t n)
{
    if (b->len == 0)
        b->oldest_ms = now.mono_ms;
    b->len += n;
}

void
log_buffer_through(struct log_buffer *b, struct str line)
{
    write_out(b);
    log_file_write(b->file, line);
}

void
log_buffers_turn_end(struct log_buffers *buffers)
{
    for (struct link *l = buffers->head.next; l != &buffers->head; l = l->next) {
        struct log_buffer *b = buffer_at(l);

        if (b->len > 0 && (b->size == 0 || b->len >= b->size))
            write_out(b);
    }
}

uint64_t
log_buffers_due(struct log_buffers *buffers)
{
    uint64_t next = now.mono_ms + 1000;

    for (struct link *l = buffers->head.next; l != &buffers->head; l = l->next) {
        struct log_buffer *b = buffer_at(l);

        if (b->len == 0 || b->flush_ms == 0)
            continue;
        if (now.mono_ms - b->oldest_ms >= b->flush_ms)
            write_out(b);
        else
            next = MIN(next, b->oldest_ms + b->flush_ms);
    }
    return next;
}

bool
log_buffers_have_flush(const struct log_buffers *buffers)
{
    for (const struct link *l = buffers->head.next; l != &buffers->head; l = l->next)
        if (CONTAINER_OF(l, const struct log_buffer, link)->flush_ms != 0)
            return true;
    return false;
}

void
log_buffers_flush(struct log_buffers *buffers)
{
    for (struct link *l = buffers->head.next; l != &buffers->head; l = l->next)
        if (buffer_at(l)->p != NULL)
            write_out(buffer_at(l));
}
