/* SPDX-License-Identifier: BSD-2-Clause */
/* stream: the plain one, straight to the socket. */
#include "net/stream.h"
#include "base/compiler.h"
#include "base/counters.h"
#include "net/pool.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* What a failed call says. EINTR is the callers' own matter. */
static enum io
failure(int err)
{
    switch (err) {
    case EAGAIN:
        return IO_AGAIN;
    case ECONNRESET:
    case EPIPE:
        return IO_CLOSED;
    default:
        return IO_ERROR;
    }
}

static enum io
plain_recv(struct conn *conn, void *p, size_t size, size_t *done)
{
    ssize_t n;

    do
        n = recv(conn->fd, p, size, 0);
    while (UNLIKELY(n < 0 && errno == EINTR));
    if (UNLIKELY(n < 0))
        return failure(errno);
    if (n == 0)
        return IO_CLOSED;
    *done = (size_t)n;
    stats->bytes_received += *done;
    return IO_DONE;
}

static enum io
sent(ssize_t n, size_t *done)
{
    if (UNLIKELY(n < 0))
        return failure(errno);
    *done = (size_t)n;
    stats->bytes_sent += *done;
    return IO_DONE;
}

static enum io
plain_send(struct conn *conn, const void *p, size_t size, bool more, size_t *done)
{
    int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    ssize_t n;

    do
        n = send(conn->fd, p, size, flags);
    while (UNLIKELY(n < 0 && errno == EINTR));
    return sent(n, done);
}

static enum io
plain_sendfile(struct conn *conn, int fd, off_t offset, size_t size, size_t *done)
{
    ssize_t n;

    do
        n = sendfile(conn->fd, fd, &offset, size);
    while (UNLIKELY(n < 0 && errno == EINTR));
    if (UNLIKELY(n == 0))
        return IO_SHORT;
    return sent(n, done);
}

/*
 * Ending it sends what was held back. Sockets that are not TCP hold nothing back and refuse the
 * option.
 */
static void
plain_bulk(struct conn *conn, bool begins)
{
    int cork = begins;

    setsockopt(conn->fd, IPPROTO_TCP, TCP_CORK, &cork, sizeof(cork));
}

static bool
plain_shutdown(struct conn *conn)
{
    return shutdown(conn->fd, SHUT_WR) == 0;
}

const struct stream_ops plain_stream = {
    .recv     = plain_recv,
    .send     = plain_send,
    .sendfile = plain_sendfile,
    .bulk     = plain_bulk,
    .shutdown = plain_shutdown,
};
