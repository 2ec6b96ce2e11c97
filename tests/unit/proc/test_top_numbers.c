/* SPDX-License-Identifier: BSD-2-Clause */
/* top_numbers: rates from two reports. */
#include "proc/top_numbers.h"
#include "unit.h"

static struct arena *arena;
static struct report before, now;
static struct counters workers_before[2], workers_now[2];
static struct report_host hosts_before[3], hosts_now[3];

/* Two seconds lie between them. */
static void
begin(void)
{
    arena = arena_create(65536, 0);
    memset(&before, 0, sizeof(before));
    memset(&now, 0, sizeof(now));
    memset(workers_before, 0, sizeof(workers_before));
    memset(workers_now, 0, sizeof(workers_now));
    memset(hosts_before, 0, sizeof(hosts_before));
    memset(hosts_now, 0, sizeof(hosts_now));
    before.workers = workers_before;
    before.hosts = hosts_before;
    now.workers = workers_now;
    now.hosts = hosts_now;
    before.mono_us = 1000000;
    now.mono_us = 3000000;
    before.master.start_time_s = now.master.start_time_s = 100;
    before.master.generation = now.master.generation = 1;
}

static const struct top_numbers *
compare(enum top_order order)
{
    const struct top_numbers *t = top_compare(arena, &before, &now, order);

    ck_assert_ptr_nonnull(t);
    return t;
}

static bool
is(double value, double wanted)
{
    return value > wanted - 1e-9 && value < wanted + 1e-9;
}

START_TEST(rate_is_the_difference_by_the_time)
{
    const struct top_numbers *t;

    begin();
    before.sum.requests = 10;
    now.sum.requests = 15;
    now.sum.responses_1xx = 2;
    now.sum.responses_5xx = 4;
    now.sum.bytes_received = 6;
    now.sum.bytes_sent = 8;
    now.sum.drained_connections = 10;
    now.sum.rejected_no_slot = 1;
    now.sum.rejected_no_memory = 2;
    now.sum.rejected_overload = 3;
    now.sum.curr_connections = 12;
    now.sum.max_connections = 20;
    t = compare(BY_REQUESTS);
    ck_assert(t->has_rates);
    ck_assert(is(t->requests_s, 2.5));
    ck_assert(is(t->responses_s[0], 1) && is(t->responses_s[4], 2) && is(t->responses_s[1], 0));
    ck_assert(is(t->received_s, 3) && is(t->sent_s, 4) && is(t->drains_s, 5));
    ck_assert(is(t->refusals_s, 3));
    ck_assert_uint_eq(t->open, 12);
    ck_assert_uint_eq(t->slots, 20);
    arena_destroy(arena);
}
END_TEST

/* A server that was started anew, or gave way to another program, counts from zero. */
START_TEST(two_runs_are_not_compared)
{
    const struct top_numbers *t;

    begin();
    now.sum.requests = 15;
    now.hosts_len = 1;
    hosts_now[0].name = STR("a");
    hosts_now[0].stats.latency[3] = 7;
    switch (_i) {
    case 0: now.master.start_time_s++; break;
    case 1: now.mono_us = before.mono_us; break;
    case 2: now.mono_us = before.mono_us - 1; break;
    case 3: before.sum.requests = 16; break;
    case 4: before.sum.total_connections = 1; break;
    }
    t = _i < 5 ? compare(BY_REQUESTS) : top_compare(arena, NULL, &now, BY_REQUESTS);
    ck_assert(!t->has_rates);
    ck_assert(is(t->requests_s, 0) && is(t->latency_ms[0], 0));
    ck_assert(is(t->hosts[0].requests_s, 0) && is(t->hosts[0].latency_ms[0], 0));
    arena_destroy(arena);
}
END_TEST

START_TEST(worker_is_known_by_its_process)
{
    const struct top_numbers *t;

    begin();
    before.workers_len = now.workers_len = 2;
    workers_before[0] = (struct counters){ .pid = 7, .start_time_s = 1, .requests = 100 };
    workers_before[1] = (struct counters){ .pid = 8, .start_time_s = 1, .requests = 50 };
    workers_now[0] = (struct counters){ .pid = 9, .start_time_s = 2, .generation = 1, .requests = 4,
                                        .drained_connections = 2, .rejected_overload = 6,
                                        .listen_disabled_num = 3, .curr_connections = 5,
                                        .accepting_conns = 1 };
    workers_now[1] = (struct counters){ .pid = 8, .start_time_s = 1, .requests = 60, .leaving = 1 };
    t = compare(BY_REQUESTS);
    ck_assert_uint_eq(t->workers_len, 2);
    ck_assert_int_eq(t->workers[0].pid, 9);
    ck_assert(is(t->workers[0].requests_s, 2));             /* all since it came */
    ck_assert(is(t->workers[0].drains_s, 1) && is(t->workers[0].refusals_s, 3));
    ck_assert_uint_eq(t->workers[0].pauses, 3);
    ck_assert_uint_eq(t->workers[0].open, 5);
    ck_assert_str_eq(t->workers[0].state, "serving");
    ck_assert(is(t->workers[1].requests_s, 5));
    ck_assert_str_eq(t->workers[1].state, "leaving");
    workers_now[1].start_time_s = 2;                        /* the number came up again */
    ck_assert(is(compare(BY_REQUESTS)->workers[1].requests_s, 30));
    workers_now[1].start_time_s = 1;
    workers_now[1].requests = 10;                           /* it went back, which should not be */
    ck_assert(is(compare(BY_REQUESTS)->workers[1].requests_s, 5));
    arena_destroy(arena);
}
END_TEST

START_TEST(pool_is_all_slots)
{
    const struct top_worker *w;

    begin();
    now.workers_len = 1;
    workers_now[0] = (struct counters){ .pid = 1, .accepted = 1, .reading = 2, .processing = 4,
                                        .writing = 8, .waiting = 16, .lingering = 32,
                                        .free_connections = 64 };
    w = compare(BY_REQUESTS)->workers;
    ck_assert_uint_eq(w->pool[POOL_READING], 3);
    ck_assert_uint_eq(w->pool[POOL_WRITING], 12);
    ck_assert_uint_eq(w->pool[POOL_IDLE], 16);
    ck_assert_uint_eq(w->pool[POOL_LINGERING], 32);
    ck_assert_uint_eq(w->pool[POOL_FREE], 64);
    arena_destroy(arena);
}
END_TEST

/* What was slow long ago says nothing about now. */
START_TEST(latency_is_that_of_the_interval)
{
    const struct top_numbers *t;

    begin();
    before.hosts_len = now.hosts_len = 2;
    hosts_before[0].name = hosts_now[0].name = STR("a");
    hosts_before[1].name = hosts_now[1].name = STR("b");
    hosts_before[0].stats.latency[15] = hosts_now[0].stats.latency[15] = 1000;
    hosts_now[0].stats.latency[0] = 90;                     /* to 0.1 ms */
    hosts_now[1].stats.latency[3] = 10;                     /* from 0.5 to 1 ms */
    t = compare(BY_NAME);
    ck_assert(is(t->hosts[0].latency_ms[0], 0.05));
    ck_assert(is(t->hosts[1].latency_ms[0], 0.75));
    ck_assert(is(t->hosts[0].requests_s, 45) && is(t->hosts[1].requests_s, 5));
    ck_assert(is(t->latency_ms[1], 0.1));
    ck_assert(is(t->latency_ms[2], 0.95));
    arena_destroy(arena);
}
END_TEST

static const struct { enum top_order order; const char *names; } orders[] = {
    { BY_REQUESTS, "bac" }, { BY_FAILURES, "cab" }, { BY_LATENCY, "acb" }, { BY_BYTES, "abc" },
    { BY_NAME, "abc" },
};

START_TEST(hosts_have_an_order)
{
    static const char *const names[] = { "c", "a", "b" };
    const struct top_numbers *t;

    begin();
    now.hosts_len = 3;
    for (unsigned i = 0; i < 3; i++)
        hosts_now[i].name = str_of(names[i]);
    hosts_now[0].stats.latency[1] = 5;                      /* c */
    hosts_now[0].stats.responses[3] = 1;
    hosts_now[0].stats.responses[4] = 1;
    hosts_now[1].stats.latency[9] = 5;                      /* a */
    hosts_now[1].stats.responses[4] = 1;
    hosts_now[2].stats.latency[0] = 6;                      /* b */
    t = compare(orders[_i].order);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(t->hosts[i].name.p[0], orders[_i].names[i]);
    arena_destroy(arena);
}
END_TEST

/* A name that is new has its row at the end; if rows were ever moved, names would tell. */
START_TEST(host_is_known_by_its_row_and_name)
{
    begin();
    before.hosts_len = 1;
    now.hosts_len = 2;
    hosts_before[0].name = hosts_now[0].name = STR("a");
    hosts_before[0].stats.latency[0] = 4;
    hosts_now[0].stats.latency[0] = 6;
    hosts_now[1].name = STR("b");
    hosts_now[1].stats.latency[0] = 8;
    ck_assert(is(compare(BY_NAME)->hosts[0].requests_s, 1));
    ck_assert(is(compare(BY_NAME)->hosts[1].requests_s, 4));
    hosts_before[0].name = STR("z");
    ck_assert(is(compare(BY_NAME)->hosts[0].requests_s, 3));
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/top_numbers");

    unit_add(suite, rate_is_the_difference_by_the_time, 1);
    unit_add(suite, two_runs_are_not_compared, 6);
    unit_add(suite, worker_is_known_by_its_process, 1);
    unit_add(suite, pool_is_all_slots, 1);
    unit_add(suite, latency_is_that_of_the_interval, 1);
    unit_add(suite, hosts_have_an_order, ARRAY_LEN(orders));
    unit_add(suite, host_is_known_by_its_row_and_name, 1);
    return unit_run(suite);
}
