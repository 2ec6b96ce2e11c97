/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * static: serves regular files below root or alias, and sends visitors of a folder's name to its
 * address with a "/".
 */
#include "http/engine.h"
#include "http/module.h"
#include "http/path.h"
#include <errno.h>

/*
 * "/docs" is a folder: "/docs/" is its address. Relative links in it would lead astray otherwise.
 */
static enum http_next
redirect_to_folder(struct http_request *req)
{
    struct writer w = writer_in(req->arena);

    write_uri(&w, req->path);
    write_char(&w, '/');
    if (req->args.len > 0) {
        write_char(&w, '?');
        write_str(&w, req->args);
    }
    if (!w.ok)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    return http_redirect(req, HTTP_MOVED_PERMANENTLY, writer_str(&w));
}

static enum http_next
send_file(struct http_request *req, struct file *file)
{
    struct http_response *resp = &req->response;
    const struct location_settings *settings = req->location->settings;
    const struct file_head *head = file_head(file, settings, req->path);
    const char *body;

    if (head == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    HTTP_TRACE(req, &settings->root.mark, "file: %.*s", STR_ARG(req->filename));
    resp->status = HTTP_OK;
    if (LIKELY(str_is_set(head->content_type)))
        resp->content_type = head->content_type;
    else
        http_content_type_set(req, http_text_eval(req, head->type));
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
    return HTTP_DONE;
}

static enum http_next
refuse_method(struct http_request *req)
{
    HTTP_TRACE(req, NULL, "static: files are for GET and HEAD");
    return http_not_allowed(req, STR("GET, HEAD"));
}

static enum http_next
static_handle(struct http_request *req, const void *slot)
{
    struct str path;
    struct file *file;

    (void)slot;
    if (UNLIKELY(!http_seeks_file(req)))
        return refuse_method(req);
    if (req->path.p[req->path.len - 1] == '/')
        return HTTP_PASS;
    path = http_map_path(req, req->path, 0);
    if (!str_is_set(path))
        return http_unmapped(req);
    req->filename = path;
    file = http_open_file(req, path);
    if (file == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (UNLIKELY(file->error != 0))
        return http_fail(req, http_open_failed(req, path, file->error));
    if (UNLIKELY(file->is_dir)) {
        HTTP_TRACE(req, &req->location->settings->root.mark,
                   "static: %.*s is a folder, its address ends with \"/\"", STR_ARG(path));
        return redirect_to_folder(req);
    }
    if (UNLIKELY(!file->is_regular)) {
        LOG(&req->log, ERR, 0, "\"%.*s\" is not a regular file", STR_ARG(path));
        return http_fail(req, HTTP_NOT_FOUND);
    }
    if (UNLIKELY(req->method == METHOD_POST))
        return refuse_method(req);
    return send_file(req, file);
}

const struct http_module static_module = {
    .name = "static",
    .phase = PHASE_CONTENT,
    .handle = static_handle,
};
