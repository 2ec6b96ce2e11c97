/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/daemon.h"

#include "proc/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int ready_fd = -1;       /* somebody waits at the other end */
static bool left_terminal;

static bool
logs_to_stderr(const struct runtime *rt)
{
    const struct link *head = &rt->log_files.head;

    for (const struct link *l = head->next; l != head; l = l->next)
        if (CONTAINER_OF(l, struct log_file, link)->kind == LOG_STDERR)
            return true;
    return false;
}

void
daemon_follow_log(const struct runtime *rt)
{
    const struct log_file *file = runtime_first_log_file(rt);

    if (left_terminal && !logs_to_stderr(rt) && file != NULL && file->fd >= 0)
        dup2(file->fd, STDERR_FILENO);
}

/* In the process that was started at the terminal. */
static _Noreturn void
wait_for_ready(int fd, pid_t between, const struct runtime *rt)
{
    const struct log_file *file = runtime_first_log_file(rt);
    ssize_t n;
    char byte;

    while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
        continue;
    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        _exit(EXIT_SUCCESS);
    console("the start failed, %s has the reason", file != NULL ? file->path.p : "the error log");
    _exit(EXIT_FAILURE);
}

static bool
become_daemon(const struct runtime *rt)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0) {
        tell(LEVEL_EMERG, errno, "open() \"/dev/null\" failed");
        return false;
    }
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    if (!logs_to_stderr(rt))
        dup2(null, STDERR_FILENO);
    if (null > STDERR_FILENO)
        close(null);
    left_terminal = true;
    daemon_follow_log(rt);
    return true;
}

bool
daemon_start(const struct runtime *rt)
{
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
        tell(LEVEL_EMERG, errno, "fork() failed");
        return false;
    }
    if (pid > 0) {
        close(ends[1]);
        wait_for_ready(ends[0], pid, rt);
    }
    close(ends[0]);
    ready_fd = ends[1];
    /* The second fork: one who leads no session never gets a terminal by opening one. */
    if (setsid() < 0 || (pid = fork()) < 0) {
        tell(LEVEL_EMERG, errno, "becoming a daemon failed");
        _exit(EXIT_FAILURE);
    }
    if (pid > 0)
        _exit(EXIT_SUCCESS);
    return become_daemon(rt);
}

void
daemon_ready(void)
{
    if (ready_fd >= 0 && write(ready_fd, "", 1) != 1)
        LOG(&process_log, ALERT, errno, "telling that weir serves failed");
    daemon_forget();
}

void
daemon_forget(void)
{
    if (ready_fd >= 0)
        close(ready_fd);
    ready_fd = -1;
}
