/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log_rotation.h"
#include "base/compiler.h"
#include <stdio.h>

enum { DAY_S = 86400, NUMBER_DIGITS = 6 };

/* ---- periods ------------------------------------------------------------------------------- */

/* Local time; of a week that of its Monday. */
static struct tm
begin_of(enum rotation_unit unit, time_t t)
{
    struct tm tm = { 0 }, monday = { 0 };
    time_t day;

    localtime_r(&t, &tm);
    if (unit != ROTATE_WEEKLY)
        return tm;
    /* The date alone, reckoned where each day has 24 hours. */
    monday = (struct tm){ .tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday };
    day = timegm(&monday) - (time_t)((tm.tm_wday + 6) % 7) * DAY_S;
    gmtime_r(&day, &monday);
    return monday;
}

uint64_t
rotation_period(enum rotation_unit unit, time_t t)
{
    struct tm tm = begin_of(unit, t);
    uint64_t month = (uint64_t)(tm.tm_year + 1900) * 100 + (uint64_t)tm.tm_mon + 1;
    uint64_t day = month * 100 + (uint64_t)tm.tm_mday;

    switch (unit) {
    case ROTATE_BY_SIZE: return 0;
    case ROTATE_HOURLY:  return day * 100 + (uint64_t)tm.tm_hour;
    case ROTATE_DAILY:
    case ROTATE_WEEKLY:  return day;
    case ROTATE_MONTHLY: return month;
    }
    return 0;
}

struct str
rotation_label(enum rotation_unit unit, time_t t, char label[ROTATION_LABEL_MAX])
{
    struct tm tm = begin_of(unit, t);
    size_t len;

    if (unit == ROTATE_BY_SIZE)
        len = strftime(label, ROTATION_LABEL_MAX, "-%Y%m%d-%H%M%S", &tm);
    else
        len = (size_t)snprintf(label, ROTATION_LABEL_MAX, "-%ju",
                               (uintmax_t)rotation_period(unit, t));
    return (struct str){ label, len };
}

/* ---- names --------------------------------------------------------------------------------- */

static size_t
count_digits(struct str s)
{
    size_t n = 0;

    while (n < s.len && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

/* Digits of a date, the year first, as many as there are; anything else is somebody else's. */
static bool
is_date(const char *digits, size_t len)
{
    static const struct { unsigned char min, max; } parts[] = {
        { 1, 12 }, { 1, 31 }, { 0, 23 }, { 0, 59 }, { 0, 60 }
    };

    for (size_t at = 4, i = 0; at < len; at += 2, i++) {
        int value = (digits[at] - '0') * 10 + digits[at + 1] - '0';

        if (value < parts[i].min || value > parts[i].max)
            return false;
    }
    return digits[0] != '0';
}

/* "-20261121", "-20261121-173000"; what is left of *s is behind it. */
static bool
read_stamp(struct str *s, uint64_t *stamp)
{
    char digits[15] = "00000000000000";
    size_t len, more;

    if (s->len == 0 || s->p[0] != '-')
        return false;
    *s = str_from(*s, 1);
    len = count_digits(*s);
    if (len != 6 && len != 8 && len != 10)
        return false;
    memcpy(digits, s->p, len);
    *s = str_from(*s, len);
    if (len == 8 && s->len > 0 && s->p[0] == '-') {
        more = count_digits(str_from(*s, 1));
        if (more != 6)
            return false;
        memcpy(digits + 8, s->p + 1, 6);
        *s = str_from(*s, 7);
        len = 14;
    }
    return is_date(digits, len) && str_to_uint((struct str){ digits, 14 }, UINT64_MAX, stamp);
}

/* ".1"; none is 0. False: it is no number that we write. */
static bool
read_number(struct str *s, uint32_t *number)
{
    struct str behind = str_from(*s, 1);
    size_t len = count_digits(behind);
    uint64_t n;

    *number = 0;
    if (s->len == 0 || s->p[0] != '.' || len == 0)
        return true;
    if (len > NUMBER_DIGITS || behind.p[0] == '0'
        || !str_to_uint((struct str){ behind.p, len }, UINT32_MAX, &n))
        return false;
    *number = (uint32_t)n;
    *s = str_from(behind, len);
    return true;
}

static bool
is_compression(struct str s)
{
    static const struct str endings[] = {
        STR_INIT(".gz"), STR_INIT(".bz2"), STR_INIT(".xz"), STR_INIT(".lz4"), STR_INIT(".zst")
    };

    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (str_eq(s, endings[i]))
            return true;
    return false;
}

bool
rotation_find_mark(struct str log, struct str name, struct rotation_mark *mark)
{
    struct str rest = str_from(name, log.len);

    if (!str_starts(name, log) || !read_stamp(&rest, &mark->stamp))
        return false;
    mark->label_len = name.len - rest.len;
    return read_number(&rest, &mark->number) && (rest.len == 0 || is_compression(rest));
}
