/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/log_buffer.h"
#include "base/clock.h"
#include "base/counters.h"
#include "http/gzip_member.h"
#include <stdlib.h>

enum { TURN_SIZE = 65536 };

void
log_buffers_init(struct log_buffers *buffers)
{
    link_init(&buffers->head);
    link_init(&buffers->waiting);
    buffers->timers = NULL;
}

struct log_buffer *
log_buffer_add(struct log_buffers *buffers, struct arena *arena, struct log_file *file)
{
    struct log_buffer *b = ARENA_NEW(arena, struct log_buffer);

    if (b == NULL)
        return NULL;
    b->owner = buffers;
    b->file = file;
    link_init(&b->link);
    link_init(&b->waiting);
    list_push(&buffers->head, &b->link);
    return b;
}

static struct log_buffer *
waiting_buffer(struct link *link)
{
    return CONTAINER_OF(link, struct log_buffer, waiting);
}

/* ---- writing ------------------------------------------------------------------------------- */

static void
write_compressed(struct log_buffer *b, struct str bytes)
{
    struct str member = gzip_member(b->how.gzip, bytes);

    if (str_is_set(member))
        log_file_write(b->file, member);
    else
        stats->log_lines_lost++;
    gzip_member_free(member);
}

static void
write_bytes_of(struct log_buffer *b, struct str bytes)
{
    if (LIKELY(b->how.gzip == 0))
        log_file_write(b->file, bytes);
    else
        write_compressed(b, bytes);
}

static void
write_out(struct log_buffer *b)
{
    if (b->len == 0)
        return;
    link_remove(&b->waiting);
    if (b->how.flush_ms != 0)
        timer_cancel(&b->flush);
    write_bytes_of(b, (struct str){ b->p, b->len });
    b->len = 0;
}

static void
on_flush(struct timer *timer)
{
    write_out(CONTAINER_OF(timer, struct log_buffer, flush));
}

/* ---- a worker ------------------------------------------------------------------------------ */

void
log_buffers_start(struct log_buffers *buffers, struct timer_wheel *timers)
{
    buffers->timers = timers;
    for (struct link *l = buffers->head.next; l != &buffers->head; l = l->next)
        timer_init(&CONTAINER_OF(l, struct log_buffer, link)->flush, on_flush);
}

void
log_buffers_stop(struct log_buffers *buffers)
{
    log_buffers_flush(buffers);
    for (struct link *l = buffers->head.next; l != &buffers->head; l = l->next) {
        struct log_buffer *b = CONTAINER_OF(l, struct log_buffer, link);

        free(b->p);
        b->p = NULL;
    }
}

/* With the first line: a configuration may name many files that never get one. */
static COLD bool
allocate(struct log_buffer *b)
{
    b->cap = MAX(b->how.size, TURN_SIZE);
    return b->owner->timers != NULL && (b->p = malloc(b->cap)) != NULL;
}

char *
log_buffer_room(struct log_buffer *b, size_t n)
{
    if ((UNLIKELY(b->p == NULL) && !allocate(b)) || n > b->cap)
        return NULL;
    if (b->cap - b->len < n)
        write_out(b);
    return b->p + b->len;
}

void
log_buffer_added(struct log_buffer *b, size_t n)
{
    if (b->len == 0 && n > 0) {
        list_push(&b->owner->waiting, &b->waiting);
        if (b->how.flush_ms != 0)
            timer_arm(b->owner->timers, &b->flush, now.mono_ms + b->how.flush_ms);
    }
    b->len += n;
}

void
log_buffer_through(struct log_buffer *b, struct str line)
{
    write_out(b);
    write_bytes_of(b, line);
}

void
log_buffers_turn_end(struct log_buffers *buffers)
{
    for (struct link *l = buffers->waiting.next, *next; l != &buffers->waiting; l = next) {
        struct log_buffer *b = waiting_buffer(l);

        next = l->next;
        if (b->how.size == 0 || b->len >= b->how.size)
            write_out(b);
    }
}

void
log_buffers_flush(struct log_buffers *buffers)
{
    while (!list_is_empty(&buffers->waiting))
        write_out(waiting_buffer(buffers->waiting.next));
}
