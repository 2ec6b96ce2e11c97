/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/top_numbers.h"

#include <stdlib.h>

static const unsigned quantiles[QUANTILES] = { 500, 900, 990 };

/* A counter that went back was begun anew. */
static uint64_t
grown(uint64_t before, uint64_t now)
{
    return now >= before ? now - before : now;
}

static double
rate(uint64_t before, uint64_t now, double seconds)
{
    return seconds > 0 ? (double)grown(before, now) / seconds : 0;
}

static uint64_t
refusals(const struct counters *c)
{
    return c->rejected_no_slot + c->rejected_no_memory + c->rejected_overload;
}

static void
set_pool(uint64_t pool[POOL_PARTS], const struct counters *c)
{
    pool[POOL_READING] = c->accepted + c->reading;
    pool[POOL_WRITING] = c->processing + c->writing;
    pool[POOL_IDLE] = c->waiting;
    pool[POOL_LINGERING] = c->lingering;
    pool[POOL_FREE] = c->free_connections;
}

/* ---- workers ------------------------------------------------------------------------------- */

static bool
is_same_process(const struct counters *a, const struct counters *b)
{
    return a->pid == b->pid && a->start_time_s == b->start_time_s;
}

/* What a worker that is new has counted, it counted since then. */
static const struct counters *
find_worker(const struct report *report, const struct counters *worker)
{
    static const struct counters nothing;

    for (unsigned i = 0; report != NULL && i < report->workers_len; i++)
        if (is_same_process(&report->workers[i], worker))
            return &report->workers[i];
    return &nothing;
}

static void
compare_worker(struct top_worker *t, const struct counters *before, const struct counters *now,
               double seconds)
{
    t->pid = now->pid;
    t->generation = now->generation;
    t->open = now->curr_connections;
    t->pauses = now->listen_disabled_num;
    set_pool(t->pool, now);
    t->requests_s = rate(before->requests, now->requests, seconds);
    t->drains_s = rate(before->drained_connections, now->drained_connections, seconds);
    t->refusals_s = rate(refusals(before), refusals(now), seconds);
}

/* ---- hosts --------------------------------------------------------------------------------- */

/* A host keeps its row as long as the server runs. */
static const struct host_stats *
find_host(const struct report *report, unsigned i, struct str name)
{
    static const struct host_stats nothing;

    if (report != NULL && i < report->hosts_len && str_eq(report->hosts[i].name, name))
        return &report->hosts[i].stats;
    return &nothing;
}

static struct host_stats
subtract(const struct host_stats *before, const struct host_stats *now)
{
    struct host_stats d = { 0 };

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        d.latency[i] = grown(before->latency[i], now->latency[i]);
    for (unsigned i = 0; i < STATUS_CLASSES; i++)
        d.responses[i] = grown(before->responses[i], now->responses[i]);
    d.bytes_sent = grown(before->bytes_sent, now->bytes_sent);
    return d;
}

static void
set_latency(double ms[QUANTILES], const struct host_stats *answers)
{
    for (unsigned i = 0; i < QUANTILES; i++)
        ms[i] = host_stats_quantile_us(answers, quantiles[i]) / 1000;
}

static void
compare_host(struct top_host *t, const struct host_stats *d, double seconds)
{
    t->requests_s = rate(0, host_stats_count(d), seconds);
    t->failures_4xx_s = rate(0, d->responses[3], seconds);
    t->failures_5xx_s = rate(0, d->responses[4], seconds);
    t->bytes_s = rate(0, d->bytes_sent, seconds);
    if (seconds > 0)
        set_latency(t->latency_ms, d);
}

static int
by_name(const void *a, const void *b)
{
    return str_cmp(((const struct top_host *)a)->name, ((const struct top_host *)b)->name);
}

/* The larger first. */
static int
by(double a, double b, const void *x, const void *y)
{
    if (a > b)
        return -1;
    return a < b ? 1 : by_name(x, y);
}

static int
by_requests(const void *a, const void *b)
{
    const struct top_host *x = a, *y = b;

    return by(x->requests_s, y->requests_s, x, y);
}

static int
by_failures(const void *a, const void *b)
{
    const struct top_host *x = a, *y = b;

    return by(x->failures_4xx_s + x->failures_5xx_s, y->failures_4xx_s + y->failures_5xx_s, x, y);
}

static int
by_latency(const void *a, const void *b)
{
    const struct top_host *x = a, *y = b;

    return by(x->latency_ms[QUANTILES - 1], y->latency_ms[QUANTILES - 1], x, y);
}

static int
by_bytes(const void *a, const void *b)
{
    const struct top_host *x = a, *y = b;

    return by(x->bytes_s, y->bytes_s, x, y);
}

static int (*const orders[TOP_ORDERS])(const void *a, const void *b) = {
    [BY_REQUESTS] = by_requests, [BY_FAILURES] = by_failures, [BY_LATENCY] = by_latency,
    [BY_BYTES] = by_bytes,       [BY_NAME] = by_name,
};

/* ---- all ----------------------------------------------------------------------------------- */

static void
compare_sums(struct top_numbers *t, const struct report *before, const struct report *now,
             double seconds)
{
    static const struct counters nothing;
    const struct counters *b = before != NULL ? &before->sum : &nothing, *n = &now->sum;

    t->open = n->curr_connections;
    t->slots = n->max_connections;
    t->requests_s = rate(b->requests, n->requests, seconds);
    t->responses_s[0] = rate(b->responses_1xx, n->responses_1xx, seconds);
    t->responses_s[1] = rate(b->responses_2xx, n->responses_2xx, seconds);
    t->responses_s[2] = rate(b->responses_3xx, n->responses_3xx, seconds);
    t->responses_s[3] = rate(b->responses_4xx, n->responses_4xx, seconds);
    t->responses_s[4] = rate(b->responses_5xx, n->responses_5xx, seconds);
    t->received_s = rate(b->bytes_received, n->bytes_received, seconds);
    t->sent_s = rate(b->bytes_sent, n->bytes_sent, seconds);
    t->drains_s = rate(b->drained_connections, n->drained_connections, seconds);
    t->refusals_s = rate(refusals(b), refusals(n), seconds);
}

static void
compare_workers(struct top_numbers *t, const struct report *before, const struct report *now,
                double seconds)
{
    for (unsigned i = 0; i < now->workers_len; i++) {
        const struct counters *worker = &now->workers[i];

        compare_worker(&t->workers[i], find_worker(before, worker), worker, seconds);
        t->workers[i].state = report_state(now, worker);
    }
    t->workers_len = now->workers_len;
}

static void
compare_hosts(struct top_numbers *t, const struct report *before, const struct report *now,
              double seconds)
{
    struct host_stats all = { 0 };

    for (unsigned i = 0; i < now->hosts_len; i++) {
        const struct report_host *host = &now->hosts[i];
        struct host_stats d = subtract(find_host(before, i, host->name), &host->stats);

        t->hosts[i].name = host->name;
        compare_host(&t->hosts[i], &d, seconds);
        for (unsigned k = 0; k < LATENCY_BUCKETS; k++)
            all.latency[k] += d.latency[k];
    }
    t->hosts_len = now->hosts_len;
    if (seconds > 0)
        set_latency(t->latency_ms, &all);
}

/* 0: they are not of the same run of the server, or not of two moments. */
static double
seconds_between(const struct report *before, const struct report *now)
{
    if (before == NULL || before->mono_us >= now->mono_us
        || before->master.start_time_s != now->master.start_time_s
        || before->sum.total_connections > now->sum.total_connections
        || before->sum.requests > now->sum.requests)
        return 0;
    return (double)(now->mono_us - before->mono_us) / 1e6;
}

struct top_numbers *
top_compare(struct arena *arena, const struct report *before, const struct report *now,
            enum top_order order)
{
    struct top_numbers *t = ARENA_NEW(arena, struct top_numbers);
    double seconds = seconds_between(before, now);

    if (t == NULL)
        return NULL;
    t->workers = arena_zalloc_array(arena, sizeof(struct top_worker), now->workers_len);
    t->hosts = arena_zalloc_array(arena, sizeof(struct top_host), now->hosts_len);
    if (t->workers == NULL || t->hosts == NULL)
        return NULL;
    t->has_rates = seconds > 0;
    compare_sums(t, before, now, seconds);
    compare_workers(t, before, now, seconds);
    compare_hosts(t, before, now, seconds);
    if (t->hosts_len > 0)
        qsort(t->hosts, t->hosts_len, sizeof(struct top_host), orders[order]);
    return t;
}
