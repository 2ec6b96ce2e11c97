/* SPDX-License-Identifier: BSD-2-Clause */
/* counters: blocks that workers own and the master sums. */
#include "unit.h"
#include "base/clock.h"
#include "base/counters.h"
#include <errno.h>
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
    ck_assert_uint_eq(counter_count * sizeof(uint64_t), offsetof(struct counters, pid));
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
    return unit_run(suite);
}
