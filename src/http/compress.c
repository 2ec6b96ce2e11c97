/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/compress.h"
#include "base/counters.h"
#include "base/page_cache.h"
#include "http/encode_job.h"
#include "http/engine.h"
#include "http/file_read.h"
#include "http/file_variants.h"
#include <errno.h>
#include <stdlib.h>

/* Of a worker: for what is slow. */
enum { THREADS = 2, JOBS_WAITING_MAX = 1024 };

struct compressor {
    struct encoders *encoders;
    struct offload *offload;    /* NULL: nothing was slow yet */
    char *in;                   /* a whole body, when it does not lie in memory in one piece */
    size_t in_len;
};

/* NULL when memory is short. */
static struct compressor *
compressor_of(struct http_worker *worker)
{
    struct compressor *c = worker->compressor;

    if (LIKELY(c != NULL))
        return c;
    if ((c = calloc(1, sizeof(*c))) == NULL)
        return NULL;
    if ((c->encoders = encoders_create()) == NULL) {
        free(c);
        return NULL;
    }
    worker->compressor = c;
    return c;
}

void
compressor_destroy(struct compressor *c)
{
    if (c == NULL)
        return;
    offload_destroy(c->offload);
    encoders_destroy(c->encoders);
    free(c->in);
    free(c);
}

static enum http_next
as_it_is(struct http_request *req, const char *why)
{
    HTTP_TRACE(req, NULL, "compress: %s: sent as it is", why);
    return HTTP_PASS;
}

/* The fields, but for the length, of an answer in this encoding. */
static bool
change_fields(struct http_request *req, enum encoding encoding)
{
    req->response.content_encoding = (uint8_t)encoding;
    return http_body_differs(req);
}

/* ---- variants of files --------------------------------------------------------------------- */

static enum http_next
send_variant(struct http_request *req, struct file_variant *variant)
{
    struct http_response *resp = &req->response;
    struct file *file = resp->file;
    const struct http_ready *ready = NULL;

    if (!str_is_set(variant->body))
        return as_it_is(req, "it does not get smaller");
    if (LIKELY(resp->ready == &file->head.ok) && (ready = file_variant_ready(variant)) == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (resp->etag.len > 0)
        resp->etag = variant->etag;
    resp->content_encoding = (uint8_t)variant->sums.encoding;
    resp->accept_ranges = false;
    http_body_memory(resp, variant->body.p, variant->body.len);
    resp->ready = ready;
    HTTP_TRACE(req, NULL, "compress: the file's %llu bytes are kept as %zu",
               (unsigned long long)variant->sums.in, variant->body.len);
    req->compressed = &variant->sums;
    return HTTP_PASS;
}

/* ---- in one go ----------------------------------------------------------------------------- */

/* Whether all of the body may be had now, and is no more than that. */
static bool
is_at_hand(const struct http_response *resp, uint64_t most)
{
    uint64_t len = 0;

    for (const struct body_part *part = resp->body; part != NULL; part = part->next) {
        if (part->kind == PART_PULL || part->len > most - len
            || (part->kind == PART_FILE && file_is_direct(part)))
            return false;
        len += part->len;
    }
    return len > 0 && len == (uint64_t)resp->content_length;
}

static char *
room_for(struct compressor *c, size_t len)
{
    if (c->in_len < len) {
        free(c->in);
        c->in = malloc(len);
        c->in_len = c->in != NULL ? len : 0;
    }
    return c->in;
}

/*
 * All of the body, whose parts stay as they are. STR_NONE: a file is not in memory, or cannot be
 * read, and a stream waits better for it.
 */
static struct str
gather(struct compressor *c, const struct http_response *resp)
{
    size_t len = (size_t)resp->content_length, at = 0;
    char *room;

    if (resp->body->kind == PART_MEMORY && resp->body->len == len)
        return (struct str){ resp->body->p, len };
    if ((room = room_for(c, len)) == NULL)
        return STR_NONE;
    for (const struct body_part *part = resp->body; part != NULL; part = part->next) {
        if (part->kind == PART_MEMORY)
            memcpy(room + at, part->p, part->len);
        else if (!page_cache_read_all(part->fd, room + at, part->len, part->offset))
            return STR_NONE;
        at += part->len;
    }
    return (struct str){ room, len };
}

static enum http_next
send_bytes(struct http_request *req, enum encoding encoding, struct str bytes)
{
    struct compressed *sums = ARENA_NEW(req->arena, struct compressed);
    char *copy = arena_bytes(req->arena, bytes.len);

    if (sums == NULL || copy == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    memcpy(copy, bytes.p, bytes.len);
    *sums = (struct compressed){ encoding, (uint64_t)req->response.content_length, bytes.len };
    HTTP_TRACE(req, NULL, "compress: %llu bytes became %zu in one go",
               (unsigned long long)sums->in, bytes.len);
    req->compressed = sums;
    if (!change_fields(req, encoding))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    http_body_memory(&req->response, copy, bytes.len);
    return HTTP_PASS;
}

/* HTTP_AGAIN: not this way. */
static enum http_next
compress_whole(struct http_request *req, const struct compressing *what, struct compressor *c)
{
    struct http_response *resp = &req->response;
    struct file_variant *variant = NULL;
    struct str bytes, result;

    bytes = gather(c, resp);
    if (!str_is_set(bytes))
        return HTTP_AGAIN;
    result = encoders_whole(c->encoders, &what->how, bytes);
    if (!str_is_set(result))
        return HTTP_AGAIN;
    stats->compressed_whole++;
    if (result.len >= bytes.len)
        result = STR_NONE;
    if (resp->file != NULL && what->cache_bytes > 0)
        variant = file_variant_keep(req->worker->files, resp->file, what->encoding,
                                    what->how.level, result, what->cache_bytes);
    if (variant != NULL)
        return send_variant(req, variant);
    if (!str_is_set(result))
        return as_it_is(req, "it does not get smaller");
    return send_bytes(req, what->encoding, result);
}

/* ---- piece by piece ------------------------------------------------------------------------ */

struct streaming {
    struct body_source source;
    struct http_request *req;
    struct encoder_stream *stream;
    struct encode_job *job;     /* who does its steps, and has the stream; NULL: the loop */
    struct variant_draft *draft;        /* NULL: what comes of it is not kept */
    struct compressed sums;
    enum encode to;             /* what has to come of `ahead` */
    bool is_held;               /* that is not yet through */
    bool flushes;
    size_t postpone;            /* bytes that are waited for before the first are compressed */
    struct str ahead;           /* of in */
    char *in;
    size_t in_size;
};

static void
end_draft(struct streaming *s, bool is_whole)
{
    if (s->draft != NULL)
        variant_draft_end(s->draft, is_whole);
    s->draft = NULL;
}

static void
give_back(void *p)
{
    struct streaming *s = p;

    if (s->job != NULL)
        encode_job_end(s->job);
    else
        encoders_give(s->stream);
    end_draft(s, false);
}

/* More input behind what is there. */
static enum io
read_on(struct streaming *s)
{
    size_t have = s->ahead.len, done;
    enum io io;

    if (have == 0)
        s->ahead.p = s->in;
    io = body_read(&s->source.from, s->in + have, s->in_size - have, &done);
    if (io != IO_DONE && io != IO_CLOSED)
        return io;
    s->ahead.len += done;
    s->sums.in += done;
    if (io == IO_CLOSED)
        s->to = ENCODE_END;
    else if (s->flushes && done > 0)
        s->to = ENCODE_FLUSH;
    s->is_held = s->to != ENCODE_RUN;
    return IO_DONE;
}

static enum io
no_memory(void)
{
    errno = ENOMEM;
    return IO_ERROR;
}

static void
keep_sums(struct streaming *s, const char *p, size_t n)
{
    s->sums.out += n;
    if (s->draft != NULL)
        variant_draft_add(s->draft, p, n);
}

/* One piece of input at most each time: others wait for their turn. */
static enum io
pull(struct body_source *source, char *room, size_t cap, size_t *done)
{
    struct streaming *s = (struct streaming *)source;
    enum encoded encoded;
    enum io io;

    *done = 0;
    if ((s->ahead.len == 0 && !s->is_held) || s->postpone > 0) {
        if ((io = read_on(s)) != IO_DONE)
            return io;
        if (s->to != ENCODE_END && s->ahead.len < s->postpone)
            return IO_DONE;
        s->postpone = 0;
    }
    encoded = encoder_run(s->stream, &s->ahead, s->to, room, cap, done);
    keep_sums(s, room, *done);
    if (encoded == ENCODED_FAILED)
        return no_memory();
    if (encoded == ENCODED_MORE)
        return IO_DONE;
    if (s->to == ENCODE_END) {
        end_draft(s, true);
        return IO_CLOSED;
    }
    s->to = ENCODE_RUN;
    s->is_held = false;
    return IO_DONE;
}

/* ---- the same by a thread ------------------------------------------------------------------ */

static void
on_step(void *ctx)
{
    http_body_resume(((struct streaming *)ctx)->req);
}

/* As much as a step takes is gathered, a piece each time. */
static enum io
begin_step(struct streaming *s)
{
    struct encode_job *job = s->job;
    enum io io;

    if (!s->is_held && s->ahead.len < s->in_size) {
        if ((io = read_on(s)) != IO_DONE)
            return io;
        if (s->to == ENCODE_RUN && s->ahead.len < s->in_size)
            return IO_DONE;
    }
    s->is_held = true;
    job->ahead = s->ahead;
    job->to = s->to;
    return encode_job_step(job) ? IO_AGAIN : IO_DONE;
}

static void
end_step(struct streaming *s)
{
    const struct encode_job *job = s->job;

    s->ahead = job->ahead;
    s->is_held = s->to == ENCODE_RUN ? s->ahead.len > 0 : job->encoded != ENCODED_ALL;
    if (!s->is_held)
        s->to = ENCODE_RUN;
}

static enum io
pull_from_job(struct body_source *source, char *room, size_t cap, size_t *done)
{
    struct streaming *s = (struct streaming *)source;
    struct encode_job *job = s->job;

    *done = 0;
    if (job->is_running)
        return IO_AGAIN;
    if (job->encoded == ENCODED_FAILED)
        return no_memory();
    if (job->out.len > 0) {
        *done = MIN(job->out.len, cap);
        memcpy(room, job->out.p, *done);
        job->out = str_from(job->out, *done);
        keep_sums(s, room, *done);
        return IO_DONE;
    }
    if (job->encoded == ENCODED_ALL && s->to == ENCODE_END) {
        end_draft(s, true);
        return IO_CLOSED;
    }
    if (s->is_held)
        end_step(s);
    return begin_step(s);
}

/* False: memory is short. */
static bool
use_thread(struct streaming *s, struct compressor *c)
{
    struct http_worker *worker = s->req->worker;

    if (c->offload == NULL)
        c->offload = offload_create(worker->loop, THREADS, JOBS_WAITING_MAX);
    if (c->offload == NULL)
        return false;
    s->job = encode_job_create(c->offload, s->stream, on_step, s);
    if (s->job == NULL)
        return false;
    s->source.pull = pull_from_job;
    s->in = s->job->in;
    s->in_size = sizeof(s->job->in);
    return true;
}

/* The fields of a stream that is not made: the answers to HEAD, and with 304, have none. */
static enum http_next
promise_stream(struct http_request *req, const struct compressing *what)
{
    return change_fields(req, what->encoding) ? HTTP_PASS : http_fail(req, HTTP_INTERNAL_ERROR);
}

static enum http_next
refuse_stream(struct http_request *req)
{
    if (errno != EAGAIN)
        return as_it_is(req, "memory is short");
    stats->compress_refused++;
    LOG(&req->log, WARN, 0, "compress_memory is used up: the answer is sent as it is");
    return as_it_is(req, "compress_memory is used up");
}

/* False: memory is short, or (errno EAGAIN) there is no more for streams. */
static bool
start_stream(struct streaming *s, const struct compressing *what, struct compressor *c)
{
    s->stream = encoders_take(c->encoders, &what->how, s->req->response.content_length,
                              what->stream_bytes);
    if (s->stream == NULL)
        return false;
    errno = ENOMEM;
    if (!arena_defer(s->req->arena, give_back, s)) {
        give_back(s);
        return false;
    }
    if (encoder_is_slow(&what->how))
        return use_thread(s, c);
    s->in_size = BODY_READ_MAX;
    s->in = arena_bytes(s->req->arena, s->in_size);
    return s->in != NULL;
}

static enum http_next
compress_stream(struct http_request *req, const struct compressing *what, struct compressor *c)
{
    struct http_response *resp = &req->response;
    struct streaming *s = ARENA_NEW(req->arena, struct streaming);

    if (s == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    s->source.pull = pull;
    s->req = req;
    s->sums.encoding = what->encoding;
    s->flushes = what->flushes;
    s->postpone = (size_t)MIN(what->postpone, (uint64_t)BODY_READ_MAX);
    if (!start_stream(s, what, c))
        return refuse_stream(req);
    if (resp->file != NULL && what->cache_bytes > 0)
        s->draft = variant_draft_begin(req->worker->files, resp->file, what->encoding,
                                       what->how.level, what->cache_bytes);
    if (!http_body_change(req, &s->source))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    resp->content_encoding = (uint8_t)what->encoding;
    req->compressed = &s->sums;
    stats->compressed_streams++;
    HTTP_TRACE(req, NULL, "compress: piece by piece%s",
               s->job != NULL ? ", by threads" : "");
    return HTTP_PASS;
}

/* ---- whichever it is ----------------------------------------------------------------------- */

enum http_next
http_compress(struct http_request *req, const struct compressing *what)
{
    struct http_response *resp = &req->response;
    struct compressor *c = compressor_of(req->worker);
    struct file_variant *variant;
    enum http_next next;

    if (UNLIKELY(resp->not_modified))
        return promise_stream(req, what);
    if (c == NULL)
        return as_it_is(req, "memory is short");
    if (resp->file != NULL && what->cache_bytes > 0) {
        variant = file_variant_find(req->worker->files, resp->file, what->encoding,
                                    what->how.level);
        if (LIKELY(variant != NULL)) {
            stats->compressed_cached++;
            return send_variant(req, variant);
        }
    }
    if (is_at_hand(resp, encoder_whole_max(&what->how))
        && (next = compress_whole(req, what, c)) != HTTP_AGAIN)
        return next;
    return req->method == METHOD_HEAD ? promise_stream(req, what) : compress_stream(req, what, c);
}
