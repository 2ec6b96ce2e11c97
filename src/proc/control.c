/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/control.h"

#include "base/compiler.h"
#include "proc/ask.h"
#include "proc/pidfile.h"
#include "proc/runtime.h"
#include "proc/tell.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    RELOAD_WAIT_MS = 60 * 1000,
    UPGRADE_WAIT_MS = 90 * 1000,        /* beyond what the master gives the new program */
    STOP_WAIT_MS = 10 * 1000,
    QUIT_MARGIN_MS = 10 * 1000,         /* beyond worker_shutdown_timeout */
    POLL_MS = 20
};

enum waiting { NOT, FOR_STOP, FOR_QUIT, FOR_RELOAD, FOR_UPGRADE };

static const struct word { struct str name; int signal; enum waiting waiting; } words[] = {
    { STR_INIT("stop"),    SIGTERM, FOR_STOP },
    { STR_INIT("quit"),    SIGQUIT, FOR_QUIT },
    { STR_INIT("reopen"),  SIGUSR1, NOT },
    { STR_INIT("reload"),  SIGHUP,  FOR_RELOAD },
    { STR_INIT("upgrade"), SIGUSR2, FOR_UPGRADE },
};

static const struct word *
find_word(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(words[i].name, name))
            return &words[i];
    return NULL;
}

bool
control_knows(struct str word)
{
    return find_word(word) != NULL;
}

static bool
find_master(const struct runtime *rt, pid_t *pid)
{
    const char *path = rt->main->pid_path.p;
    int failure;

    switch (pidfile_read(path, pid)) {
    case PIDFILE_OK:
        return true;
    case PIDFILE_UNREADABLE:
        failure = errno;
        tell(LEVEL_ERR, failure, "open() \"%s\" failed", path);
        if (failure == ENOENT)
            ask_tell_no_server(rt->options);
        return false;
    case PIDFILE_MALFORMED:
        tell(LEVEL_ERR, 0, "invalid PID number in \"%s\"", path);
        return false;
    }
    return false;
}

/* -1: as long as it takes, where a graceful stop has no deadline. */
static int
patience_ms(const struct runtime *rt, enum waiting waiting, uint64_t asked_ms)
{
    uint64_t timeout_ms = rt->main->shutdown_timeout_ms;

    if (asked_ms != 0)
        return (int)MIN(asked_ms, (uint64_t)INT_MAX);
    if (waiting == FOR_STOP)
        return STOP_WAIT_MS;
    if (timeout_ms == 0)
        return -1;
    return (int)MIN(timeout_ms + QUIT_MARGIN_MS, (uint64_t)INT_MAX);
}

/* For kernels before 5.3, which have no descriptor for a process. */
static bool
gone_by_asking(pid_t pid, int patience)
{
    const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };

    for (int waited = 0; patience < 0 || waited < patience; waited += POLL_MS) {
        if (kill(pid, 0) != 0 && errno == ESRCH)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static bool
gone(int pid_fd, pid_t pid, int patience)
{
    struct pollfd pfd = { .fd = pid_fd, .events = POLLIN };
    int n;

    if (pid_fd < 0)
        return gone_by_asking(pid, patience);
    do
        n = poll(&pfd, 1, patience);
    while (n < 0 && errno == EINTR);
    return n == 1;
}

/*
 * The descriptor is taken before the signal is sent, so that it cannot stand for a later process
 * of the same number.
 */
static bool
signal_master(const struct runtime *rt, const struct word *word, pid_t pid,
              const struct control_patience *patience)
{
    int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    bool ok = kill(pid, word->signal) == 0;
    bool waits = !patience->none && (word->waiting == FOR_STOP || word->waiting == FOR_QUIT);

    if (!ok) {
        tell(LEVEL_ALERT, errno, "kill(%d, %d) failed", (int)pid, word->signal);
    } else if (waits) {
        ok = gone(pid_fd, pid, patience_ms(rt, word->waiting, patience->timeout_ms));
        if (!ok)
            tell(LEVEL_ERR, 0, "process %d is still running", (int)pid);
    }
    if (pid_fd >= 0)
        close(pid_fd);
    return ok;
}

static int
send_signal(const struct options *options, const struct word *word,
            const struct control_patience *patience)
{
    struct runtime *rt = runtime_read(options);
    bool ok;
    pid_t pid;

    if (rt == NULL)
        return EXIT_FAILURE;
    ok = find_master(rt, &pid) && signal_master(rt, word, pid, patience);
    if (ok && word->waiting == FOR_RELOAD && !patience->none)
        tell(LEVEL_NOTICE, 0, "process %d was told to reload, its error log has the verdict",
             (int)pid);
    runtime_free(rt);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- what the master gives a verdict on ----------------------------------------------------- */

/* The conf file may name a new place for the socket, that comes with this reload. */
static enum control_answer
ask_for(const struct options *options, struct str command, uint64_t timeout_ms)
{
    struct arena *arena = arena_create(4096, 0);
    enum control_answer answer;
    struct str text;

    if (arena == NULL)
        return ANSWER_NOBODY;
    answer = ask_master(options, command, timeout_ms, arena, &text);
    if (str_is_set(text))
        ask_show(STDERR_FILENO, text);
    arena_destroy(arena);
    return answer;
}

/* False: nobody listens, so that there is no verdict. */
static bool
await_verdict(const struct options *options, const struct word *word, uint64_t timeout_ms,
              int *status)
{
    *status = EXIT_FAILURE;
    switch (ask_for(options, word->name, timeout_ms)) {
    case ANSWER_OK:
        *status = EXIT_SUCCESS;
        return true;
    case ANSWER_FAILED:
        return true;
    case ANSWER_NONE:
        tell(LEVEL_ERR, 0, "the master process gave no verdict");
        return true;
    case ANSWER_LATE:
        tell(LEVEL_ERR, 0, "no verdict within %ju ms", (uintmax_t)timeout_ms);
        return true;
    case ANSWER_NOBODY:
        return false;
    }
    return false;
}

static int
reload(const struct options *options, const struct word *word,
       const struct control_patience *patience)
{
    uint64_t timeout_ms = patience->timeout_ms != 0 ? patience->timeout_ms : RELOAD_WAIT_MS;
    int status;

    if (await_verdict(options, word, timeout_ms, &status))
        return status;
    return send_signal(options, word, patience);
}

/*
 * This program is likely the new one: what is wrong with the configuration for it is told here, and
 * nothing has begun.
 */
static int
upgrade(const struct options *options, const struct word *word,
        const struct control_patience *patience)
{
    uint64_t timeout_ms = patience->timeout_ms != 0 ? patience->timeout_ms : UPGRADE_WAIT_MS;
    struct runtime *rt = runtime_read(options);
    int status;

    if (rt == NULL)
        return EXIT_FAILURE;
    runtime_free(rt);
    if (!await_verdict(options, word, timeout_ms, &status))
        ask_complain(options);
    return status;
}

int
control_send(const struct options *options, struct str name,
             const struct control_patience *patience)
{
    const struct word *word = find_word(name);

    if (word->waiting == FOR_RELOAD && !patience->none)
        return reload(options, word, patience);
    if (word->waiting == FOR_UPGRADE && !patience->none)
        return upgrade(options, word, patience);
    return send_signal(options, word, patience);
}
