/* SPDX-License-Identifier: BSD-2-Clause */
/* pool: slots, their states, deadlines and events; accept.c fills them. */
#include "net/pool.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/counters.h"
#include "net/accept.h"

#include <assert.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

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

/*
 * Address space now, memory on demand: never-used slots have no pages. Huge pages would give
 * memory to thousands of slots at the first touch of one. NULL with errno.
 */
static void *
reserve(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    madvise(p, bytes, MADV_NOHUGEPAGE);
    return p;
}

static void
unreserve(void *p, size_t bytes)
{
    if (p != NULL)
        munmap(p, bytes);
}

static void
unreserve_all(struct pool *pool)
{
    unreserve(pool->slots, pool->size * sizeof(*pool->slots));
    unreserve(pool->rare, pool->size * sizeof(*pool->rare));
    pool->slots = NULL;
    pool->rare = NULL;
}

static bool
reserve_all(struct pool *pool)
{
    pool->slots = reserve(pool->size * sizeof(*pool->slots));
    pool->rare = reserve(pool->size * sizeof(*pool->rare));
    if (pool->slots != NULL && pool->rare != NULL)
        return true;
    unreserve_all(pool);
    return false;
}

bool
pool_init(struct pool *pool, struct loop *loop, uint32_t size)
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
    pool->next_number = pool->number_step = 1;
    accept_init(pool);

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

/* Idle connections own nothing but their slot: here is where that is held to. */
static void
enter_idle(struct conn *conn)
{
    struct pool *pool = conn->pool;

    assert(conn->in == NULL && conn->out == NULL && conn->request == NULL);
    conn->idle_since_ms = now.mono_ms;
    list_push(&pool->idle, &conn->queue);
    stats->reusable_connections = ++pool->idle_len;
    if (UNLIKELY(pool->paused))
        accept_retry_soon(pool);
}

static void
leave_idle(struct conn *conn)
{
    link_remove(&conn->queue);
    stats->reusable_connections = --conn->pool->idle_len;
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
    if (from == CONN_IDLE)
        leave_idle(conn);
    if (state == CONN_IDLE)
        enter_idle(conn);
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
    if (!ok)
        return false;
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

unsigned
pool_drain(struct pool *pool, unsigned most, enum close_reason reason)
{
    unsigned closed = 0, left = 256;        /* looks at so many at most: the loop must go on */
    struct link *next;

    for (struct link *l = pool->idle.next; l != &pool->idle && closed < most && left > 0;
         l = next) {
        struct conn *conn = CONTAINER_OF(l, struct conn, queue);

        next = l->next;
        left--;
        if (conn_is_kept(conn))
            continue;
        conn_close(conn, reason);
        closed++;
    }
    if (reason == CLOSE_DRAINED)
        stats->drained_connections += closed;
    return closed;
}

unsigned
pool_drain_share(struct pool *pool)
{
    return pool_drain(pool, MAX(1, MIN(32, pool->idle_len / 8)), CLOSE_DRAINED);
}

static COLD void
drain_for_slots(struct pool *pool)
{
    uint64_t s = now.mono_ms / 1000;

    if (pool_drain_share(pool) == 0 || s == pool->drain_warned_s)
        return;
    pool->drain_warned_s = s;
    LOG(&process_log, WARN, 0, "%u worker_connections are not enough, reusing connections",
        pool->size);
}

/* Slots that wait for the batch to end count as free here, or each newcomer would drain anew. */
static inline void
drain_when_short(struct pool *pool)
{
    if (UNLIKELY(pool->size - pool->used <= pool->size / 16))
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

    drain_when_short(pool);
    conn = free_slot(pool);
    if (conn == NULL)
        return NULL;
    forget(conn);
    conn->generation++;
    conn->fd = fd;
    conn->peer = *peer;
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
