/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_buffer: lines of an access log on their way to the file. They are gathered in memory and
 * written once at the end of each turn of the loop, so that a log costs one write a turn, or, with
 * buffer=, when the buffer is full or flush= has passed.
 */
#ifndef WEIR_HTTP_LOG_BUFFER_H
#define WEIR_HTTP_LOG_BUFFER_H

#include "base/list.h"
#include "base/log.h"

/* One for each file; part of the configuration, its bytes are a worker's own. */
struct log_buffer {
    struct link link;
    struct log_file *file;
    size_t size;                /* buffer= ; 0: written at the end of each turn */
    uint64_t flush_ms;          /* flush= ; 0: none */
    char *p;
    size_t len, cap;
    uint64_t oldest_ms;         /* when the first line of those inside came */
};

struct log_buffers {
    struct link head;
};

void log_buffers_init(struct log_buffers *buffers);
/* In a worker: memory. False when it is short. */
bool log_buffers_start(struct log_buffers *buffers);
void log_buffers_stop(struct log_buffers *buffers);

/*
 * Where a line of at most n bytes can be put, after what is there was written if need be; NULL: n
 * is larger than the buffer.
 */
char *log_buffer_room(struct log_buffer *buffer, size_t n);
/* The line that was put there has n bytes. */
void log_buffer_added(struct log_buffer *buffer, size_t n);

/* A line that is too long for the buffer: written at once, behind what is there. */
void log_buffer_through(struct log_buffer *buffer, struct str line);

/* Writes what is not to be held back. */
void log_buffers_turn_end(struct log_buffers *buffers);
/* Writes what flush= says is due; returns the time in monotonic milliseconds to look again. */
uint64_t log_buffers_due(struct log_buffers *buffers);
bool log_buffers_have_flush(const struct log_buffers *buffers);
void log_buffers_flush(struct log_buffers *buffers);

#endif
