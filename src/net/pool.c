/* SPDX-License-Identifier: BSD-2-Clause */
/* pool: slots, their states, deadlines and events; accept.c fills them. */
#include "net/pool.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/reserve.h"
#include "net/accept.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum {
    LOOKS = 256,                /* for victims, at most, in each of a drain's steps */
    LOOKS_EACH = 64             /* at the connections of one address */
};

const struct pool_limits pool_default_limits = {
    .workers = 1,
    .drain_when_free = { 1, 16 }, .close_when_free = { 1, 8 },
    .drain_batch = 32, .drain_address_share = 8,
    .drain_idle_ms = 100, .drain_silent_ms = 1000,
    .accept_step_back = 16,
    .accept_retry = { 10, 500 },
    .overload = { OVERLOAD_WAIT, 1 },
};

#define BIT(name) (1u << CONN_##name)

/*
 * An idle connection and a newcomer may pass READING by when the whole head is there at once, and a
 * request whose answer leaves in one send never enters WRITING. ACCEPTED -> IDLE is a connection
 * that another worker handed over.
 */
const uint8_t conn_transitions[CONN_STATE_COUNT] = {
    [CONN_FREE]       = BIT(ACCEPTED),
    [CONN_ACCEPTED]   = BIT(READING) | BIT(PROCESSING) | BIT(WRITING) | BIT(IDLE) | BIT(LINGERING)
                        | BIT(FREE),
    [CONN_READING]    = BIT(PROCESSING) | BIT(WRITING) | BIT(IDLE) | BIT(LINGERING) | BIT(FREE),
    [CONN_PROCESSING] = BIT(READING) | BIT(WRITING) | BIT(IDLE) | BIT(LINGERING) | BIT(FREE),
    [CONN_WRITING]    = BIT(READING) | BIT(PROCESSING) | BIT(IDLE) | BIT(LINGERING) | BIT(FREE),
    [CONN_IDLE]       = BIT(READING) | BIT(PROCESSING) | BIT(FREE),
    [CONN_LINGERING]  = BIT(FREE),
};

#ifdef WEIR_DEBUG
static const bool checks_transitions = true;
#else
static const bool checks_transitions = false;
#endif

static const size_t gauges[CONN_STATE_COUNT] = {
#define AS_GAUGE(name, gauge) [CONN_##name] = offsetof(struct counters, gauge),
    CONN_STATES(AS_GAUGE)
#undef AS_GAUGE
};

static const size_t close_counters[CLOSE_REASON_COUNT] = {
#define AS_COUNTER(name, counter) [CLOSE_##name] = offsetof(struct counters, closed_##counter),
    CLOSE_REASONS(AS_COUNTER)
#undef AS_COUNTER
};

static inline uint64_t *
counter_at(size_t offset)
{
    return (uint64_t *)(void *)((char *)stats + offset);
}

const char *
conn_state_name(enum conn_state state)
{
    static const char *const names[CONN_STATE_COUNT] = {
#define AS_NAME(name, gauge) [CONN_##name] = #gauge,
        CONN_STATES(AS_NAME)
#undef AS_NAME
    };

    return state == CONN_FREE ? "free" : state == CONN_IDLE ? "idle" : names[state];
}

static void
on_turn_end(struct loop_turn_end *end)
{
    pool_batch_end(CONTAINER_OF(end, struct pool, turn_end));
}

static void
unreserve_all(struct pool *pool)
{
    unreserve(pool->slots, pool->size * sizeof(*pool->slots));
    unreserve(pool->rare, pool->size * sizeof(*pool->rare));
    holders_fini(&pool->holders);
    pool->slots = NULL;
    pool->rare = NULL;
}

static bool
reserve_all(struct pool *pool)
{
    pool->slots = reserve(pool->size * sizeof(*pool->slots));
    pool->rare = reserve(pool->size * sizeof(*pool->rare));
    if (pool->slots != NULL && pool->rare != NULL && holders_init(&pool->holders, pool->size))
        return true;
    unreserve_all(pool);
    return false;
}

/* So many slots used that at most that part is free. */
static uint32_t
used_from(const struct pool *pool, struct fraction free)
{
    if (free.den == 0)
        return UINT32_MAX;
    return pool->size - (uint32_t)MIN((uint64_t)pool->size * free.num / free.den, pool->size);
}

void
pool_set_limits(struct pool *pool, const struct pool_limits *limits)
{
    pool->limits = *limits;
    if (limits->worker_connections == 0)
        pool->limits.worker_connections = pool->size;
    pool->drain_from = used_from(pool, limits->drain_when_free);
    pool->close_from = used_from(pool, limits->close_when_free);
    pool->drain_again_ms = 0;
    accept_limits_changed(pool);
}

bool
pool_init(struct pool *pool, struct loop *loop, uint32_t size, const struct pool_limits *limits)
{
    assert(size >= 1 && size < LOOP_SOURCE_BASE);
    memset(pool, 0, sizeof(*pool));
    pool->size = size;
    if (!reserve_all(pool))
        return false;
    signal(SIGPIPE, SIG_IGN);
    pool->loop = loop;
    link_init(&pool->free);
    link_init(&pool->released);
    link_init(&pool->idle);
    link_init(&pool->silent);
    pool->next_number = pool->number_step = 1;
    accept_init(pool);
    pool_set_limits(pool, limits);

    loop->on_slot_event = pool_event;
    loop->slots = pool;
    pool->turn_end.run = on_turn_end;
    loop_at_turn_end(loop, &pool->turn_end);
    stats->max_connections = size;
    stats->free_connections = size;
    return true;
}

void
pool_fini(struct pool *pool)
{
    assert(pool->used == 0);
    accept_fini(pool);
    link_remove(&pool->turn_end.link);
    unreserve_all(pool);
}

/* When the drain may take a connection that is in one of the queues. */
static uint64_t
ripe_ms(const struct conn *conn)
{
    const struct pool_limits *limits = &conn->pool->limits;

    if (conn->state == CONN_IDLE)
        return conn->idle_since_ms + MAX(limits->drain_idle_ms, conn->keep_ms);
    if (conn->state == CONN_LINGERING)
        return now.mono_ms - ((uint32_t)now.mono_ms - conn->linger_since)
               + limits->drain_silent_ms;
    return conn->silent_since_ms + limits->drain_silent_ms;
}

static void
count_reusable(const struct pool *pool)
{
    stats->reusable_connections = pool->idle_len + pool->silent_len;
}

static void
enter_queue(struct link *queue, struct conn *conn)
{
    list_push(queue, &conn->queue);
    count_reusable(conn->pool);
    if (UNLIKELY(conn->pool->paused))
        accept_retry_at(conn->pool, ripe_ms(conn));
}

/* Idle connections own nothing but their slot: here is where that is held to. */
static void
enter_idle(struct conn *conn)
{
    struct pool *pool = conn->pool;

    assert(conn->in == NULL && conn->out == NULL && conn->request == NULL);
    conn->idle_since_ms = now.mono_ms;
    pool->idle_len++;
    enter_queue(&pool->idle, conn);
}

static void
enter_silent(struct conn *conn)
{
    struct pool *pool = conn->pool;

    if (conn->state == CONN_LINGERING)
        conn->linger_since = (uint32_t)now.mono_ms;
    else
        conn->silent_since_ms = now.mono_ms;
    pool->silent_len++;
    enter_queue(&pool->silent, conn);
}

/* Only in one of the two queues is it linked while it is taken. */
static void
leave_queue(struct conn *conn, enum conn_state from)
{
    struct pool *pool = conn->pool;

    link_remove(&conn->queue);
    if (from == CONN_IDLE)
        pool->idle_len--;
    else
        pool->silent_len--;
    count_reusable(pool);
}

static bool
is_silent(enum conn_state from, enum conn_state state)
{
    return state == CONN_ACCEPTED || state == CONN_LINGERING
           || (state == CONN_READING && (from == CONN_ACCEPTED || from == CONN_IDLE));
}

void
conn_state_set(struct conn *conn, enum conn_state state)
{
    enum conn_state from = conn->state;

    if (state == from)
        return;
    if (checks_transitions)
        assert((conn_transitions[from] & 1u << state) != 0);
    --*counter_at(gauges[from]);
    ++*counter_at(gauges[state]);
    conn->state = (uint8_t)state;
    if (link_is_linked(&conn->queue))
        leave_queue(conn, from);
    if (state == CONN_IDLE)
        enter_idle(conn);
    else if (is_silent(from, state))
        enter_silent(conn);
}

void
conn_await_head(struct conn *conn)
{
    conn_state_set(conn, CONN_READING);
    if (!link_is_linked(&conn->queue))
        enter_silent(conn);
}

void
conn_set_peer(struct conn *conn, const struct peer *peer)
{
    holders_remove(&conn->pool->holders, conn->index);
    holders_add(&conn->pool->holders, conn->index, peer);
}

static void
on_timer(struct timer *timer)
{
    struct conn *conn = CONTAINER_OF(timer, struct conn, timer);

    if (conn->deadline_ms == 0)
        return;
    if (conn->deadline_ms > now.mono_ms) {
        timer_arm(&conn->pool->loop->timers, timer, conn->deadline_ms);
        return;
    }
    conn->deadline_ms = 0;
    conn->ops->on_timeout(conn);
}

void
conn_deadline(struct conn *conn, uint64_t ms)
{
    if (ms == 0) {
        conn->deadline_ms = 0;
        return;
    }
    conn->deadline_ms = now.mono_ms + ms + 1;   /* this one is partly over */
    if (LIKELY(timer_is_armed(&conn->timer) && conn->timer.expires_ms <= conn->deadline_ms))
        return;
    timer_arm(&conn->pool->loop->timers, &conn->timer, conn->deadline_ms);
}

bool
conn_wait(struct conn *conn, uint32_t events)
{
    struct loop *loop = conn->pool->loop;
    bool ok;

    if (LIKELY(conn->in_epoll && conn->interest == events))
        return true;
    ok = conn->in_epoll ? loop_modify(loop, conn->fd, conn_word(conn), events)
                        : loop_add(loop, conn->fd, conn_word(conn), events);
    if (UNLIKELY(!ok)) {
        LOG(&process_log, ALERT, errno, "epoll_ctl() failed");
        return false;
    }
    conn->in_epoll = true;
    conn->interest = (uint16_t)events;
    return true;
}

void **
conn_rare(struct conn *conn)
{
    void **rare = &conn->pool->rare[conn->index];

    if (!conn->has_rare)
        *rare = NULL;
    conn->has_rare = true;
    return rare;
}

void
conn_unwatch(struct conn *conn)
{
    if (conn->in_epoll)
        loop_remove(conn->pool->loop, conn->fd);
    conn->in_epoll = false;
    conn->interest = 0;
}

uint64_t
conn_word(const struct conn *conn)
{
    return (uint64_t)conn->generation << 32 | conn->index;
}

void
pool_event(void *slots, uint64_t word, uint32_t events)
{
    struct pool *pool = slots;
    uint32_t i = (uint32_t)word;

    if (UNLIKELY(i >= pool->touched || pool->slots[i].generation != word >> 32)) {
        stats->stale_events++;
        return;
    }
    pool->slots[i].ops->on_event(&pool->slots[i], events);
}

/* The last released is taken first: what is in the cache, and in memory at all, stays in use. */
void
pool_batch_end(struct pool *pool)
{
    if (list_is_empty(&pool->released))
        return;
    while (!list_is_empty(&pool->released)) {
        struct link *link = pool->released.next;

        link_remove(link);
        link_after(&pool->free, link);
    }
    if (UNLIKELY(pool->paused))
        accept_retry_soon(pool);
    if (UNLIKELY(pool->on_room != NULL))
        loop_post(pool->loop, pool->on_room);
}

bool
conn_is_kept(const struct conn *conn)
{
    return conn->keep_ms > 0 && now.mono_ms - conn->idle_since_ms < conn->keep_ms;
}

/* ---- the drain ----------------------------------------------------------------------------- */

/* One attempt to make room. */
struct drain {
    struct pool *pool;
    uint32_t share;             /* what an address may hold */
    unsigned left;              /* victims that are still wanted */
    bool too_young;             /* an address holds more than its share, and some of that is idle
                                   or silent, but not for long enough */
    uint64_t again_ms;          /* when the first of those that were too young is old enough */
    unsigned silent, over_share;        /* victims of these kinds */
    unsigned candidates_len;
    uint32_t candidates[DRAIN_BATCH_MAX];       /* idle and old enough, over their share */
};

static bool
is_ripe(struct drain *drain, const struct conn *conn)
{
    uint64_t ms = ripe_ms(conn);

    if (ms <= now.mono_ms)
        return true;
    drain->again_ms = MIN(drain->again_ms, ms);
    return false;
}

static void
close_victim(struct drain *drain, struct conn *conn)
{
    if (conn->state != CONN_IDLE)
        drain->silent++;
    if (holders_count(&drain->pool->holders, conn->index) > drain->share)
        drain->over_share++;
    drain->left--;
    conn_close(conn, CLOSE_DRAINED);
}

/* A connection of an address that holds too much: the silent go at once, the idle after them. */
static enum holders_look
look_at(void *ctx, uint32_t slot)
{
    struct drain *drain = ctx;
    struct conn *conn = &drain->pool->slots[slot];

    if (!link_is_linked(&conn->queue))          /* a request is in progress */
        return HOLDERS_NEXT;
    if (!is_ripe(drain, conn))
        drain->too_young = true;
    else if (conn->state != CONN_IDLE)
        close_victim(drain, conn);
    else if (drain->candidates_len < drain->left)
        drain->candidates[drain->candidates_len++] = slot;
    return drain->left > 0 ? HOLDERS_NEXT : HOLDERS_ENOUGH;
}

static void
drain_over_share(struct drain *drain)
{
    struct pool *pool = drain->pool;
    const struct holders_scan scan = {
        .share = drain->share, .each = LOOKS_EACH, .most = LOOKS, .look = look_at, .ctx = drain,
    };

    holders_scan(&pool->holders, &scan);
    for (unsigned i = 0; i < drain->candidates_len && drain->left > 0; i++) {
        struct conn *conn = &pool->slots[drain->candidates[i]];

        /* A holder that sank into a lower class was met twice, and so were its connections. */
        if (conn->state != CONN_FREE
            && holders_count(&pool->holders, conn->index) > drain->share)
            close_victim(drain, conn);
    }
}

/* What is too young ends it, but for what keepalive_min_timeout protects. */
static void
drain_queue(struct drain *drain, struct link *queue)
{
    const struct holders *holders = &drain->pool->holders;
    unsigned looks = LOOKS;
    struct link *next;

    for (struct link *l = queue->next; l != queue && drain->left > 0 && looks > 0; l = next) {
        struct conn *conn = CONTAINER_OF(l, struct conn, queue);

        next = l->next;
        looks--;
        if (!is_ripe(drain, conn)) {
            if (conn->state != CONN_IDLE || !conn_is_kept(conn))
                break;
        } else if (!drain->too_young || holders_count(holders, conn->index) > drain->share) {
            close_victim(drain, conn);
        }
    }
}

/* Nothing is ripe: when will something be? What becomes idle or silent from now on is younger. */
static void
look_again_later(struct pool *pool, const struct drain *drain)
{
    uint64_t newcomers_ms = MIN(pool->limits.drain_idle_ms, pool->limits.drain_silent_ms);

    pool->drain_again_ms = MIN(drain->again_ms, now.mono_ms + newcomers_ms);
}

unsigned
pool_drain(struct pool *pool)
{
    uint32_t reusable = pool->idle_len + pool->silent_len;
    uint32_t mean = pool->used / MAX(1, pool->holders.len);
    unsigned wanted = MAX(1, MIN(pool->limits.drain_batch, reusable / 8));
    struct drain drain;
    unsigned closed;

    if (reusable == 0 || now.mono_ms < pool->drain_again_ms)
        return 0;
    drain.pool = pool;
    drain.share = MAX(pool->limits.drain_address_share, mean);
    drain.left = wanted;
    drain.too_young = false;
    drain.again_ms = UINT64_MAX;
    drain.silent = drain.over_share = drain.candidates_len = 0;
    drain_over_share(&drain);
    drain_queue(&drain, &pool->silent);
    drain_queue(&drain, &pool->idle);
    closed = wanted - drain.left;
    if (closed == 0)
        look_again_later(pool, &drain);
    stats->drained_connections += closed;
    stats->drained_silent += drain.silent;
    stats->drained_over_share += drain.over_share;
    return closed;
}

static COLD void
drain_for_slots(struct pool *pool)
{
    uint64_t s = now.mono_ms / 1000;

    if (pool_drain(pool) == 0 || s == pool->drain_warned_s)
        return;
    pool->drain_warned_s = s;
    LOG(&process_log, WARN, 0, "%u worker_connections are not enough, reusing connections",
        pool->limits.worker_connections);
}

/* Slots that wait for the batch to end count as free here, or each newcomer would drain anew. */
static inline void
drain_when_short(struct pool *pool)
{
    if (UNLIKELY(pool->used >= pool->drain_from))
        drain_for_slots(pool);
}

bool
pool_has_room(struct pool *pool)
{
    drain_when_short(pool);
    return pool->touched < pool->size || !list_is_empty(&pool->free);
}

/* Slots used before come first: their memory is there already. */
static struct conn *
free_slot(struct pool *pool)
{
    struct conn *conn;

    if (!list_is_empty(&pool->free)) {
        conn = CONTAINER_OF(pool->free.next, struct conn, queue);
        link_remove(&conn->queue);
        return conn;
    }
    if (pool->touched == pool->size)
        return NULL;
    conn = &pool->slots[pool->touched];
    conn->index = pool->touched++;
    conn->pool = pool;
    conn->fd = -1;
    link_init(&conn->queue);
    timer_init(&conn->timer, on_timer);
    return conn;
}

/* What a slot's last connection left behind; conn_close has seen to the rest. */
static void
forget(struct conn *conn)
{
    conn->interest = 0;
    conn->in_epoll = false;
    conn->answered = false;
    conn->ends_as = CLOSE_NORMAL;
    conn->has_rare = false;
    conn->keep_ms = 0;
    conn->ops = NULL;
    conn->stream_state = NULL;
    conn->listener = NULL;
    conn->deadline_ms = 0;
    conn->idle_since_ms = 0;
    conn->requests = 0;
    conn->allowance_ms = 0;
}

struct conn *
conn_take(struct pool *pool, int fd, const struct peer *peer, enum conn_origin origin)
{
    struct conn *conn;

    if (LIKELY(origin == CONN_NEW))
        drain_when_short(pool);
    conn = free_slot(pool);
    if (conn == NULL)
        return NULL;
    forget(conn);
    conn->generation++;
    conn->fd = fd;
    conn->peer = *peer;
    holders_add(&pool->holders, conn->index, peer);
    conn->stream = &plain_stream;
    conn->number = pool->next_number;
    conn->since_ms = now.mono_ms;
    conn_state_set(conn, CONN_ACCEPTED);
    pool->next_number += pool->number_step;
    if (origin == CONN_NEW)
        stats->handled++;
    else
        stats->adopted_connections++;
    stats->curr_connections = ++pool->used;
    return conn;
}

static void
free_buffer(struct buffer **buffer)
{
    if (*buffer != NULL)
        buffer_free(*buffer);
    *buffer = NULL;
}

/*
 * close() alone: it takes the descriptor out of epoll, for nobody else holds it. The slot's word is
 * stale from here on, but the slot is taken by nobody before the batch ends.
 */
void
conn_close(struct conn *conn, enum close_reason reason)
{
    struct pool *pool = conn->pool;

    assert(conn->state != CONN_FREE);
    if (conn->ops != NULL)
        conn->ops->on_close(conn, reason);
    if (conn->stream->release != NULL)
        conn->stream->release(conn);
    close(conn->fd);
    conn->fd = -1;
    conn->request = NULL;
    timer_cancel(&conn->timer);
    free_buffer(&conn->in);
    free_buffer(&conn->out);
    conn_state_set(conn, CONN_FREE);
    holders_remove(&pool->holders, conn->index);
    conn->generation++;
    list_push(&pool->released, &conn->queue);

    stats->curr_connections = --pool->used;
    ++*counter_at(close_counters[reason]);
}

void
pool_each(struct pool *pool, void (*fn)(void *ctx, struct conn *conn), void *ctx)
{
    for (uint32_t i = 0; i < pool->touched; i++) {
        if (pool->slots[i].state != CONN_FREE)
            fn(ctx, &pool->slots[i]);
    }
}
