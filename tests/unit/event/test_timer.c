/* SPDX-License-Identifier: BSD-2-Clause */
/* timer: the wheel against a plain list, exact times, and what a fire function may do. */
#include "unit.h"
#include "event/timer.h"

#include <stdbool.h>

enum { TIMERS = 400, STEPS = 4000 };

/* A timer and what the model knows of it. */
struct watched {
    struct timer timer;
    bool armed;
    uint64_t expires_ms;
    unsigned fired;
    void (*then)(struct watched *watched);
};

static struct timer_wheel wheel;
static uint64_t last_ms;        /* expiry of the one that fired last */

static void
on_fire(struct timer *timer)
{
    struct watched *watched = CONTAINER_OF(timer, struct watched, timer);

    watched->fired += timer_is_armed(timer) ? 100 : 1;  /* it never is, when it fires */
    watched->armed = false;
    last_ms = timer->expires_ms;
    if (watched->then != NULL)
        watched->then(watched);
}

static void
watch(struct watched *watched)
{
    *watched = (struct watched){ .armed = false };
    timer_init(&watched->timer, on_fire);
}

static void
arm(struct watched *watched, uint64_t expires_ms)
{
    timer_arm(&wheel, &watched->timer, expires_ms);
    watched->armed = true;
    watched->expires_ms = expires_ms;
}

static uint64_t random_state;

static uint64_t
draw(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

/* Any order of magnitude as likely as any other. */
static uint64_t
draw_span(unsigned max_bits)
{
    return draw(UINT64_C(1) << (1 + draw(max_bits)));
}

static const uint64_t starts[] = {
    0, 1, 255, 256, 65535, 0xffffff00, 0xffffffff, UINT64_C(0x100000000), UINT64_C(0xfffffffffff0),
};

static void
arm_or_cancel(struct watched *watched)
{
    uint64_t past = draw(wheel.now_ms + 1);

    switch (draw(8)) {
    case 0:
        timer_cancel(&watched->timer);
        watched->armed = false;
        break;
    case 1:
        arm(watched, past);
        break;
    default:
        arm(watched, wheel.now_ms + draw_span(36));
        break;
    }
}

static uint64_t
earliest(const struct watched *all)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < TIMERS; i++) {
        if (all[i].armed)
            first = MIN(first, all[i].expires_ms);
    }
    return first;
}

static void
advance_and_compare(struct watched *all, uint64_t to_ms)
{
    unsigned due = 0, fired = 0, wrong = 0;

    for (unsigned i = 0; i < TIMERS; i++) {
        due += all[i].armed && all[i].expires_ms <= to_ms;
        all[i].fired = 0;
    }
    ck_assert_uint_eq(timer_wheel_advance(&wheel, to_ms), due);
    for (unsigned i = 0; i < TIMERS; i++) {
        fired += all[i].fired;
        wrong += all[i].fired > 1 || all[i].armed != timer_is_armed(&all[i].timer);
        wrong += all[i].armed && all[i].expires_ms <= to_ms;
    }
    ck_assert_uint_eq(fired, due);
    ck_assert_uint_eq(wrong, 0);                /* one assertion: each is a write to a pipe */
}

START_TEST(wheel_agrees_with_a_list_of_timers)
{
    static struct watched all[TIMERS];

    random_state = 88172645463325252u + (uint64_t)_i;
    timer_wheel_init(&wheel, starts[_i]);
    for (unsigned i = 0; i < TIMERS; i++)
        watch(&all[i]);
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t first;
        int64_t wait_ms;

        for (uint64_t n = draw(10); n > 0; n--)
            arm_or_cancel(&all[draw(TIMERS)]);
        first = earliest(all);
        wait_ms = timer_wheel_wait(&wheel);
        ck_assert((wait_ms < 0) == (first == UINT64_MAX));
        ck_assert(wait_ms < 0 || wheel.now_ms + (uint64_t)wait_ms <= MAX(first, wheel.now_ms));
        advance_and_compare(all, wheel.now_ms + (draw(4) == 0 ? draw_span(34) : draw(300)));
    }
}
END_TEST

static const uint64_t spans[] = {
    1, 2, 254, 255, 256, 257, 65535, 65536, 65537, 0xffffff, 0x1000000, 0xfffffffe, 0xffffffff,
    UINT64_C(0x100000000), UINT64_C(0x100000001), UINT64_C(0x7fffffffffff),
};

START_TEST(timer_fires_at_its_time_and_not_before)
{
    for (unsigned i = 0; i < ARRAY_LEN(starts); i++) {
        struct watched one;

        timer_wheel_init(&wheel, starts[i]);
        watch(&one);
        arm(&one, starts[i] + spans[_i]);
        ck_assert_uint_eq(timer_wheel_advance(&wheel, starts[i] + spans[_i] - 1), 0);
        ck_assert_uint_eq(timer_wheel_advance(&wheel, starts[i] + spans[_i]), 1);
        ck_assert_uint_eq(one.fired, 1);
        ck_assert_int_eq(timer_wheel_wait(&wheel), -1);
    }
}
END_TEST

START_TEST(waits_end_at_the_timer_within_a_step_a_level)
{
    struct watched one;
    unsigned steps = 0;

    timer_wheel_init(&wheel, 12345);
    watch(&one);
    arm(&one, 12345 + MIN(spans[_i], UINT64_C(0xffffffff)));
    while (one.fired == 0) {
        int64_t wait_ms = timer_wheel_wait(&wheel);

        ck_assert_int_gt(wait_ms, 0);
        timer_wheel_advance(&wheel, wheel.now_ms + (uint64_t)wait_ms);
        ck_assert_uint_le(++steps, TIMER_LEVELS + 1);
    }
    ck_assert_uint_eq(wheel.now_ms, one.expires_ms);
}
END_TEST

START_TEST(cancelled_timers_wake_nobody)
{
    struct watched all[ARRAY_LEN(spans)];

    timer_wheel_init(&wheel, 77);
    for (unsigned i = 0; i < ARRAY_LEN(spans); i++) {
        watch(&all[i]);
        arm(&all[i], 77 + spans[i]);
    }
    for (unsigned i = 0; i < ARRAY_LEN(spans); i++)
        timer_cancel(&all[i].timer);
    ck_assert_int_eq(timer_wheel_wait(&wheel), -1);
    ck_assert_uint_eq(timer_wheel_advance(&wheel, UINT64_C(1) << 48), 0);
    timer_cancel(&all[0].timer);
}
END_TEST

static void
arm_at_once(struct watched *watched)
{
    arm(watched, wheel.now_ms);
}

START_TEST(timer_rearmed_for_now_fires_once_an_advance)
{
    struct watched one;

    timer_wheel_init(&wheel, 1000);
    watch(&one);
    one.then = arm_at_once;
    arm(&one, 1010);
    for (unsigned i = 1; i <= 5; i++) {
        ck_assert_uint_eq(timer_wheel_advance(&wheel, 1500), 1);
        ck_assert_uint_eq(one.fired, i);
        ck_assert_int_eq(timer_wheel_wait(&wheel), 0);
    }
}
END_TEST

static struct watched others[3];

static void
cancel_others(struct watched *watched)
{
    (void)watched;
    timer_cancel(&others[1].timer);             /* due in this very call */
    timer_arm(&wheel, &others[2].timer, 5000);  /* was due, is moved away */
}

START_TEST(fire_may_cancel_and_move_others_that_are_due)
{
    timer_wheel_init(&wheel, 0);
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        watch(&others[i]);
        arm(&others[i], 300 + i);
    }
    others[0].then = cancel_others;
    ck_assert_uint_eq(timer_wheel_advance(&wheel, 400), 1);
    ck_assert_uint_eq(timer_wheel_advance(&wheel, 4999), 0);
    ck_assert_uint_eq(timer_wheel_advance(&wheel, 5000), 1);
    ck_assert_uint_eq(others[1].fired, 0);
    ck_assert_uint_eq(others[2].fired, 1);
}
END_TEST

static void
free_itself(struct watched *watched)
{
    free(watched);
}

START_TEST(fire_may_free_its_timer)
{
    timer_wheel_init(&wheel, 0);
    for (unsigned i = 0; i < 10; i++) {
        struct watched *one = malloc(sizeof(*one));

        ck_assert_ptr_nonnull(one);
        watch(one);
        one->then = free_itself;
        arm(one, 100 + i / 2);
    }
    ck_assert_uint_eq(timer_wheel_advance(&wheel, 1000), 10);
    ck_assert_int_eq(timer_wheel_wait(&wheel), -1);
}
END_TEST

static uint64_t seen_ms;

static void
check_order(struct watched *watched)
{
    (void)watched;
    ck_assert_uint_ge(last_ms, seen_ms);
    seen_ms = last_ms;
}

START_TEST(timers_fire_in_order_of_time)
{
    static struct watched all[TIMERS];

    random_state = 4711;
    timer_wheel_init(&wheel, 99);
    for (unsigned i = 0; i < TIMERS; i++) {
        watch(&all[i]);
        all[i].then = check_order;
        arm(&all[i], 100 + draw_span(20));
    }
    ck_assert_uint_eq(timer_wheel_advance(&wheel, UINT64_C(1) << 30), TIMERS);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("event/timer");

    unit_add(suite, wheel_agrees_with_a_list_of_timers, ARRAY_LEN(starts));
    unit_add(suite, timer_fires_at_its_time_and_not_before, ARRAY_LEN(spans));
    unit_add(suite, waits_end_at_the_timer_within_a_step_a_level, ARRAY_LEN(spans));
    unit_add(suite, cancelled_timers_wake_nobody, 1);
    unit_add(suite, timer_rearmed_for_now_fires_once_an_advance, 1);
    unit_add(suite, fire_may_cancel_and_move_others_that_are_due, 1);
    unit_add(suite, fire_may_free_its_timer, 1);
    unit_add(suite, timers_fire_in_order_of_time, 1);
    return unit_run(suite);
}
