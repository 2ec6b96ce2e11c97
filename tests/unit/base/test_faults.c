/* SPDX-License-Identifier: BSD-2-Clause */
/* faults: what WEIR_FAIL may say, and that the calls it names fail, in a debug build. */
#include "unit.h"
#include "base/faults.h"

#if defined(WEIR_DEBUG)

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *text;
    bool is_one;
    uint64_t at;
    uint32_t goes_on, way;
    const char *only;
} forms[] = {
    { "1",                    true,  1,  0, 0, "" },
    { "42+",                  true,  42, 1, 0, "" },
    { "7/2",                  true,  7,  0, 1, "" },
    { "7+/3",                 true,  7,  1, 2, "" },
    { "malloc:3",             true,  3,  0, 0, "malloc" },
    { "epoll_ctl:3+/2",       true,  3,  1, 1, "epoll_ctl" },
    { "18446744073709551615", true,  UINT64_MAX, 0, 0, "" },
    { "18446744073709551616", false, 0,  0, 0, "" },        /* one too many */
    { "0",                    false, 0,  0, 0, "" },        /* calls are counted from 1 */
    { "",                     false, 0,  0, 0, "" },
    { "malloc:",              false, 0,  0, 0, "" },
    { "3/",                   false, 0,  0, 0, "" },
    { "3/0",                  false, 0,  0, 0, "" },
    { "3++",                  false, 0,  0, 0, "" },
    { "-1",                   false, 0,  0, 0, "" },
    { "1x",                   false, 0,  0, 0, "" },
    { "a_name_of_more_than_thirty_two_letters:1", false, 0, 0, 0, "" },
};

static struct faults plan;

START_TEST(forms_are_read)
{
    ck_assert_int_eq(faults_parse(forms[_i].text, &plan), forms[_i].is_one);
    if (!forms[_i].is_one)
        return;
    ck_assert_uint_eq(plan.at, forms[_i].at);
    ck_assert_uint_eq(plan.goes_on, forms[_i].goes_on);
    ck_assert_uint_eq(plan.way, forms[_i].way);
    ck_assert_str_eq(plan.only, forms[_i].only);
}
END_TEST

static void
arm(const char *text)
{
    ck_assert(faults_parse(text, &plan));
    faults_arm(&plan);
}

/*
 * Check may be linked in and allocates, too: nothing is asserted while faults are armed.
 * Whether there is memory; the compiler is not to know that nobody uses it. */
static bool
has_memory(void)
{
    void *p = malloc(16);

    __asm__("" : "+r"(p));
    free(p);
    return p != NULL;
}

START_TEST(one_call_fails_and_those_around_it_do_not)
{
    bool had[3];
    int err;

    arm("malloc:2");
    had[0] = has_memory();
    errno = 0;
    had[1] = has_memory();
    err = errno;
    had[2] = has_memory();
    faults_arm(NULL);
    ck_assert(had[0] && !had[1] && had[2]);
    ck_assert_int_eq(err, ENOMEM);
}
END_TEST

START_TEST(all_calls_from_one_on_fail)
{
    bool had[4];

    arm("malloc:2+");
    for (size_t i = 0; i < 3; i++)
        had[i] = has_memory();
    faults_arm(NULL);
    had[3] = has_memory();
    ck_assert(had[0] && !had[1] && !had[2] && had[3]);
}
END_TEST

START_TEST(other_calls_do_not_count)
{
    arm("dup:1");
    ck_assert(has_memory());
    errno = 0;
    ck_assert_int_eq(dup(0), -1);
    ck_assert_int_eq(errno, EMFILE);
    faults_arm(NULL);
}
END_TEST

START_TEST(a_call_may_fail_in_another_way)
{
    bool had;
    int fd, err;

    arm("1/2");
    errno = 0;
    had = has_memory();                 /* malloc has but one way: it does not count */
    fd = open("/dev/null", O_RDONLY);
    err = errno;
    faults_arm(NULL);
    ck_assert(had);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(err, EACCES);
}
END_TEST

START_TEST(a_stream_is_cut_and_a_message_is_not)
{
    static const struct { int type; ssize_t sent; } kinds[] = {
        { SOCK_STREAM, 10 }, { SOCK_SEQPACKET, 20 },
    };
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, kinds[_i].type, 0, fds), 0);
    arm("send:1/3");
    ck_assert_int_eq(send(fds[0], "12345678901234567890", 20, 0), kinds[_i].sent);
    faults_arm(NULL);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(those_who_are_forked_count_on)
{
    int status = -1;
    bool had[2];
    pid_t child;

    arm("malloc:3");
    had[0] = has_memory();
    child = fork();
    if (child == 0)
        _exit(has_memory() ? 0 : 1);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    had[1] = has_memory();
    faults_arm(NULL);
    ck_assert(had[0] && !had[1]);
    ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_wait_fails_once_in_a_row)
{
    const struct timespec moment = { .tv_nsec = 1 };

    arm("nanosleep:1+");
    ck_assert_int_eq(nanosleep(&moment, NULL), -1);
    ck_assert_int_eq(nanosleep(&moment, NULL), 0);
    ck_assert_int_eq(nanosleep(&moment, NULL), -1);
    faults_arm(NULL);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/faults");

    unit_add(suite, forms_are_read, ARRAY_LEN(forms));
    unit_add(suite, one_call_fails_and_those_around_it_do_not, 1);
    unit_add(suite, all_calls_from_one_on_fail, 1);
    unit_add(suite, other_calls_do_not_count, 1);
    unit_add(suite, a_call_may_fail_in_another_way, 1);
    unit_add(suite, a_stream_is_cut_and_a_message_is_not, 2);
    unit_add(suite, those_who_are_forked_count_on, 1);
    unit_add(suite, a_wait_fails_once_in_a_row, 1);
    return unit_run(suite);
}

#else

/* A release has no faults but real ones. */
int
main(void)
{
    return unit_run(suite_create("base/faults"));
}

#endif
