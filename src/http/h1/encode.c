/* SPDX-License-Identifier: BSD-2-Clause */
/* encode: heads of answers as HTTP/1.1. */
#include "base/clock.h"
#include "base/counters.h"
#include "http/h1/h1.h"

enum { FIELD_SLACK = 256 };     /* room for the fields with a bounded length */

static struct head_start *
head_start(struct http_worker *worker, unsigned status, bool keepalive,
           enum server_tokens tokens)
{
    uint32_t key = status | (uint32_t)keepalive << 16 | ((uint32_t)tokens + 1) << 17;
    struct head_start *start =
        &worker->head_starts[(status ^ status >> 4 ^ keepalive << 3) % HEAD_STARTS];
    struct writer w;

    if (LIKELY(start->key == key && start->second == now.wall_s))
        return start;
    w = writer_at(start->bytes, sizeof(start->bytes));
    write_str(&w, STR("HTTP/1.1 "));
    write_str(&w, http_status_line(status));
    if (tokens != TOKENS_TEXT) {
        write_str(&w, STR("\r\nServer: "));
        write_str(&w, http_signature(tokens));
    }
    write_str(&w, STR("\r\nDate: "));
    write_str(&w, clock_http_date());
    write_str(&w, keepalive ? STR("\r\nConnection: keep-alive\r\n")
                            : STR("\r\nConnection: close\r\n"));
    start->key = key;
    start->second = now.wall_s;
    start->len = (uint32_t)(w.p - w.start);
    return start;
}

/* An upper bound of what the head needs behind its start. */
static size_t
fields_size(const struct http_response *resp)
{
    size_t size = FIELD_SLACK;

    if (LIKELY(resp->ready != NULL))
        size += resp->ready->h1.len;
    else
        size += resp->etag.len + resp->location.len;
    size += resp->content_type.len;
    for (uint32_t i = 0; i < resp->fields_len; i++)
        size += resp->fields[i].name.len + resp->fields[i].value.len + 4;
    return size;
}

static void
write_line(struct writer *w, struct str name, struct str value)
{
    write_str(w, name);
    write_str(w, value);
    write_str(w, STR("\r\n"));
}

static void
write_typed_fields(struct writer *w, const struct http_response *resp)
{
    char date[29];

    if (resp->content_type.len > 0)
        write_line(w, STR("Content-Type: "), resp->content_type);
    if (UNLIKELY(resp->content_encoding != ENCODING_IDENTITY)
        && resp->status != HTTP_NOT_MODIFIED)
        write_line(w, STR("Content-Encoding: "),
                   encoding_name((enum encoding)resp->content_encoding));
    if (UNLIKELY(resp->chunked))
        write_str(w, STR("Transfer-Encoding: chunked\r\n"));
    else if (resp->content_length >= 0 && resp->status != HTTP_NO_CONTENT
        && resp->status != HTTP_NOT_MODIFIED) {
        write_str(w, STR("Content-Length: "));
        write_uint(w, (uint64_t)resp->content_length);
        write_str(w, STR("\r\n"));
    }
    if (resp->location.len > 0)
        write_line(w, STR("Location: "), resp->location);
    if (resp->last_modified != (time_t)-1) {
        http_date_format(date, resp->last_modified);
        write_line(w, STR("Last-Modified: "), (struct str){ date, sizeof(date) });
    }
    if (resp->etag.len > 0)
        write_line(w, STR("ETag: "), resp->etag);
    if (resp->accept_ranges && resp->status == HTTP_OK)
        write_str(w, STR("Accept-Ranges: bytes\r\n"));
    write_str(w, STR("\r\n"));
}

static void
write_ready(struct writer *w, const struct http_response *resp)
{
    struct str lines = resp->ready->h1;

    if (UNLIKELY(resp->type_changed)) {
        if (resp->content_type.len > 0)
            write_line(w, STR("Content-Type: "), resp->content_type);
        lines = str_from(lines, resp->ready->type_len);
    }
    write_str(w, lines);
}

static void
write_field(struct writer *w, const struct http_field *field)
{
    write_str(w, field->name);
    write_line(w, STR(": "), field->value);
}

static void
write_fields(struct writer *w, const struct http_request *req)
{
    const struct http_response *resp = &req->response;
    uint64_t keep_ms = http_settings_for(req)->keepalive.header_ms;
    uint32_t i = 0;

    if (UNLIKELY(resp->block != NULL)) {
        write_str(w, resp->block->h1);
        i = resp->block->len;
    }
    for (; i < resp->fields_len; i++)
        write_field(w, &resp->fields[i]);
    if (UNLIKELY(keep_ms != 0) && req->keepalive)
        write_fmt(w, "Keep-Alive: timeout=%llu\r\n", (unsigned long long)keep_ms / 1000);
    if (LIKELY(resp->ready != NULL))
        write_ready(w, resp);
    else
        write_typed_fields(w, resp);
}

/* An interim answer, so that the client sends the body that is waited for (RFC 9110 10.1.1). */
static void
write_continue(struct http_request *req, struct writer *w)
{
    write_str(w, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    stats->responses_1xx++;
    req->wants_continue = false;
}

void
h1_continue(struct http_request *req)
{
    struct http_worker *worker = req->worker;
    struct writer w;

    if (!req->wants_continue)
        return;
    if (worker->out_len >= GATHER_SIZE)
        h1_flush(req->conn, false);     /* what became of it shows when the next is flushed */
    w = writer_at(worker->out + worker->out_len, GATHER_SIZE + GATHER_SLACK - worker->out_len);
    write_continue(req, &w);
    worker->out_len = (size_t)(w.p - worker->out);
}

/* Whether the body will come is not known when the client was told to wait and then refused. */
static void
end_waiting(struct http_request *req, struct writer *w)
{
    if (req->response.status < 300)
        write_continue(req, w);
    else
        req->keepalive = false;
    req->wants_continue = false;
}

/* An upper bound of the whole. */
static size_t
head_size(const struct http_request *req)
{
    size_t size = sizeof(((struct head_start *)0)->bytes) + fields_size(&req->response);

    if (UNLIKELY(http_settings_for(req)->signature.tokens == TOKENS_TEXT))
        size += sizeof("Server: \r\n") + SIGNATURE_MAX;
    return size;
}

bool
h1_head_fits(const struct http_request *req)
{
    return head_size(req) <= GATHER_SIZE + GATHER_SLACK;
}

/* Behind what is gathered, or in its place. False: there is none. */
static bool
make_room(struct http_request *req, size_t need)
{
    if (LIKELY(req->worker->out_len + need <= GATHER_SIZE + GATHER_SLACK))
        return true;
    return h1_flush(req->conn, false) != IO_ERROR && need <= GATHER_SIZE + GATHER_SLACK;
}

void
h1_interim(struct http_request *req, unsigned status, const struct http_field *fields, uint32_t len)
{
    struct http_worker *worker = req->worker;
    size_t need = FIELD_SLACK;
    struct writer w;

    for (uint32_t i = 0; i < len; i++)
        need += fields[i].name.len + fields[i].value.len + 4;
    if (!make_room(req, need)) {
        LOG(&req->log, ERR, 0, "an interim answer of %zu bytes is left out", need);
        return;
    }
    w = writer_at(worker->out + worker->out_len, GATHER_SIZE + GATHER_SLACK - worker->out_len);
    write_line(&w, STR("HTTP/1.1 "), http_status_line(status));
    for (uint32_t i = 0; i < len; i++)
        write_field(&w, &fields[i]);
    write_str(&w, STR("\r\n"));
    worker->out_len = (size_t)(w.p - worker->out);
    stats->responses_1xx++;
}

/* One that the conf file makes is in no start that is kept. */
static void
write_signature(struct writer *w, struct http_request *req)
{
    struct str name = http_signature_for(req);

    if (name.len > 0)
        write_line(w, STR("Server: "), name);
}

bool
h1_encode(struct http_request *req)
{
    struct http_worker *worker = req->worker;
    struct http_response *resp = &req->response;
    size_t need = head_size(req);
    enum server_tokens tokens = http_settings_for(req)->signature.tokens;
    const struct head_start *start;
    struct writer w;
    char *begin;

    if (!make_room(req, need))
        return false;
    w = writer_at(worker->out + worker->out_len, GATHER_SIZE + GATHER_SLACK - worker->out_len);
    if (UNLIKELY(req->wants_continue))
        end_waiting(req, &w);
    begin = w.p;
    start = head_start(worker, resp->status, req->keepalive, tokens);
    write_bytes(&w, start->bytes, start->len);
    if (UNLIKELY(tokens == TOKENS_TEXT))
        write_signature(&w, req);
    write_fields(&w, req);
    if (!w.ok)
        return false;
    worker->out_len = (size_t)(w.p - worker->out);
    resp->head_bytes = (uint64_t)(w.p - begin);
    resp->started = true;
    return true;
}
