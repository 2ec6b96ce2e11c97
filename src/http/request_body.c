/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/request_body.h"
#include "http/engine.h"
#include "http/grants.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ARENA_MAX = 32768,          /* a larger buffer is no part of the request's arena */
    WRITE_MAX = 65536           /* what goes to a file in any case is not gathered beyond this */
};

/* ---- failures ------------------------------------------------------------------------------ */

/* A full disk, a quota, RLIMIT_FSIZE: RFC 4918 11.5. */
static unsigned
status_of(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? HTTP_INSUFFICIENT_STORAGE
                                                                : HTTP_INTERNAL_ERROR;
}

/* The disk has its room again at once. */
static bool
fail(struct http_request *req, const char *what, int error)
{
    struct request_body *body = req->body;

    struct str folder = str_is_set(body->folder) ? body->folder : body->path->folder;

    LOG(&req->log, CRIT, error, "%s of the request's body in \"%.*s\" failed", what,
        STR_ARG(folder));
    http_walls_refused(&req->log, folder.p, HTTP_WRITES, error);
    temp_file_close(&body->file);
    body->failure = status_of(error);
    return false;
}

/* ---- the file ------------------------------------------------------------------------------ */

/* Whether what is in one folder can be renamed to the other: they may be mounted apart. */
static bool
is_same_mount(const char *a, const char *b)
{
    struct statx one, two;

    if (statx(AT_FDCWD, a, 0, STATX_MNT_ID, &one) != 0
        || statx(AT_FDCWD, b, 0, STATX_MNT_ID, &two) != 0)
        return false;
    return (one.stx_mask & two.stx_mask & STATX_MNT_ID) != 0 && one.stx_mnt_id == two.stx_mnt_id
           && one.stx_dev_major == two.stx_dev_major && one.stx_dev_minor == two.stx_dev_minor;
}

/* Somebody has just removed it, or nobody may write there. */
static bool
is_no_place(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == EPERM
           || error == EROFS || error == ELOOP;
}

/*
 * Where the handler has asked for it. If it cannot be there, it comes to where all others are: why
 * the folder is of no use is the handler's to find out, and to answer.
 */
static bool
open_in_folder(struct http_request *req)
{
    struct request_body *body = req->body;

    if (!str_is_set(body->folder))
        return false;
    if (!is_same_mount(body->path->folder.p, body->folder.p)) {
        if (temp_file_open_in(&body->file, body->folder, req->arena))
            return true;
        if (!is_no_place(errno))
            return fail(req, "opening a file", errno);
    }
    body->folder = STR_NONE;
    return false;
}

static bool
open_file(struct http_request *req)
{
    struct request_body *body = req->body;
    const struct temp_path *path = body->path;

    if (body->file.fd >= 0)
        return true;
    if (!open_in_folder(req) && body->failure == 0
        && !temp_file_open(&body->file, path, req->arena))
        fail(req, "opening a file", errno);
    if (body->failure != 0)
        return false;
    if (body->warns)
        LOG(&req->log, WARN, 0, "a client request body is buffered to a temporary file in \"%.*s\"",
            STR_ARG(path->folder));
    body->to_file = true;
    return true;
}

static bool
write_file(struct http_request *req, const char *p, size_t len)
{
    int fd = req->body->file.fd;

    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(req, "writing", n < 0 ? errno : ENOSPC);
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static bool
spill(struct http_request *req)
{
    struct request_body *body = req->body;
    size_t held = body->held;

    body->held = 0;
    return open_file(req) && write_file(req, body->buffer, held);
}

/* ---- what comes in ------------------------------------------------------------------------- */

bool
request_body_add(struct http_request *req, const char *p, size_t len)
{
    struct request_body *body = req->body;

    body->len += len;
    if (len > body->room - body->held && !spill(req))
        return false;
    if (len > body->room)
        return write_file(req, p, len);
    memcpy(body->buffer + body->held, p, len);
    body->held += len;
    return true;
}

bool
request_body_end(struct http_request *req)
{
    struct request_body *body = req->body;

    if (body->to_file && !spill(req))
        return false;
    if (body->to_file && body->stays && !temp_file_name(&body->file, body->path, req->arena))
        return fail(req, "naming the file", errno);
    body->fd = body->file.fd;
    body->bytes = (struct str){ body->buffer, body->held };
    body->is_whole = true;
    HTTP_DEBUG(req, "the body of the request is there, %llu bytes %s",
               (unsigned long long)body->len, body->fd >= 0 ? "in a file" : "in memory");
    return true;
}

/* ---- asking for it ------------------------------------------------------------------------- */

static void
release(void *data)
{
    struct request_body *body = data;

    if (body->is_whole && body->stays)
        body->file.name = STR_NONE;
    temp_file_close(&body->file);
}

static bool
make_buffer(struct http_request *req, struct request_body *body)
{
    uint64_t size = http_settings_for(req)->client_body_buffer_size;

    if (req->content_length >= 0)
        size = MIN(size, (uint64_t)req->content_length);
    if (body->to_file)
        size = MIN(size, WRITE_MAX);
    body->room = (size_t)size;
    if (size <= ARENA_MAX) {
        body->buffer = arena_bytes(req->arena, body->room);
        return body->buffer != NULL;
    }
    body->buffer = malloc(body->room);
    if (body->buffer != NULL && arena_defer(req->arena, free, body->buffer))
        return true;
    free(body->buffer);
    return false;
}

/* False: memory is short. */
static bool
begin(struct http_request *req, const struct body_wish *wish)
{
    const struct location_settings *settings = http_settings_for(req);
    struct request_body *body = ARENA_NEW(req->arena, struct request_body);
    bool comes = req->has_body && !req->refused && req->parent == NULL && !http_is_explained(req);

    if (body == NULL)
        return false;
    *body = (struct request_body){ .fd = -1, .file.fd = -1, .is_whole = !comes };
    body->bytes = STR("");
    body->path = &settings->client_body_temp_path;
    body->folder = wish->folder;
    body->stays = settings->client_body_in_file_only == BODY_FILES_ON
                  && !str_is_set(wish->folder);
    if (!arena_defer(req->arena, release, body))
        return false;
    req->body = body;
    if (!comes)
        return true;
    body->warns = !wish->in_file && settings->client_body_in_file_only == BODY_FILES_OFF;
    body->to_file = !body->warns || (req->content_length >= 0 && (uint64_t)req->content_length
                                                        > settings->client_body_buffer_size);
    return make_buffer(req, body);
}

/* One that is there already, or is none: into a file. */
static bool
move_to_file(struct http_request *req)
{
    struct request_body *body = req->body;

    body->to_file = true;
    if (!open_file(req) || !write_file(req, body->bytes.p, body->bytes.len))
        return false;
    body->fd = body->file.fd;
    return true;
}

enum http_next
http_request_body(struct http_request *req, const struct body_wish *wish)
{
    static const struct body_wish none = { .in_file = false };
    struct request_body *body;

    if (wish == NULL)
        wish = &none;
    if (req->body == NULL && !begin(req, wish)) {
        LOG(&req->log, ALERT, ENOMEM, "no memory for the body of the request");
        return http_fail(req, HTTP_INTERNAL_ERROR);
    }
    body = req->body;
    if (body->is_whole && wish->in_file && body->fd < 0 && !http_is_explained(req))
        (void)move_to_file(req);
    else if (body->to_file && !body->is_whole)
        (void)open_file(req);   /* before the client is told to send it */
    if (body->failure != 0)
        return http_fail(req, body->failure);
    if (body->is_whole)
        return HTTP_PASS;
    req->codec->want_body(req);
    return HTTP_AGAIN;
}

struct str
http_request_body_name(struct http_request *req)
{
    struct request_body *body = req->body;

    if (body == NULL || !body->is_whole || body->fd < 0)
        return STR_NONE;
    if (!temp_file_name(&body->file, body->path, req->arena)) {
        LOG(&req->log, CRIT, errno, "naming the file of the request's body in \"%.*s\" failed",
            STR_ARG(body->path->folder));
        return STR_NONE;
    }
    return body->file.name;
}
