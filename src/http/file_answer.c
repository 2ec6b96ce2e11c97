/* SPDX-License-Identifier: BSD-2-Clause */
/* file_answer: see file_answer.h. */
#include "http/file_answer.h"
#include "http/engine.h"

enum http_next
http_answer_file(struct http_request *req, struct file *file, enum encoding encoding)
{
    struct http_response *resp = &req->response;
    const struct location_settings *settings = req->location->settings;
    const struct file_head *head = file_head(file, settings, req->path, encoding);
    const char *body;

    if (head == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    HTTP_TRACE(req, &settings->root.mark, "file: %.*s", STR_ARG(req->filename));
    resp->status = HTTP_OK;
    if (LIKELY(str_is_set(head->content_type)))
        resp->content_type = head->content_type;
    else
        http_content_type_set(req, http_text_eval(req, head->type));
    resp->content_encoding = (uint8_t)encoding;
    resp->last_modified = file->mtime.tv_sec;
    resp->etag = settings->etag ? file->etag : STR_NONE;
    resp->accept_ranges = settings->max_ranges > 0;
    resp->ready = &head->ok;
    resp->ready_not_modified = &head->not_modified;
    body = file_body(req->worker->files, file);
    if (body != NULL)
        http_body_memory(resp, body, file->size);
    else
        http_body_file(resp, file->fd, 0, file->size);
    resp->file = file;
    return HTTP_DONE;
}
