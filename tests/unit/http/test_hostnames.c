/* SPDX-License-Identifier: BSD-2-Clause */
/* hostnames: the best of the names that fit. */
#include "unit.h"
#include "http/hostnames.h"

enum { NAMES_MAX = 6 };

static const struct { const char *names[NAMES_MAX]; const char *host, *best; } cases[] = {
    { { NULL },                                     "a.com", NULL },
    { { NULL },                                     "", NULL },
    { { "a.com" },                                  "a.com", "a.com" },
    { { "A.com" },                                  "a.COM", "A.com" },
    { { "a.com" },                                  "b.a.com", NULL },
    { { "*.a.com" },                                "b.a.com", "*.a.com" },
    { { "*.a.com" },                                "c.b.a.com", "*.a.com" },
    { { "*.a.com" },                                "a.com", NULL },
    { { "*.a.com" },                                "ba.com", NULL },
    { { "*.a.com" },                                ".a.com", "*.a.com" },
    { { "*.a.com" },                                "..a.com", "*.a.com" },
    { { ".a.com" },                                 "a.com", ".a.com" },
    { { ".a.com" },                                 "b.a.com", ".a.com" },
    { { ".a.com" },                                 "ba.com", NULL },
    { { "*.a.com", "*.b.a.com" },                   "x.b.a.com", "*.b.a.com" },
    { { "*.b.a.com", "*.a.com" },                   "b.a.com", "*.a.com" },
    { { "www.a.*" },                                "www.a.com", "www.a.*" },
    { { "www.a.*" },                                "www.a.co.uk", "www.a.*" },
    { { "www.a.*" },                                "www.a.", NULL },
    { { "www.a.*" },                                "www.a", NULL },
    { { "www.a.*" },                                "x.www.a.com", NULL },
    { { "www.*", "www.a.*" },                       "www.a.com", "www.a.*" },
    { { "www.*", "www.a.*" },                       "www.b.com", "www.*" },
    { { "www.*", "*.com", "www.a.com" },            "www.a.com", "www.a.com" },
    { { "www.*", "*.com" },                         "www.a.com", "*.com" },
    { { "www.*", "*.com" },                         "www.a.net", "www.*" },
    { { "", "*.com" },                              "", "" },
    { { "*.com", "a.*" },                           "....................................", NULL },
};

START_TEST(best_name_is_found)
{
    struct arena *arena = arena_create(4096, 0);
    struct hostnames names = { 0 };
    const char *best;

    for (unsigned i = 0; i < NAMES_MAX && cases[_i].names[i] != NULL; i++)
        ck_assert_int_eq(hostnames_add(&names, arena, str_of(cases[_i].names[i]),
                                       (void *)(uintptr_t)cases[_i].names[i]), HOSTNAMES_ADDED);
    best = hostnames_find(&names, str_of(cases[_i].host));
    ck_assert_pstr_eq(best, cases[_i].best);
    arena_destroy(arena);
}
END_TEST

static const struct { const char *first, *second; enum hostnames_verdict verdict; } pairs[] = {
    { "a.com",   "b.com",    HOSTNAMES_ADDED },
    { "a.com",   "*.a.com",  HOSTNAMES_ADDED },
    { "*.a.com", "a.com.*",  HOSTNAMES_ADDED },
    { "a.com",   "A.com",    HOSTNAMES_CONFLICT },
    { "*.a.com", "*.A.com",  HOSTNAMES_CONFLICT },
    { "a.*",     "A.*",      HOSTNAMES_CONFLICT },
    { ".a.com",  "a.com",    HOSTNAMES_CONFLICT },
    { "a.com",   ".a.com",   HOSTNAMES_CONFLICT },
    { "*.a.com", ".a.com",   HOSTNAMES_CONFLICT },
    { "",        "",         HOSTNAMES_CONFLICT },
    { "x",       "*",        HOSTNAMES_INVALID },
    { "x",       "*.",       HOSTNAMES_INVALID },
    { "x",       ".*",       HOSTNAMES_INVALID },
    { "x",       ".",        HOSTNAMES_INVALID },
    { "x",       "..",       HOSTNAMES_INVALID },
    { "x",       "*.*",      HOSTNAMES_INVALID },
    { "x",       "*.a.*",    HOSTNAMES_INVALID },
    { "x",       ".a.*",     HOSTNAMES_INVALID },
    { "x",       "*a.com",   HOSTNAMES_INVALID },
    { "x",       "a*",       HOSTNAMES_INVALID },
    { "x",       "a.*.com",  HOSTNAMES_INVALID },
    { "x",       "a..com",   HOSTNAMES_INVALID },
};

START_TEST(names_that_cannot_be_are_told)
{
    struct arena *arena = arena_create(4096, 0);
    struct hostnames names = { 0 };
    static int one, two;

    ck_assert_int_eq(hostnames_add(&names, arena, str_of(pairs[_i].first), &one), HOSTNAMES_ADDED);
    ck_assert_int_eq(hostnames_add(&names, arena, str_of(pairs[_i].second), &two),
                     pairs[_i].verdict);
    arena_destroy(arena);
}
END_TEST

START_TEST(exact_names_have_no_wildcards)
{
    struct arena *arena = arena_create(4096, 0);
    struct hostnames names = { 0 };
    static int value;

    ck_assert(hostnames_reserve(&names, arena, 2));
    ck_assert_int_eq(hostnames_add_exact(&names, arena, STR("*.a.com"), &value), HOSTNAMES_ADDED);
    ck_assert_ptr_null(hostnames_find(&names, STR("b.a.com")));
    ck_assert_ptr_eq(hostnames_find(&names, STR("*.A.com")), &value);
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/hostnames");

    unit_add(suite, best_name_is_found, ARRAY_LEN(cases));
    unit_add(suite, names_that_cannot_be_are_told, ARRAY_LEN(pairs));
    unit_add(suite, exact_names_have_no_wildcards, 1);
    return unit_run(suite);
}
