/* SPDX-License-Identifier: BSD-2-Clause */
/* report_json: the report for programs, and for the page's script. */
#include "base/compiler.h"
#include "config.h"
#include "http/report.h"

static void
write_number(struct writer *w, const char *name, uint64_t value)
{
    write_fmt(w, "\"%s\":%ju", name, (uintmax_t)value);
}

/* The members alone. */
static void
write_counters(struct writer *w, const struct counters *c)
{
    for (unsigned i = 0; i < counter_count; i++) {
        if (i > 0)
            write_char(w, ',');
        write_number(w, counter_infos[i].name, counter_value(c, &counter_infos[i]));
    }
}

static void
write_workers(struct writer *w, const struct report *r)
{
    write_str(w, STR("\"workers\":["));
    for (unsigned i = 0; i < r->workers_len; i++) {
        const struct counters *c = &r->workers[i];

        write_fmt(w, "%s{\"pid\":%jd,", i > 0 ? "," : "", (intmax_t)c->pid);
        write_number(w, "generation", c->generation);
        write_char(w, ',');
        write_number(w, "start_time", c->start_time_s);
        write_fmt(w, ",\"state\":\"%s\",", report_state(r, c));
        write_counters(w, c);
        write_char(w, '}');
    }
    write_char(w, ']');
}

static void
write_quantiles(struct writer *w, const struct host_stats *h)
{
    static const struct { const char *name; unsigned permille; } quantiles[] = {
        { "p50", 500 }, { "p90", 900 }, { "p99", 990 }, { "p999", 999 },
    };

    write_str(w, STR("\"latency_ms\":{"));
    for (unsigned i = 0; i < ARRAY_LEN(quantiles); i++)
        write_fmt(w, "%s\"%s\":%.3f", i > 0 ? "," : "", quantiles[i].name,
                  host_stats_quantile_us(h, quantiles[i].permille) / 1000);
    write_char(w, '}');
}

static void
write_host(struct writer *w, const struct host_stats *h)
{
    write_char(w, '{');
    write_number(w, "requests", host_stats_count(h));
    write_char(w, ',');
    write_number(w, "bytes_sent", h->bytes_sent);
    write_str(w, STR(",\"responses\":{"));
    for (unsigned i = 0; i < STATUS_CLASSES; i++)
        write_fmt(w, "%s\"%uxx\":%ju", i > 0 ? "," : "", i + 1, (uintmax_t)h->responses[i]);
    write_str(w, STR("},"));
    write_quantiles(w, h);
    write_char(w, ',');
    write_number(w, "latency_sum_us", h->latency_sum_us);
    write_str(w, STR(",\"histogram\":["));
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        write_fmt(w, "%s%ju", i > 0 ? "," : "", (uintmax_t)h->latency[i]);
    write_str(w, STR("]}"));
}

static void
write_hosts(struct writer *w, const struct report *r)
{
    write_str(w, STR("\"latency_bounds_us\":["));
    for (unsigned i = 0; i < LATENCY_BOUNDS; i++)
        write_fmt(w, "%s%u", i > 0 ? "," : "", latency_bounds_us[i]);
    write_str(w, STR("],\"hosts\":{"));
    for (unsigned i = 0; i < r->hosts_len; i++) {
        if (i > 0)
            write_char(w, ',');
        write_json_string(w, r->hosts[i].name);
        write_char(w, ':');
        write_host(w, &r->hosts[i].stats);
    }
    write_char(w, '}');
}

static void
write_reloads(struct writer *w, const struct counters_master *m)
{
    write_fmt(w, "\"reloads\":{\"ok\":%ju,\"failed\":%ju,\"last\":", (uintmax_t)m->reloads_ok,
              (uintmax_t)m->reloads_failed);
    if (m->last_reload_time_s == 0) {
        write_str(w, STR("null}"));
        return;
    }
    write_fmt(w, "{\"time\":%ju,\"ok\":%s,\"text\":", (uintmax_t)m->last_reload_time_s,
              m->last_reload_ok != 0 ? "true" : "false");
    write_json_string(w, (struct str){ m->verdict, m->verdict_len });
    write_str(w, STR("}}"));
}

void
report_json(struct writer *w, const struct report *r)
{
    const struct counters_master *m = &r->master;

    write_str(w, STR("{\"version\":\"" WEIR_VERSION "\","));
    write_number(w, "generation", m->generation);
    write_char(w, ',');
    write_number(w, "old_generations", r->old_generations);
    write_char(w, ',');
    write_number(w, "time", r->time_s);
    write_char(w, ',');
    write_number(w, "start_time", m->start_time_s);
    write_char(w, ',');
    write_number(w, "uptime_s", report_age_s(r, m->start_time_s));
    write_char(w, ',');
    write_reloads(w, m);
    write_char(w, ',');
    write_number(w, "workers_respawned", m->workers_respawned);
    write_char(w, ',');
    write_number(w, "workers_killed", m->workers_killed);
    write_char(w, ',');
    write_number(w, "log_rotations", m->log_rotations);
    write_char(w, ',');
    write_number(w, "log_rotations_failed", m->log_rotations_failed);
    write_char(w, ',');
    write_workers(w, r);
    write_str(w, STR(",\"sum\":{"));
    write_counters(w, &r->sum);
    write_str(w, STR("},"));
    write_hosts(w, r);
    write_str(w, STR("}\n"));
}
