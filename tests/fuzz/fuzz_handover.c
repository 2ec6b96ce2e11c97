/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_handover: whatever another process writes into the queue of connections, a message is taken
 * whole or thrown away with its descriptor, and one that was taken can be sent on unchanged; and a
 * list of addresses is refused unless every one in it is sound. The same for the line between master
 * and worker. However many descriptors come along, none stays open.
 *
 * The first byte of the input chooses which of these; for a message, how many descriptors come with
 * it.
 */
#include "fuzz.h"

#include "proc/channel.h"
#include "proc/handover.h"
#include <sys/socket.h>
#include <sys/uio.h>

/* The first byte of an input. */
enum { A_LIST, A_MESSAGE, A_BARE_MESSAGE, A_CONNECTION, A_LINE, KINDS, FDS_MAX = 3 };

static struct handover_queue queue = { -1, -1 };
static struct handed_over first, second;
static int some_fd = -1, line[2];

static void
begin(void)
{
    if (some_fd >= 0)
        return;
    some_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    require(some_fd >= 0 && handover_open(&queue) && channel_open(line));
}

/* ---- a list of addresses ------------------------------------------------------------------- */

static void
try_list(struct str bytes)
{
    char *block = malloc(bytes.len + 1);
    struct successor *s;
    size_t at = 0;

    require(block != NULL);
    memcpy(block, bytes.p, bytes.len);
    s = successor_create((struct str){ block, bytes.len }, -1);
    for (uint32_t i = 0; s != NULL && i < s->count; i++) {
        const struct address *a = &s->addresses[i];

        require(a->len == (unsigned char)block[at] && memcmp(&a->sa, block + at + 1, a->len) == 0);
        require(successor_covers(s, a));
        at += 1 + a->len;
    }
    require(s == NULL || at == bytes.len);
    successor_free(s);
    free(block);
}

/* ---- a message ----------------------------------------------------------------------------- */

static void
post(int end, struct str bytes, unsigned fds)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control = { .bytes = { 0 } };
    struct iovec part = { (void *)(uintptr_t)bytes.p, bytes.len };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (fds > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fds * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(fds * sizeof(int));
        for (unsigned i = 0; i < fds; i++)
            memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &some_fd, sizeof(some_fd));
    }
    require(sendmsg(end, &message, MSG_NOSIGNAL) == (ssize_t)bytes.len);
}

static void
require_same(const struct http_carried *a, const struct http_carried *b)
{
    require(a->local.len == b->local.len
            && memcmp(&a->local.sa, &b->local.sa, a->local.len) == 0);
    require(memcmp(&a->peer, &b->peer, sizeof(a->peer)) == 0);
    require(a->since_ms == b->since_ms && a->waiting_ms == b->waiting_ms);
    require(a->requests == b->requests && a->allowance_ms == b->allowance_ms);
    require(a->keep_ms == b->keep_ms && a->answered == b->answered);
    require(a->awaits_proxied == b->awaits_proxied && a->counted == b->counted);
    require(str_eq(a->ahead, b->ahead) && str_eq(a->proxied, b->proxied));
}

/* As the worker that takes it over does. */
static void
look_at(const struct http_carried *c)
{
    proxied_free(proxied_decode((const uint8_t *)c->proxied.p, c->proxied.len));
    require(address_covers(&c->local, &c->local));
}

static void
send_on(const struct http_carried *carried)
{
    require(handover_send(queue.out, some_fd, carried) == HANDOVER_SENT);
    require(handover_receive(queue.in, &second) == HANDOVER_GOT);
    close(second.fd);
    require_same(carried, &second.carried);
}

static void
try_message(struct str bytes, unsigned fds)
{
    enum handover_got got;

    post(queue.out, bytes, fds);
    got = handover_receive(queue.in, &first);
    require(got == HANDOVER_GOT || got == HANDOVER_MALFORMED);
    if (got == HANDOVER_GOT) {
        require(fds == 1);
        close(first.fd);
        look_at(&first.carried);
        send_on(&first.carried);
    }
    require(handover_receive(queue.in, &first) == HANDOVER_EMPTY);
}

/* A line that is not kept to is closed; what was taken from it can be sent again. */
static void
try_line(struct str bytes, unsigned fds)
{
    static struct channel_message message, again;
    enum channel_result result;

    post(line[0], bytes, fds);
    result = channel_receive(line[1], &message);
    require(result == CHANNEL_GOT || result == CHANNEL_CLOSED);
    if (result == CHANNEL_CLOSED)
        return;
    require(message.text.len <= CHANNEL_TEXT_MAX && (message.fd >= 0) == (fds == 1));
    require(channel_send(line[0], message.kind, message.text, message.fd));
    require(channel_receive(line[1], &again) == CHANNEL_GOT && again.kind == message.kind);
    require(str_eq(again.text, message.text) && (again.fd >= 0) == (message.fd >= 0));
    if (message.fd >= 0) {
        close(message.fd);
        close(again.fd);
    }
}

static int
lowest_free(void)
{
    int fd = dup(some_fd);

    close(fd);
    return fd;
}

/* The input is what was read ahead and what a proxy said, in two parts. */
static void
try_connection(struct str bytes)
{
    size_t cut = bytes.len == 0 ? 0 : (unsigned char)bytes.p[0] % bytes.len;
    struct http_carried carried = {
        .local = { .len = sizeof(struct sockaddr_in), .in = { .sin_family = AF_INET } },
        .peer = { .family = AF_INET },
        .requests = (uint32_t)bytes.len, .answered = cut % 2 == 0, .awaits_proxied = cut % 3 == 0,
        .ahead = { bytes.p, cut },
        .proxied = { bytes.p + cut, MIN(bytes.len - cut, (size_t)PROXIED_FLAT_MAX) },
    };

    send_on(&carried);
    look_at(&carried);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = { (const char *)data + 1, size - 1 };
    unsigned fds;
    int free_fd;

    if (size < 2)
        return 0;
    begin();
    free_fd = lowest_free();
    fds = (1 + (data[0] >> 4)) % (FDS_MAX + 1);
    switch (data[0] % 16 % KINDS) {
    case A_LIST:
        try_list(bytes);
        break;
    case A_CONNECTION:
        try_connection(bytes);
        break;
    case A_LINE:
        try_line(bytes, fds);
        break;
    case A_BARE_MESSAGE:
        try_message(bytes, 0);
        break;
    default:
        try_message(bytes, fds);
    }
    require(lowest_free() == free_fd);
    return 0;
}
