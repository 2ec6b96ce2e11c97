/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/channel.h"

#include "base/compiler.h"
#include "proc/passing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

bool
channel_open(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0;
}

bool
channel_open_to_worker(struct channel_ends *ends)
{
    int told[2], said[2], err;

    if (!channel_open(told))
        return false;
    /* As packets, so that messages stay apart. */
    if (shutdown(told[0], SHUT_RD) != 0 || pipe2(said, O_CLOEXEC | O_NONBLOCK | O_DIRECT) != 0) {
        err = errno;
        close(told[0]);
        close(told[1]);
        errno = err;
        return false;
    }
    ends->master.tell = told[0];
    ends->master.hear = said[0];
    ends->worker.tell = said[1];
    ends->worker.hear = told[1];
    return true;
}

bool
channel_send(int end, enum channel_kind kind, struct str text, int fd)
{
    union passing control;
    struct iovec parts[2] = {
        { &kind, sizeof(kind) },
        { (void *)(uintptr_t)text.p, text.len },
    };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    ssize_t n;

    if (fd >= 0)
        passing_put(&message, &control, fd);
    do
        n = sendmsg(end, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0;
}

enum channel_result
channel_receive(int end, struct channel_message *m)
{
    union passing control;
    struct iovec parts[2] = { { &m->kind, sizeof(m->kind) }, { m->bytes, sizeof(m->bytes) } };
    struct msghdr message = {
        .msg_iov = parts, .msg_iovlen = 2,
        .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
    };
    ssize_t n;

    do
        n = recvmsg(end, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    /* What there is no memory for now is there again the next time. */
    if (n < 0)
        return errno == EAGAIN || errno == ENOMEM || errno == ENOBUFS ? CHANNEL_EMPTY : CHANNEL_CLOSED;
    m->fd = passing_take(&message);
    m->fd_lost = (message.msg_flags & MSG_CTRUNC) != 0 && m->fd < 0;
    if ((size_t)n < sizeof(m->kind) || (message.msg_flags & MSG_TRUNC) != 0
        || ((message.msg_flags & MSG_CTRUNC) != 0 && !m->fd_lost)) {
        if (m->fd >= 0)
            close(m->fd);
        return CHANNEL_CLOSED;
    }
    m->text = (struct str){ m->bytes, (size_t)n - sizeof(m->kind) };
    return CHANNEL_GOT;
}

/* ---- what a worker says -------------------------------------------------------------------- */

bool
channel_say(int tell, enum channel_kind kind, struct str text)
{
    char bytes[PIPE_BUF];
    size_t len = MIN(text.len, (size_t)CHANNEL_SAID_MAX);
    ssize_t n;

    memcpy(bytes, &kind, sizeof(kind));
    if (len > 0)
        memcpy(bytes + sizeof(kind), text.p, len);
    do
        n = write(tell, bytes, sizeof(kind) + len);
    while (n < 0 && errno == EINTR);
    return n >= 0;
}

enum channel_result
channel_hear(int hear, struct channel_message *m)
{
    char bytes[PIPE_BUF];
    ssize_t n;

    do
        n = read(hear, bytes, sizeof(bytes));
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return CHANNEL_EMPTY;
    if (n < (ssize_t)sizeof(m->kind))
        return CHANNEL_CLOSED;
    memcpy(&m->kind, bytes, sizeof(m->kind));
    m->text = (struct str){ m->bytes, (size_t)n - sizeof(m->kind) };
    memcpy(m->bytes, bytes + sizeof(m->kind), m->text.len);
    m->fd = -1;
    m->fd_lost = false;
    return CHANNEL_GOT;
}
