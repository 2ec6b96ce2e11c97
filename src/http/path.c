/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/path.h"
#include "http/engine.h"
#include <errno.h>
#include <limits.h>

struct str
http_map_path(struct http_request *req, struct str path, size_t spare)
{
    const struct root *root = &http_settings_for(req)->root;
    struct str base = http_text_is_literal(&root->path) ? root->path.source
                                                        : http_text_eval(req, &root->path);
    struct str rest = root->is_alias ? str_from(path, root->prefix_len) : path;
    size_t len = base.len + rest.len;
    char *name;

    if (!str_is_set(base) || len + spare >= PATH_MAX
        || (name = arena_bytes(req->arena, len + spare + 1)) == NULL)
        return STR_NONE;
    memcpy(name, base.p, base.len);
    memcpy(name + base.len, rest.p, rest.len);
    name[len] = '\0';
    return (struct str){ name, len };
}

struct held_file {
    struct file_cache *cache;
    struct file *file;
};

static void
release_file(void *data)
{
    struct held_file *held = data;

    file_release(held->cache, held->file);
}

struct file *
http_open_file(struct http_request *req, struct str path)
{
    struct file_cache *cache = req->worker->files;
    struct held_file *held = arena_alloc(req->arena, sizeof(*held));

    if (held == NULL)
        return NULL;
    held->cache = cache;
    held->file = file_open(cache, http_settings_for(req), path);
    if (held->file == NULL)
        return NULL;
    if (!arena_defer(req->arena, release_file, held)) {
        file_release(cache, held->file);
        return NULL;
    }
    return held->file;
}

unsigned
http_open_failed(struct http_request *req, struct str path, int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        if (http_settings_for(req)->log_not_found)
            LOG(&req->log, ERR, error, "open() \"%.*s\" failed", STR_ARG(path));
        return HTTP_NOT_FOUND;
    case EACCES:
    case EPERM:
    case ELOOP:
        LOG(&req->log, ERR, error, "open() \"%.*s\" failed", STR_ARG(path));
        return HTTP_FORBIDDEN;
    default:
        LOG(&req->log, CRIT, error, "open() \"%.*s\" failed", STR_ARG(path));
        return HTTP_INTERNAL_ERROR;
    }
}
