/* SPDX-License-Identifier: BSD-2-Clause */
/* timer: the wheel; timer.h says where a timer lies. */
#include "event/timer.h"
#include "base/compiler.h"

enum { GROUP_BITS = 8 };

static void
move_all(struct link *to, struct link *from)
{
    while (!list_is_empty(from)) {
        struct link *link = from->next;

        link_remove(link);
        list_push(to, link);
    }
}

void
timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms)
{
    wheel->now_ms = now_ms;
    link_init(&wheel->due);
    link_init(&wheel->beyond);
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        for (unsigned i = 0; i < TIMER_SLOTS / 64; i++)
            wheel->occupied[level][i] = 0;
        for (unsigned slot = 0; slot < TIMER_SLOTS; slot++)
            link_init(&wheel->slots[level][slot]);
    }
}

void
timer_init(struct timer *timer, void (*fire)(struct timer *timer))
{
    link_init(&timer->link);
    timer->expires_ms = 0;
    timer->fire = fire;
}

/* Puts a timer that expires after wheel->now_ms where it belongs. */
static void
place(struct timer_wheel *wheel, struct timer *timer)
{
    uint64_t differing = timer->expires_ms ^ wheel->now_ms;
    unsigned level = (63 - (unsigned)__builtin_clzll(differing)) / GROUP_BITS;
    unsigned slot;

    if (level >= TIMER_LEVELS) {
        list_push(&wheel->beyond, &timer->link);
        return;
    }
    slot = (timer->expires_ms >> (level * GROUP_BITS)) % TIMER_SLOTS;
    wheel->occupied[level][slot / 64] |= UINT64_C(1) << (slot % 64);
    list_push(&wheel->slots[level][slot], &timer->link);
}

void
timer_arm(struct timer_wheel *wheel, struct timer *timer, uint64_t expires_ms)
{
    link_remove(&timer->link);
    timer->expires_ms = expires_ms;
    if (expires_ms <= wheel->now_ms)
        list_push(&wheel->due, &timer->link);
    else
        place(wheel, timer);
}

void
timer_cancel(struct timer *timer)
{
    link_remove(&timer->link);
}

/*
 * The first slot of a level that holds a timer, or -1. Cancelling leaves the bits alone, for it
 * knows no wheel: the slots that it emptied are forgotten here.
 */
static int
first_slot(struct timer_wheel *wheel, unsigned level)
{
    for (unsigned i = 0; i < TIMER_SLOTS / 64; i++) {
        uint64_t *bits = &wheel->occupied[level][i];

        while (*bits != 0) {
            unsigned slot = i * 64 + (unsigned)__builtin_ctzll(*bits);

            if (!list_is_empty(&wheel->slots[level][slot]))
                return (int)slot;
            *bits &= *bits - 1;
        }
    }
    return -1;
}

/* The list that needs attention next, and when; NULL when nothing is armed. */
static struct link *
next_list(struct timer_wheel *wheel, uint64_t *at_ms)
{
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        int slot = first_slot(wheel, level);
        unsigned shift = level * GROUP_BITS;
        uint64_t above = wheel->now_ms >> shift >> GROUP_BITS << GROUP_BITS;

        if (slot >= 0) {
            *at_ms = (above | (unsigned)slot) << shift;
            return &wheel->slots[level][slot];
        }
    }
    if (list_is_empty(&wheel->beyond))
        return NULL;
    *at_ms = (wheel->now_ms | UINT32_MAX) + 1;
    return &wheel->beyond;
}

int64_t
timer_wheel_wait(struct timer_wheel *wheel)
{
    uint64_t at_ms;

    if (!list_is_empty(&wheel->due))
        return 0;
    if (next_list(wheel, &at_ms) == NULL)
        return -1;
    return (int64_t)(at_ms - wheel->now_ms);
}

/* Sorts a list whose time has come: what is due goes to `firing`, the rest to finer slots. */
static void
settle(struct timer_wheel *wheel, struct link *list, struct link *firing)
{
    struct link sorting;

    link_init(&sorting);
    move_all(&sorting, list);
    while (!list_is_empty(&sorting)) {
        struct timer *timer = CONTAINER_OF(sorting.next, struct timer, link);

        link_remove(&timer->link);
        if (timer->expires_ms <= wheel->now_ms)
            list_push(firing, &timer->link);
        else
            place(wheel, timer);
    }
}

/*
 * All that is due is collected before the first one fires, so that what a fire function arms cannot
 * keep this call going. A collected timer is still armed, and can be cancelled or moved.
 */
unsigned
timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ms)
{
    struct link firing, *list;
    unsigned fired = 0;
    uint64_t at_ms;

    link_init(&firing);
    move_all(&firing, &wheel->due);
    if (now_ms > wheel->now_ms) {
        while ((list = next_list(wheel, &at_ms)) != NULL && at_ms <= now_ms) {
            wheel->now_ms = at_ms;
            settle(wheel, list, &firing);
        }
        wheel->now_ms = now_ms;
    }
    while (!list_is_empty(&firing)) {
        struct timer *timer = CONTAINER_OF(firing.next, struct timer, link);

        link_remove(&timer->link);
        fired++;
        timer->fire(timer);
    }
    return fired;
}
