/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/overload.h"
#include "base/counters.h"
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void
overload_init(struct pool *pool)
{
    pool->reserve_fd = -1;
}

static void
give_reserve_up(struct pool *pool)
{
    if (pool->reserve_fd >= 0)
        close(pool->reserve_fd);
    pool->reserve_fd = -1;
}

void
overload_fini(struct pool *pool)
{
    give_reserve_up(pool);
}

void
overload_prepare(struct pool *pool)
{
    if (pool->limits.overload.action != OVERLOAD_REJECT)
        give_reserve_up(pool);
    else if (pool->reserve_fd < 0)
        pool->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int
accept_plain(const struct listener *listener)
{
    return accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* In the place of the reserve. */
static int
accept_instead(struct listener *listener)
{
    struct pool *pool = listener->pool;
    int fd;

    overload_prepare(pool);
    if (pool->reserve_fd < 0) {
        errno = EMFILE;
        return -1;
    }
    give_reserve_up(pool);
    fd = accept_plain(listener);
    if (fd < 0) {
        int err = errno;

        overload_prepare(pool);
        errno = err;
    }
    return fd;
}

/*
 * What the client has sent is read away first: close() would answer unread bytes with a reset, and
 * that may overtake the answer (RFC 9112 9.6).
 */
static void
say_no(int fd, struct str answer)
{
    char sink[8192];
    ssize_t n = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);

    if (n < 0 && errno != EAGAIN)
        return;
    n = send(fd, answer.p, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        stats->bytes_sent += (uint64_t)n;
    shutdown(fd, SHUT_WR);
}

int
overload_reject(struct listener *listener)
{
    int fd = accept_plain(listener);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        fd = accept_instead(listener);
    if (fd < 0)
        return errno;
    stats->total_connections++;
    stats->rejected_overload++;
    if (listener->overload_answer.len > 0)
        say_no(fd, listener->overload_answer);
    close(fd);
    overload_prepare(listener->pool);
    return 0;
}
