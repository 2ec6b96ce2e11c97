/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/format.h"
#include "run.h"

/* Laid out; NULL: there were errors. */
static const char *
formatted(struct run *run, struct str text)
{
    struct writer w;

    run_begin(run);
    w = writer_in(run->arena);
    return conf_format(run->conf, STR("toy.conf"), text, &w) ? writer_cstr(&w) : NULL;
}

static const struct { struct str before; const char *after; } texts[] = {
    { STR_INIT(""), "" },
    { STR_INIT(" \t\r\n\n"), "" },
    { STR_INIT("\xEF\xBB\xBF"), "" },
    { STR_INIT("\xEF\xBB\xBF\xEF\xBB\xBF" "a;"), "\xEF\xBB\xBF\xEF\xBB\xBF" "a;\n" },
    { STR_INIT(" \xEF\xBB\xBF" "a;"), "\xEF\xBB\xBF\xEF\xBB\xBF" "a;\n" },
    { STR_INIT("a;"), "a;\n" },
    { STR_INIT("\n\n  a   b\t c ;\n\n"), "a b c;\n" },
    { STR_INIT("\xEF\xBB\xBF" "a\r\n;\r\n\r\n\r\n\r\nb;\r\n"), "a;\n\nb;\n" },
    { STR_INIT("a;b;c{d;}e;"), "a;\nb;\nc {\n    d;\n}\ne;\n" },
    { STR_INIT("a{}"), "a {\n}\n" },
    { STR_INIT("a b\n{\n\n\nc;\n\n\n\nd;\n\n}\n\n\ne;"), "a b {\n    c;\n\n    d;\n}\n\ne;\n" },
    { STR_INIT("a{b{c{d;}}}"),
      "a {\n    b {\n        c {\n            d;\n        }\n    }\n}\n" },
    { STR_INIT("include /nowhere/*.conf /nor/here;"), "include /nowhere/*.conf /nor/here;\n" },
    /* words */
    { STR_INIT("a  'b  c'\t\"d\te\";"), "a 'b  c' \"d\te\";\n" },
    { STR_INIT("a \\; b\\ ;"), "a \\; b\\ ;\n" },
    { STR_INIT("a ${b}  $ {c;}"), "a ${b} $ {\n    c;\n}\n" },
    { STR_INIT("if ($a = \"b\"){c;}"), "if ($a = \"b\") {\n    c;\n}\n" },
    { STR_INIT("if ( $a = \"b\"  ){c;}"), "if ( $a = \"b\" ) {\n    c;\n}\n" },
    { STR_INIT("a \"b\r\n  c\"   d;  # e"), "a \"b\r\n  c\" d; # e\n" },
    { STR_INIT("a b#c;"), "a b#c;\n" },
    /* comments */
    { STR_INIT("#"), "#\n" },
    { STR_INIT("  #  a  b \t\r\n"), "#  a  b\n" },
    { STR_INIT("#a\n\n\n#b\nc;#d"), "#a\n\n#b\nc; #d\n" },
    { STR_INIT("a { # b\n# c\n d; # e\n # f\n } # g\n# h"),
      "a { # b\n    # c\n    d; # e\n    # f\n} # g\n# h\n" },
    { STR_INIT("a { # b\n\n c;\n\n # d\n\n }"), "a { # b\n    c;\n\n    # d\n}\n" },
    { STR_INIT("a # b\n{ c; }"), "a { # b\n    c;\n}\n" },
    { STR_INIT("a\n# b\n{ # c\n}"), "a {\n    # b\n    # c\n}\n" },
    { STR_INIT("a b\n# c\n;"), "a b;\n# c\n" },
    { STR_INIT("abcd e\n# f\n{}"), "abcd e {\n    # f\n}\n" },
    { STR_INIT("a bc # 1\nd; # 2"), "a bc # 1\n  d; # 2\n" },
    { STR_INIT("a b # c\n; # d\n"), "a b; # c\n# d\n" },
    { STR_INIT("a; # 1\nbcd; # 2\n\ne; # 3\n"), "a;   # 1\nbcd; # 2\n\ne; # 3\n" },
    { STR_INIT("a; # 1\nb;\nccc; # 2\n"), "a; # 1\nb;\nccc; # 2\n" },
    { STR_INIT("a; # 1\n# 2\nccc; # 3\n"), "a;   # 1\n# 2\nccc; # 3\n" },
    /* one that is too long moves no column */
    { STR_INIT("a; # 1\n"
               "a23456789012345678901234567890123456789"
               "012345678901234567890123456789012345678901; # 2\n"
               "bc; # 3"),
      "a;  # 1\n"
      "a23456789012345678901234567890123456789"
      "012345678901234567890123456789012345678901; # 2\n"
      "bc; # 3\n" },
    /* statements of several lines */
    { STR_INIT("a\nb\nc d;"), "a\n    b\n    c d;\n" },
    { STR_INIT("a b\n\n      c\nd;"), "a b\n  c\n  d;\n" },
    { STR_INIT("ab c d\ne\n;"), "ab c d\n   e;\n" },
    { STR_INIT("ab c 'd'\n'e'\n'f';"), "ab c 'd'\n     'e'\n     'f';\n" },
    { STR_INIT("ab \"c\" 'd'\n'e';"), "ab \"c\" 'd'\n   'e';\n" },
    { STR_INIT("ab c 'd\ne' 'f'\n'g';"), "ab c 'd\ne' 'f'\n     'g';\n" },
    { STR_INIT("ab 'c\nd' e 'f'\n'g';"), "ab 'c\nd' e 'f'\n    'g';\n" },
    { STR_INIT("a { b c\n# d\ne # f\n; }"), "a {\n    b c\n      # d\n      e; # f\n}\n" },
    { STR_INIT("a b # 1\n  cde # 2\n {}"), "a b # 1\n  cde { # 2\n}\n" },
    /* data */
    { STR_INIT("types{text/html html  htm;a/b c;}"),
      "types {\n    text/html html htm;\n    a/b       c;\n}\n" },
    { STR_INIT("map $a $b {\n default 1;\n # c\n ~x \"y\"; # d\n\n zzzzzzzzzz 1;\n volatile; \n}"),
      "map $a $b {\n    default 1;\n    # c\n    ~x      \"y\"; # d\n\n"
      "    zzzzzzzzzz 1;\n    volatile;\n}\n" },
    { STR_INIT("geo $a{1.2.3.4/8\nb;\nccc d\ne;}"),
      "geo $a {\n    1.2.3.4/8\n        b;\n    ccc d\n        e;\n}\n" },
    { STR_INIT("split_clients $a $b{50% '\xC3\xA4';\xC3\xA4* 'x'\n'y';}"),
      "split_clients $a $b {\n    50% '\xC3\xA4';\n    \xC3\xA4*  'x'\n        'y';\n}\n" },
    { STR_INIT("charset_map a b{80 1;100 22;}c{a 1;bb 2;}"),
      "charset_map a b {\n    80  1;\n    100 22;\n}\nc {\n    a 1;\n    bb 2;\n}\n" },
    { STR_INIT("map{a2345678901234567890123456789012345678901234567890123456789012 b;c d;ef g;}"),
      "map {\n    a2345678901234567890123456789012345678901234567890123456789012 b;\n"
      "    c  d;\n    ef g;\n}\n" },
    { STR_INIT("map{a{b c;dd e;}ff g;}"),
      "map {\n    a {\n        b  c;\n        dd e;\n    }\n    ff g;\n}\n" },
};

START_TEST(text_is_laid_out)
{
    struct run run;
    const char *after = formatted(&run, texts[_i].before);

    ck_assert_str_eq(after, texts[_i].after);
    run_end(&run);
}
END_TEST

START_TEST(what_is_laid_out_stays)
{
    struct run run;

    ck_assert_str_eq(formatted(&run, str_of(texts[_i].after)), texts[_i].after);
    run_end(&run);
}
END_TEST

static const struct { struct str text; const char *report; } errors[] = {
    { STR_INIT("a"),
      "weir: [emerg] unexpected end of file, expecting \";\" or \"}\" in toy.conf:1\n"
      "   1 | a\n"
      "     |  ^ a \";\" is missing here\n" },
    { STR_INIT("a {\nb;\n"),
      "weir: [emerg] unexpected end of file, expecting \"}\" in toy.conf:2\n"
      "   2 | b;\n"
      "     |   ^ the block \"a\" that line 1 opens is not closed\n" },
    { STR_INIT("}"),
      "weir: [emerg] unexpected \"}\" in toy.conf:1\n"
      "   1 | }\n"
      "     | ^ no block is open here\n" },
    { STR_INIT("a \"b\"c;"),
      "weir: [emerg] unexpected \"c\" in toy.conf:1\n"
      "   1 | a \"b\"c;\n"
      "     |      ^ a closing quote is followed by a blank, \";\", \"{\" or \")\"\n" },
    { STR_INIT("a 'b;"),
      "weir: [emerg] unexpected end of file, expecting \";\" or \"}\" in toy.conf:1\n"
      "   1 | a 'b;\n"
      "     |   ^ this quote is not closed\n" },
    { STR_INIT("a \0;"),
      "weir: [emerg] unexpected NUL byte in toy.conf:1\n"
      "   1 | a \\x00;\n"
      "     |   ^~~~ is this a text file?\n" },
    { STR_INIT("a;\n# b\ninit_by_lua_block {\n}"),
      "weir: [emerg] a block of Lua cannot be formatted in toy.conf:3\n"
      "   3 | init_by_lua_block {\n"
      "     | ^~~~~~~~~~~~~~~~~ what is in it is not the language of conf files; "
      "\"init_by_lua_file\" would take it from a file of its own\n" },
};

START_TEST(error_is_told_and_nothing_laid_out)
{
    struct run run;

    ck_assert_ptr_null(formatted(&run, errors[_i].text));
    ck_assert_str_eq(run_report(&run), errors[_i].report);
    run_end(&run);
}
END_TEST

START_TEST(name_of_a_lua_block_is_harmless_elsewhere)
{
    struct run run;

    ck_assert_str_eq(formatted(&run, STR("a  x_by_lua_block;")), "a x_by_lua_block;\n");
    run_end(&run);
}
END_TEST

START_TEST(result_goes_behind_what_was_written)
{
    struct run run;
    struct writer w;

    run_begin(&run);
    w = writer_in(run.arena);
    write_str(&w, STR("before "));
    ck_assert(conf_format(run.conf, STR("toy.conf"), STR("a  b;"), &w));
    ck_assert_str_eq(writer_cstr(&w), "before a b;\n");
    run_end(&run);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("conf/format");

    unit_add(suite, text_is_laid_out, ARRAY_LEN(texts));
    unit_add(suite, what_is_laid_out_stays, ARRAY_LEN(texts));
    unit_add(suite, error_is_told_and_nothing_laid_out, ARRAY_LEN(errors));
    unit_add(suite, name_of_a_lua_block_is_harmless_elsewhere, 1);
    unit_add(suite, result_goes_behind_what_was_written, 1);
    return unit_run(suite);
}
