/* SPDX-License-Identifier: BSD-2-Clause */
/* gunzip: unpacks answers that are compressed by gzip, for clients that do not take that. */
#include "http/encoding.h"
#include "http/engine.h"
#include "http/gzip_reader.h"
#include "http/module.h"
#include <errno.h>

enum { READ_AHEAD = 8192 };     /* packed bytes in memory at a time */

struct gunzip_conf {
    bool on;
    struct buffers buffers;     /* gunzip_buffers: read for nginx's sake, see weir.conf(5) */
};

struct unpacker {
    struct body_source source;
    struct http_request *req;
    struct gzip_reader *reader; /* NULL: it is not asked for anything yet, and never for HEAD */
    struct str ahead;           /* of in */
    bool is_last;               /* nothing comes behind it */
    char in[READ_AHEAD];
};

static bool
gunzip_wanted(const void *slot)
{
    return ((const struct gunzip_conf *)slot)->on;
}

static void
free_reader(void *data)
{
    gzip_reader_free(data);
}

static bool
start(struct unpacker *u)
{
    u->reader = gzip_reader_create();
    if (u->reader == NULL)
        return false;
    if (arena_defer(u->req->arena, free_reader, u->reader))
        return true;
    gzip_reader_free(u->reader);
    return false;
}

/* An answer that ends here is seen to be cut; the log says why. */
static enum io
fail(const struct unpacker *u, const char *why)
{
    LOG(&u->req->log, ERR, 0, "gunzip: \"%.*s\" %s", STR_ARG(u->req->filename), why);
    errno = EBADMSG;
    return IO_ERROR;
}

static enum io
unpack(struct unpacker *u, char *room, size_t cap, size_t *done)
{
    switch (gzip_reader_run(u->reader, &u->ahead, u->is_last, room, cap, done)) {
    case GZIP_MORE:
        return IO_DONE;
    case GZIP_END:
        return IO_CLOSED;
    case GZIP_CUT:
        return fail(u, "ends too early");
    case GZIP_CORRUPT:
        return fail(u, "is no gzip file, or is damaged");
    case GZIP_NO_MEMORY:
        break;
    }
    errno = ENOMEM;
    return IO_ERROR;
}

static enum io
pull(struct body_source *source, char *room, size_t cap, size_t *done)
{
    struct unpacker *u = (struct unpacker *)source;
    size_t n;
    enum io io;

    *done = 0;
    if (u->reader == NULL && !start(u)) {
        errno = ENOMEM;
        return IO_ERROR;
    }
    if (u->ahead.len == 0 && !u->is_last) {
        io = body_read(&source->from, u->in, sizeof(u->in), &n);
        if (io != IO_DONE && io != IO_CLOSED)
            return io;
        u->ahead = (struct str){ u->in, n };
        u->is_last = io == IO_CLOSED;
    }
    return unpack(u, room, cap, done);
}

/* Not even a client that takes nothing else could do with that. */
static enum http_next
refuse_empty(struct http_request *req)
{
    LOG(&req->log, ERR, 0, "gunzip: \"%.*s\" is empty, and no gzip file", STR_ARG(req->filename));
    return http_fail(req, HTTP_INTERNAL_ERROR);
}

static enum http_next
gunzip_filter(struct http_request *req, const void *slot)
{
    struct http_response *resp = &req->response;
    struct unpacker *u;

    (void)slot;
    if (LIKELY(resp->content_encoding != ENCODING_GZIP))
        return HTTP_PASS;
    http_encoding_varies(req);
    if (http_encoding_choose(req, ENCODING_BIT(ENCODING_GZIP))
        == ENCODING_GZIP)
        return HTTP_PASS;
    HTTP_TRACE(req, NULL, "gunzip: unpacked for this client");
    if (resp->not_modified) {
        resp->content_encoding = ENCODING_IDENTITY;
        return http_body_differs(req) ? HTTP_PASS : http_fail(req, HTTP_INTERNAL_ERROR);
    }
    if (resp->body == NULL)
        return refuse_empty(req);
    u = arena_alloc(req->arena, sizeof(*u));
    if (u == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    memset(u, 0, offsetof(struct unpacker, in));
    u->source.pull = pull;
    u->req = req;
    if (!http_body_change(req, &u->source))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    resp->content_encoding = ENCODING_IDENTITY;
    return HTTP_PASS;
}

static const struct directive gunzip_directives[] = {
    { "gunzip", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_flag,
      FIELD(struct gunzip_conf, on), .initial = "off" },
    { "gunzip_buffers", .where = IN_HTTP_ALL, .args = { 2, 2 }, .parse = parse_buffers,
      FIELD(struct gunzip_conf, buffers), .initial = "32 4k" },
    { 0 }
};

const struct http_module gunzip_module = {
    .name = "gunzip",
    .directives = gunzip_directives,
    .conf_size = sizeof(struct gunzip_conf),
    .wanted = gunzip_wanted,
    .filter = gunzip_filter,
    .main_only = true,
};
