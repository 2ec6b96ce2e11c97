/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/top_frame.h"

#include <stdio.h>

enum {
    AIRY_HEIGHT = 20,           /* from here on there are blank lines between the parts */
    KEYS_HEIGHT = 6,
    HOSTS_LEAST = 2,            /* lines for hosts, or it is not worth their heading */
    BAR_LEAST = 12,             /* columns give way to the bar until it has that */
    BAR_MOST = 102
};

/* ---- numbers ------------------------------------------------------------------------------- */

struct str
top_short(double value, char text[16])
{
    static const char units[] = " kMGTPE";
    size_t unit = 0;
    int n;

    if (!(value >= 0.05))
        return STR("0");
    while (value >= (unit == 0 ? 99999.5 : 999.5) && unit < sizeof(units) - 2) {
        value /= 1000;
        unit++;
    }
    n = snprintf(text, 16, value < (unit == 0 ? 99.95 : 9.95) ? "%.1f" : "%.0f", value);
    if (unit > 0)
        text[n++] = units[unit];
    return (struct str){ text, (size_t)n };
}

/* Of the style, in `width` columns, to the right. */
static void
put_right(struct screen *s, unsigned x, unsigned y, unsigned width, enum style style,
          struct str text)
{
    if (text.len < width)
        x += width - (unsigned)text.len;
    screen_put(s, x, y, style, text);
}

static void
put_short(struct screen *s, unsigned x, unsigned y, unsigned width, enum style style, double value)
{
    char text[16];

    put_right(s, x, y, width, style, top_short(value, text));
}

static void
put_number(struct screen *s, unsigned x, unsigned y, unsigned width, uint64_t value)
{
    char text[24];
    struct writer w = writer_at(text, sizeof(text));

    write_uint(&w, value);
    put_right(s, x, y, width, STYLE_PLAIN, (struct str){ text, (size_t)(w.p - text) });
}

/* 7 columns; "-": there was no answer. */
static void
put_ms(struct screen *s, unsigned x, unsigned y, enum style style, double ms)
{
    char text[32];
    int n = snprintf(text, sizeof(text), ms < 1 ? "%.3f" : ms < 100 ? "%.2f" : "%.0f", ms);

    put_right(s, x, y, 7, style, ms > 0 ? (struct str){ text, (size_t)n } : STR("-"));
}

/* "label value", the value in `width` columns. Returns where the next begins. */
static unsigned
put_rate(struct screen *s, unsigned x, unsigned y, const char *label, const struct top_numbers *t,
         double value, unsigned width)
{
    x = screen_put(s, x, y, STYLE_LABEL, str_of(label)) + 1;
    if (t->has_rates)
        put_short(s, x, y, width, STYLE_VALUE, value);
    else
        put_right(s, x, y, width, STYLE_PLAIN, STR("-"));
    return x + width + 2;
}

/* ---- the head ------------------------------------------------------------------------------ */

static void
put_age(struct screen *s, unsigned *x, unsigned y, uint64_t seconds)
{
    char text[32];
    struct writer w = writer_at(text, sizeof(text));

    write_age(&w, seconds);
    *x = screen_fmt(s, *x, y, STYLE_LABEL, "  up %s", writer_cstr(&w));
}

static const char *
plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static void
draw_title(struct screen *s, unsigned y, const struct top_view *view)
{
    const struct report *r = view->report;
    unsigned x;

    x = screen_put(s, 0, y, STYLE_VALUE, STR("weir"));
    if (r != NULL) {
        x = screen_fmt(s, x, y, STYLE_VALUE, " %.*s", STR_ARG(r->version));
        put_age(s, &x, y, report_age_s(r, r->master.start_time_s));
        x = screen_fmt(s, x, y, STYLE_LABEL, "  generation %ju  %u worker%s",
                       (uintmax_t)r->master.generation, r->workers_len, plural(r->workers_len));
        if (r->old_generations > 0)
            x = screen_fmt(s, x, y, STYLE_LABEL, "  %u old generation%s", r->old_generations,
                           plural(r->old_generations));
    }
    if (view->is_paused)
        screen_put(s, x + 2, y, STYLE_NOTICE, STR(" paused "));
}

static void
draw_verdict(struct screen *s, unsigned y, const struct counters_master *m)
{
    char text[48];
    struct writer w = writer_at(text, sizeof(text));
    unsigned x;

    if (m->last_reload_time_s == 0) {
        screen_put(s, 0, y, STYLE_LABEL, STR("no reload yet"));
        return;
    }
    write_time(&w, m->last_reload_time_s);
    x = screen_put(s, 0, y, STYLE_LABEL, STR("last reload "));
    x = m->last_reload_ok != 0 ? screen_put(s, x, y, STYLE_GOOD, STR("ok"))
                               : screen_put(s, x, y, STYLE_BAD, STR("failed"));
    x = screen_fmt(s, x, y, STYLE_LABEL, ", %s: ", writer_cstr(&w));
    screen_put(s, x, y, STYLE_LABEL, (struct str){ m->verdict, m->verdict_len });
}

static void
draw_notice(struct screen *s, unsigned y, const struct top_view *view)
{
    if (view->notice.len > 0) {
        screen_put(s, 0, y, STYLE_NOTICE, view->notice);
        screen_line_style(s, y, STYLE_NOTICE);
    } else if (view->report != NULL) {
        draw_verdict(s, y, &view->report->master);
    }
}

static void
draw_sums(struct screen *s, unsigned y, const struct top_numbers *t)
{
    static const char *const classes[STATUS_CLASSES] = { "1xx", "2xx", "3xx", "4xx", "5xx" };
    static const char *const names[QUANTILES] = { "p50", "p90", "p99" };
    unsigned x = put_rate(s, 0, y, "requests/s", t, t->requests_s, 5);

    for (unsigned i = 1; i < STATUS_CLASSES; i++)
        x = put_rate(s, x, y, classes[i], t, t->responses_s[i], 5);
    put_rate(s, x, y, classes[0], t, t->responses_s[0], 5);
    y++;
    x = put_rate(s, 0, y, "bytes/s in", t, t->received_s, 5);
    x = put_rate(s, x, y, "out", t, t->sent_s, 5);
    x = screen_put(s, x, y, STYLE_LABEL, STR("open "));
    x = screen_fmt(s, x, y, STYLE_VALUE, "%ju", (uintmax_t)t->open);
    x = screen_fmt(s, x, y, STYLE_LABEL, " of %ju", (uintmax_t)t->slots) + 2;
    x = put_rate(s, x, y, "drained/s", t, t->drains_s, 3);
    put_rate(s, x, y, "refused/s", t, t->refusals_s, 3);
    y++;
    x = screen_put(s, 0, y, STYLE_LABEL, STR("latency ms  "));
    for (unsigned i = 0; i < QUANTILES; i++) {
        x = screen_put(s, x, y, STYLE_LABEL, str_of(names[i]));
        put_ms(s, x, y, STYLE_VALUE, t->latency_ms[i]);
        x += 9;
    }
}

/* ---- pools --------------------------------------------------------------------------------- */

static const struct { enum style style; char mark; const char *name; } pool_parts[POOL_PARTS] = {
    [POOL_READING]   = { STYLE_READING,   'R', "reading" },
    [POOL_WRITING]   = { STYLE_WRITING,   'W', "writing" },
    [POOL_IDLE]      = { STYLE_IDLE,      '=', "idle" },
    [POOL_LINGERING] = { STYLE_LINGERING, 'L', "lingering" },
    [POOL_FREE]      = { STYLE_FREE,      '.', "free" },
};

static unsigned
largest(const unsigned cells[POOL_PARTS])
{
    unsigned best = POOL_FREE;

    for (unsigned i = 0; i < POOL_PARTS; i++)
        if (cells[i] > cells[best])
            best = i;
    return best;
}

void
top_frame_bar(const uint64_t parts[POOL_PARTS], unsigned width, unsigned cells[POOL_PARTS])
{
    double all = 0;
    unsigned used = 0;

    for (unsigned i = 0; i < POOL_PARTS; i++)
        all += (double)parts[i];
    for (unsigned i = 0; i < POOL_PARTS; i++) {
        cells[i] = all > 0 ? (unsigned)((double)parts[i] / all * width + 0.5) : 0;
        if (cells[i] == 0 && parts[i] > 0)
            cells[i] = 1;
        used += cells[i];
    }
    for (; used > width; used--)
        cells[largest(cells)]--;
    if (all > 0)
        cells[largest(cells)] += width - used;
}

static void
draw_legend(struct screen *s, unsigned y)
{
    unsigned x = screen_put(s, 0, y, STYLE_LABEL, STR("pool"));

    for (unsigned i = 0; i < POOL_PARTS; i++) {
        x = screen_fmt(s, x + 2, y, pool_parts[i].style, "%c", pool_parts[i].mark);
        x = screen_put(s, x + 1, y, STYLE_LABEL, str_of(pool_parts[i].name));
    }
}

static void
draw_bar(struct screen *s, unsigned x, unsigned y, unsigned width, const uint64_t *pool)
{
    unsigned cells[POOL_PARTS];

    top_frame_bar(pool, width - 2, cells);
    screen_put(s, x, y, STYLE_LABEL, STR("["));
    screen_put(s, x + width - 1, y, STYLE_LABEL, STR("]"));
    x++;
    for (unsigned i = 0; i < POOL_PARTS; i++) {
        screen_repeat(s, x, y, pool_parts[i].style, pool_parts[i].mark, cells[i]);
        x += cells[i];
    }
}

/* ---- workers ------------------------------------------------------------------------------- */

enum column { PID, GENERATION, STATE, POOL, OPEN, REQUESTS, DRAINS, REFUSALS, PAUSES, COLUMNS };

/* rank: the highest go first when there is no room. */
static const struct { const char *name; unsigned width, rank; } columns[COLUMNS] = {
    [PID]        = { "PID",     7, 0 },
    [GENERATION] = { "GEN",     4, 3 },
    [STATE]      = { "STATE",   7, 2 },
    [POOL]       = { "POOL",    0, 0 },
    [OPEN]       = { "OPEN",    6, 1 },
    [REQUESTS]   = { "REQ/S",   6, 1 },
    [DRAINS]     = { "DRAIN/S", 7, 4 },
    [REFUSALS]   = { "REFUS/S", 7, 5 },
    [PAUSES]     = { "PAUSES",  6, 6 },
};

/* Where the columns of a table stand; width 0: it is left out. */
struct table { unsigned x[COLUMNS], width[COLUMNS]; };

/* What columns up to that rank leave to the bar. */
static unsigned
room_for_bar(unsigned width, unsigned rank)
{
    unsigned used = 0;

    for (unsigned i = 0; i < COLUMNS; i++)
        if (i != POOL && columns[i].rank <= rank)
            used += columns[i].width + 1;
    return width > used ? width - used : 0;
}

static struct table
plan_table(unsigned width)
{
    struct table t = { 0 };
    unsigned rank = PAUSES, x = 0, bar;

    while (rank > 0 && room_for_bar(width, rank) < BAR_LEAST)
        rank--;
    bar = MIN(room_for_bar(width, rank), (unsigned)BAR_MOST);
    for (unsigned i = 0; i < COLUMNS; i++) {
        if (columns[i].rank > rank)
            continue;
        t.x[i] = x;
        t.width[i] = i == POOL ? bar : columns[i].width;
        x += t.width[i] + (t.width[i] > 0);
    }
    return t;
}

static void
draw_worker_heading(struct screen *s, unsigned y, const struct table *t)
{
    for (unsigned i = 0; i < COLUMNS; i++) {
        bool left = i == STATE || i == POOL;
        struct str name = str_of(columns[i].name);

        if (t->width[i] < name.len)
            continue;
        put_right(s, t->x[i], y, left ? (unsigned)name.len : t->width[i], STYLE_PLAIN, name);
    }
    screen_line_style(s, y, STYLE_HEADING);
}

static void
draw_worker_rate(struct screen *s, const struct table *t, enum column column, unsigned y,
                 double value, const struct top_numbers *numbers)
{
    if (t->width[column] > 0 && numbers->has_rates)
        put_short(s, t->x[column], y, t->width[column], STYLE_PLAIN, value);
    else if (t->width[column] > 0)
        put_right(s, t->x[column], y, t->width[column], STYLE_PLAIN, STR("-"));
}

static void
draw_worker(struct screen *s, unsigned y, const struct table *t, const struct top_worker *w,
            const struct top_numbers *numbers)
{
    put_number(s, t->x[PID], y, t->width[PID], (uint64_t)w->pid);
    if (t->width[GENERATION] > 0)
        put_number(s, t->x[GENERATION], y, t->width[GENERATION], w->generation);
    if (t->width[STATE] > 0)
        screen_put(s, t->x[STATE], y, strcmp(w->state, "paused") == 0 ? STYLE_BAD : STYLE_PLAIN,
                   str_of(w->state));
    if (t->width[POOL] > 2)
        draw_bar(s, t->x[POOL], y, t->width[POOL], w->pool);
    if (t->width[OPEN] > 0)
        put_number(s, t->x[OPEN], y, t->width[OPEN], w->open);
    draw_worker_rate(s, t, REQUESTS, y, w->requests_s, numbers);
    draw_worker_rate(s, t, DRAINS, y, w->drains_s, numbers);
    draw_worker_rate(s, t, REFUSALS, y, w->refusals_s, numbers);
    if (t->width[PAUSES] > 0)
        put_number(s, t->x[PAUSES], y, t->width[PAUSES], w->pauses);
}

/* In `lines` lines, without the heading; the last one tells of those that have no place. */
static void
draw_workers(struct screen *s, unsigned y, unsigned lines, const struct table *t,
             const struct top_numbers *numbers)
{
    unsigned all = numbers->workers_len, shown = all <= lines ? all : lines > 0 ? lines - 1 : 0;

    for (unsigned i = 0; i < shown; i++)
        draw_worker(s, y + i, t, &numbers->workers[i], numbers);
    if (shown < all && lines > 0)
        screen_fmt(s, 0, y + shown, STYLE_LABEL, "%7s %u more", "and", all - shown);
}

/* ---- hosts --------------------------------------------------------------------------------- */

static void
draw_host(struct screen *s, unsigned y, const struct top_host *h, bool has_rates)
{
    if (!has_rates) {
        screen_fmt(s, 0, y, STYLE_PLAIN, "%6s%7s%7s%8s%8s%7s", "-", "-", "-", "-", "-", "-");
    } else {
        put_short(s, 0, y, 6, STYLE_PLAIN, h->requests_s);
        put_short(s, 7, y, 6, STYLE_PLAIN, h->failures_4xx_s);
        put_short(s, 14, y, 6, h->failures_5xx_s > 0 ? STYLE_BAD : STYLE_PLAIN, h->failures_5xx_s);
        put_ms(s, 21, y, STYLE_PLAIN, h->latency_ms[0]);
        put_ms(s, 29, y, STYLE_PLAIN, h->latency_ms[QUANTILES - 1]);
        put_short(s, 37, y, 6, STYLE_PLAIN, h->bytes_s);
    }
    screen_put(s, 45, y, STYLE_VALUE, h->name);
}

static void
draw_host_heading(struct screen *s, unsigned y)
{
    screen_fmt(s, 0, y, STYLE_PLAIN, "%6s%7s%7s%8s%8s%7s  %s", "REQ/S", "4XX/S", "5XX/S", "P50 MS",
               "P99 MS", "OUT/S", "HOST");
    screen_line_style(s, y, STYLE_HEADING);
}

static void
draw_hosts(struct screen *s, unsigned y, unsigned lines, const struct top_numbers *numbers)
{
    unsigned all = numbers->hosts_len, shown = all <= lines ? all : lines - 1;

    for (unsigned i = 0; i < shown; i++)
        draw_host(s, y + i, &numbers->hosts[i], numbers->has_rates);
    if (shown < all)
        screen_fmt(s, 0, y + shown, STYLE_LABEL, "%6s %u more", "and", all - shown);
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* How many lines each part has, and where it begins. */
struct layout {
    unsigned gap;               /* blank lines between the parts */
    unsigned sums, legend, workers, hosts, end;
    unsigned worker_lines, host_lines;  /* without the heading; host_lines 0: no heading either */
};

static unsigned
keys_lines(const struct top_view *view, unsigned height)
{
    return view->has_keys && height >= KEYS_HEIGHT;
}

static struct layout
plan(const struct top_view *view, unsigned height)
{
    struct layout l = { .gap = height >= AIRY_HEIGHT || !view->has_keys };
    unsigned workers = view->numbers->workers_len, hosts = view->numbers->hosts_len;
    unsigned left;

    l.end = height - keys_lines(view, height);
    l.sums = 2 + l.gap;
    l.legend = l.sums + 3 + l.gap;
    l.workers = l.legend + 1;
    left = l.end > l.workers + 1 ? l.end - l.workers - 1 : 0;
    l.worker_lines = MIN(workers, left);
    if (hosts > 0 && left >= 1 + l.gap + 1 + HOSTS_LEAST) {
        left -= l.gap + 1;
        if (workers + hosts > left)
            l.worker_lines = MIN(workers, MAX(left / 2, left - MIN(left, hosts)));
        l.host_lines = MIN(hosts, left - l.worker_lines);
    }
    l.hosts = l.workers + 1 + l.worker_lines + l.gap;
    return l;
}

unsigned
top_frame_height(const struct top_view *view)
{
    struct layout l = plan(view, SCREEN_SIDE_MAX);

    return l.host_lines > 0 ? l.hosts + 1 + l.host_lines : l.workers + 1 + l.worker_lines;
}

static void
draw_numbers(struct screen *s, const struct top_view *view)
{
    struct layout l = plan(view, screen_height(s));
    struct table t = plan_table(screen_width(s));

    draw_sums(s, l.sums, view->numbers);
    if (l.legend < l.end)
        draw_legend(s, l.legend);
    if (l.workers < l.end)
        draw_worker_heading(s, l.workers, &t);
    draw_workers(s, l.workers + 1, l.worker_lines, &t, view->numbers);
    if (l.host_lines == 0)
        return;
    draw_host_heading(s, l.hosts);
    draw_hosts(s, l.hosts + 1, l.host_lines, view->numbers);
}

/* The next line; false when there is none. */
static bool
next_line(struct str *text, struct str *line)
{
    ptrdiff_t newline = str_find(*text, '\n', 0);

    *line = *text;
    if (newline >= 0)
        line->len = (size_t)newline;
    if (text->len == 0)
        return false;
    *text = str_from(*text, line->len + 1);
    return true;
}

enum { LISTING_FIXED = 4 };     /* title, verdict, heading, keys */

unsigned
top_frame_last_line(struct str listing, unsigned height)
{
    struct str line;
    unsigned n = 0, room = height > LISTING_FIXED ? height - LISTING_FIXED : 1;

    while (next_line(&listing, &line))
        n++;
    return n > room + 1 ? n - room - 1 : 0;
}

static void
draw_listing(struct screen *s, const struct top_view *view)
{
    struct str rest = view->listing, line;
    unsigned end = screen_height(s) - keys_lines(view, screen_height(s));

    if (next_line(&rest, &line))
        screen_put(s, 0, 2, STYLE_PLAIN, str_from(line, view->first_column));
    screen_line_style(s, 2, STYLE_HEADING);
    for (unsigned i = 0; i < view->first_line; i++)
        next_line(&rest, &line);
    for (unsigned y = 3; y < end && next_line(&rest, &line); y++)
        screen_put(s, 0, y, STYLE_PLAIN, str_from(line, view->first_column));
}

static unsigned
put_key(struct screen *s, unsigned x, unsigned y, const char *key, const char *does)
{
    x = screen_put(s, x, y, STYLE_VALUE, str_of(key));
    return screen_put(s, x + 1, y, STYLE_LABEL, str_of(does)) + 2;
}

static void
draw_keys(struct screen *s, unsigned y, const struct top_view *view)
{
    static const char *const orders[TOP_ORDERS] = {
        [BY_REQUESTS] = "sort: requests", [BY_FAILURES] = "sort: 4xx+5xx",
        [BY_LATENCY] = "sort: p99",       [BY_BYTES] = "sort: bytes",
        [BY_NAME] = "sort: name",
    };
    char interval[32];
    unsigned x = put_key(s, 0, y, "q", "quit");

    snprintf(interval, sizeof(interval), "%g s", (double)view->interval_ms / 1000);
    x = put_key(s, x, y, "p", view->is_paused ? "go on" : "pause");
    x = put_key(s, x, y, "+-", interval);
    if (str_is_set(view->listing)) {
        x = put_key(s, x, y, "c", "numbers");
        put_key(s, x, y, "arrows", "scroll");
    } else {
        x = put_key(s, x, y, "s", orders[view->order]);
        put_key(s, x, y, "c", "connections");
    }
}

void
top_frame(struct screen *s, const struct top_view *view)
{
    unsigned height = screen_height(s);

    draw_title(s, 0, view);
    draw_notice(s, 1, view);
    if (str_is_set(view->listing))
        draw_listing(s, view);
    else if (view->report != NULL)
        draw_numbers(s, view);
    if (keys_lines(view, height) > 0)
        draw_keys(s, height - 1, view);
}
