/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bucket: a leaky bucket. Each request pours one measure in, time drains it; one that finds too
 * much in it must wait, or go.
 *
 * All is counted in whole units of which BUCKET_REQUEST are a request, so that the rates of a conf
 * file, per second or per minute, drain whole units a millisecond: nothing is ever rounded away.
 */
#ifndef WEIR_HTTP_BUCKET_H
#define WEIR_HTTP_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

static const uint64_t BUCKET_REQUEST = 60000;

/* All zero: an empty one. */
struct bucket {
    uint64_t level;             /* units in it at last_ms */
    uint64_t last_ms;           /* monotonic */
};

struct bucket_rule {
    uint64_t drain;             /* units a millisecond; never 0 */
    uint64_t burst;             /* units that a request may find at most */
    uint64_t delay;             /* units that a request may find without having to wait */
};

enum bucket_verdict { BUCKET_PASSED, BUCKET_DELAYED, BUCKET_REFUSED };

struct bucket_answer {
    enum bucket_verdict verdict;
    uint64_t wait_ms;           /* DELAYED: until its turn; REFUSED: until it would be taken */
    uint64_t excess;            /* requests beyond the rate, in thousandths */
};

/* A request at now_ms, which may be a little before the last one's: processes share buckets. */
struct bucket_answer bucket_pour(struct bucket *bucket, const struct bucket_rule *rule,
                                 uint64_t now_ms);
/* One request that was taken did not come about after all. */
void bucket_take_back(struct bucket *bucket);

#endif
