/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/bucket.h"
#include "base/compiler.h"

/*
 * Clocks of one system differ by a turn of a worker's loop at most. What lies further ahead is no
 * time at all, and must not keep a bucket from draining.
 */
enum { CLOCK_SLACK_MS = 60000 };

static void
drain(struct bucket *b, uint64_t units_a_ms, uint64_t now_ms)
{
    uint64_t passed;

    if (now_ms < b->last_ms && b->last_ms - now_ms <= CLOCK_SLACK_MS)
        return;
    passed = now_ms > b->last_ms ? now_ms - b->last_ms : 0;
    b->last_ms = now_ms;
    /* Compared so, the product fits. */
    if (passed > b->level / units_a_ms)
        b->level = 0;
    else
        b->level -= passed * units_a_ms;
}

/* Rounded up: afterwards it is drained. */
static uint64_t
time_for(uint64_t units, uint64_t units_a_ms)
{
    return units / units_a_ms + (units % units_a_ms != 0);
}

struct bucket_answer
bucket_pour(struct bucket *bucket, const struct bucket_rule *rule, uint64_t now_ms)
{
    struct bucket_answer answer = { .verdict = BUCKET_PASSED };
    uint64_t level;

    drain(bucket, rule->drain, now_ms);
    level = bucket->level;
    answer.excess = level / (BUCKET_REQUEST / 1000);
    if (level > rule->burst) {
        answer.verdict = BUCKET_REFUSED;
        answer.wait_ms = time_for(level - rule->burst, rule->drain);
        return answer;
    }
    bucket->level = level + BUCKET_REQUEST;
    if (level > rule->delay) {
        answer.verdict = BUCKET_DELAYED;
        answer.wait_ms = time_for(level - rule->delay, rule->drain);
    }
    return answer;
}

void
bucket_take_back(struct bucket *bucket)
{
    bucket->level -= MIN(bucket->level, BUCKET_REQUEST);
}
