/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load: the clients that wrk is not. One thread, plain HTTP/1.1 over the IPv4 loopback.
 *
 *   load drain PORT PATH CONNS SECS
 *       reads bodies without copying them, so that the client is not what is measured
 *   load idle PORT PATH CONNS
 *       one request on each connection, then holds them all open until stdin ends
 *   load cycle PORT PATH CONNS SECS PER THINK_MS
 *       asks again and again, waits THINK_MS after each answer, opens a new connection after PER
 *       requests (0: never), and counts every kind of failure
 *
 * Prints one line of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    IDLE_WINDOW = 256,          /* connections that "idle" opens ahead of those that are ready */
    IDLE_PATIENCE_S = 60,
    LATENCY_SLOTS = 200000,     /* of 10 us each */
    STUCK_S = 1                 /* an answer that takes longer is counted as stuck */
};

enum mode { DRAIN, IDLE, CYCLE };
enum client_state { CONNECTING, HEAD, BODY, WAITING };

struct client {
    int fd;                     /* -1: to be opened when it wakes */
    enum client_state state;
    unsigned served;            /* answers on this connection */
    bool last;                  /* the server said "Connection: close" */
    size_t head_len;
    int64_t body_left;
    double asked_s, wake_s;
    struct client *next;        /* in the queue of those that wait */
    char head[4096];
};

static struct {
    enum mode mode;
    unsigned clients, requests_each;
    double secs, think_s;
} options;

static struct {
    uint64_t requests, bytes, opened;
    uint64_t connect_failed;    /* refused or reset before it was open */
    uint64_t fresh_failed;      /* closed without an answer to the first request */
    uint64_t reused_failed;     /* closed without an answer to a later one */
    uint64_t cut;               /* closed in the middle of an answer */
    uint64_t not_200;
    uint64_t told_to_close;     /* answers with "Connection: close" */
    uint64_t idle_closed;       /* closed by the server while the client waited: no failure */
    uint64_t ready, stuck;
    double slowest_s, oldest_s;
} seen;

static int epoll_fd;
static struct sockaddr_in server;
static char request[1024];
static size_t request_len;
static uint64_t latencies[LATENCY_SLOTS];
static struct client *clients, *queue_first, **queue_end = &queue_first;

static double
now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
open_client(struct client *client)
{
    struct epoll_event event = { .events = EPOLLOUT, .data.ptr = client };
    int on = 1;

    if (client->fd >= 0)
        close(client->fd);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->fd < 0) {
        perror("socket");
        exit(1);
    }
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    client->served = 0;
    client->head_len = 0;
    client->state = CONNECTING;
    client->asked_s = now_s();
    seen.opened++;
    /* a failure shows as an event */
    connect(client->fd, (struct sockaddr *)&server, sizeof(server));
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event);
}

/* The queue is in order of time because all wait equally long. */
static void
wait_a_while(struct client *client)
{
    client->state = WAITING;
    client->wake_s = now_s() + options.think_s;
    client->next = NULL;
    *queue_end = client;
    queue_end = &client->next;
}

static void
on_failure(struct client *client)
{
    if (client->state == CONNECTING)
        seen.connect_failed++;
    else if (client->head_len > 0 || client->state == BODY)
        seen.cut++;
    else if (client->served > 0)
        seen.reused_failed++;
    else
        seen.fresh_failed++;
    if (options.think_s > 0) {
        close(client->fd);
        client->fd = -1;
        wait_a_while(client);
    } else {
        open_client(client);
    }
}

static void
ask(struct client *client)
{
    client->state = HEAD;
    client->head_len = 0;
    client->asked_s = now_s();
    if (send(client->fd, request, request_len, MSG_NOSIGNAL) != (ssize_t)request_len)
        on_failure(client);
}

static void
on_connected(struct client *client)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
    int err = 0;
    socklen_t len = sizeof(err);

    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &err, &len);
    if (err != 0) {
        on_failure(client);
        return;
    }
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
    ask(client);
}

/* False: nothing more to read now, or the connection failed. */
static bool
read_some(struct client *client, void *to, size_t size, int flags, size_t *done)
{
    ssize_t n = recv(client->fd, to, size, flags);

    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        on_failure(client);
        return false;
    }
    seen.bytes += (uint64_t)n;
    *done = (size_t)n;
    return true;
}

static bool
read_head(struct client *client)
{
    size_t n;
    char *end, *length;

    if (!read_some(client, client->head + client->head_len,
                   sizeof(client->head) - 1 - client->head_len, 0, &n))
        return false;
    client->head_len += n;
    client->head[client->head_len] = '\0';
    end = strstr(client->head, "\r\n\r\n");
    if (end == NULL)
        return false;
    end[2] = '\0';
    length = strcasestr(client->head, "\r\nContent-Length:");
    client->body_left = length != NULL ? atoll(length + 17) : 0;
    client->body_left -= (int64_t)(client->head_len - (size_t)(end + 4 - client->head));
    client->last = strcasestr(client->head, "\r\nConnection: close") != NULL;
    seen.not_200 += strncmp(client->head, "HTTP/1.1 200", 12) != 0;
    seen.told_to_close += client->last;
    client->state = BODY;
    return true;
}

/* True: an answer is complete. */
static bool
read_answer(struct client *client)
{
    static char sink[65536];
    bool drain = options.mode == DRAIN;
    size_t n;

    if (client->state == HEAD && !read_head(client))
        return false;
    while (client->body_left > 0) {
        size_t want = drain ? 4u << 20 : sizeof(sink);

        if ((int64_t)want > client->body_left)
            want = (size_t)client->body_left;
        /* MSG_TRUNC: TCP throws the bytes away unseen */
        if (!read_some(client, drain ? NULL : sink, want, drain ? MSG_TRUNC : 0, &n))
            return false;
        client->body_left -= (int64_t)n;
    }
    return true;
}

static void
count_answer(struct client *client)
{
    double took_s = now_s() - client->asked_s;
    double slot = took_s * 1e5;

    latencies[slot >= LATENCY_SLOTS ? LATENCY_SLOTS - 1 : (unsigned)slot]++;
    if (took_s > seen.slowest_s)
        seen.slowest_s = took_s;
    seen.requests++;
    client->served++;
}

static void
on_answer(struct client *client)
{
    count_answer(client);
    if (options.mode == IDLE) {
        seen.ready++;
        client->state = WAITING;
    } else if (client->last || client->served == options.requests_each) {
        open_client(client);
    } else if (options.think_s > 0) {
        wait_a_while(client);
    } else {
        ask(client);
    }
}

/* Nothing was asked, so the server has closed. */
static void
on_closed_while_waiting(struct client *client)
{
    close(client->fd);
    client->fd = -1;
    if (options.mode == IDLE)
        seen.cut++;
    else
        seen.idle_closed++;
}

static void
on_event(struct client *client)
{
    switch (client->state) {
    case CONNECTING:
        on_connected(client);
        break;
    case WAITING:
        on_closed_while_waiting(client);
        break;
    case HEAD:
    case BODY:
        if (read_answer(client))
            on_answer(client);
        break;
    }
}

static void
wake_clients(void)
{
    double now = now_s();

    while (queue_first != NULL && queue_first->wake_s <= now) {
        struct client *client = queue_first;

        queue_first = client->next;
        if (queue_first == NULL)
            queue_end = &queue_first;
        if (client->fd < 0)
            open_client(client);
        else
            ask(client);
    }
}

/* Returns how long it took. */
static double
run(void)
{
    bool idle = options.mode == IDLE;
    double start = now_s(), end = start + (idle ? IDLE_PATIENCE_S : options.secs);
    struct epoll_event events[512];
    unsigned opened = 0;

    while (now_s() < end && !(idle && seen.ready >= options.clients)) {
        uint64_t most = idle ? seen.ready + IDLE_WINDOW : options.clients;
        int n;

        while (opened < options.clients && opened < most)
            open_client(&clients[opened++]);
        n = epoll_wait(epoll_fd, events, 512, 1);
        for (int i = 0; i < n; i++)
            on_event(events[i].data.ptr);
        wake_clients();
    }
    return now_s() - start;
}

static void
count_stuck(void)
{
    double now = now_s();

    for (unsigned i = 0; i < options.clients; i++) {
        const struct client *client = &clients[i];
        double age_s = now - client->asked_s;

        if (client->state == WAITING || client->fd < 0)
            continue;
        seen.stuck += age_s > STUCK_S;
        if (age_s > seen.oldest_s)
            seen.oldest_s = age_s;
    }
}

static unsigned
percentile_us(unsigned percent)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < LATENCY_SLOTS; i++) {
        sum += latencies[i];
        if (sum > 0 && sum * 100 >= seen.requests * percent)
            return i * 10;
    }
    return 0;
}

static void
report(double took_s)
{
    if (options.mode != IDLE)
        count_stuck();
#define N(name) printf("\"%s\":%llu,", #name, (unsigned long long)seen.name)
    putchar('{');
    N(requests);
    N(bytes);
    N(opened);
    N(connect_failed);
    N(fresh_failed);
    N(reused_failed);
    N(cut);
    N(not_200);
    N(told_to_close);
    N(idle_closed);
    N(ready);
    N(stuck);
#undef N
    printf("\"secs\":%.4f,\"oldest_s\":%.3f,\"slowest_ms\":%.2f,\"p50\":%u,\"p99\":%u}\n",
           took_s, seen.oldest_s, seen.slowest_s * 1e3, percentile_us(50), percentile_us(99));
    fflush(stdout);
}

static bool
read_options(int argc, char **argv)
{
    static const char *const modes[] = { "drain", "idle", "cycle" };
    static const int arguments[] = { 6, 5, 8 };
    unsigned mode = 0;

    while (mode < 3 && (argc < 2 || strcmp(argv[1], modes[mode]) != 0))
        mode++;
    if (mode == 3 || argc != arguments[mode])
        return false;
    options.mode = (enum mode)mode;
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(argv[2]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    request_len = (size_t)snprintf(request, sizeof(request),
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: load\r\n\r\n", argv[3]);
    options.clients = (unsigned)atoi(argv[4]);
    if (mode != IDLE)
        options.secs = atof(argv[5]);
    if (mode == CYCLE) {
        options.requests_each = (unsigned)atoi(argv[6]);
        options.think_s = atof(argv[7]) / 1000;
    }
    return options.clients > 0 && request_len < sizeof(request);
}

int
main(int argc, char **argv)
{
    char byte;

    if (!read_options(argc, argv)) {
        fputs("usage: load drain|idle|cycle PORT PATH CONNS [SECS [PER THINK_MS]]\n", stderr);
        return 2;
    }
    epoll_fd = epoll_create1(0);
    clients = calloc(options.clients, sizeof(*clients));
    if (epoll_fd < 0 || clients == NULL) {
        perror("load");
        return 1;
    }
    for (unsigned i = 0; i < options.clients; i++)
        clients[i].fd = -1;
    report(run());
    while (options.mode == IDLE && read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    return 0;
}
