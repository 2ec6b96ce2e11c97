/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/doctor_access.h"
#include "base/str.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ANN = 1000, BOB = 1001, STAFF = 50, GUESTS = 60 };

/* Ann, in staff; the file is of the owner and group given. */
static const struct account ann = { .is_known = true, .uid = ANN, .gid = ANN,
                                    .groups = { ANN, STAFF }, .group_count = 2, .name = "ann" };

static const struct { uid_t uid; gid_t gid; mode_t mode; int how; bool may; } modes[] = {
    { ANN, GUESTS, 0400, R_OK,        true },
    { ANN, GUESTS, 0077, R_OK,        false },      /* the owner has the owner's bits alone */
    { ANN, GUESTS, 0500, R_OK | X_OK, true },
    { ANN, GUESTS, 0400, R_OK | X_OK, false },
    { BOB, STAFF,  0040, R_OK,        true },
    { BOB, STAFF,  0707, R_OK,        false },      /* the group those of the group */
    { BOB, STAFF,  0030, W_OK | X_OK, true },
    { BOB, GUESTS, 0004, R_OK,        true },
    { BOB, GUESTS, 0770, R_OK,        false },
    { BOB, ANN,    0010, X_OK,        true },
    { BOB, GUESTS, 0001, X_OK,        true },
};

START_TEST(mode_grants_by_the_first_class_that_fits)
{
    struct stat st = { .st_uid = modes[_i].uid, .st_gid = modes[_i].gid,
                       .st_mode = S_IFREG | modes[_i].mode };

    ck_assert_int_eq(account_may(&ann, &st, modes[_i].how), modes[_i].may);
}
END_TEST

START_TEST(root_may_all)
{
    struct account root = { .is_known = true };
    struct stat st = { .st_uid = BOB, .st_gid = STAFF, .st_mode = S_IFREG };

    ck_assert(account_may(&root, &st, R_OK | W_OK));
    ck_assert(account_may_acl(&root, &st, "", 0, R_OK));
}
END_TEST

/* Entries of five bytes: tag, bits, and the id in three. */
#define ACL_BYTES(...) (const uint8_t[]){ 2, 0, 0, 0, __VA_ARGS__ }, \
        sizeof((const uint8_t[]){ 2, 0, 0, 0, __VA_ARGS__ })
#define ENTRY(tag, bits, id) (tag), 0, (bits), 0, (id) & 255, (id) >> 8, 0, 0

static const struct {
    uid_t uid;
    gid_t gid;
    const uint8_t *acl;
    size_t len;
    int how;
    bool may;
} acls[] = {
    /* owner */
    { ANN, GUESTS, ACL_BYTES(ENTRY(1, 4, 0), ENTRY(2, 7, ANN), ENTRY(32, 7, 0)), W_OK, false },
    { ANN, GUESTS, ACL_BYTES(ENTRY(1, 6, 0), ENTRY(32, 0, 0)), W_OK, true },
    /* named user, with and without a mask */
    { BOB, GUESTS, ACL_BYTES(ENTRY(1, 7, 0), ENTRY(2, 4, ANN), ENTRY(32, 0, 0)), R_OK, true },
    { BOB, GUESTS, ACL_BYTES(ENTRY(1, 7, 0), ENTRY(2, 4, ANN), ENTRY(16, 1, 0), ENTRY(32, 7, 0)),
      R_OK, false },
    { BOB, GUESTS, ACL_BYTES(ENTRY(1, 7, 0), ENTRY(2, 7, BOB), ENTRY(32, 0, 0)), R_OK, false },
    /* a named user comes before his groups */
    { BOB, STAFF, ACL_BYTES(ENTRY(1, 7, 0), ENTRY(2, 0, ANN), ENTRY(4, 7, 0), ENTRY(32, 7, 0)),
      R_OK, false },
    /* any group that grants is enough, and others do not count then */
    { BOB, STAFF, ACL_BYTES(ENTRY(1, 7, 0), ENTRY(4, 0, 0), ENTRY(8, 5, ANN), ENTRY(32, 0, 0)),
      R_OK | X_OK, true },
    { BOB, STAFF, ACL_BYTES(ENTRY(1, 7, 0), ENTRY(4, 0, 0), ENTRY(32, 7, 0)), R_OK, false },
    { BOB, GUESTS, ACL_BYTES(ENTRY(1, 7, 0), ENTRY(8, 1, STAFF), ENTRY(32, 7, 0)), R_OK, false },
    /* two groups do not add up */
    { BOB, STAFF, ACL_BYTES(ENTRY(1, 7, 0), ENTRY(4, 4, 0), ENTRY(8, 1, ANN), ENTRY(32, 7, 0)),
      R_OK | X_OK, false },
    { BOB, GUESTS, ACL_BYTES(ENTRY(1, 7, 0), ENTRY(4, 0, 0), ENTRY(32, 5, 0)), R_OK, true },
    /* no ACL */
    { BOB, STAFF, (const uint8_t *)"", 0, R_OK, false },
    { BOB, STAFF, (const uint8_t *)"\2\0\0", 3, R_OK, false },
    { BOB, STAFF, (const uint8_t *)"\1\0\0\0\40\0\7\0\0\0\0\0", 12, R_OK, false },
};

START_TEST(acl_grants_as_the_kernel_does)
{
    struct stat st = { .st_uid = acls[_i].uid, .st_gid = acls[_i].gid, .st_mode = S_IFREG | 0770 };

    ck_assert_int_eq(account_may_acl(&ann, &st, acls[_i].acl, acls[_i].len, acls[_i].how),
                     acls[_i].may);
}
END_TEST

START_TEST(empty_mask_leaves_it_to_the_mode)
{
    struct stat st = { .st_uid = BOB, .st_gid = GUESTS, .st_mode = S_IFREG | 0704 };
    static const uint8_t acl[] = { 2, 0, 0, 0, ENTRY(1, 7, 0), ENTRY(2, 7, ANN), ENTRY(16, 0, 0),
                                   ENTRY(32, 4, 0) };

    ck_assert(account_may_acl(&ann, &st, acl, sizeof(acl), R_OK));
    ck_assert(!account_may_acl(&ann, &st, acl, sizeof(acl), W_OK));
}
END_TEST

/* ---- the way to a file --------------------------------------------------------------------- */

static char folder[64];

static void
set_up(void)
{
    char path[128];
    FILE *file;

    strcpy(folder, "/tmp/weir-unit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(mkdir("a", 0755), 0);
    ck_assert_int_eq(mkdir("a/b", 0755), 0);
    file = fopen("a/b/file", "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    ck_assert_int_eq(symlink("a/b", "link"), 0);
    snprintf(path, sizeof(path), "%s/a", folder);
    ck_assert_int_eq(symlink(path, "a/b/up"), 0);
    ck_assert_int_eq(symlink("ring", "ring"), 0);
    ck_assert_int_eq(symlink("gone/deeper", "lost"), 0);
}

static void
tear_down(void)
{
    static const char *const names[] = { "a/b/up", "a/b/file", "link", "ring", "lost" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(names[i]);
    rmdir("a/b");
    rmdir("a");
    ck_assert_int_eq(rmdir(folder), 0);
}

static const struct { const char *path; int err; const char *at; bool whole; } ways[] = {
    { "a/b/file",              0,       "a/b/file",   true },
    { "a/b",                   0,       "a/b",        true },
    { "a//b/./file",           0,       "a/b/file",   true },
    { "a/b/../b/file",         0,       "a/b/file",   true },
    { "link/file",             0,       "a/b/file",   true },
    { "link/up/b/up/b/file",   0,       "a/b/file",   true },
    { "a/none",                ENOENT,  "a/none",     true },
    { "a/none/deeper",         ENOENT,  "a/none",     false },
    { "lost",                  ENOENT,  "gone",       false },
    { "a/b/file/x",            ENOTDIR, "a/b/file",   false },
    { "ring",                  ELOOP,   "",           false },
};

START_TEST(way_ends_where_it_is_barred)
{
    struct access_question *q = access_create(1);
    struct account self = account_self();
    char expected[128];

    ck_assert_ptr_nonnull(q);
    snprintf(q->path, sizeof(q->path), "%s/%s", folder, ways[_i].path);
    q->how = F_OK;
    ck_assert(access_ask(&self, ACCOUNT_IS_US, q, 1));
    ck_assert_int_eq(q->err, ways[_i].err);
    snprintf(expected, sizeof(expected), "%s%s%s", folder, ways[_i].at[0] != '\0' ? "/" : "",
             ways[_i].at);
    ck_assert_str_eq(q->at, expected);
    ck_assert_int_eq(q->is_whole, ways[_i].whole);
    access_free(q, 1);
}
END_TEST

START_TEST(folder_that_bars_another_is_named)
{
    struct access_question *q = access_create(2);
    struct account other = { .is_known = true, .uid = 4321, .gid = 4321, .groups = { 4321 },
                             .group_count = 1 };
    char expected[128];

    ck_assert_ptr_nonnull(q);
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chmod("a", 0744), 0);
    for (int i = 0; i < 2; i++)
        snprintf(q[i].path, sizeof(q[i].path), "%s/%s", folder, i == 0 ? "link/file" : "a");
    q[0].how = q[1].how = R_OK;
    ck_assert(access_ask(&other, ACCOUNT_COMPUTE, q, 2));
    snprintf(expected, sizeof(expected), "%s/a", folder);
    ck_assert_int_eq(q[0].err, EACCES);
    ck_assert_str_eq(q[0].at, expected);
    ck_assert(!q[0].is_whole && !q[0].is_hidden);
    ck_assert_int_eq(q[1].err, 0);
    access_free(q, 2);
}
END_TEST

START_TEST(names_that_are_too_long_are_errors)
{
    struct access_question *q = access_create(1);
    struct account self = account_self();

    ck_assert_ptr_nonnull(q);
    memset(q->path, 'x', sizeof(q->path) - 1);
    q->path[0] = '/';
    ck_assert(access_ask(&self, ACCOUNT_IS_US, q, 1));
    ck_assert_int_eq(q->err, ENAMETOOLONG);
    access_free(q, 1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/doctor_access");
    TCase *paths = tcase_create("paths");

    unit_add(suite, mode_grants_by_the_first_class_that_fits, ARRAY_LEN(modes));
    unit_add(suite, root_may_all, 1);
    unit_add(suite, acl_grants_as_the_kernel_does, ARRAY_LEN(acls));
    unit_add(suite, empty_mask_leaves_it_to_the_mode, 1);
    unit_add(suite, names_that_are_too_long_are_errors, 1);
    tcase_add_checked_fixture(paths, set_up, tear_down);
    tcase_add_loop_test(paths, way_ends_where_it_is_barred, 0, ARRAY_LEN(ways));
    tcase_add_test(paths, folder_that_bars_another_is_named);
    suite_add_tcase(suite, paths);
    return unit_run(suite);
}
