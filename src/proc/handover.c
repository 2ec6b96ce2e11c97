/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/handover.h"

#include "proc/passing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    QUEUE_BYTES = 1 << 20,
    MESSAGE_BYTES = 768         /* of the system's memory for a message, at least */
};

/* What stands before the bytes that were read ahead, and those about the proxy. */
struct head {
    uint32_t version;
    uint32_t ahead_len, proxied_len;
    struct address local;
    struct peer peer;
    uint64_t since_ms, waiting_ms;
    uint32_t requests, allowance_ms, keep_ms;
    uint16_t answered, counted;
    uint32_t awaits_proxied;
};

bool
handover_open(struct handover_queue *queue)
{
    const int bytes = QUEUE_BYTES;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    /* As much as the system allows; a full queue only means that the rest goes later. */
    if (setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0)
        setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    *queue = (struct handover_queue){ .in = ends[0], .out = ends[1] };
    return true;
}

/* ---- one connection ------------------------------------------------------------------------ */

static enum handover_sent
failure(int err)
{
    switch (err) {
    case EAGAIN:
        return HANDOVER_FULL;
    case ETOOMANYREFS:
    case ENOBUFS:
    case ENOMEM:
        return HANDOVER_BUSY;
    default:
        return HANDOVER_BROKEN;
    }
}

enum handover_sent
handover_send(int out, int fd, const struct http_carried *c)
{
    struct head head;
    union passing control;
    struct iovec parts[3] = {
        { &head, sizeof(head) },
        { (void *)(uintptr_t)c->ahead.p, c->ahead.len },
        { (void *)(uintptr_t)c->proxied.p, c->proxied.len },
    };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts) };
    ssize_t n;

    memset(&head, 0, sizeof(head));     /* the gaps too: they leave the process */
    head.version = HANDOVER_VERSION;
    head.ahead_len = (uint32_t)c->ahead.len;
    head.proxied_len = (uint32_t)c->proxied.len;
    head.local = c->local;
    head.peer = c->peer;
    head.since_ms = c->since_ms;
    head.waiting_ms = c->waiting_ms;
    head.requests = c->requests;
    head.allowance_ms = c->allowance_ms;
    head.keep_ms = c->keep_ms;
    head.answered = c->answered;
    head.awaits_proxied = c->awaits_proxied;
    head.counted = c->counted;
    passing_put(&message, &control, fd);
    do
        n = sendmsg(out, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? HANDOVER_SENT : failure(errno);
}

unsigned
handover_under_way(int out)
{
    int bytes;

    return ioctl(out, SIOCOUTQ, &bytes) == 0 && bytes > 0
        ? ((unsigned)bytes + MESSAGE_BYTES - 1) / MESSAGE_BYTES : 0;
}

/*
 * A message that is received by a process without a free descriptor loses the one that it
 * carries: so there must be one before it is touched.
 */
static bool
has_descriptor(int in)
{
    int fd = fcntl(in, F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static bool
is_sound(const struct address *a)
{
    switch (a->sa.sa_family) {
    case AF_INET:
        return a->len == sizeof(a->in);
    case AF_INET6:
        return a->len == sizeof(a->in6);
    case AF_UNIX:
        return a->len >= offsetof(struct sockaddr_un, sun_path) && a->len <= sizeof(a->un);
    default:
        return false;
    }
}

static bool
is_peer_sound(const struct peer *peer)
{
    return peer->family == AF_INET || peer->family == AF_INET6 || peer->family == AF_UNIX;
}

static bool
unpack(struct handed_over *m, const struct head *head, size_t len)
{
    if (head->version != HANDOVER_VERSION || head->ahead_len > HTTP_CARRIED_MAX
        || head->proxied_len > PROXIED_FLAT_MAX
        || len != sizeof(*head) + head->ahead_len + head->proxied_len
        || !is_sound(&head->local) || !is_peer_sound(&head->peer))
        return false;
    m->carried = (struct http_carried){
        .local = head->local, .peer = head->peer, .since_ms = head->since_ms,
        .waiting_ms = head->waiting_ms, .requests = head->requests,
        .allowance_ms = head->allowance_ms, .keep_ms = head->keep_ms,
        .answered = head->answered != 0, .awaits_proxied = head->awaits_proxied != 0,
        .counted = head->counted != 0,
        .ahead = { m->bytes, head->ahead_len },
        .proxied = { m->bytes + head->ahead_len, head->proxied_len },
    };
    return true;
}

enum handover_got
handover_receive(int in, struct handed_over *m)
{
    struct head head;
    union passing control;
    struct iovec parts[2] = { { &head, sizeof(head) }, { m->bytes, sizeof(m->bytes) } };
    struct msghdr message = {
        .msg_iov = parts, .msg_iovlen = 2,
        .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
    };
    ssize_t n;

    if (!has_descriptor(in))
        return HANDOVER_NO_DESCRIPTOR;
    do
        n = recvmsg(in, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == ENOMEM || errno == ENOBUFS))
        return HANDOVER_NO_DESCRIPTOR;
    if (n < 0)
        return errno == EAGAIN ? HANDOVER_EMPTY : HANDOVER_CLOSED;
    if (n == 0)
        return HANDOVER_CLOSED;
    m->fd = passing_take(&message);
    if (m->fd >= 0 && (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0
        && (size_t)n >= sizeof(head) && unpack(m, &head, (size_t)n))
        return HANDOVER_GOT;
    if (m->fd >= 0)
        close(m->fd);
    return HANDOVER_MALFORMED;
}

/* ---- who goes on --------------------------------------------------------------------------- */

size_t
successor_encode(const struct runtime *rt, char *p, size_t size)
{
    const struct link *head = runtime_listeners(rt);
    size_t done = 0;

    for (const struct link *l = head->next; l != head; l = l->next) {
        const struct address *a = &CONTAINER_OF(l, const struct listener, link)->address;

        if (size - done < 1 + a->len)
            break;
        p[done++] = (char)a->len;
        memcpy(p + done, &a->sa, a->len);
        done += a->len;
    }
    return done;
}

/* The next address of `encoded`, which moves on. False: malformed, and it stays. */
static bool
decode_one(struct str *encoded, struct address *a)
{
    size_t len = (unsigned char)encoded->p[0];

    if (encoded->len - 1 < len || len > sizeof(a->un) || len < sizeof(sa_family_t))
        return false;
    memset(a, 0, sizeof(*a));
    a->len = (socklen_t)len;
    memcpy(&a->un, encoded->p + 1, len);
    if (!is_sound(a))
        return false;
    *encoded = str_from(*encoded, 1 + len);
    return true;
}

static size_t
count_encoded(struct str encoded)
{
    size_t n = 0;

    for (size_t at = 0; at < encoded.len; at += 1 + (unsigned char)encoded.p[at])
        n++;
    return n;
}

struct successor *
successor_create(struct str encoded, int out)
{
    struct successor *s = malloc(sizeof(*s)
                                 + count_encoded(encoded) * sizeof(s->addresses[0]));

    if (s != NULL) {
        s->out = out;
        s->count = 0;
        while (encoded.len > 0 && decode_one(&encoded, &s->addresses[s->count]))
            s->count++;
        if (encoded.len == 0)
            return s;
        free(s);
    }
    if (out >= 0)
        close(out);
    return NULL;
}

void
successor_free(struct successor *s)
{
    if (s == NULL)
        return;
    if (s->out >= 0)
        close(s->out);
    free(s);
}

bool
successor_covers(const struct successor *s, const struct address *local)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (address_covers(&s->addresses[i], local))
            return true;
    return false;
}
