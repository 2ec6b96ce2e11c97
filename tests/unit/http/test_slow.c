/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/compiler.h"
#include "http/h1/slow.h"
#include "unit.h"

enum { BEGIN = 5000, INTERVAL = 1000 };

static const struct { uint64_t rate, bytes, ms; bool slow; } looks[] = {
    { 1000, 1000, 1000, false },
    { 1000, 999, 1000, true },
    { 1000, 1000, 1001, true },
    { 1, 0, 1000, true },
    { 1, 0, 999, false },               /* less than a byte was asked for */
    { 1, 1, 1999, false },
    { INT64_MAX, 1u << 30, 1000, true },        /* no overflow lets it pass */
    { INT64_MAX, UINT64_MAX, 1000, false },
};

START_TEST(the_average_since_the_begin_decides)
{
    struct slow slow;

    slow_begin(&slow, SLOW_BODY, 0, BEGIN, INTERVAL);
    ck_assert_uint_eq(slow.look_ms, BEGIN + INTERVAL);
    ck_assert_int_eq(slow_look(&slow, looks[_i].rate, looks[_i].bytes, BEGIN + looks[_i].ms,
                               INTERVAL), looks[_i].slow);
}
END_TEST

START_TEST(only_what_moved_since_the_begin_counts)
{
    struct slow slow;

    slow_begin(&slow, SLOW_ANSWER, UINT64_MAX - 99, BEGIN, INTERVAL);   /* sums may wrap */
    ck_assert(!slow_look(&slow, 200, 100, BEGIN + 1000, INTERVAL));
    ck_assert_uint_eq(slow.look_ms, BEGIN + 2000);
    ck_assert(slow_look(&slow, 200, 100, BEGIN + 2000, INTERVAL));
}
END_TEST

START_TEST(time_in_which_the_peer_waits_for_us_does_not_count)
{
    struct slow slow;

    slow_begin(&slow, SLOW_ANSWER, 0, BEGIN, INTERVAL);
    slow_pause(&slow, BEGIN + 500);
    slow_pause(&slow, BEGIN + 900);     /* paused already */
    slow_resume(&slow, BEGIN + 10500);
    slow_resume(&slow, BEGIN + 10600);
    ck_assert_uint_eq(slow.look_ms, BEGIN + 11000);
    ck_assert(!slow_look(&slow, 1000, 1000, BEGIN + 11000, INTERVAL));
    ck_assert(slow_look(&slow, 1000, 1999, BEGIN + 12000, INTERVAL));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/h1/slow");

    unit_add(suite, the_average_since_the_begin_decides, ARRAY_LEN(looks));
    unit_add(suite, only_what_moved_since_the_begin_counts, 1);
    unit_add(suite, time_in_which_the_peer_waits_for_us_does_not_count, 1);
    return unit_run(suite);
}
