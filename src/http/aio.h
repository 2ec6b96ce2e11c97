/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aio: whether threads read what is not in memory, and which (aio, thread_pool).
 */
#ifndef WEIR_HTTP_AIO_H
#define WEIR_HTTP_AIO_H

#include "event/thread_pools.h"
#include "http/variable.h"

struct http_request;

struct aio_settings {
    bool is_off;                /* the worker reads by itself, and waits */
    const struct thread_pool *pool;     /* NULL: the text names it */
    struct http_text name;
};

/* For the tables: off, on, threads, threads=NAME. */
bool parse_aio(struct conf *conf, const struct conf_node *node, void *field);

/* Adds the pool "default" to the list, unless it is there. False when memory is short. */
bool aio_add_default_pool(struct arena *arena, struct thread_pool **list);

/*
 * The threads that read for a request. NULL: none can, which is logged, or none shall; then it is
 * the worker that reads.
 */
struct offload *aio_threads(struct http_request *req, const struct thread_pool **pool);

#endif
