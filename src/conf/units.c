/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * units: sizes and times as nginx writes them. No value is over INT64_MAX, so that one can be added
 * to a clock or an offset.
 */
#include "conf/conf.h"

/*
 * The digits that *rest begins with, which then begins behind them. False: there are none, or they
 * are too many.
 */
static bool
take_number(struct str *rest, uint64_t *value)
{
    size_t len = 0;

    while (len < rest->len && rest->p[len] >= '0' && rest->p[len] <= '9')
        len++;
    if (!str_to_uint((struct str){ rest->p, len }, INT64_MAX, value))
        return false;
    *rest = str_from(*rest, len);
    return true;
}

/* *sum += value * unit, or false when it is too large. */
static bool
add(uint64_t *sum, uint64_t value, uint64_t unit)
{
    uint64_t product, total;

    if (__builtin_mul_overflow(value, unit, &product)
        || __builtin_add_overflow(*sum, product, &total) || total > INT64_MAX)
        return false;
    *sum = total;
    return true;
}

static unsigned
size_shift(char unit)
{
    switch (ascii_lower(unit)) {
    case 'k': return 10;
    case 'm': return 20;
    case 'g': return 30;
    default:  return 0;
    }
}

bool
size_parse(struct str text, uint64_t *bytes)
{
    uint64_t value, sum = 0;
    unsigned shift = 0;

    if (!take_number(&text, &value) || text.len > 1)
        return false;
    if (text.len == 1) {
        shift = size_shift(text.p[0]);
        if (shift == 0)
            return false;
    }
    if (!add(&sum, value, UINT64_C(1) << shift))
        return false;
    *bytes = sum;
    return true;
}

static const struct { struct str name; uint64_t ms; } times[] = {
    { STR_INIT("y"), UINT64_C(365) * 24 * 3600 * 1000 },
    { STR_INIT("M"), UINT64_C(30) * 24 * 3600 * 1000 },
    { STR_INIT("w"), UINT64_C(7) * 24 * 3600 * 1000 },
    { STR_INIT("d"), UINT64_C(24) * 3600 * 1000 },
    { STR_INIT("h"), UINT64_C(3600) * 1000 },
    { STR_INIT("m"), UINT64_C(60) * 1000 },
    { STR_INIT("s"), UINT64_C(1000) },
    { STR_INIT("ms"), UINT64_C(1) },
};
enum { TIME_COUNT = sizeof(times) / sizeof(times[0]), TIME_SECONDS = TIME_COUNT - 2 };

/*
 * The index of the unit that *rest begins with; seconds when nothing follows; TIME_COUNT when it is
 * none.
 */
static unsigned
take_unit(struct str *rest)
{
    size_t len = 0;
    unsigned i = 0;

    if (rest->len == 0)
        return TIME_SECONDS;
    while (len < rest->len && rest->p[len] != ' ' && rest->p[len] != '\t'
           && !(rest->p[len] >= '0' && rest->p[len] <= '9'))
        len++;
    while (i < TIME_COUNT && !str_eq(times[i].name, (struct str){ rest->p, len }))
        i++;
    *rest = str_from(*rest, len);
    return i;
}

/* In units of `resolution` milliseconds; smaller ones are refused. */
static bool
time_parse(struct str text, uint64_t resolution, uint64_t *result)
{
    uint64_t sum = 0, value;
    unsigned next = 0;

    do {
        unsigned unit;

        if (!take_number(&text, &value))
            return false;
        unit = take_unit(&text);
        if (unit < next || unit == TIME_COUNT || times[unit].ms < resolution)
            return false;
        if (!add(&sum, value, times[unit].ms / resolution))
            return false;
        next = unit + 1;
        while (text.len > 1 && (text.p[0] == ' ' || text.p[0] == '\t'))
            text = str_from(text, 1);
    } while (text.len > 0);
    *result = sum;
    return true;
}

bool
ms_parse(struct str text, uint64_t *ms)
{
    return time_parse(text, 1, ms);
}

bool
seconds_parse(struct str text, uint64_t *seconds)
{
    return time_parse(text, 1000, seconds);
}
