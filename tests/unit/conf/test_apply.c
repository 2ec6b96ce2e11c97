/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/private.h"
#include "run.h"

static const struct toy_web *
web_of(const struct run *run, const char *block)
{
    return run_settings(run, block, &toy_web);
}

static void
assert_no_errors(struct run *run)
{
    ck_assert_str_eq(run_report(run), "");
    ck_assert_ptr_nonnull(run->main);
}

START_TEST(empty_text_gets_all_defaults)
{
    struct run run;
    const struct toy_core *core;

    run_text(&run, STR(""));
    assert_no_errors(&run);
    core = conf_settings(run.conf, run.main, &toy_core);
    ck_assert(core->daemon);
    ck_assert_uint_eq(core->workers, 1);
    ck_assert(str_eq(core->user, STR("no body")));
    ck_assert_ptr_null(conf_settings(run.conf, run.main, &toy_web));
    ck_assert_ptr_nonnull(conf_settings(run.conf, run.main, &toy_empty));
    run_end(&run);
}
END_TEST

START_TEST(root_level_gets_defaults)
{
    struct run run;
    const struct toy_web *web;

    run_text(&run, STR("http { }"));
    assert_no_errors(&run);
    web = web_of(&run, "http");
    ck_assert(!web->gzip && web->etag);
    ck_assert_int_eq(web->mode, 2);
    ck_assert_uint_eq(web->timeout_ms, 75000);
    ck_assert_uint_eq(web->expires_s, 0);
    ck_assert_uint_eq(web->buffer_bytes, 8192);
    ck_assert(str_eq(web->root, STR("/prefix/html")));
    ck_assert_uint_eq(web->index.len, 1);
    ck_assert(str_eq(web->index.items[0], STR("index.html")));
    ck_assert_uint_eq(web->rules.len, 0);
    ck_assert_uint_eq(web->checked, 1);
    run_end(&run);
}
END_TEST

START_TEST(unset_fields_are_inherited_and_set_ones_are_not)
{
    struct run run;
    const struct toy_web *a, *b, *c;

    /* What http sets after the server is inherited too. */
    run_text(&run, STR("http { gzip on; index a b; timeout 5;"
                       " server { etag off; index c;"
                       "  location /a { timeout 6; location /b { gzip off; } }"
                       "  index d; }"
                       " types { x y; z w; } }"));
    assert_no_errors(&run);
    a = web_of(&run, "server");
    ck_assert(a->gzip && !a->etag);
    ck_assert_uint_eq(a->timeout_ms, 5000);
    ck_assert_uint_eq(a->types, 2);
    ck_assert_uint_eq(a->index.len, 2);
    ck_assert(str_eq(a->index.items[0], STR("c")) && str_eq(a->index.items[1], STR("d")));
    b = web_of(&run, "/a");
    ck_assert(b->gzip && !b->etag);
    ck_assert_uint_eq(b->timeout_ms, 6000);
    ck_assert_ptr_eq(b->index.items, a->index.items);
    c = web_of(&run, "/b");
    ck_assert(!c->gzip && !c->etag);
    ck_assert_uint_eq(c->timeout_ms, 6000);
    ck_assert_uint_eq(c->types, 2);
    ck_assert_uint_eq(web_of(&run, "http")->index.len, 2);
    run_end(&run);
}
END_TEST

START_TEST(level_that_sets_nothing_shares_its_parents_struct)
{
    struct run run;

    run_text(&run, STR("http { server { location /a { } location /b { gzip on; }"
                       " location /c { weight 2; } } }"));
    assert_no_errors(&run);
    ck_assert_ptr_eq(web_of(&run, "server"), web_of(&run, "http"));
    ck_assert_ptr_eq(web_of(&run, "/a"), web_of(&run, "http"));
    ck_assert_ptr_ne(web_of(&run, "/b"), web_of(&run, "http"));
    ck_assert_ptr_eq(web_of(&run, "/c"), web_of(&run, "http"));
    ck_assert_ptr_eq(run_settings(&run, "/b", &toy_host), run_settings(&run, "server", &toy_host));
    ck_assert_ptr_ne(run_settings(&run, "/c", &toy_host), run_settings(&run, "server", &toy_host));
    ck_assert_ptr_null(run_settings(&run, "http", &toy_host));
    /* And it is checked once. */
    ck_assert_uint_eq(web_of(&run, "http")->checked, 1);
    ck_assert_uint_eq(web_of(&run, "/b")->checked, 1);
    run_end(&run);
}
END_TEST

START_TEST(each_root_level_has_its_own_defaults)
{
    struct run run;
    const struct toy_host *a, *b;

    run_text(&run, STR("http { server { location /x { location /a { } } }"
                       " server { weight 9; location /b { } } }"));
    assert_no_errors(&run);
    a = run_settings(&run, "/a", &toy_host);
    b = run_settings(&run, "/b", &toy_host);
    ck_assert_ptr_ne(a, b);
    ck_assert_uint_eq(a->weight, 5);
    ck_assert_uint_eq(b->weight, 9);
    run_end(&run);
}
END_TEST

START_TEST(field_is_set_only_where_it_is_written)
{
    struct run run;
    const struct conf_scope *http, *server;

    run_text(&run, STR("http { etag on; server { root /a; } }"));
    assert_no_errors(&run);
    server = toy_scopes[0].scope;
    http = toy_scopes[1].scope;
#define SET(scope, member) \
    conf_is_set(run.conf, (scope), &toy_web, offsetof(struct toy_web, member))
    ck_assert(SET(http, etag));
    ck_assert(!SET(http, gzip));                    /* its neighbour */
    ck_assert(!SET(http, root));                    /* a default */
    ck_assert(SET(server, root));
    ck_assert(!SET(server, etag));
#undef SET
    ck_assert(!conf_is_set(run.conf, run.main, &toy_web, 0));
    ck_assert(!conf_is_set(run.conf, server, &(struct conf_module){ .name = "foreign" }, 0));
    ck_assert_ptr_null(conf_settings(run.conf, server, &(struct conf_module){ .name = "foreign" }));
    run_end(&run);
}
END_TEST

START_TEST(directives_of_one_field_add_to_one_list)
{
    struct run run;
    const struct toy_web *web;

    run_text(&run, STR("http { allow a; deny b; server { allow c; allow d; deny e; } }"));
    assert_no_errors(&run);
    web = web_of(&run, "http");
    ck_assert_uint_eq(web->rules.len, 2);
    web = web_of(&run, "server");
    ck_assert_uint_eq(web->rules.len, 3);
    ck_assert(str_eq(web->rules.items[2], STR("e")));
    run_end(&run);
}
END_TEST

START_TEST(same_name_means_what_the_context_says)
{
    struct run run;

    run_text(&run, STR("http { timeout 5; upstream u { timeout 1 2; } }"));
    assert_no_errors(&run);
    run_end(&run);
    run_text(&run, STR("http { upstream u { timeout 1; } }"));
    ck_assert_ptr_null(run.main);
    run_end(&run);
}
END_TEST

START_TEST(blocks_are_applied_in_order_after_the_rest)
{
    struct run run;
    static const char *const order[] = { "/a1", "/a", "/b", "server", "http", "events" };

    run_text(&run, STR("http { server { location /a { location /a1 { } } location = /b { } } }"
                       " events { } daemon off;"));
    assert_no_errors(&run);
    ck_assert_uint_eq(toy_scope_count, ARRAY_LEN(order));
    ck_assert_uint_eq(toy_begun, ARRAY_LEN(order));
    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        ck_assert(str_eq(toy_scopes[i].name, str_of(order[i])));
    ck_assert_ptr_eq(toy_scopes[4].scope->parent, run.main);
    ck_assert_uint_eq(toy_scopes[0].scope->where, IN_LOCATION);
    ck_assert_ptr_eq(toy_scopes[0].scope->parent, toy_scopes[1].scope);
    ck_assert_ptr_null(run.main->node);
    ck_assert_uint_eq(toy_scopes[4].scope->node->count, 1);
    run_end(&run);
}
END_TEST

START_TEST(command_line_and_file_are_one_level)
{
    struct run run;

    run_begin(&run);
    ck_assert(conf_read_text(run.conf, STR("command line"), STR("daemon off;")));
    ck_assert(conf_read_text(run.conf, STR("toy.conf"), STR("\ndaemon on;")));
    ck_assert_ptr_null(conf_apply(run.conf));
    ck_assert_str_eq(run_report(&run),
        "weir: [emerg] \"daemon\" directive is duplicate in toy.conf:2\n"
        "   2 | daemon on;\n"
        "     | ^~~~~~ the first is in command line:1\n");
    run_end(&run);
}
END_TEST

START_TEST(all_errors_of_a_run_are_told)
{
    struct run run;

    run_text(&run, STR("workers 0; bad1; http { gzip x; bad2; server { etag x; bad3;"
                       " location / { bad4; gzip on; mode x; } } } bad5"));
    ck_assert_ptr_null(run.main);
    ck_assert_uint_eq(run.conf->errors, 10);
    run_end(&run);
}
END_TEST

/* At each of the first allocations in turn. */
START_TEST(short_memory_fails_the_run)
{
    struct run run = { .arena = arena_create(4096, (size_t)_i * 64 + 1) };

    toy_scope_count = toy_begun = 0;
    run.conf = conf_create(run.arena, toy_modules, STR("/prefix/"));
    ck_assert_ptr_nonnull(run.conf);
    conf_read_text(run.conf, STR("toy.conf"),
                   STR("http { index a b c; server { gzip on; location / { root /a; } } }"));
    run.main = conf_apply(run.conf);
    ck_assert((run.main == NULL) == arena_failed(run.arena));
    ck_assert((run.main == NULL) == (run.conf->errors > 0));
    run_end(&run);
}
END_TEST

/* A default that its parse function refuses. */
static const struct directive bad_directives[] = {
    { "bad", .where = IN_MAIN, .args = {1, 1}, .parse = parse_flag,
      FIELD(struct toy_core, daemon), .initial = "perhaps" },
    { "worse", .where = IN_MAIN, .args = {1, 1}, .parse = parse_uint,
      FIELD(struct toy_core, workers), .initial = "1;" },
    { 0 }
};
static const struct conf_module bad_module = {
    .name = "bad", .directives = bad_directives, .conf_size = sizeof(struct toy_core),
    .root = IN_MAIN,
};

START_TEST(wrong_default_is_told)
{
    const struct conf_module *const modules[] = { &bad_module, NULL };
    struct run run = { .arena = arena_create(4096, 0) };

    run.conf = conf_create(run.arena, modules, STR("/"));
    ck_assert_ptr_null(conf_apply(run.conf));
    ck_assert_str_eq(run_report(&run),
        "weir: [emerg] default \"perhaps\" of \"bad\": invalid value \"perhaps\" in \"bad\" "
        "directive, it must be \"on\" or \"off\"\n"
        "weir: [emerg] default \"1;\" of \"worse\": the table has it wrong\n");
    run_end(&run);
}
END_TEST

START_TEST(nginx_names_are_in_order)
{
    for (size_t i = 1; i < nginx_name_count; i++)
        ck_assert_int_lt(strcmp(nginx_names[i - 1].name, nginx_names[i].name), 0);
    ck_assert_uint_gt(nginx_name_count, 400);
}
END_TEST

static struct str
many_servers(struct arena *arena, unsigned servers, unsigned locations)
{
    struct writer w = writer_in(arena);

    write_str(&w, STR("http {\n"));
    for (unsigned i = 0; i < servers; i++) {
        write_fmt(&w, "  server {\n    weight 3;\n    root /srv/%u;\n", i);
        for (unsigned j = 0; j < locations; j++)
            write_fmt(&w, "    location /%u {\n      gzip on;\n      index a b;\n    }\n", j);
        write_str(&w, STR("  }\n"));
    }
    write_str(&w, STR("}\n"));
    return writer_str(&w);
}

START_TEST(ten_thousand_servers_fit)
{
    struct run run;

    run_begin(&run);
    ck_assert(conf_read_text(run.conf, STR("toy.conf"), many_servers(run.arena, 10000, 10)));
    ck_assert_ptr_nonnull(conf_apply(run.conf));
    ck_assert_uint_eq(toy_begun, 110001);
    ck_assert_uint_lt(arena_used(run.conf->arena) + arena_used(run.conf->scratch), 250u << 20);
    run_end(&run);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("conf/apply");

    unit_add(suite, empty_text_gets_all_defaults, 1);
    unit_add(suite, root_level_gets_defaults, 1);
    unit_add(suite, unset_fields_are_inherited_and_set_ones_are_not, 1);
    unit_add(suite, level_that_sets_nothing_shares_its_parents_struct, 1);
    unit_add(suite, each_root_level_has_its_own_defaults, 1);
    unit_add(suite, field_is_set_only_where_it_is_written, 1);
    unit_add(suite, directives_of_one_field_add_to_one_list, 1);
    unit_add(suite, same_name_means_what_the_context_says, 1);
    unit_add(suite, blocks_are_applied_in_order_after_the_rest, 1);
    unit_add(suite, command_line_and_file_are_one_level, 1);
    unit_add(suite, all_errors_of_a_run_are_told, 1);
    unit_add(suite, short_memory_fails_the_run, 40);
    unit_add(suite, wrong_default_is_told, 1);
    unit_add(suite, nginx_names_are_in_order, 1);
    unit_add(suite, ten_thousand_servers_fit, 1);
    return unit_run(suite);
}
