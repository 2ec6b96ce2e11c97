/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top_numbers: what two reports, one after the other, say about the time between them.
 */
#ifndef WEIR_PROC_TOP_NUMBERS_H
#define WEIR_PROC_TOP_NUMBERS_H

#include "http/report.h"

enum { QUANTILES = 3 };         /* p50, p90, p99 */

/* Connections by what they do; together they are all slots. */
enum pool_part { POOL_READING, POOL_WRITING, POOL_IDLE, POOL_LINGERING, POOL_FREE, POOL_PARTS };

/* Whatever ends in _s is a rate, in things a second. */
struct top_worker {
    int64_t pid;
    uint64_t generation, open, pauses;
    const char *state;                  /* see report_state */
    uint64_t pool[POOL_PARTS];
    double requests_s, drains_s, refusals_s;
};

struct top_host {
    struct str name;                    /* without control bytes */
    double requests_s, failures_4xx_s, failures_5xx_s, bytes_s;
    double latency_ms[QUANTILES];       /* 0: no answers */
};

enum top_order { BY_REQUESTS, BY_FAILURES, BY_LATENCY, BY_BYTES, BY_NAME, TOP_ORDERS };

struct top_numbers {
    bool has_rates;                     /* false: there is nothing to compare with, all are 0 */
    uint64_t open, slots;
    double requests_s, responses_s[STATUS_CLASSES], received_s, sent_s, drains_s, refusals_s;
    double latency_ms[QUANTILES];
    struct top_worker *workers;
    struct top_host *hosts;
    unsigned workers_len, hosts_len;
};

/*
 * In the arena; names of hosts are those of `now`. before: an earlier report, or NULL. One of
 * another start of the server is not compared with, for all counters began anew. The hosts are in
 * the order wanted, largest first, and by name where that leaves it open. NULL when memory is
 * short.
 */
struct top_numbers *top_compare(struct arena *arena, const struct report *before,
                                const struct report *now, enum top_order order);

#endif
