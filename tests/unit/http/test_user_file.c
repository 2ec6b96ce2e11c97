/* SPDX-License-Identifier: BSD-2-Clause */
/* user_file: lines, names that are there and not, and the hash that stands in for the others. */
#include "unit.h"
#include "base/clock.h"
#include "http/user_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char path[] = "/tmp/weir-users-XXXXXX";
static struct user_files *files;
static struct log_context quiet;

static void
write_file(const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_TRUNC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
    close(fd);
}

static void
start(const char *text)
{
    static struct log nothing = { .level = LEVEL_EMERG };

    quiet.log = &nothing;
    clock_update();
    ck_assert_int_ge(mkstemp(path), 0);
    write_file(text, strlen(text));
    files = user_files_create();
    ck_assert_ptr_nonnull(files);
}

static void
end(void)
{
    user_files_destroy(files);
    unlink(path);
}

static const struct user_file *
get(void)
{
    return user_files_get(files, str_of(path), &quiet);
}

/* hash NULL: the name is not there. */
static const struct { const char *text, *name, *hash; } lines[] = {
    { "",                   "a",    NULL },
    { "\n\n\n",             "",     NULL },
    { "a:x",                "a",    "x" },
    { "a:x\n",              "a",    "x" },
    { "a:x\r\n",            "a",    "x" },
    { "a:x:more:and more",  "a",    "x" },
    { "a:x:\n",             "a",    "x" },
    { "a:",                 "a",    "" },
    { "a",                  "a",    NULL },
    { "#a:x",               "#a",   NULL },
    { "#a:x\na:y",          "a",    "y" },
    { "a:x\nb:y\nc:z",      "b",    "y" },
    { "a:x\nb:y\nc:z",      "c",    "z" },
    { "a:x\na:y",           "a",    "x" },
    { "ab:x",               "a",    NULL },
    { "a:x",                "ab",   NULL },
    { " a :x ",             " a ",  "x " },
};

START_TEST(name_has_the_hash_of_its_line)
{
    struct str hash;

    start(lines[_i].text);
    hash = user_file_find(get(), str_of(lines[_i].name));
    ck_assert(str_is_set(hash) == (lines[_i].hash != NULL));
    if (lines[_i].hash != NULL)
        ck_assert(str_eq(hash, str_of(lines[_i].hash)));
    end();
}
END_TEST

static const struct { const char *text, *usual; } usuals[] = {
    { "",                                                           NULL },
    { "# only this",                                                NULL },
    { "a:",                                                         NULL },
    { "a:{PLAIN}x",                                                 "{PLAIN}x" },
    { "a:{PLAIN}x\nb:$1$s$1\nc:$1$t$2",                             "$1$s$1" },
    { "a:$1$s$1\nb:{PLAIN}x\nc:{PLAIN}y",                           "{PLAIN}x" },
    { "a:$2y$05$x\nb:$2y$12$y\nc:$2y$12$z",                         "$2y$12$y" },
    { "a:\nb:\nc:\nd:$1$s$1",                                       "$1$s$1" },
};

START_TEST(usual_hash_is_of_the_commonest_kind)
{
    struct str usual;

    start(usuals[_i].text);
    usual = user_file_usual(get());
    ck_assert(str_is_set(usual) == (usuals[_i].usual != NULL));
    if (usuals[_i].usual != NULL)
        ck_assert(str_eq(usual, str_of(usuals[_i].usual)));
    end();
}
END_TEST

START_TEST(line_with_a_nul_is_none)
{
    start("");
    write_file("a:x\0y\nb:z\n", 10);
    ck_assert(!str_is_set(user_file_find(get(), STR("a"))));
    ck_assert(str_eq(user_file_find(get(), STR("b")), STR("z")));
    end();
}
END_TEST

START_TEST(change_within_a_tick_of_the_clock_is_seen)
{
    start("a:x\n");
    for (int c = 'a'; c <= 'z'; c++) {
        const char letter = (char)c;
        char text[8];

        snprintf(text, sizeof(text), "a:%c\n", letter);
        write_file(text, 4);
        ck_assert(str_eq(user_file_find(get(), STR("a")), (struct str){ &letter, 1 }));
    }
    end();
}
END_TEST

START_TEST(many_names_are_all_found)
{
    enum { NAMES = 20000 };
    struct arena *arena = arena_create(1 << 20, 0);
    struct writer w = writer_in(arena);
    const struct user_file *file;

    start("");
    for (unsigned i = 0; i < NAMES; i++)
        write_fmt(&w, "name%u:hash%u\n", i, i * 7);
    write_file(w.start, (size_t)(w.p - w.start));
    file = get();
    for (unsigned i = 0; i < NAMES; i++)
        ck_assert(str_eq(user_file_find(file, arena_fmt(arena, "name%u", i)),
                         arena_fmt(arena, "hash%u", i * 7)));
    ck_assert(!str_is_set(user_file_find(file, STR("name20000"))));
    arena_destroy(arena);
    end();
}
END_TEST

START_TEST(what_is_not_there_tells_why)
{
    start("a:x");
    ck_assert_ptr_nonnull(get());
    unlink(path);
    ck_assert_ptr_null(get());
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_ptr_null(user_files_get(files, STR("/tmp"), &quiet));
    ck_assert_int_eq(errno, EISDIR);
    user_files_destroy(NULL);
    end();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/user_file");

    unit_add(suite, name_has_the_hash_of_its_line, ARRAY_LEN(lines));
    unit_add(suite, usual_hash_is_of_the_commonest_kind, ARRAY_LEN(usuals));
    unit_add(suite, line_with_a_nul_is_none, 1);
    unit_add(suite, change_within_a_tick_of_the_clock_is_seen, 1);
    unit_add(suite, many_names_are_all_found, 1);
    unit_add(suite, what_is_not_there_tells_why, 1);
    return unit_run(suite);
}
