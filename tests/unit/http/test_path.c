/* SPDX-License-Identifier: BSD-2-Clause */
/* path: names below root and alias, whose dots are whose, what came of opening a file. */
#include "unit.h"
#include "base/counters.h"
#include "http/engine.h"
#include "http/open_path.h"
#include "http/path.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define S(text) STR_INIT(text)
#define NONE { NULL, 0 }

static struct location_settings settings;
static struct http_location place = { .settings = &settings };
static struct http_request req;

static struct str
args_of(struct http_request *r, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return r->args;
}

static const struct http_variable args = { .name = "args", .get = args_of };

/* "LITERAL", or "LITERAL$args"; in pieces, which are the caller's. */
static struct http_text
text(struct http_piece *pieces, struct str literal, bool has_variable)
{
    pieces[0] = (struct http_piece){ .literal = literal };
    pieces[1] = (struct http_piece){ .var = &args };
    return (struct http_text){ .pieces = pieces, .len = has_variable ? 2 : 1, .source = literal };
}

static void
start(size_t limit)
{
    static struct log nothing = { .level = LEVEL_EMERG };

    settings = (struct location_settings){ .log_not_found = true };
    req = (struct http_request){ .location = &place, .method = METHOD_GET };
    req.arena = arena_create(4096, limit);
    ck_assert_ptr_nonnull(req.arena);
    req.log.log = &nothing;
    http_response_reset(&req.response, 0);
}

static void
end(void)
{
    arena_destroy(req.arena);
}

static void
set_root(struct str literal, bool has_variable)
{
    static struct http_piece pieces[2];

    settings.root = (struct root){ .path = text(pieces, literal, has_variable) };
}

static void
set_alias(struct str prefix, struct str literal, bool has_variable)
{
    set_root(literal, has_variable);
    settings.root.is_alias = true;
    settings.root.prefix = prefix;
}

static void
ask_for(struct str path)
{
    http_path_set(&req, &req, path, NULL);
}

static void
assert_str(struct str got, struct str want)
{
    ck_assert_msg(str_eq(got, want) && str_is_set(got) == str_is_set(want),
                  "\"%.*s\" instead of \"%.*s\"", STR_ARG(got), STR_ARG(want));
}

/* ---- what is safe -------------------------------------------------------------------------- */

static const struct { struct str path; bool is_safe; } safety[] = {
    { S(""), true }, { S("/"), true }, { S("/a"), true }, { S("/a/.b"), true }, { S("/..."), true },
    { S("/..a"), true }, { S("/.a/..b/c.."), true }, { S("a.."), true },
    { S("/."), false }, { S("/.."), false }, { S("/./a"), false }, { S("/a/../b"), false },
    { S("/a/.."), false }, { S("/a\0"), false }, { S("\0/a"), false }, { S("/a\0/b"), false },
};

START_TEST(dot_segments_and_nul_are_not_safe)
{
    ck_assert_int_eq(http_path_is_safe(safety[_i].path), safety[_i].is_safe);
}
END_TEST

/* ---- names of files ------------------------------------------------------------------------ */

static const struct {
    struct str root, args, path, name;
} below_root[] = {
    { S("/srv"), NONE, S("/a"), S("/srv/a") },
    { S("/srv"), NONE, S("/"), S("/srv/") },
    { S("/srv/"), S("x"), S("/a"), S("/srv/x/a") },
    { S("/srv/"), S("x.y"), S("/a"), S("/srv/x.y/a") },
    { S("/srv/."), S("x"), S("/a"), S("/srv/.x/a") },           /* the dot is the conf file's */
    { S("/srv/."), S("x/.y"), S("/a"), NONE },                  /* this one is the client's */
    { S("/srv/"), S(".x"), S("/a"), NONE },
    { S("/srv/"), NONE, S("/a"), NONE },                        /* nothing brings no folder */
    { S(""), NONE, S("/a"), NONE },
    { S("/srv/"), S("x/../y"), S("/a"), NONE },
    { S("/srv/"), S("x\0y"), S("/a"), NONE },
};

START_TEST(root_that_holds_a_variable_is_looked_at)
{
    start(0);
    set_root(below_root[_i].root, str_is_set(below_root[_i].args) || !str_is_set(below_root[_i].name));
    req.args = below_root[_i].args;
    ask_for(below_root[_i].path);
    assert_str(http_map_path(&req, 0), below_root[_i].name);
    ck_assert(!arena_failed(req.arena));
    end();
}
END_TEST

static const struct {
    struct str path, prefix, alias, hidden, served;     /* name while serve_hidden is off, and on */
} aliases[] = {
    { S("/i/x"), S("/i/"), S("/srv/"), S("/srv/x"), S("/srv/x") },
    { S("/ix"), S("/i"), S("/srv"), S("/srvx"), S("/srvx") },
    { S("/i"), S("/i"), S("/srv/"), S("/srv/"), S("/srv/") },
    /* what was no dot segment before the prefix is cut off */
    { S("/i../x"), S("/i"), S("/srv/"), NONE, NONE },
    { S("/i.."), S("/i"), S("/srv/"), NONE, NONE },
    { S("/i./x"), S("/i"), S("/srv/"), NONE, NONE },
    { S("/i../x"), S("/i"), S("/srv"), NONE, NONE },
    { S("/i.../x"), S("/i"), S("/srv/"), NONE, S("/srv/.../x") },
    { S("/i.x"), S("/i"), S("/srv/"), NONE, S("/srv/.x") },
    { S("/i.x"), S("/i"), S("/srv"), S("/srv.x"), S("/srv.x") },
    { S("/i/.x"), S("/i/"), S("/srv/"), NONE, S("/srv/.x") },
};

START_TEST(alias_is_left_by_nobody)
{
    for (int serve = 0; serve < 2; serve++) {
        start(0);
        set_alias(aliases[_i].prefix, aliases[_i].alias, false);
        settings.serve_hidden = serve;
        ask_for(aliases[_i].path);
        assert_str(http_map_path(&req, 0), serve ? aliases[_i].served : aliases[_i].hidden);
        end();
    }
}
END_TEST

START_TEST(name_has_room_behind_it_and_an_end)
{
    static char bytes[PATH_MAX];
    struct str name;

    start(0);
    set_root(STR("/srv"), false);
    memset(bytes, 'a', sizeof(bytes));
    bytes[0] = '/';
    ask_for((struct str){ bytes, PATH_MAX - 4 - 10 - 1 });
    name = http_map_path(&req, 10);
    ck_assert_uint_eq(name.len, PATH_MAX - 10 - 1);
    ck_assert_int_eq(name.p[name.len], '\0');
    ck_assert(!str_is_set(http_map_path(&req, 11)));
    ck_assert_int_eq(http_unmapped(&req), HTTP_DONE);
    ck_assert_uint_eq(req.response.status, HTTP_NOT_FOUND);
    end();
}
END_TEST

/* For the folder that is evaluated, and for the name. */
static const size_t limits[] = { 1, 8, 12 };

START_TEST(name_without_memory_is_a_failure)
{
    start(limits[_i]);
    set_root(STR("/srv/"), true);
    req.args = STR("x");
    ask_for(STR("/a"));
    ck_assert(!str_is_set(http_map_path(&req, 0)));
    ck_assert_int_eq(http_unmapped(&req), HTTP_DONE);
    ck_assert_uint_eq(req.response.status, HTTP_INTERNAL_ERROR);
    end();
}
END_TEST

static const struct {
    enum symlinks mode;
    struct str from, path;
    size_t trusted;
} trusts[] = {
    { SYMLINKS_FOLLOW, S("/srv"), S("/srv/a"), 0 },
    { SYMLINKS_REFUSE, S(""), S("/srv/a"), 0 },
    { SYMLINKS_REFUSE, S("/"), S("/srv/a"), 0 },
    { SYMLINKS_REFUSE, S("/srv"), S("/srv/a"), 4 },
    { SYMLINKS_OWN, S("/srv//"), S("/srv/a"), 4 },
    { SYMLINKS_OWN, S("/srv"), S("/srv"), 0 },
    { SYMLINKS_OWN, S("/srv"), S("/srvx/a"), 0 },       /* it ends in the middle of a name */
    { SYMLINKS_OWN, S("/other"), S("/srv/a"), 0 },
};

START_TEST(folder_on_the_way_is_trusted_and_no_other)
{
    struct http_piece pieces[2];

    start(0);
    settings.disable_symlinks.mode = trusts[_i].mode;
    settings.disable_symlinks.from = text(pieces, trusts[_i].from, false);
    ck_assert_uint_eq(http_trusted_part(&req, trusts[_i].path), trusts[_i].trusted);
    end();
}
END_TEST

/* ---- names with a dot ---------------------------------------------------------------------- */

START_TEST(hidden_is_told_of_once_a_request)
{
    uint64_t before = stats->hidden_refused;

    start(0);
    set_root(STR("/srv"), false);
    ask_for(STR("/.a"));
    ck_assert(!str_is_set(http_path_name(&req)));
    ck_assert(!req.was_hidden);
    ck_assert(!str_is_set(http_map_path(&req, 0)));
    ck_assert(!str_is_set(http_map_other(&req, STR("/.b"), NULL)));
    ck_assert(req.was_hidden);
    ck_assert_uint_eq(stats->hidden_refused, before + 1);
    end();
}
END_TEST

static const struct {
    struct str was;             /* the path before, of which so many names were written */
    unsigned written;
    struct str path;            /* made by the client */
    unsigned left;
} changes[] = {
    { S("/.a/.b"), 2, S("/x/.a/.b"), 2 },                       /* the whole path is in the other */
    { S("/.a/.b"), 2, S("/.a/c"), 1 },                          /* its folder is */
    { S("/.a/.b"), 1, S("/.a/.c"), 1 },
    { S("/.a/b"), 1, S("/x/.c"), 0 },                           /* neither is */
    { S("/.a/b"), 0, S("/.a/c"), 0 },                           /* none was written */
    { S(".a"), 1, S("/x/.c"), 0 },                              /* it has no folder */
    { S("/.a/b"), 1, S("/x"), 0 },
};

START_TEST(names_that_were_written_stay_so_while_they_are_there)
{
    struct http_request from;

    start(0);
    from = (struct http_request){ .path = changes[_i].was,
                                  .dots_written = (uint8_t)changes[_i].written };
    http_path_set(&req, &from, changes[_i].path, NULL);
    assert_str(req.path, changes[_i].path);
    ck_assert_uint_eq(req.dots_written, changes[_i].left);
    ck_assert_int_eq(req.is_dotted, uri_dotted_names(req.path) > 0);
    end();
}
END_TEST

START_TEST(more_names_than_can_be_counted_are_as_many_as_can)
{
    struct http_piece pieces[2];
    struct http_text written;
    char path[3 * (UINT8_MAX + 10) + 1] = "";

    for (int i = 0; i < UINT8_MAX + 10; i++)
        memcpy(path + 3 * i, "/.a", 3);
    start(0);
    written = text(pieces, (struct str){ path, sizeof(path) - 1 }, false);
    http_path_set(&req, &req, written.source, &written);
    ck_assert_uint_eq(req.dots_written, UINT8_MAX);
    end();
}
END_TEST

static const struct {
    struct str literal, value;
    bool has_variable, serve, hidden;
} brought[] = {
    { S("/.a"), S("/.a"), false, false, false },
    { S("/a/"), S("/a/b"), true, false, false },
    { S("/a/"), S("/a/.b"), true, false, true },
    { S("/a/"), S("/a/.b"), true, true, false },
    { S("/a/."), S("/a/.b"), true, false, false },
    { S("/a/."), S("/a/.b/.c"), true, false, true },
    { S("/.a/"), S("/.a/b"), true, false, false },
    { S("/.a/."), S("/.a/.b"), true, false, false },
};

START_TEST(name_is_hidden_when_the_client_has_brought_it)
{
    struct http_piece pieces[2];
    struct http_text made_of;

    start(0);
    settings.serve_hidden = brought[_i].serve;
    made_of = text(pieces, brought[_i].literal, brought[_i].has_variable);
    ck_assert_int_eq(http_brings_hidden(&req, brought[_i].value, &made_of), brought[_i].hidden);
    ck_assert_int_eq(req.was_hidden, brought[_i].hidden);
    end();
}
END_TEST

/* ---- files --------------------------------------------------------------------------------- */

static char folder[sizeof("/tmp/weir-path-XXXXXX")];
static struct timer_wheel timers;
static struct http_worker worker;

static const char *
in_folder(const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void
open_folder_of_files(void)
{
    memcpy(folder, "/tmp/weir-path-XXXXXX", sizeof(folder));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    close(open(in_folder("a"), O_WRONLY | O_CREAT, 0600));
    close(open(in_folder("b"), O_WRONLY | O_CREAT, 0600));
    ck_assert_int_eq(mkfifo(in_folder("fifo"), 0600), 0);
    ck_assert_int_eq(mkdir(in_folder("dir"), 0700), 0);
    timer_wheel_init(&timers, 0);
    worker.files = file_cache_create(&timers, 16, 1000, 0);
    ck_assert_ptr_nonnull(worker.files);
}

static void
close_folder_of_files(void)
{
    static const char *const names[] = { "a", "b", "fifo" };

    file_cache_destroy(worker.files);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(in_folder(names[i]));
    rmdir(in_folder("dir"));
    rmdir(folder);
}

static void
start_with_files(size_t limit)
{
    start(limit);
    req.worker = &worker;
    set_root(str_of(folder), false);
}

static void
end_with_files(void)
{
    if (req.file != NULL)
        file_release(worker.files, req.file);
    end();
}

static const struct {
    enum http_method method;
    struct str path;
    bool found;
    enum http_next next;
    unsigned status;
} asked[] = {
    { METHOD_GET, S("/a"), true, HTTP_PASS, 0 },
    { METHOD_HEAD, S("/a"), true, HTTP_PASS, 0 },
    { METHOD_GET, S("/dir/"), false, HTTP_PASS, 0 },
    { METHOD_GET, S("/dir"), false, HTTP_DONE, HTTP_MOVED_PERMANENTLY },
    { METHOD_GET, S("/none"), false, HTTP_DONE, HTTP_NOT_FOUND },
    { METHOD_GET, S("/.a"), false, HTTP_DONE, HTTP_NOT_FOUND },
    { METHOD_GET, S("/fifo"), false, HTTP_DONE, HTTP_NOT_FOUND },
    { METHOD_GET, S("/a/b"), false, HTTP_DONE, HTTP_NOT_FOUND },
    { METHOD_POST, S("/a"), false, HTTP_DONE, HTTP_METHOD_NOT_ALLOWED },
    { METHOD_POST, S("/none"), false, HTTP_DONE, HTTP_NOT_FOUND },
    { METHOD_PUT, S("/none"), false, HTTP_DONE, HTTP_METHOD_NOT_ALLOWED },
};

START_TEST(file_is_found_or_told_of)
{
    struct file *file;

    start_with_files(0);
    req.method = asked[_i].method;
    ask_for(asked[_i].path);
    ck_assert_int_eq(http_find_file(&req, &file), asked[_i].next);
    ck_assert_int_eq(file != NULL, asked[_i].found);
    ck_assert_uint_eq(req.response.status, asked[_i].status);
    end_with_files();
}
END_TEST

START_TEST(folder_is_sent_to_its_address_or_fails)
{
    static const struct str name = S("/dir");
    unsigned failures = 0;
    bool done = false;
    struct file *file;

    for (size_t limit = 1; !done; limit++) {
        ck_assert_uint_lt(limit, 4096);
        start_with_files(limit);
        ask_for(name);
        req.args = STR("b=c");
        ck_assert_int_eq(http_find_file(&req, &file), HTTP_DONE);
        ck_assert_ptr_null(file);
        done = !arena_failed(req.arena);
        ck_assert_uint_eq(req.response.status, done ? HTTP_MOVED_PERMANENTLY : HTTP_INTERNAL_ERROR);
        assert_str(req.response.location, done ? STR("/dir/?b=c") : STR_NONE);
        failures += !done && req.file != NULL;      /* there was memory for the name */
        end_with_files();
    }
    ck_assert_uint_gt(failures, 0);
}
END_TEST

static unsigned
users_of(struct str path)
{
    struct file *file = file_open(worker.files, &settings, path, 0);
    unsigned users = file->refs - 1;

    file_release(worker.files, file);
    return users;
}

START_TEST(files_are_given_back_whatever_memory_there_is)
{
    struct str second;
    struct file *file = NULL;

    second = str_of(in_folder("b"));
    for (size_t limit = 1; file == NULL; limit++) {
        ck_assert_uint_lt(limit, 4096);
        start_with_files(limit);
        ck_assert_ptr_nonnull(http_open_file(&req, str_of("/")));   /* the first needs none */
        file = http_open_file(&req, second);
        ck_assert_int_eq(file == NULL, arena_failed(req.arena));
        ck_assert_uint_eq(users_of(second), file != NULL);
        end_with_files();
        ck_assert_uint_eq(users_of(second), 0);
    }
}
END_TEST

static const struct { int error; unsigned status; } errors[] = {
    { ENOENT, HTTP_NOT_FOUND }, { ENOTDIR, HTTP_NOT_FOUND }, { ENAMETOOLONG, HTTP_NOT_FOUND },
    { ENXIO, HTTP_NOT_FOUND }, { ENODEV, HTTP_NOT_FOUND },
    { EACCES, HTTP_FORBIDDEN }, { EPERM, HTTP_FORBIDDEN }, { ELOOP, HTTP_FORBIDDEN },
    { EIO, HTTP_INTERNAL_ERROR }, { EMFILE, HTTP_INTERNAL_ERROR }, { ENOMEM, HTTP_INTERNAL_ERROR },
    { EOVERFLOW, HTTP_INTERNAL_ERROR },
};

static unsigned steps;

static void
on_step(void *ctx, const struct conf_mark *where, struct str told)
{
    (void)ctx;
    ck_assert_ptr_eq(where, &settings.root.mark);
    ck_assert(str_starts(told, STR("open: /none/x: ")));
    steps++;
}

START_TEST(error_of_open_has_its_status)
{
    static const struct http_trace trace = { .step = on_step };

    for (int told = 0; told < 2; told++) {
        start(0);
        settings.log_not_found = told;
        req.trace = told ? &trace : NULL;
        steps = 0;
        ck_assert_uint_eq(http_open_failed(&req, STR("/none/x"), errors[_i].error),
                          errors[_i].status);
        ck_assert_uint_eq(steps, told);
        end();
    }
}
END_TEST

#define WITH_FOLDER(suite, test, times) add_with_folder((suite), (test), #test, (int)(times))

static void
add_with_folder(Suite *suite, const TTest *test, const char *name, int times)
{
    TCase *tcase = tcase_create(name);

    tcase_add_unchecked_fixture(tcase, open_folder_of_files, close_folder_of_files);
    tcase_add_loop_test(tcase, test, 0, times);
    suite_add_tcase(suite, tcase);
}

int
main(void)
{
    Suite *suite = suite_create("http/path");

    unit_add(suite, dot_segments_and_nul_are_not_safe, ARRAY_LEN(safety));
    unit_add(suite, root_that_holds_a_variable_is_looked_at, ARRAY_LEN(below_root));
    unit_add(suite, alias_is_left_by_nobody, ARRAY_LEN(aliases));
    unit_add(suite, name_has_room_behind_it_and_an_end, 1);
    unit_add(suite, name_without_memory_is_a_failure, ARRAY_LEN(limits));
    unit_add(suite, folder_on_the_way_is_trusted_and_no_other, ARRAY_LEN(trusts));
    unit_add(suite, hidden_is_told_of_once_a_request, 1);
    unit_add(suite, names_that_were_written_stay_so_while_they_are_there, ARRAY_LEN(changes));
    unit_add(suite, more_names_than_can_be_counted_are_as_many_as_can, 1);
    unit_add(suite, name_is_hidden_when_the_client_has_brought_it, ARRAY_LEN(brought));
    WITH_FOLDER(suite, file_is_found_or_told_of, ARRAY_LEN(asked));
    WITH_FOLDER(suite, folder_is_sent_to_its_address_or_fails, 1);
    WITH_FOLDER(suite, files_are_given_back_whatever_memory_there_is, 1);
    unit_add(suite, error_of_open_has_its_status, ARRAY_LEN(errors));
    return unit_run(suite);
}
