/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/pidfile.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

bool
pidfile_write(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int failure;

    if (fd < 0)
        return false;
    if (dprintf(fd, "%d\n", (int)getpid()) > 0) {
        close(fd);
        return true;
    }
    failure = errno;
    unlink(path);
    close(fd);
    errno = failure;
    return false;
}

enum pidfile_result
pidfile_read(const char *path, pid_t *pid)
{
    char buf[64];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
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
