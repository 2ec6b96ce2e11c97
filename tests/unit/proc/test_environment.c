/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/environment.h"
#include "unit.h"

#include <string.h>

static char *from[] = {
    (char[]){ "HOME=/root" }, (char[]){ "TZ=UTC" }, (char[]){ "FOO=1=2" }, (char[]){ "EMPTY=" },
    (char[]){ "FOOBAR=x" }, NULL,
};

/* Each list ends with NULL. */
static const struct { const char *wanted[4], *made[4]; } cases[] = {
    { { NULL },                          { "TZ=UTC" } },
    { { "TZ" },                          { "TZ=UTC" } },
    { { "TZ=CET" },                      { "TZ=CET" } },
    { { "FOO" },                         { "TZ=UTC", "FOO=1=2" } },
    { { "FO" },                          { "TZ=UTC" } },            /* a whole name only */
    { { "EMPTY" },                       { "TZ=UTC", "EMPTY=" } },
    { { "NEW=a=b" },                     { "TZ=UTC", "NEW=a=b" } },
    { { "NEW=" },                        { "TZ=UTC", "NEW=" } },
    { { "MISSING", "HOME" },             { "TZ=UTC", "HOME=/root" } },
    { { "FOO=a", "HOME", "FOO=b" },      { "TZ=UTC", "HOME=/root", "FOO=b" } },
    { { "FOO=a", "FOO" },                { "TZ=UTC", "FOO=1=2" } },
};

START_TEST(only_tz_and_what_is_named_remains)
{
    struct arena *arena = arena_create(1024, 0);
    struct str wanted[4];
    size_t count = 0, i;
    char **made;

    while (cases[_i].wanted[count] != NULL) {
        wanted[count] = str_of(cases[_i].wanted[count]);
        count++;
    }
    made = environment_make(arena, wanted, count, from);
    ck_assert_ptr_nonnull(made);
    for (i = 0; cases[_i].made[i] != NULL; i++)
        ck_assert_pstr_eq(made[i], cases[_i].made[i]);
    ck_assert_ptr_null(made[i]);
    arena_destroy(arena);
}
END_TEST

START_TEST(nothing_comes_of_nothing)
{
    struct arena *arena = arena_create(1024, 0);
    char *none[] = { NULL };
    char **made = environment_make(arena, NULL, 0, none);

    ck_assert_ptr_nonnull(made);
    ck_assert_ptr_null(made[0]);
    arena_destroy(arena);
}
END_TEST

START_TEST(short_memory_is_told)
{
    static const struct str wanted = STR_INIT("NAME=a value that does not fit into what is left");
    struct arena *arena = arena_create(64, 32);

    ck_assert_ptr_null(environment_make(arena, &wanted, 1, from));
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/environment");

    unit_add(suite, only_tz_and_what_is_named_remains, ARRAY_LEN(cases));
    unit_add(suite, nothing_comes_of_nothing, 1);
    unit_add(suite, short_memory_is_told, 1);
    return unit_run(suite);
}
