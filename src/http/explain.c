/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/explain.h"

#include "base/clock.h"
#include "http/engine.h"
#include "http/settings.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SLOTS = 16,                 /* one is used; the others are free, so that the pool is not full */
    HEAD_MAX = 64 << 10,        /* of what is sent so much is kept */
    PATIENCE_MS = 10000,        /* for handlers that wait */
    TURN_MS = 50
};

/* One run: a worker's part without listeners, and the one connection it has. */
struct run {
    struct http *http;
    const struct http_asked *asked;
    const struct http_trace *told;      /* the caller's */
    struct http_trace trace;
    struct http_explained *explained;
    struct http_address *address;
    struct address local;
    struct listener listener;   /* the address's, with the local address that the client came to */
    struct loop loop;
    struct pool pool;
    struct http_worker *worker;
    struct conn *conn;          /* NULL once it is closed */
    int ends[2];                /* of a pair of sockets: the loop wants a descriptor */
    bool done;
    size_t sent_len;
    char sent[HEAD_MAX];
};

/* ---- the stream ---------------------------------------------------------------------------- */

static enum io
keep_recv(struct conn *conn, void *p, size_t size, size_t *done)
{
    (void)conn;
    (void)p;
    (void)size;
    (void)done;
    return IO_AGAIN;            /* the head is all there is */
}

static enum io
keep_send(struct conn *conn, const void *p, size_t size, bool more, size_t *done)
{
    struct run *run = conn->stream_state;
    size_t kept = MIN(size, sizeof(run->sent) - run->sent_len);

    (void)more;
    memcpy(run->sent + run->sent_len, p, kept);
    run->sent_len += kept;
    *done = size;
    return IO_DONE;
}

static bool
keep_shutdown(struct conn *conn)
{
    (void)conn;
    return true;
}

/* The connection ends, and its descriptor with it. */
static void
keep_release(struct conn *conn)
{
    struct run *run = conn->stream_state;

    run->conn = NULL;
    run->ends[0] = -1;
}

static const struct stream_ops keep_stream = {
    .recv     = keep_recv,
    .send     = keep_send,
    .shutdown = keep_shutdown,
    .release  = keep_release,
};

/* ---- where it comes in --------------------------------------------------------------------- */

/* The address itself if it is listed, else one whose socket gets what comes to it. */
static struct http_address *
address_at(const struct http *http, const struct address *local)
{
    struct http_address *best = NULL;

    for (struct http_address *a = http->addresses; a != NULL; a = a->next) {
        if (address_eq(&a->listener.address, local))
            return a;
        if (best == NULL && listener_covers(&a->listener, local))
            best = a;
    }
    return best;
}

/* By its name alone nobody knows to which of the addresses a client comes: the widest one. */
static struct http_address *
address_with_port(const struct http *http, uint16_t port)
{
    struct http_address *best = NULL;

    for (struct http_address *a = http->addresses; a != NULL; a = a->next) {
        if (a->listener.address.sa.sa_family == AF_UNIX
            || address_port(&a->listener.address) != port)
            continue;
        if (address_is_wildcard(&a->listener.address))
            return a;
        if (best == NULL)
            best = a;
    }
    return best;
}

static bool
ip_address(struct str host, uint16_t port, struct address *address)
{
    struct peer peer;

    if (host.len > 1 && host.p[0] == '[')
        host = (struct str){ host.p + 1, host.len - 2 };
    if (!peer_parse_ip(host, &peer))
        return false;
    *address = (struct address){ .len = 0 };
    if (peer.family == AF_INET6) {
        address->len = sizeof(address->in6);
        address->in6.sin6_family = AF_INET6;
        memcpy(&address->in6.sin6_addr, peer.ip, 16);
    } else {
        address->len = sizeof(address->in);
        address->in.sin_family = AF_INET;
        memcpy(&address->in.sin_addr, peer.ip, 4);
    }
    address_set_port(address, port);
    return true;
}

/* On a socket of all addresses a client comes to one: this machine's own. */
static void
make_concrete(struct address *address)
{
    if (!address_is_wildcard(address))
        return;
    if (address->sa.sa_family == AF_INET6)
        address->in6.sin6_addr = in6addr_loopback;
    else
        address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static bool
find_address(struct run *run)
{
    const struct http_asked *asked = run->asked;

    if (asked->local.len > 0) {
        run->local = asked->local;
        run->address = address_at(run->http, &run->local);
    } else if (asked->port == 0) {
        run->address = run->http->addresses;
    } else if (ip_address(asked->host, asked->port, &run->local)) {
        run->address = address_at(run->http, &run->local);
    } else {
        run->address = address_with_port(run->http, asked->port);
    }
    if (run->address == NULL)
        return false;
    if (run->local.len == 0)
        run->local = run->address->listener.address;
    make_concrete(&run->local);
    run->listener = run->address->listener;
    run->listener.address = run->local;
    return true;
}

static void
write_listening(struct writer *w, const struct address *address)
{
    if (address->sa.sa_family == AF_INET && address_is_wildcard(address))
        write_fmt(w, "*:%u", address_port(address));
    else
        write_address(w, address);
}

void
write_http_addresses(struct writer *w, const struct http *http)
{
    for (const struct http_address *a = http->addresses; a != NULL; a = a->next) {
        if (a != http->addresses)
            write_str(w, STR(", "));
        write_listening(w, &a->listener.address);
    }
}

/* Which "listen" it was. */
static const struct server_listen *
listen_of(const struct http_address *address)
{
    const struct http_server *server = address->default_server;

    for (uint32_t i = 0; i < server->listens.len; i++)
        if (address_eq(&server->listens.items[i]->address, &address->listener.address))
            return server->listens.items[i];
    return server->listens.items[0];
}

static void
tell_address(const struct run *run)
{
    char text[512];
    struct writer w = writer_at(text, sizeof(text));
    const struct http_address *a = run->address;
    struct str name = a->default_server->name;

    write_str(&w, STR("address: "));
    write_listening(&w, &a->listener.address);
    if (a->only_default)
        write_str(&w, STR(", which one server has"));
    else
        write_fmt(&w, ", which %u servers have; the default is ", a->servers.len);
    if (!a->only_default && name.len > 0)
        write_str(&w, name);
    else if (!a->only_default)
        write_str(&w, STR("one without a name"));
    if (a->proxy_protocol)
        write_str(&w, STR("; the PROXY header is left out"));
    run->told->step(run->told->ctx, &listen_of(a)->mark, writer_str(&w));
}

/* ---- the request --------------------------------------------------------------------------- */

static void
on_step(void *ctx, const struct conf_mark *where, struct str text)
{
    struct run *run = ctx;

    run->told->step(run->told->ctx, where, text);
}

static void
on_answered(void *ctx, const struct http_request *req)
{
    struct run *run = ctx;
    struct http_explained *e = run->explained;
    const struct http_response *resp = &req->response;

    if (run->done || req->parent != NULL)
        return;
    run->done = true;
    e->answered = true;
    e->status = resp->status;
    e->body_bytes = resp->body_bytes;
    e->own_page = resp->special;
    run->told->answered(run->told->ctx, req);
}

static void
on_logged(void *ctx, const struct http_log_line *line)
{
    struct run *run = ctx;

    run->told->logged(run->told->ctx, line);
}

/* Done, or all that is still to come is a body that nobody sends. */
static bool
is_over(const struct run *run)
{
    return run->done || run->conn == NULL
           || ((run->conn->state == CONN_READING || run->conn->state == CONN_IDLE)
               && run->sent_len > 0);
}

static void
wait_for_answer(struct run *run)
{
    uint64_t end_ms = now.mono_ms + PATIENCE_MS;

    while (!is_over(run) && now.mono_ms < end_ms && loop_turn(&run->loop, TURN_MS) >= 0)
        clock_update();
    if (run->conn != NULL)
        conn_close(run->conn, CLOSE_NORMAL);
    pool_batch_end(&run->pool);
}

/* The head of the final answer: interim ones stand in front of it. */
static struct str
answer_head(const struct run *run)
{
    struct str sent = { run->sent, run->sent_len };

    for (;;) {
        const char *end = memmem(sent.p, sent.len, "\r\n\r\n", 4);

        if (end == NULL)
            return sent;
        if (!str_starts(sent, STR("HTTP/1.1 1")))
            return (struct str){ sent.p, (size_t)(end - sent.p) };
        sent = str_from(sent, (size_t)(end + 4 - sent.p));
    }
}

static bool
connect_client(struct run *run)
{
    static const struct peer local_v4 = { .ip = { 127, 0, 0, 1 }, .family = AF_INET };
    static const struct peer local_v6 = { .ip = { [15] = 1 }, .family = AF_INET6 };
    struct peer client = run->asked->client;

    if (client.family == AF_UNSPEC && run->local.sa.sa_family == AF_UNIX)
        client.family = AF_UNIX;
    else if (client.family == AF_UNSPEC)
        client = run->local.sa.sa_family == AF_INET6 ? local_v6 : local_v4;
    run->conn = conn_take(&run->pool, run->ends[0], &client, CONN_NEW);
    if (run->conn == NULL)
        return false;
    run->conn->listener = &run->listener;
    run->conn->stream = &keep_stream;
    run->conn->stream_state = run;
    return true;
}

static bool
run_request(struct run *run)
{
    bool ok;

    run->worker = http_worker_start(run->http, &run->loop, &run->pool, 1);
    if (run->worker == NULL)
        return false;
    run->worker->trace = &run->trace;
    if ((ok = connect_client(run))) {
        tell_address(run);
        run->worker->connections++;
        http_start(run->conn, run->asked->head.p, run->asked->head.len);
        wait_for_answer(run);
        run->explained->head = arena_str(run->http->arena, answer_head(run));
    }
    http_worker_stop(run->worker);
    return ok;
}

static bool
run_in_pool(struct run *run)
{
    bool ok;

    if (!pool_init(&run->pool, &run->loop, SLOTS, &pool_default_limits))
        return false;
    ok = run_request(run);
    pool_fini(&run->pool);
    return ok;
}

static bool
run_in_loop(struct run *run)
{
    bool ok;

    if (!loop_init(&run->loop, SLOTS))
        return false;
    ok = run_in_pool(run);
    loop_fini(&run->loop);
    return ok;
}

bool
http_explain(struct http *http, const struct http_asked *asked, const struct http_trace *trace,
             struct http_explained *explained)
{
    struct run *run = ARENA_NEW(http->arena, struct run);
    bool ok;

    *explained = (struct http_explained){ .listened = false };
    if (run == NULL)
        return false;
    run->http = http;
    run->asked = asked;
    run->told = trace;
    run->trace = (struct http_trace){ .step = on_step, .answered = on_answered,
                                      .logged = on_logged, .ctx = run };
    run->explained = explained;
    if (!find_address(run))
        return true;
    explained->listened = true;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, run->ends) != 0)
        return false;
    ok = run_in_loop(run);
    if (run->ends[0] >= 0)
        close(run->ends[0]);
    close(run->ends[1]);
    return ok;
}
