/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection: what comes next on an HTTP/1 connection.
 *
 * Bytes are read into the worker's buffer and served from there; feed() takes one message after the
 * other from them, each by read_head(), the handlers, read_body() and settle(). Whatever must wait
 * leaves the connection in a state that an event resumes: READING (more input), WRITING (the
 * socket), PROCESSING (a handler). Only then does it own memory: an incomplete head, or what was
 * read ahead, in conn->in; what the socket did not take in conn->out; the request.
 */
#include "base/clock.h"
#include "base/counters.h"
#include "http/h1/h1.h"
#include "http/http.h"
#include <errno.h>
#include <sys/socket.h>

/* What a step says of the input and the connection. */
enum step {
    STEP_MORE,                  /* needs more input */
    STEP_NEXT,                  /* the message is done: on to the next */
    STEP_BUSY,                  /* waits for the socket or a handler */
    STEP_GONE                   /* the connection was closed, or only lingers */
};

static void after_settle(struct conn *conn, enum step step);
static void body_resumed(struct http_request *req);

static struct http_worker *
worker_of(const struct conn *conn)
{
    return http_address_of(conn)->worker;
}

/* ---- the end of a connection --------------------------------------------------------------- */

static enum step
close_now(struct conn *conn, enum close_reason reason)
{
    worker_of(conn)->out_len = 0;
    conn_close(conn, reason);
    return STEP_GONE;
}

/* With an RST instead of a FIN: reset_timedout_connection. */
static void
set_reset(struct conn *conn)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* What was sent as a request line, as far as it came, for the log. */
static void
note_bad_line(struct http_request *req, const char *p, size_t len)
{
    const char *end = memchr(p, '\n', len);
    size_t n = end != NULL ? (size_t)(end - p) : MIN(len, 256);

    while (n > 0 && (p[n - 1] == '\r' || p[n - 1] == '\n'))
        n--;
    req->request_line = arena_str(req->arena, (struct str){ p, MIN(n, 2048) });
}

static void
on_close(struct conn *conn, enum close_reason reason)
{
    struct http_request *req = conn->request;

    worker_of(conn)->connections--;
    if (req == NULL)
        return;
    if (reason == CLOSE_HANDED_OVER) {
        /* Half a head: it goes on elsewhere, and is logged there. */
    } else if (!h1_of(req)->head_done) {       /* it left in the middle of a head */
        if (conn->in != NULL)
            note_bad_line(req, conn->in->p + conn->in->start, buffer_len(conn->in));
        if (req->log_status == 0)
            req->log_status = HTTP_BAD_REQUEST;
    } else if (reason == CLOSE_CLIENT && h1_of(req)->collects) {
        LOG(&req->log, INFO, 0, "client prematurely closed connection");
        req->log_status = HTTP_BAD_REQUEST;
    } else if (reason == CLOSE_CLIENT && !req->response.started) {
        req->log_status = HTTP_CLIENT_LEFT;
    }
    if (reason != CLOSE_HANDED_OVER)
        http_log(req);
    conn->request = NULL;
    http_request_release(req);
}

/* ---- waiting for the peer ------------------------------------------------------------------ */

/* The settings for the request under way, or for none. */
static const struct location_settings *
settings_of(const struct conn *conn)
{
    const struct http_request *req = conn->request;

    return req != NULL ? http_settings_for(req)
                       : http_address_of(conn)->default_server->root->settings;
}

/*
 * What the peer did for a part so far. For an answer, what its system has acknowledged: a socket
 * takes much at once that the peer may never read. Differences alone count, so that the sums may
 * wrap.
 */
static uint64_t
bytes_moved(const struct conn *conn, enum slow_part part)
{
    const struct http_request *req = conn->request;
    uint64_t acked;

    switch (part) {
    case SLOW_NOTHING:
        return 0;
    case SLOW_HEAD:
        return conn->in != NULL ? buffer_len(conn->in) : 0;
    case SLOW_BODY:
        return req->received_bytes;
    case SLOW_ANSWER:
        break;
    }
    if (conn_acked(conn, &acked))
        return acked;
    return req->response.head_bytes + req->response.body_bytes
           - (conn->out != NULL ? buffer_len(conn->out) : 0);
}

/* The deadline is the nearer of the timeout and the next look at the rate. */
static void
set_nearer_deadline(struct conn *conn)
{
    const struct h1_request *h1 = h1_of(conn->request);
    uint64_t at_ms = MIN(h1->timeout_ms, h1->slow->look_ms);

    conn_deadline(conn, at_ms > now.mono_ms ? at_ms - now.mono_ms : 1);
}

static COLD void
wait_measured(struct conn *conn, enum slow_part part, uint64_t timeout_ms)
{
    struct http_request *req = conn->request;
    struct h1_request *h1 = h1_of(req);
    const struct min_rate *rate = &http_settings_for(req)->client_min_rate;

    if (h1->slow == NULL)
        h1->slow = arena_zalloc(req->arena, sizeof(*h1->slow));
    if (h1->slow == NULL || rate->bytes == 0) {
        if (h1->slow != NULL)
            h1->slow->part = SLOW_NOTHING;
        conn_deadline(conn, timeout_ms);
        return;
    }
    slow_resume(h1->slow, now.mono_ms);
    if (h1->slow->part != part) {
        slow_begin(h1->slow, part, part == SLOW_HEAD ? 0 : bytes_moved(conn, part), now.mono_ms,
                   rate->after_ms);
    }
    h1->timeout_ms = now.mono_ms + timeout_ms;
    set_nearer_deadline(conn);
}

/* The peer has so long to get on with a part of its request, or with reading the answer. */
static void
wait_for_peer(struct conn *conn, enum slow_part part, uint64_t timeout_ms)
{
    struct http_request *req = conn->request;

    if (LIKELY(req == NULL
               || (http_settings_for(req)->client_min_rate.bytes == 0 && h1_of(req)->slow == NULL)))
        conn_deadline(conn, timeout_ms);
    else
        wait_measured(conn, part, timeout_ms);
}

/* ---- the last answer ----------------------------------------------------------------------- */

/*
 * What still comes is read and thrown away, so that a reset does not take the answer from the
 * client (RFC 9112 9.6).
 */
static enum step
start_linger(struct conn *conn, const struct location_settings *settings)
{
    if (MIN(settings->lingering_timeout_ms, settings->lingering_time_ms) == 0
        || !conn->stream->shutdown(conn))
        return close_now(conn, conn->ends_as);
    buffer_free(conn->in);
    conn->in = NULL;
    conn_state_set(conn, CONN_LINGERING);
    conn->linger_end_ms = now.mono_ms + settings->lingering_time_ms;
    conn->allowance_ms = (uint32_t)MIN(settings->lingering_timeout_ms, UINT32_MAX);
    conn_deadline(conn, MIN(settings->lingering_timeout_ms, settings->lingering_time_ms));
    if (!conn_wait(conn, EPOLLIN))
        return close_now(conn, CLOSE_ERROR);
    return STEP_GONE;
}

/* It took too long. What led to it counts for more, if it was not an ordinary end. */
static void
end_linger(struct conn *conn)
{
    close_now(conn, conn->ends_as == CLOSE_NORMAL ? CLOSE_TIMEOUT : conn->ends_as);
}

static void
on_linger_readable(struct conn *conn)
{
    struct http_worker *worker = worker_of(conn);
    size_t done;

    switch (conn->stream->recv(conn, worker->in, READ_SIZE, &done)) {
    case IO_AGAIN:
        return;
    case IO_DONE:
        if (now.mono_ms >= conn->linger_end_ms)
            end_linger(conn);
        else
            conn_deadline(conn, MIN(conn->allowance_ms, conn->linger_end_ms - now.mono_ms));
        return;
    case IO_CLOSED:
    case IO_ERROR:
    case IO_SHORT:
        close_now(conn, conn->ends_as);
        return;
    }
}

/* ---- the end of a request ------------------------------------------------------------------ */

static enum step
wait_for_socket(struct conn *conn)
{
    conn_state_set(conn, CONN_WRITING);
    wait_for_peer(conn, SLOW_ANSWER, settings_of(conn)->send_timeout_ms);
    if (!conn_wait(conn, EPOLLOUT))
        return close_now(conn, CLOSE_ERROR);
    return STEP_BUSY;
}

/* The client waits for us: for limit_rate. Only its leaving is of interest meanwhile. */
static enum step
wait_for_pace(struct conn *conn, uint64_t ms)
{
    struct h1_request *h1 = h1_of(conn->request);

    conn_state_set(conn, CONN_WRITING);
    if (h1->slow != NULL)
        slow_pause(h1->slow, now.mono_ms);
    h1->paced = true;
    conn_deadline(conn, ms);
    if (!conn_wait(conn, 0))
        return close_now(conn, CLOSE_ERROR);
    return STEP_BUSY;
}

/* The client waits for us: a source of the body has nothing yet. It has no deadline. */
static enum step
wait_for_body(struct conn *conn)
{
    struct h1_request *h1 = h1_of(conn->request);

    conn_state_set(conn, CONN_WRITING);
    if (h1->slow != NULL)
        slow_pause(h1->slow, now.mono_ms);
    h1->awaits_body = true;
    conn_deadline(conn, 0);
    if (!conn_wait(conn, 0))
        return close_now(conn, CLOSE_ERROR);
    return STEP_BUSY;
}

/* IO_DONE: goes on; else what became of the connection stands in *step. */
static bool
flush_or_wait(struct conn *conn, enum step *step)
{
    if (worker_of(conn)->out_len == 0 && conn->out == NULL)
        return true;
    switch (h1_flush(conn, false)) {
    case IO_DONE:
        return true;
    case IO_AGAIN:
        *step = wait_for_socket(conn);
        return false;
    case IO_CLOSED:
        *step = close_now(conn, CLOSE_CLIENT);
        return false;
    case IO_ERROR:
    case IO_SHORT:
        break;
    }
    LOG(&process_log, INFO, errno, "send() failed");
    *step = close_now(conn, CLOSE_ERROR);
    return false;
}

static bool
must_linger(const struct http_request *req, const struct location_settings *settings,
            bool more_input)
{
    if (settings->lingering_close == LINGER_OFF)
        return false;
    return settings->lingering_close == LINGER_ALWAYS || req->refused || more_input
           || !h1_of(req)->body_done;
}

static enum close_reason
end_reason(const struct http_request *req)
{
    if (req->refused && h1_of(req)->ends_as == CLOSE_NORMAL)
        return CLOSE_BAD_REQUEST;
    return h1_of(req)->ends_as;
}

/*
 * The answer is out and nothing of the request is to come. more_input: bytes of the next one are
 * here.
 */
static enum step
finish(struct conn *conn, bool more_input)
{
    struct http_request *req = conn->request;
    const struct location_settings *settings = http_settings_for(req);
    bool keepalive = req->keepalive, linger;
    enum step step;

    /*
     * Answers to pipelined requests leave together; the last of a turn waits for the socket, so
     * that it is a request that waits.
     */
    if ((!(more_input && keepalive) || conn->out != NULL || req->worker->turn_ends)
        && !flush_or_wait(conn, &step))
        return step;
    http_log(req);
    linger = !keepalive && must_linger(req, settings, more_input);
    conn->ends_as = end_reason(req);
    conn->request = NULL;
    conn->requests++;
    conn->answered = true;
    conn->allowance_ms = (uint32_t)MIN(settings->keepalive.ms, UINT32_MAX);
    conn->keep_ms = (uint32_t)MIN(settings->keepalive_min_timeout_ms, UINT32_MAX);
    http_request_release(req);
    if (keepalive)
        return STEP_NEXT;
    return linger ? start_linger(conn, settings) : close_now(conn, conn->ends_as);
}

/* Whether nothing but the end of the connection tells where the body ends. */
static bool
ends_with_connection(const struct http_response *resp)
{
    return !resp->chunked && !resp->no_body && resp->content_length < 0;
}

/* An answer that cannot be completed: the client must see that it is cut. */
static enum step
give_up(struct conn *conn)
{
    struct http_request *req = conn->request;
    struct h1_request *h1 = h1_of(req);

    switch (h1->out) {
    case IO_CLOSED:
        return close_now(conn, CLOSE_CLIENT);
    case IO_SHORT:
        LOG(&req->log, ALERT, 0, "file was truncated while it was sent: \"%.*s\"",
            STR_ARG(req->filename));
        break;
    case IO_ERROR:
        LOG(&req->log, INFO, errno, "sending the answer failed");
        break;
    case IO_DONE:
    case IO_AGAIN:
        break;
    }
    h1_flush(conn, false);      /* earlier answers are whole */
    if (conn->out != NULL)
        h1_drain(conn);
    if (req->response.started && ends_with_connection(&req->response))
        set_reset(conn);        /* an orderly end would say that it is whole */
    return close_now(conn, CLOSE_ERROR);
}

/*
 * Whether the kernel may keep an incomplete packet back for a moment: more of it follows at once,
 * or soon and it is too little to be sent alone (postpone_output).
 */
static bool
may_hold_back(const struct http_request *req)
{
    const struct h1_request *h1 = h1_of(req);

    if (UNLIKELY(h1->waits))
        return req->worker->out_len < http_settings_for(req)->postpone_output_bytes;
    return h1->pace == NULL;
}

/* Some of the answer is still to be written: sends what is gathered of it and waits. */
static enum step
write_later(struct conn *conn)
{
    struct h1_request *h1 = h1_of(conn->request);
    enum io io = h1_flush(conn, may_hold_back(conn->request));
    uint64_t ms;

    if (io == IO_ERROR || io == IO_CLOSED) {
        h1->out = io;
        return give_up(conn);
    }
    if (UNLIKELY(h1->pace != NULL) && io == IO_DONE
        && (ms = pace_wait_ms(h1->pace, now.mono_us)) > 0)
        return wait_for_pace(conn, ms);
    if (UNLIKELY(h1->waits) && io == IO_DONE)
        return wait_for_body(conn);
    return wait_for_socket(conn);
}

/*
 * After an attempt to write the answer: waits, reads what is left of the body, or finishes.
 */
static enum step
settle(struct conn *conn, bool more_input)
{
    struct http_request *req = conn->request;
    struct h1_request *h1 = h1_of(req);
    enum step step;

    if (h1->failed || h1->out == IO_SHORT || h1->out == IO_ERROR || h1->out == IO_CLOSED)
        return give_up(conn);
    if (h1->out == IO_AGAIN)
        return write_later(conn);
    if (h1->body_done || !req->keepalive)
        return finish(conn, more_input);
    /* The answer is there, its request's body is not: the answer leaves now. */
    if (!more_input) {
        if (!flush_or_wait(conn, &step))
            return step;
        wait_for_peer(conn, SLOW_BODY, http_settings_for(req)->client_body_timeout_ms);
    }
    conn_state_set(conn, CONN_READING);
    return STEP_MORE;
}

/* ---- hand-over ----------------------------------------------------------------------------- */

/* Where the client came to. False with errno. */
static bool
local_address(const struct conn *conn, struct address *address)
{
    if (!address_is_wildcard(&conn->listener->address)) {
        *address = conn->listener->address;
        return true;
    }
    address->len = sizeof(address->un);
    return getsockname(conn->fd, &address->sa, &address->len) == 0;
}

/* Whether the successor will serve this client: then a kept connection stays one. */
static bool
has_successor(const struct conn *conn)
{
    const struct http_successor *to = worker_of(conn)->successor;
    struct address local;

    return to != NULL && conn->stream == &plain_stream && local_address(conn, &local)
           && to->covers(to->ctx, &local);
}

/* Between two requests, or at the begin of one, with nothing still to be sent. */
static bool
can_go(const struct conn *conn)
{
    const struct http_request *req = conn->request;

    if (conn->out != NULL || (req != NULL && h1_of(req)->head_done)
        || (conn->in != NULL && buffer_len(conn->in) > HTTP_CARRIED_MAX))
        return false;
    return conn->state == CONN_IDLE || conn->state == CONN_ACCEPTED || conn->state == CONN_READING;
}

static struct http_carried
carry(const struct conn *conn)
{
    const struct http_request *req = conn->request;
    struct http_carried carried = {
        .peer = conn->peer, .since_ms = conn->since_ms, .waiting_ms = now.mono_ms,
        .requests = conn->requests, .allowance_ms = conn->allowance_ms, .keep_ms = conn->keep_ms,
        .answered = conn->answered, .awaits_proxied = http_awaits_proxied(conn),
    };

    if (conn->in != NULL)
        carried.ahead = (struct str){ conn->in->p + conn->in->start, buffer_len(conn->in) };
    if (conn->state == CONN_IDLE)
        carried.waiting_ms = conn->idle_since_ms;
    else if (conn->state == CONN_ACCEPTED)
        carried.waiting_ms = conn->since_ms;
    else if (req != NULL)
        carried.waiting_ms = req->start_us / 1000;
    return carried;
}

enum hand_over
h1_hand_over(struct conn *conn)
{
    const struct http_successor *to = worker_of(conn)->successor;
    const struct proxied *proxied = http_proxied_of(conn);
    struct http_carried carried;
    uint8_t flat[PROXIED_FLAT_MAX];
    uint32_t interest = conn->interest;

    if (to == NULL || !can_go(conn) || !has_successor(conn))
        return HAND_OVER_NEVER;
    carried = carry(conn);
    if (!local_address(conn, &carried.local))
        return HAND_OVER_NEVER;
    if (proxied != NULL) {
        carried.counted = proxied->counted;
        carried.proxied = (struct str){ (const char *)flat, proxied_encode(proxied, flat) };
    }
    conn_unwatch(conn);
    if (to->send(to->ctx, conn->fd, &carried)) {
        stats->handed_over_connections++;
        close_now(conn, CLOSE_HANDED_OVER);
        return HAND_OVER_DONE;
    }
    if (!conn_wait(conn, interest)) {
        close_now(conn, CLOSE_ERROR);
        return HAND_OVER_DONE;
    }
    return HAND_OVER_LATER;
}

/* True: it was handed over, or closed. */
static bool
gone_to_successor(struct conn *conn)
{
    switch (h1_hand_over(conn)) {
    case HAND_OVER_DONE:
        return true;
    case HAND_OVER_LATER:
        worker_of(conn)->hand_over_missed = true;
        return false;
    case HAND_OVER_NEVER:
        return false;
    }
    return false;
}

/* ---- answers ------------------------------------------------------------------------------- */

/*
 * keepalive_disable: browsers of long ago that break on a kept connection after a POST, or at all.
 */
static bool
is_disabled_browser(const struct http_request *req, uint32_t disable)
{
    struct str agent = req->known[FIELD_USER_AGENT];

    if ((disable & 1) != 0 && req->method == METHOD_POST
        && memmem(agent.p, agent.len, "MSIE 6.", 7) != NULL
        && memmem(agent.p, agent.len, "Opera", 5) == NULL)
        return true;
    return (disable & 2) != 0 && memmem(agent.p, agent.len, "Safari/", 7) != NULL
           && memmem(agent.p, agent.len, "Mac OS X", 8) != NULL
           && memmem(agent.p, agent.len, "Chrome/", 7) == NULL;
}

static bool
may_keep(const struct http_request *req)
{
    const struct location_settings *s = http_settings_for(req);
    const struct conn *conn = req->conn;

    if (!req->keepalive || s->keepalive.ms == 0
        || (UNLIKELY(req->worker->retiring) && !has_successor(conn))
        || conn->requests + 1 >= s->keepalive_requests
        || now.mono_ms - conn->since_ms >= s->keepalive_time_ms)
        return false;
    if (s->keepalive_disable != 0 && req->known[FIELD_USER_AGENT].len > 0
        && is_disabled_browser(req, s->keepalive_disable))
        return false;
    if (LIKELY(!pool_is_nearly_full(conn->pool)))
        return true;
    stats->closes_when_full++;
    return false;
}

static COLD void
start_pace(struct http_request *req)
{
    const struct location_settings *s = http_settings_for(req);
    uint64_t rate = req->has_limit_rate ? req->limit_rate : size_text_eval(req, &s->limit_rate);
    struct pace *pace;

    if (rate == 0)
        return;
    if (http_is_explained(req)) {
        HTTP_TRACE(req, NULL, "limit_rate: %llu bytes a second", (unsigned long long)rate);
        return;                 /* nobody wants to wait for the bytes */
    }
    if ((pace = ARENA_NEW(req->arena, struct pace)) == NULL) {
        LOG(&req->log, ALERT, ENOMEM, "no memory for limit_rate");
        return;
    }
    pace_start(pace, rate, size_text_eval(req, &s->limit_rate_after), now.mono_us);
    h1_of(req)->pace = pace;
}

/*
 * An answer that is told of: nobody reads its body. How long that is which is made on its way is
 * known only when it is made.
 */
static COLD void
skip_body(struct http_response *resp)
{
    for (; resp->body != NULL && resp->body->kind != PART_PULL; resp->body = resp->body->next)
        resp->body_bytes += resp->body->len;
}

/* Fields made of what the client sends can be of any size: this answer cannot be given. */
static COLD bool
answer_without_fields(struct http_request *req)
{
    if (h1_head_fits(req))
        return false;
    LOG(&req->log, ERR, 0, "the head of the answer is too large");
    http_fail(req, HTTP_INTERNAL_ERROR);
    req->response.no_body = req->method == METHOD_HEAD;
    return h1_encode(req);
}

static void
respond(struct http_request *req)
{
    struct h1_request *h1 = h1_of(req);

    req->keepalive = may_keep(req);
    h1_choose_coding(req);
    if ((UNLIKELY(!h1_encode(req)) && !answer_without_fields(req))
        || (UNLIKELY(req->response.chunked) && !h1_chunk_parts(req))) {
        h1->failed = true;
        return;
    }
    if (req->response.no_body)
        req->response.body = NULL;
    if (UNLIKELY(req->has_limit_rate
                 || !size_text_is_zero(&http_settings_for(req)->limit_rate)))
        start_pace(req);
    if (http_is_explained(req))
        skip_body(&req->response);
    h1->out = h1_push(req);
}

static void
abandon(struct http_request *req)
{
    req->keepalive = false;
    req->refused = false;
    req->log_status = req->response.status;
    if (http_settings_for(req)->reset_timedout_connection)
        set_reset(req->conn);
    h1_of(req)->out = IO_DONE;
    h1_of(req)->body_done = true;
    req->response.started = true;
}

/* ---- bodies that a handler wants ----------------------------------------------------------- */

static void
want_body(struct http_request *req)
{
    h1_of(req)->collects = true;
}

/*
 * A handler waits for the body. What the client has sent of it already is next; else it is told
 * that it may, and has the time of client_body_timeout for each piece.
 */
static enum step
await_body(struct conn *conn, bool more_input)
{
    struct http_request *req = conn->request;

    conn_state_set(conn, CONN_READING);
    if (more_input)
        req->wants_continue = false;
    h1_continue(req);
    wait_for_peer(conn, SLOW_BODY, http_settings_for(req)->client_body_timeout_ms);
    return STEP_MORE;
}

static void
resumed(struct http_request *req)
{
    struct conn *conn = req->conn;      /* the request may be gone when it is settled */

    if (req->response.started || h1_of(req)->failed)
        after_settle(conn, settle(conn, conn->in != NULL));
    else if (h1_of(req)->collects)
        after_settle(conn, await_body(conn, conn->in != NULL));
}

const struct http_codec h1_codec = {
    .respond = respond, .abandon = abandon, .resumed = resumed, .want_body = want_body,
    .body_resumed = body_resumed, .interim = h1_interim,
};

/* ---- requests ------------------------------------------------------------------------------ */

static struct http_request *
start_request(struct conn *conn)
{
    struct http_request *req = http_request_take(worker_of(conn), conn, &h1_codec);

    if (req == NULL)
        return NULL;
    req->codec_state = arena_zalloc(req->arena, sizeof(struct h1_request));
    if (req->codec_state == NULL) {
        http_request_release(req);
        return NULL;
    }
    req->pipelined = worker_of(conn)->is_behind;
    conn->request = req;
    return req;
}

/*
 * The client waits for us, so it has no deadline. It may leave meanwhile: to half-close counts as
 * leaving, for nobody can tell it from a client that is gone.
 */
static enum step
wait_for_handler(struct conn *conn)
{
    enum io io = h1_flush(conn, false);         /* earlier answers do not wait for the handler */

    if (UNLIKELY(io == IO_CLOSED))
        return close_now(conn, CLOSE_CLIENT);
    if (UNLIKELY(io == IO_ERROR || io == IO_SHORT))
        return close_now(conn, CLOSE_ERROR);
    conn_deadline(conn, 0);
    if (!conn_wait(conn, EPOLLRDHUP))
        return close_now(conn, CLOSE_ERROR);
    return STEP_BUSY;
}

/* The handlers have run as far as they can. */
static enum step
after_handlers(struct conn *conn, bool more_input)
{
    struct http_request *req = conn->request;

    if (req->response.started || h1_of(req)->failed)
        return settle(conn, more_input);
    return h1_of(req)->collects ? await_body(conn, more_input) : wait_for_handler(conn);
}

static enum step
refuse(struct conn *conn, unsigned status, unsigned log_status, enum close_reason reason)
{
    struct http_request *req = conn->request;

    h1_of(req)->ends_as = reason;

    conn_state_set(conn, CONN_PROCESSING);
    req->version = MAX(req->version, 10);
    h1_of(req)->head_done = true;       /* as much as there will be: it is logged */
    http_refuse(req, status, log_status);
    return after_handlers(conn, false); /* one may wait: of the page that stands in for the error */
}

/* RFC 9110 9.3.2: whatever is wrong with it, the answer to a HEAD has no body. */
static void
note_method(struct http_request *req, const char *head)
{
    const struct framing *f = &h1_of(req)->framing;

    req->method = http_method_of((struct str){ head + f->skipped, f->method_len });
}

static enum step
refuse_framing(struct conn *conn, const char *p, size_t len)
{
    struct http_request *req = conn->request;
    const struct framing *f = &h1_of(req)->framing;

    note_bad_line(req, p + MIN(f->skipped, len), len - MIN(f->skipped, len));
    note_method(req, p);
    LOG(&req->log, INFO, 0, "client sent invalid request: %s", f->reason);
    HTTP_TRACE(req, NULL, "framing: refused with %u: %s", f->status, f->reason);
    return refuse(conn, f->status, f->head_too_large ? HTTP_HEAD_TOO_LARGE : 0,
                  CLOSE_BAD_REQUEST);
}

/* The head is whole: handlers run, the answer is under way when this returns. */
static enum step
serve(struct conn *conn, const char *head, bool more_input)
{
    struct http_request *req = conn->request;
    unsigned status = h1_parse(req, head);

    if (UNLIKELY(status != 0)) {
        note_method(req, head);
        return refuse(conn, status, 0, CLOSE_BAD_REQUEST);
    }
    if (more_input)
        req->wants_continue = false;    /* the body is on its way already */
    req->received_bytes = h1_of(req)->framing.head_len;
    conn_state_set(conn, CONN_PROCESSING);
    http_process(req);
    return after_handlers(conn, more_input);
}

static enum step
read_head(struct conn *conn, const char *p, size_t len, size_t *used)
{
    struct http_request *req = conn->request;
    bool is_new = req == NULL;
    struct framing *f;

    if (req == NULL && (req = start_request(conn)) == NULL) {
        LOG(&process_log, ALERT, ENOMEM, "no memory for a request");
        return close_now(conn, CLOSE_ERROR);
    }
    f = &h1_of(req)->framing;
    f->valid_host = http_last_host(req->worker);
    switch (framing_check(f, p, len, &req->server->settings->limits)) {
    case FRAMING_MORE:
        /*
         * For the head as a whole, from its first byte; anew when it had to wait until the client
         * had read earlier answers.
         */
        if (is_new || conn->state == CONN_WRITING)
            wait_for_peer(conn, SLOW_HEAD, req->server->settings->client_header_timeout_ms);
        conn_await_head(conn);
        return STEP_MORE;
    case FRAMING_REFUSED:
        *used = len;
        return refuse_framing(conn, p, len);
    case FRAMING_DONE:
        break;
    }
    *used = f->head_len;
    return serve(conn, p, len > f->head_len);
}

/* The body is there, or could not be kept: the handler goes on. */
static enum step
go_on_with_body(struct conn *conn, bool more_input)
{
    struct http_request *req = conn->request;

    h1_of(req)->collects = false;
    conn_state_set(conn, CONN_PROCESSING);
    http_continue(req);
    return after_handlers(conn, more_input);
}

static enum step
refuse_body(struct conn *conn, unsigned status)
{
    h1_of(conn->request)->collects = false;
    return refuse(conn, status, 0, CLOSE_BAD_REQUEST);
}

static enum step
collect_body(struct conn *conn, const char *p, size_t len, size_t *used)
{
    struct http_request *req = conn->request;

    switch (h1_body_read(req, p, len, used)) {
    case H1_BODY_MORE:
        wait_for_peer(conn, SLOW_BODY, http_settings_for(req)->client_body_timeout_ms);
        return STEP_MORE;
    case H1_BODY_DONE:
        return go_on_with_body(conn, *used < len);
    case H1_BODY_FAILED:
        *used = len;
        req->keepalive = false;
        return go_on_with_body(conn, true);
    case H1_BODY_BAD:
        LOG(&req->log, ERR, 0, "client sent invalid chunked body");
        *used = len;
        return refuse_body(conn, HTTP_BAD_REQUEST);
    case H1_BODY_TOO_LARGE:
        break;
    }
    LOG(&req->log, ERR, 0, "client intended to send too large chunked body");
    HTTP_TRACE(req, NULL, "client_max_body_size: the request has more than %llu bytes",
               (unsigned long long)http_settings_for(req)->client_max_body_size);
    *used = len;
    return refuse_body(conn, HTTP_CONTENT_TOO_LARGE);
}

static enum step
read_body(struct conn *conn, const char *p, size_t len, size_t *used)
{
    struct http_request *req = conn->request;
    enum h1_body verdict = h1_body_read(req, p, len, used);

    switch (verdict) {
    case H1_BODY_MORE:
        if (req->keepalive)
            wait_for_peer(conn, SLOW_BODY, http_settings_for(req)->client_body_timeout_ms);
        return settle(conn, *used < len);
    case H1_BODY_DONE:
        return settle(conn, *used < len);
    case H1_BODY_BAD:
    case H1_BODY_TOO_LARGE:
    case H1_BODY_FAILED:        /* nobody keeps it */
        break;
    }
    /*
     * The answer is out already: all that is left is to close, so that the client sees the answer
     * first.
     */
    LOG(&req->log, INFO, 0, "client sent invalid or too large chunked body");
    *used = len;
    req->keepalive = false;
    if (verdict == H1_BODY_BAD)
        h1_of(req)->ends_as = CLOSE_BAD_REQUEST;
    return settle(conn, true);
}

/* ---- input --------------------------------------------------------------------------------- */

/* Takes messages from p until something must wait; *left is what was not taken. */
static enum step
feed(struct conn *conn, const char *p, size_t len, size_t *left)
{
    struct http_worker *worker = worker_of(conn);
    enum step step = STEP_NEXT;
    uint32_t left_in_turn = worker->requests_per_turn;

    while (len > 0 && (step == STEP_NEXT || step == STEP_MORE)) {
        struct http_request *req = conn->request;
        size_t used = 0;

        if (step == STEP_NEXT) {
            if (left_in_turn == 0)
                break;
            worker->turn_ends = --left_in_turn == 0;
        }
        if (req == NULL || !h1_of(req)->head_done)
            step = read_head(conn, p, len, &used);
        else if (h1_of(req)->collects)
            step = collect_body(conn, p, len, &used);
        else
            step = read_body(conn, p, len, &used);
        if (step == STEP_GONE)
            return step;
        p += used;
        len -= used;
        worker->is_behind = true;
        if (step == STEP_MORE && used == 0)
            break;
    }
    *left = len;
    return step;
}

static enum step
become_idle(struct conn *conn)
{
    conn_state_set(conn, CONN_IDLE);
    conn->idle_since_ms = now.mono_ms;
    conn_deadline(conn, conn->allowance_ms);
    if (!conn_wait(conn, EPOLLIN))
        return close_now(conn, CLOSE_ERROR);
    return STEP_MORE;
}

/*
 * Nothing more is to be done now. A worker that ends hands it over, or else has promised it one
 * more answer; without a successor it is kept only for as long as keepalive_min_timeout says.
 */
static void
rest(struct conn *conn)
{
    const struct http_worker *worker = worker_of(conn);

    if (LIKELY(!worker->retiring) || worker->successor != NULL) {
        if (become_idle(conn) != STEP_GONE && UNLIKELY(worker->retiring))
            gone_to_successor(conn);
    } else if (conn->keep_ms == 0) {
        close_now(conn, CLOSE_SHUTDOWN);
    } else if (become_idle(conn) != STEP_GONE) {
        conn_deadline(conn, conn->keep_ms);
    }
}

/* The connection had its share of this turn and has more input: it goes on in the next. */
static void
yield_turn(struct conn *conn)
{
    stats->conn_yields++;
    conn_state_set(conn, CONN_READING);
    conn_deadline(conn, settings_of(conn)->send_timeout_ms);
    if (!conn_wait(conn, EPOLLOUT))
        close_now(conn, CLOSE_ERROR);
    else if (UNLIKELY(worker_of(conn)->retiring))
        gone_to_successor(conn);
}

/* After feed(): what is gathered leaves, and the connection waits for what comes next. */
static void
after_feed(struct conn *conn, enum step step, size_t left)
{
    if (step == STEP_BUSY || step == STEP_GONE)
        return;
    if (!flush_or_wait(conn, &step))
        return;
    if (step == STEP_NEXT && left == 0) {
        rest(conn);
    } else if (step == STEP_NEXT) {
        yield_turn(conn);
    } else if (!conn_wait(conn, EPOLLIN)) {
        close_now(conn, CLOSE_ERROR);
    } else if (UNLIKELY(worker_of(conn)->retiring)) {
        gone_to_successor(conn);        /* half a head: its end may take long */
    }
}

/* Input that stands in the worker's buffer; what is left over is copied out. */
static void
feed_fresh(struct conn *conn, const char *p, size_t len)
{
    size_t left = 0;
    enum step step;

    worker_of(conn)->is_behind = false;
    step = feed(conn, p, len, &left);
    if (step != STEP_GONE && left > 0
        && !buffer_append(&conn->in, p + len - left, left, READ_SIZE)) {
        close_now(conn, CLOSE_ERROR);
        return;
    }
    after_feed(conn, step, left);
}

/* Input that stands in conn->in. */
static void
feed_stored(struct conn *conn)
{
    struct buffer *in = conn->in;
    size_t left = 0;
    enum step step;

    worker_of(conn)->is_behind = conn->requests > 0;
    step = feed(conn, in->p + in->start, buffer_len(in), &left);
    if (step == STEP_GONE)
        return;
    if (left == 0) {
        buffer_free(conn->in);
        conn->in = NULL;
    } else {
        conn->in->start = conn->in->end - (uint32_t)left;
    }
    after_feed(conn, step, left);
}

/* An answer went on outside feed(): what was read ahead is next. */
static void
after_settle(struct conn *conn, enum step step)
{
    if (step == STEP_GONE || step == STEP_BUSY)
        return;
    if (conn->in != NULL)
        feed_stored(conn);
    else
        after_feed(conn, step, 0);
}

/* Reads behind what is stored of an incomplete head. Its size is bounded by framing_check. */
static enum io
recv_stored(struct conn *conn, size_t *done)
{
    size_t want = MAX(buffer_len(conn->in), 1024);
    enum io io;

    if (!buffer_reserve(&conn->in, want, UINT32_MAX / 2)) {
        errno = ENOMEM;
        return IO_ERROR;
    }
    io = conn->stream->recv(conn, conn->in->p + conn->in->end, conn->in->cap - conn->in->end, done);
    if (io == IO_DONE)
        conn->in->end += (uint32_t)*done;
    return io;
}

static void
on_readable(struct conn *conn)
{
    struct http_worker *worker = worker_of(conn);
    bool stored = conn->in != NULL;
    size_t done;
    enum io io = stored ? recv_stored(conn, &done)
                        : conn->stream->recv(conn, worker->in, READ_SIZE, &done);

    switch (io) {
    case IO_DONE:
        if (stored)
            feed_stored(conn);
        else
            feed_fresh(conn, worker->in, done);
        return;
    case IO_AGAIN:
        if (!conn_wait(conn, EPOLLIN))
            close_now(conn, CLOSE_ERROR);
        return;
    case IO_CLOSED:
        close_now(conn, CLOSE_CLIENT);
        return;
    case IO_ERROR:
    case IO_SHORT:
        close_now(conn, CLOSE_ERROR);
        return;
    }
}

/* ---- events -------------------------------------------------------------------------------- */

/* The request that is being answered. One whose head is still incomplete waits for its turn. */
static struct http_request *
answered_request(const struct conn *conn)
{
    struct http_request *req = conn->request;

    return req != NULL && h1_of(req)->head_done ? req : NULL;
}

/* What the socket did not take before goes first, then the rest of the answer. */
static enum io
continue_writing(struct conn *conn)
{
    struct http_request *req = answered_request(conn);
    enum io io = conn->out != NULL ? h1_drain(conn) : IO_DONE;

    if (io != IO_DONE || req == NULL)
        return io;
    if (UNLIKELY(h1_of(req)->collects))
        return IO_DONE;
    if (UNLIKELY(h1_of(req)->waits))
        return IO_AGAIN;
    return h1_of(req)->out = h1_push(req);
}

static void
on_writable(struct conn *conn)
{
    struct http_request *req = answered_request(conn);
    enum io io = continue_writing(conn);

    if (req != NULL && h1_of(req)->collects && io == IO_DONE) {
        after_settle(conn, await_body(conn, conn->in != NULL));
    } else if (req != NULL) {
        h1_of(req)->out = io;
        after_settle(conn, settle(conn, conn->in != NULL));
    } else if (io == IO_AGAIN) {
        wait_for_socket(conn);
    } else if (io == IO_DONE) {
        after_settle(conn, STEP_NEXT);
    } else {
        close_now(conn, io == IO_CLOSED ? CLOSE_CLIENT : CLOSE_ERROR);
    }
}

static void
body_resumed(struct http_request *req)
{
    struct h1_request *h1 = h1_of(req);

    h1->waits = false;
    if (!h1->awaits_body)
        return;                 /* it is at work, or waits for the socket: the body is next */
    h1->awaits_body = false;
    on_writable(req->conn);
}

static void
on_event(struct conn *conn, uint32_t events)
{
    switch ((enum conn_state)conn->state) {
    case CONN_IDLE:
    case CONN_READING:
    case CONN_ACCEPTED:
        if (UNLIKELY((events & (EPOLLOUT | EPOLLIN | EPOLLERR | EPOLLHUP)) == EPOLLOUT)) {
            if (conn->in != NULL)
                feed_stored(conn);      /* after a yield */
            return;
        }
        on_readable(conn);
        return;
    case CONN_WRITING:
        if (conn->interest != 0)
            on_writable(conn);
        else if ((events & (EPOLLERR | EPOLLHUP)) != 0)
            close_now(conn, CLOSE_CLIENT);      /* while it waited for its pace, or the body */
        return;
    case CONN_LINGERING:
        on_linger_readable(conn);
        return;
    case CONN_PROCESSING:
        if ((events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0)
            close_now(conn, CLOSE_CLIENT);
        return;
    case CONN_FREE:
    case CONN_STATE_COUNT:
        return;
    }
}

/* What did not come is a head, or a body that a handler waits for: nothing was answered yet. */
static bool
can_be_told(const struct conn *conn)
{
    const struct http_request *req = conn->request;

    return req != NULL && conn->state == CONN_READING
           && (!h1_of(req)->head_done || h1_of(req)->collects);
}

/*
 * The client is too late, or too slow. That a head did not come, or a body that somebody wants, can
 * be answered, unless reset_timedout_connection is set; to one whose body nobody wants, or who lags
 * in reading, all has been said.
 */
static void
close_late(struct conn *conn, enum close_reason reason)
{
    bool reset = settings_of(conn)->reset_timedout_connection;
    struct http_request *req = conn->request;

    if (can_be_told(conn)) {
        if (conn->in != NULL && !h1_of(req)->head_done)
            note_bad_line(req, conn->in->p + conn->in->start, buffer_len(conn->in));
        if (!reset) {
            h1_of(req)->collects = false;
            refuse(conn, HTTP_REQUEST_TIMEOUT, 0, reason);
            return;
        }
        req->log_status = HTTP_REQUEST_TIMEOUT;
    }
    if (reset)
        set_reset(conn);
    close_now(conn, reason);
}

static COLD void
close_slow(struct conn *conn)
{
    static const char *const parts[] = {
        [SLOW_HEAD] = "sends its request",
        [SLOW_BODY] = "sends the body of its request",
        [SLOW_ANSWER] = "reads the answer",
    };
    struct http_request *req = conn->request;
    const struct slow *slow = h1_of(req)->slow;

    LOG(&req->log, INFO, 0, "client %s too slowly: %llu bytes in %llu ms", parts[slow->part],
        (unsigned long long)(bytes_moved(conn, slow->part) - slow->bytes),
        (unsigned long long)(now.mono_ms - slow->since_ms));
    close_late(conn, CLOSE_SLOW);
}

/* Whether the deadline was but a look at the rate. */
static COLD bool
look_at_rate(struct conn *conn)
{
    struct http_request *req = conn->request;
    struct h1_request *h1 = h1_of(req);
    const struct min_rate *rate = &http_settings_for(req)->client_min_rate;

    if (h1->slow->part == SLOW_NOTHING || now.mono_ms >= h1->timeout_ms)
        return false;
    if (slow_look(h1->slow, rate->bytes, bytes_moved(conn, h1->slow->part), now.mono_ms,
                  rate->after_ms))
        close_slow(conn);
    else
        set_nearer_deadline(conn);
    return true;
}

/* A head, a body or a reader did not get on. */
static void
on_wait_over(struct conn *conn)
{
    struct http_request *req = conn->request;

    if (req != NULL && h1_of(req)->slow != NULL && look_at_rate(conn))
        return;
    if (req != NULL)
        LOG(&req->log, INFO, ETIMEDOUT, "client timed out");
    close_late(conn, CLOSE_TIMEOUT);
}

static void
on_timeout(struct conn *conn)
{
    struct http_request *req = conn->request;

    switch ((enum conn_state)conn->state) {
    case CONN_IDLE:
        stats->idle_kicks++;
        close_now(conn, CLOSE_IDLE);
        return;
    case CONN_READING:
        on_wait_over(conn);
        return;
    case CONN_WRITING:
        if (req != NULL && h1_of(req)->paced) {
            h1_of(req)->paced = false;
            on_writable(conn);
        } else {
            on_wait_over(conn);
        }
        return;
    case CONN_ACCEPTED:
        close_late(conn, CLOSE_TIMEOUT);
        return;
    case CONN_LINGERING:
        end_linger(conn);
        return;
    case CONN_PROCESSING:       /* has none */
    case CONN_FREE:
    case CONN_STATE_COUNT:
        return;
    }
}

static void
on_end(struct conn *conn, enum close_reason reason)
{
    on_close(conn, reason);
    proxied_free(conn_rare_of(conn));   /* not before the log line, which may tell of it */
}

static const struct conn_ops h1_ops = {
    .on_event = on_event,
    .on_timeout = on_timeout,
    .on_close = on_end,
};

/* The address of its own that the client came to, where one socket serves several. */
static void
find_single_address(struct conn *conn, const struct http_address *all)
{
    struct address local;

    local.len = sizeof(local.un);
    if (getsockname(conn->fd, &local.sa, &local.len) != 0)
        return;
    for (struct http_address *one = all->singles; one != NULL; one = one->next_single)
        if (address_eq(&one->listener.address, &local))
            conn->listener = &one->listener;
}

void
http_start(struct conn *conn, const char *p, size_t len)
{
    conn->ops = &h1_ops;
    if (len == 0)
        on_readable(conn);
    else if (conn->in != NULL)
        feed_stored(conn);
    else
        feed_fresh(conn, p, len);
}

static uint64_t
first_byte_ms(const struct http_address *address)
{
    uint64_t ms = address->default_server->settings->client_header_timeout_ms;

    return address->worker->retiring ? MIN(ms, RETIRING_SILENT_MS) : ms;
}

void
http_accept(struct conn *conn)
{
    const struct http_address *address = http_address_of(conn);

    if (UNLIKELY(address->singles != NULL)) {
        find_single_address(conn, address);
        address = http_address_of(conn);
    }
    address->worker->connections++;
    conn_deadline(conn, first_byte_ms(address));
    if (address->proxy_protocol)
        http_read_proxied(conn);
    else
        http_start(conn, NULL, 0);
}

/* ---- adoption ------------------------------------------------------------------------------ */

/* The address that stands for this one: itself if it is listed, else that of all addresses. */
static struct http_address *
address_for(const struct http_worker *worker, const struct address *local)
{
    struct http_address *best = NULL;

    for (struct http_address *a = worker->http->addresses; a != NULL; a = a->next) {
        if (address_eq(&a->listener.address, local))
            return a;
        if (best == NULL && listener_covers(&a->listener, local))
            best = a;
    }
    return best;
}

/* What is left of a time that began somewhere else; at least one tick. */
static uint64_t
left_of(uint64_t ms, uint64_t since_ms)
{
    uint64_t passed = now.mono_ms > since_ms ? now.mono_ms - since_ms : 0;

    return ms > passed ? ms - passed : 1;
}

static void
go_on_idle(struct conn *conn, const struct http_carried *carried)
{
    conn_state_set(conn, CONN_IDLE);
    conn->idle_since_ms = MIN(carried->waiting_ms, now.mono_ms);
    conn_deadline(conn, left_of(conn->allowance_ms, carried->waiting_ms));
    if (!conn_wait(conn, EPOLLIN))
        close_now(conn, CLOSE_ERROR);
}

/* A head that began elsewhere has no more time here than it had there, however often it moves. */
static void
go_on_with_head(struct conn *conn, const struct http_carried *carried, uint64_t timeout_ms)
{
    struct http_request *req = conn->request;
    uint64_t left_ms = left_of(timeout_ms, carried->waiting_ms);

    req->start_us = MIN(carried->waiting_ms, now.mono_ms) * 1000;
    if (h1_of(req)->slow == NULL) {
        conn_deadline(conn, left_ms);
        return;
    }
    h1_of(req)->timeout_ms = now.mono_ms + left_ms;
    set_nearer_deadline(conn);
}

/* With bytes that the other worker had read: they are the begin of a request, or whole ones. */
static void
go_on_reading(struct conn *conn, const struct http_carried *carried)
{
    uint64_t timeout_ms = http_address_of(conn)->default_server->settings->client_header_timeout_ms;
    uint64_t number = conn->number;

    if (!buffer_append(&conn->in, carried->ahead.p, carried->ahead.len, HTTP_CARRIED_MAX)) {
        close_now(conn, CLOSE_ERROR);
        return;
    }
    conn_state_set(conn, CONN_READING);
    feed_stored(conn);
    if (conn->number == number && conn->state == CONN_READING && conn->request != NULL
        && !h1_of(conn->request)->head_done)
        go_on_with_head(conn, carried, timeout_ms);
}

/* The client is still to be named: the proxy goes on where it was. */
static void
go_on_proxied(struct conn *conn, const struct http_carried *carried)
{
    uint64_t timeout_ms = http_address_of(conn)->default_server->settings->client_header_timeout_ms;

    conn_deadline(conn, left_of(timeout_ms, carried->waiting_ms));
    if (carried->ahead.len > 0) {
        if (!buffer_append(&conn->in, carried->ahead.p, carried->ahead.len, HTTP_CARRIED_MAX)) {
            close_now(conn, CLOSE_ERROR);
            return;
        }
        conn_state_set(conn, CONN_READING);
    }
    http_read_proxied(conn);
}

/* False: what the other worker has sent makes no sense, or memory is short. */
static bool
adopt_proxied(struct conn *conn, const struct http_carried *carried)
{
    struct str flat = carried->proxied;
    struct proxied *proxied;

    if (flat.len == 0)
        return true;
    proxied = proxied_decode((const uint8_t *)flat.p, flat.len);
    *conn_rare(conn) = proxied;
    if (proxied == NULL)
        return false;
    proxied->counted = carried->counted;
    if (proxied->counted)
        conn_set_peer(conn, &proxied->client);
    return true;
}

enum http_adopted
http_adopt(struct http_worker *worker, int fd, const struct http_carried *carried)
{
    struct http_address *address = address_for(worker, &carried->local);
    struct conn *conn;

    if (address == NULL)
        return HTTP_NO_ADDRESS;
    conn = conn_take(worker->pool, fd, &carried->peer, CONN_ADOPTED);
    if (conn == NULL)
        return HTTP_NO_ROOM;
    conn->listener = &address->listener;
    conn->ops = &h1_ops;
    conn->since_ms = MIN(carried->since_ms, now.mono_ms);
    conn->requests = carried->requests;
    conn->allowance_ms = carried->allowance_ms;
    conn->keep_ms = carried->keep_ms;
    conn->answered = carried->answered;
    worker->connections++;
    if (!adopt_proxied(conn, carried)) {
        close_now(conn, CLOSE_ERROR);
    } else if (carried->awaits_proxied) {
        go_on_proxied(conn, carried);
    } else if (carried->ahead.len > 0) {
        go_on_reading(conn, carried);
    } else if (carried->answered) {
        go_on_idle(conn, carried);
    } else {
        conn_deadline(conn, left_of(address->default_server->settings->client_header_timeout_ms,
                                    carried->waiting_ms));
        if (!conn_wait(conn, EPOLLIN))
            close_now(conn, CLOSE_ERROR);
    }
    return HTTP_ADOPTED;
}
