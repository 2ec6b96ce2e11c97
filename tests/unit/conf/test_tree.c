/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/private.h"
#include "run.h"

/* ---- the shape of a tree --------------------------------------------------------------------- */

static void
write_nodes(struct writer *w, const struct conf_node *node, const struct conf_node *parent)
{
    for (; node != NULL; node = node->next) {
        ck_assert_ptr_eq(node->parent, parent);
        for (uint32_t i = 0; i < node->count; i++)
            write_fmt(w, "%s%.*s", i > 0 ? " " : "", STR_ARG(node->words[i].text));
        if (node->is_block) {
            write_char(w, '{');
            write_nodes(w, node->children, node);
            write_char(w, '}');
        } else {
            ck_assert_ptr_null(node->children);
            write_char(w, ';');
        }
    }
}

static const char *
tree_of(struct run *run)
{
    struct writer w = writer_in(run->arena);

    write_nodes(&w, run->conf->priv->first, NULL);
    return writer_cstr(&w);
}

static const struct { const char *text; bool good; const char *tree; } trees[] = {
    { "", true, "" },
    { "a;b c d;", true, "a;b c d;" },
    { "a{}b x{c;d{e;}f;}g;", true, "a{}b x{c;d{e;}f;}g;" },
    { "a\n\tb\r\n\tc;", true, "a b c;" },
    { "\xEF\xBB\xBF# c\na;", true, "a;" },
    { "a { 'b c' \"d\"; }", true, "a{b c d;}" },
    { "location ~ ^/\\d\\{2}$ { a; }", true, "location ~ ^/\\d\\{2}${a;}" },
    /* what is left of a wrong text */
    { "a { b; } } c;", false, "a{b;}c;" },
    { "a { b }", false, "a{b;}" },
    { "a { root x\n gzip on }", false, "a{root x;gzip on;}" },
    { "a { root x\n on gzip }", false, "a{root x on gzip;}" },
    { "a { b", false, "a{b;}" },
    { "a { b { c; d;", false, "a{b{c;d;}}" },
    { "; a;", false, "a;" },
    { "{ a; } b;", false, "{{a;}b;" },
    { "a \"b\"c;", false, "a b c;" },
    { "a; b \"c; d;", false, "a;" },
};

START_TEST(statements_become_nodes)
{
    struct run run;

    run_begin(&run);
    ck_assert(conf_read_text(run.conf, STR("toy.conf"), str_of(trees[_i].text)) == trees[_i].good);
    ck_assert_str_eq(tree_of(&run), trees[_i].tree);
    ck_assert((run.conf->errors == 0) == trees[_i].good);
    run_end(&run);
}
END_TEST

START_TEST(nul_byte_ends_the_text)
{
    struct run run;

    run_text(&run, STR("daemon on;\nworkers \0 3;\nbad;\n"));
    ck_assert_str_eq(run_report(&run),
        "weir: [emerg] unexpected NUL byte in toy.conf:2\n"
        "   2 | workers \\x00 3;\n"
        "     |         ^~~~ is this a text file?\n");
    run_end(&run);
}
END_TEST

/* ---- depth and length ------------------------------------------------------------------------ */

static struct str
nested(struct arena *arena, unsigned depth)
{
    struct writer w = writer_in(arena);

    write_str(&w, STR("http { server {\n"));
    for (unsigned i = 2; i < depth; i++)
        write_str(&w, STR("location /a {\n"));
    for (unsigned i = 0; i < depth; i++)
        write_str(&w, STR("}\n"));
    return writer_str(&w);
}

static const struct { unsigned depth; bool good; } depths[] = {
    { 1000, true }, { 1024, true }, { 1025, false }, { 100000, false },
};

START_TEST(deep_nesting_is_an_error)
{
    struct run run;

    run_begin(&run);
    conf_read_text(run.conf, STR("toy.conf"), nested(run.arena, depths[_i].depth));
    run.main = conf_apply(run.conf);
    ck_assert((run.main != NULL) == depths[_i].good);
    ck_assert_str_eq(run_report(&run), depths[_i].good ? "" :
        "weir: [emerg] blocks are nested more than 1024 levels deep in toy.conf:1024\n"
        "1024 | location /a {\n"
        "     | ^~~~~~~~\n");
    run_end(&run);
}
END_TEST

START_TEST(ten_megabytes_are_read)
{
    struct run run;
    const struct toy_web *web;
    struct writer w;

    run_begin(&run);
    w = writer_in(run.arena);
    write_str(&w, STR("http { types {\n"));
    for (unsigned i = 0; i < 400000; i++)
        write_fmt(&w, "text/x-%06u html htm;\n", i);
    write_str(&w, STR("} bad; }\n"));
    ck_assert_uint_gt((size_t)(w.p - w.start), 9u << 20);
    ck_assert(conf_read_text(run.conf, STR("toy.conf"), writer_str(&w)));
    ck_assert_ptr_null(conf_apply(run.conf));
    web = run_settings(&run, "http", &toy_web);
    ck_assert_uint_eq(web->types, 400000);
    ck_assert_ptr_nonnull(strstr(run_report(&run), "unknown directive \"bad\" in toy.conf:400002"));
    run_end(&run);
}
END_TEST

/* ---- include --------------------------------------------------------------------------------- */

/* Files of a folder, and what comes of reading its "main". Reports have "~" for the folder. */
static const struct {
    struct { const char *name, *text; } files[4];
    const char *tree, *report;
} includes[] = {
    { { { "main", "a; include b; c;" }, { "b", "x { y; } z;" } },
      "a;x{y;}z;c;", "" },
    { { { "main", "x { include b; } c;" }, { "b", "y;" } },
      "x{y;}c;", "" },
    { { { "main", "types { include b; }" }, { "b", "text/html html;" } },
      "types{text/html html;}", "" },
    { { { "main", "include b; include b;" }, { "b", "y;" } },
      "y;y;", "" },
    { { { "main", "include *.x;" }, { "2.x", "b;" }, { "10.x", "a;" }, { ".3.x", "hidden;" } },
      "a;b;", "" },
    { { { "main", "include [12].x; include ?.y;" },
        { "2.x", "b;" }, { "1.x", "a;" }, { "1.y", "c;" } },
      "a;b;c;", "" },
    { { { "main", "include none*.x; include nowhere/*.x; include b/*; a;" }, { "b", "" } },
      "a;", "" },
    { { { "main", "\"include\" b; include \"b\";" }, { "b", "y;" } },
      "include b;y;", "" },
    { { { "main", "include b;" }, { "b", "include c;" }, { "c", "y" } },
      "y;", "weir: [emerg] unexpected end of file, expecting \";\" or \"}\" in ~/c:1\n"
            "   1 | y\n"
            "     |  ^ a \";\" is missing here\n" },
    { { { "main", "\ninclude none; a;" } },
      "a;", "weir: [emerg] open() \"~/none\" failed (2: No such file or directory) in ~/main:2\n"
            "   2 | include none; a;\n"
            "     |         ^~~~ it is relative to the folder of the main file\n" },
    { { { "main", "include .;" } },
      "", "weir: [emerg] read() \"~/.\" failed (21: Is a directory) in ~/main:1\n"
          "   1 | include .;\n"
          "     |         ^\n" },
    { { { "main", "include; include a b;" } },
      "", "weir: [emerg] invalid number of arguments in \"include\" directive in ~/main:1\n"
          "   1 | include; include a b;\n"
          "     | ^~~~~~~ it takes 1 argument\n"
          "weir: [emerg] invalid number of arguments in \"include\" directive in ~/main:1\n"
          "   1 | include; include a b;\n"
          "     |          ^~~~~~~ it takes 1 argument\n" },
    { { { "main", "include b { x; }" } },
      "include b{x;}",
      "weir: [emerg] directive \"include\" is not terminated by \";\" in ~/main:1\n"
      "   1 | include b { x; }\n"
      "     |          ^\n" },
    { { { "main", "a { include b }" }, { "b", "y;" } },
      "a{y;}", "weir: [emerg] directive \"include\" is not terminated by \";\" in ~/main:1\n"
               "   1 | a { include b }\n"
               "     |              ^ a \";\" is missing here\n" },
    { { { "main", "a { include b; c; }" }, { "b", "}" } },
      "a{c;}", "weir: [emerg] unexpected \"}\" in ~/b:1\n"
               "   1 | }\n"
               "     | ^ no block is open here that this file opened\n" },
    { { { "main", "a { include b; c; }" }, { "b", "x { y {\nz;" } },
      "a{x{y{z;}}c;}", "weir: [emerg] unexpected end of file, expecting \"}\" in ~/b:2\n"
                       "   2 | z;\n"
                       "     |   ^ the block \"y\" that line 1 opens is not closed\n" },
    { { { "main", "include main;" } },
      "", "weir: [emerg] \"~/main\" includes itself in ~/main:1\n"
          "   1 | include main;\n"
          "     |         ^~~~ ~/main:1 includes ~/main\n" },
    { { { "main", "a;\ninclude b;" }, { "b", "b;\n\ninclude c;" }, { "c", "include b; c;" } },
      "a;b;c;", "weir: [emerg] \"~/b\" includes itself in ~/c:1\n"
                "   1 | include b; c;\n"
                "     |         ^ ~/b:3 includes ~/c, ~/c:1 includes ~/b\n" },
    { { { "main", "include *;" }, { "b", "x;" } },
      "x;", "weir: [emerg] \"~/main\" includes itself in ~/main:1\n"
            "   1 | include *;\n"
            "     |         ^ ~/main:1 includes ~/main\n" },
};

START_TEST(files_are_included)
{
    struct run run;

    run_begin(&run);
    run_folder(&run);
    for (unsigned i = 0; i < 4 && includes[_i].files[i].name != NULL; i++)
        run_file(&run, includes[_i].files[i].name, str_of(includes[_i].files[i].text));
    ck_assert(conf_read_file(run.conf, run_path(&run, "main"))
              == (includes[_i].report[0] == '\0'));
    ck_assert_str_eq(run_short_report(&run), includes[_i].report);
    ck_assert_str_eq(tree_of(&run), includes[_i].tree);
    run_end(&run);
}
END_TEST

START_TEST(path_is_relative_to_the_main_file)
{
    struct run run;

    run_begin(&run);
    run_folder(&run);
    mkdir(run_path(&run, "sub").p, 0755);
    run_file(&run, "main", STR("include sub/a;"));
    run_file(&run, "sub/a", STR("include b;"));
    run_file(&run, "b", STR("right;"));
    run_file(&run, "sub/b", STR("wrong;"));
    ck_assert(conf_read_file(run.conf, run_path(&run, "main")));
    ck_assert_str_eq(tree_of(&run), "right;");
    ck_assert(str_eq(run.conf->main_file, run_path(&run, "main")));
    run_end(&run);
}
END_TEST

START_TEST(main_file_is_relative_to_the_prefix)
{
    struct run run;

    run_begin(&run);
    run_folder(&run);
    run_file(&run, "main", STR("a;"));
    run.conf->prefix = run_path(&run, "");
    ck_assert(conf_read_file(run.conf, STR("main")));
    ck_assert(str_eq(run.conf->main_file, run_path(&run, "main")));
    run_end(&run);
}
END_TEST

START_TEST(missing_main_file_is_told_without_a_place)
{
    struct run run;

    run_begin(&run);
    run_folder(&run);
    ck_assert(!conf_read_file(run.conf, run_path(&run, "none")));
    ck_assert_ptr_null(conf_apply(run.conf));
    ck_assert_str_eq(run_short_report(&run),
        "weir: [emerg] open() \"~/none\" failed (2: No such file or directory)\n");
    run_end(&run);
}
END_TEST

START_TEST(file_of_unknown_size_is_read_whole)
{
    struct run run;
    int ends[2];

    run_begin(&run);
    ck_assert_int_eq(pipe(ends), 0);
    for (unsigned i = 0; i < 10000; i++)
        ck_assert_int_eq(write(ends[1], "a;\n", 3), 3);
    close(ends[1]);
    ck_assert(conf_read_file(run.conf, arena_fmt(run.arena, "/proc/self/fd/%d", ends[0])));
    close(ends[0]);
    ck_assert_uint_eq(run.conf->files->text.len, 30000);
    run_end(&run);
}
END_TEST

START_TEST(long_chain_of_includes_is_an_error)
{
    struct run run;

    run_begin(&run);
    run_folder(&run);
    for (int i = 0; i < 60; i++)
        run_file(&run, arena_fmt(run.arena, "f%d", i).p,
                 arena_fmt(run.arena, "a%d; include f%d;", i, i + 1));
    ck_assert(!conf_read_file(run.conf, run_path(&run, "f0")));
    ck_assert_str_eq(run_short_report(&run),
        "weir: [emerg] includes are nested more than 50 files deep in ~/f50:1\n"
        "   1 | a50; include f51;\n"
        "     |              ^~~\n");
    run_end(&run);
}
END_TEST

START_TEST(doubling_includes_end)
{
    struct run run;

    run_begin(&run);
    run_folder(&run);
    for (int i = 0; i < 40; i++)
        run_file(&run, arena_fmt(run.arena, "f%d", i).p,
                 arena_fmt(run.arena, "include f%d; include f%d;", i + 1, i + 1));
    run_file(&run, "f40", STR(""));
    ck_assert(!conf_read_file(run.conf, run_path(&run, "f0")));
    ck_assert_ptr_null(conf_apply(run.conf));
    ck_assert_ptr_nonnull(strstr(run_report(&run), "more than 200000 files are included in "));
    run_end(&run);
}
END_TEST

START_TEST(closed_folder_is_an_error)
{
    struct run run;

    run_begin(&run);
    run_folder(&run);
    mkdir(run_path(&run, "closed").p, 0);
    run_file(&run, "main", STR("include closed/*;"));
    if (access(run_path(&run, "closed").p, R_OK) == 0) {        /* the superuser reads all */
        ck_assert(conf_read_file(run.conf, run_path(&run, "main")));
    } else {
        ck_assert(!conf_read_file(run.conf, run_path(&run, "main")));
        ck_assert_ptr_nonnull(strstr(run_report(&run), "failed (13: Permission denied)"));
    }
    run_end(&run);
}
END_TEST

/* ---- the dump -------------------------------------------------------------------------------- */

START_TEST(dump_has_each_file_once_as_it_was)
{
    struct run run;
    FILE *file = tmpfile();
    char got[1024];
    size_t len;
    struct str expected;

    run_begin(&run);
    run_folder(&run);
    run_file(&run, "main", STR("\xEF\xBB\xBF# c\r\ninclude b; include b;\r\n"));
    run_file(&run, "b", STR("a;"));
    ck_assert(conf_read_text(run.conf, STR("command line"), STR("x;")));
    ck_assert(conf_read_file(run.conf, run_path(&run, "main")));
    conf_dump(run.conf, fileno(file));
    rewind(file);
    len = fread(got, 1, sizeof(got), file);
    fclose(file);
    expected = arena_fmt(run.arena,
        "# configuration file %s/main:\n"
        "\xEF\xBB\xBF# c\r\ninclude b; include b;\r\n\n"
        "# configuration file %s/b:\n"
        "a;\n", run.folder, run.folder);
    ck_assert(str_eq((struct str){ got, len }, expected));
    run_end(&run);
}
END_TEST

static const struct { struct str text, value; } main_words[] = {
    { STR_INIT("pid a.pid;"), STR_INIT("a.pid") },
    { STR_INIT("pid a.pid; pid b.pid;"), STR_INIT("a.pid") },
    { STR_INIT("rot; pid 'a b';"), STR_INIT("a b") },
    { STR_INIT("rot { pid a.pid; }"), { NULL, 0 } },            /* not at the main level */
    { STR_INIT("pid a.pid b.pid;"), { NULL, 0 } },              /* not one word */
    { STR_INIT("pid a.pid { }"), { NULL, 0 } },
    { STR_INIT("pid;"), { NULL, 0 } },
    { STR_INIT("pid a.pid; rot }"), STR_INIT("a.pid") },
    { STR_INIT("pid a.pid; rot \"x"), STR_INIT("a.pid") },
    { STR_INIT(""), { NULL, 0 } },
};

START_TEST(word_of_the_main_level_is_found_in_spite_of_errors)
{
    struct run run;
    struct str value;

    run_begin(&run);
    conf_read_text(run.conf, STR("toy.conf"), main_words[_i].text);
    value = conf_main_word(run.conf, STR("pid"));
    ck_assert_int_eq(str_is_set(value), str_is_set(main_words[_i].value));
    ck_assert(str_eq(value, main_words[_i].value));
    run_end(&run);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("conf/tree");

    unit_add(suite, statements_become_nodes, ARRAY_LEN(trees));
    unit_add(suite, nul_byte_ends_the_text, 1);
    unit_add(suite, deep_nesting_is_an_error, ARRAY_LEN(depths));
    unit_add(suite, ten_megabytes_are_read, 1);
    unit_add(suite, files_are_included, ARRAY_LEN(includes));
    unit_add(suite, path_is_relative_to_the_main_file, 1);
    unit_add(suite, main_file_is_relative_to_the_prefix, 1);
    unit_add(suite, missing_main_file_is_told_without_a_place, 1);
    unit_add(suite, file_of_unknown_size_is_read_whole, 1);
    unit_add(suite, long_chain_of_includes_is_an_error, 1);
    unit_add(suite, doubling_includes_end, 1);
    unit_add(suite, closed_folder_is_an_error, 1);
    unit_add(suite, dump_has_each_file_once_as_it_was, 1);
    unit_add(suite, word_of_the_main_level_is_found_in_spite_of_errors, ARRAY_LEN(main_words));
    return unit_run(suite);
}
