/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/serve_conf.h"
#include "base/arena.h"
#include "base/writer.h"
#include "conf/conf.h"
#include "unit.h"

/* Every byte that a folder's name may hold. */
static const char *const names[] = {
    "/srv/www", "/srv/my files", "/srv/\"quoted\"", "/srv/it's", "/srv/back\\slash", "/srv/;{}#",
    "/srv/new\nline", "/srv/tab\there", "/srv/cr\rhere", "/srv/\\n", "/srv/\\\"", "/srv/\xff\x01",
    "/srv/\xc3\xa4", "/",
};

static struct str seen;

static bool
parse_seen(struct conf *conf, const struct conf_node *node, void *field)
{
    (void)field;
    seen = arena_str(conf->arena, node->words[1].text);
    return true;
}

static const struct directive directives[] = {
    { "folder", .where = IN_MAIN, .args = {1, 1}, .parse = parse_seen },
    { 0 }
};
static const struct conf_module table = { .name = "test", .directives = directives,
                                          .root = IN_MAIN };
static const struct conf_module *const tables[] = { &table, NULL };

START_TEST(name_of_any_bytes_survives_the_conf_language)
{
    struct arena *arena = arena_create(4096, 0);
    struct conf *conf = conf_create(arena, tables, STR("/"));
    struct writer w = writer_in(arena);

    write_str(&w, STR("folder "));
    write_quoted(&w, str_of(names[_i]));
    write_str(&w, STR(";"));
    ck_assert(conf_read_text(conf, STR("test"), writer_str(&w)));
    ck_assert_ptr_nonnull(conf_apply(conf));
    ck_assert(str_eq(seen, str_of(names[_i])));
    conf_destroy(conf);
    arena_destroy(arena);
}
END_TEST

static const struct { const char *folder, *listen; } refused[] = {
    { "/nonexistent-folder", NULL },
    { "/dev/null", NULL },
    { "/", "not an address:" },
    { "/", "127.0.0.1:99999" },
};

START_TEST(what_cannot_be_served_ends_with_failure)
{
    char *arguments[] = { NULL };
    const char *things[] = { refused[_i].folder };
    struct serve serve = {
        .things = { things, 1, 1 }, .listen = refused[_i].listen, .arguments = arguments,
    };

    ck_assert_int_eq(serve_run(&serve), EXIT_FAILURE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/serve");

    unit_add(suite, name_of_any_bytes_survives_the_conf_language, ARRAY_LEN(names));
    unit_add(suite, what_cannot_be_served_ends_with_failure, ARRAY_LEN(refused));
    return unit_run(suite);
}
