/* SPDX-License-Identifier: BSD-2-Clause */
/* clock: readings, the texts of the present second, and the dates of HTTP. */
#include "base/clock.h"
#include "base/compiler.h"
#include "base/writer.h"

enum {
    WALL_FOLLOWS_US = 100 * 1000,
    HTTP_DATE_LEN = 29,
    DAY_S = 86400,
    YEARS_AHEAD_MAX = 50,
};

/* The seconds of 0000-01-01 00:00:00 and 9999-12-31 23:59:59: what four digits can say. */
#define FIRST_SECOND INT64_C(-62167219200)
#define LAST_SECOND  INT64_C(253402300799)

struct clock now;

static const char month_names[][4] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};

static const struct str day_names[] = {
    STR_INIT("Sunday"), STR_INIT("Monday"), STR_INIT("Tuesday"), STR_INIT("Wednesday"),
    STR_INIT("Thursday"), STR_INIT("Friday"), STR_INIT("Saturday"),
};

/* A moment in the proleptic Gregorian calendar; month and day count from 1. */
struct moment {
    int year, month, day;
    int hour, minute, second;
};

static uint64_t
read_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

/*
 * Both clocks at one moment: if we had to wait between the two, which would be an error for as long
 * as the one follows the other, they are read once more.
 */
static uint64_t
read_wall_us(void)
{
    uint64_t wall_us, before_us;
    int tries = 3;

    do {
        before_us = now.mono_us;
        wall_us = read_us(CLOCK_REALTIME);
        now.mono_us = read_us(CLOCK_MONOTONIC);
    } while (UNLIKELY(now.mono_us - before_us > 1000) && --tries > 0);
    return wall_us;
}

void
clock_update(void)
{
    static uint64_t wall_read_us, read_at_us;       /* the wall clock, and when it was read */
    uint64_t wall_us;

    now.mono_us = read_us(CLOCK_MONOTONIC);
    if (wall_read_us == 0 || now.mono_us - read_at_us >= WALL_FOLLOWS_US) {
        wall_read_us = read_wall_us();
        read_at_us = now.mono_us;
    }
    now.mono_ms = now.mono_us / 1000;
    wall_us = wall_read_us + (now.mono_us - read_at_us);
    now.wall_ms = wall_us / 1000;
    now.wall_s = (time_t)(wall_us / 1000000);
}

/*
 * Days since 1970-01-01, by years that begin in March: the leap day is then the last of the year,
 * and the months before it follow a straight line of 153 days in five.
 */
static int64_t
days_of(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t months = month > 2 ? month - 3 : month + 9;
    int64_t cycle = (y >= 0 ? y : y - 399) / 400;       /* of 400 years and 146097 days */
    int64_t year_of_cycle = y - cycle * 400;
    int64_t day_of_year = (153 * months + 2) / 5 + day - 1;
    int64_t day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100
                           + day_of_year;

    return cycle * 146097 + day_of_cycle - 719468;
}

static struct moment
moment_of(int64_t t)
{
    int64_t days = (t >= 0 ? t : t - (DAY_S - 1)) / DAY_S;
    int second_of_day = (int)(t - days * DAY_S);
    int64_t since_march_0 = days + 719468;
    int64_t cycle = (since_march_0 >= 0 ? since_march_0 : since_march_0 - 146096) / 146097;
    int day_of_cycle = (int)(since_march_0 - cycle * 146097);
    int year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524
                         - day_of_cycle / 146096) / 365;
    int day_of_year = day_of_cycle
                      - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    int months = (5 * day_of_year + 2) / 153;
    int month = months < 10 ? months + 3 : months - 9;

    return (struct moment){
        .year = (int)(cycle * 400) + year_of_cycle + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * months + 2) / 5 + 1,
        .hour = second_of_day / 3600,
        .minute = second_of_day / 60 % 60,
        .second = second_of_day % 60,
    };
}

static int64_t
seconds_of(const struct moment *m)
{
    return days_of(m->year, m->month, m->day) * DAY_S + m->hour * 3600 + m->minute * 60 + m->second;
}

static char *
put2(char *p, int v)
{
    p[0] = (char)('0' + v / 10);
    p[1] = (char)('0' + v % 10);
    return p + 2;
}

static char *
put4(char *p, int v)
{
    return put2(put2(p, v / 100), v % 100);
}

static char *
put_char(char *p, char c)
{
    *p = c;
    return p + 1;
}

static char *
put_time(char *p, int hour, int minute, int second)
{
    p = put_char(put2(p, hour), ':');
    p = put_char(put2(p, minute), ':');
    return put2(p, second);
}

static char *
put_name(char *p, const char *name)
{
    memcpy(p, name, 3);
    return p + 3;
}

void
http_date_format(char buf[29], time_t t)
{
    int64_t s = MAX(FIRST_SECOND, MIN((int64_t)t, LAST_SECOND));
    struct moment m = moment_of(s);
    int64_t weekday = (days_of(m.year, m.month, m.day) % 7 + 7 + 4) % 7;    /* day 0: Thursday */
    char *p = buf;

    p = put_name(p, day_names[weekday].p);
    p = put_char(put_char(p, ','), ' ');
    p = put_char(put2(p, m.day), ' ');
    p = put_char(put_name(p, month_names[m.month - 1]), ' ');
    p = put_char(put4(p, m.year), ' ');
    p = put_time(p, m.hour, m.minute, m.second);
    memcpy(p, " GMT", 4);
}

/* A text of the time, and the second that it was made for. */
struct cached_text {
    time_t second;
    size_t len;                 /* 0: never made */
    char text[32];
};

static bool
is_stale(const struct cached_text *cached)
{
    return UNLIKELY(cached->second != now.wall_s || cached->len == 0);
}

static struct str
cached_str(const struct cached_text *cached)
{
    return (struct str){ cached->text, cached->len };
}

static void
keep(struct cached_text *cached, const char *end)
{
    cached->second = now.wall_s;
    cached->len = (size_t)(end - cached->text);
}

struct str
clock_http_date(void)
{
    static struct cached_text cached;

    if (is_stale(&cached)) {
        http_date_format(cached.text, now.wall_s);
        keep(&cached, cached.text + HTTP_DATE_LEN);
    }
    return cached_str(&cached);
}

/*
 * Read anew for each text: three a second at most. The zone is read once, since a worker may have
 * lost its way to the file.
 */
static struct tm
local_time(void)
{
    static bool zone_is_read;
    struct tm tm = {0};

    if (!zone_is_read) {
        tzset();
        zone_is_read = true;
    }
    localtime_r(&now.wall_s, &tm);
    return tm;
}

static char *
put_offset(char *p, const struct tm *tm, const char *separator)
{
    long minutes = tm->tm_gmtoff / 60;
    int away = (int)(minutes < 0 ? -minutes : minutes);

    p = put_char(p, minutes < 0 ? '-' : '+');
    p = put2(p, away / 60);
    if (*separator != '\0')
        p = put_char(p, *separator);
    return put2(p, away % 60);
}

static char *
put_numeric_date(char *p, const struct tm *tm, char separator)
{
    p = put_char(put4(p, tm->tm_year + 1900), separator);
    p = put_char(put2(p, tm->tm_mon + 1), separator);
    return put2(p, tm->tm_mday);
}

struct str
clock_log_time(void)
{
    static struct cached_text cached;

    if (is_stale(&cached)) {
        struct tm tm = local_time();
        char *p = put_char(put2(cached.text, tm.tm_mday), '/');

        p = put_char(put_name(p, month_names[tm.tm_mon]), '/');
        p = put_char(put4(p, tm.tm_year + 1900), ':');
        p = put_char(put_time(p, tm.tm_hour, tm.tm_min, tm.tm_sec), ' ');
        keep(&cached, put_offset(p, &tm, ""));
    }
    return cached_str(&cached);
}

struct str
clock_error_time(void)
{
    static struct cached_text cached;

    if (is_stale(&cached)) {
        struct tm tm = local_time();
        char *p = put_char(put_numeric_date(cached.text, &tm, '/'), ' ');

        keep(&cached, put_time(p, tm.tm_hour, tm.tm_min, tm.tm_sec));
    }
    return cached_str(&cached);
}

struct str
clock_iso8601(void)
{
    static struct cached_text cached;

    if (is_stale(&cached)) {
        struct tm tm = local_time();
        char *p = put_char(put_numeric_date(cached.text, &tm, '-'), 'T');

        p = put_time(p, tm.tm_hour, tm.tm_min, tm.tm_sec);
        keep(&cached, put_offset(p, &tm, ":"));
    }
    return cached_str(&cached);
}

/* A text being read from the left; ok is false once it is not what it should be. */
struct reader {
    struct str rest;
    bool ok;
};

static void
expect(struct reader *r, struct str text)
{
    r->ok = r->ok && str_starts(r->rest, text);
    r->rest = str_from(r->rest, text.len);
}

/* Exactly `count` digits. */
static int
read_digits(struct reader *r, size_t count)
{
    uint64_t value = 0;

    r->ok = r->ok && r->rest.len >= count
            && str_to_uint((struct str){ r->rest.p, count }, 9999, &value);
    r->rest = str_from(r->rest, count);
    return (int)value;
}

/* Two digits, or a blank and one, as asctime() writes the day. */
static int
read_padded_day(struct reader *r)
{
    if (!str_starts(r->rest, STR(" ")))
        return read_digits(r, 2);
    expect(r, STR(" "));
    return read_digits(r, 1);
}

static int
read_month(struct reader *r)
{
    for (int i = 0; r->ok && i < (int)ARRAY_LEN(month_names); i++) {
        if (str_starts(r->rest, str_of(month_names[i]))) {
            r->rest = str_from(r->rest, 3);
            return i + 1;
        }
    }
    r->ok = false;
    return 1;
}

static void
read_time(struct reader *r, struct moment *m)
{
    m->hour = read_digits(r, 2);
    expect(r, STR(":"));
    m->minute = read_digits(r, 2);
    expect(r, STR(":"));
    m->second = read_digits(r, 2);
}

static bool
is_leap_year(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int
days_in_month(int year, int month)
{
    if (month == 2)
        return is_leap_year(year) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Second 60 is a leap second (RFC 9110 5.6.7); it reads as the first of the next minute. */
static bool
is_moment(const struct moment *m)
{
    return m->day >= 1 && m->day <= days_in_month(m->year, m->month) && m->hour <= 23
           && m->minute <= 59 && m->second <= 60;
}

/*
 * RFC 9110 5.6.7: what seems to lie more than 50 years ahead is the latest such year that has
 * passed. The latest year that ends in these two digits and is not more than 50 ahead is found
 * first; in the very last of them the day decides.
 */
static int
year_of_two_digits(int digits, const struct moment *m)
{
    struct moment today = moment_of(now.wall_s), then = *m, border = today;
    int latest = today.year + YEARS_AHEAD_MAX;

    then.year = latest - (latest - digits) % 100;
    border.year = latest;
    return seconds_of(&then) > seconds_of(&border) ? then.year - 100 : then.year;
}

/* "06 Nov 1994 08:49:37 GMT" */
static void
read_fixdate(struct reader *r, struct moment *m)
{
    m->day = read_digits(r, 2);
    expect(r, STR(" "));
    m->month = read_month(r);
    expect(r, STR(" "));
    m->year = read_digits(r, 4);
    expect(r, STR(" "));
    read_time(r, m);
    expect(r, STR(" GMT"));
}

/* "06-Nov-94 08:49:37 GMT" */
static void
read_rfc850(struct reader *r, struct moment *m)
{
    int digits;

    m->day = read_digits(r, 2);
    expect(r, STR("-"));
    m->month = read_month(r);
    expect(r, STR("-"));
    digits = read_digits(r, 2);
    expect(r, STR(" "));
    read_time(r, m);
    expect(r, STR(" GMT"));
    if (r->ok)
        m->year = year_of_two_digits(digits, m);
}

/* "Nov  6 08:49:37 1994" */
static void
read_asctime(struct reader *r, struct moment *m)
{
    m->month = read_month(r);
    expect(r, STR(" "));
    m->day = read_padded_day(r);
    expect(r, STR(" "));
    read_time(r, m);
    expect(r, STR(" "));
    m->year = read_digits(r, 4);
}

/* The name of the day tells the forms apart, by its length and by what follows it. */
static void
read_date(struct reader *r, struct moment *m)
{
    for (unsigned i = 0; i < ARRAY_LEN(day_names); i++) {
        bool whole = str_starts(r->rest, day_names[i]);

        if (!whole && !str_starts(r->rest, (struct str){ day_names[i].p, 3 }))
            continue;
        r->ok = true;
        r->rest = str_from(r->rest, whole ? day_names[i].len : 3);
        if (whole) {
            expect(r, STR(", "));
            read_rfc850(r, m);
        } else if (str_starts(r->rest, STR(","))) {
            expect(r, STR(", "));
            read_fixdate(r, m);
        } else {
            expect(r, STR(" "));
            read_asctime(r, m);
        }
        return;
    }
}

time_t
http_date_parse(struct str s)
{
    struct reader r = { .rest = s, .ok = false };
    struct moment m = {0};

    read_date(&r, &m);
    if (!r.ok || r.rest.len != 0 || !is_moment(&m))
        return (time_t)-1;
    return (time_t)seconds_of(&m);
}
