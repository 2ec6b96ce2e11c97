/* SPDX-License-Identifier: BSD-2-Clause */
/* slow: see slow.h. */
#include "http/h1/slow.h"

void
slow_begin(struct slow *slow, enum slow_part part, uint64_t bytes, uint64_t now_ms,
           uint64_t interval_ms)
{
    *slow = (struct slow){
        .part = part, .since_ms = now_ms, .bytes = bytes, .look_ms = now_ms + interval_ms,
    };
}

void
slow_pause(struct slow *slow, uint64_t now_ms)
{
    if (slow->paused_ms == 0)
        slow->paused_ms = now_ms;
}

void
slow_resume(struct slow *slow, uint64_t now_ms)
{
    if (slow->paused_ms == 0)
        return;
    slow->since_ms += now_ms - slow->paused_ms;
    slow->look_ms += now_ms - slow->paused_ms;
    slow->paused_ms = 0;
}

bool
slow_look(struct slow *slow, uint64_t rate, uint64_t bytes, uint64_t now_ms, uint64_t interval_ms)
{
    uint64_t passed_ms = now_ms - slow->since_ms, wanted;

    if (__builtin_mul_overflow(rate, passed_ms, &wanted))
        wanted = UINT64_MAX;
    if (bytes - slow->bytes < wanted / 1000)
        return true;
    slow->look_ms = now_ms + interval_ms;
    return false;
}
