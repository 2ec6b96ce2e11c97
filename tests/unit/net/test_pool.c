/* SPDX-License-Identifier: BSD-2-Clause */
/* pool: recycled slots, states, counters, deadlines, the drain; batches are simulated. */
#include "unit.h"
#include "net/pool.h"
#include "base/clock.h"
#include "base/counters.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct loop loop;
static const struct log quiet = { .level = LEVEL_ERR };
static struct pool pool;
static const struct peer nobody = { .family = AF_UNIX };

/* What the connections' functions were called for. */
static struct {
    unsigned events, timeouts, closes;
    struct conn *last;
    enum close_reason reason;
} seen;

static void
on_event(struct conn *conn, uint32_t events)
{
    (void)events;
    seen.events++;
    seen.last = conn;
}

static void
on_timeout(struct conn *conn)
{
    seen.timeouts++;
    seen.last = conn;
}

static void
on_close(struct conn *conn, enum close_reason reason)
{
    ck_assert_int_ge(fcntl(conn->fd, F_GETFD), 0);
    seen.closes++;
    seen.last = conn;
    seen.reason = reason;
}

static const struct conn_ops ops = { on_event, on_timeout, on_close };

static void
start_with(uint32_t size, const struct pool_limits *limits)
{
    memset(stats, 0, sizeof(*stats));
    memset(&seen, 0, sizeof(seen));
    process_log.log = &quiet;
    ck_assert(loop_init(&loop, 64));
    ck_assert(pool_init(&pool, &loop, size, limits));
}

static void
start(uint32_t size)
{
    start_with(size, &pool_default_limits);
}

static void
close_it(void *ctx, struct conn *conn)
{
    (void)ctx;
    conn_close(conn, CLOSE_SHUTDOWN);
}

static void
end(void)
{
    pool_each(&pool, close_it, NULL);
    pool_fini(&pool);
    loop_fini(&loop);
}

/* A connection whose descriptor is always ready to be read; NULL when there is no slot. */
static struct conn *
take_from(const struct peer *peer)
{
    int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    struct conn *conn = conn_take(&pool, fd, peer, CONN_NEW);

    if (conn == NULL)
        close(fd);
    else
        conn->ops = &ops;
    return conn;
}

static struct conn *
take(void)
{
    return take_from(&nobody);
}

/* Lets the time pass, in which nothing happens but timers. */
static void
pass(uint64_t ms)
{
    now.mono_ms += ms;
    timer_wheel_advance(&loop.timers, now.mono_ms);
}

static struct conn *
take_as(enum conn_state state)
{
    struct conn *conn = take();

    ck_assert_ptr_nonnull(conn);
    conn_state_set(conn, state);
    return conn;
}

static const unsigned recyclings[] = { 1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024 };

START_TEST(word_of_a_recycled_slot_is_stale)
{
    uint64_t words[1024];
    struct conn *conn;

    start(1);
    for (unsigned i = 0; i < recyclings[_i]; i++) {
        conn = take();
        words[i] = conn_word(conn);
        conn_close(conn, CLOSE_NORMAL);
        pool_batch_end(&pool);
    }
    pool_event(&pool, words[0], EPOLLIN);       /* while nobody has the slot */
    conn = take();
    for (unsigned i = 0; i < recyclings[_i]; i++)
        pool_event(&pool, words[i], EPOLLIN | EPOLLHUP);
    ck_assert_uint_eq(seen.events, 0);
    ck_assert_uint_eq(stats->stale_events, recyclings[_i] + 1);
    pool_event(&pool, conn_word(conn), EPOLLIN);
    ck_assert_uint_eq(seen.events, 1);
    ck_assert_ptr_eq(seen.last, conn);
    end();
}
END_TEST

START_TEST(word_stays_stale_when_the_generation_wraps)
{
    struct conn *conn;
    uint64_t word;

    start(1);
    conn = take();
    conn_close(conn, CLOSE_NORMAL);
    pool_batch_end(&pool);
    conn->generation = UINT32_MAX - 1;
    conn = take();
    word = conn_word(conn);
    conn_close(conn, CLOSE_NORMAL);
    pool_batch_end(&pool);
    ck_assert_ptr_eq(take(), conn);
    pool_event(&pool, word, EPOLLIN);
    ck_assert_uint_eq(stats->stale_events, 1);
    end();
}
END_TEST

START_TEST(word_of_a_slot_never_used_is_stale)
{
    start(8);
    take();
    pool_event(&pool, UINT64_C(1) << 32 | 1, EPOLLIN);
    pool_event(&pool, UINT64_C(1) << 32 | 7, EPOLLIN);
    pool_event(&pool, UINT64_C(1) << 32 | 8, EPOLLIN);
    pool_event(&pool, UINT64_C(1) << 32 | 0xfffeffff, EPOLLIN);
    ck_assert_uint_eq(stats->stale_events, 4);
    ck_assert_uint_eq(seen.events, 0);
    end();
}
END_TEST

START_TEST(released_slots_are_free_after_the_batch)
{
    struct conn *first, *second;

    start(2);
    first = take();
    second = take();
    conn_close(first, CLOSE_NORMAL);
    conn_close(second, CLOSE_NORMAL);
    ck_assert(!pool_has_room(&pool));
    ck_assert_ptr_null(take());
    ck_assert_uint_eq(stats->free_connections, 2);
    pool_batch_end(&pool);
    ck_assert(pool_has_room(&pool));
    ck_assert_ptr_eq(take(), second);           /* the last released is the warmest */
    ck_assert_ptr_eq(take(), first);
    end();
}
END_TEST

static struct conn *conns[2];

static void
close_both(struct conn *conn, uint32_t events)
{
    (void)conn;
    (void)events;
    conn_close(conns[0], CLOSE_NORMAL);
    conn_close(conns[1], CLOSE_NORMAL);
    ck_assert_ptr_null(take());                 /* the second event still waits in the batch */
}

START_TEST(event_behind_a_close_in_the_same_turn_is_dropped)
{
    static const struct conn_ops closing = { close_both, on_timeout, on_close };

    start(2);
    for (unsigned i = 0; i < 2; i++) {
        conns[i] = take();
        conns[i]->ops = &closing;
        ck_assert(conn_wait(conns[i], EPOLLIN));
    }
    ck_assert_int_eq(loop_turn(&loop, -1), 2);
    ck_assert_uint_eq(seen.closes, 2);
    ck_assert_uint_eq(stats->stale_events, 1);
    ck_assert(pool_has_room(&pool));            /* the turn has ended the batch */
    ck_assert_int_eq(loop_turn(&loop, 0), 0);
    end();
}
END_TEST

START_TEST(drain_closes_the_longest_idle_first)
{
    static const unsigned order[] = { 2, 0, 4, 1, 3 }, drained[] = { 2, 4, 1, 3, 0 };
    struct conn *all[5];

    start(64);
    for (unsigned i = 0; i < 5; i++)
        all[i] = take_as(CONN_PROCESSING);
    for (unsigned i = 0; i < 5; i++)
        conn_state_set(all[order[i]], CONN_IDLE);
    conn_state_set(all[0], CONN_PROCESSING);    /* used again: now the youngest */
    conn_state_set(all[0], CONN_IDLE);
    ck_assert_uint_eq(stats->reusable_connections, 5);
    pass(100);
    for (unsigned i = 0; i < ARRAY_LEN(drained); i++) {
        ck_assert_uint_eq(pool_drain(&pool), 1);
        ck_assert_ptr_eq(seen.last, all[drained[i]]);
        ck_assert_int_eq(seen.reason, CLOSE_DRAINED);
    }
    ck_assert_uint_eq(stats->drained_connections, 5);
    ck_assert_uint_eq(stats->drained_silent, 0);
    ck_assert_uint_eq(stats->closed_drained, 5);
    ck_assert_uint_eq(pool_drain(&pool), 0);
    end();
}
END_TEST

/* What may be closed to make room, and from which age on. */
static const struct {
    enum conn_state before, state;
    bool half_head;
    uint64_t from_ms;           /* 0: never */
} ages[] = {
    { CONN_ACCEPTED,   CONN_ACCEPTED,   false, 1000 },
    { CONN_ACCEPTED,   CONN_READING,    false, 1000 },
    { CONN_IDLE,       CONN_READING,    false, 1000 },  /* half a head on a kept connection */
    { CONN_PROCESSING, CONN_READING,    false, 0 },     /* a body */
    { CONN_WRITING,    CONN_READING,    false, 0 },
    { CONN_PROCESSING, CONN_READING,    true,  1000 },  /* half a head behind a request */
    { CONN_READING,    CONN_READING,    true,  1000 },
    { CONN_ACCEPTED,   CONN_PROCESSING, false, 0 },
    { CONN_PROCESSING, CONN_WRITING,    false, 0 },
    { CONN_PROCESSING, CONN_IDLE,       false, 100 },
    { CONN_PROCESSING, CONN_LINGERING,  false, 1000 },
};

START_TEST(drain_takes_only_what_is_old_enough)
{
    struct conn *conn;

    start(4);
    now.mono_ms += (UINT64_C(3) << 32) - 500 - (uint32_t)now.mono_ms;   /* low half about to wrap */
    conn = take_as(ages[_i].before);
    pass(5000);
    if (ages[_i].half_head)
        conn_await_head(conn);
    else
        conn_state_set(conn, ages[_i].state);
    if (ages[_i].state != ages[_i].before || ages[_i].half_head)
        pass(ages[_i].from_ms - (ages[_i].from_ms > 0));
    if (ages[_i].from_ms != 0 && ages[_i].state != ages[_i].before) {
        ck_assert_uint_eq(pool_drain(&pool), 0);
        if (ages[_i].half_head)
            conn_await_head(conn);              /* another byte of it is no excuse */
        pass(1);
    } else {
        pass(100000);
    }
    ck_assert_uint_eq(pool_drain(&pool), ages[_i].from_ms != 0);
    ck_assert_uint_eq(stats->drained_silent,
                      ages[_i].from_ms != 0 && ages[_i].state != CONN_IDLE);
    end();
}
END_TEST

START_TEST(silent_go_before_the_idle)
{
    struct conn *idle, *silent[2];

    start(16);
    idle = take_as(CONN_PROCESSING);
    conn_state_set(idle, CONN_IDLE);
    pass(10);
    silent[0] = take();
    pass(10);
    silent[1] = take_as(CONN_READING);
    pass(1000);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(pool_drain(&pool), 1);
        ck_assert_ptr_eq(seen.last, silent[i]);
    }
    ck_assert_uint_eq(pool_drain(&pool), 1);
    ck_assert_ptr_eq(seen.last, idle);
    end();
}
END_TEST

static struct peer
address(unsigned n)
{
    return (struct peer){ .family = AF_INET, .ip = { 10, 0, (uint8_t)(n >> 8), (uint8_t)n } };
}

static struct conn *
take_idle(unsigned n)
{
    struct peer peer = address(n);
    struct conn *conn = take_from(&peer);

    conn_state_set(conn, CONN_PROCESSING);
    conn_state_set(conn, CONN_IDLE);
    return conn;
}

START_TEST(address_with_more_than_its_share_pays_first)
{
    struct pool_limits limits = pool_default_limits;
    struct peer flood = address(1);
    struct conn *others[20], *silent;

    limits.drain_batch = 1;
    start_with(256, &limits);
    for (unsigned i = 0; i < 20; i++)
        others[i] = take_idle(100 + i);
    pass(5000);
    for (unsigned i = 0; i < 40; i++)
        take_idle(1);
    silent = take_from(&flood);
    pass(1000);
    ck_assert_uint_eq(pool_drain(&pool), 1);
    ck_assert_ptr_eq(seen.last, silent);
    for (unsigned i = 0; i < 32; i++)
        ck_assert_uint_eq(pool_drain(&pool), 1);
    ck_assert_uint_eq(stats->drained_over_share, 33);       /* 8 are its share */
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(others[i]->state, CONN_IDLE);
        ck_assert_uint_eq(pool_drain(&pool), 1);    /* all are even: longest idle first */
        ck_assert_ptr_eq(seen.last, others[i]);
    }
    ck_assert_uint_eq(stats->drained_over_share, 33);
    end();
}
END_TEST

/*
 * The silent ones of a holder go as they are looked at, so that it sinks into a class that is yet
 * to be looked at: its idle ones are met twice, and must not be closed twice.
 */
START_TEST(holder_that_sinks_is_closed_once)
{
    struct peer flood = address(1);

    start(512);
    for (unsigned i = 0; i < 300; i++)
        take_idle(100 + i);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(take_from(&flood));
    for (unsigned i = 0; i < 15; i++)
        take_idle(1);
    pass(1000);
    ck_assert_uint_eq(pool_drain(&pool), 32);
    ck_assert_uint_eq(stats->drained_over_share, 17 - 8);
    ck_assert_uint_eq(stats->curr_connections, 317 - 32);
    end();
}
END_TEST

START_TEST(others_do_not_pay_for_a_flood_that_is_too_young)
{
    struct conn *kept;

    start(64);
    kept = take_idle(1);
    pass(60000);
    for (unsigned i = 0; i < 60; i++)
        take_idle(2);
    ck_assert_int_eq(kept->state, CONN_IDLE);
    ck_assert_uint_eq(pool_drain(&pool), 0);
    pass(99);
    ck_assert_uint_eq(pool_drain(&pool), 0);
    pass(1);
    ck_assert_uint_eq(pool_drain(&pool), 61 / 8);
    ck_assert_int_eq(kept->state, CONN_IDLE);
    end();
}
END_TEST

START_TEST(busy_connections_of_a_big_holder_shield_nobody)
{
    struct peer flood = address(2);
    struct conn *kept;

    start(64);
    kept = take_idle(1);
    for (unsigned i = 0; i < 40; i++)
        conn_state_set(take_from(&flood), CONN_PROCESSING);
    pass(100);
    ck_assert_uint_eq(pool_drain(&pool), 1);
    ck_assert_ptr_eq(seen.last, kept);
    end();
}
END_TEST

START_TEST(biggest_holder_pays_first)
{
    static const unsigned held[] = { 9, 70, 20, 33 };
    struct pool_limits limits = pool_default_limits;

    limits.drain_batch = 1;
    start_with(512, &limits);
    for (unsigned n = 0; n < ARRAY_LEN(held); n++)
        for (unsigned i = 0; i < held[n]; i++)
            take_idle(n);
    for (unsigned i = 0; i < 100; i++)
        take_idle(1000 + i);
    pass(100);
    for (unsigned i = 0; i < 70 - 64; i++) {    /* as long as it is in a class of its own */
        pool_drain(&pool);
        ck_assert_uint_eq(seen.last->peer.ip[3], 1);
    }
    end();
}
END_TEST

START_TEST(proxied_connection_counts_as_its_clients)
{
    struct peer proxy = address(1), client;
    struct conn *conns_of_proxy[30];

    start(64);
    for (unsigned i = 0; i < 30; i++) {
        conns_of_proxy[i] = take_from(&proxy);
        client = address(i < 12 ? 2 : 100 + i);
        conn_set_peer(conns_of_proxy[i], &client);
        ck_assert_mem_eq(conns_of_proxy[i]->peer.ip, proxy.ip, 4);
    }
    ck_assert_uint_eq(holders_count(&pool.holders, conns_of_proxy[0]->index), 12);
    ck_assert_uint_eq(holders_count(&pool.holders, conns_of_proxy[29]->index), 1);
    pass(1000);
    ck_assert_uint_eq(pool_drain(&pool), 3);
    ck_assert_uint_eq(stats->drained_over_share, 3);
    end();
}
END_TEST

START_TEST(kept_connections_are_passed_over)
{
    struct conn *kept, *other;

    start(16);
    kept = take_as(CONN_PROCESSING);
    kept->keep_ms = 5000;
    conn_state_set(kept, CONN_IDLE);
    other = take_as(CONN_PROCESSING);
    conn_state_set(other, CONN_IDLE);
    pass(100);
    ck_assert_uint_eq(pool_drain(&pool), 1);
    ck_assert_ptr_eq(seen.last, other);
    ck_assert_uint_eq(pool_drain(&pool), 0);
    pass(4899);
    ck_assert_uint_eq(pool_drain(&pool), 0);
    pass(1);
    ck_assert_uint_eq(pool_drain(&pool), 1);
    ck_assert_ptr_eq(seen.last, kept);
    end();
}
END_TEST

static void
on_close_of_none(struct conn *conn, enum close_reason reason)
{
    (void)conn;
    (void)reason;
}

/* 100,000 connections of 500 addresses and of one, all of them too young: looking for a victim is
   not looking at all. */
START_TEST(drain_costs_the_same_however_many_there_are)
{
    static const struct conn_ops without = { on_event, on_timeout, on_close_of_none };
    enum { MANY = 100000, TIMES = 1000 };
    clock_t begin;

    start(MANY);
    for (unsigned i = 0; i < MANY; i++) {
        struct peer peer = address(i % 3 != 0 ? 1 : 2 + i % 500);
        struct conn *conn = conn_take(&pool, -1, &peer, CONN_NEW);

        ck_assert_ptr_nonnull(conn);
        conn->ops = &without;
        conn_state_set(conn, i % 2 ? CONN_READING : CONN_PROCESSING);
        if (i % 2 == 0) {
            conn->keep_ms = 1000000;
            conn_state_set(conn, CONN_IDLE);
        }
    }
    begin = clock();
    for (unsigned i = 0; i < TIMES; i++) {
        pool.drain_again_ms = 0;
        ck_assert_uint_eq(pool_drain(&pool), 0);
    }
    ck_assert_int_lt(clock() - begin, CLOCKS_PER_SEC / 2);
    end();
}
END_TEST

START_TEST(limits_of_the_conf_file_hold)
{
    struct pool_limits limits = pool_default_limits;

    limits.drain_when_free = (struct fraction){ 1, 2 };
    limits.close_when_free = (struct fraction){ 3, 4 };
    limits.drain_batch = 2;
    limits.drain_idle_ms = 30;
    start_with(40, &limits);
    for (unsigned i = 0; i < 9; i++)
        take_idle(i);
    ck_assert(!pool_is_nearly_full(&pool));
    take_idle(9);
    ck_assert(pool_is_nearly_full(&pool));
    for (unsigned i = 10; i < 20; i++)
        take_idle(i);
    pass(30);
    ck_assert_uint_eq(stats->drained_connections, 0);
    take_idle(20);
    ck_assert_uint_eq(stats->drained_connections, 2);
    limits.drain_when_free = limits.close_when_free = (struct fraction){ 0, 1 };
    pool_set_limits(&pool, &limits);
    ck_assert(!pool_is_nearly_full(&pool));
    end();
}
END_TEST

/* A pool of so many slots, and its connections; how many the next newcomer drains. */
static const struct { uint32_t size; unsigned busy, idle, drained; } shortages[] = {
    { 32,    0,  29,  0 },      /* 3 free: more than 1/16 */
    { 32,    0,  30,  3 },
    { 32,   29,   1,  1 },
    { 32,   31,   1,  1 },      /* full, and the one idle goes */
    { 32,   32,   0,  0 },      /* a request in progress never goes */
    { 1024,  0, 960, 32 },      /* never more than 32 at a time */
    { 1024,  0, 959,  0 },
    { 1,     0,   1,  1 },
    { 1,     1,   0,  0 },
};

static void
make_idle(void *ctx, struct conn *conn)
{
    unsigned *left = ctx;

    if (*left > 0) {
        --*left;
        conn_state_set(conn, CONN_IDLE);
    }
}

START_TEST(newcomer_drains_when_a_sixteenth_is_free)
{
    unsigned idle = shortages[_i].idle;
    struct conn *newcomer;

    start(shortages[_i].size);
    for (unsigned i = 0; i < shortages[_i].busy + idle; i++)
        take_as(CONN_PROCESSING);
    pool_each(&pool, make_idle, &idle);
    pass(100);
    newcomer = take();
    ck_assert_uint_eq(stats->closed_drained, shortages[_i].drained);
    ck_assert_uint_eq(stats->processing, shortages[_i].busy);
    ck_assert_uint_eq(stats->waiting, shortages[_i].idle - shortages[_i].drained);
    ck_assert_uint_eq(stats->accepted, newcomer != NULL);
    end();
}
END_TEST

START_TEST(newcomer_without_a_slot_is_not_taken)
{
    int fd = eventfd(0, EFD_CLOEXEC);

    start(1);
    take_as(CONN_READING);
    ck_assert_ptr_null(conn_take(&pool, fd, &nobody, CONN_NEW));
    ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
    ck_assert_uint_eq(stats->handled, 1);
    close(fd);
    end();
}
END_TEST

/* Rows: from, columns: to, in the order FREE ACCEPTED READING PROCESSING WRITING IDLE LINGERING. */
static const char *const transitions[CONN_STATE_COUNT] = {
    ".A.....",
    "F.RPWIL",
    "F..PWIL",
    "F.R.WIL",
    "F.RP.IL",
    "F.RP...",
    "F......",
};

START_TEST(states_follow_one_another_as_the_table_says)
{
    for (unsigned to = 0; to < CONN_STATE_COUNT; to++)
        ck_assert_msg(((conn_transitions[_i] >> to & 1) != 0) == (transitions[_i][to] != '.'),
                      "%s -> %s", conn_state_name(_i), conn_state_name(to));
    ck_assert_int_eq(conn_transitions[_i] >> CONN_STATE_COUNT, 0);
}
END_TEST

#if defined(WEIR_DEBUG) && !defined(NDEBUG)
START_TEST(forbidden_transition_aborts_a_debug_build)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        start(1);
        conn_state_set(take_as(CONN_LINGERING), CONN_IDLE);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST
#endif

static const struct { const char *name; size_t gauge; } states[CONN_STATE_COUNT] = {
    [CONN_FREE]       = { "free",       offsetof(struct counters, free_connections) },
    [CONN_ACCEPTED]   = { "accepted",   offsetof(struct counters, accepted) },
    [CONN_READING]    = { "reading",    offsetof(struct counters, reading) },
    [CONN_PROCESSING] = { "processing", offsetof(struct counters, processing) },
    [CONN_WRITING]    = { "writing",    offsetof(struct counters, writing) },
    [CONN_IDLE]       = { "idle",       offsetof(struct counters, waiting) },
    [CONN_LINGERING]  = { "lingering",  offsetof(struct counters, lingering) },
};

static uint64_t
gauge(enum conn_state state)
{
    return *(const uint64_t *)(const void *)((const char *)stats + states[state].gauge);
}

START_TEST(state_has_a_name_and_a_gauge)
{
    struct conn *conn;

    start(4);
    ck_assert_str_eq(conn_state_name(_i), states[_i].name);
    conn = take();
    if (_i == CONN_FREE)
        conn_close(conn, CLOSE_NORMAL);
    else
        conn_state_set(conn, _i);
    ck_assert_uint_eq(gauge(_i), _i == CONN_FREE ? 4 : 1);
    end();
}
END_TEST

static uint64_t
closed_by_reason(void)
{
    uint64_t sum = 0;

#define ADD(name, counter) sum += stats->closed_##counter;
    CLOSE_REASONS(ADD)
#undef ADD
    return sum;
}

static void
check_sums(void)
{
    uint64_t slots = 0;

    for (unsigned s = 0; s < CONN_STATE_COUNT; s++)
        slots += gauge(s);
    ck_assert_uint_eq(slots, pool.size);
    ck_assert_uint_eq(stats->max_connections, pool.size);
    ck_assert_uint_eq(stats->curr_connections, pool.size - stats->free_connections);
    ck_assert_uint_eq(stats->handled, stats->curr_connections + closed_by_reason());
    ck_assert_uint_eq(stats->reusable_connections, stats->waiting + pool.silent_len);
    ck_assert_uint_le(stats->accepted + stats->lingering, pool.silent_len);
    ck_assert_uint_ge(stats->accepted + stats->lingering + stats->reading, pool.silent_len);
    ck_assert_uint_eq(pool.holders.len, pool.used > 0);
    ck_assert_uint_eq(pool.idle_len, stats->waiting);
}

/* Any state that may follow, or the end. */
static void
move_on(struct conn *conn)
{
    enum conn_state to = (enum conn_state)(rand() % CONN_STATE_COUNT);

    if ((conn_transitions[conn->state] >> to & 1) == 0)
        return;
    if (to == CONN_FREE)
        conn_close(conn, (enum close_reason)(rand() % CLOSE_REASON_COUNT));
    else
        conn_state_set(conn, to);
}

START_TEST(counters_add_up_whatever_happens)
{
    start(48);
    srand(1);
    for (unsigned i = 0; i < 20000; i++) {
        struct conn *conn = &pool.slots[(unsigned)rand() % pool.size];

        if (rand() % 4 == 0)
            take();
        else if (conn->state != CONN_FREE)
            move_on(conn);
        if (rand() % 8 == 0)
            pool_batch_end(&pool);
        now.mono_ms += (unsigned)rand() % 50;
        check_sums();
    }
    ck_assert_uint_gt(stats->drained_connections, 0);
    end();
    ck_assert_uint_eq(stats->curr_connections, 0);
}
END_TEST

START_TEST(close_frees_what_the_slot_holds)
{
    struct conn *conn;
    int fd;

    start(1);
    conn = take_as(CONN_READING);
    fd = conn->fd;
    conn->in = buffer_create(100);
    conn->out = buffer_create(100);
    conn->request = &seen;
    conn_deadline(conn, 10);
    conn_close(conn, CLOSE_ERROR);
    ck_assert_int_eq(seen.reason, CLOSE_ERROR);
    ck_assert_uint_eq(stats->closed_error, 1);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    ck_assert(!timer_is_armed(&conn->timer));
    ck_assert(conn->fd == -1 && conn->state == CONN_FREE);
    ck_assert(conn->in == NULL && conn->out == NULL && conn->request == NULL);
    end();
}
END_TEST

START_TEST(slot_keeps_nothing_of_its_last_connection)
{
    struct conn *conn;
    uint64_t number;

    start(1);
    conn = take_as(CONN_PROCESSING);
    number = conn->number;
    conn->answered = true;
    conn->requests = 7;
    conn->stream_state = &seen;
    conn->peer.family = AF_INET;
    ck_assert(conn_wait(conn, EPOLLIN));
    conn_deadline(conn, 1000);
    conn_close(conn, CLOSE_NORMAL);
    pool_batch_end(&pool);
    pool.number_step = 8;
    ck_assert_ptr_eq(take(), conn);
    ck_assert(!conn->in_epoll && !conn->answered && conn->requests == 0);
    ck_assert(conn->deadline_ms == 0 && conn->stream == &plain_stream);
    ck_assert(conn->stream_state == NULL && conn->listener == NULL);
    ck_assert_int_ne(conn->peer.family, AF_INET);
    ck_assert_uint_eq(conn->number, number + 1);
    ck_assert_uint_eq(pool.next_number, number + 9);
    end();
}
END_TEST

START_TEST(later_deadline_costs_no_timer_work)
{
    struct conn *conn;
    uint64_t armed_ms;

    start(1);
    conn = take_as(CONN_READING);
    conn_deadline(conn, 100);
    armed_ms = conn->timer.expires_ms;
    pass(60);
    conn_deadline(conn, 100);
    ck_assert_uint_eq(conn->timer.expires_ms, armed_ms);
    pass(100);
    ck_assert_uint_eq(seen.timeouts, 0);        /* the millisecond that had begun does not count */
    ck_assert_uint_eq(conn->timer.expires_ms, conn->deadline_ms);
    pass(1);
    ck_assert_uint_eq(seen.timeouts, 1);
    ck_assert_uint_eq(conn->deadline_ms, 0);
    pass(10000);
    ck_assert_uint_eq(seen.timeouts, 1);
    end();
}
END_TEST

START_TEST(nearer_deadline_moves_the_timer)
{
    struct conn *conn;

    start(1);
    conn = take_as(CONN_READING);
    conn_deadline(conn, 60000);
    conn_deadline(conn, 50);
    pass(50);
    ck_assert_uint_eq(seen.timeouts, 0);
    pass(1);
    ck_assert_uint_eq(seen.timeouts, 1);
    end();
}
END_TEST

START_TEST(no_deadline_never_fires)
{
    struct conn *conn;

    start(1);
    conn = take_as(CONN_READING);
    conn_deadline(conn, 50);
    conn_deadline(conn, 0);
    ck_assert(timer_is_armed(&conn->timer));
    pass(1000);
    ck_assert_uint_eq(seen.timeouts, 0);
    ck_assert(!timer_is_armed(&conn->timer));
    conn_deadline(conn, 50);
    pass(51);
    ck_assert_uint_eq(seen.timeouts, 1);
    end();
}
END_TEST

START_TEST(wait_costs_a_call_only_when_it_changes)
{
    struct conn *conn;
    int epoll_fd;

    start(1);
    epoll_fd = loop.epoll_fd;
    conn = take_as(CONN_READING);
    ck_assert(conn_wait(conn, EPOLLIN));
    ck_assert_int_eq(loop_turn(&loop, -1), 1);
    loop.epoll_fd = -1;                         /* from here on a call would fail */
    ck_assert(conn_wait(conn, EPOLLIN));
    ck_assert(!conn_wait(conn, EPOLLIN | EPOLLOUT));
    ck_assert_uint_eq(conn->interest, EPOLLIN);
    loop.epoll_fd = epoll_fd;
    ck_assert(conn_wait(conn, 0));
    ck_assert_int_eq(loop_turn(&loop, 0), 0);
    ck_assert(conn_wait(conn, EPOLLOUT));
    ck_assert_int_eq(loop_turn(&loop, -1), 1);
    end();
}
END_TEST

static size_t
resident_pages(void)
{
    static unsigned char vec[1 << 16];
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
    size_t pages = (pool.size * sizeof(struct conn) + page - 1) / page;

    ck_assert_uint_le(pages, sizeof(vec));
    ck_assert_int_eq(mincore(pool.slots, pages * page, vec), 0);
    for (size_t i = 0; i < pages; i++)
        count += vec[i] & 1;
    return count;
}

START_TEST(slots_never_used_cost_nothing)
{
    size_t in_a_page = (size_t)sysconf(_SC_PAGESIZE) / sizeof(struct conn);

    start(1000000);
    ck_assert_uint_eq(resident_pages(), 0);
    for (unsigned i = 0; i < 3 * in_a_page; i++) {
        struct conn *conn = take();             /* the same slot over and over */

        conn_close(conn, CLOSE_NORMAL);
        pool_batch_end(&pool);
    }
    ck_assert_uint_eq(resident_pages(), 1);
    for (unsigned i = 0; i < 3 * in_a_page; i++)
        take();
    ck_assert_uint_le(resident_pages(), 4);
    end();
}
END_TEST

static void
count_and_close_idle(void *ctx, struct conn *conn)
{
    ++*(unsigned *)ctx;
    if (conn->state == CONN_IDLE)
        conn_close(conn, CLOSE_SHUTDOWN);
}

START_TEST(each_visits_all_that_are_open)
{
    unsigned visited = 0;

    start(16);
    take_as(CONN_READING);
    take_as(CONN_IDLE);
    conn_close(take_as(CONN_READING), CLOSE_NORMAL);
    take_as(CONN_LINGERING);
    pool_each(&pool, count_and_close_idle, &visited);
    ck_assert_uint_eq(visited, 3);
    visited = 0;
    pool_each(&pool, count_and_close_idle, &visited);
    ck_assert_uint_eq(visited, 2);
    end();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("net/pool");

    unit_add(suite, word_of_a_recycled_slot_is_stale, ARRAY_LEN(recyclings));
    unit_add(suite, word_stays_stale_when_the_generation_wraps, 1);
    unit_add(suite, word_of_a_slot_never_used_is_stale, 1);
    unit_add(suite, released_slots_are_free_after_the_batch, 1);
    unit_add(suite, event_behind_a_close_in_the_same_turn_is_dropped, 1);
    unit_add(suite, drain_closes_the_longest_idle_first, 1);
    unit_add(suite, drain_takes_only_what_is_old_enough, ARRAY_LEN(ages));
    unit_add(suite, silent_go_before_the_idle, 1);
    unit_add(suite, address_with_more_than_its_share_pays_first, 1);
    unit_add(suite, holder_that_sinks_is_closed_once, 1);
    unit_add(suite, others_do_not_pay_for_a_flood_that_is_too_young, 1);
    unit_add(suite, busy_connections_of_a_big_holder_shield_nobody, 1);
    unit_add(suite, biggest_holder_pays_first, 1);
    unit_add(suite, proxied_connection_counts_as_its_clients, 1);
    unit_add(suite, kept_connections_are_passed_over, 1);
    unit_add(suite, drain_costs_the_same_however_many_there_are, 1);
    unit_add(suite, limits_of_the_conf_file_hold, 1);
    unit_add(suite, newcomer_drains_when_a_sixteenth_is_free, ARRAY_LEN(shortages));
    unit_add(suite, newcomer_without_a_slot_is_not_taken, 1);
    unit_add(suite, states_follow_one_another_as_the_table_says, CONN_STATE_COUNT);
#if defined(WEIR_DEBUG) && !defined(NDEBUG)
    unit_add(suite, forbidden_transition_aborts_a_debug_build, 1);
#endif
    unit_add(suite, state_has_a_name_and_a_gauge, CONN_STATE_COUNT);
    unit_add(suite, counters_add_up_whatever_happens, 1);
    unit_add(suite, close_frees_what_the_slot_holds, 1);
    unit_add(suite, slot_keeps_nothing_of_its_last_connection, 1);
    unit_add(suite, later_deadline_costs_no_timer_work, 1);
    unit_add(suite, nearer_deadline_moves_the_timer, 1);
    unit_add(suite, no_deadline_never_fires, 1);
    unit_add(suite, wait_costs_a_call_only_when_it_changes, 1);
    unit_add(suite, slots_never_used_cost_nothing, 1);
    unit_add(suite, each_visits_all_that_are_open, 1);
    return unit_run(suite);
}
