/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limit: the floor that an epoll server stands on.
 *
 * One thread, one epoll, and no HTTP beyond finding the empty line that ends a request head: each
 * request gets the same answer, made at start.
 *
 *   limit PORT [-b BYTES] [-f FILE] [-c]
 *
 *   -b N   a body of N bytes, sent from memory together with the head (1024)
 *   -f F   head by send(MSG_MORE), body by sendfile() of F
 *   -c     close after each answer: the way of a new connection
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CONNS_MAX = 20000,          /* descriptors index the table */
    GATHER_MAX = 64,            /* pipelined answers in one send */
    GATHER_ANSWER_MAX = 2048,   /* larger ones are sent one by one */
    SENDFILE_CHUNK = 2 << 20
};

struct conn {
    unsigned matched;           /* bytes of CRLFCRLF seen so far */
    unsigned owed;              /* answers still to send */
    size_t sent;                /* bytes of the current one that are out */
    uint32_t interest;          /* as epoll knows it; 0: not in epoll */
};

static struct conn conns[CONNS_MAX];
static char *answer;
static size_t head_len, answer_len;
static int body_fd = -1, epoll_fd, listen_fd;
static off_t body_len;
static bool close_after;

enum flushed { ALL_SENT, WOULD_BLOCK, GONE };

static enum flushed
flush_failed(void)
{
    return errno == EAGAIN ? WOULD_BLOCK : GONE;
}

static void
watch(int fd, uint32_t events)
{
    struct conn *conn = &conns[fd];
    struct epoll_event event = { .events = events, .data.fd = fd };

    if (conn->interest == events)
        return;
    epoll_ctl(epoll_fd, conn->interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
    conn->interest = events;
}

static void
drop(int fd)
{
    close(fd);
    conns[fd] = (struct conn){ 0 };
}

/* The answer `count` times in a row: pipelined requests are answered by one send. */
static const char *
gathered(unsigned count)
{
    static char answers[GATHER_MAX * GATHER_ANSWER_MAX];
    static unsigned filled;

    for (; filled < count; filled++)
        memcpy(answers + filled * answer_len, answer, answer_len);
    return answers;
}

static enum flushed
flush_from_memory(int fd, struct conn *conn)
{
    while (conn->owed > 0) {
        const char *from = answer + conn->sent;
        size_t want = answer_len - conn->sent;
        ssize_t n;

        if (conn->owed > 1 && conn->sent == 0 && answer_len <= GATHER_ANSWER_MAX) {
            unsigned count = conn->owed < GATHER_MAX ? conn->owed : GATHER_MAX;

            from = gathered(count);
            want = count * answer_len;
        }
        n = send(fd, from, want, MSG_NOSIGNAL);
        if (n < 0)
            return flush_failed();
        conn->owed -= (unsigned)((conn->sent + (size_t)n) / answer_len);
        conn->sent = (conn->sent + (size_t)n) % answer_len;
        if ((size_t)n < want)
            return WOULD_BLOCK;
    }
    return ALL_SENT;
}

static enum flushed
flush_from_file(int fd, struct conn *conn)
{
    for (; conn->owed > 0; conn->owed--, conn->sent = 0) {
        off_t offset;

        while (conn->sent < head_len) {
            ssize_t n = send(fd, answer + conn->sent, head_len - conn->sent,
                             MSG_NOSIGNAL | MSG_MORE);

            if (n < 0)
                return flush_failed();
            conn->sent += (size_t)n;
        }
        offset = (off_t)(conn->sent - head_len);
        while (offset < body_len) {
            ssize_t n = sendfile(fd, body_fd, &offset, SENDFILE_CHUNK);

            if (n <= 0)
                return n == 0 ? GONE : flush_failed();
            conn->sent += (size_t)n;
        }
    }
    return ALL_SENT;
}

/* Counts the heads that end in buf. */
static unsigned
count_heads(struct conn *conn, const char *buf, size_t len)
{
    unsigned heads = 0;

    /* whole requests in one read are the common case */
    if (conn->matched == 0 && len >= 4 && memcmp(buf + len - 4, "\r\n\r\n", 4) == 0) {
        const char *end = buf + len;

        while ((buf = memmem(buf, (size_t)(end - buf), "\r\n\r\n", 4)) != NULL) {
            heads++;
            buf += 4;
        }
        return heads;
    }
    for (size_t i = 0; i < len; i++) {
        char wanted = (conn->matched & 1) != 0 ? '\n' : '\r';

        conn->matched = buf[i] == wanted ? conn->matched + 1 : buf[i] == '\r';
        if (conn->matched == 4) {
            heads++;
            conn->matched = 0;
        }
    }
    return heads;
}

static void
serve(int fd)
{
    static char buf[16384];
    struct conn *conn = &conns[fd];
    enum flushed flushed;

    if (conn->owed == 0) {
        ssize_t n = recv(fd, buf, sizeof(buf), 0);

        if (n < 0 && errno == EAGAIN) {
            watch(fd, EPOLLIN);
            return;
        }
        if (n <= 0) {
            drop(fd);
            return;
        }
        conn->owed = count_heads(conn, buf, (size_t)n);
    }
    flushed = body_fd >= 0 ? flush_from_file(fd, conn) : flush_from_memory(fd, conn);
    if (flushed == GONE || (flushed == ALL_SENT && close_after && conn->matched == 0))
        drop(fd);
    else
        watch(fd, flushed == WOULD_BLOCK ? EPOLLOUT : EPOLLIN);
}

static void
accept_some(void)
{
    for (int i = 0; i < 64; i++) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK);

        if (fd < 0)
            return;
        if (fd >= CONNS_MAX)
            close(fd);
        else if (close_after)
            serve(fd);          /* the kernel waited for the request: it is mostly there */
        else
            watch(fd, EPOLLIN);
    }
}

static bool
start_listening(const char *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(port)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct epoll_event event = { .events = EPOLLIN };
    int on = 1;

    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(listen_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (close_after)
        setsockopt(listen_fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on));
    if (bind(listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0
            || listen(listen_fd, 4096) != 0)
        return false;
    epoll_fd = epoll_create1(0);
    event.data.fd = listen_fd;
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event) == 0;
}

/* The head has the fields and the length that a file server's has. */
static bool
make_answer(size_t body)
{
    answer = malloc(512 + (body_fd >= 0 ? 0 : body));
    if (answer == NULL)
        return false;
    head_len = (size_t)sprintf(answer,
        "HTTP/1.1 200 OK\r\nServer: limit\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n"
        "Last-Modified: Sat, 01 Jan 2000 00:00:00 GMT\r\nConnection: %s\r\n"
        "ETag: \"386d4380-400\"\r\nAccept-Ranges: bytes\r\n\r\n",
        body, close_after ? "close" : "keep-alive");
    if (body_fd < 0)
        memset(answer + head_len, 'x', body);
    answer_len = head_len + body;
    return true;
}

static void
run(void)
{
    struct epoll_event events[512];

    for (;;) {
        int n = epoll_wait(epoll_fd, events, 512, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listen_fd)
                accept_some();
            else
                serve(events[i].data.fd);
        }
    }
}

int
main(int argc, char **argv)
{
    size_t body = 1024;
    const char *file = NULL;
    struct stat st;
    int opt;

    while ((opt = getopt(argc, argv, "b:f:c")) != -1) {
        switch (opt) {
        case 'b': body = strtoul(optarg, NULL, 10); break;
        case 'f': file = optarg;                    break;
        case 'c': close_after = true;               break;
        default:  return 2;
        }
    }
    if (optind >= argc)
        return 2;
    if (file != NULL) {
        body_fd = open(file, O_RDONLY | O_CLOEXEC);
        if (body_fd < 0 || fstat(body_fd, &st) != 0) {
            perror(file);
            return 1;
        }
        body_len = st.st_size;
        body = (size_t)st.st_size;
    }
    signal(SIGPIPE, SIG_IGN);
    if (!make_answer(body) || !start_listening(argv[optind])) {
        perror("limit");
        return 1;
    }
    run();
}
