/* SPDX-License-Identifier: BSD-2-Clause */
/* report: taken from the segment, and written as text. */
#include "http/report.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "config.h"
#include <time.h>

void *
report_alloc(struct arena *arena, size_t size)
{
    const size_t line = _Alignof(struct report);
    char *p = arena_zalloc(arena, size + line - 1);

    return p != NULL ? p + (-(uintptr_t)p & (line - 1)) : NULL;
}

static bool
take_workers(struct report *r, struct arena *arena, const struct counters_segment *segment)
{
    unsigned used = counters_used_blocks(segment);

    r->workers = report_alloc(arena, (used + 1) * sizeof(struct counters));
    if (r->workers == NULL)
        return false;
    for (unsigned i = 0; i < used; i++)
        if (counters_copy(segment, i, &r->workers[r->workers_len]))
            r->workers_len++;
    return true;
}

static bool
take_hosts(struct report *r, struct arena *arena, const struct counters_segment *segment)
{
    r->hosts_len = counters_hosts(segment);
    r->hosts = report_alloc(arena, r->hosts_len * sizeof(struct report_host));
    if (r->hosts == NULL)
        return false;
    for (unsigned i = 0; i < r->hosts_len; i++) {
        r->hosts[i].name = counters_host_name(segment, i);
        counters_host_sum(segment, i, &r->hosts[i].stats);
    }
    return true;
}

struct report *
report_take(struct arena *arena, const struct counters_segment *segment)
{
    struct report *r = report_alloc(arena, sizeof(*r));

    if (r == NULL)
        return NULL;
    r->version = STR(WEIR_VERSION);
    r->mono_us = clock_mono_us();
    counters_master(segment, &r->master);
    r->old_generations = counters_old_generations(segment);
    r->time_s = (uint64_t)time(NULL);
    counters_sum(segment, &r->sum);
    return take_workers(r, arena, segment) && take_hosts(r, arena, segment) ? r : NULL;
}

const char *
report_state(const struct report *report, const struct counters *worker)
{
    if (worker->leaving != 0 || worker->generation < report->master.generation)
        return "leaving";
    return worker->accepting_conns != 0 ? "serving" : "paused";
}

uint64_t
report_age_s(const struct report *report, uint64_t start_time_s)
{
    return report->time_s > start_time_s ? report->time_s - start_time_s : 0;
}

/* ---- text ---------------------------------------------------------------------------------- */

void
write_age(struct writer *w, uint64_t seconds)
{
    static const struct { uint64_t seconds; const char *name; } units[] = {
        { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" },
    };
    size_t i = 0;

    while (i < ARRAY_LEN(units) - 1 && seconds < units[i].seconds)
        i++;
    write_fmt(w, "%ju %s", (uintmax_t)(seconds / units[i].seconds), units[i].name);
    seconds %= units[i].seconds;
    if (++i < ARRAY_LEN(units) && seconds / units[i].seconds > 0)
        write_fmt(w, " %ju %s", (uintmax_t)(seconds / units[i].seconds), units[i].name);
}

void
write_time(struct writer *w, uint64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL)
        return;
    write_fmt(w, "%04d-%02d-%02d %02d:%02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1,
              tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* What stands below its first line is indented; it lay where all workers can write. */
static void
write_verdict(struct writer *w, struct str text)
{
    do {
        ptrdiff_t end = str_find(text, '\n', 0);
        struct str line = { text.p, end < 0 ? text.len : (size_t)end };

        write_for_terminal(w, line, "\t");
        write_char(w, '\n');
        text = str_from(text, end < 0 ? text.len : (size_t)end + 1);
        if (text.len > 0)
            write_str(w, STR("    "));
    } while (text.len > 0);
}

static void
text_head(struct writer *w, const struct report *r)
{
    const struct counters_master *m = &r->master;

    write_fmt(w, "weir %s, generation %ju, up ", WEIR_VERSION, (uintmax_t)m->generation);
    write_age(w, report_age_s(r, m->start_time_s));
    write_fmt(w, ", %u worker%s", r->workers_len, r->workers_len == 1 ? "" : "s");
    if (r->old_generations > 0)
        write_fmt(w, " (%u old generation%s)", r->old_generations,
                  r->old_generations == 1 ? "" : "s");
    write_fmt(w, "\nreloads %ju ok, %ju failed", (uintmax_t)m->reloads_ok,
              (uintmax_t)m->reloads_failed);
    write_fmt(w, "; workers %ju respawned, %ju killed\n", (uintmax_t)m->workers_respawned,
              (uintmax_t)m->workers_killed);
    if (m->last_reload_time_s == 0)
        return;
    write_fmt(w, "last reload %s, ", m->last_reload_ok != 0 ? "ok" : "failed");
    write_time(w, m->last_reload_time_s);
    write_str(w, STR(": "));
    write_verdict(w, (struct str){ m->verdict, m->verdict_len });
}

static void
text_workers(struct writer *w, const struct report *r)
{
    write_fmt(w, "\n%10s %10s %8s %10s %8s %8s %8s %8s %8s %12s\n", "worker", "generation",
              "state", "age", "open", "free", "reading", "writing", "waiting", "requests");
    for (unsigned i = 0; i < r->workers_len; i++) {
        const struct counters *c = &r->workers[i];
        char age[32];
        struct writer a = writer_at(age, sizeof(age));

        write_age(&a, report_age_s(r, c->start_time_s));
        write_fmt(w, "%10jd %10ju %8s %10s %8ju %8ju %8ju %8ju %8ju %12ju\n", (intmax_t)c->pid,
                  (uintmax_t)c->generation, report_state(r, c), writer_cstr(&a),
                  (uintmax_t)c->curr_connections, (uintmax_t)c->free_connections,
                  (uintmax_t)(c->accepted + c->reading),
                  (uintmax_t)(c->processing + c->writing + c->lingering),
                  (uintmax_t)c->waiting, (uintmax_t)c->requests);
    }
}

static void
text_hosts(struct writer *w, const struct report *r)
{
    write_fmt(w, "\n%12s %8s %8s %8s %8s %8s %14s  %s\n", "answers", "p50 ms", "p99 ms", "2xx+3xx",
              "4xx", "5xx", "bytes", "host");
    for (unsigned i = 0; i < r->hosts_len; i++) {
        const struct host_stats *h = &r->hosts[i].stats;

        write_fmt(w, "%12ju %8.3f %8.3f %8ju %8ju %8ju %14ju  ", (uintmax_t)host_stats_count(h),
                  host_stats_quantile_us(h, 500) / 1000, host_stats_quantile_us(h, 990) / 1000,
                  (uintmax_t)(h->responses[1] + h->responses[2]), (uintmax_t)h->responses[3],
                  (uintmax_t)h->responses[4], (uintmax_t)h->bytes_sent);
        write_log_escaped(w, r->hosts[i].name);
        write_char(w, '\n');
    }
}

void
report_text(struct writer *w, const struct report *r)
{
    text_head(w, r);
    write_char(w, '\n');
    for (unsigned i = 0; i < counter_count; i++)
        write_fmt(w, "%-28s %ju\n", counter_infos[i].name,
                  (uintmax_t)counter_value(&r->sum, &counter_infos[i]));
    text_workers(w, r);
    text_hosts(w, r);
}
