/* SPDX-License-Identifier: BSD-2-Clause */
/* counters: blocks that workers own and the master sums. */
#include "unit.h"
#include "base/clock.h"
#include "base/counters.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(process_counts_privately_before_it_has_a_block)
{
    ck_assert_ptr_nonnull(stats);
    stats->requests++;
    ck_assert_uint_eq(stats->requests, 1);
}
END_TEST

START_TEST(every_counter_is_named_and_placed_once)
{
    ck_assert_uint_eq(counter_count * sizeof(uint64_t), offsetof(struct counters, leaving));
    for (unsigned i = 0; i < counter_count; i++) {
        ck_assert_uint_eq(counter_infos[i].offset, i * sizeof(uint64_t));
        ck_assert_uint_gt(strlen(counter_infos[i].text), 0);
        for (unsigned k = 0; k < i; k++)
            ck_assert_str_ne(counter_infos[i].name, counter_infos[k].name);
    }
    ck_assert_str_eq(counter_infos[0].name, "curr_connections");
    ck_assert_int_eq(counter_infos[0].kind, GAUGE);
    ck_assert_int_eq(counter_infos[1].kind, COUNTER);
}
END_TEST

START_TEST(blocks_do_not_share_cache_lines)
{
    struct counters_segment *segment = counters_create(3);

    for (unsigned i = 0; i < counters_blocks(segment); i++)
        ck_assert_uint_eq((uintptr_t)counters_block(segment, i) % 128, 0);
    ck_assert_uint_eq(counters_blocks(segment), 3);
    counters_destroy(segment);
}
END_TEST

START_TEST(used_block_is_fresh_and_signed)
{
    struct counters_segment *segment = counters_create(2);
    const struct counters *block = counters_block(segment, 1);

    now.wall_s = 4711;
    counters_use(segment, 1, 7);
    ck_assert_ptr_eq(stats, block);
    stats->requests = 5;
    counters_use(segment, 1, 8);
    ck_assert_uint_eq(block->requests, 0);
    ck_assert_int_eq(block->pid, getpid());
    ck_assert_uint_eq(block->generation, 8);
    ck_assert_uint_eq(block->start_time_s, 4711);
    counters_destroy(segment);
    stats->requests++;                  /* in private memory again */
    counters_destroy(NULL);
}
END_TEST

static void
work_as(struct counters_segment *segment, unsigned block, unsigned requests)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        counters_use(segment, block, 1);
        for (unsigned i = 0; i < requests; i++)
            stats->requests++;
        stats->curr_connections = 3;
        _exit(0);
    }
    while (waitpid(pid, &status, 0) == -1)
        ck_assert_int_eq(errno, EINTR);
    ck_assert_int_eq(status, 0);
}

START_TEST(what_workers_counted_outlives_them_but_gauges_do_not)
{
    struct counters_segment *segment = counters_create(2);
    struct counters sum;

    work_as(segment, 0, 10);
    work_as(segment, 1, 200);
    counters_sum(segment, &sum);
    ck_assert_uint_eq(sum.requests, 210);
    ck_assert_uint_eq(sum.curr_connections, 6);

    counters_retire(segment, 0);
    counters_sum(segment, &sum);
    ck_assert_uint_eq(sum.requests, 210);
    ck_assert_uint_eq(sum.curr_connections, 3);
    ck_assert_uint_eq(counters_block(segment, 0)->requests, 0);

    work_as(segment, 0, 1000);
    counters_retire(segment, 0);
    counters_retire(segment, 1);
    counters_sum(segment, &sum);
    ck_assert_uint_eq(sum.requests, 1210);
    ck_assert_uint_eq(sum.curr_connections, 0);
    counters_destroy(segment);
}
END_TEST

START_TEST(block_is_free_until_reserved_or_used_and_again_when_retired)
{
    struct counters_segment *segment = counters_create(3);

    ck_assert_int_eq(counters_free_block(segment), 0);
    ck_assert_int_eq(counters_reserve(segment), 0);
    ck_assert_int_eq(counters_free_block(segment), 1);
    counters_use(segment, 1, 1);
    ck_assert_int_eq(counters_reserve(segment), 2);
    ck_assert_int_eq(counters_free_block(segment), -1);
    ck_assert_int_eq(counters_reserve(segment), -1);
    counters_retire(segment, 1);
    ck_assert_int_eq(counters_free_block(segment), 1);
    counters_retire(segment, 0);        /* its worker never came to count */
    ck_assert_int_eq(counters_reserve(segment), 0);
    counters_destroy(segment);
}
END_TEST

/* ---- hosts --------------------------------------------------------------------------------- */

START_TEST(host_keeps_its_row)
{
    struct counters_segment *segment = counters_create(1);
    unsigned a = counters_host(segment, STR("a.example"));
    unsigned none = counters_host(segment, STR(""));

    ck_assert_uint_ne(a, none);
    ck_assert_uint_eq(counters_host(segment, STR("a.example")), a);
    ck_assert_uint_eq(counters_host(segment, STR("_")), none);
    ck_assert_uint_eq(counters_hosts(segment), 2);
    ck_assert(str_eq(counters_host_name(segment, a), STR("a.example")));
    ck_assert(str_eq(counters_host_name(segment, none), STR("_")));
    counters_destroy(segment);
}
END_TEST

START_TEST(long_names_count_up_to_their_limit)
{
    struct counters_segment *segment = counters_create(1);
    char name[HOST_NAME_MAX_LEN + 2];
    unsigned host;

    memset(name, 'n', sizeof(name));
    host = counters_host(segment, (struct str){ name, HOST_NAME_MAX_LEN });
    ck_assert_uint_eq(counters_host(segment, (struct str){ name, sizeof(name) }), host);
    ck_assert_uint_eq(counters_host_name(segment, host).len, HOST_NAME_MAX_LEN);
    ck_assert_uint_ne(counters_host(segment, (struct str){ name, 3 }), host);
    counters_destroy(segment);
}
END_TEST

START_TEST(hosts_beyond_the_limit_share_a_row)
{
    struct counters_segment *segment = counters_create(1);
    char name[16];
    struct host_stats sum;

    for (unsigned i = 0; i < HOSTS_MAX; i++) {
        int len = snprintf(name, sizeof(name), "h%u", i);

        ck_assert_uint_eq(counters_host(segment, (struct str){ name, (size_t)len }), i);
    }
    ck_assert_uint_eq(counters_hosts(segment), HOSTS_MAX);
    ck_assert_uint_eq(counters_host(segment, STR("one more")), HOSTS_MAX);
    ck_assert_uint_eq(counters_host(segment, STR("and another")), HOSTS_MAX);
    ck_assert_uint_eq(counters_host(segment, STR("h7")), 7);
    ck_assert_uint_eq(counters_hosts(segment), HOSTS_MAX + 1);
    ck_assert(str_eq(counters_host_name(segment, HOSTS_MAX), STR("other")));
    counters_use(segment, 0, 1);
    counters_answered(HOSTS_MAX, 5, 6, 200);
    counters_host_sum(segment, HOSTS_MAX, &sum);
    ck_assert_uint_eq(host_stats_count(&sum), 1);
    ck_assert_uint_eq(sum.bytes_sent, 6);
    counters_destroy(segment);
}
END_TEST

START_TEST(host_called_other_shares_its_row_with_those_beyond)
{
    struct counters_segment *segment = counters_create(1);
    unsigned other = counters_host(segment, STR("other"));
    char name[16];

    for (unsigned i = 0; i < HOSTS_MAX + 5; i++) {
        int len = snprintf(name, sizeof(name), "h%u", i);
        unsigned row = counters_host(segment, (struct str){ name, (size_t)len });

        ck_assert_uint_eq(row, i < HOSTS_MAX - 1 ? i + 1 : other);
    }
    ck_assert_uint_eq(counters_hosts(segment), HOSTS_MAX);      /* no name stands there twice */
    counters_destroy(segment);
}
END_TEST

static void
answer_as(struct counters_segment *segment, unsigned block, unsigned host, unsigned times)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        counters_use(segment, block, 1);
        for (unsigned i = 0; i < times; i++)
            counters_answered(host, 300, 10, i % 2 == 0 ? 200 : 404);
        _exit(0);
    }
    while (waitpid(pid, &status, 0) == -1)
        ck_assert_int_eq(errno, EINTR);
}

START_TEST(what_was_counted_for_a_host_outlives_the_worker)
{
    struct counters_segment *segment = counters_create(2);
    unsigned host = counters_host(segment, STR("a"));
    struct host_stats sum;

    answer_as(segment, 0, host, 10);
    answer_as(segment, 1, host, 4);
    for (unsigned i = 0; i < 3; i++) {
        counters_host_sum(segment, host, &sum);
        ck_assert_uint_eq(host_stats_count(&sum), 14);
        ck_assert_uint_eq(sum.latency[2], 14);          /* 250 to 500 us */
        ck_assert_uint_eq(sum.latency_sum_us, 14 * 300);
        ck_assert_uint_eq(sum.bytes_sent, 140);
        ck_assert_uint_eq(sum.responses[1], 7);
        ck_assert_uint_eq(sum.responses[3], 7);
        if (i < 2)
            counters_retire(segment, i);
    }
    answer_as(segment, 0, host, 1);                     /* in a block that is clean */
    counters_host_sum(segment, host, &sum);
    ck_assert_uint_eq(host_stats_count(&sum), 15);
    counters_destroy(segment);
}
END_TEST

static const struct { uint64_t us; unsigned bucket; } durations[] = {
    { 0, 0 }, { 100, 0 }, { 101, 1 }, { 250, 1 }, { 1000, 3 }, { 1001, 4 },
    { 10000000, 15 }, { 10000001, 16 }, { UINT64_MAX, 16 },
};

START_TEST(duration_counts_in_the_first_bucket_it_fits)
{
    struct counters_segment *segment = counters_create(1);
    struct host_stats sum;

    counters_use(segment, 0, 1);
    counters_answered(3, durations[_i].us, 0, 200);
    counters_host_sum(segment, 3, &sum);
    ck_assert_uint_eq(sum.latency[durations[_i].bucket], 1);
    ck_assert_uint_eq(host_stats_count(&sum), 1);
    counters_destroy(segment);
}
END_TEST

START_TEST(quantiles_lie_on_lines_within_the_buckets)
{
    struct host_stats h = { .latency = { 0 } };

    ck_assert_double_eq(host_stats_quantile_us(&h, 500), 0);
    h.latency[0] = 100;                                 /* 0 to 100 us */
    ck_assert_double_eq(host_stats_quantile_us(&h, 500), 50);
    ck_assert_double_eq(host_stats_quantile_us(&h, 990), 99);
    h.latency[3] = 100;                                 /* 500 to 1000 us */
    ck_assert_double_eq(host_stats_quantile_us(&h, 500), 100);
    ck_assert_double_eq(host_stats_quantile_us(&h, 750), 750);
    ck_assert_double_eq(host_stats_quantile_us(&h, 1000), 1000);
    h.latency[LATENCY_BOUNDS] = 800;                    /* beyond all bounds */
    ck_assert_double_eq(host_stats_quantile_us(&h, 999), 10000000);
}
END_TEST

/* ---- the master and its readers ------------------------------------------------------------ */

START_TEST(verdict_is_kept_and_cut)
{
    struct counters_segment *segment = counters_create(1);
    struct counters_master m;
    char text[sizeof(m.verdict) + 10];

    now.wall_s = 1000;
    counters_note_reload(segment, false, STR("no such file"));
    now.wall_s = 2000;
    counters_note_reload(segment, false, STR("unknown directive"));
    counters_master(segment, &m);
    ck_assert_uint_eq(m.reloads_failed, 2);
    ck_assert_uint_eq(m.reloads_ok, 0);
    ck_assert_uint_eq(m.last_reload_ok, 0);
    ck_assert_uint_eq(m.last_reload_time_s, 2000);
    ck_assert(str_eq((struct str){ m.verdict, m.verdict_len }, STR("unknown directive")));
    memset(text, 'x', sizeof(text));
    counters_note_reload(segment, true, (struct str){ text, sizeof(text) });
    counters_master(segment, &m);
    ck_assert_uint_eq(m.reloads_ok, 1);
    ck_assert_uint_eq(m.last_reload_ok, 1);
    ck_assert_uint_eq(m.verdict_len, sizeof(m.verdict));
    counters_note_killed(segment);
    counters_note_respawn(segment);
    counters_note_generation(segment, 4);
    counters_master(segment, &m);
    ck_assert_uint_eq(m.workers_killed, 1);
    ck_assert_uint_eq(m.workers_respawned, 1);
    ck_assert_uint_eq(m.generation, 4);
    counters_destroy(segment);
}
END_TEST

START_TEST(old_generations_are_those_with_workers)
{
    struct counters_segment *segment = counters_create(6);

    counters_note_generation(segment, 5);
    ck_assert_uint_eq(counters_old_generations(segment), 0);
    counters_use(segment, 0, 3);
    counters_use(segment, 1, 3);
    counters_use(segment, 2, 4);
    counters_use(segment, 3, 5);
    counters_use(segment, 4, 6);                        /* of a reload under way */
    ck_assert_uint_eq(counters_old_generations(segment), 2);
    counters_retire(segment, 0);
    ck_assert_uint_eq(counters_old_generations(segment), 2);
    counters_retire(segment, 1);
    ck_assert_uint_eq(counters_old_generations(segment), 1);
    counters_destroy(segment);
}
END_TEST

START_TEST(pause_under_way_is_included)
{
    struct counters_segment *segment = counters_create(1);
    struct counters sum, copy;

    counters_use(segment, 0, 1);
    stats->time_in_listen_disabled_us = 50;
    counters_sum(segment, &sum);
    ck_assert_uint_eq(sum.time_in_listen_disabled_us, 50);
    stats->time_in_listen_disabled_us -= clock_mono_us() - 1000000;     /* for a second now */
    counters_sum(segment, &sum);
    ck_assert(counters_copy(segment, 0, &copy));
    ck_assert_uint_ge(sum.time_in_listen_disabled_us, 1000050);
    ck_assert_uint_lt(sum.time_in_listen_disabled_us, 61000050);
    ck_assert_uint_ge(copy.time_in_listen_disabled_us, sum.time_in_listen_disabled_us);
    counters_retire(segment, 0);                        /* killed while it paused */
    counters_sum(segment, &sum);
    ck_assert_uint_ge(sum.time_in_listen_disabled_us, copy.time_in_listen_disabled_us);
    ck_assert(!counters_copy(segment, 0, &copy));
    counters_destroy(segment);
}
END_TEST

/* All of the shared memory that holds this address. */
static void
overwrite_mapping(const void *within, int byte)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    uintptr_t at = (uintptr_t)within, from = 0, to = 0;
    char line[512], *end;

    ck_assert_ptr_nonnull(maps);
    while (at < from || at >= to) {
        ck_assert_ptr_nonnull(fgets(line, sizeof(line), maps));
        from = strtoul(line, &end, 16);
        to = strtoul(end + 1, NULL, 16);
    }
    fclose(maps);
    memset((char *)(uintptr_t)within - (at - from), byte, to - from);
}

static const int bytes_of_others[] = { 0xff, 0x7f, 0x01, 0x00 };

/* A worker writes to the same memory as the master, who is root. */
START_TEST(what_others_write_leads_nobody_astray)
{
    struct counters_segment *segment = counters_create(3);
    struct counters sum;
    struct host_stats row;
    struct counters_master m;

    ck_assert_uint_eq(counters_host(segment, STR("a")), 0);
    counters_use(segment, 0, 1);
    overwrite_mapping(counters_block(segment, 0), bytes_of_others[_i]);
    ck_assert_uint_eq(counters_blocks(segment), 3);
    ck_assert_uint_le(counters_used_blocks(segment), 3);
    ck_assert_uint_le(counters_hosts(segment), HOSTS_MAX + 1);
    ck_assert_int_lt(counters_reserve(segment), 3);
    counters_retire(segment, 0);
    ck_assert_uint_le(counters_host(segment, STR("b")), HOSTS_MAX);
    counters_note_reload(segment, true, STR("well"));
    overwrite_mapping(counters_block(segment, 0), bytes_of_others[_i]);
    counters_master(segment, &m);
    ck_assert_uint_le(m.verdict_len, sizeof(m.verdict));
    counters_sum(segment, &sum);
    (void)counters_copy(segment, 2, &sum);
    for (unsigned i = 0; i < counters_hosts(segment); i++) {
        ck_assert_uint_le(counters_host_name(segment, i).len, HOST_NAME_MAX_LEN);
        counters_host_sum(segment, i, &row);
    }
    (void)counters_old_generations(segment);
    (void)counters_room(segment);
    counters_destroy(segment);
}
END_TEST

enum { TURNS = 3000 };

/* Another process reads while this one writes: it exits with 1 when something goes back. */
static _Noreturn void
watch(const struct counters_segment *segment)
{
    struct counters sum;
    struct host_stats row;
    struct counters_master m;
    uint64_t requests = 0, answers = 0;

    do {
        counters_sum(segment, &sum);
        counters_host_sum(segment, 0, &row);
        counters_master(segment, &m);
        if (sum.requests < requests || host_stats_count(&row) < answers)
            _exit(1);
        for (uint32_t i = 1; i < m.verdict_len; i++)
            if (m.verdict[i] != m.verdict[0])
                _exit(2);
        requests = sum.requests;
        answers = host_stats_count(&row);
    } while (sum.requests < TURNS * 30);
    _exit(0);
}

START_TEST(reader_never_sees_a_counter_go_back_nor_half_a_verdict)
{
    struct counters_segment *segment = counters_create(3);
    char text[1500];
    int status;
    pid_t reader;

    ck_assert_uint_eq(counters_host(segment, STR("a")), 0);
    for (unsigned i = 0; i < 3; i++)
        counters_use(segment, i, 1);
    reader = fork();
    if (reader == 0)
        watch(segment);
    for (unsigned n = 0; n < TURNS; n++) {
        memset(text, (int)('a' + n % 26), sizeof(text));
        for (unsigned i = 0; i < 30; i++) {
            counters_use(segment, i % 3, n);
            stats->requests++;
            counters_answered(0, n, 1, 200);
            counters_retire(segment, i % 3);
        }
        counters_note_reload(segment, true, (struct str){ text, 100 + n % 1400 });
        usleep(10);             /* or there is hardly a moment without a writer */
    }
    while (waitpid(reader, &status, 0) == -1)
        ck_assert_int_eq(errno, EINTR);
    ck_assert_int_eq(status, 0);
    counters_destroy(segment);
}
END_TEST

START_TEST(segment_is_found_by_who_has_one)
{
    struct counters_segment *segment;

    ck_assert_ptr_null(counters_shared());
    segment = counters_create(1);
    ck_assert_ptr_eq(counters_shared(), segment);
    counters_destroy(segment);
    ck_assert_ptr_null(counters_shared());
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/counters");

    unit_add(suite, process_counts_privately_before_it_has_a_block, 1);
    unit_add(suite, every_counter_is_named_and_placed_once, 1);
    unit_add(suite, blocks_do_not_share_cache_lines, 1);
    unit_add(suite, used_block_is_fresh_and_signed, 1);
    unit_add(suite, what_workers_counted_outlives_them_but_gauges_do_not, 1);
    unit_add(suite, block_is_free_until_reserved_or_used_and_again_when_retired, 1);
    unit_add(suite, host_keeps_its_row, 1);
    unit_add(suite, long_names_count_up_to_their_limit, 1);
    unit_add(suite, hosts_beyond_the_limit_share_a_row, 1);
    unit_add(suite, host_called_other_shares_its_row_with_those_beyond, 1);
    unit_add(suite, what_was_counted_for_a_host_outlives_the_worker, 1);
    unit_add(suite, duration_counts_in_the_first_bucket_it_fits, ARRAY_LEN(durations));
    unit_add(suite, quantiles_lie_on_lines_within_the_buckets, 1);
    unit_add(suite, verdict_is_kept_and_cut, 1);
    unit_add(suite, old_generations_are_those_with_workers, 1);
    unit_add(suite, pause_under_way_is_included, 1);
    unit_add(suite, what_others_write_leads_nobody_astray, ARRAY_LEN(bytes_of_others));
    unit_add(suite, reader_never_sees_a_counter_go_back_nor_half_a_verdict, 1);
    unit_add(suite, segment_is_found_by_who_has_one, 1);
    return unit_run(suite);
}
