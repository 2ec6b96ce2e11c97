/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread_pools: the sets of threads that the conf file names (thread_pool), each an offload of the
 * process that is made when its first job comes.
 */
#ifndef WEIR_EVENT_THREAD_POOLS_H
#define WEIR_EVENT_THREAD_POOLS_H

#include "base/str.h"
#include "event/offload.h"

/* One of a list; immutable, in the configuration's arena. */
struct thread_pool {
    struct str name;
    uint32_t threads, queue;    /* at most so many threads; so many jobs may wait for one */
    uint32_t number;            /* from 0, in the list */
    struct thread_pool *next;
};

enum { POOL_THREADS = 32, POOL_QUEUE = 65536 };        /* of the pool "default", if nobody says */

/* NULL: there is none of that name. */
const struct thread_pool *thread_pool_find(const struct thread_pool *list, struct str name);

/* What a process has of them. */
struct thread_pools;

/* The list must outlive it. NULL when memory is short. */
struct thread_pools *thread_pools_create(struct loop *loop, const struct thread_pool *list);
/* The threads of a pool of the list. NULL with errno. */
struct offload *thread_pools_get(struct thread_pools *pools, const struct thread_pool *pool);
/* As offload_destroy, for all. NULL is allowed. */
void thread_pools_destroy(struct thread_pools *pools);

#endif
