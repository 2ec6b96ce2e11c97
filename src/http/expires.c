/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/expires.h"
#include "base/clock.h"
#include "base/writer.h"
#include "conf/conf.h"

enum { DAY_S = 24 * 60 * 60 };

/* No date lies further away; so nothing overflows. */
#define FAR_S ((uint64_t)1 << 40)

static bool
parse_daily(struct str text, bool modified, struct expires *expires, const char **wrong)
{
    uint64_t seconds;

    *wrong = "invalid value";
    if (!seconds_parse(text, &seconds))
        return false;
    if (modified) {
        *wrong = "daily time cannot be used with \"modified\" parameter";
        return false;
    }
    if (seconds > DAY_S) {
        *wrong = "daily time value must be less than 24 hours";
        return false;
    }
    *expires = (struct expires){ .kind = EXPIRES_DAILY, .seconds = (int64_t)seconds };
    return true;
}

bool
expires_parse(struct str text, bool modified, struct expires *expires, const char **wrong)
{
    static const struct { struct str name; enum expires_kind kind; } words[] = {
        { STR_INIT("off"), EXPIRES_OFF }, { STR_INIT("epoch"), EXPIRES_EPOCH },
        { STR_INIT("max"), EXPIRES_MAX },
    };
    bool negative = str_starts(text, STR("-"));
    uint64_t seconds;

    *wrong = "invalid value";
    for (size_t i = 0; i < ARRAY_LEN(words) && !modified; i++)
        if (str_eq(text, words[i].name)) {
            *expires = (struct expires){ .kind = words[i].kind };
            return true;
        }
    if (str_starts(text, STR("@")))
        return parse_daily(str_from(text, 1), modified, expires, wrong);
    if (negative || str_starts(text, STR("+")))
        text = str_from(text, 1);
    if (!seconds_parse(text, &seconds) || seconds > FAR_S)
        return false;
    *expires = (struct expires){ .kind = modified ? EXPIRES_MODIFIED : EXPIRES_AFTER };
    expires->seconds = negative ? -(int64_t)seconds : (int64_t)seconds;
    return true;
}

static long
local_offset(time_t t)
{
    struct tm tm;

    return localtime_r(&t, &tm) != NULL ? tm.tm_gmtoff : 0;
}

/*
 * The next moment at which local clocks show that time of day. The day may be the one on which they
 * are put forward or back.
 */
static time_t
next_daily(int64_t seconds)
{
    long offset = local_offset(now.wall_s);
    time_t local = now.wall_s + offset;
    time_t at = local - local % DAY_S + seconds - offset;

    if (at <= now.wall_s)
        at += DAY_S;
    return at + offset - local_offset(at);
}

/* Most that are asked for in a second are of the same time. */
static struct str
date(struct arena *arena, time_t t)
{
    enum { DATE_LEN = 29 };
    static char last[DATE_LEN];
    static time_t last_t;       /* 0: none yet */
    char *p = arena_bytes(arena, DATE_LEN);

    if (p == NULL)
        return STR_NONE;
    if (t != last_t || t == 0) {
        http_date_format(last, t);
        last_t = t;
    }
    memcpy(p, last, DATE_LEN);
    return (struct str){ p, DATE_LEN };
}

static struct str
max_age(struct arena *arena, int64_t seconds)
{
    static const struct str name = STR_INIT("max-age=");
    char *p = arena_bytes(arena, name.len + 20);

    if (p == NULL)
        return STR_NONE;
    memcpy(p, name.p, name.len);
    return (struct str){ p, (size_t)(put_uint(p + name.len, (uint64_t)seconds) - p) };
}

bool
expires_make(const struct expires *expires, time_t last_modified, struct arena *arena,
             struct expires_fields *fields)
{
    time_t at = now.wall_s;

    switch (expires->kind) {
    case EXPIRES_OFF:
    case EXPIRES_MADE:
        return false;
    case EXPIRES_EPOCH:
        *fields = (struct expires_fields){ STR("Thu, 01 Jan 1970 00:00:01 GMT"), STR("no-cache") };
        return true;
    case EXPIRES_MAX:           /* ten years, and the last date that fits into 31 bits */
        *fields = (struct expires_fields){ STR("Thu, 31 Dec 2037 23:55:55 GMT"),
                                           STR("max-age=315360000") };
        return true;
    case EXPIRES_AFTER:
        at += expires->seconds;
        break;
    case EXPIRES_MODIFIED:
        at = (last_modified != (time_t)-1 ? last_modified : now.wall_s) + expires->seconds;
        break;
    case EXPIRES_DAILY:
        at = next_daily(expires->seconds);
        break;
    }
    fields->expires = date(arena, at);
    fields->cache_control = at < now.wall_s || expires->seconds < 0 ? STR("no-cache")
                                                                    : max_age(arena, at - now.wall_s);
    return str_is_set(fields->expires) && str_is_set(fields->cache_control);
}
