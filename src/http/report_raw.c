/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_raw: the report from one process of weir to another. Its first line names the form, and
 * the buckets of durations are part of that; its last line is "end".
 */
#include "base/compiler.h"
#include "http/report.h"

static const struct str first_line = STR_INIT("weir-report 1");
static const struct str last_line = STR_INIT("end");

/* ---- writing ------------------------------------------------------------------------------- */

static void
write_number(struct writer *w, const char *name, uint64_t value)
{
    write_fmt(w, "%s %ju\n", name, (uintmax_t)value);
}

static void
write_text(struct writer *w, const char *name, struct str text)
{
    write_fmt(w, "%s ", name);
    write_log_escaped(w, text);
    write_char(w, '\n');
}

static void
write_numbers(struct writer *w, const char *name, const uint64_t *values, unsigned n)
{
    write_str(w, str_of(name));
    for (unsigned i = 0; i < n; i++)
        write_fmt(w, " %ju", (uintmax_t)values[i]);
    write_char(w, '\n');
}

static void
write_infos(struct writer *w, const char *prefix, const void *copy,
            const struct counter_info *infos, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        write_fmt(w, "%s.%s %ju\n", prefix, infos[i].name,
                  (uintmax_t)counter_value(copy, &infos[i]));
}

static void
write_worker(struct writer *w, const struct counters *c)
{
    write_number(w, "worker.pid", (uint64_t)c->pid);
    write_number(w, "worker.generation", c->generation);
    write_number(w, "worker.start_time_s", c->start_time_s);
    write_number(w, "worker.leaving", c->leaving);
    write_infos(w, "worker", c, counter_infos, counter_count);
}

static void
write_host(struct writer *w, const struct report_host *host)
{
    const struct host_stats *h = &host->stats;

    write_text(w, "host.name", host->name);
    write_numbers(w, "host.latency", h->latency, LATENCY_BUCKETS);
    write_number(w, "host.latency_sum_us", h->latency_sum_us);
    write_number(w, "host.bytes_sent", h->bytes_sent);
    write_numbers(w, "host.responses", h->responses, STATUS_CLASSES);
}

/* What the last reload said first. */
static struct str
verdict_of(const struct counters_master *m)
{
    struct str text = { m->verdict, m->verdict_len };
    ptrdiff_t newline = str_find(text, '\n', 0);

    if (newline >= 0)
        text.len = (size_t)newline;
    return text;
}

void
report_raw(struct writer *w, const struct report *r)
{
    write_fmt(w, "%s\n", first_line.p);
    write_text(w, "version", r->version);
    write_number(w, "mono_us", r->mono_us);
    write_number(w, "time_s", r->time_s);
    write_number(w, "old_generations", r->old_generations);
    write_infos(w, "master", &r->master, master_infos, master_info_count);
    write_text(w, "verdict", verdict_of(&r->master));
    write_infos(w, "sum", &r->sum, counter_infos, counter_count);
    for (unsigned i = 0; i < r->workers_len; i++)
        write_worker(w, &r->workers[i]);
    for (unsigned i = 0; i < r->hosts_len; i++)
        write_host(w, &r->hosts[i]);
    write_fmt(w, "%s\n", last_line.p);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct field {
    const char *name;
    size_t offset;
    unsigned n;                 /* numbers on its line */
};

static const struct field report_fields[] = {
    { "mono_us", offsetof(struct report, mono_us), 1 },
    { "time_s",  offsetof(struct report, time_s), 1 },
};

static const struct field worker_fields[] = {
    { "pid",          offsetof(struct counters, pid), 1 },
    { "generation",   offsetof(struct counters, generation), 1 },
    { "start_time_s", offsetof(struct counters, start_time_s), 1 },
    { "leaving",      offsetof(struct counters, leaving), 1 },
};

static const struct field host_fields[] = {
    { "latency",        offsetof(struct host_stats, latency), LATENCY_BUCKETS },
    { "latency_sum_us", offsetof(struct host_stats, latency_sum_us), 1 },
    { "bytes_sent",     offsetof(struct host_stats, bytes_sent), 1 },
    { "responses",      offsetof(struct host_stats, responses), STATUS_CLASSES },
};

/* Up to `end`, which is left out too; the whole when there is none. */
static struct str
cut(struct str *rest, char end)
{
    ptrdiff_t at = str_find(*rest, end, 0);
    struct str part = *rest;

    if (at >= 0)
        part.len = (size_t)at;
    *rest = str_from(*rest, part.len + 1);
    return part;
}

/* What is no number is 0. */
static uint64_t
number(struct str text)
{
    uint64_t value = 0;

    (void)str_to_uint(text, UINT64_MAX, &value);
    return value;
}

static void
read_field(void *into, const struct field *fields, size_t len, struct str name, struct str text)
{
    for (size_t i = 0; i < len; i++) {
        uint64_t *values = (uint64_t *)(void *)((char *)into + fields[i].offset);

        if (!str_eq(name, str_of(fields[i].name)))
            continue;
        for (unsigned k = 0; k < fields[i].n; k++)
            values[k] = number(cut(&text, ' '));
    }
}

static void
read_info(void *into, const struct counter_info *infos, unsigned len, struct str name,
          struct str text)
{
    for (unsigned i = 0; i < len; i++)
        if (str_eq(name, str_of(infos[i].name)))
            *(uint64_t *)(void *)((char *)into + infos[i].offset) = number(text);
}

static void
read_worker(struct report *r, struct str name, struct str text)
{
    struct counters *c;

    if (str_eq(name, STR("pid")))
        r->workers_len++;
    if (r->workers_len == 0)
        return;
    c = &r->workers[r->workers_len - 1];
    read_field(c, worker_fields, ARRAY_LEN(worker_fields), name, text);
    read_info(c, counter_infos, counter_count, name, text);
}

static void
read_host(struct report *r, struct str name, struct str text)
{
    if (str_eq(name, STR("name")))
        r->hosts[r->hosts_len++] = (struct report_host){ .name = text };
    if (r->hosts_len > 0)
        read_field(&r->hosts[r->hosts_len - 1].stats, host_fields, ARRAY_LEN(host_fields), name,
                   text);
}

static void
read_verdict(struct counters_master *m, struct str text)
{
    m->verdict_len = (uint32_t)MIN(text.len, sizeof(m->verdict));
    if (m->verdict_len > 0)
        memcpy(m->verdict, text.p, m->verdict_len);
}

static void
read_line(struct report *r, struct str line)
{
    struct str name = cut(&line, ' '), rest = name, group = cut(&rest, '.');

    if (str_eq(group, STR("worker")))
        read_worker(r, rest, line);
    else if (str_eq(group, STR("host")))
        read_host(r, rest, line);
    else if (str_eq(group, STR("sum")))
        read_info(&r->sum, counter_infos, counter_count, rest, line);
    else if (str_eq(group, STR("master")))
        read_info(&r->master, master_infos, master_info_count, rest, line);
    else if (str_eq(name, STR("version")))
        r->version = line;
    else if (str_eq(name, STR("verdict")))
        read_verdict(&r->master, line);
    else if (str_eq(name, STR("old_generations")))
        r->old_generations = (unsigned)number(line);
    else
        read_field(r, report_fields, ARRAY_LEN(report_fields), name, line);
}

/* How many lines begin so. */
static size_t
count_lines(struct str text, struct str start)
{
    size_t n = 0;

    while (text.len > 0)
        n += str_starts(cut(&text, '\n'), start);
    return n;
}

struct report *
report_read(struct arena *arena, struct str text)
{
    struct report *r = report_alloc(arena, sizeof(struct report));
    struct str line, first = cut(&text, '\n');

    if (r == NULL || !str_eq(first, first_line))
        return NULL;
    r->version = STR("");
    /* At least as many as there will be: a line of that name may have no value. */
    r->workers = report_alloc(arena, (count_lines(text, STR("worker.pid")) + 1)
                                     * sizeof(struct counters));
    r->hosts = report_alloc(arena, (count_lines(text, STR("host.name")) + 1)
                                   * sizeof(struct report_host));
    if (r->workers == NULL || r->hosts == NULL)
        return NULL;
    while (text.len > 0) {
        line = cut(&text, '\n');
        if (str_eq(line, last_line))
            return r;
        read_line(r, line);
    }
    return NULL;
}
