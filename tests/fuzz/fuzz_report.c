/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_report: what one process of weir tells another of its numbers and connections, whatever it is.
 * What is read of a report is written and read as the same; its JSON is JSON; pictures of it stay
 * on their screen, and a terminal gets no control bytes but our own.
 */
#include "fuzz.h"
#include "json.h"

#include "base/arena.h"
#include "http/listing_report.h"
#include "http/report.h"
#include "proc/terminal.h"
#include "proc/top_frame.h"

enum { WIDTH_MAX = 200, HEIGHT_MAX = 60 };

/* A line of numbers has its line end, and no other control byte. */
static void
require_plain(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        require(((unsigned char)text.p[i] >= ' ' && text.p[i] != 0x7f) || text.p[i] == '\n');
}

static struct str
raw_of(struct arena *arena, const struct report *report)
{
    struct writer w = writer_in(arena);

    report_raw(&w, report);
    require(w.ok);
    return writer_str(&w);
}

static void
draw(struct arena *arena, const struct report *before, const struct report *report,
     struct str listing, unsigned flags)
{
    struct top_view view = {
        .report = report, .order = (enum top_order)(flags % TOP_ORDERS), .interval_ms = 1000,
        .first_line = flags % 7, .first_column = flags % 5, .has_keys = (flags & 8) != 0,
        .is_paused = (flags & 16) != 0,
    };
    const unsigned width = 1 + flags * 7 % WIDTH_MAX, height = 1 + flags * 3 % HEIGHT_MAX;
    struct screen *screen = screen_create(arena, width, height);
    struct writer w = writer_in(arena), picture = writer_in(arena);

    if (report != NULL) {
        view.numbers = top_compare(arena, before, report, view.order);
        require(view.numbers != NULL && view.numbers->workers_len == report->workers_len);
    }
    if ((flags & 32) != 0)
        view.listing = listing;
    require(screen != NULL && screen_width(screen) == width && screen_height(screen) == height);
    top_frame(screen, &view);
    require(top_frame_last_line(listing, height) <= listing.len);
    screen_write(&w, screen);
    screen_draw(&picture, screen, (flags & 64) != 0 ? COLOURS_ANSI : COLOURS_NONE);
    require(w.ok && picture.ok);
    require_plain(writer_str(&w));
}

static struct report *
try_report(struct arena *arena, struct str text)
{
    struct report *report = report_read(arena, text), *again;
    struct writer json = writer_in(arena), other;
    struct str raw;

    if (report == NULL)
        return NULL;
    raw = raw_of(arena, report);
    again = report_read(arena, raw);
    require(again != NULL && again->workers_len == report->workers_len
            && again->hosts_len == report->hosts_len);
    if (memchr(raw.p, '\\', raw.len) == NULL)      /* nothing in it that is escaped */
        require(str_eq(raw_of(arena, again), raw));
    report_json(&json, report);
    require(json.ok && json_is_sound(writer_str(&json)));
    other = writer_in(arena);
    report_text(&other, report);
    report_metrics(&other, report, METRICS_PROMETHEUS);
    report_metrics(&other, report, METRICS_OPEN);
    require(other.ok);
    require_plain(writer_str(&other));
    return report;
}

static struct str
try_listing(struct arena *arena, struct str lines)
{
    struct writer text = writer_in(arena), json = writer_in(arena);

    listing_text(&text, lines);
    listing_json(&json, lines);
    require(text.ok && json.ok && json_is_sound(writer_str(&json)));
    return writer_str(&text);
}

static void
press_keys(struct str bytes)
{
    struct key_reader reader = { 0 };

    for (size_t i = 0; i < bytes.len; i++) {
        int key = key_read(&reader, bytes.p[i]);

        require(key >= KEY_NONE && key <= KEY_PAGE_DOWN);
    }
}

/* Who writes it leaves no control byte in it but those that part lines and their fields. */
static struct str
cleaned(struct arena *arena, struct str text)
{
    char *p = arena_bytes(arena, text.len + 1);

    require(p != NULL);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];

        p[i] = (c < ' ' && c != '\n' && c != '\t') || c == 0x7f ? '?' : text.p[i];
    }
    return (struct str){ p, text.len };
}

/* Two reports, and lines of connections, a line "--" between them. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, MIN(size, 16384) }, parts[3] = { { 0 } };
    struct arena *arena = arena_create(16384, 64u << 20);
    unsigned flags = take_byte(&rest);
    struct report *before, *report;

    require(arena != NULL);
    for (unsigned i = 0; i < 3; i++) {
        const char *end = memmem(rest.p, rest.len, "\n--\n", 4);

        parts[i] = (struct str){ rest.p, end == NULL ? rest.len : (size_t)(end + 1 - rest.p) };
        rest = str_from(rest, parts[i].len + 3);
        parts[i] = cleaned(arena, parts[i]);
    }
    before = try_report(arena, parts[0]);
    report = try_report(arena, parts[1]);
    if (report == NULL) {
        report = before;
        before = NULL;
    }
    draw(arena, before, report, try_listing(arena, parts[2]), flags);
    press_keys(parts[2]);
    arena_destroy(arena);
    return 0;
}
