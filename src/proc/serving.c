/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/serving.h"

#include "base/clock.h"
#include "proc/signals.h"
#include "proc/tell.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    SWEEP_MS = 100,
    OTHER_SLOTS = 1             /* of worker_connections: the channel to the master */
};

struct served {
    struct link link;           /* in serving.retired */
    struct runtime *runtime;
    struct http_worker *http;   /* NULL: the configuration has no http */
    uint64_t deadline_ms;       /* of a retired one; 0: none */
};

/* ---- one configuration --------------------------------------------------------------------- */

static void
listen_no_more(struct serving *s, struct runtime *rt)
{
    struct link *head = runtime_listeners(rt);

    for (struct link *l = head->next; l != head; l = l->next) {
        pool_unlisten(&s->pool, CONTAINER_OF(l, struct listener, link));
    }
}

static bool
listen_to_all(struct serving *s, struct runtime *rt)
{
    struct link *head = runtime_listeners(rt);

    for (struct link *l = head->next; l != head; l = l->next) {
        struct listener *listener = CONTAINER_OF(l, struct listener, link);

        if (pool_listen(&s->pool, listener))
            continue;
        tell(LEVEL_EMERG, errno, "listening on %.*s failed", STR_ARG(listener->text));
        listen_no_more(s, rt);
        return false;
    }
    return true;
}

/* Not listening yet. NULL, told, with rt still the caller's. */
static struct served *
served_create(struct serving *s, struct runtime *rt)
{
    struct served *served = calloc(1, sizeof(*served));

    if (served == NULL) {
        tell(LEVEL_EMERG, ENOMEM, "serving the configuration failed");
        return NULL;
    }
    link_init(&served->link);
    served->runtime = rt;
    if (rt->setup.http == NULL)
        return served;
    served->http = http_worker_start(rt->setup.http, &s->loop, &s->pool);
    if (served->http != NULL)
        return served;
    tell(LEVEL_EMERG, 0, "the http part cannot start: out of memory");
    free(served);
    return NULL;
}

/* Its connections are closed, and its runtime is somebody else's. */
static void
served_free(struct served *served)
{
    if (served->http != NULL)
        http_worker_stop(served->http);
    free(served);
}

static bool
accepted_by(const struct runtime *rt, const struct conn *conn)
{
    return rt->setup.http != NULL && http_serves(rt->setup.http, conn);
}

struct closing {
    const struct runtime *runtime;      /* whose connections; NULL: all */
    unsigned count;
};

static void
close_one(void *ctx, struct conn *conn)
{
    struct closing *closing = ctx;

    if (closing->runtime != NULL && !accepted_by(closing->runtime, conn))
        return;
    closing->count++;
    conn_close(conn, CLOSE_SHUTDOWN);
}

static void
close_connections(struct serving *s, const struct runtime *rt)
{
    struct closing closing = { .runtime = rt };

    pool_each(&s->pool, close_one, &closing);
    if (closing.count > 0)
        LOG(&process_log, NOTICE, 0, "%u connections closed that were still open", closing.count);
}

static bool
is_through(const struct served *served)
{
    return served->http == NULL || http_worker_connections(served->http) == 0;
}

/* ---- retiring ------------------------------------------------------------------------------ */

static void
sweep_later(struct serving *s)
{
    if (!list_is_empty(&s->retired) && !timer_is_armed(&s->sweep))
        timer_arm(&s->loop.timers, &s->sweep, now.mono_ms + SWEEP_MS);
}

static void
retire(struct serving *s, struct served *served)
{
    uint64_t timeout_ms = served->runtime->main->shutdown_timeout_ms;

    served->deadline_ms = timeout_ms > 0 ? now.mono_ms + timeout_ms : 0;
    list_push(&s->retired, &served->link);
    if (served->http != NULL)
        http_worker_retire(served->http);
    sweep_later(s);
}

static void
on_sweep(struct timer *timer)
{
    struct serving *s = CONTAINER_OF(timer, struct serving, sweep);
    struct link *next;

    for (struct link *l = s->retired.next; l != &s->retired; l = next) {
        struct served *served = CONTAINER_OF(l, struct served, link);
        struct runtime *rt = served->runtime;

        next = l->next;
        if (served->deadline_ms != 0 && now.mono_ms >= served->deadline_ms)
            close_connections(s, rt);
        if (s->leaving || !is_through(served))
            continue;
        link_remove(&served->link);
        served_free(served);
        runtime_free(rt);
    }
    sweep_later(s);
}

static void
on_turn_end(struct loop_turn_end *end)
{
    struct serving *s = CONTAINER_OF(end, struct serving, turn_end);

    if (s->leaving && s->pool.used == 0)
        loop_stop(&s->loop);
}

void
serving_leave(struct serving *s)
{
    if (s->leaving)
        return;
    s->leaving = true;
    listen_no_more(s, s->current->runtime);
    runtime_close_listeners(s->current->runtime);
    retire(s, s->current);
}

bool
serving_switch(struct serving *s, struct runtime *rt)
{
    struct runtime *old = s->current->runtime;
    struct served *served = served_create(s, rt);

    if (served == NULL)
        return false;
    /* A shared descriptor can be in the loop but once. */
    listen_no_more(s, old);
    if (!listen_to_all(s, rt)) {
        served_free(served);
        listen_to_all(s, old);
        return false;
    }
    runtime_keep(rt, old);
    runtime_close_listeners(old);
    retire(s, s->current);
    s->current = served;
    return true;
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* As many descriptors as there may be connections, as far as the hard limit lets us. */
static void
raise_descriptor_limit(const struct runtime *rt)
{
    struct rlimit limit;
    uint64_t wanted = rt->events->worker_connections + 64;

    if (rt->main->rlimit_nofile != 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = MIN((rlim_t)wanted, limit.rlim_max);
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur < rt->events->worker_connections)
        tell(LEVEL_WARN, 0, "%u worker_connections exceed open file resource limit: %ju",
             rt->events->worker_connections, (uintmax_t)limit.rlim_cur);
}

static bool
start_loop(struct serving *s, const struct runtime *rt,
           void (*on_signal)(struct loop *loop, const struct loop_signal *signal))
{
    uint32_t others = runtime_listener_count(rt) + OTHER_SLOTS;
    uint32_t slots = rt->events->worker_connections;
    sigset_t set;

    signals_set(&set);
    if (!loop_init(&s->loop, rt->events->epoll_events)) {
        tell(LEVEL_EMERG, errno, "epoll_create() failed");
        return false;
    }
    if (!loop_signals(&s->loop, &set, on_signal)) {
        tell(LEVEL_EMERG, errno, "signalfd() failed");
    } else if (!pool_init(&s->pool, &s->loop, slots > others ? slots - others : 1)) {
        tell(LEVEL_EMERG, ENOMEM, "%u worker_connections cannot be had", slots);
    } else {
        return true;
    }
    loop_fini(&s->loop);
    return false;
}

bool
serving_start(struct serving *s, struct runtime *rt,
              void (*on_signal)(struct loop *loop, const struct loop_signal *signal))
{
    memset(s, 0, sizeof(*s));
    link_init(&s->retired);
    timer_init(&s->sweep, on_sweep);
    raise_descriptor_limit(rt);
    if (!start_loop(s, rt, on_signal)) {
        runtime_free(rt);
        return false;
    }
    s->turn_end.run = on_turn_end;
    loop_at_turn_end(&s->loop, &s->turn_end);
    s->current = served_create(s, rt);
    if (s->current != NULL && listen_to_all(s, rt))
        return true;
    if (s->current != NULL)
        served_free(s->current);
    pool_fini(&s->pool);
    loop_fini(&s->loop);
    runtime_free(rt);
    return false;
}

struct runtime *
serving_runtime(const struct serving *s)
{
    return s->current->runtime;
}

void
serving_stop(struct serving *s)
{
    struct runtime *last = s->current->runtime;

    LOG(&process_log, NOTICE, 0, "exiting");
    listen_no_more(s, last);
    close_connections(s, NULL);
    pool_batch_end(&s->pool);
    timer_cancel(&s->sweep);
    if (!s->leaving)
        served_free(s->current);
    while (!list_is_empty(&s->retired)) {
        struct served *served = CONTAINER_OF(s->retired.next, struct served, link);
        struct runtime *rt = served->runtime;

        link_remove(&served->link);
        served_free(served);
        if (rt != last)
            runtime_free(rt);
    }
    pool_fini(&s->pool);
    loop_fini(&s->loop);
    LOG(&process_log, NOTICE, 0, "exit");
    runtime_free(last);
}

/* ---- logs ---------------------------------------------------------------------------------- */

static void
flush_logs(struct serving *s)
{
    if (s->current->http != NULL)
        http_worker_flush_logs(s->current->http);
    for (struct link *l = s->retired.next; l != &s->retired; l = l->next) {
        struct served *served = CONTAINER_OF(l, struct served, link);

        if (served->http != NULL)
            http_worker_flush_logs(served->http);
    }
}

void
serving_reopen_logs(struct serving *s)
{
    struct link *head = &s->current->runtime->log_files.head;

    flush_logs(s);
    for (struct link *l = head->next; l != head; l = l->next) {
        struct log_file *file = CONTAINER_OF(l, struct log_file, link);

        if (!log_file_reopen(file))
            LOG(&process_log, ERR, errno, "open() \"%.*s\" failed", STR_ARG(file->path));
    }
}

void
serving_replace_log(struct serving *s, struct str path, int fd)
{
    struct link *head = &s->current->runtime->log_files.head;

    flush_logs(s);
    for (struct link *l = head->next; l != head; l = l->next) {
        struct log_file *file = CONTAINER_OF(l, struct log_file, link);

        if (!str_eq(file->path, path) || file->is_stderr)
            continue;
        log_file_replace(file, fd);
        return;
    }
    close(fd);
}
