/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/aio.h"
#include "http/engine.h"
#include <errno.h>

bool
aio_add_default_pool(struct arena *arena, struct thread_pool **list)
{
    uint32_t number = 0;
    struct thread_pool *pool;

    if (thread_pool_find(*list, STR("default")) != NULL)
        return true;
    for (; *list != NULL; list = &(*list)->next)
        number++;
    if ((pool = ARENA_NEW(arena, struct thread_pool)) == NULL)
        return false;
    *pool = (struct thread_pool){
        .name = STR("default"), .threads = POOL_THREADS, .queue = POOL_QUEUE, .number = number,
    };
    *list = pool;
    return true;
}

/* "threads=NAME", which may hold variables. */
static bool
set_pool(struct conf *conf, const struct conf_word *word, struct str name, struct aio_settings *aio)
{
    const struct http_setup *setup = conf->owner;

    if (!http_text_compile(conf, word, arena_str(conf->arena, name), &aio->name))
        return false;
    if (!http_text_is_literal(&aio->name))
        return true;
    aio->pool = thread_pool_find(setup->thread_pools, name);
    if (aio->pool != NULL)
        return true;
    conf_error(conf, word, "unknown thread pool \"%.*s\"", STR_ARG(name));
    conf_hint(conf, "outside of http: thread_pool %.*s threads=16;", STR_ARG(name));
    return false;
}

bool
parse_aio(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct conf_word *word = &node->words[1];
    struct aio_settings *aio = field;
    struct str prefix = STR("threads=");

    if (str_starts(word->text, prefix))
        return set_pool(conf, word, str_from(word->text, prefix.len), aio);
    aio->is_off = str_eq(word->text, STR("off"));
    if (aio->is_off || str_eq(word->text, STR("threads")) || str_eq(word->text, STR("on")))
        return set_pool(conf, word, STR("default"), aio);
    conf_error(conf, word, "invalid value \"%.*s\" in \"aio\" directive", STR_ARG(word->text));
    conf_hint(conf, "off, threads or threads=POOL");
    return false;
}

struct offload *
aio_threads(struct http_request *req, const struct thread_pool **pool)
{
    const struct aio_settings *aio = &http_settings_for(req)->aio;
    struct offload *threads;

    if (aio->is_off)
        return NULL;
    *pool = aio->pool;
    if (*pool == NULL) {
        struct str name = http_text_eval(req, &aio->name);

        *pool = thread_pool_find(req->server->http->thread_pools, name);
        if (*pool == NULL) {
            LOG(&req->log, ERR, 0, "thread pool \"%.*s\" not found", STR_ARG(name));
            return NULL;
        }
    }
    threads = thread_pools_get(req->worker->pools, *pool);
    if (threads == NULL)
        LOG(&req->log, ALERT, errno, "no threads for pool \"%.*s\"", STR_ARG((*pool)->name));
    return threads;
}
