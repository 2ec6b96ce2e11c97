/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * static: serves regular files below root or alias, and sends visitors of a folder's name to its
 * address with a "/".
 */
#include "http/engine.h"
#include "http/file_answer.h"
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
    return http_answer_file(req, file, ENCODING_IDENTITY);
}

const struct http_module static_module = {
    .name = "static",
    .phase = PHASE_CONTENT,
    .handle = static_handle,
};
