/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/seek.h"
#include "http/engine.h"

static struct str
make_etag(struct http_request *req, const struct file *file, uint64_t len)
{
    struct writer w = writer_in(req->arena);

    file_write_etag(&w, file->mtime.tv_sec, len);
    return writer_str(&w);
}

enum http_next
http_seek_answer(struct http_request *req, const struct file *file, struct str front,
                 uint64_t offset, uint64_t len)
{
    const struct location_settings *settings = http_settings_for(req);
    struct http_response *resp = &req->response;
    struct body_part *rest = ARENA_NEW(req->arena, struct body_part);

    http_response_reset(resp, HTTP_OK);
    if (rest == NULL
        || (settings->etag && !str_is_set(resp->etag = make_etag(req, file, front.len + len))))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    http_content_type_set(req, http_type_for(req, req->path));
    resp->last_modified = file->mtime.tv_sec;
    resp->accept_ranges = settings->max_ranges > 0;
    http_body_memory(resp, front.p, front.len);
    *rest = (struct body_part){
        .kind = PART_FILE, .fd = file->fd, .req = req, .offset = (off_t)offset, .len = len,
    };
    resp->first.next = len > 0 ? rest : NULL;
    resp->content_length += (int64_t)len;
    return HTTP_DONE;
}
