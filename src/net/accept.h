/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accept: how connections come into the pool; the other half of pool.c, and nobody else's business.
 * pool_listen and pool_unlisten live here too.
 */
#ifndef WEIR_NET_ACCEPT_H
#define WEIR_NET_ACCEPT_H

#include "net/pool.h"

void accept_init(struct pool *pool);
/* Stops listening on all listeners. */
void accept_fini(struct pool *pool);

/* pool->limits are others now. */
void accept_limits_changed(struct pool *pool);
/* While accepting is paused: what it waits for may be there at that time. */
void accept_retry_at(struct pool *pool, uint64_t ms);
/* While accepting is paused: something that it waits for may be there. */
void accept_retry_soon(struct pool *pool);

#endif
