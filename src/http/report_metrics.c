/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_metrics: the report for Prometheus and its kin.
 *
 * A family is all that has one name; its samples stand together, behind its HELP, TYPE and UNIT.
 * Counters whose names begin alike are one family with a label: closed_idle is
 * weir_closed_total{reason="idle"}.
 */
#include "base/compiler.h"
#include "config.h"
#include "http/report.h"

/* Counters that differ in what follows the prefix. */
struct group {
    struct str prefix;
    const char *name, *label, *text;
};

static const struct group groups[] = {
    { STR_INIT("rejected_"), "rejected_connections", "reason",
      "Accepted connections that were closed at once" },
    { STR_INIT("closed_"), "closed", "reason", "Connections closed" },
    { STR_INIT("responses_"), "responses", "class", "Answers sent" },
    { STR_INIT("reloads_"), "reloads", "result", "Reloads asked for" },
};

/* Where samples are from: a table and what it describes. */
struct source {
    const struct counter_info *infos;
    unsigned infos_len;
    const char *prefix;         /* of the family's name */
};

struct metrics {
    struct writer *w;
    const struct report *report;
    enum metrics_dialect dialect;
};

/* ---- words --------------------------------------------------------------------------------- */

/* A label's value; what is no UTF-8, and control bytes but for line ends, become U+FFFD. */
static void
write_label(struct writer *w, struct str s)
{
    for (size_t i = 0, n; i < s.len; i += n) {
        const unsigned char c = (unsigned char)s.p[i];

        n = str_utf8_length(str_from(s, i));
        if (n == 0 || (c < 0x20 && c != '\n') || c == 0x7f) {
            write_str(w, STR("\xef\xbf\xbd"));
            n = 1;
        } else if (c == '\n') {
            write_str(w, STR("\\n"));
        } else {
            if (c == '"' || c == '\\')
                write_char(w, '\\');
            write_bytes(w, s.p + i, n);
        }
    }
}

/* OpenMetrics has the unit as the end of the name. */
static const char *
unit_of(struct str name)
{
    static const char *const units[] = { "seconds", "bytes", "us", "s" };

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct str unit = str_of(units[i]);

        if (name.len > unit.len && str_ends(name, unit) && name.p[name.len - unit.len - 1] == '_')
            return units[i];
    }
    return NULL;
}

/* kind: "counter", "gauge", "histogram", "info". No text may hold a backslash or a line end. */
static void
begin_family(const struct metrics *m, const char *prefix, const char *name, const char *kind,
             const char *text)
{
    struct str type = str_of(kind), base = str_of(name);
    const char *unit = unit_of(base), *suffix = "";

    if (m->dialect == METRICS_PROMETHEUS && str_eq(type, STR("counter")))
        suffix = "_total";
    if (m->dialect == METRICS_PROMETHEUS && str_eq(type, STR("info"))) {
        suffix = "_info";
        kind = "gauge";
    }
    write_fmt(m->w, "# HELP weir_%s%s%s %s.\n", prefix, name, suffix, text);
    write_fmt(m->w, "# TYPE weir_%s%s%s %s\n", prefix, name, suffix, kind);
    if (m->dialect == METRICS_OPEN && unit != NULL)
        write_fmt(m->w, "# UNIT weir_%s%s %s\n", prefix, name, unit);
}

static const char *
suffix_of(enum counter_kind kind)
{
    return kind == COUNTER ? "_total" : "";
}

static const struct group *
group_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (str_starts(str_of(name), groups[i].prefix))
            return &groups[i];
    return NULL;
}

/* ---- counters ------------------------------------------------------------------------------ */

/* A sample; pid 0: of the whole server. group NULL: it has no label of its own. */
static void
write_sample(const struct metrics *m, const char *prefix, const struct counter_info *info,
             const void *copy, int64_t pid)
{
    const struct group *group = group_of(info->name);
    uint64_t value = counter_value(copy, info);
    struct writer *w = m->w;

    write_fmt(w, "weir_%s%s%s", prefix, group != NULL ? group->name : info->name,
              suffix_of(info->kind));
    if (group != NULL || pid != 0)
        write_char(w, '{');
    if (pid != 0)
        write_fmt(w, "pid=\"%jd\"%s", (intmax_t)pid, group != NULL ? "," : "");
    if (group != NULL)
        write_fmt(w, "%s=\"%s\"", group->label, info->name + group->prefix.len);
    if (group != NULL || pid != 0)
        write_char(w, '}');
    write_fmt(w, " %ju\n", (uintmax_t)value);
}

/* One counter, or all of its group at its first. */
typedef void (*samples_fn)(const struct metrics *m, const char *prefix,
                           const struct counter_info *info);

static void
write_families(const struct metrics *m, const struct source *source, samples_fn samples)
{
    for (unsigned i = 0; i < source->infos_len; i++) {
        const struct counter_info *info = &source->infos[i];
        const struct group *group = group_of(info->name);
        unsigned first = 0;

        while (group != NULL && group_of(source->infos[first].name) != group)
            first++;
        if (group != NULL && first != i)
            continue;
        begin_family(m, source->prefix, group != NULL ? group->name : info->name,
                     info->kind == COUNTER ? "counter" : "gauge",
                     group != NULL ? group->text : info->text);
        for (unsigned k = i; k < source->infos_len; k++)
            if (k == i || (group != NULL && group_of(source->infos[k].name) == group))
                samples(m, source->prefix, &source->infos[k]);
    }
}

static void
master_samples(const struct metrics *m, const char *prefix, const struct counter_info *info)
{
    write_sample(m, prefix, info, &m->report->master, 0);
}

static void
sum_samples(const struct metrics *m, const char *prefix, const struct counter_info *info)
{
    write_sample(m, prefix, info, &m->report->sum, 0);
}

static void
worker_samples(const struct metrics *m, const char *prefix, const struct counter_info *info)
{
    for (unsigned i = 0; i < m->report->workers_len; i++)
        write_sample(m, prefix, info, &m->report->workers[i], m->report->workers[i].pid);
}

/* What a worker's block holds beside its counters. */
static const struct counter_info worker_infos[] = {
    { "generation", "Number of the configuration that it serves", GAUGE,
      offsetof(struct counters, generation) },
    { "start_time_s", "When it started, in seconds since 1970", GAUGE,
      offsetof(struct counters, start_time_s) },
    { "leaving", "1 once it only finishes what it has", GAUGE,
      offsetof(struct counters, leaving) },
};

static void
write_workers(const struct metrics *m)
{
    const struct source about = { worker_infos, ARRAY_LEN(worker_infos), "worker_" };
    const struct source all = { counter_infos, counter_count, "worker_" };

    write_families(m, &about, worker_samples);
    write_families(m, &all, worker_samples);
}

static void
write_server(const struct metrics *m)
{
    const struct source master = { master_infos, master_info_count, "" };
    const struct source all = { counter_infos, counter_count, "" };

    begin_family(m, "", "build", "info", "Version of the server");
    write_fmt(m->w, "weir_build_info{version=\"%s\"} 1\n", WEIR_VERSION);
    write_families(m, &master, master_samples);
    begin_family(m, "", "workers", "gauge", "Worker processes");
    write_fmt(m->w, "weir_workers %u\n", m->report->workers_len);
    begin_family(m, "", "old_generations", "gauge",
                 "Former configurations that still have workers");
    write_fmt(m->w, "weir_old_generations %u\n", m->report->old_generations);
    write_families(m, &all, sum_samples);
}

/* ---- hosts --------------------------------------------------------------------------------- */

/* "0.0001"; OpenMetrics wants whole numbers to be seen as floating point, Prometheus not. */
static void
write_bound(const struct metrics *m, uint32_t us)
{
    write_fmt(m->w, "%g", us / 1e6);
    if (m->dialect == METRICS_OPEN && us % 1000000 == 0)
        write_str(m->w, STR(".0"));
}

static void
write_durations(const struct metrics *m, const struct report_host *host)
{
    static const char name[] = "weir_request_duration_seconds";
    struct writer *w = m->w;
    uint64_t sum = 0;

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        sum += host->stats.latency[i];
        write_fmt(w, "%s_bucket{host=\"", name);
        write_label(w, host->name);
        write_str(w, STR("\",le=\""));
        if (i < LATENCY_BOUNDS)
            write_bound(m, latency_bounds_us[i]);
        else
            write_str(w, STR("+Inf"));
        write_fmt(w, "\"} %ju\n", (uintmax_t)sum);
    }
    write_fmt(w, "%s_count{host=\"", name);
    write_label(w, host->name);
    write_fmt(w, "\"} %ju\n%s_sum{host=\"", (uintmax_t)sum, name);
    write_label(w, host->name);
    write_fmt(w, "\"} %.6f\n", (double)host->stats.latency_sum_us / 1e6);
}

static void
write_hosts(const struct metrics *m)
{
    const struct report *r = m->report;
    struct writer *w = m->w;

    begin_family(m, "", "request_duration_seconds", "histogram",
                 "Time from a request's first byte to the end of its answer, by host");
    for (unsigned i = 0; i < r->hosts_len; i++)
        write_durations(m, &r->hosts[i]);
    begin_family(m, "", "host_sent_bytes", "counter", "Bytes of answers, heads included, by host");
    for (unsigned i = 0; i < r->hosts_len; i++) {
        write_str(w, STR("weir_host_sent_bytes_total{host=\""));
        write_label(w, r->hosts[i].name);
        write_fmt(w, "\"} %ju\n", (uintmax_t)r->hosts[i].stats.bytes_sent);
    }
    begin_family(m, "", "host_responses", "counter", "Answers by host and class");
    for (unsigned i = 0; i < r->hosts_len; i++)
        for (unsigned k = 0; k < STATUS_CLASSES; k++) {
            write_str(w, STR("weir_host_responses_total{host=\""));
            write_label(w, r->hosts[i].name);
            write_fmt(w, "\",class=\"%uxx\"} %ju\n", k + 1,
                      (uintmax_t)r->hosts[i].stats.responses[k]);
        }
}

void
report_metrics(struct writer *w, const struct report *report, enum metrics_dialect dialect)
{
    const struct metrics m = { w, report, dialect };

    write_server(&m);
    write_workers(&m);
    write_hosts(&m);
    if (dialect == METRICS_OPEN)
        write_str(w, STR("# EOF\n"));
}
