/* SPDX-License-Identifier: BSD-2-Clause */
/* ssi_time: forms of dates. */
#include "unit.h"
#include "http/ssi_time.h"

#define S(text) STR_INIT(text)

static const struct { struct str form, text; } forms[] = {
    { { NULL, 0 }, S("Sunday, 06-Nov-1994 08:49:37 GMT") },
    { S("%Y"), S("1994") },
    { S("%s"), S("784111777") },
    { S("[%s] %H %s"), S("[784111777] 08 784111777") },
    { S("%%s %%"), S("%s %") },
    { S("plain"), S("plain") },
    { S("%%%s%"), S("%784111777%") },
    { S(""), { NULL, 0 } },
    { S("%2000Y"), { NULL, 0 } },
    { S("%999999999999d"), { NULL, 0 } },
};

START_TEST(dates_have_the_form_that_is_asked_for)
{
    struct arena *arena = arena_create(4096, 0);
    const time_t seconds = 784111777;
    struct tm tm;
    struct str text;

    ck_assert_ptr_nonnull(gmtime_r(&seconds, &tm));
    text = ssi_time(arena, forms[_i].form, seconds, &tm);
    ck_assert(str_is_set(text) == str_is_set(forms[_i].text));
    ck_assert_msg(str_eq(text, forms[_i].text), "\"%.*s\"", STR_ARG(text));
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/ssi_time");

    unit_add(suite, dates_have_the_form_that_is_asked_for, ARRAY_LEN(forms));
    return unit_run(suite);
}
