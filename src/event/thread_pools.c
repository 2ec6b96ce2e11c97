/* SPDX-License-Identifier: BSD-2-Clause */
#include "event/thread_pools.h"
#include <stdlib.h>

struct thread_pools {
    struct loop *loop;
    uint32_t count;
    struct offload *offloads[];         /* by number; NULL: not needed yet */
};

const struct thread_pool *
thread_pool_find(const struct thread_pool *list, struct str name)
{
    while (list != NULL && !str_eq(list->name, name))
        list = list->next;
    return list;
}

struct thread_pools *
thread_pools_create(struct loop *loop, const struct thread_pool *list)
{
    uint32_t count = 0;
    struct thread_pools *pools;

    for (const struct thread_pool *p = list; p != NULL; p = p->next)
        count++;
    pools = calloc(1, sizeof(*pools) + count * sizeof(pools->offloads[0]));
    if (pools == NULL)
        return NULL;
    pools->loop = loop;
    pools->count = count;
    return pools;
}

struct offload *
thread_pools_get(struct thread_pools *pools, const struct thread_pool *pool)
{
    struct offload **offload = &pools->offloads[pool->number];

    if (*offload == NULL)
        *offload = offload_create(pools->loop, pool->threads, pool->queue);
    return *offload;
}

void
thread_pools_destroy(struct thread_pools *pools)
{
    if (pools == NULL)
        return;
    for (uint32_t i = 0; i < pools->count; i++)
        offload_destroy(pools->offloads[i]);
    free(pools);
}
