/* SPDX-License-Identifier: BSD-2-Clause */
/* pace: see pace.h. */
#include "http/h1/pace.h"
#include "base/compiler.h"

enum {
    SECOND_US = 1000000,
    PORTIONS = 8,               /* a second */
    PACKET = 1460,              /* bytes */
    LATE_US = SECOND_US / PORTIONS      /* a portion may be so late and is still made up for */
};

/* Beyond any network; products with it and some seconds of time fit into 64 bits. */
static const uint64_t RATE_MAX = UINT64_C(1) << 42;

void
pace_start(struct pace *pace, uint64_t rate, uint64_t after, uint64_t now_us)
{
    uint64_t portion;

    rate = MIN(rate, RATE_MAX);
    portion = MAX(rate / PORTIONS, MIN(rate, PACKET));
    *pace = (struct pace){
        .rate = rate,
        .portion = portion,
        .portion_us = portion * SECOND_US / rate,
        .free_bytes = after,
    };
    pace->paid_us = now_us > pace->portion_us ? now_us - pace->portion_us : 0;
}

uint64_t
pace_allowed(struct pace *pace, uint64_t now_us)
{
    uint64_t credit_us = now_us > pace->paid_us ? now_us - pace->paid_us : 0;

    if (credit_us > pace->portion_us + LATE_US) {
        credit_us = pace->portion_us + LATE_US;
        pace->paid_us = now_us - credit_us;
    }
    if (credit_us < pace->portion_us)
        return pace->free_bytes;
    return pace->free_bytes + MAX(credit_us * pace->rate / SECOND_US, 1);
}

void
pace_spend(struct pace *pace, uint64_t bytes)
{
    uint64_t free_bytes = MIN(bytes, pace->free_bytes);

    pace->free_bytes -= free_bytes;
    bytes -= free_bytes;
    /* Rounded up: rather too slow by a millionth than too fast. */
    while (bytes > 0) {
        uint64_t some = MIN(bytes, RATE_MAX);

        pace->paid_us += (some * SECOND_US + pace->rate - 1) / pace->rate;
        bytes -= some;
    }
}

uint64_t
pace_wait_ms(const struct pace *pace, uint64_t now_us)
{
    uint64_t due_us = pace->paid_us + pace->portion_us;

    if (pace->free_bytes > 0 || due_us <= now_us)
        return 0;
    return (due_us - now_us + 999) / 1000;
}
