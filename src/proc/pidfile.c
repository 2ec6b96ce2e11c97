/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/pidfile.h"

#include "base/compiler.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * The files that this process wrote last, for one that may not read them again within its walls: the
 * present one and, in a reload that changes the path, the one before.
 */
static struct mark {
    dev_t device;
    ino_t inode;                /* 0: none */
    struct timespec changed;
} written[2];

static void
note_written(int fd)
{
    struct stat st;

    written[1] = written[0];
    written[0] = (struct mark){ .inode = 0 };
    if (fstat(fd, &st) == 0)
        written[0] = (struct mark){ st.st_dev, st.st_ino, st.st_mtim };
}

/* And nobody else has since. */
static bool
was_written_here(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(written); i++)
        if (written[i].inode == st.st_ino && written[i].device == st.st_dev
            && written[i].changed.tv_sec == st.st_mtim.tv_sec
            && written[i].changed.tv_nsec == st.st_mtim.tv_nsec)
            return true;
    return false;
}

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
        note_written(fd);
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
    bool is_own = false;

    switch (pidfile_read(path, &pid)) {
    case PIDFILE_OK:         is_own = pid == getpid();                             break;
    case PIDFILE_UNREADABLE: is_own = errno == EACCES && was_written_here(path);   break;
    case PIDFILE_MALFORMED:                                                        break;
    }
    if (is_own)
        unlink(path);
}
