/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxied: the header of the PROXY protocol in front of a connection's first request, where the
 * listen directive wants one. Until it is whole the connection has the ops of this file.
 */
#include "base/counters.h"
#include "http/engine.h"
#include "http/http.h"
#include <errno.h>

enum { READ_MORE = 1024 };      /* bytes, behind a header that is incomplete */

/* The circumstances of a line in the log, where there is no request yet. */
struct circumstances {
    struct log_context log;
    const struct conn *conn;
};

static void
describe_conn(struct log_details *details, const struct log_context *ctx)
{
    const struct conn *conn = CONTAINER_OF(ctx, struct circumstances, log)->conn;
    char text[ADDRESS_TEXT_MAX];
    struct writer w = writer_at(text, sizeof(text));

    write_peer(&w, &conn->peer);
    log_detail(details, "client", writer_str(&w));
    log_detail(details, "server", conn->listener->text);
}

static struct circumstances
circumstances_of(const struct conn *conn)
{
    return (struct circumstances){
        .log = {
            .log = &http_address_of(conn)->default_server->root->settings->log,
            .connection = conn->number,
            .action = "reading PROXY protocol",
            .describe = describe_conn,
        },
        .conn = conn,
    };
}

static void
refuse(struct conn *conn, struct str bytes, const char *reason)
{
    struct circumstances about = circumstances_of(conn);
    char text[4 * PROXY_V1_MAX];
    struct writer w = writer_at(text, sizeof(text));

    bytes.len = MIN(bytes.len, PROXY_V1_MAX);
    write_log_escaped(&w, bytes);
    LOG(&about.log, ERR, 0, "broken header: \"%.*s\" (%s)", (int)(w.p - w.start), text, reason);
    stats->proxy_protocol_errors++;
    conn_close(conn, CLOSE_BAD_REQUEST);
}

static void
wait_for_more(struct conn *conn)
{
    if (!conn_wait(conn, EPOLLIN))
        conn_close(conn, CLOSE_ERROR);
}

/* What stands behind the header is the client's own. */
static void
pass_on(struct conn *conn, const char *p, size_t len, const struct proxy_header *h)
{
    void **rare = conn_rare(conn);

    *rare = proxied_create(h);
    if (*rare == NULL) {
        LOG(&process_log, ALERT, ENOMEM, "no memory for what a proxy said of a client");
        conn_close(conn, CLOSE_ERROR);
        return;
    }
    if (conn->in != NULL && h->len == len) {
        buffer_free(conn->in);
        conn->in = NULL;
    } else if (conn->in != NULL) {
        conn->in->start += (uint32_t)h->len;
    }
    http_start(conn, p + h->len, len - h->len);
}

/* All bytes so far: in conn->in, or fresh ones in the worker's buffer. */
static void
take(struct conn *conn, const char *p, size_t len)
{
    struct proxy_header h;

    switch (proxy_header_read(p, len, &h)) {
    case PROXY_DONE:
        pass_on(conn, p, len, &h);
        return;
    case PROXY_BAD:
        refuse(conn, (struct str){ p, len }, h.reason);
        return;
    case PROXY_MORE:
        break;
    }
    if (conn->in == NULL && !buffer_append(&conn->in, p, len, PROXY_HEADER_MAX)) {
        conn_close(conn, CLOSE_ERROR);
        return;
    }
    conn_await_head(conn);
    wait_for_more(conn);
}

/* An incomplete header is shorter than PROXY_HEADER_MAX, so that what is stored stays bounded. */
static enum io
recv_stored(struct conn *conn, size_t *done)
{
    struct buffer *in;
    enum io io;

    if (!buffer_reserve(&conn->in, READ_MORE, PROXY_HEADER_MAX + READ_MORE)) {
        errno = ENOMEM;
        return IO_ERROR;
    }
    in = conn->in;
    io = conn->stream->recv(conn, in->p + in->end, in->cap - in->end, done);
    if (io == IO_DONE)
        in->end += (uint32_t)*done;
    return io;
}

static void
on_readable(struct conn *conn)
{
    char *fresh = http_address_of(conn)->worker->in;
    size_t done;
    enum io io = conn->in != NULL ? recv_stored(conn, &done)
                                  : conn->stream->recv(conn, fresh, READ_SIZE, &done);

    switch (io) {
    case IO_DONE:
        if (conn->in != NULL)
            take(conn, conn->in->p + conn->in->start, buffer_len(conn->in));
        else
            take(conn, fresh, done);
        return;
    case IO_AGAIN:
        wait_for_more(conn);
        return;
    case IO_CLOSED:
        conn_close(conn, CLOSE_CLIENT);
        return;
    case IO_ERROR:
    case IO_SHORT:
        conn_close(conn, CLOSE_ERROR);
        return;
    }
}

static void
on_event(struct conn *conn, uint32_t events)
{
    (void)events;
    on_readable(conn);
}

static void
on_timeout(struct conn *conn)
{
    struct circumstances about = circumstances_of(conn);

    LOG(&about.log, INFO, ETIMEDOUT, "client timed out");
    conn_close(conn, CLOSE_TIMEOUT);
}

static void
on_close(struct conn *conn, enum close_reason reason)
{
    (void)reason;
    http_address_of(conn)->worker->connections--;
    proxied_free(conn_rare_of(conn));
}

static const struct conn_ops proxied_ops = {
    .on_event = on_event,
    .on_timeout = on_timeout,
    .on_close = on_close,
};

bool
http_awaits_proxied(const struct conn *conn)
{
    return conn->ops == &proxied_ops;
}

void
http_read_proxied(struct conn *conn)
{
    conn->ops = &proxied_ops;
    on_readable(conn);
}
