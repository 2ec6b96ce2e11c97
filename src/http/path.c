/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/path.h"
#include "http/engine.h"
#include "http/grants.h"
#include "http/open_path.h"
#include <errno.h>
#include <limits.h>

/* "." or "..", and then a "/" or the end. */
static bool
starts_with_dots(struct str path)
{
    size_t dots = 0;

    while (dots < path.len && path.p[dots] == '.')
        dots++;
    return (dots == 1 || dots == 2) && (dots == path.len || path.p[dots] == '/');
}

bool
http_path_is_safe(struct str base)
{
    for (size_t i = 0; i < base.len; i++)
        if (base.p[i] == '\0' || (base.p[i] == '/' && starts_with_dots(str_from(base, i + 1))))
            return false;
    return true;
}

static struct str
base_of(struct http_request *req, const struct root *root)
{
    struct str base;

    if (LIKELY(http_text_is_literal(&root->path)))
        return root->path.source;
    base = http_text_eval(req, &root->path);
    if (base.len == 0 || !http_path_is_safe(base)
        || (!root->is_alias && base.p[base.len - 1] == '/'))    /* a variable without a value */
        return STR_NONE;
    return base;
}

struct str
http_map_path(struct http_request *req, struct str path, size_t spare)
{
    const struct root *root = &http_settings_for(req)->root;
    struct str base = base_of(req, root);
    struct str rest = !root->is_alias ? path
                      : root->is_whole ? STR("") : str_from(path, root->prefix.len);
    size_t len = base.len + rest.len;
    char *name;

    /*
     * "/i" with an alias: "/i../x" holds no dot segment before "/i" is cut off, and one after it.
     */
    if (root->is_alias && starts_with_dots(rest))
        return STR_NONE;
    if (!str_is_set(base) || len + spare >= PATH_MAX
        || (name = arena_bytes(req->arena, len + spare + 1)) == NULL)
        return STR_NONE;
    memcpy(name, base.p, base.len);
    if (rest.len > 0)
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

/* Given back with the arena. False when memory is short. */
static bool
hold_file(struct http_request *req, struct file *file)
{
    struct held_file *held = arena_alloc(req->arena, sizeof(*held));

    if (held == NULL)
        return false;
    *held = (struct held_file){ req->worker->files, file };
    return arena_defer(req->arena, release_file, held);
}

/* from= must be a folder on the way to the file. */
size_t
http_trusted_part(struct http_request *req, struct str path)
{
    const struct symlink_settings *symlinks = &http_settings_for(req)->disable_symlinks;
    struct str from;

    if (LIKELY(symlinks->mode == SYMLINKS_FOLLOW))
        return 0;
    from = http_text_eval(req, &symlinks->from);
    while (from.len > 0 && from.p[from.len - 1] == '/')
        from.len--;
    if (from.len == 0 || !str_starts(path, from) || path.len == from.len || path.p[from.len] != '/')
        return 0;
    return from.len;
}

struct file *
http_open_file(struct http_request *req, struct str path)
{
    const struct location_settings *settings = http_settings_for(req);
    size_t trusted = http_trusted_part(req, path);
    struct file *file = file_open(req->worker->files, settings, path, trusted);

    if (file != NULL)
        HTTP_DEBUG(req, "file \"%.*s\": %s", STR_ARG(path),
                   file->error != 0 ? strerror(file->error) : "open");
    if (LIKELY(req->file == NULL)) {
        req->file = file;
    } else if (file != NULL && !hold_file(req, file)) {
        file_release(req->worker->files, file);
        return NULL;
    }
    return file;
}

enum http_next
http_unmapped(struct http_request *req)
{
    HTTP_TRACE(req, &http_settings_for(req)->root.mark, "open: no path can be made for it");
    return http_fail(req, arena_failed(req->arena) ? HTTP_INTERNAL_ERROR : HTTP_NOT_FOUND);
}

unsigned
http_open_failed(struct http_request *req, struct str path, int error)
{
    HTTP_TRACE(req, &http_settings_for(req)->root.mark, "open: %.*s: %s", STR_ARG(path),
               strerror(error));
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ENXIO:                 /* a socket */
    case ENODEV:
        if (http_settings_for(req)->log_not_found)
            LOG(&req->log, ERR, error, "open() \"%.*s\" failed", STR_ARG(path));
        return HTTP_NOT_FOUND;
    case EACCES:
    case EPERM:
    case ELOOP:
        LOG(&req->log, ERR, error, "open() \"%.*s\" failed", STR_ARG(path));
        http_walls_refused(&req->log, path.p, HTTP_READS, error);
        return HTTP_FORBIDDEN;
    default:
        LOG(&req->log, CRIT, error, "open() \"%.*s\" failed", STR_ARG(path));
        return HTTP_INTERNAL_ERROR;
    }
}

/* ---- the file of a request ----------------------------------------------------------------- */

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

enum http_next
http_find_file(struct http_request *req, struct file **found)
{
    struct str path;
    struct file *file;

    *found = NULL;
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
    *found = file;
    return HTTP_PASS;
}
