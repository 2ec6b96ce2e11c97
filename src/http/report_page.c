/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_page: the report as a page. report_page.html has a {{name}} where something of the moment
 * stands; its script shows later moments in the same places. Without a script the page is as good
 * as the moment at which it was asked for.
 */
#include "base/compiler.h"
#include "config.h"
#include "http/page.h"
#include "http/report.h"
#include <stdlib.h>

enum { HOSTS_SHOWN = 50, BAR_WIDTH = 1000, BAR_LEAST = 6 };

/* ---- words --------------------------------------------------------------------------------- */

static void
write_ms(struct writer *w, double us)
{
    double ms = us / 1000;

    if (us <= 0)
        write_str(w, STR("–"));
    else if (ms >= 1000)
        write_fmt(w, "%.2f s", ms / 1000);
    else
        write_fmt(w, "%.*f ms", ms < 10 ? 2 : ms < 100 ? 1 : 0, ms);
}

static void
write_row(struct writer *w, const char *name, uint64_t value)
{
    write_fmt(w, "<dt>%s</dt><dd%s>%ju</dd>\n", name, value != 0 ? " class=\"some\"" : "",
              (uintmax_t)value);
}

/* One piece of a bar, behind what it has already. Few of many are to be seen as well. */
static double
write_piece(struct writer *w, double x, const char *kind, uint64_t n, uint64_t whole)
{
    double width;

    if (n == 0 || whole == 0)
        return x;
    width = MIN(MAX((double)n * BAR_WIDTH / (double)whole, BAR_LEAST), BAR_WIDTH - x);
    write_fmt(w, "<rect class=\"%s\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"20\"/>", kind, x,
              width);
    return x + width;
}

static void
write_classes(struct writer *w, const uint64_t *responses)
{
    static const char *const kinds[STATUS_CLASSES] = { "c1xx", "c2xx", "c3xx", "c4xx", "c5xx" };
    uint64_t whole = 0;
    double x = 0;

    for (unsigned i = 0; i < STATUS_CLASSES; i++)
        whole += responses[i];
    for (unsigned i = 0; i < STATUS_CLASSES; i++)
        x = write_piece(w, x, kinds[i], responses[i], whole);
}

/* Those whose names begin so, by the rest of it. */
static void
write_group(struct writer *w, const struct report *r, struct str prefix, const char *before)
{
    for (unsigned i = 0; i < counter_count; i++) {
        struct str name = str_of(counter_infos[i].name);
        char text[64];
        struct writer t = writer_at(text, sizeof(text));

        if (!str_starts(name, prefix))
            continue;
        write_str(&t, str_of(before));
        for (size_t k = prefix.len; k < name.len; k++)
            write_char(&t, name.p[k] == '_' ? ' ' : name.p[k]);
        write_row(w, writer_cstr(&t), counter_value(&r->sum, &counter_infos[i]));
    }
}

/* ---- what stands in the places ------------------------------------------------------------- */

static void
write_worker(struct writer *w, const struct report *r, const struct counters *c)
{
    const char *state = report_state(r, c);
    uint64_t reading = c->accepted + c->reading, writing = c->processing + c->writing;
    double x = 0;

    write_fmt(w, "<div class=\"worker %s\"><p><b>%jd</b><span> generation %ju, ", state,
              (intmax_t)c->pid, (uintmax_t)c->generation);
    write_age(w, report_age_s(r, c->start_time_s));
    write_fmt(w, ", </span><span class=\"state\">%s</span></p>\n<svg class=\"bar\" "
              "viewBox=\"0 0 1000 20\" preserveAspectRatio=\"none\">", state);
    x = write_piece(w, x, "reading", reading, c->max_connections);
    x = write_piece(w, x, "writing", writing, c->max_connections);
    x = write_piece(w, x, "waiting", c->waiting, c->max_connections);
    write_piece(w, x, "lingering", c->lingering, c->max_connections);
    write_fmt(w, "</svg>\n<p class=\"counts\">%ju open: %ju reading, %ju writing, %ju idle, "
              "%ju lingering; %ju free</p></div>\n", (uintmax_t)c->curr_connections,
              (uintmax_t)reading, (uintmax_t)writing, (uintmax_t)c->waiting,
              (uintmax_t)c->lingering, (uintmax_t)c->free_connections);
}

static void
write_workers(struct writer *w, const struct report *r)
{
    for (unsigned i = 0; i < r->workers_len; i++)
        write_worker(w, r, &r->workers[i]);
}

static void
write_host(struct writer *w, const struct report_host *host)
{
    static const unsigned quantiles[] = { 500, 900, 990, 999 };
    const struct host_stats *h = &host->stats;

    write_str(w, STR("<tr><td>"));
    write_html(w, host->name);
    write_fmt(w, "</td><td>%ju</td><td>–</td>", (uintmax_t)host_stats_count(h));
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++) {
        write_str(w, STR("<td>"));
        write_ms(w, host_stats_quantile_us(h, quantiles[i]));
        write_str(w, STR("</td>"));
    }
    write_str(w, STR("<td>"));
    write_size(w, h->bytes_sent);
    write_str(w, STR("</td><td class=\"mix\"><svg class=\"thin\" viewBox=\"0 0 1000 10\" "
                     "preserveAspectRatio=\"none\">"));
    write_classes(w, h->responses);
    write_str(w, STR("</svg></td></tr>\n"));
}

static int
compare_answers(const void *a, const void *b)
{
    const struct report_host *const *x = a, *const *y = b;
    uint64_t nx = host_stats_count(&(*x)->stats), ny = host_stats_count(&(*y)->stats);

    return nx < ny ? 1 : nx > ny ? -1 : (*x > *y) - (*x < *y);
}

/* Those with the most answers. */
static void
write_hosts(struct writer *w, const struct report *r)
{
    const struct report_host **order = ARENA_ARRAY(w->arena, const struct report_host *,
                                                   r->hosts_len + 1);

    if (order == NULL) {
        w->ok = false;
        return;
    }
    for (unsigned i = 0; i < r->hosts_len; i++)
        order[i] = &r->hosts[i];
    qsort(order, r->hosts_len, sizeof(*order), compare_answers);
    for (unsigned i = 0; i < MIN(r->hosts_len, (unsigned)HOSTS_SHOWN); i++)
        write_host(w, order[i]);
}

static void
write_more_hosts(struct writer *w, const struct report *r)
{
    if (r->hosts_len > HOSTS_SHOWN)
        write_fmt(w, "and %u more with fewer answers", r->hosts_len - HOSTS_SHOWN);
}

static void
write_answer_classes(struct writer *w, const struct report *r)
{
    const struct counters *c = &r->sum;

    write_classes(w, (const uint64_t[STATUS_CLASSES]){ c->responses_1xx, c->responses_2xx,
        c->responses_3xx, c->responses_4xx, c->responses_5xx });
}

static void
write_answers(struct writer *w, const struct report *r)
{
    write_group(w, r, STR("responses_"), "");
}

static void
write_closed(struct writer *w, const struct report *r)
{
    write_group(w, r, STR("closed_"), "");
}

static void
write_limits(struct writer *w, const struct report *r)
{
    write_group(w, r, STR("limit_"), "");
}

static void
write_short(struct writer *w, const struct report *r)
{
    write_row(w, "drained", r->sum.drained_connections);
    write_row(w, "of these silent", r->sum.drained_silent);
    write_row(w, "of these over their share", r->sum.drained_over_share);
    write_row(w, "closed by answers", r->sum.closes_when_full);
    write_group(w, r, STR("rejected_"), "rejected: ");
    write_row(w, "accepting paused", r->sum.listen_disabled_num);
    write_str(w, STR("<dt>paused for</dt><dd>"));
    write_ms(w, (double)r->sum.time_in_listen_disabled_us);
    write_str(w, STR("</dd>\n"));
    write_row(w, "turns yielded", r->sum.conn_yields);
    write_row(w, "stale events", r->sum.stale_events);
}

static void
write_reloads(struct writer *w, const struct report *r)
{
    write_row(w, "took effect", r->master.reloads_ok);
    write_row(w, "failed", r->master.reloads_failed);
    write_row(w, "old generations", r->old_generations);
    write_row(w, "workers respawned", r->master.workers_respawned);
    write_row(w, "workers killed", r->master.workers_killed);
}

static void
write_verdict(struct writer *w, const struct report *r)
{
    const struct counters_master *m = &r->master;
    const char *result = m->last_reload_ok != 0 ? "ok" : "failed";

    if (m->last_reload_time_s == 0)
        return;
    write_fmt(w, "<p class=\"note\">last: <span class=\"%s\">%s</span>, ", result, result);
    write_time(w, m->last_reload_time_s);
    write_str(w, STR("</p><pre>"));
    write_html(w, (struct str){ m->verdict, m->verdict_len });
    write_str(w, STR("</pre>\n"));
}

/* The quantile of all hosts together. */
static void
write_quantile(struct writer *w, const struct report *r, unsigned permille)
{
    struct host_stats all = { .latency = { 0 } };

    for (unsigned i = 0; i < r->hosts_len; i++)
        for (unsigned k = 0; k < LATENCY_BUCKETS; k++)
            all.latency[k] += r->hosts[i].stats.latency[k];
    write_ms(w, host_stats_quantile_us(&all, permille));
}

static void
write_p50(struct writer *w, const struct report *r)
{
    write_quantile(w, r, 500);
}

static void
write_p99(struct writer *w, const struct report *r)
{
    write_quantile(w, r, 990);
}

static void
write_generation(struct writer *w, const struct report *r)
{
    write_uint(w, r->master.generation);
}

static void
write_uptime(struct writer *w, const struct report *r)
{
    write_age(w, report_age_s(r, r->master.start_time_s));
}

static void
write_open(struct writer *w, const struct report *r)
{
    write_uint(w, r->sum.curr_connections);
}

static void
write_slots(struct writer *w, const struct report *r)
{
    write_uint(w, r->sum.max_connections);
}

static void
write_accepted(struct writer *w, const struct report *r)
{
    write_uint(w, r->sum.total_connections);
}

static void
write_requests(struct writer *w, const struct report *r)
{
    write_uint(w, r->sum.requests);
}

static void
write_sent(struct writer *w, const struct report *r)
{
    write_size(w, r->sum.bytes_sent);
}

static void
write_version(struct writer *w, const struct report *r)
{
    (void)r;
    write_str(w, STR(WEIR_VERSION));
}

/* JSON in a script element: "<" stands in its strings alone, and must not end the element. */
static void
write_state(struct writer *w, const struct report *r)
{
    struct writer json = writer_in(w->arena);
    struct str text;

    report_json(&json, r);
    text = writer_str(&json);
    w->ok = w->ok && json.ok;
    while (text.len > 0) {
        ptrdiff_t at = str_find(text, '<', 0);
        size_t plain = at < 0 ? text.len : (size_t)at;

        write_bytes(w, text.p, plain);
        if (at >= 0)
            write_str(w, STR("\\u003c"));
        text = str_from(text, plain + 1);
    }
}

/* ---- the page ------------------------------------------------------------------------------ */

static const struct {
    struct str name;
    void (*write)(struct writer *w, const struct report *report);
} places[] = {
    { STR_INIT("accepted"), write_accepted },
    { STR_INIT("answers"), write_answers },
    { STR_INIT("classes"), write_answer_classes },
    { STR_INIT("closed"), write_closed },
    { STR_INIT("generation"), write_generation },
    { STR_INIT("hosts"), write_hosts },
    { STR_INIT("limits"), write_limits },
    { STR_INIT("more-hosts"), write_more_hosts },
    { STR_INIT("open"), write_open },
    { STR_INIT("p50"), write_p50 },
    { STR_INIT("p99"), write_p99 },
    { STR_INIT("reloads"), write_reloads },
    { STR_INIT("requests"), write_requests },
    { STR_INIT("sent"), write_sent },
    { STR_INIT("short"), write_short },
    { STR_INIT("slots"), write_slots },
    { STR_INIT("state"), write_state },
    { STR_INIT("uptime"), write_uptime },
    { STR_INIT("verdict"), write_verdict },
    { STR_INIT("version"), write_version },
    { STR_INIT("workers"), write_workers },
};

static void
write_place(struct writer *w, const struct report *report, struct str name, struct str nonce)
{
    if (str_eq(name, STR("nonce")))
        write_str(w, nonce);
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (str_eq(places[i].name, name))
            places[i].write(w, report);
}

void
report_page(struct writer *w, const struct report *report, struct str nonce)
{
    struct str rest = { (const char *)report_page_html, report_page_html_len };

    while (rest.len > 0) {
        struct str place;

        write_str(w, page_next(&rest, &place));
        write_place(w, report, place, nonce);
    }
}
