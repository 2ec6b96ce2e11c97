/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/pidfile.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* "/dev/null" keeps nothing. */
static bool
make_empty(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (!S_ISREG(st.st_mode) || ftruncate(fd, 0) == 0);
}

bool
pidfile_write(const char *path, struct log_refusal *why)
{
    int fd = log_open(path, why);

    if (fd < 0)
        return false;
    if (make_empty(fd) && dprintf(fd, "%d\n", (int)getpid()) > 0) {
        close(fd);
        return true;
    }
    why->err = errno;
    snprintf(why->text, sizeof(why->text), "write() \"%s\" failed", path);
    unlink(path);
    close(fd);
    return false;
}

enum pidfile_result
pidfile_read(const char *path, pid_t *pid)
{
    char buf[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
    int failure = errno;
    uint64_t number;

    if (fd >= 0)
        close(fd);
    errno = failure;
    if (n < 0)
        return PIDFILE_UNREADABLE;
    while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r' || buf[n - 1] == ' '))
        n--;
    if (!str_to_uint((struct str){ buf, (size_t)n }, INT_MAX, &number) || number == 0)
        return PIDFILE_MALFORMED;
    *pid = (pid_t)number;
    return PIDFILE_OK;
}

void
pidfile_remove(const char *path)
{
    pid_t pid;

    if (pidfile_read(path, &pid) == PIDFILE_OK && pid == getpid())
        unlink(path);
}
