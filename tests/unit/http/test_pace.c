/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/compiler.h"
#include "http/h1/pace.h"
#include "unit.h"

static const uint64_t BEGIN_US = UINT64_C(5000000000), NO_END = UINT64_C(1) << 62;

/* A transfer, written as soon as it may be, the timer late by `late_us` each time. */
struct transfer {
    uint64_t took_us, largest;
};

static struct transfer
transfer(uint64_t rate, uint64_t after, uint64_t bytes, uint64_t most, uint64_t late_us)
{
    struct transfer t = { 0 };
    struct pace pace;
    uint64_t now_us = BEGIN_US;

    pace_start(&pace, rate, after, now_us);
    while (bytes > 0) {
        uint64_t allowed = pace_allowed(&pace, now_us), n = MIN(MIN(allowed, most), bytes);
        uint64_t beyond = n > pace.free_bytes ? n - pace.free_bytes : 0;

        ck_assert(n > 0);
        t.largest = MAX(t.largest, beyond);
        pace_spend(&pace, n);
        bytes -= n;
        if (bytes > 0 && pace_wait_ms(&pace, now_us) > 0)
            now_us += pace_wait_ms(&pace, now_us) * 1000 + late_us;
    }
    t.took_us = now_us - BEGIN_US;
    return t;
}

static const struct { uint64_t rate, after, bytes, most, late_us, seconds; } transfers[] = {
    { 100000, 0, 300000, NO_END, 0, 3 },
    { 100000, 0, 300000, NO_END, 20000, 3 },
    { 100000, 0, 300000, 1000, 0, 3 },          /* a socket that takes little at a time */
    { 100000, 200000, 500000, NO_END, 0, 3 },
    { 100000, 200000, 200000, NO_END, 0, 0 },
    { 100000, NO_END, 500000, NO_END, 0, 0 },
    { 1000000, 0, 3600000000, NO_END, 3000, 3600 },     /* nothing drifts in an hour */
    { 333333, 0, 333333000, NO_END, 7000, 1000 },
    { 1, 0, 3600, NO_END, 0, 3600 },
    { 100, 0, 10000, NO_END, 0, 100 },
    { UINT64_C(1) << 40, 0, UINT64_C(3) << 40, NO_END, 0, 3 },
};

START_TEST(transfer_takes_its_time_whatever_the_timer_does)
{
    uint64_t rate = transfers[_i].rate, wanted_us = transfers[_i].seconds * 1000000;
    uint64_t portion_us = MAX(125000, MIN(1000000, UINT64_C(1460) * 1000000 / rate));
    struct transfer t = transfer(rate, transfers[_i].after, transfers[_i].bytes,
                                 transfers[_i].most, transfers[_i].late_us);

    /* The first portion is free of charge, the last may be late and rounded. */
    ck_assert_uint_le(t.took_us, wanted_us + transfers[_i].late_us + 1000 + wanted_us / 10000);
    ck_assert_uint_ge(t.took_us + portion_us + 1000, wanted_us);
    ck_assert_uint_le(t.largest, MAX(rate / 4, MIN(rate, 1460)) + rate / 8 + 1);
}
END_TEST

START_TEST(no_portion_is_worth_more_than_a_quarter_of_a_second)
{
    struct pace pace;

    pace_start(&pace, 100000, 0, BEGIN_US);
    ck_assert_uint_eq(pace_allowed(&pace, BEGIN_US), 12500);
    pace_spend(&pace, 12500);
    ck_assert_uint_eq(pace_allowed(&pace, BEGIN_US + 124999), 0);
    ck_assert_uint_eq(pace_allowed(&pace, BEGIN_US + 125000), 12500);
    ck_assert_uint_eq(pace_allowed(&pace, BEGIN_US + 3600000000), 25000);
}
END_TEST

START_TEST(waits_until_a_portion_is_due)
{
    struct pace pace;

    pace_start(&pace, 100000, 0, BEGIN_US);
    ck_assert_uint_eq(pace_wait_ms(&pace, BEGIN_US), 0);
    pace_spend(&pace, 12500);
    ck_assert_uint_eq(pace_wait_ms(&pace, BEGIN_US), 125);
    ck_assert_uint_eq(pace_wait_ms(&pace, BEGIN_US + 100), 125);
    ck_assert_uint_eq(pace_wait_ms(&pace, BEGIN_US + 125000), 0);
    pace_spend(&pace, 100000);
    ck_assert_uint_eq(pace_wait_ms(&pace, BEGIN_US + 125000), 1000);
}
END_TEST

static const uint64_t rates[] = { 1, 2, 7, 8, 1459, 1460, 1461, 65536, UINT32_MAX, UINT64_MAX };

/* Neither stands still nor overflows. */
START_TEST(any_rate_gets_on)
{
    struct pace pace;
    uint64_t now_us = 1;        /* a machine that has just started */

    pace_start(&pace, rates[_i], 0, now_us);
    for (int i = 0; i < 20; i++) {
        uint64_t allowed = pace_allowed(&pace, now_us), ms;

        ck_assert_uint_le(allowed, rates[_i]);
        pace_spend(&pace, allowed);
        ms = pace_wait_ms(&pace, now_us);
        ck_assert(ms <= 2000 && (allowed == 0 || ms > 0));
        now_us += ms * 1000;
        ck_assert_uint_gt(pace_allowed(&pace, now_us), 0);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/h1/pace");

    unit_add(suite, transfer_takes_its_time_whatever_the_timer_does, ARRAY_LEN(transfers));
    unit_add(suite, no_portion_is_worth_more_than_a_quarter_of_a_second, 1);
    unit_add(suite, waits_until_a_portion_is_due, 1);
    unit_add(suite, any_rate_gets_on, ARRAY_LEN(rates));
    return unit_run(suite);
}
