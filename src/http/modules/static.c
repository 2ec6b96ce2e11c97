/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * static: serves regular files below root or alias, and sends visitors of a folder's name to its
 * address with a "/".
 */
#include "http/engine.h"
#include "http/file_answer.h"
#include "http/module.h"
#include "http/path.h"

static enum http_next
refuse_folder(struct http_request *req)
{
    struct str path = http_map_path(req, 0);
    struct file *file;

    if (!str_is_set(path))
        return http_unmapped(req);
    req->filename = path;
    file = http_open_file(req, path);
    if (file == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (file->error != 0)
        return http_fail(req, http_open_failed(req, path, file->error));
    HTTP_TRACE(req, NULL, "index: the folder has none, and its list is not shown");
    LOG(&req->log, ERR, 0, "directory index of \"%.*s\" is forbidden", STR_ARG(path));
    return http_fail(req, HTTP_FORBIDDEN);
}

static enum http_next
static_handle(struct http_request *req, const void *slot)
{
    struct file *file;
    enum http_next next;

    (void)slot;
    next = http_find_file(req, &file);
    if (UNLIKELY(next != HTTP_PASS))
        return next;
    if (UNLIKELY(file == NULL))
        return refuse_folder(req);
    return http_answer_file(req, file, ENCODING_IDENTITY);
}

const struct http_module static_module = {
    .name = "static",
    .phase = PHASE_CONTENT,
    .handle = static_handle,
};
