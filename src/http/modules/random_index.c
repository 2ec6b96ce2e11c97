/* SPDX-License-Identifier: BSD-2-Clause */
/* random_index: for an address that ends with "/", any file of the folder, by chance. */
#include "http/engine.h"
#include "http/folder_reader.h"
#include "http/module.h"
#include "http/path.h"

struct random_index_conf {
    bool on;
};

static enum http_next
random_index_handle(struct http_request *req, const void *slot)
{
    struct folder_question question = {
        .symlinks = http_settings_for(req)->disable_symlinks.mode,
    };
    const struct folder *folder;
    enum http_next next;
    struct writer w;

    (void)slot;
    if (req->path.p[req->path.len - 1] != '/' || !http_seeks_file(req))
        return HTTP_PASS;
    question.path = http_map_path(req, 0);
    if (!str_is_set(question.path))
        return http_unmapped(req);
    question.trusted = http_trusted_part(req, question.path);
    if ((next = folder_ask(req, &question, &folder)) != HTTP_PASS)
        return next;
    if (!str_is_set(folder->picked)) {
        HTTP_TRACE(req, NULL, "random_index: there is no file in %.*s", STR_ARG(question.path));
        return HTTP_PASS;
    }
    w = writer_in(req->arena);
    write_str(&w, req->path);
    write_str(&w, folder->picked);
    if (!w.ok)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    HTTP_TRACE(req, NULL, "random_index: %.*s, by chance", STR_ARG(folder->picked));
    return http_redirect_internal(req, writer_str(&w), req->args, NULL);
}

static bool
random_index_wanted(const void *slot)
{
    return ((const struct random_index_conf *)slot)->on;
}

static const struct directive random_index_directives[] = {
    { "random_index", .where = IN_LOCATION, .args = { 1, 1 }, .parse = parse_flag,
      FIELD(struct random_index_conf, on) },
    { 0 }
};

const struct http_module random_index_module = {
    .name = "random_index",
    .directives = random_index_directives,
    .conf_size = sizeof(struct random_index_conf),
    .phase = PHASE_CONTENT,
    .handle = random_index_handle,
    .wanted = random_index_wanted,
};
