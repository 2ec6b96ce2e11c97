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
static_handle(struct http_request *req, const void *slot)
{
    struct file *file;
    enum http_next next;

    (void)slot;
    next = http_find_file(req, &file);
    if (UNLIKELY(next != HTTP_PASS || file == NULL))
        return next;
    return http_answer_file(req, file, ENCODING_IDENTITY);
}

const struct http_module static_module = {
    .name = "static",
    .phase = PHASE_CONTENT,
    .handle = static_handle,
};
