/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer: a hierarchical timing wheel; arming, re-arming and cancelling are O(1).
 *
 * Ticks are milliseconds of the monotonic clock. A timer fires once, at or after its time, never
 * before it.
 */
#ifndef WEIR_EVENT_TIMER_H
#define WEIR_EVENT_TIMER_H

#include "base/list.h"
#include <stddef.h>
#include <stdint.h>

struct timer {
    struct link link;           /* linked while armed */
    uint64_t expires_ms;        /* good while armed */
    void (*fire)(struct timer *timer);
};

enum { TIMER_LEVELS = 4, TIMER_SLOTS = 256 };

/*
 * Level g holds the timers whose expiry differs from now_ms in the g-th group of eight bits, and in
 * none above it; the slot is that group of the expiry. So each slot in use lies ahead of now_ms,
 * all of one level come before all of the next, and a slot of level 0 is one instant.
 */
struct timer_wheel {
    uint64_t now_ms;            /* all that expires at or before this has fired, or is in `due` */
    struct link due;            /* armed for a time that had passed already */
    struct link beyond;         /* differs above the last level */
    uint64_t occupied[TIMER_LEVELS][TIMER_SLOTS / 64];      /* a bit a slot: may hold timers */
    struct link slots[TIMER_LEVELS][TIMER_SLOTS];
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms);

/* A timer must be initialised once before anything else is done with it. */
void timer_init(struct timer *timer, void (*fire)(struct timer *timer));

static inline bool
timer_is_armed(const struct timer *timer)
{
    return link_is_linked(&timer->link);
}

/* Arms, or moves an armed one. A time in the past fires at the next timer_wheel_advance. */
void timer_arm(struct timer_wheel *wheel, struct timer *timer, uint64_t expires_ms);
void timer_cancel(struct timer *timer);

/*
 * Milliseconds from wheel->now_ms until something may have to be done; -1 when nothing is armed.
 * May be early (a coarse slot is due to be sorted into finer ones), never late.
 */
int64_t timer_wheel_wait(struct timer_wheel *wheel);

/*
 * Fires all that is due at now_ms, in order of time (what was armed for the past comes first, in
 * the order of arming). A fire function may arm, cancel and free any timer, itself included; what
 * it arms fires at a later call, even if its time has come. Returns how many fired.
 */
unsigned timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ms);

#endif
