/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pace: how many bytes of an answer may go now (limit_rate, limit_rate_after).
 *
 * Bytes earn their way: each takes its share of time, and they leave in portions of an eighth of a
 * second's worth (of a packet, where the rate is so low that this would be less). The clock runs
 * from the first portion on, so that nothing drifts; but what a client did not take in time is not
 * made up for: never more than a quarter of a second's worth goes at once.
 */
#ifndef WEIR_HTTP_H1_PACE_H
#define WEIR_HTTP_H1_PACE_H

#include <stdint.h>

struct pace {
    uint64_t rate;              /* bytes a second, at least 1 */
    uint64_t portion;           /* bytes that are worth a write */
    uint64_t portion_us;        /* what they take */
    uint64_t free_bytes;        /* of limit_rate_after: take no time */
    uint64_t paid_us;           /* the bytes sent so far have used up the time until here */
};

/* rate: at least 1. The first portion may go at once. */
void pace_start(struct pace *pace, uint64_t rate, uint64_t after, uint64_t now_us);

/* Bytes that may go now; 0 while less than a portion would. */
uint64_t pace_allowed(struct pace *pace, uint64_t now_us);
/* They went. */
void pace_spend(struct pace *pace, uint64_t bytes);

/* Milliseconds until pace_allowed() is more than 0; 0: it is. */
uint64_t pace_wait_ms(const struct pace *pace, uint64_t now_us);

#endif
