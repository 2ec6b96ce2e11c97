/* SPDX-License-Identifier: BSD-2-Clause */
/* temp_file: files with a name and without, folders by digits, what is left behind. */
#include "unit.h"
#include "http/temp_file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/weir-temp-XXXXXX";
static struct arena *arena;
static struct temp_path path;

static void
start(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    arena = arena_create(4096, 0);
    path = (struct temp_path){ .folder = str_of(folder) };
}

static void
end(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
    arena_destroy(arena);
}

static unsigned
entries(void)
{
    DIR *list = opendir(folder);
    unsigned n = 0;

    while (readdir(list) != NULL)
        n++;
    closedir(list);
    return n - 2;
}

static const struct { uint8_t levels[TEMP_LEVELS]; size_t depth; } level_cases[] = {
    { { 0 }, 0 }, { { 1 }, 1 }, { { 3 }, 1 }, { { 1, 2 }, 2 }, { { 3, 3, 3 }, 3 },
};

/* "/7/45/0000123457": the folders are the last digits, from the end. */
static void
check_name(const char *name, const uint8_t *levels)
{
    const char *number = strrchr(name, '/') + 1;
    size_t end = strlen(number), at = strlen(folder);

    ck_assert_uint_eq(end, 10);
    for (unsigned i = 0; i < TEMP_LEVELS && levels[i] > 0; i++) {
        end -= levels[i];
        ck_assert_int_eq(name[at], '/');
        ck_assert_int_eq(strncmp(name + at + 1, number + end, levels[i]), 0);
        at += 1u + levels[i];
    }
    ck_assert_ptr_eq(name + at + 1, number);
}

START_TEST(file_that_has_a_name_loses_it_when_it_is_closed)
{
    struct temp_file file;
    struct stat st;

    start();
    memcpy(path.levels, level_cases[_i].levels, sizeof(path.levels));
    ck_assert(temp_file_open_named(&file, &path, arena));
    check_name(file.name.p, path.levels);
    ck_assert_int_eq(stat(file.name.p, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0600);
    temp_file_close(&file);
    ck_assert_int_eq(file.fd, -1);
    ck_assert_int_eq(entries(), level_cases[_i].depth > 0 ? 1 : 0);
    end();
}
END_TEST

START_TEST(file_without_a_name_can_be_given_one)
{
    struct temp_file file;

    start();
    memcpy(path.levels, level_cases[_i].levels, sizeof(path.levels));
    ck_assert(temp_file_open(&file, &path, arena));
    ck_assert(!str_is_set(file.name));
    ck_assert_int_eq(entries(), 0);
    ck_assert_int_eq(write(file.fd, "hello", 5), 5);
    ck_assert(temp_file_name(&file, &path, arena));
    check_name(file.name.p, path.levels);
    ck_assert(temp_file_name(&file, &path, arena));
    file.name = STR_NONE;       /* it is kept */
    temp_file_close(&file);
    ck_assert_int_eq(entries(), 1);
    end();
}
END_TEST

START_TEST(file_that_is_never_named_leaves_nothing)
{
    struct temp_file file;

    start();
    ck_assert(temp_file_open_in(&file, path.folder, arena));
    ck_assert_int_eq(entries(), 0);
    temp_file_close(&file);
    temp_file_close(&file);
    ck_assert_int_eq(entries(), 0);
    end();
}
END_TEST

START_TEST(folder_that_is_not_there_is_told_of)
{
    struct temp_file file;

    start();
    path.folder = STR("/tmp/weir-none/x");
    ck_assert(!temp_file_open(&file, &path, arena));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_int_eq(file.fd, -1);
    ck_assert(!temp_file_open_named(&file, &path, arena));
    ck_assert_int_eq(file.fd, -1);
    path.levels[0] = 2;
    ck_assert(!temp_file_open_named(&file, &path, arena));
    ck_assert_int_eq(errno, ENOENT);
    end();
}
END_TEST

START_TEST(link_replaces_nothing)
{
    struct temp_file file;
    int dir;

    start();
    dir = open(folder, O_PATH | O_DIRECTORY);
    ck_assert(temp_file_open(&file, &path, arena));
    ck_assert(temp_link(file.fd, dir, "a"));
    ck_assert(!temp_link(file.fd, dir, "a"));
    ck_assert_int_eq(errno, EEXIST);
    temp_file_close(&file);
    ck_assert_int_eq(entries(), 1);
    close(dir);
    end();
}
END_TEST

START_TEST(hidden_names_differ)
{
    char one[TEMP_HIDDEN], two[TEMP_HIDDEN];

    temp_hidden_name(one);
    temp_hidden_name(two);
    ck_assert_uint_eq(strlen(one), TEMP_HIDDEN - 2);
    ck_assert_str_ne(one, two);
    ck_assert_int_eq(strncmp(one, TEMP_HIDDEN_PREFIX, strlen(TEMP_HIDDEN_PREFIX)), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/temp_file");

    unit_add(suite, file_that_has_a_name_loses_it_when_it_is_closed, ARRAY_LEN(level_cases));
    unit_add(suite, file_without_a_name_can_be_given_one, ARRAY_LEN(level_cases));
    unit_add(suite, file_that_is_never_named_leaves_nothing, 1);
    unit_add(suite, folder_that_is_not_there_is_told_of, 1);
    unit_add(suite, link_replaces_nothing, 1);
    unit_add(suite, hidden_names_differ, 1);
    return unit_run(suite);
}
