/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report: what the counters say, put into words for people and programs: as text, JSON, metrics and
 * a page. It is taken from the segment once and then written in any form; nothing here knows of
 * requests, so that the master may use it as well.
 */
#ifndef WEIR_HTTP_REPORT_H
#define WEIR_HTTP_REPORT_H

#include "base/counters.h"
#include "base/writer.h"

struct report_host {
    struct str name;
    struct host_stats stats;    /* of all workers, the departed included */
};

struct report {
    struct str version;         /* of the server */
    uint64_t mono_us;           /* of the report, on the machine's monotonic clock */
    struct counters_master master;
    unsigned old_generations;
    uint64_t time_s;            /* of the report, since 1970 */
    struct counters sum;        /* of all workers, the departed included */
    struct counters *workers;   /* those that live */
    unsigned workers_len;
    struct report_host *hosts;
    unsigned hosts_len;
};

/* In the arena. NULL when memory is short. */
struct report *report_take(struct arena *arena, const struct counters_segment *segment);

void report_text(struct writer *w, const struct report *report);
void report_json(struct writer *w, const struct report *report);

enum metrics_dialect {
    METRICS_PROMETHEUS,         /* text/plain; version=0.0.4 */
    METRICS_OPEN                /* application/openmetrics-text; version=1.0.0 */
};
void report_metrics(struct writer *w, const struct report *report, enum metrics_dialect dialect);

/*
 * A line for each number, "name value", for weir itself: what was taken in one process can be read
 * in another, and the texts in it have no control bytes any more.
 */
void report_raw(struct writer *w, const struct report *report);

/*
 * What report_raw wrote, perhaps of another version of weir: names not known here are left out,
 * and numbers not known there are 0. Only the version and the names of hosts point into the text.
 * NULL: it is no such report, or memory is short.
 */
struct report *report_read(struct arena *arena, struct str text);

/*
 * A page that goes on by itself: it asks its own address with "?format=json" each second. nonce:
 * what the Content-Security-Policy calls the page's script and style by.
 */
void report_page(struct writer *w, const struct report *report, struct str nonce);

/* ---- for the files of the report ----------------------------------------------------------- */

/* Zero-filled; the arena does not know of whole cache lines. NULL when memory is short. */
void *report_alloc(struct arena *arena, size_t size);
/* "serving", "paused" (accepts nobody now), "leaving". */
const char *report_state(const struct report *report, const struct counters *worker);
uint64_t report_age_s(const struct report *report, uint64_t start_time_s);
/* "12", "3 min 4 s", "5 d 6 h": the two largest units. */
void write_age(struct writer *w, uint64_t seconds);
/* Seconds since 1970 as "2024-05-06 07:08:09 UTC". */
void write_time(struct writer *w, uint64_t seconds);

#endif
