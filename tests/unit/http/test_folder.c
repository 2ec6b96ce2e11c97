/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/folder.h"
#include "unit.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- names --------------------------------------------------------------------------------- */

static const struct { const char *first, *second; } pairs[] = {
    { "", "a" }, { "a", "b" }, { "a", "ab" }, { "A", "b" }, { "a", "B" }, { "A", "a" },
    { "a2", "a10" }, { "a2", "A10" }, { "A2", "a10" }, { "2", "10" }, { "a1b2", "a1b10" },
    { "a09", "a10" }, { "a9", "a010" }, { "a0001", "a2" }, { "a01", "a1" }, { "a0", "a00x" },
    { "x1", "x1y" }, { "1", "a" }, { "a1", "aa" }, { "v1.9", "v1.10" }, { "v1.10", "v1.10.1" },
    { "99999999999999999999998", "99999999999999999999999" },
    { "99999999999999999999999", "199999999999999999999999" }, { "_", "a" }, { "a", "\xc3\xa4" },
};

START_TEST(names_are_in_order)
{
    struct str a = str_of(pairs[_i].first), b = str_of(pairs[_i].second);

    ck_assert_int_lt(folder_compare_names(a, b), 0);
    ck_assert_int_gt(folder_compare_names(b, a), 0);
    ck_assert_int_eq(folder_compare_names(a, a), 0);
}
END_TEST

/* What qsort() stands on, for all of some names that are near one another. */
START_TEST(order_of_names_is_one)
{
    static const char *const names[] = {
        "a", "A", "a0", "a00", "a1", "a01", "A1", "a1b", "a01b", "a1B", "a10", "a010", "0", "00",
        "0a", "1", "01", "10", "a.1", "a.01", "a-", "a-1", "", "B", "b1", "\xff", "a\xff",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t k = 0; k < ARRAY_LEN(names); k++)
            for (size_t m = 0; m < ARRAY_LEN(names); m++) {
                struct str a = str_of(names[i]), b = str_of(names[k]), c = str_of(names[m]);

                ck_assert((folder_compare_names(a, b) == 0) == (i == k));
                if (folder_compare_names(a, b) < 0 && folder_compare_names(b, c) < 0)
                    ck_assert_msg(folder_compare_names(a, c) < 0, "%s %s %s", a.p, b.p, c.p);
            }
}
END_TEST

static const struct { const char *name, *pattern; bool fits; } patterns[] = {
    { "a.bak", "*.bak", true }, { "a.bak2", "*.bak", false }, { ".bak", "*.bak", true },
    { "a~", "*~", true }, { "a", "a", true }, { "a", "", false }, { "", "", true },
    { "", "*", true },
    { "", "?", false }, { "ab", "?", false }, { "ab", "??", true }, { "abc", "a*c", true },
    { "abcd", "a*c", false }, { "abcbc", "a*bc", true }, { "abcbcd", "a*bc*d", true },
    { "aaaa", "*a*a*a*a", true }, { "aaa", "*a*a*a*a", false }, { "a*b", "a*b", true },
    { "A", "a", false }, { "\xff", "?", true }, { "abc", "***", true }, { "abc", "abc*", true },
};

START_TEST(patterns_fit_whole_names)
{
    ck_assert(folder_name_fits(str_of(patterns[_i].name), str_of(patterns[_i].pattern))
              == patterns[_i].fits);
}
END_TEST

/* The product of both lengths, and not a power of the one. */
START_TEST(many_stars_take_no_time)
{
    char name[256], pattern[256];

    memset(name, 'a', sizeof(name));
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    pattern[sizeof(pattern) - 1] = 'b';
    ck_assert(!folder_name_fits((struct str){ name, sizeof(name) },
                                (struct str){ pattern, sizeof(pattern) }));
}
END_TEST

/* ---- folders ------------------------------------------------------------------------------- */

static char path[] = "/tmp/weir-folder-XXXXXX";

static void
put(const char *name, size_t size, time_t time)
{
    char file[300];
    const struct timespec times[2] = { { .tv_sec = time }, { .tv_sec = time } };
    int fd;

    snprintf(file, sizeof(file), "%s/%s", path, name);
    fd = open(file, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
    ck_assert_int_eq(futimens(fd, times), 0);
    close(fd);
}

static void
make(void)
{
    char name[300];

    ck_assert_ptr_nonnull(mkdtemp(path));
    put("b10", 10, 300);
    put("b2", 30, 100);
    put("B1", 20, 200);
    put("same", 20, 200);
    put("old", 1, -5);
    put(".dot", 1, 1);
    put("x.bak", 1, 1);
    snprintf(name, sizeof(name), "%s/zz", path);
    ck_assert_int_eq(mkdir(name, 0700), 0);
    snprintf(name, sizeof(name), "%s/aa", path);
    ck_assert_int_eq(mkdir(name, 0700), 0);
    snprintf(name, sizeof(name), "%s/nowhere", path);
    ck_assert_int_eq(symlink("not-there", name), 0);
}

static void
clean(void)
{
    char command[300];

    snprintf(command, sizeof(command), "rm -r %s", path);
    ck_assert_int_eq(system(command), 0);
}

static const struct str bak = STR_INIT("*.bak");

static struct folder *
read_with(struct folder_order order, struct folder_rules rules, size_t memory)
{
    struct folder_question question = { .path = str_of(path), .order = order, .rules = &rules };
    struct folder *folder = folder_create(&question, memory);

    ck_assert_ptr_nonnull(folder);
    folder_read(folder);
    return folder;
}

static const struct { struct folder_order order; const char *names; } orders[] = {
    { { SORT_BYTES, false }, "aa zz B1 b10 b2 nowhere old same " },
    { { SORT_NAME, false }, "aa zz B1 b2 b10 nowhere old same " },
    { { SORT_NAME, true }, "zz aa same old nowhere b10 b2 B1 " },
    { { SORT_SIZE, false }, "aa zz old nowhere b10 B1 same b2 " },
    { { SORT_SIZE, true }, "aa zz b2 B1 same b10 nowhere old " },
};

START_TEST(folders_are_in_order)
{
    struct folder *folder;
    char names[200] = "";

    make();
    folder = read_with(orders[_i].order, (struct folder_rules){ .entries_max = 100,
        .excluded = &bak, .excluded_len = 1 }, 0);
    clean();                    /* nothing of the folder is looked at any more */
    ck_assert_int_eq(folder->result, FOLDER_READ);
    ck_assert_uint_eq(folder->folders, 2);
    ck_assert_uint_eq(folder->bytes, 81);
    for (uint32_t i = 0; i < folder->len; i++) {
        strcat(names, folder->entries[i]->name);
        strcat(names, " ");
        if (strcmp(folder->entries[i]->name, "old") == 0)
            ck_assert_int_eq(folder->entries[i]->mtime, 0);
        if (strcmp(folder->entries[i]->name, "nowhere") == 0)
            ck_assert_int_eq(folder->entries[i]->kind, ENTRY_OTHER);
    }
    ck_assert_str_eq(names, orders[_i].names);
    folder_destroy(folder);
}
END_TEST

START_TEST(hidden_ones_are_shown_where_they_are_wanted)
{
    struct folder *folder;

    make();
    folder = read_with((struct folder_order){ .by = SORT_BYTES },
                       (struct folder_rules){ .entries_max = 100, .hidden = true }, 0);
    clean();
    ck_assert_uint_eq(folder->len, 10);
    ck_assert_str_eq(folder->entries[2]->name, ".dot");
    folder_destroy(folder);
}
END_TEST

START_TEST(limits_are_told_of)
{
    struct folder *folder;

    make();
    folder = read_with((struct folder_order){ .by = SORT_NAME },
                       (struct folder_rules){ .entries_max = 9 }, 0);
    ck_assert_int_eq(folder->result, FOLDER_READ);
    folder_destroy(folder);
    folder = read_with((struct folder_order){ .by = SORT_NAME },
                       (struct folder_rules){ .entries_max = 8 }, 0);
    ck_assert_int_eq(folder->result, FOLDER_OVER_LIMIT);
    folder_destroy(folder);
    folder = read_with((struct folder_order){ .by = SORT_NAME },
                       (struct folder_rules){ .entries_max = 100 }, sizeof(struct folder) + 400);
    ck_assert_int_eq(folder->result, FOLDER_OVER_LIMIT);
    folder_destroy(folder);
    clean();
}
END_TEST

START_TEST(hash_is_that_of_what_is_shown)
{
    const struct folder_order order = { .by = SORT_NAME };
    const struct folder_rules rules = { .entries_max = 100 };
    uint64_t hashes[4][2];

    make();
    for (int i = 0; i < 4; i++) {
        struct folder *folder;

        if (i == 2)
            put("b2", 31, 100);
        if (i == 3)
            put("b2", 31, 101);
        folder = read_with(order, rules, 0);
        memcpy(hashes[i], folder->hash, sizeof(hashes[i]));
        folder_destroy(folder);
    }
    clean();
    ck_assert_mem_eq(hashes[0], hashes[1], sizeof(hashes[0]));
    ck_assert_mem_ne(hashes[1], hashes[2], sizeof(hashes[0]));
    ck_assert_mem_ne(hashes[2], hashes[3], sizeof(hashes[0]));
}
END_TEST

START_TEST(one_is_picked_by_chance)
{
    unsigned seen[5] = { 0 };
    static const char *const files[] = { "b10", "b2", "B1", "same", "old" };

    make();
    for (int i = 0; i < 600; i++) {
        struct folder_question question = { .path = str_of(path) };
        struct folder *folder = folder_create(&question, 0);

        folder_read(folder);
        ck_assert_int_eq(folder->result, FOLDER_READ);
        for (size_t k = 0; k < ARRAY_LEN(files); k++)
            seen[k] += str_eq(folder->picked, str_of(files[k]));
        folder_destroy(folder);
    }
    clean();
    for (size_t k = 0; k < ARRAY_LEN(files); k++)       /* 100 each, as "x.bak" is one, too */
        ck_assert_msg(seen[k] > 40 && seen[k] < 180, "%s: %u", files[k], seen[k]);
}
END_TEST

START_TEST(what_cannot_be_read_is_told_of)
{
    struct folder_rules rules = { .entries_max = 1 };
    struct folder_question question = { .path = STR("/not/there/"), .rules = &rules };
    struct folder *folder = folder_create(&question, 0);

    folder_read(folder);
    ck_assert_int_eq(folder->result, FOLDER_FAILED);
    ck_assert_int_eq(folder->error, ENOENT);
    folder_destroy(folder);
    question.path = STR("/dev/null");
    folder = folder_create(&question, 0);
    folder_read(folder);
    ck_assert_int_eq(folder->result, FOLDER_FAILED);
    ck_assert_int_eq(folder->error, ENOTDIR);
    folder_destroy(folder);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/folder");

    unit_add(suite, names_are_in_order, ARRAY_LEN(pairs));
    unit_add(suite, order_of_names_is_one, 1);
    unit_add(suite, patterns_fit_whole_names, ARRAY_LEN(patterns));
    unit_add(suite, many_stars_take_no_time, 1);
    unit_add(suite, folders_are_in_order, ARRAY_LEN(orders));
    unit_add(suite, hidden_ones_are_shown_where_they_are_wanted, 1);
    unit_add(suite, limits_are_told_of, 1);
    unit_add(suite, hash_is_that_of_what_is_shown, 1);
    unit_add(suite, one_is_picked_by_chance, 1);
    unit_add(suite, what_cannot_be_read_is_told_of, 1);
    return unit_run(suite);
}
