/* SPDX-License-Identifier: BSD-2-Clause */
/* clock: readings, texts of the present second, dates of HTTP. */
#include "unit.h"
#include "base/clock.h"
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Stands in for that of libc: the system's clocks, until a test sets its own. Readings are counted.
 */
static struct {
    bool is_set;
    uint64_t mono_ms, wall_ms;
    unsigned readings;
} fake;

int
clock_gettime(clockid_t id, struct timespec *ts)
{
    uint64_t ms = id == CLOCK_MONOTONIC ? fake.mono_ms : fake.wall_ms;

    if (!fake.is_set)
        return (int)syscall(SYS_clock_gettime, id, ts);
    fake.readings++;
    ts->tv_sec = (time_t)(ms / 1000);
    ts->tv_nsec = (long)(ms % 1000 * 1000000);
    return 0;
}

static const struct { int64_t t; const char *text; } dates[] = {
    { 784111777,       "Sun, 06 Nov 1994 08:49:37 GMT" },
    { 0,               "Thu, 01 Jan 1970 00:00:00 GMT" },
    { -2,              "Wed, 31 Dec 1969 23:59:58 GMT" },
    { 951782399,       "Mon, 28 Feb 2000 23:59:59 GMT" },
    { 951782400,       "Tue, 29 Feb 2000 00:00:00 GMT" },
    { 951868800,       "Wed, 01 Mar 2000 00:00:00 GMT" },
    { 4107542400,      "Mon, 01 Mar 2100 00:00:00 GMT" },
    { 2147483648,      "Tue, 19 Jan 2038 03:14:08 GMT" },
    { 253402300799,    "Fri, 31 Dec 9999 23:59:59 GMT" },
    { -62167219200,    "Sat, 01 Jan 0000 00:00:00 GMT" },
};

START_TEST(dates_are_written_and_read_back)
{
    char text[30] = "";

    http_date_format(text, (time_t)dates[_i].t);
    ck_assert_str_eq(text, dates[_i].text);
    ck_assert_int_eq(http_date_parse(str_of(dates[_i].text)), dates[_i].t);
}
END_TEST

static const struct { int64_t t; const char *text; } extremes[] = {
    { 253402300800, "Fri, 31 Dec 9999 23:59:59 GMT" },
    { INT64_MAX,    "Fri, 31 Dec 9999 23:59:59 GMT" },
    { -62167219201, "Sat, 01 Jan 0000 00:00:00 GMT" },
    { INT64_MIN,    "Sat, 01 Jan 0000 00:00:00 GMT" },
};

START_TEST(dates_beyond_four_digits_are_the_nearest_that_fit)
{
    char text[30] = "";

    http_date_format(text, (time_t)extremes[_i].t);
    ck_assert_str_eq(text, extremes[_i].text);
}
END_TEST

/* libc is asked for comparison: every day of 800 years, at a time of day that moves along. */
START_TEST(every_day_is_that_of_the_calendar)
{
    for (int64_t day = -146097; day < 146097; day++) {
        time_t t = (time_t)(day * 86400 + (day * 7919 % 86400 + 86400) % 86400);
        char text[30] = "", expected[30];
        struct tm tm;

        gmtime_r(&t, &tm);
        strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        http_date_format(text, t);
        ck_assert_str_eq(text, expected);
        ck_assert_int_eq(http_date_parse(str_of(text)), t);
    }
}
END_TEST

static const char *const same_moment[] = {
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "Mon, 06 Nov 1994 08:49:37 GMT",            /* the name of the day is only looked at */
};

START_TEST(three_forms_name_one_moment)
{
    clock_update();
    ck_assert_int_eq(http_date_parse(str_of(same_moment[_i])), 784111777);
}
END_TEST

static const char *const no_dates[] = {
    "",
    "0",
    "Sun",
    "Sun,",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 GMT ",
    " Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 gmt",
    "sun, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 +0000",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun,  6 Nov 1994 08:49:37 GMT",
    "Sun,06 Nov 1994 08:49:37 GMT",
    "Sun 06 Nov 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 32 Jan 1994 08:49:37 GMT",
    "Sun, 29 Feb 1994 08:49:37 GMT",
    "Sun, 29 Feb 1900 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:37 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 06 Nov 1994 8:49:37 GMT",
    "Sun, 06 Nov 1994 08-49-37 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, 06 Nov 19940 08:49:37 GMT",
    "Sun, 06 Foo 1994 08:49:37 GMT",
    "Son, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-1994 08:49:37 GMT",
    "Sunday 06-Nov-94 08:49:37 GMT",
    "Sun, 06-Nov-94 08:49:37 GMT",
    "Sunda, 06-Nov-94 08:49:37 GMT",
    "Sunday, 32-Jan-94 08:49:37 GMT",
    "Sun Nov 6 08:49:37 1994",
    "Sun Nov 06 08:49:37 94",
    "Sun Nov  6 08:49:37 1994 GMT",
    "Sun Nov  0 08:49:37 1994",
    "Sunday Nov  6 08:49:37 1994",
    "Sun, 06 Nov 1994 +8:49:37 GMT",
};

START_TEST(what_is_no_date_is_refused)
{
    ck_assert_msg(http_date_parse(str_of(no_dates[_i])) == (time_t)-1, "%s", no_dates[_i]);
}
END_TEST

static const struct { const char *text; int64_t t; } odd_dates[] = {
    { "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },        /* a leap second */
    { "Sun Nov 16 08:49:37 1994",      784975777 },
    { "Sun Nov 06 08:49:37 1994",      784111777 },
    { "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
};

START_TEST(odd_dates_are_read)
{
    ck_assert_int_eq(http_date_parse(str_of(odd_dates[_i].text)), odd_dates[_i].t);
}
END_TEST

START_TEST(no_prefix_of_a_date_is_a_date)
{
    struct str date = str_of(same_moment[_i]);

    for (size_t len = 0; len < date.len; len++) {
        char *exact = malloc(len + 1);          /* so that AddressSanitizer sees a read behind it */

        memcpy(exact, date.p, len);
        ck_assert_int_eq(http_date_parse((struct str){ exact, len }), -1);
        free(exact);
    }
}
END_TEST

/* Today is 2024-06-15 12:00:00. */
static const struct { const char *text, *means; } short_years[] = {
    { "Saturday, 15-Jun-24 12:00:00 GMT", "Sat, 15 Jun 2024 12:00:00 GMT" },
    { "Saturday, 15-Jun-73 12:00:00 GMT", "Thu, 15 Jun 2073 12:00:00 GMT" },
    { "Saturday, 15-Jun-74 12:00:00 GMT", "Fri, 15 Jun 2074 12:00:00 GMT" },
    { "Saturday, 15-Jun-74 12:00:01 GMT", "Sat, 15 Jun 1974 12:00:01 GMT" },
    { "Saturday, 01-Jan-75 00:00:00 GMT", "Wed, 01 Jan 1975 00:00:00 GMT" },
    { "Saturday, 01-Jan-99 00:00:00 GMT", "Fri, 01 Jan 1999 00:00:00 GMT" },
    { "Saturday, 01-Jan-00 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT" },
};

START_TEST(short_year_is_at_most_fifty_ahead)
{
    now.wall_s = 1718452800;
    ck_assert_int_eq(http_date_parse(str_of(short_years[_i].text)),
                     http_date_parse(str_of(short_years[_i].means)));
    ck_assert_int_ne(http_date_parse(str_of(short_years[_i].means)), -1);
}
END_TEST

static const struct { const char *zone, *log, *error, *iso; } local[] = {
    { "UTC0",        "06/Nov/1994:08:49:37 +0000", "1994/11/06 08:49:37",
      "1994-11-06T08:49:37+00:00" },
    { "XYZ-5:30",    "06/Nov/1994:14:19:37 +0530", "1994/11/06 14:19:37",
      "1994-11-06T14:19:37+05:30" },
    { "XYZ9:45",     "05/Nov/1994:23:04:37 -0945", "1994/11/05 23:04:37",
      "1994-11-05T23:04:37-09:45" },
};

static void
assert_str(struct str text, const char *expected)
{
    ck_assert_uint_eq(text.len, strlen(expected));
    ck_assert_mem_eq(text.p, expected, text.len);
}

START_TEST(local_texts_follow_the_zone)
{
    setenv("TZ", local[_i].zone, 1);
    now.wall_s = 784111777;
    assert_str(clock_log_time(), local[_i].log);
    assert_str(clock_error_time(), local[_i].error);
    assert_str(clock_iso8601(), local[_i].iso);
    assert_str(clock_http_date(), "Sun, 06 Nov 1994 08:49:37 GMT");
}
END_TEST

START_TEST(texts_change_with_the_second_in_either_direction)
{
    setenv("TZ", "UTC0", 1);
    now.wall_s = 0;
    assert_str(clock_http_date(), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_str(clock_error_time(), "1970/01/01 00:00:00");
    now.wall_s = 1;
    assert_str(clock_http_date(), "Thu, 01 Jan 1970 00:00:01 GMT");
    assert_str(clock_log_time(), "01/Jan/1970:00:00:01 +0000");
    now.wall_s = 0;
    assert_str(clock_http_date(), "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_str(clock_error_time(), "1970/01/01 00:00:00");
    assert_str(clock_iso8601(), "1970-01-01T00:00:00+00:00");
    assert_str(clock_log_time(), "01/Jan/1970:00:00:00 +0000");
}
END_TEST

static uint64_t
ms_of(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Long enough for the wall clock to be followed and read anew. */
START_TEST(readings_lie_between_those_before_and_after)
{
    uint64_t end = ms_of(CLOCK_MONOTONIC) + 250, last = 0;

    while (last < end) {
        uint64_t mono = ms_of(CLOCK_MONOTONIC), wall = ms_of(CLOCK_REALTIME);

        clock_update();
        ck_assert(mono <= now.mono_ms && now.mono_ms <= ms_of(CLOCK_MONOTONIC));
        ck_assert(wall <= now.wall_ms + 5 && now.wall_ms <= ms_of(CLOCK_REALTIME) + 5);
        ck_assert_uint_eq(now.mono_us / 1000, now.mono_ms);
        ck_assert_uint_eq(now.wall_ms / 1000, (uint64_t)now.wall_s);
        ck_assert_uint_ge(now.mono_ms, last);
        last = now.mono_ms;
    }
}
END_TEST

static void
turn_at(uint64_t mono_ms, uint64_t wall_ms)
{
    fake.is_set = true;
    fake.mono_ms = mono_ms;
    fake.wall_ms = wall_ms;
    fake.readings = 0;
    clock_update();
    fake.is_set = false;
    ck_assert_uint_eq(now.mono_ms, mono_ms);
}

START_TEST(wall_clock_is_followed_for_100_ms_and_then_read)
{
    turn_at(1000000, 5000000);
    ck_assert_uint_eq(now.wall_ms, 5000000);
    turn_at(1000099, 9999999);
    ck_assert_uint_eq(now.wall_ms, 5000099);
    ck_assert_uint_eq(fake.readings, 1);
    turn_at(1000100, 9999999);
    ck_assert_uint_eq(now.wall_ms, 9999999);
    ck_assert_uint_eq(now.wall_s, 9999);
    turn_at(1000250, 3000000);                  /* set back by the operator */
    ck_assert_uint_eq(now.wall_ms, 3000000);
    turn_at(1000251, 3000000);
    ck_assert_uint_eq(now.wall_ms, 3000001);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/clock");

    unit_add(suite, dates_are_written_and_read_back, ARRAY_LEN(dates));
    unit_add(suite, dates_beyond_four_digits_are_the_nearest_that_fit, ARRAY_LEN(extremes));
    unit_add(suite, every_day_is_that_of_the_calendar, 1);
    unit_add(suite, three_forms_name_one_moment, ARRAY_LEN(same_moment));
    unit_add(suite, what_is_no_date_is_refused, ARRAY_LEN(no_dates));
    unit_add(suite, odd_dates_are_read, ARRAY_LEN(odd_dates));
    unit_add(suite, no_prefix_of_a_date_is_a_date, ARRAY_LEN(same_moment));
    unit_add(suite, short_year_is_at_most_fifty_ahead, ARRAY_LEN(short_years));
    unit_add(suite, local_texts_follow_the_zone, ARRAY_LEN(local));
    unit_add(suite, texts_change_with_the_second_in_either_direction, 1);
    unit_add(suite, wall_clock_is_followed_for_100_ms_and_then_read, 1);
    unit_add(suite, readings_lie_between_those_before_and_after, 1);
    return unit_run(suite);
}
