/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slow: whether a peer that we wait for gets on fast enough (client_min_rate).
 *
 * What is measured is one part of a request, from the moment when we first had to wait for it: the
 * average since then, looked at after each interval. Time in which the peer had to wait for us does
 * not count.
 */
#ifndef WEIR_HTTP_H1_SLOW_H
#define WEIR_HTTP_H1_SLOW_H

#include <stdbool.h>
#include <stdint.h>

/* What is waited for. */
enum slow_part { SLOW_NOTHING, SLOW_HEAD, SLOW_BODY, SLOW_ANSWER };

/* All zero: nothing is measured. Times are monotonic. */
struct slow {
    enum slow_part part;
    uint64_t since_ms;
    uint64_t bytes;             /* that had moved then */
    uint64_t look_ms;           /* when to look next */
    uint64_t paused_ms;         /* the peer waits for us since then; 0: it does not */
};

/* Begins a part, at which `bytes` have moved so far. */
void slow_begin(struct slow *slow, enum slow_part part, uint64_t bytes, uint64_t now_ms,
                uint64_t interval_ms);

/* The peer waits for us from now on, or does not any more. */
void slow_pause(struct slow *slow, uint64_t now_ms);
void slow_resume(struct slow *slow, uint64_t now_ms);

/*
 * Whether less than `rate` bytes a second moved since the part began, `bytes` having moved by now.
 * When not, the next look is an interval away.
 */
bool slow_look(struct slow *slow, uint64_t rate, uint64_t bytes, uint64_t now_ms,
               uint64_t interval_ms);

#endif
