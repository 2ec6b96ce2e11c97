/* SPDX-License-Identifier: BSD-2-Clause */
/* accept: taking clients from the kernel, and waiting when there is no room for them. */
#include "net/accept.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/counters.h"
#include "net/listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum { ACCEPT_TURN_MAX = 64, RETRY_MIN_MS = 10, RETRY_MAX_MS = 500 };

/* What came of an attempt to accept. */
enum outcome {
    TOOK,           /* a client, or one whose connection was broken already: go on */
    EMPTY,          /* nobody waits */
    LATER,          /* idle connections were drained: their slots are free in the next turn */
    SHORT           /* no slot or no descriptor, and nothing to drain */
};

static bool
first_in_this_second(uint64_t *warned_s)
{
    uint64_t s = now.mono_ms / 1000;

    if (s == *warned_s)
        return false;
    *warned_s = s;
    return true;
}

/* Nobody is accepted unless there is a slot for it: the others wait in the backlog. */
static enum outcome
no_room(struct pool *pool)
{
    if (!list_is_empty(&pool->released))
        return LATER;
    if (first_in_this_second(&pool->pause_warned_s))
        LOG(&process_log, WARN, 0,
            "%u worker_connections are not enough, new connections wait in the backlog",
            pool->size);
    return SHORT;
}

/* What is not the failure of the one client that was to be accepted may last, whatever its name. */
static enum outcome
accept_failed(struct listener *listener, int err)
{
    struct pool *pool = listener->pool;

    switch (err) {
    case EAGAIN:
        return EMPTY;
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
        return TOOK;
    default:
        break;
    }
    if ((err == EMFILE || err == ENFILE) && pool->spare_descriptors != NULL
        && pool->spare_descriptors(pool) > 0)
        return LATER;
    if (first_in_this_second(&pool->pause_warned_s))
        LOG(&process_log, CRIT, err, "accept4() on %.*s failed", STR_ARG(listener->text));
    return pool_drain_share(pool) > 0 ? LATER : SHORT;
}

static enum outcome
accept_one(struct listener *listener)
{
    struct address from;
    struct peer peer;
    struct conn *conn;
    int fd;

    from.len = sizeof(from.un);
    fd = accept4(listener->fd, &from.sa, &from.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (UNLIKELY(fd < 0))
        return accept_failed(listener, errno);
    stats->total_connections++;
    peer = peer_of(&from.sa, from.len);
    conn = conn_take(listener->pool, fd, &peer, CONN_NEW);
    if (UNLIKELY(conn == NULL)) {
        stats->rejected_no_slot++;
        close(fd);
        return SHORT;
    }
    conn->listener = listener;
    listener->on_accept(conn);
    return TOOK;
}

/*
 * How many clients wait. To ask costs a fifth of an accept4() that finds nobody. A Unix socket
 * cannot be asked.
 */
static unsigned
count_waiting(const struct listener *listener)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (listener->address.sa.sa_family == AF_UNIX
        || getsockopt(listener->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return ACCEPT_TURN_MAX;
    return MIN(info.tcpi_unacked, ACCEPT_TURN_MAX);
}

static enum outcome
accept_some(struct listener *listener, unsigned most)
{
    struct pool *pool = listener->pool;
    enum outcome outcome = TOOK;

    while (most-- > 0 && outcome == TOOK) {
        if (UNLIKELY(!pool_has_room(pool)))
            return no_room(pool);
        outcome = accept_one(listener);
    }
    return outcome;
}

static void
unwatch_all(struct pool *pool)
{
    struct link *link;

    for (link = pool->listeners.next; link != &pool->listeners; link = link->next)
        loop_source_remove(pool->loop, &CONTAINER_OF(link, struct listener, pool_link)->source);
}

static bool
watch(struct pool *pool, struct listener *listener)
{
    return loop_source_add(pool->loop, &listener->source, EPOLLIN | EPOLLEXCLUSIVE);
}

static bool
watch_all(struct pool *pool)
{
    struct link *link;

    for (link = pool->listeners.next; link != &pool->listeners; link = link->next) {
        if (!watch(pool, CONTAINER_OF(link, struct listener, pool_link))) {
            LOG(&process_log, ALERT, errno, "epoll_ctl() failed");
            unwatch_all(pool);
            return false;
        }
    }
    return true;
}

static void
pause_accepting(struct pool *pool)
{
    pool->paused = true;
    pool->paused_since_us = now.mono_us;
    pool->pause_backoff_ms = RETRY_MIN_MS;
    stats->listen_disabled_num++;
    stats->time_in_listen_disabled_us -= clock_mono_us();       /* readers add the present */
    stats->accepting_conns = 0;
    unwatch_all(pool);
    timer_arm(&pool->loop->timers, &pool->resume, now.mono_ms + RETRY_MIN_MS);
}

static void
end_pause(struct pool *pool)
{
    pool->paused = false;
    stats->time_in_listen_disabled_us += clock_mono_us();
    timer_cancel(&pool->resume);
    loop_unpost(&pool->retry);
}

static void
resume_accepting(struct pool *pool)
{
    if (!watch_all(pool))
        return;
    end_pause(pool);
    stats->accepting_conns = 1;
}

/*
 * While accepting is paused, what was released goes straight to those who wait, and the listeners
 * return to epoll once nobody does: a full worker takes each client the moment there is room,
 * without entering and leaving epoll for each. The listener that comes first now comes last the
 * next time.
 */
static void
try_again(struct pool *pool)
{
    enum outcome outcome = TOOK;
    struct link *link;

    for (link = pool->listeners.next; link != &pool->listeners; link = link->next) {
        struct listener *listener = CONTAINER_OF(link, struct listener, pool_link);

        outcome = accept_some(listener, count_waiting(listener));
        if (outcome == LATER || outcome == SHORT)
            break;
    }
    link = pool->listeners.next;
    link_remove(link);
    list_push(&pool->listeners, link);
    if (outcome == TOOK || outcome == EMPTY)
        resume_accepting(pool);
}

static void
on_retry(struct loop_work *work)
{
    try_again(CONTAINER_OF(work, struct pool, retry));
}

void
accept_retry_soon(struct pool *pool)
{
    loop_post(pool->loop, &pool->retry);
}

/* For what nobody tells of: a descriptor that another part or another process has closed. */
static void
on_resume_timer(struct timer *timer)
{
    struct pool *pool = CONTAINER_OF(timer, struct pool, resume);

    try_again(pool);
    if (!pool->paused)
        return;
    pool->pause_backoff_ms = MIN(2 * pool->pause_backoff_ms, RETRY_MAX_MS);
    timer_arm(&pool->loop->timers, timer, now.mono_ms + pool->pause_backoff_ms);
}

/* At least one is tried, whatever the kernel says: it woke us. */
static void
on_listener_ready(struct loop_source *source, uint32_t events)
{
    struct listener *listener = source->data;

    (void)events;
    if (accept_some(listener, MAX(1, count_waiting(listener))) == SHORT)
        pause_accepting(listener->pool);
}

bool
pool_listen(struct pool *pool, struct listener *listener)
{
    listener->source = (struct loop_source){
        .fd = listener->fd, .on_event = on_listener_ready, .data = listener,
    };
    if (!pool->paused && !watch(pool, listener))
        return false;
    listener->pool = pool;
    list_push(&pool->listeners, &listener->pool_link);
    stats->accepting_conns = !pool->paused;
    return true;
}

void
pool_unlisten(struct pool *pool, struct listener *listener)
{
    if (listener->pool == NULL)
        return;
    listener->pool = NULL;
    loop_source_remove(pool->loop, &listener->source);
    link_remove(&listener->pool_link);
    if (!list_is_empty(&pool->listeners))
        return;
    if (pool->paused)
        end_pause(pool);
    stats->accepting_conns = 0;
}

void
accept_init(struct pool *pool)
{
    link_init(&pool->listeners);
    timer_init(&pool->resume, on_resume_timer);
    loop_work_init(&pool->retry, on_retry);
}

void
accept_fini(struct pool *pool)
{
    while (!list_is_empty(&pool->listeners))
        pool_unlisten(pool, CONTAINER_OF(pool->listeners.next, struct listener, pool_link));
}
