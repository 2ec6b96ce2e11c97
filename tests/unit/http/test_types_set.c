/* SPDX-License-Identifier: BSD-2-Clause */
/* types_set: which types a directive such as charset_types names. */
#include "http/types_set.h"
#include "unit.h"

static const struct directive directives[] = {
    { "some_types", .where = IN_MAIN, .args = { 1, ARGS_ANY }, .parse = parse_types_set,
      .offset = 0, .size = sizeof(struct types_set), .initial = "a/b c/d" },
    { 0 }
};
static const struct conf_module toy = {
    .name = "toy", .directives = directives, .conf_size = sizeof(struct types_set), .root = IN_MAIN,
};
static const struct conf_module *const modules[] = { &toy, NULL };

static const struct { const char *text, *type; bool has; unsigned warnings; } cases[] = {
    { "", "a/b", true, 0 },
    { "", "text/html", true, 0 },                       /* always */
    { "", "x/y", false, 0 },
    { "", NULL, false, 0 },
    { "some_types x/y;", "x/y", true, 0 },
    { "some_types x/y;", "a/b", false, 0 },             /* the default is replaced */
    { "some_types x/y;", "text/html", true, 0 },
    { "some_types x/y;", "X/Y", true, 0 },
    { "some_types X/Y;", "x/y", true, 0 },
    { "some_types x/y;", "x/y; a=b", true, 0 },
    { "some_types x/y;", "x/y\t ;a=b;c", true, 0 },
    { "some_types x/y;", "x/y;", true, 0 },
    { "some_types x/y;", "x/yz", false, 0 },
    { "some_types x/y;", "x/", false, 0 },
    { "some_types x/y;", "; x/y", false, 0 },
    { "some_types x/y;", "", false, 0 },
    { "some_types *;", "x/y", true, 0 },
    { "some_types *;", "", true, 0 },
    { "some_types *;", NULL, true, 0 },
    { "some_types x/y * x/z;", "z/z", true, 0 },
    { "some_types x/*;", "x/y", false, 0 },             /* no pattern */
    { "some_types x/y X/y x/y;", "x/y", true, 2 },
    { "some_types text/html x/y;", "text/html", true, 0 },
};

START_TEST(what_is_in_the_set)
{
    struct arena *arena = arena_create(4096, 0);
    struct conf *conf = conf_create(arena, modules, STR("/"));
    const struct conf_scope *scope;

    ck_assert(conf_read_text(conf, STR("toy.conf"), str_of(cases[_i].text)));
    ck_assert_ptr_nonnull(scope = conf_apply(conf));
    ck_assert(types_set_has(conf_settings(conf, scope, &toy), str_of(cases[_i].type))
              == cases[_i].has);
    ck_assert_uint_eq(conf->warnings, cases[_i].warnings);
    conf_destroy(conf);
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/types_set");

    unit_add(suite, what_is_in_the_set, ARRAY_LEN(cases));
    return unit_run(suite);
}
