/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_dates: a date that is read is one that is written, in the one form that is written; any second is
 * written as the calendar of libc has it; and what "expires" says is never off by more than it may.
 */
#include "fuzz.h"

#include "base/clock.h"
#include "http/expires.h"
#include "http/ssi_time.h"

enum { HTTP_DATE = 29, FORM_MAX = 1000 };

/* The last that four digits of a year can say; a leap second may be read as the one behind it. */
static const time_t LAST = 253402300799;

/* timegm(3) for a text in the form that is written. */
static time_t
seconds_by_libc(const char text[HTTP_DATE])
{
    char copy[HTTP_DATE + 1] = { 0 };
    struct tm tm = { 0 };

    memcpy(copy, text, HTTP_DATE);
    require(strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &tm) == copy + HTTP_DATE);
    return timegm(&tm);
}

static void
require_written(time_t t)
{
    char text[HTTP_DATE], plain[64];
    struct tm tm;

    http_date_format(text, t);
    require(gmtime_r(&t, &tm) != NULL);
    if (tm.tm_year + 1900 < 0 || tm.tm_year + 1900 > 9999)
        return;
    require(strftime(plain, sizeof(plain), "%a, %d %b ", &tm) == 12);
    require(memcmp(text, plain, 12) == 0);
    require(strftime(plain, sizeof(plain), " %H:%M:%S GMT", &tm) == 13);
    require(memcmp(text + 16, plain, 13) == 0);
    require(http_date_parse((struct str){ text, HTTP_DATE }) == t);
    if (tm.tm_year + 1900 >= 1000)
        require(seconds_by_libc(text) == t);
}

static void
try_text(struct str text)
{
    time_t t = http_date_parse(text);
    char written[HTTP_DATE];

    if (t == (time_t)-1 || t > LAST)
        return;
    http_date_format(written, t);
    require(http_date_parse((struct str){ written, HTTP_DATE }) == t);
    require_written(t);
    if (text.len != HTTP_DATE || text.p[3] != ',')
        return;
    /* A weekday that is wrong, and a leap second, are taken for what they mean. */
    if (memcmp(text.p + 17, written + 17, 12) == 0)
        require(memcmp(text.p + 4, written + 4, HTTP_DATE - 4) == 0);
    for (size_t cut = 0; cut < text.len; cut++)
        require(http_date_parse((struct str){ text.p, cut }) == (time_t)-1);
}

static void
try_expires(struct str text, bool modified, time_t last_modified)
{
    struct arena *arena = arena_create(1024, 0);
    struct expires expires = { 0 };
    struct expires_fields fields;
    const char *wrong = NULL;

    require(arena != NULL);
    if (!expires_parse(text, modified, &expires, &wrong)) {
        require(wrong != NULL);
    } else if (expires.kind != EXPIRES_OFF) {
        require(expires_make(&expires, last_modified, arena, &fields));
        require(fields.expires.len == HTTP_DATE && fields.cache_control.len > 0);
        /* The second before 1970 is read as none. */
        require(http_date_parse(fields.expires) != (time_t)-1
                || str_eq(fields.expires, STR("Wed, 31 Dec 1969 23:59:59 GMT")));
        if (expires.kind == EXPIRES_DAILY)
            require(http_date_parse(fields.expires) - now.wall_s <= 25 * 3600);
    }
    arena_destroy(arena);
}

/* The form of a page's dates. */
static void
try_form(struct str form, time_t t)
{
    struct arena *arena = arena_create(1024, 0);
    struct tm tm;
    struct str text;

    require(arena != NULL && gmtime_r(&t, &tm) != NULL);
    text = ssi_time(arena, form, t, &tm);
    require(!str_is_set(text) || (text.len > 0 && text.len <= FORM_MAX));
    if (memchr(form.p, '%', form.len) == NULL && form.len > 0 && form.len <= FORM_MAX
        && memchr(form.p, '\0', form.len) == NULL)
        require(str_eq(text, form));
    arena_destroy(arena);
}

/* Eight bytes are a second, what follows is read as a date, as a time and as a form. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, MIN(size, 2048) };
    uint64_t bits = 0;
    time_t t;

    clock_update();
    try_text(rest);
    for (unsigned i = 0; i < 8; i++)
        bits = bits << 8 | take_byte(&rest);
    t = (time_t)(bits % (UINT64_C(1) << 39)) - (INT64_C(1) << 38);
    require_written(t);
    try_text(rest);
    try_expires(rest, false, t);
    try_expires(rest, true, t);
    if (rest.len > 0)
        try_form(rest, t);
    return 0;
}
