/* SPDX-License-Identifier: BSD-2-Clause */
/* accept: taking clients from the kernel, and waiting when there is no room for them. */
#include "net/accept.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/counters.h"
#include "net/listener.h"
#include "net/overload.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum { ACCEPT_TURN_MAX = 64, ACCEPT_LEAVING_MAX = 4096 };

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

static bool
are_descriptors_out(int err)
{
    return err == EMFILE || err == ENFILE;
}

/* What idle connections, once closed, give back. */
static bool
is_shortage(int err)
{
    return are_descriptors_out(err) || err == ENOMEM || err == ENOBUFS;
}

/* The failure of the one client that was to be accepted. Whatever else fails may last. */
static bool
is_clients_own(int err)
{
    return err == EINTR || err == ECONNABORTED || err == EPROTO;
}

static enum outcome
cannot_accept(struct listener *listener, int err)
{
    if (first_in_this_second(&listener->pool->pause_warned_s))
        LOG(&process_log, CRIT, err, "accept4() on %.*s failed", STR_ARG(listener->text));
    return SHORT;
}

static enum outcome
reject(struct listener *listener)
{
    int err = overload_reject(listener);

    if (err == 0 || is_clients_own(err))
        return TOOK;
    return err == EAGAIN ? EMPTY : cannot_accept(listener, err);
}

/* Nobody is accepted unless there is a slot for it: the others wait in the backlog. */
static enum outcome
no_room(struct listener *listener)
{
    struct pool *pool = listener->pool;
    bool rejects = pool->limits.overload.action == OVERLOAD_REJECT;

    if (!list_is_empty(&pool->released))
        return LATER;
    if (first_in_this_second(&pool->pause_warned_s))
        LOG(&process_log, WARN, 0, "%u worker_connections are not enough, new connections %s",
            pool->limits.worker_connections,
            rejects ? "are rejected" : "wait in the backlog");
    return rejects ? reject(listener) : SHORT;
}

static enum outcome
accept_failed(struct listener *listener, int err)
{
    struct pool *pool = listener->pool;

    if (err == EAGAIN)
        return EMPTY;
    if (is_clients_own(err))
        return TOOK;
    if (are_descriptors_out(err) && pool->spare_descriptors != NULL
        && pool->spare_descriptors(pool) > 0)
        return LATER;
    if (is_shortage(err) && pool_drain(pool) > 0)
        return LATER;
    if (are_descriptors_out(err) && pool->limits.overload.action == OVERLOAD_REJECT)
        return reject(listener);
    return cannot_accept(listener, err);
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
    listener->accepts++;
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

    while (most-- > 0 && outcome == TOOK)
        outcome = LIKELY(pool_has_room(pool)) ? accept_one(listener) : no_room(listener);
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
    return listener->source.added
           || loop_source_add(pool->loop, &listener->source, EPOLLIN | EPOLLEXCLUSIVE);
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

/*
 * For what nobody tells of: a connection that is old enough to be drained by now, a descriptor that
 * another part or another process has closed.
 */
static void
arm_resume(struct pool *pool)
{
    uint64_t ms = now.mono_ms + pool->pause_backoff_ms;

    if (pool->idle_len + pool->silent_len > 0 && pool->drain_again_ms > now.mono_ms)
        ms = MIN(ms, pool->drain_again_ms);
    timer_arm(&pool->loop->timers, &pool->resume, ms);
}

static void
pause_accepting(struct pool *pool)
{
    pool->paused = true;
    pool->paused_since_us = now.mono_us;
    pool->pause_backoff_ms = (uint32_t)pool->limits.accept_retry.first_ms;
    stats->listen_disabled_num++;
    stats->time_in_listen_disabled_us -= clock_mono_us();       /* readers add the present */
    stats->accepting_conns = 0;
    unwatch_all(pool);
    timer_cancel(&pool->rejoin);
    arm_resume(pool);
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

void
accept_retry_soon(struct pool *pool)
{
    loop_post(pool->loop, &pool->retry);
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
    else if (outcome == LATER && list_is_empty(&pool->released))
        accept_retry_soon(pool);        /* descriptors came free, and no slot that would tell */
}

static void
on_retry(struct loop_work *work)
{
    try_again(CONTAINER_OF(work, struct pool, retry));
}

static void
on_resume_timer(struct timer *timer)
{
    struct pool *pool = CONTAINER_OF(timer, struct pool, resume);

    try_again(pool);
    if (!pool->paused)
        return;
    pool->pause_backoff_ms =
        (uint32_t)MIN(2 * (uint64_t)pool->pause_backoff_ms, pool->limits.accept_retry.most_ms);
    arm_resume(pool);
}

void
accept_retry_at(struct pool *pool, uint64_t ms)
{
    if (ms < pool->resume.expires_ms)
        timer_arm(&pool->loop->timers, &pool->resume, ms);
}

/* ---- among other workers ------------------------------------------------------------------- */

/* With reuseport each worker has a queue of its own. */
static bool
is_shared(const struct listener *listener)
{
    const struct pool_limits *limits = &listener->pool->limits;

    return limits->workers > 1 && limits->accept_step_back > 0
           && listener->options.reuseport <= 0;
}

/* What the other workers of this configuration have, and how many they are. */
static void
look_at_others(struct pool *pool)
{
    const struct counters_segment *segment = counters_shared();
    unsigned blocks = segment != NULL ? counters_used_blocks(segment) : 0;

    pool->looked_ms = now.mono_ms;
    pool->others = 0;
    pool->others_load = 0;
    for (unsigned i = 0; i < blocks; i++) {
        const struct counters *block = counters_block(segment, i);

        if (block == stats || __atomic_load_n(&block->pid, __ATOMIC_RELAXED) <= 0
            || __atomic_load_n(&block->generation, __ATOMIC_RELAXED) != stats->generation)
            continue;
        pool->others_load += __atomic_load_n(&block->curr_connections, __ATOMIC_RELAXED);
        pool->others++;
    }
}

/*
 * More connections than the mean of all: by an eighth, and by so many that short ones, of which
 * there are few at a time, do not count. The others' counters are looked at once a millisecond.
 */
static bool
is_ahead(struct pool *pool)
{
    enum { SLACK = 4 };
    uint64_t mean;

    if (pool->looked_ms != now.mono_ms)
        look_at_others(pool);
    mean = (pool->others_load + pool->used) / (pool->others + 1);
    return pool->used >= mean + MAX(mean / 8, SLACK);
}

/* Enough for now: the next client is for another worker, if one has time. */
static bool
has_its_share(const struct listener *listener)
{
    const struct pool *pool = listener->pool;

    return listener->accepts >= pool->limits.accept_step_back
           || pool->size - pool->used < pool->size / 8;
}

/*
 * The kernel wakes the first worker in the listener's queue that has time, and leaves it where it
 * is: to come last is to leave the queue and to enter it again.
 */
static void
step_back(struct listener *listener)
{
    struct pool *pool = listener->pool;

    listener->accepts = 0;
    loop_source_remove(pool->loop, &listener->source);
    if (watch(pool, listener))
        return;
    LOG(&process_log, ALERT, errno, "epoll_ctl() failed");
    pause_accepting(pool);
}

/*
 * A worker that is ahead stands aside for a moment, so that those who were woken for the clients
 * that wait come first, however slow they are to wake. It takes more at a time for as long as
 * nobody comes.
 */
static void
stand_aside(struct pool *pool)
{
    enum { ASIDE_MS = 1 };

    pool->ahead_most = MIN(MAX(1, 2 * pool->ahead_most), pool->limits.accept_step_back);
    unwatch_all(pool);
    timer_arm(&pool->loop->timers, &pool->rejoin, now.mono_ms + ASIDE_MS + 1);
}

static void
on_rejoin(struct timer *timer)
{
    struct pool *pool = CONTAINER_OF(timer, struct pool, rejoin);

    if (!pool->paused && !watch_all(pool))
        pause_accepting(pool);
}

/* After a turn of accepting: lets other workers have theirs. */
static void
share(struct listener *listener)
{
    struct pool *pool = listener->pool;

    if (is_ahead(pool)) {
        stand_aside(pool);
        return;
    }
    pool->ahead_most = 0;
    if (has_its_share(listener))
        step_back(listener);
}

static unsigned
most_of(struct pool *pool)
{
    return is_ahead(pool) ? MAX(1, pool->ahead_most) : pool->limits.accept_step_back;
}

/* At least one is tried, whatever the kernel says: it woke us. */
static void
on_listener_ready(struct loop_source *source, uint32_t events)
{
    struct listener *listener = source->data;
    struct pool *pool = listener->pool;
    bool shares = is_shared(listener);
    unsigned most = MAX(1, count_waiting(listener));

    (void)events;
    if (shares)
        most = MIN(most, most_of(pool));
    if (accept_some(listener, most) == SHORT)
        pause_accepting(pool);
    else if (shares)
        share(listener);
}

bool
pool_accept_waiting(struct listener *listener)
{
    return listener->pool == NULL || accept_some(listener, ACCEPT_LEAVING_MAX) == EMPTY;
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
    timer_cancel(&pool->rejoin);
    stats->accepting_conns = 0;
}

void
accept_init(struct pool *pool)
{
    overload_init(pool);
    link_init(&pool->listeners);
    timer_init(&pool->resume, on_resume_timer);
    timer_init(&pool->rejoin, on_rejoin);
    loop_work_init(&pool->retry, on_retry);
}

void
accept_fini(struct pool *pool)
{
    while (!list_is_empty(&pool->listeners))
        pool_unlisten(pool, CONTAINER_OF(pool->listeners.next, struct listener, pool_link));
    overload_fini(pool);
}

void
accept_limits_changed(struct pool *pool)
{
    overload_prepare(pool);
}
