/* SPDX-License-Identifier: BSD-2-Clause */
/* log_open: links that others than root have made are not followed by root. */
#include "unit.h"
#include "base/log_open.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOMEBODY = 65534 };

static char folder[64];
static struct log_refusal why;

/* Folders "roots" (0755), "his" (a user's), "all" (sticky, for all); "secret" is not to be opened. */
static void
make_tree(void)
{
    snprintf(folder, sizeof(folder), "/tmp/weir-log-open-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chdir(folder), 0);
    umask(0);
    ck_assert_int_eq(mkdir("roots", 0755), 0);
    ck_assert_int_eq(mkdir("his", 0755), 0);
    ck_assert_int_eq(mkdir("his/own", 0755), 0);
    ck_assert_int_eq(mkdir("group", 0775), 0);
    ck_assert_int_eq(mkdir("all", 01777), 0);
    ck_assert_int_eq(close(creat("secret", 0600)), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(chown("his", SOMEBODY, SOMEBODY), 0);
}

static void
remove_tree(void)
{
    char command[128];

    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static int
open_in_tree(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return log_open(path, &why);
}

static const struct {
    const char *link;           /* a symbolic link to `target`; NULL: none */
    const char *target;
    bool is_his;                /* the link belongs to another user */
    const char *hard;           /* another name of "secret" */
    const char *path;           /* what is opened */
    bool ok;                    /* by root */
} paths[] = {
    { NULL, NULL, false, NULL, "roots/a.log", true },
    { NULL, NULL, false, NULL, "his/a.log", true },
    { NULL, NULL, false, NULL, "his/own/a.log", true },
    { NULL, NULL, false, NULL, "all/a.log", true },
    { NULL, NULL, false, NULL, "./roots/.././roots//a.log", true },
    { "roots/a.log", "../secret", false, NULL, "roots/a.log", true },
    { "roots/a.log", "../roots/new.log", false, NULL, "roots/a.log", true },
    { "roots/down", "../roots", false, NULL, "roots/down/a.log", true },
    { "roots/round", "round", false, NULL, "roots/round", false },
    { "his/a.log", "../secret", true, NULL, "his/a.log", false },
    { "his/a.log", "../secret", false, NULL, "his/a.log", false },      /* who knows who put it there */
    { "his/down", "../roots", true, NULL, "his/down/a.log", false },
    { "his/own/a.log", "../../secret", false, NULL, "his/own/a.log", false },
    { "roots/a.log", "../his/a.log", false, NULL, "roots/a.log", true },
    { "roots/down", "../his", false, NULL, "roots/down/own/../../secret", false },
    { "group/a.log", "../secret", false, NULL, "group/a.log", false },
    { "all/a.log", "../secret", true, NULL, "all/a.log", false },
    { "all/a.log", "../secret", false, NULL, "all/a.log", true },
    { NULL, NULL, false, "roots/a.log", "roots/a.log", true },
    { NULL, NULL, false, "his/a.log", "his/a.log", false },
    { NULL, NULL, false, "all/a.log", "all/a.log", false },
    { NULL, NULL, false, NULL, "his/../secret", false },
    { NULL, NULL, false, NULL, "roots", false },
    { NULL, NULL, false, NULL, "roots/", false },
    { NULL, NULL, false, NULL, "roots/a.log/", false },
    { NULL, NULL, false, NULL, "nowhere/a.log", false },
};

START_TEST(root_goes_where_root_was_sent)
{
    int fd;

    if (geteuid() != 0)
        return;
    make_tree();
    if (paths[_i].link != NULL) {
        ck_assert_int_eq(symlink(paths[_i].target, paths[_i].link), 0);
        if (paths[_i].is_his)
            ck_assert_int_eq(lchown(paths[_i].link, SOMEBODY, SOMEBODY), 0);
    }
    if (paths[_i].hard != NULL)
        ck_assert_int_eq(link("secret", paths[_i].hard), 0);
    fd = open_in_tree(paths[_i].path);
    ck_assert_msg((fd >= 0) == paths[_i].ok, "%s: %s", paths[_i].path, why.text);
    if (fd >= 0) {
        ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
        ck_assert_int_eq(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND | O_NONBLOCK);
        close(fd);
    } else {
        ck_assert_int_ne(errno, 0);
        ck_assert_int_gt((int)strlen(why.text), 0);
    }
    remove_tree();
}
END_TEST

START_TEST(everybody_else_goes_where_the_system_goes)
{
    pid_t child;
    int status, fd;

    make_tree();
    ck_assert_int_eq(symlink("../all/b.log", "all/a.log"), 0);
    ck_assert_int_eq(chmod("his", 0777), 0);
    ck_assert_int_eq(symlink("../all/b.log", "his/a.log"), 0);
    child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(SOMEBODY) != 0 || setuid(SOMEBODY) != 0))
            _exit(1);
        fd = open_in_tree("his/a.log");
        _exit(fd >= 0 && close(fd) == 0 && access("all/b.log", F_OK) == 0 ? 0 : 2);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    remove_tree();
}
END_TEST

START_TEST(open_files_of_proc_are_reached)
{
    char path[64], bytes[8];
    int ends[2], fd;

    ck_assert_int_eq(pipe(ends), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
    fd = log_open(path, &why);
    ck_assert_msg(fd >= 0, "%s", why.text);
    ck_assert_int_eq(write(fd, "line\n", 5), 5);
    ck_assert_int_eq(read(ends[0], bytes, sizeof(bytes)), 5);
    close(fd);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(a_path_that_is_too_long_is_refused)
{
    static char path[PATH_MAX + 2], name[NAME_MAX + 8];
    int fd;

    memset(path, '/', sizeof(path) - 1);
    fd = log_open(path, &why);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(errno, ENAMETOOLONG);
    snprintf(name, sizeof(name), "/tmp/");
    memset(name + 5, 'n', NAME_MAX + 1);
    fd = log_open(name, &why);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(errno, ENAMETOOLONG);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/log_open");

    unit_add(suite, root_goes_where_root_was_sent, ARRAY_LEN(paths));
    unit_add(suite, everybody_else_goes_where_the_system_goes, 1);
    unit_add(suite, open_files_of_proc_are_reached, 1);
    unit_add(suite, a_path_that_is_too_long_is_refused, 1);
    return unit_run(suite);
}
