/* SPDX-License-Identifier: BSD-2-Clause */
/* ssi_command: what commands take, texts with variables, expressions. */
#include "unit.h"
#include "http/ssi_command.h"

#define S(text) STR_INIT(text)

static struct arena *arena;

static void
make_arena(void)
{
    arena = arena_create(4096, 0);
    ck_assert_ptr_nonnull(arena);
}

/* ---- commands ------------------------------------------------------------------------------ */

static const struct { struct str in, told; } commands[] = {
    { S("<!--#echo var='x' default='' encoding='none' -->"), S("") },
    { S("<!--#config -->"), S("") },
    { S("<!--#else -->"), S("") },
    { S("<!--#include -->"), S("") },
    { S("<!--#Echo var='x' -->"), S("invalid SSI command: \"Echo\"") },
    { S("<!--#-->"), S("invalid SSI command: \"\"") },
    { S("<!--#echo default='x' -->"),
      S("mandatory \"var\" parameter is absent in \"echo\" SSI command") },
    { S("<!--#set var='x' -->"),
      S("mandatory \"value\" parameter is absent in \"set\" SSI command") },
    { S("<!--#if -->"), S("mandatory \"expr\" parameter is absent in \"if\" SSI command") },
    { S("<!--#block -->"), S("mandatory \"name\" parameter is absent in \"block\" SSI command") },
    { S("<!--#echo var='x' Var='x' -->"),
      S("invalid parameter name: \"Var\" in \"echo\" SSI command") },
    { S("<!--#else expr='x' -->"), S("invalid parameter name: \"expr\" in \"else\" SSI command") },
    { S("<!--#echo var='x' var='y' -->"),
      S("duplicate \"var\" parameter in \"echo\" SSI command") },
};

START_TEST(commands_take_what_they_take)
{
    char room[200];
    struct writer told = writer_at(room, sizeof(room));
    struct str in = commands[_i].in, text;
    struct ssi_command command;
    struct ssi_scan scan;
    enum ssi_kind kind;
    bool good;

    make_arena();
    ssi_scan_begin(&scan, arena, 100);
    ck_assert_int_eq(ssi_scan_next(&scan, &in, &text), SSI_COMMAND);
    good = ssi_command_kind(&scan, &kind, &told) && ssi_command_read(&scan, kind, &command, &told);
    ck_assert(good == (commands[_i].told.len == 0));
    ck_assert(str_eq((struct str){ room, (size_t)(told.p - told.start) }, commands[_i].told));
    if (good && kind == SSI_ECHO) {
        ck_assert(str_eq(command.params[SSI_PARAM_VAR], STR("x")));
        ck_assert(str_is_set(command.params[SSI_PARAM_DEFAULT]));
        ck_assert(!str_is_set(command.params[SSI_PARAM_VALUE]));
    }
    arena_destroy(arena);
}
END_TEST

/* ---- texts --------------------------------------------------------------------------------- */

static struct str
lookup(void *ctx, struct str name)
{
    (void)ctx;
    if (str_eq(name, STR("a")))
        return STR("A$b\\$");
    if (str_eq(name, STR("long")))
        return STR("0123456789012345");
    return name.len == 1 && name.p[0] == '1' ? STR("one") : STR_NONE;
}

/* out: what comes out, or with '!' in front what is told. */
static const struct { struct str in, out; } expansions[] = {
    { S(""), S("") },
    { S("text"), S("text") },
    { S("$a"), S("A$b\\$") },                   /* values are not looked into */
    { S("x${a}y$1z"), S("xA$b\\$y") },          /* of "1z" */
    { S("x${a}y$1"), S("xA$b\\$yone") },
    { S("$none."), S(".") },
    { S("\\$a\\\\\\\"\\'\\n\\"), S("$a\\\"'\\n\\") },
    { S("\\\0a"), S("\\\0a") },
    { S("$"), S("!invalid variable name in \"$\"") },
    { S("a$-"), S("!invalid variable name in \"a$-\"") },
    { S("${}"), S("!invalid variable name in \"${}\"") },
    { S("${a"), S("!the closing bracket in \"a\" variable is missing") },
    { S("$long"), S("0123456789012345") },
    { S("${long}6"), S("!the value of \"${long}6\" would have more than 16 bytes") },
    { S("01234567890123456"),
      S("!the value of \"01234567890123456\" would have more than 16 bytes") },
};

START_TEST(texts_are_put_together)
{
    char room[200];
    struct writer told = writer_at(room, sizeof(room));
    struct str value, out = expansions[_i].out;

    make_arena();
    value = ssi_expand(arena, expansions[_i].in, 16, lookup, NULL, &told);
    if (str_starts(out, STR("!"))) {
        ck_assert(!str_is_set(value));
        value = (struct str){ room, (size_t)(told.p - told.start) };
        out = str_from(out, 1);
    }
    ck_assert_msg(str_eq(value, out), "\"%.*s\"", STR_ARG(value));
    arena_destroy(arena);
}
END_TEST

START_TEST(texts_for_a_uri_keep_what_parts_it)
{
    char room[200];
    struct writer w = writer_at(room, sizeof(room));

    ssi_write_url(&w, STR("/a_b/~c?d=e&f=(1),[2]*!$@:;+-. \"#%'<>\\^`{|}\x01\x7f\xc3\xa9"));
    ck_assert(str_eq(writer_str(&w), STR("/a_b/~c?d=e&f=(1),[2]*!$@:;+-.%20%22%23%25%27%3C%3E%5C%5E"
                                         "%60%7B%7C%7D%01%7F%C3%A9")));
}
END_TEST

/* ---- expressions --------------------------------------------------------------------------- */

static const struct { struct str in; bool good; enum ssi_test test; bool negated; struct str left,
                      right; } expressions[] = {
    { S(""), true, SSI_IS_TRUE, false, S(""), S("") },
    { S("$a"), true, SSI_IS_TRUE, false, S("$a"), S("") },
    { S("${a}b  "), true, SSI_IS_TRUE, false, S("${a}b"), S("") },
    { S("$a=b"), true, SSI_IS_EQUAL, false, S("$a"), S("b") },
    { S("$a  =  b c "), true, SSI_IS_EQUAL, false, S("$a"), S("b c ") },
    { S("$a != $b"), true, SSI_IS_EQUAL, true, S("$a"), S("$b") },
    { S("$a ="), true, SSI_IS_EQUAL, false, S("$a"), S("") },
    { S("= a"), true, SSI_IS_EQUAL, false, S(""), S("a") },
    { S("$a == b"), true, SSI_IS_EQUAL, false, S("$a"), S("= b") },
    { S("$a = /"), true, SSI_IS_EQUAL, false, S("$a"), S("/") },
    { S("$a = //"), true, SSI_MATCHES, false, S("$a"), S("") },
    { S("$a = /b/"), true, SSI_MATCHES, false, S("$a"), S("b") },
    { S("$a!=/b c/"), true, SSI_MATCHES, true, S("$a"), S("b c") },
    { S("$a = /b"), false, SSI_MATCHES, false, S(""), S("") },
    { S("$a = /b/ "), false, SSI_MATCHES, false, S(""), S("") },
    { S("$a = /b/i"), false, SSI_MATCHES, false, S(""), S("") },
    { S(" $a"), false, SSI_IS_TRUE, false, S(""), S("") },
    { S("!$a"), false, SSI_IS_TRUE, false, S(""), S("") },
    { S("$a !"), false, SSI_IS_TRUE, false, S(""), S("") },
    { S("$a ! = b"), false, SSI_IS_TRUE, false, S(""), S("") },
    { S("a b"), false, SSI_IS_TRUE, false, S(""), S("") },
    { S("a\t= a"), false, SSI_IS_TRUE, false, S(""), S("") },
    { S("a-b = a"), false, SSI_IS_TRUE, false, S(""), S("") },
    { S("$a ~ b"), false, SSI_IS_TRUE, false, S(""), S("") },
};

START_TEST(expressions_have_two_sides)
{
    struct ssi_expression e;

    ck_assert(ssi_expression_read(expressions[_i].in, &e) == expressions[_i].good);
    if (!expressions[_i].good)
        return;
    ck_assert_int_eq(e.test, expressions[_i].test);
    ck_assert(e.is_negated == expressions[_i].negated);
    ck_assert(str_eq(e.left, expressions[_i].left));
    ck_assert(str_eq(e.right, expressions[_i].right));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/ssi_command");

    unit_add(suite, commands_take_what_they_take, ARRAY_LEN(commands));
    unit_add(suite, texts_are_put_together, ARRAY_LEN(expansions));
    unit_add(suite, texts_for_a_uri_keep_what_parts_it, 1);
    unit_add(suite, expressions_have_two_sides, ARRAY_LEN(expressions));
    return unit_run(suite);
}
