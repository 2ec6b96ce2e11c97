/* SPDX-License-Identifier: BSD-2-Clause */
/* top_frame: whole pictures, as they stand on screens of several sizes. */
#include "proc/top_frame.h"
#include "unit.h"

#include <stdio.h>

enum { WORKERS = 40, HOSTS = 30 };

static struct arena *arena;
static struct report report;
static struct counters counters[WORKERS];
static struct top_worker workers[WORKERS];
static struct top_host hosts[HOSTS];
static char names[HOSTS][32];
static struct top_numbers numbers;
static struct top_view view;

static void
set_worker(unsigned i, const uint64_t pool[POOL_PARTS])
{
    workers[i] = (struct top_worker){
        .pid = 1000 + i, .generation = 3, .open = 512 - pool[POOL_FREE], .pauses = i,
        .state = i == 1 ? "paused" : "serving", .requests_s = 1234.5 + i, .drains_s = i,
        .refusals_s = 0.25 * i,
    };
    memcpy(workers[i].pool, pool, sizeof(workers[i].pool));
}

static void
begin(unsigned workers_len, unsigned hosts_len)
{
    arena = arena_create(65536, 0);
    report = (struct report){
        .version = STR("1.2.3"), .time_s = 100000, .old_generations = 1, .workers = counters,
        .workers_len = workers_len,
        .master = { .start_time_s = 100000 - 3700, .generation = 3, .reloads_ok = 2,
                    .last_reload_time_s = 99000, .last_reload_ok = 1, .verdict_len = 28,
                    .verdict = "the new configuration serves" },
    };
    for (unsigned i = 0; i < workers_len; i++)
        set_worker(i, (const uint64_t[]){ 2, 12, 100 + i, 1, 397 - i });
    for (unsigned i = 0; i < hosts_len; i++) {
        snprintf(names[i], sizeof(names[i]), "host%u.example.org", i);
        hosts[i] = (struct top_host){ .name = str_of(names[i]), .requests_s = 3000.0 / (i + 1),
                                      .failures_4xx_s = i, .bytes_s = 1e6 / (i + 1),
                                      .latency_ms = { 0.123, 1.5, 123.4 } };
    }
    numbers = (struct top_numbers){
        .has_rates = true, .open = 230, .slots = 1024, .requests_s = 12345.6,
        .responses_s = { 0, 12000, 300, 45, 0.6 }, .received_s = 1234567, .sent_s = 98.7e6,
        .drains_s = 3, .refusals_s = 0.5, .latency_ms = { 0.123, 4.56, 1234 },
        .workers = workers, .workers_len = workers_len, .hosts = hosts, .hosts_len = hosts_len,
    };
    view = (struct top_view){ .report = &report, .numbers = &numbers, .notice = STR(""),
                              .interval_ms = 1000, .has_keys = true };
}

static const char *
picture(unsigned width, unsigned height)
{
    struct screen *screen = screen_create(arena, width, height);
    struct writer w = writer_in(arena);

    ck_assert_ptr_nonnull(screen);
    top_frame(screen, &view);
    screen_write(&w, screen);
    return writer_cstr(&w);
}

/* Whole pictures are more than Check's own messages hold. */
static void
is_picture(unsigned width, unsigned height, const char *wanted)
{
    const char *text = picture(width, height);

    if (strcmp(text, wanted) != 0)
        ck_abort_msg("%ux%u:\n%.1500s\ninstead of\n%.1500s", width, height, text, wanted);
}

START_TEST(eighty_by_twenty_four)
{
    begin(2, 3);
    is_picture(80, 24,
        "weir 1.2.3  up 1 h 1 min  generation 3  2 workers  1 old generation\n"
        "last reload ok, 1970-01-02 03:30:00 UTC: the new configuration serves\n\n"
        "requests/s 12346  2xx 12000  3xx   300  4xx  45.0  5xx   0.6  1xx     0\n"
        "bytes/s in  1.2M  out   99M  open 230 of 1024  drained/s 3.0  refused/s 0.5\n"
        "latency ms  p50  0.123  p90   4.56  p99   1234\n\n"
        "pool  R reading  W writing  = idle  L lingering  . free\n"
        "    PID  GEN STATE   POOL                     OPEN  REQ/S DRAIN/S REFUS/S PAUSES\n"
        "   1000    3 serving [RW====L.............]    115   1234       0       0      0\n"
        "   1001    3 paused  [RW====L.............]    116   1236     1.0     0.2      1\n\n"
        " REQ/S  4XX/S  5XX/S  P50 MS  P99 MS  OUT/S  HOST\n"
        "  3000      0      0   0.123     123   1.0M  host0.example.org\n"
        "  1500    1.0      0   0.123     123   500k  host1.example.org\n"
        "  1000    2.0      0   0.123     123   333k  host2.example.org\n\n\n\n\n\n\n\n"
        "q quit  p pause  +- 1 s  s sort: requests  c connections\n");
    arena_destroy(arena);
}
END_TEST

START_TEST(less_room_shows_what_matters_most)
{
    begin(4, 3);
    is_picture(60, 10,
        "weir 1.2.3  up 1 h 1 min  generation 3  4 workers  1 old gen\n"
        "last reload ok, 1970-01-02 03:30:00 UTC: the new configurati\n"
        "requests/s 12346  2xx 12000  3xx   300  4xx  45.0  5xx   0.6\n"
        "bytes/s in  1.2M  out   99M  open 230 of 1024  drained/s 3.0\n"
        "latency ms  p50  0.123  p90   4.56  p99   1234\n"
        "pool  R reading  W writing  = idle  L lingering  . free\n"
        "    PID  GEN STATE   POOL                OPEN  REQ/S DRAIN/S\n"
        "   1000    3 serving [RW===L.........]    115   1234       0\n"
        "    and 3 more\n"
        "q quit  p pause  +- 1 s  s sort: requests  c connections\n");
    arena_destroy(arena);
}
END_TEST

static unsigned
count(const char *text, char c)
{
    unsigned n = 0;

    for (; *text != '\0'; text++)
        n += *text == c;
    return n;
}

START_TEST(more_room_shows_more)
{
    const char *text;

    begin(40, 30);
    text = picture(200, 60);
    ck_assert_ptr_nonnull(strstr(text, "\n   1000    3 serving [RWW====================L..........."
        ".................................................................]    115   1234"
        "       0       0      0\n"));
    ck_assert_ptr_nonnull(strstr(text, "\n   1022    3 serving ["));
    ck_assert_ptr_nonnull(strstr(text, "\n    and 17 more\n\n REQ/S  4XX/S "));
    ck_assert_ptr_nonnull(strstr(text, "  host22.example.org\n   and 7 more\nq quit  p pause "));
    ck_assert_uint_eq(count(text, '\n'), 60);
    arena_destroy(arena);
}
END_TEST

START_TEST(before_there_is_anything_to_compare)
{
    begin(1, 1);
    numbers.has_rates = false;
    numbers.latency_ms[0] = numbers.latency_ms[1] = numbers.latency_ms[2] = 0;
    report.master.last_reload_time_s = 0;
    report.old_generations = 0;
    view.is_paused = true;
    is_picture(80, 24,
        "weir 1.2.3  up 1 h 1 min  generation 3  1 worker   paused\n"
        "no reload yet\n\n"
        "requests/s     -  2xx     -  3xx     -  4xx     -  5xx     -  1xx     -\n"
        "bytes/s in     -  out     -  open 230 of 1024  drained/s   -  refused/s   -\n"
        "latency ms  p50      -  p90      -  p99      -\n\n"
        "pool  R reading  W writing  = idle  L lingering  . free\n"
        "    PID  GEN STATE   POOL                     OPEN  REQ/S DRAIN/S REFUS/S PAUSES\n"
        "   1000    3 serving [RW====L.............]    115      -       -       -      0\n\n"
        " REQ/S  4XX/S  5XX/S  P50 MS  P99 MS  OUT/S  HOST\n"
        "     -      -      -       -       -      -  host0.example.org\n\n\n\n\n\n\n\n\n\n\n"
        "q quit  p go on  +- 1 s  s sort: requests  c connections\n");
    arena_destroy(arena);
}
END_TEST

START_TEST(text_has_neither_keys_nor_an_end)
{
    begin(30, 30);
    view.has_keys = false;
    ck_assert_uint_eq(top_frame_height(&view), 2 + 1 + 3 + 1 + 1 + 1 + 30 + 1 + 1 + 30);
    ck_assert_ptr_nonnull(strstr(picture(80, top_frame_height(&view)), "host29.example.org\n"));
    numbers.hosts_len = 0;
    ck_assert_uint_eq(top_frame_height(&view), 2 + 1 + 3 + 1 + 1 + 1 + 30);
    arena_destroy(arena);
}
END_TEST

START_TEST(notice_stands_in_the_place_of_the_verdict)
{
    begin(1, 1);
    view.notice = STR("no master process answers, trying again");
    ck_assert_ptr_nonnull(strstr(picture(80, 24), "\nno master process answers, trying again\n"));
    ck_assert_ptr_null(strstr(picture(80, 24), "last reload"));
    view.report = NULL;
    view.numbers = NULL;
    ck_assert_int_eq(strncmp(picture(80, 24), "weir\nno master", 14), 0);
    arena_destroy(arena);
}
END_TEST

START_TEST(listing_is_scrolled_below_its_heading)
{
    struct str listing = STR("HEADING\none\ntwo\nthree\nfour\n");

    begin(1, 1);
    report.master.last_reload_time_s = 0;
    view.listing = listing;
    view.first_line = 1;
    view.first_column = 1;
    ck_assert_str_eq(picture(40, 6), "weir 1.2.3  up 1 h 1 min  generation 3\nno reload yet\n"
                     "EADING\nwo\nhree\nq quit  p pause  +- 1 s  c numbers  arro\n");
    ck_assert_uint_eq(top_frame_last_line(listing, 6), 2);
    ck_assert_uint_eq(top_frame_last_line(listing, 8), 0);
    ck_assert_uint_eq(top_frame_last_line(listing, 1), 3);
    ck_assert_uint_eq(top_frame_last_line(STR(""), 24), 0);
    view.first_line = 1000;
    ck_assert_ptr_nonnull(picture(40, 6));
    view.listing = STR("");
    ck_assert_ptr_nonnull(picture(40, 6));
    arena_destroy(arena);
}
END_TEST

/* Also where next to nothing fits. */
START_TEST(each_size_is_drawn)
{
    static const struct { unsigned workers, hosts; } sizes[] = {
        { 0, 0 }, { 1, 0 }, { 0, 1 }, { 1, 30 }, { 40, 1 }, { 40, 30 },
    };
    unsigned height = (unsigned)_i + 1;

    for (unsigned k = 0; k < ARRAY_LEN(sizes); k++) {
        begin(sizes[k].workers, sizes[k].hosts);
        for (unsigned width = 1; width <= 130; width++) {
            const char *text = picture(width, height);
            unsigned lines = 0;

            for (size_t len; *text != '\0'; text += len + 1, lines++) {
                len = strcspn(text, "\n");
                ck_assert_uint_le(len, width);
            }
            ck_assert_uint_le(lines, height);
        }
        arena_destroy(arena);
    }
}
END_TEST

static const struct { uint64_t parts[POOL_PARTS]; unsigned width, cells[POOL_PARTS]; } bars[] = {
    { { 0, 0, 0, 0, 100 }, 10, { 0, 0, 0, 0, 10 } },
    { { 10, 20, 30, 0, 40 }, 10, { 1, 2, 3, 0, 4 } },
    { { 1, 1, 1, 1, 1000000 }, 10, { 1, 1, 1, 1, 6 } },     /* one of many is still to be seen */
    { { 1, 0, 0, 0, 0 }, 10, { 10, 0, 0, 0, 0 } },
    { { 1, 1, 1, 0, 0 }, 10, { 4, 3, 3, 0, 0 } },
    { { 0, 0, 0, 0, 0 }, 10, { 0, 0, 0, 0, 0 } },
    { { 5, 5, 5, 5, 5 }, 3, { 0, 1, 1, 1, 0 } },            /* more parts than cells */
    { { UINT64_MAX, UINT64_MAX, 0, 0, 0 }, 4, { 2, 2, 0, 0, 0 } },
    { { 1, 2, 3, 4, 5 }, 0, { 0, 0, 0, 0, 0 } },
};

START_TEST(bar_shares_out_its_cells)
{
    unsigned cells[POOL_PARTS];

    top_frame_bar(bars[_i].parts, bars[_i].width, cells);
    for (unsigned i = 0; i < POOL_PARTS; i++)
        ck_assert_uint_eq(cells[i], bars[_i].cells[i]);
}
END_TEST

static const struct { double value; const char *text; } shorts[] = {
    { 0, "0" }, { -1, "0" }, { 0.04, "0" }, { 0.05, "0.1" }, { 1, "1.0" }, { 99.94, "99.9" },
    { 99.96, "100" }, { 12345.4, "12345" }, { 99999.4, "99999" }, { 99999.6, "100k" },
    { 123456, "123k" }, { 999499, "999k" }, { 999501, "1.0M" }, { 9.94e6, "9.9M" },
    { 9.96e6, "10M" }, { 1.5e9, "1.5G" }, { 2e12, "2.0T" }, { 3e15, "3.0P" }, { 1.8e19, "18E" },
};

START_TEST(number_has_five_characters_at_most)
{
    char text[16];
    struct str s = top_short(shorts[_i].value, text);

    ck_assert(str_eq(s, str_of(shorts[_i].text)));
    ck_assert_uint_le(s.len, 5);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/top_frame");

    unit_add(suite, eighty_by_twenty_four, 1);
    unit_add(suite, less_room_shows_what_matters_most, 1);
    unit_add(suite, more_room_shows_more, 1);
    unit_add(suite, before_there_is_anything_to_compare, 1);
    unit_add(suite, text_has_neither_keys_nor_an_end, 1);
    unit_add(suite, notice_stands_in_the_place_of_the_verdict, 1);
    unit_add(suite, listing_is_scrolled_below_its_heading, 1);
    unit_add(suite, each_size_is_drawn, 64);
    unit_add(suite, bar_shares_out_its_cells, ARRAY_LEN(bars));
    unit_add(suite, number_has_five_characters_at_most, ARRAY_LEN(shorts));
    return unit_run(suite);
}
