/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/pidfile.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOMEBODY = 65534 };

static char folder[64], path[128];
static struct log_refusal why;

static void
setup(void)
{
    strcpy(folder, "/tmp/weir-pidfile-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/weir.pid", folder);
}

static void
teardown(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void
put(const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

START_TEST(file_holds_the_number_and_a_newline)
{
    char expected[32], text[32];
    ssize_t n;
    int fd;

    setup();
    ck_assert(pidfile_write(path, &why));
    snprintf(expected, sizeof(expected), "%d\n", (int)getpid());
    fd = open(path, O_RDONLY);
    n = read(fd, text, sizeof(text));
    close(fd);
    ck_assert_int_eq(n, (ssize_t)strlen(expected));
    ck_assert_int_eq(memcmp(text, expected, strlen(expected)), 0);
    pidfile_remove(path);
    ck_assert_int_ne(access(path, F_OK), 0);
    teardown();
}
END_TEST

START_TEST(longer_text_of_before_leaves_nothing_behind)
{
    pid_t pid = 0;

    setup();
    put("1234567890123456789\n");
    ck_assert(pidfile_write(path, &why));
    ck_assert_int_eq(pidfile_read(path, &pid), PIDFILE_OK);
    ck_assert_int_eq(pid, getpid());
    teardown();
}
END_TEST

START_TEST(file_of_another_process_is_not_removed)
{
    setup();
    put("1\n");
    pidfile_remove(path);
    ck_assert_int_eq(access(path, F_OK), 0);
    teardown();
}
END_TEST

START_TEST(missing_folder_and_missing_file_are_told_by_errno)
{
    pid_t pid;

    setup();
    errno = 0;
    ck_assert_int_eq(pidfile_read(path, &pid), PIDFILE_UNREADABLE);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert(!pidfile_write("/nonexistent-folder/weir.pid", &why));
    ck_assert_int_eq(why.err, ENOENT);
    ck_assert_str_eq(why.text, "open() \"/nonexistent-folder/weir.pid\" failed");
    teardown();
}
END_TEST

START_TEST(full_disk_is_a_failure)
{
    setup();
    ck_assert_int_eq(symlink("/dev/full", path), 0);
    ck_assert(!pidfile_write(path, &why));
    ck_assert_int_eq(why.err, ENOSPC);
    ck_assert_int_ne(access(path, F_OK), 0);
    teardown();
}
END_TEST

static const bool is_hard[] = { false, true };

/* In a folder of somebody's: what he has put there in the place of the file is not written to. */
START_TEST(file_of_others_choice_is_left_alone)
{
    char other[256], text[32] = "";
    int fd;

    if (geteuid() != 0)
        return;
    setup();
    snprintf(other, sizeof(other), "%s/other", folder);
    ck_assert_int_eq(chown(folder, SOMEBODY, SOMEBODY), 0);
    put("not ours");
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert_int_eq(is_hard[_i] ? link(other, path) : symlink(other, path), 0);
    ck_assert(!pidfile_write(path, &why));
    ck_assert_int_eq(why.err, 0);
    fd = open(other, O_RDONLY);
    ck_assert_int_eq(read(fd, text, sizeof(text)), 8);
    close(fd);
    ck_assert_str_eq(text, "not ours");
    unlink(other);
    teardown();
}
END_TEST

START_TEST(fifo_is_waited_for_by_nobody)
{
    pid_t pid;

    setup();
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert(pidfile_write(path, &why));
    ck_assert_int_eq(pidfile_read(path, &pid), PIDFILE_MALFORMED);
    pidfile_remove(path);
    teardown();
}
END_TEST

static const struct { const char *text; enum pidfile_result result; pid_t pid; } texts[] = {
    { "4711\n",        PIDFILE_OK,        4711 },
    { "4711",          PIDFILE_OK,        4711 },
    { "4711 \r\n",     PIDFILE_OK,        4711 },
    { "2147483647\n",  PIDFILE_OK,        2147483647 },
    { "2147483648\n",  PIDFILE_MALFORMED, 0 },
    { "0\n",           PIDFILE_MALFORMED, 0 },      /* kill(0) would hit our own group */
    { "-1\n",          PIDFILE_MALFORMED, 0 },      /* and kill(-1) everybody */
    { "",              PIDFILE_MALFORMED, 0 },
    { "\n",            PIDFILE_MALFORMED, 0 },
    { "12 34\n",       PIDFILE_MALFORMED, 0 },
    { "abc\n",         PIDFILE_MALFORMED, 0 },
};

START_TEST(only_a_number_that_can_be_a_process_is_read)
{
    pid_t pid = 0;

    setup();
    put(texts[_i].text);
    ck_assert_int_eq(pidfile_read(path, &pid), texts[_i].result);
    ck_assert_int_eq(pid, texts[_i].pid);
    teardown();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/pidfile");

    unit_add(suite, file_holds_the_number_and_a_newline, 1);
    unit_add(suite, longer_text_of_before_leaves_nothing_behind, 1);
    unit_add(suite, file_of_another_process_is_not_removed, 1);
    unit_add(suite, missing_folder_and_missing_file_are_told_by_errno, 1);
    unit_add(suite, full_disk_is_a_failure, 1);
    unit_add(suite, file_of_others_choice_is_left_alone, ARRAY_LEN(is_hard));
    unit_add(suite, fifo_is_waited_for_by_nobody, 1);
    unit_add(suite, only_a_number_that_can_be_a_process_is_read, ARRAY_LEN(texts));
    return unit_run(suite);
}
