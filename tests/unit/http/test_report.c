/* SPDX-License-Identifier: BSD-2-Clause */
/* report: the numbers in their forms, and which form a client wants. */
#include "unit.h"
#include "base/clock.h"
#include "http/listing_report.h"
#include "http/report.h"
#include "http/report_request.h"
#include <unistd.h>

static const struct { const char *accept, *type; unsigned quality; } accepts[] = {
    { "", "text/html", 0 },
    { "text/html", "text/html", 1000 },
    { "TEXT/HTML", "text/html", 1000 },
    { "text/htmlx", "text/html", 0 },
    { "*/*", "text/html", 0 },
    { "a/b, text/html;q=0.5", "text/html", 500 },
    { "text/html ; q=0.25 , a/b", "text/html", 250 },
    { "text/html;level=1;q=0.125", "text/html", 125 },
    { "text/html;Q=1.000", "text/html", 1000 },
    { "text/html;q=0", "text/html", 0 },
    { "text/html;q=1.5", "text/html", 0 },          /* too large for one */
    { "text/html;q=2", "text/html", 0 },            /* no quality */
    { "text/html;q=", "text/html", 0 },
    { "text/html;q=.5", "text/html", 0 },
    { "text/html;q=0.1234", "text/html", 0 },
    { "text/html;q=0.1x", "text/html", 0 },
    { "text/html;q=0.3,text/html;q=0.4", "text/html", 400 },
    { ",,;,text/html", "text/html", 1000 },
};

START_TEST(accept_names_a_type_and_how_much_it_is_wanted)
{
    ck_assert_uint_eq(accept_quality(str_of(accepts[_i].accept), str_of(accepts[_i].type)),
                      accepts[_i].quality);
}
END_TEST

static const struct { uint64_t seconds; const char *text; } ages[] = {
    { 0, "0 s" }, { 59, "59 s" }, { 60, "1 min" }, { 61, "1 min 1 s" }, { 3600, "1 h" },
    { 3659, "1 h" }, { 86399, "23 h 59 min" }, { 90000, "1 d 1 h" }, { 864000, "10 d" },
};

START_TEST(age_is_told_in_its_two_largest_units)
{
    char text[32];
    struct writer w = writer_at(text, sizeof(text));

    write_age(&w, ages[_i].seconds);
    ck_assert_str_eq(writer_cstr(&w), ages[_i].text);
}
END_TEST

static struct arena *arena;
static struct counters_segment *segment;

static void
begin(void)
{
    arena = arena_create(65536, 0);
    clock_update();
    segment = counters_create(4);
    counters_note_generation(segment, 2);
    counters_use(segment, 0, 2);
    stats->accepting_conns = 1;
    stats->requests = 7;
    stats->closed_idle = 3;
}

static void
end(void)
{
    counters_destroy(segment);
    arena_destroy(arena);
}

static const char *
metrics(enum metrics_dialect dialect)
{
    struct writer w = writer_in(arena);

    report_metrics(&w, report_take(arena, segment), dialect);
    return writer_cstr(&w);
}

static const char *
json(void)
{
    struct writer w = writer_in(arena);

    report_json(&w, report_take(arena, segment));
    return writer_cstr(&w);
}

START_TEST(names_of_hosts_are_escaped_in_each_form)
{
    struct writer w;

    begin();
    counters_answered(counters_host(segment, STR("a\"\\\n\xff\xc3\xa4<b>")), 1, 2, 200);
    ck_assert_ptr_nonnull(strstr(metrics(METRICS_OPEN),
        "weir_host_sent_bytes_total{host=\"a\\\"\\\\\\n\xef\xbf\xbd\xc3\xa4<b>\"} 2\n"));
    ck_assert_ptr_nonnull(strstr(json(), "\"a\\\"\\\\\\n\xef\xbf\xbd\xc3\xa4<b>\":{\"requests\":1,"));
    w = writer_in(arena);
    report_page(&w, report_take(arena, segment), STR("word"));
    ck_assert_ptr_null(strstr(writer_cstr(&w), "<b>\\"));
    ck_assert_ptr_nonnull(strstr(writer_cstr(&w), "&lt;b&gt;</td>"));
    ck_assert_ptr_nonnull(strstr(writer_cstr(&w), "\\u003cb>"));
    end();
}
END_TEST

START_TEST(verdict_cannot_leave_its_place)
{
    struct writer w;

    begin();
    counters_note_reload(segment, false, STR("</script><script>alert(1)</script>"));
    w = writer_in(arena);
    report_page(&w, report_take(arena, segment), STR("word"));
    ck_assert_ptr_null(strstr(writer_cstr(&w), "<script>"));
    ck_assert_ptr_null(strstr(writer_cstr(&w), "{{"));
    end();
}
END_TEST

START_TEST(no_text_moves_a_terminal)
{
    struct writer w;

    begin();
    counters_note_reload(segment, false, STR("a\x1b[2J\n\tb\xc2\x9b\n"));
    w = writer_in(arena);
    report_text(&w, report_take(arena, segment));
    ck_assert_ptr_nonnull(strstr(writer_cstr(&w), ": a\\x1B[2J\n    \tb\\xC2\\x9B\n"));
    w = writer_in(arena);
    listing_text(&w, STR("1\t2\t3\tidle\t\x1b]0;x\x07\tl\t1\t2\t3\t4\t5\n"));
    ck_assert_ptr_nonnull(strstr(writer_cstr(&w), " \\x1B]0;x\\x07 "));
    ck_assert_ptr_null(strchr(writer_cstr(&w), '\x1b'));
    end();
}
END_TEST

START_TEST(a_number_of_json_has_no_zeros_before_it)
{
    struct writer w;

    begin();
    w = writer_in(arena);
    listing_json(&w, STR("01\t2\t3\tidle\tp\"\tl\t007\t0\t00\t4\t5\n"));
    ck_assert_ptr_nonnull(strstr(writer_cstr(&w),
        "{\"pid\":1,\"generation\":2,\"connection\":3,\"state\":\"idle\",\"peer\":\"p\\\"\","
        "\"local\":\"l\",\"age_ms\":7,\"quiet_ms\":0,\"requests\":0,\"bytes_received\":4,"
        "\"bytes_sent\":5}"));
    end();
}
END_TEST

START_TEST(counters_of_one_kind_are_one_metric)
{
    const char *open, *old;

    begin();
    open = metrics(METRICS_OPEN);
    ck_assert_ptr_nonnull(strstr(open, "# TYPE weir_closed counter\n"));
    ck_assert_ptr_nonnull(strstr(open, "\nweir_closed_total{reason=\"idle\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(open, "# UNIT weir_request_duration_seconds seconds\n"));
    ck_assert_ptr_nonnull(strstr(open, "\nweir_requests_total 7\n"));
    ck_assert_ptr_eq(strstr(strstr(open, "# TYPE weir_closed ") + 1, "# TYPE weir_closed "), NULL);
    ck_assert_str_eq(open + strlen(open) - 6, "# EOF\n");
    old = metrics(METRICS_PROMETHEUS);
    ck_assert_ptr_nonnull(strstr(old, "# TYPE weir_closed_total counter\n"));
    ck_assert_ptr_null(strstr(old, "# UNIT"));
    ck_assert_ptr_null(strstr(old, "# EOF"));
    end();
}
END_TEST

START_TEST(state_is_told)
{
    struct report *report;

    begin();
    report = report_take(arena, segment);
    ck_assert_str_eq(report_state(report, &report->workers[0]), "serving");
    stats->accepting_conns = 0;
    report = report_take(arena, segment);
    ck_assert_str_eq(report_state(report, &report->workers[0]), "paused");
    stats->leaving = 1;
    report = report_take(arena, segment);
    ck_assert_str_eq(report_state(report, &report->workers[0]), "leaving");
    stats->leaving = 0;
    counters_note_generation(segment, 3);
    report = report_take(arena, segment);
    ck_assert_str_eq(report_state(report, &report->workers[0]), "leaving");
    ck_assert_uint_eq(report->old_generations, 1);
    end();
}
END_TEST

static struct str
raw(void)
{
    struct writer w = writer_in(arena);

    report_raw(&w, report_take(arena, segment));
    return writer_str(&w);
}

START_TEST(raw_report_is_read_as_it_was_taken)
{
    struct report *r;

    begin();
    counters_answered(counters_host(segment, STR("a.example")), 150, 11, 200);
    counters_answered(counters_host(segment, STR("b c")), 700, 22, 404);
    counters_note_reload(segment, false, STR("one\ttwo\nthree"));
    counters_use(segment, 2, 1);
    stats->requests = 5;
    stats->leaving = 1;
    r = report_read(arena, raw());
    ck_assert_ptr_nonnull(r);
    ck_assert(str_eq(r->version, report_take(arena, segment)->version));
    ck_assert_uint_gt(r->mono_us, 0);
    ck_assert_uint_gt(r->time_s, 0);
    ck_assert_uint_eq(r->old_generations, 1);
    ck_assert_uint_eq(r->master.generation, 2);
    ck_assert_uint_eq(r->master.reloads_failed, 1);
    ck_assert(str_eq((struct str){ r->master.verdict, r->master.verdict_len },
                     STR("one\\x09two")));
    ck_assert_uint_eq(r->sum.requests, 12);
    ck_assert_uint_eq(r->workers_len, 2);
    ck_assert_int_eq(r->workers[0].pid, getpid());
    ck_assert_uint_eq(r->workers[0].requests, 7);
    ck_assert_uint_eq(r->workers[0].closed_idle, 3);
    ck_assert_str_eq(report_state(r, &r->workers[0]), "serving");
    ck_assert_uint_eq(r->workers[1].requests, 5);
    ck_assert_uint_eq(r->workers[1].generation, 1);
    ck_assert_str_eq(report_state(r, &r->workers[1]), "leaving");
    ck_assert_uint_eq(r->hosts_len, 2);
    ck_assert(str_eq(r->hosts[0].name, STR("a.example")));
    ck_assert(str_eq(r->hosts[1].name, STR("b c")));
    ck_assert_uint_eq(r->hosts[0].stats.latency[1], 1);
    ck_assert_uint_eq(r->hosts[1].stats.latency[3], 1);
    ck_assert_uint_eq(r->hosts[1].stats.latency_sum_us, 700);
    ck_assert_uint_eq(r->hosts[1].stats.bytes_sent, 22);
    ck_assert_uint_eq(r->hosts[1].stats.responses[3], 1);
    end();
}
END_TEST

START_TEST(raw_report_that_is_cut_is_none)
{
    struct str whole;

    begin();
    whole = raw();
    for (size_t len = 0; len < whole.len - 1; len++)
        ck_assert_ptr_null(report_read(arena, (struct str){ whole.p, len }));
    end();
}
END_TEST

/* Another version of weir may know other numbers; and nothing that stands there does harm. */
static const struct { const char *text; bool good; uint64_t requests; } raws[] = {
    { "weir-report 1\nend\n", true, 0 },
    { "weir-report 2\nend\n", false, 0 },
    { "weir-report 1\nsum.requests 5\nend\nsum.requests 6\n", true, 5 },
    { "weir-report 1\nsum.novelty 1\nnovelty\n\nsum.requests 5\nend\n", true, 5 },
    { "weir-report 1\nsum.requests -5\nend\n", true, 0 },
    { "weir-report 1\nsum.requests 18446744073709551616\nend\n", true, 0 },
    { "weir-report 1\nworker.requests 1\nhost.latency 1\nend\n", true, 0 },
    { "weir-report 1\nhost.name\nhost.latency 1 2\nhost.responses\nend\n", true, 0 },
    { "weir-report 1\nworker.pid\nworker.pid \n worker.pid 3\nend\n", true, 0 },
    { "weir-report 1\nworker.pid\nworker.pid\nworker.pid\nworker.pid\nend\n", true, 0 },
    { "weir-report 1\nhost.name\nhost.name\nhost.name\nhost.name\nend\n", true, 0 },
    { "", false, 0 },
    { "end\n", false, 0 },
};

START_TEST(raw_report_of_another_version)
{
    struct report *r;

    begin();
    r = report_read(arena, str_of(raws[_i].text));
    ck_assert_int_eq(r != NULL, raws[_i].good);
    if (r != NULL)
        ck_assert_uint_eq(r->sum.requests, raws[_i].requests);
    end();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/report");

    unit_add(suite, accept_names_a_type_and_how_much_it_is_wanted, ARRAY_LEN(accepts));
    unit_add(suite, age_is_told_in_its_two_largest_units, ARRAY_LEN(ages));
    unit_add(suite, names_of_hosts_are_escaped_in_each_form, 1);
    unit_add(suite, verdict_cannot_leave_its_place, 1);
    unit_add(suite, no_text_moves_a_terminal, 1);
    unit_add(suite, a_number_of_json_has_no_zeros_before_it, 1);
    unit_add(suite, counters_of_one_kind_are_one_metric, 1);
    unit_add(suite, state_is_told, 1);
    unit_add(suite, raw_report_is_read_as_it_was_taken, 1);
    unit_add(suite, raw_report_that_is_cut_is_none, 1);
    unit_add(suite, raw_report_of_another_version, ARRAY_LEN(raws));
    return unit_run(suite);
}
