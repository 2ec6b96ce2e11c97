/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_buffer: lines of an access log on their way to the file. They are gathered in memory and
 * written once at the end of each turn of the loop, so that a log costs one write a turn, or, with
 * buffer=, when the buffer is full or flush= has passed. With gzip each write is a gzip member of
 * its own, so that the file can be read at any time.
 */
#ifndef WEIR_HTTP_LOG_BUFFER_H
#define WEIR_HTTP_LOG_BUFFER_H

#include "base/list.h"
#include "base/log.h"
#include "event/timer.h"

/* What the conf file says of it. */
struct log_buffering {
    size_t size;                /* buffer= ; 0: written at the end of each turn */
    uint64_t flush_ms;          /* flush= ; 0: none */
    int gzip;                   /* the level; 0: as it is */
};

/* One for each file; part of the configuration, its bytes are a worker's own. */
struct log_buffer {
    struct link link;
    struct log_buffers *owner;
    struct log_file *file;
    struct log_buffering how;
    struct link waiting;        /* while there is something in it */
    struct timer flush;         /* likewise, with flush= */
    char *p;                    /* NULL: it was never used */
    size_t len, cap;
};

struct log_buffers {
    struct link head;
    struct link waiting;        /* those with something in them */
    struct timer_wheel *timers; /* set in a worker */
};

void log_buffers_init(struct log_buffers *buffers);
/* In the arena, part of the list. NULL when memory is short. */
struct log_buffer *log_buffer_add(struct log_buffers *buffers, struct arena *arena,
                                  struct log_file *file);

/* In a worker, before the first line. */
void log_buffers_start(struct log_buffers *buffers, struct timer_wheel *timers);
/* Writes all, and gives the memory back. */
void log_buffers_stop(struct log_buffers *buffers);

/*
 * Where a line of at most n bytes can be put, after what is there was written if need be; NULL: n
 * is larger than the buffer, or memory is short.
 */
char *log_buffer_room(struct log_buffer *buffer, size_t n);
/* The line that was put there has n bytes. */
void log_buffer_added(struct log_buffer *buffer, size_t n);

/* A line that is too long for the buffer: written at once, behind what is there. */
void log_buffer_through(struct log_buffer *buffer, struct str line);

/* Writes what is not to be held back. */
void log_buffers_turn_end(struct log_buffers *buffers);
void log_buffers_flush(struct log_buffers *buffers);

#endif
