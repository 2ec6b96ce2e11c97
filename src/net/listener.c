/* SPDX-License-Identifier: BSD-2-Clause */
/* listener: opening listening sockets and setting their options. */
#include "net/listener.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEFAULT_BACKLOG = 4096, DEFER_SECONDS = 1, DEFAULT_MODE = 0666 };

const struct listen_options listen_defaults = {
    .backlog = DEFAULT_BACKLOG, .rcvbuf = -1, .sndbuf = -1, .fastopen = -1, .ipv6only = 1,
    .deferred = 1, .nodelay = 1, .so_keepalive = -1, .keepidle = -1, .keepintvl = -1,
    .keepcnt = -1, .mode = -1, .uid = -1, .gid = -1,
};

static int
backlog_of(const struct listener *listener)
{
    return listener->options.backlog >= 0 ? listener->options.backlog : DEFAULT_BACKLOG;
}

/* One option of a listening socket, and where its value stands; value -1: leave it alone. */
struct socket_option {
    int level, option;
    size_t offset;              /* in struct listen_options */
    const char *name;
};

#define VALUE(field) offsetof(struct listen_options, field)

static const struct socket_option any_options[] = {
    { SOL_SOCKET, SO_RCVBUF, VALUE(rcvbuf), "SO_RCVBUF" },
    { SOL_SOCKET, SO_SNDBUF, VALUE(sndbuf), "SO_SNDBUF" },
    { SOL_SOCKET, SO_KEEPALIVE, VALUE(so_keepalive), "SO_KEEPALIVE" },
};

static const struct socket_option tcp_options[] = {
    { IPPROTO_TCP, TCP_NODELAY, VALUE(nodelay), "TCP_NODELAY" },
    { IPPROTO_TCP, TCP_DEFER_ACCEPT, VALUE(deferred), "TCP_DEFER_ACCEPT" },
    { IPPROTO_TCP, TCP_FASTOPEN, VALUE(fastopen), "TCP_FASTOPEN" },
    { IPPROTO_TCP, TCP_KEEPIDLE, VALUE(keepidle), "TCP_KEEPIDLE" },
    { IPPROTO_TCP, TCP_KEEPINTVL, VALUE(keepintvl), "TCP_KEEPINTVL" },
    { IPPROTO_TCP, TCP_KEEPCNT, VALUE(keepcnt), "TCP_KEEPCNT" },
};

static int
value_of(const struct listen_options *options, const struct socket_option *o)
{
    int value = *(const int *)(const void *)((const char *)options + o->offset);

    return o->option == TCP_DEFER_ACCEPT && o->level == IPPROTO_TCP && value > 0 ? DEFER_SECONDS
                                                                                 : value;
}

/* What a new socket has. A buffer's size is told doubled (socket(7)). -1: it cannot be asked. */
static int
default_value(int family, const struct socket_option *o)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), value = -1;
    socklen_t len = sizeof(value);

    if (fd < 0)
        return -1;
    if (getsockopt(fd, o->level, o->option, &value, &len) != 0)
        value = -1;
    else if (o->level == SOL_SOCKET && (o->option == SO_RCVBUF || o->option == SO_SNDBUF))
        value /= 2;
    close(fd);
    return value;
}

static void
set_option(const struct listener *listener, const struct listen_options *before,
           const struct socket_option *o)
{
    int value = value_of(&listener->options, o);

    if (value < 0 && before != NULL && value_of(before, o) >= 0)
        value = default_value(listener->address.sa.sa_family, o);
    if (value < 0)
        return;
    if (setsockopt(listener->fd, o->level, o->option, &value, sizeof(value)) != 0)
        LOG(&process_log, ALERT, errno, "setsockopt(%s, %d) %.*s failed, ignored", o->name, value,
            STR_ARG(listener->text));
}

/* Accepted sockets inherit them all. */
static void
set_options(const struct listener *listener, const struct listen_options *before)
{
    for (size_t i = 0; i < ARRAY_LEN(any_options); i++)
        set_option(listener, before, &any_options[i]);
    if (listener->address.sa.sa_family == AF_UNIX)
        return;
    for (size_t i = 0; i < ARRAY_LEN(tcp_options); i++)
        set_option(listener, before, &tcp_options[i]);
}

/* ---- the file of a Unix socket ------------------------------------------------------------- */

static bool
has_owner(const struct listener *listener)
{
    return listener->options.uid >= 0 || listener->options.gid >= 0;
}

static mode_t
mode_of(const struct listener *listener)
{
    return listener->options.mode >= 0 ? (mode_t)listener->options.mode : DEFAULT_MODE;
}

static bool
is_file(const struct listener_file *file, const struct stat *st)
{
    return st->st_dev == file->device && st->st_ino == file->inode
           && st->st_mtim.tv_sec == file->made.tv_sec && st->st_mtim.tv_nsec == file->made.tv_nsec;
}

/*
 * Our socket, O_PATH, and nothing that somebody has put in its place, whose folder it may be: a link,
 * or another file by a second name. -1 with errno.
 */
static int
open_file(const struct listener *listener)
{
    int fd = open(listener->address.un.sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_nlink == 1
        && (listener->file.inode == 0 || is_file(&listener->file, &st)))
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

static bool
change_owner(const struct listener *listener, int fd)
{
    return !has_owner(listener)
           || fchownat(fd, "", (uid_t)listener->options.uid, (gid_t)listener->options.gid,
                       AT_EMPTY_PATH) == 0;
}

static bool
change_mode(const struct listener *listener, int fd)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return chmod(path, mode_of(listener)) == 0;
}

/* The owner first: nobody is let in who is to be kept out. The name of what failed, or NULL. */
static const char *
set_permissions(const struct listener *listener)
{
    int fd = open_file(listener), err;
    const char *failed = fd < 0 ? "open()" : !change_owner(listener, fd) ? "chown()"
                         : !change_mode(listener, fd) ? "chmod()" : NULL;

    err = errno;
    if (fd >= 0)
        close(fd);
    errno = err;
    return failed;
}

/* Of a file that is there already: what is given for it, or no longer is. */
static void
change_permissions(const struct listener *listener, const struct listen_options *before)
{
    bool had_mode = before != NULL && before->mode >= 0;
    const char *failed;

    if (listener->address.sa.sa_family != AF_UNIX
        || (listener->options.mode < 0 && !had_mode && !has_owner(listener)))
        return;
    if ((failed = set_permissions(listener)) != NULL)
        LOG(&process_log, ALERT, errno, "%s of %.*s failed, ignored", failed,
            STR_ARG(listener->text));
}

/* bind() gives the file the mode that umask leaves: it is the right one from the first moment. */
static int
bind_with_mode(const struct listener *listener, mode_t mode)
{
    mode_t before = umask(~mode & 0777);
    int result = bind(listener->fd, &listener->address.sa, listener->address.len);

    umask(before);
    return result;
}

/* The file of another owner is closed to all until it is his. The name of what failed, or NULL. */
static const char *
make_file(const struct listener *listener)
{
    const char *failed;
    int err;

    if (bind_with_mode(listener, has_owner(listener) ? 0 : mode_of(listener)) != 0)
        return "bind()";
    if (!has_owner(listener) || (failed = set_permissions(listener)) == NULL)
        return NULL;
    err = errno;
    unlink(listener->address.un.sun_path);
    errno = err;
    return failed;
}

void
listener_configure(struct listener *listener, const struct listen_options *before)
{
    change_permissions(listener, before);
    set_options(listener, before);
    if (listen(listener->fd, backlog_of(listener)) != 0)
        LOG(&process_log, ALERT, errno, "listen() to %.*s, backlog %d failed, ignored",
            STR_ARG(listener->text), backlog_of(listener));
}

static bool
set_flag(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* What must be set before bind(). The name of what failed, or NULL. */
static const char *
prepare(const struct listener *listener)
{
    const struct listen_options *options = &listener->options;
    int family = listener->address.sa.sa_family;

    if (family == AF_UNIX)
        return NULL;
    if (!set_flag(listener->fd, SOL_SOCKET, SO_REUSEADDR, 1))
        return "setsockopt(SO_REUSEADDR)";
    if (options->reuseport && !set_flag(listener->fd, SOL_SOCKET, SO_REUSEPORT, 1))
        return "setsockopt(SO_REUSEPORT)";
    if (family == AF_INET6 && options->ipv6only >= 0
        && !set_flag(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, options->ipv6only))
        return "setsockopt(IPV6_V6ONLY)";
    return NULL;
}

/* Is the path a socket that a server left behind, one that nobody listens on any more? */
static bool
is_stale_socket(const struct address *a)
{
    struct stat st;
    bool stale;
    int fd;

    if (lstat(a->un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    stale = connect(fd, &a->sa, a->len) != 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static struct listener_file
file_at(const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return (struct listener_file){ .inode = 0 };
    return (struct listener_file){ st.st_dev, st.st_ino, st.st_mtim };
}

void
listener_note_file(struct listener *listener)
{
    if (listener->address.sa.sa_family == AF_UNIX)
        listener->file = file_at(listener->address.un.sun_path);
}

/* What is there is no socket, and will be there the next time, too. */
static bool
is_other_file(const struct address *a)
{
    struct stat st;

    return lstat(a->un.sun_path, &st) == 0 && !S_ISSOCK(st.st_mode);
}

/* The name of what failed, or NULL. */
static const char *
bind_unix(struct listener *listener)
{
    const struct address *a = &listener->address;
    const char *failed;

    if (is_other_file(a)) {
        errno = EEXIST;
        return "bind()";
    }
    if (is_stale_socket(a))
        unlink(a->un.sun_path);
    failed = make_file(listener);
    if (failed == NULL)
        listener_note_file(listener);
    return failed;
}

/* The name of what failed, or NULL. */
static const char *
bind_and_listen(struct listener *listener)
{
    struct address *a = &listener->address;
    const char *failed = prepare(listener);
    socklen_t len = sizeof(a->un);

    if (failed != NULL)
        return failed;
    if (a->sa.sa_family == AF_UNIX)
        failed = bind_unix(listener);
    else if (bind(listener->fd, &a->sa, a->len) != 0)
        failed = "bind()";
    if (failed != NULL)
        return failed;
    set_options(listener, NULL);
    if (listen(listener->fd, backlog_of(listener)) != 0)
        return "listen()";
    if (a->sa.sa_family != AF_UNIX && getsockname(listener->fd, &a->sa, &len) != 0)
        return "getsockname()";
    return NULL;
}

bool
listener_open(struct listener *listener, const char **step)
{
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, err;
    bool multipath = listener->options.multipath > 0;

    *step = multipath ? "socket(IPPROTO_MPTCP)" : "socket()";
    listener->fd = socket(listener->address.sa.sa_family, type, multipath ? IPPROTO_MPTCP : 0);
    if (listener->fd < 0)
        return false;
    *step = bind_and_listen(listener);
    if (*step == NULL)
        return true;
    err = errno;
    listener_close(listener);
    errno = err;
    return false;
}

bool
listener_covers(const struct listener *listener, const struct address *local)
{
    const struct address *a = &listener->address;

    return address_covers(a, local)
        || (a->sa.sa_family == AF_INET6 && local->sa.sa_family == AF_INET
            && listener->options.ipv6only == 0 && address_is_wildcard(a)
            && address_port(a) == address_port(local));
}

void
listener_close(struct listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

/* An inode's number is soon given out again; nobody but bind() sets the time of a socket's file. */
void
listener_unlink(const struct listener *listener)
{
    struct stat st;

    if (listener->address.sa.sa_family == AF_UNIX && listener->file.inode != 0
        && lstat(listener->address.un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode)
        && is_file(&listener->file, &st))
        unlink(listener->address.un.sun_path);
}
