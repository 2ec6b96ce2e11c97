/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/path.h"
#include "base/counters.h"
#include "http/engine.h"
#include "http/explain.h"
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

bool
http_root_is_safe(const struct root *root, struct str base)
{
    return http_text_is_literal(&root->path)
           || http_path_is_safe(str_from(base, root->trusted > 0 ? root->trusted - 1 : 0));
}

static struct str
base_of(struct http_request *req, const struct root *root)
{
    struct str base;

    if (LIKELY(http_text_is_literal(&root->path)))
        return root->path.source;
    base = http_text_eval(req, &root->path);
    if (base.len == 0 || !http_root_is_safe(root, base)
        || (!root->is_alias && base.p[base.len - 1] == '/'))    /* a variable without a value */
        return STR_NONE;
    return base;
}

/* ---- names with a dot ---------------------------------------------------------------------- */

/* What stands behind the dots at its begin: the rest of a name, when something is in front of it. */
static struct str
without_dots(struct str text)
{
    while (text.len > 0 && text.p[0] == '.')
        text = str_from(text, 1);
    return text;
}

/* Those in the literals of a text, which may begin and end in the middle of a name. */
static unsigned
dots_of_text(const struct http_text *text)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < text->len; i++) {
        struct str literal = text->pieces[i].literal;

        if (text->pieces[i].var != NULL)
            continue;
        count += uri_dotted_names(i == 0 ? literal : without_dots(literal));
        count += i + 1 < text->len
                 && (str_ends(literal, STR("/.")) || str_ends(literal, STR("/..")));
    }
    return count;
}

/* Of those in a path, how many the client did not bring. */
static unsigned
dots_written(const struct http_request *req, struct str path, const struct http_text *made_of)
{
    unsigned count = made_of != NULL ? dots_of_text(made_of) : 0;
    struct str folder = req->path;

    if (LIKELY(req->dots_written == 0))
        return count;
    if (memmem(path.p, path.len, folder.p, folder.len) != NULL)
        return count + req->dots_written;
    while (folder.len > 0 && folder.p[folder.len - 1] != '/')
        folder.len--;
    if (str_starts(path, folder))
        count += MIN(req->dots_written, uri_dotted_names(folder));
    return count;
}

void
http_path_set(struct http_request *req, const struct http_request *from, struct str path,
              const struct http_text *made_of)
{
    unsigned written = 0;

    req->is_dotted = uri_dotted_names(path) > 0;
    if (UNLIKELY(req->is_dotted))
        written = dots_written(from, path, made_of);
    req->dots_written = (uint8_t)MIN(written, UINT8_MAX);
    req->path = path;
}

static COLD void
tell_hidden(struct http_request *req, struct str path)
{
    HTTP_TRACE(req, NULL, "serve_hidden: it is off, and %.*s has a name that begins with a dot",
               STR_ARG(path));
    if (req->was_hidden)
        return;
    req->was_hidden = true;
    if (http_is_explained(req))
        return;
    stats->hidden_refused++;
    LOG(&req->log, INFO, 0, "\"%.*s\" has a name that begins with a dot and is hidden: "
        "\"serve_hidden\" is off", STR_ARG(path));
}

bool
http_brings_hidden(struct http_request *req, struct str value, const struct http_text *text)
{
    unsigned dots;

    if (LIKELY(http_text_is_literal(text)))
        return false;
    dots = uri_dotted_names(value);
    if (dots == 0 || http_settings_for(req)->serve_hidden || dots <= dots_of_text(text))
        return false;
    tell_hidden(req, value);
    return true;
}

/* ---- names of files ------------------------------------------------------------------------ */

/* What is to become a name, and how many names with a dot in it may be. */
struct mapping {
    struct str path;
    size_t spare;
    bool is_dotted;
    unsigned dots_written;
    bool is_hidden;             /* why there is no name */
};

/* How many of the names that were written may be in the rest: those that an alias stands for are not. */
static unsigned
dots_left(const struct root *root, const struct mapping *mapping)
{
    struct str cut = { mapping->path.p, MIN(mapping->path.len, root->prefix.len) };
    unsigned gone = root->is_alias && mapping->dots_written > 0 ? uri_dotted_names(cut) : 0;

    return mapping->dots_written - MIN(mapping->dots_written, gone);
}

/* Whether the root, or what of the path lies below it, has names that must not be found. */
static bool
is_hidden(const struct root *root, struct str base, struct str rest, const struct mapping *mapping)
{
    if (UNLIKELY(mapping->is_dotted)
        || UNLIKELY(root->is_alias && rest.len > 0 && rest.p[0] == '.')) {
        if (!str_ends(base, STR("/")))
            rest = without_dots(rest);          /* "/i" with an alias "/j": "/i.x" is "/j.x" */
        if (uri_dotted_names(rest) > dots_left(root, mapping))
            return true;
    }
    return UNLIKELY(!http_text_is_literal(&root->path))
           && uri_dotted_names(base) > dots_of_text(&root->path);
}

static struct str
map(struct http_request *req, struct mapping *mapping)
{
    const struct location_settings *settings = http_settings_for(req);
    const struct root *root = &settings->root;
    struct str base = base_of(req, root), path = mapping->path;
    struct str rest = !root->is_alias ? path
                      : root->is_whole ? STR("") : str_from(path, root->prefix.len);
    size_t len = base.len + rest.len, spare = mapping->spare;
    char *name;

    if (!settings->serve_hidden && is_hidden(root, base, rest, mapping)) {
        mapping->is_hidden = true;
        return STR_NONE;
    }
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

static struct str
map_or_tell(struct http_request *req, struct mapping *mapping)
{
    struct str name = map(req, mapping);

    if (UNLIKELY(mapping->is_hidden))
        tell_hidden(req, mapping->path);
    return name;
}

struct str
http_map_path(struct http_request *req, size_t spare)
{
    struct mapping mapping = { .path = req->path, .spare = spare, .is_dotted = req->is_dotted,
                               .dots_written = req->dots_written };

    return map_or_tell(req, &mapping);
}

struct str
http_map_other(struct http_request *req, struct str path, const struct http_text *made_of)
{
    struct mapping mapping = { .path = path };

    mapping.is_dotted = uri_dotted_names(path) > 0;
    if (UNLIKELY(mapping.is_dotted))
        mapping.dots_written = dots_written(req, path, made_of);
    return map_or_tell(req, &mapping);
}

struct str
http_path_name(struct http_request *req)
{
    struct mapping mapping = { .path = req->path, .is_dotted = req->is_dotted,
                               .dots_written = req->dots_written };

    return map(req, &mapping);
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
    if (!req->was_hidden)
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
        if (http_walls_refused(&req->log, path.p, HTTP_READS, error))
            HTTP_TRACE(req, &http_settings_for(req)->root.mark, "sandbox: does not open %.*s, owner "
                       "and mode would; \"sandbox_allow_read\" for a folder around it does",
                       STR_ARG(path));
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
    path = http_map_path(req, 0);
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
