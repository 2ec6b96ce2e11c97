/* SPDX-License-Identifier: BSD-2-Clause */
/* calls: what is on the list and what is not, and who hears of a refusal. */
#include "proc/calls.h"
#include "base/counters.h"
#include "base/log.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UNLISTED = SYS_personality, FAILED = 200 };

static int
result(long value)
{
    return value >= 0 ? 0 : errno;
}

/* ---- what is tried: 0, or the error's number ------------------------------------------------- */

static int
open_socket(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0), err = result(fd);

    if (fd >= 0)
        close(fd);
    return err;
}

static int read_file(void) { return result(open("/dev/null", O_RDONLY | O_CLOEXEC)); }
static int look_at(void) { struct stat st; return result(stat("/", &st)); }
static int signal_self(void) { return result(kill(getpid(), 0)); }
static int signal_parent(void) { return result(kill(getppid(), SIGCONT)); }
static int be_another(void) { return result(setuid(geteuid())); }
static int unlisted(void) { return result(syscall(UNLISTED, 0xffffffff)); }
static int make_folder(void) { return result(mkdir("/none/none", 0700)); }
static int remove_file(void) { return result(unlink("/none/none")); }
static int change_mode(void) { return result(chmod("/none/none", 0600)); }
static int dgram_unix(void) { return open_socket(AF_UNIX, SOCK_DGRAM); }
static int dgram_inet(void) { return open_socket(AF_INET, SOCK_DGRAM); }
static int dgram_inet6(void) { return open_socket(AF_INET6, SOCK_DGRAM); }
static int stream_unix(void) { return open_socket(AF_UNIX, SOCK_STREAM); }
static int stream_inet(void) { return open_socket(AF_INET, SOCK_STREAM); }
static int raw_inet(void) { return open_socket(AF_INET, SOCK_RAW); }
static int packets(void) { return open_socket(AF_PACKET, SOCK_RAW); }
static int bind_nothing(void) { return result(bind(-1, NULL, 0)); }
static int connect_nothing(void) { return result(connect(-1, NULL, 0)); }

static int
run_program(void)
{
    char *const nothing[] = { NULL };

    return result(execve("/none", nothing, nothing));
}

static int
map_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? errno : 0;
}

static int
map_data(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? errno : munmap(page, 4096);
}

static const struct calls_wanted
    plain       = { 0 },
    writes      = { .writes = true },
    removes     = { .removes = true },
    reloads     = { .reloads = true },
    to_unix     = { .unix_datagrams = true },
    to_inet     = { .inet_datagrams = true },
    to_inet6    = { .inet6_datagrams = true };

/* error: EPERM, or what a call that is made runs into. */
static const struct { const struct calls_wanted *wanted; int (*what)(void); int error; } tries[] = {
    { &plain,    read_file,       0 },
    { &plain,    look_at,         0 },
    { &plain,    map_data,        0 },
    { &plain,    signal_self,     0 },
    { &plain,    signal_parent,   EPERM },
    { &plain,    run_program,     EPERM },
    { &plain,    be_another,      EPERM },
    { &plain,    unlisted,        EPERM },
    { &plain,    map_code,        EPERM },
    { &plain,    make_folder,     EPERM },
    { &plain,    remove_file,     EPERM },
    { &plain,    change_mode,     EPERM },
    { &plain,    dgram_unix,      EPERM },
    { &plain,    dgram_inet,      EPERM },
    { &plain,    stream_unix,     EPERM },
    { &plain,    stream_inet,     EPERM },
    { &plain,    bind_nothing,    EPERM },
    { &plain,    connect_nothing, EPERM },
    { &writes,   make_folder,     ENOENT },
    { &writes,   remove_file,     ENOENT },
    { &writes,   change_mode,     EPERM },
    { &writes,   stream_unix,     EPERM },
    { &removes,  remove_file,     ENOENT },
    { &removes,  make_folder,     EPERM },
    { &to_unix,  dgram_unix,      0 },
    { &to_unix,  dgram_inet,      EPERM },
    { &to_unix,  stream_unix,     EPERM },
    { &to_unix,  connect_nothing, EBADF },
    { &to_unix,  bind_nothing,    EPERM },
    { &to_inet,  dgram_inet,      0 },
    { &to_inet,  dgram_inet6,     EPERM },
    { &to_inet,  stream_inet,     EPERM },
    { &to_inet,  raw_inet,        EPERM },
    { &to_inet6, dgram_inet,      EPERM },
    { &reloads,  make_folder,     ENOENT },
    { &reloads,  change_mode,     ENOENT },
    { &reloads,  stream_unix,     0 },
    { &reloads,  stream_inet,     0 },
    { &reloads,  dgram_inet,      0 },
    { &reloads,  bind_nothing,    EBADF },
    { &reloads,  raw_inet,        EPERM },
    { &reloads,  packets,         EPERM },
    { &reloads,  run_program,     EPERM },
    { &reloads,  be_another,      EPERM },
    { &reloads,  map_code,        EPERM },
    { &reloads,  signal_parent,   EPERM },
};

/* A debug build ends who makes a call that is none of its own, unless a test plays the intruder. */
static void
play_intruder(void)
{
    ck_assert_int_eq(setenv("WEIR_TAKEN_OVER", "/none", 1), 0);
}

static int
status_of(pid_t pid)
{
    int status = -1;

    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

START_TEST(a_call_is_made_or_refused)
{
    int status;
    pid_t pid;

    if (!calls_can_be_confined())
        return;
    play_intruder();
    pid = fork();
    if (pid == 0) {
        if (calls_are_confined() || !calls_confine(tries[_i].wanted, CALLS_REFUSED)
            || !calls_are_confined())
            _exit(FAILED);
        _exit(tries[_i].what());
    }
    status = status_of(pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), tries[_i].error);
}
END_TEST

START_TEST(what_is_reported_is_made)
{
    pid_t pid;
    int status;

    if (!calls_can_be_confined())
        return;
    pid = fork();
    if (pid == 0) {
        if (!calls_confine(&plain, CALLS_REPORTED))
            _exit(FAILED);
        _exit(stream_inet() | unlisted() | map_code());
    }
    status = status_of(pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* ---- who hears of it ------------------------------------------------------------------------- */

static char said[4096];

/* What the loop logs and counts after `times` refusals of each of two calls. 0: as it should be. */
static int
hear(unsigned times)
{
    struct log_file file = { .path = STR("log"), .fd = memfd_create("log", MFD_CLOEXEC) };
    struct log_output output = { .file = &file, .level = LEVEL_ERR };
    struct log log = { .outputs = &output, .level = LEVEL_ERR };
    struct loop loop;
    const char *first;
    ssize_t n;

    process_log.log = &log;
    if (!loop_init(&loop, 16) || !calls_listen(&loop) || !calls_confine(&plain, CALLS_REFUSED))
        return 1;
    for (unsigned i = 0; i < times; i++)
        if (unlisted() != EPERM || remove_file() != EPERM)
            return 2;
    loop_turn(&loop, 1000);
    if (stats->sandbox_refused != 2 * times)
        return 3;
    n = pread(file.fd, said, sizeof(said) - 1, 0);
    if (n <= 0)
        return 4;
    first = strstr(said, " (personality); this is told once");
    if (first == NULL || strstr(first + 1, " (personality); ") != NULL)
        return 5;
    return strstr(said, " (unlink); this is told once") != NULL ? 0 : 6;
}

START_TEST(each_call_is_told_once_and_counted_each_time)
{
    pid_t pid;
    int status;

    if (!calls_can_be_confined())
        return;
    play_intruder();
    pid = fork();
    if (pid == 0)
        _exit(hear(1 + (unsigned)_i));
    status = status_of(pid);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

#ifdef WEIR_DEBUG
START_TEST(a_debug_build_ends_who_makes_a_call_that_is_not_on_the_list)
{
    pid_t pid;
    int status;

    if (!calls_can_be_confined())
        return;
    ck_assert_int_eq(unsetenv("WEIR_TAKEN_OVER"), 0);
    pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        dup2(null, STDERR_FILENO);
        if (!calls_confine(&plain, CALLS_REFUSED))
            _exit(FAILED);
        _exit(unlisted());
    }
    status = status_of(pid);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGSYS);
}
END_TEST
#endif

int
main(void)
{
    Suite *suite = suite_create("proc/calls");

    unit_add(suite, a_call_is_made_or_refused, ARRAY_LEN(tries));
    unit_add(suite, what_is_reported_is_made, 1);
    unit_add(suite, each_call_is_told_once_and_counted_each_time, 3);
#ifdef WEIR_DEBUG
    unit_add(suite, a_debug_build_ends_who_makes_a_call_that_is_not_on_the_list, 1);
#endif
    return unit_run(suite);
}
