/* SPDX-License-Identifier: BSD-2-Clause */
/* open_path: which links are followed, with openat2() and without. */
#include "unit.h"
#include "deny.h"
#include "http/open_path.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPENAT2 = 437 };

static char root[64];

static const char *
below(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static void
make_file(const char *name)
{
    int fd = open(below(name), O_CREAT | O_WRONLY, 0644);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void
make_link(const char *target, const char *name)
{
    ck_assert_int_eq(symlink(target, below(name)), 0);
}

static void
setup(void)
{
    strcpy(root, "/tmp/weir-unit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    ck_assert_int_eq(mkdir(below("folder"), 0755), 0);
    ck_assert_int_eq(mkdir(below("folder/inner"), 0755), 0);
    make_file("file");
    make_file("folder/x");
    make_file("folder/inner/y");
    make_link("file", "link");
    make_link("folder", "way");
    make_link("../file", "folder/up");
    make_link("loop", "loop");
    make_link("nowhere", "broken");
    make_link("/etc", "outside");
}

static void
teardown(void)
{
    static const char *const names[] = {
        "file", "folder/x", "folder/inner/y", "link", "way", "folder/up", "loop", "broken",
        "outside",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(below(names[i]));
    rmdir(below("folder/inner"));
    rmdir(below("folder"));
    rmdir(root);
}

/* trusted: a name below the root up to which links may be; NULL: nothing is. */
static const struct { enum symlinks mode; const char *trusted, *name; int error; } cases[] = {
    { SYMLINKS_FOLLOW, NULL, "file", 0 },
    { SYMLINKS_FOLLOW, NULL, "link", 0 },
    { SYMLINKS_FOLLOW, NULL, "way/x", 0 },
    { SYMLINKS_FOLLOW, NULL, "loop", ELOOP },
    { SYMLINKS_FOLLOW, NULL, "broken", ENOENT },
    { SYMLINKS_REFUSE, NULL, "file", 0 },
    { SYMLINKS_REFUSE, NULL, "folder", 0 },
    { SYMLINKS_REFUSE, NULL, "folder/", 0 },
    { SYMLINKS_REFUSE, NULL, "folder//", 0 },
    { SYMLINKS_REFUSE, NULL, "folder//inner///y", 0 },
    { SYMLINKS_REFUSE, NULL, "link", ELOOP },
    { SYMLINKS_REFUSE, NULL, "way", ELOOP },
    { SYMLINKS_REFUSE, NULL, "way/x", ELOOP },
    { SYMLINKS_REFUSE, NULL, "way/", ELOOP },
    { SYMLINKS_REFUSE, NULL, "folder/up", ELOOP },
    { SYMLINKS_REFUSE, NULL, "loop", ELOOP },
    { SYMLINKS_REFUSE, NULL, "broken", ELOOP },
    { SYMLINKS_REFUSE, NULL, "outside/passwd", ELOOP },
    { SYMLINKS_REFUSE, NULL, "missing", ENOENT },
    { SYMLINKS_REFUSE, NULL, "missing/x", ENOENT },
    { SYMLINKS_REFUSE, NULL, "file/x", ENOTDIR },
    { SYMLINKS_REFUSE, "way", "way/x", 0 },
    { SYMLINKS_REFUSE, "way", "way/inner/y", 0 },
    { SYMLINKS_REFUSE, "way", "way/up", ELOOP },
    { SYMLINKS_REFUSE, "way", "way", 0 },
    { SYMLINKS_REFUSE, "way", "way/", 0 },
    { SYMLINKS_REFUSE, "missing", "missing/x", ENOENT },
    { SYMLINKS_REFUSE, "loop", "loop/x", ELOOP },
    { SYMLINKS_OWN, NULL, "file", 0 },
    { SYMLINKS_OWN, NULL, "link", 0 },
    { SYMLINKS_OWN, NULL, "way/x", 0 },
    { SYMLINKS_OWN, NULL, "way/up", 0 },
    { SYMLINKS_OWN, NULL, "way/inner/y", 0 },
    { SYMLINKS_OWN, NULL, "loop", ELOOP },
    { SYMLINKS_OWN, NULL, "broken", ENOENT },
    { SYMLINKS_OWN, NULL, "file/x", ENOTDIR },
    { SYMLINKS_OWN, NULL, "link/x", ENOTDIR },
    { SYMLINKS_OWN, NULL, "missing", ENOENT },
};

static void
check_all(void)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t trusted = cases[i].trusted != NULL ? strlen(below(cases[i].trusted)) : 0;
        int fd = open_path(str_of(below(cases[i].name)), cases[i].mode, trusted);

        ck_assert_msg((fd < 0 ? errno : 0) == cases[i].error, "%zu %s: %s", i, cases[i].name,
                      fd < 0 ? strerror(errno) : "open");
        if (fd >= 0) {
            ck_assert_int_eq(fcntl(fd, F_GETFL) & O_PATH, 0);
            close(fd);
        }
    }
}

START_TEST(links_are_followed_where_they_may_be)
{
    check_all();
}
END_TEST

START_TEST(the_same_where_openat2_is_not_known)
{
    if (deny_call(OPENAT2))
        check_all();
}
END_TEST

/* Only root can give a link to somebody else. */
START_TEST(a_link_to_what_is_anothers_is_not_followed)
{
    int fd;

    if (geteuid() != 0 || (_i == 1 && !deny_call(OPENAT2)))
        return;
    ck_assert_int_eq(lchown(below("link"), 12001, 12001), 0);
    ck_assert_int_eq(lchown(below("way"), 12001, 12001), 0);
    ck_assert_int_eq(open_path(str_of(below("link")), SYMLINKS_OWN, 0), -1);
    ck_assert_int_eq(errno, ELOOP);
    ck_assert_int_eq(open_path(str_of(below("way/x")), SYMLINKS_OWN, 0), -1);
    ck_assert_int_eq(errno, ELOOP);
    ck_assert_int_eq(chown(below("file"), 12001, 12001), 0);
    fd = open_path(str_of(below("link")), SYMLINKS_OWN, 0);
    ck_assert_int_ge(fd, 0);
    close(fd);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/open_path");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, links_are_followed_where_they_may_be);
    tcase_add_test(tcase, the_same_where_openat2_is_not_known);
    tcase_add_loop_test(tcase, a_link_to_what_is_anothers_is_not_followed, 0, 2);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
