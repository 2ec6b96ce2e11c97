/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/private.h"
#include "run.h"

static const char *const environment[] = {
    "A=a", "AB=ab", "EMPTY=", "DOLLARS=$x$", "SIGN=a=b", "NEWLINE=a\nb", "odd", "=none", NULL
};

/* is_text: of each "$" in the value, whether it is text. */
static const struct { const char *text, *value, *is_text; } words[] = {
    { "${env:A}", "a", "" },
    { "${env:AB}", "ab", "" },
    { "<${env:A}-${env:AB}>", "<a-ab>", "" },
    { "${env:EMPTY}", "", "" },
    { "${env:EMPTY:-x}", "x", "" },
    { "${env:NONE:-}", "", "" },
    { "${env:NONE:-$y}$z", "$y$z", "10" },
    { "$y${env:DOLLARS}$z", "$y$x$$z", "0110" },
    { "${env:SIGN}", "a=b", "" },
    { "${a}${env:A}$", "${a}a$", "00" },
    { "$${env:A}", "$a", "0" },
    { "${ENV:A}", "${ENV:A}", "0" },
    { "${env}", "${env}", "0" },
    { "\"${env:NONE:-a b;{}\"", "a b;{", "" },
};

START_TEST(values_replace_references)
{
    struct run run;
    const struct conf_word *word;
    struct str text;
    unsigned n = 0;

    run_begin(&run);
    run.conf->environment = environment;
    text = arena_fmt(run.arena, "user %s;", words[_i].text);
    ck_assert(conf_read_text(run.conf, STR("toy.conf"), text));
    word = &run.conf->priv->first->words[1];
    ck_assert_str_eq(word->text.p, words[_i].value);
    ck_assert_uint_eq(word->text.len, strlen(words[_i].value));
    ck_assert_uint_eq(word->pos.len, strlen(words[_i].text));
    for (size_t at = 0; at < word->text.len; at++) {
        bool is_text;

        if (word->text.p[at] != '$')
            continue;
        is_text = words[_i].is_text[n++] == '1';
        ck_assert(conf_is_text(run.conf, word, word->text, at) == is_text);
        /* a copy with a folder in front, and the end of one */
        text = arena_fmt(run.arena, "/$/%s", word->text.p);
        ck_assert(conf_is_text(run.conf, word, text, at + 3) == is_text);
        text = arena_str(run.arena, str_from(word->text, at));
        ck_assert(conf_is_text(run.conf, word, text, 0) == is_text);
    }
    ck_assert_uint_eq(n, strlen(words[_i].is_text));
    run_end(&run);
}
END_TEST

START_TEST(dollar_in_front_of_the_word_is_no_value)
{
    struct run run;
    const struct conf_word *word;

    run_begin(&run);
    run.conf->environment = environment;
    conf_read_text(run.conf, STR("toy.conf"), STR("user ${env:DOLLARS};"));
    word = &run.conf->priv->first->words[1];
    ck_assert(!conf_is_text(run.conf, word, arena_str(run.arena, STR("$$x$")), 0));
    ck_assert(!conf_is_text(run.conf, NULL, word->text, 0));
    run_end(&run);
}
END_TEST

static const struct { const char *text, *report; } errors[] = {
    { "user ${env:NONE};", "the environment variable \"NONE\" is not set" },
    { "user ${env:odd};", "the environment variable \"odd\" is not set" },
    { "user ${env:NEWLINE};", "a control byte, 0x0A, in the environment variable \"NEWLINE\"" },
    { "user ${env:A;", "the closing \"}\" of \"${env:A\" is missing" },
    { "user ${env:A:-a b};", "the closing \"}\" of \"${env:A:-a\" is missing" },
    { "user ${env:};", "invalid \"${env:}\"" },
    { "user ${env:9};", "invalid \"${env:9}\"" },
    { "user ${env:A-b};", "invalid \"${env:A-b}\"" },
    { "http { ${env:NONE:-root} /a; }", "the name of a directive cannot come from the environment" },
    { "${env:NONE} { user; }", "the environment variable \"NONE\" is not set" },
    { "${env:NONE:-include} x;", "the name of a directive cannot come from the environment" },
};

START_TEST(wrong_reference_is_the_only_error)
{
    struct run run;

    run_begin(&run);
    run.conf->environment = environment;
    conf_read_text(run.conf, STR("toy.conf"), str_of(errors[_i].text));
    conf_apply(run.conf);
    ck_assert_uint_eq(run.conf->errors, 1);
    ck_assert_ptr_nonnull(strstr(run_report(&run), arena_fmt(run.arena, "[emerg] %s in toy.conf:1\n",
                                                             errors[_i].report).p));
    run_end(&run);
}
END_TEST

START_TEST(nothing_is_set_without_an_environment)
{
    struct run run;

    run_text(&run, STR("user ${env:A:-b};"));
    ck_assert_ptr_nonnull(run.main);
    ck_assert(str_eq(((const struct toy_core *)conf_settings(run.conf, run.main, &toy_core))->user,
                     STR("b")));
    run_end(&run);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("conf/env");

    unit_add(suite, values_replace_references, ARRAY_LEN(words));
    unit_add(suite, dollar_in_front_of_the_word_is_no_value, 1);
    unit_add(suite, wrong_reference_is_the_only_error, ARRAY_LEN(errors));
    unit_add(suite, nothing_is_set_without_an_environment, 1);
    return unit_run(suite);
}
