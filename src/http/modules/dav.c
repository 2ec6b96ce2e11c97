/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dav: PUT, DELETE, MKCOL, COPY and MOVE change the files of the site.
 *
 * What can be told of the request alone is decided here; then the body of a PUT comes into a file
 * that has no name yet, and the rest is an order (dav_work.h): what is quick is done at once, else
 * a thread does it, which owns all it needs.
 */
#include "base/clock.h"
#include "event/offload.h"
#include "http/dav_work.h"
#include "http/engine.h"
#include "http/grants.h"
#include "http/module.h"
#include "http/path.h"
#include "http/request_body.h"
#include "http/threads.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* dav_methods */
struct dav_methods {
    uint32_t bits;              /* by enum http_method */
    struct str allow;           /* the value of "Allow" */
    struct conf_mark mark;
};

/* dav_access */
struct dav_access {
    mode_t files, folders;
};

struct dav_conf {
    struct dav_methods methods;
    struct dav_access access;
    bool create_full_put_path;
    uint32_t min_delete_depth;
    struct thread_limits threads;
};

/* ---- the conf file ------------------------------------------------------------------------- */

static const enum http_method dav_all[] = {
    METHOD_PUT, METHOD_DELETE, METHOD_MKCOL, METHOD_COPY, METHOD_MOVE,
};

static bool
is_dav(enum http_method method)
{
    for (size_t i = 0; i < ARRAY_LEN(dav_all); i++)
        if (dav_all[i] == method)
            return true;
    return false;
}

static bool
parse_methods(struct conf *conf, const struct conf_node *node, void *field)
{
    struct dav_methods *m = field;
    struct writer w = writer_in(conf->arena);

    m->mark = conf_mark_of(conf, &node->words[0]);
    if (node->count == 2 && str_eq(node->words[1].text, STR("off")))
        return true;
    write_str(&w, STR("GET, HEAD"));
    for (uint32_t i = 1; i < node->count; i++) {
        enum http_method method = http_method_of(node->words[i].text);

        if (!is_dav(method)) {
            conf_error(conf, &node->words[i], "invalid value \"%.*s\"",
                       STR_ARG(node->words[i].text));
            conf_hint(conf, "off, or some of PUT, DELETE, MKCOL, COPY, MOVE");
            return false;
        }
        if ((m->bits >> method & 1) != 0) {
            conf_warn(conf, &node->words[i], "duplicate value \"%.*s\"",
                      STR_ARG(node->words[i].text));
            continue;
        }
        m->bits |= 1u << method;
        write_str(&w, STR(", "));
        write_str(&w, node->words[i].text);
    }
    m->allow = writer_str(&w);
    return str_is_set(m->allow) || conf_no_memory(conf);
}

static bool
parse_permission(struct conf *conf, const struct conf_word *word, struct dav_access *access)
{
    static const struct { struct str text; struct dav_access bits; } rights[] = {
        { STR_INIT("user:rw"), { 0600, 0700 } }, { STR_INIT("user:r"), { 0400, 0500 } },
        { STR_INIT("group:rw"), { 060, 070 } }, { STR_INIT("group:r"), { 040, 050 } },
        { STR_INIT("all:rw"), { 06, 07 } }, { STR_INIT("all:r"), { 04, 05 } },
    };

    for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
        if (!str_eq(word->text, rights[i].text))
            continue;
        access->files |= rights[i].bits.files;
        access->folders |= rights[i].bits.folders;
        return true;
    }
    conf_error(conf, word, "invalid value \"%.*s\"", STR_ARG(word->text));
    conf_hint(conf, "user:rw, group:r, all:r and the like");
    return false;
}

/* Without "user" its rights are all: the server must be able to change what it has made. */
static bool
parse_access(struct conf *conf, const struct conf_node *node, void *field)
{
    struct dav_access *access = field;

    *access = (struct dav_access){ 0, 0 };
    for (uint32_t i = 1; i < node->count; i++)
        if (!parse_permission(conf, &node->words[i], access))
            return false;
    if ((access->files & 0700) == 0) {
        access->files |= 0600;
        access->folders |= 0700;
    }
    return true;
}

static bool
dav_check(struct conf *conf, struct conf_scope *scope, void *slot)
{
    const struct dav_conf *dc = slot;
    const struct location_settings *settings = conf_settings(conf, scope, &location_table);

    return (dc->methods.bits >> METHOD_PUT & 1) == 0
           || http_want_folder(conf, settings->client_body_temp_path.folder);
}

static bool
dav_grants(struct conf *conf, const struct location_settings *settings, const void *slot)
{
    const struct dav_conf *dc = slot;

    return dc->methods.bits == 0 || http_grant_text(conf, &settings->root.path, HTTP_WRITES);
}

/* ---- orders on their way ------------------------------------------------------------------- */

struct dav_job;

/* A request that the module answers. In its arena. */
struct dav_request {
    struct http_request *req;
    const struct dav_conf *conf;
    struct dav_order order;
    struct dav_job *job;        /* NULL: not begun, or over */
    bool is_over;
    struct dav_outcome outcome;
};

/* What a thread gets: a copy of the order, in an arena of its own, and a descriptor of its own. */
struct dav_job {
    struct offload_job job;
    struct arena *arena;
    struct dav_order order;
    struct dav_outcome outcome;
    struct dav_request *for_request;    /* for the loop */
};

static void
run_job(struct offload_job *oj)
{
    struct dav_job *job = CONTAINER_OF(oj, struct dav_job, job);

    dav_execute(&job->order, &job->outcome);
}

static void
drop_job(struct offload_job *oj)
{
    struct dav_job *job = CONTAINER_OF(oj, struct dav_job, job);

    if (job->order.fd >= 0)
        close(job->order.fd);
    arena_destroy(job->arena);
}

static void
job_done(struct offload_job *oj)
{
    struct dav_job *job = CONTAINER_OF(oj, struct dav_job, job);
    struct dav_request *dr = job->for_request;

    dr->outcome = job->outcome;
    dr->job = NULL;
    dr->is_over = true;
    drop_job(oj);
    http_resume(dr->req);
}

/* The request ends before the thread does; what was begun is done all the same. */
static void
forget_job(void *data)
{
    struct dav_request *dr = data;

    if (dr->job != NULL)
        offload_forget(dr->req->worker->dav_threads, &dr->job->job);
}

static void
copy_place(struct arena *arena, struct dav_place *place)
{
    if (!str_is_set(place->folder))
        return;
    place->folder = arena_str(arena, place->folder);
    place->name = arena_str(arena, place->name);
}

static struct str
copy_text(struct arena *arena, struct str text)
{
    return str_is_set(text) ? arena_str(arena, text) : STR_NONE;
}

/* NULL: memory or descriptors are short. */
static struct dav_job *
make_job(struct dav_request *dr)
{
    struct arena *arena = arena_create(1024, 0);
    struct dav_job *job = arena != NULL ? ARENA_NEW(arena, struct dav_job) : NULL;
    struct dav_order *o;

    if (job == NULL) {
        arena_destroy(arena);
        return NULL;
    }
    job->job = (struct offload_job){ .run = run_job, .done = job_done, .drop = drop_job };
    link_init(&job->job.link);
    job->arena = arena;
    job->for_request = dr;
    job->order = dr->order;
    o = &job->order;
    copy_place(arena, &o->target);
    copy_place(arena, &o->destination);
    o->temp_name = copy_text(arena, o->temp_name);
    o->conditions.if_match = copy_text(arena, o->conditions.if_match);
    o->conditions.if_none_match = copy_text(arena, o->conditions.if_none_match);
    o->conditions.if_unmodified_since = copy_text(arena, o->conditions.if_unmodified_since);
    if (o->fd >= 0)
        o->fd = fcntl(o->fd, F_DUPFD_CLOEXEC, 0);
    if (!arena_failed(arena) && (o->fd >= 0) == (dr->order.fd >= 0))
        return job;
    drop_job(&job->job);
    return NULL;
}

static void
dav_stop(struct http_worker *worker)
{
    offload_destroy(worker->dav_threads);
    worker->dav_threads = NULL;
}

static bool
have_threads(struct http_request *req, const struct dav_conf *dc)
{
    struct http_worker *worker = req->worker;

    if (worker->dav_threads == NULL)
        worker->dav_threads = offload_create(worker->loop, dc->threads.count, dc->threads.queue);
    if (worker->dav_threads == NULL)
        LOG(&req->log, CRIT, errno, "no threads to change files");
    return worker->dav_threads != NULL;
}

static enum http_next
refuse_busy(struct http_request *req)
{
    LOG(&req->log, ERR, 0, "too many changes of files wait to be done");
    req->error_field = (struct http_field){ STR("Retry-After"), STR("1") };
    return http_fail(req, HTTP_SERVICE_UNAVAILABLE);
}

static enum http_next
begin_job(struct dav_request *dr)
{
    struct http_request *req = dr->req;
    struct dav_job *job;
    enum offload_put put;

    if (!have_threads(req, dr->conf))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if ((job = make_job(dr)) == NULL) {
        LOG(&req->log, ALERT, errno, "a change of files cannot be begun");
        return http_fail(req, HTTP_INTERNAL_ERROR);
    }
    put = offload_put(req->worker->dav_threads, &job->job);
    if (put == OFFLOAD_TAKEN) {
        dr->job = job;
        return HTTP_AGAIN;
    }
    if (put == OFFLOAD_FAILED)
        LOG(&req->log, CRIT, errno, "pthread_create() failed");
    drop_job(&job->job);
    return refuse_busy(req);
}

/* ---- answers ------------------------------------------------------------------------------- */

/* Only what the client did wrong, and would not know of: a line. */
static enum http_next
refuse(struct http_request *req, unsigned status, const char *why)
{
    HTTP_TRACE(req, NULL, "dav: %u, as %s", status, why);
    LOG(&req->log, ERR, 0, "%.*s of \"%.*s\" refused: %s", STR_ARG(req->method_name),
        STR_ARG(req->path), why);
    return http_fail(req, status);
}

/*
 * One of the folders is outside of what may be changed. A rename to there is EXDEV, as if it were
 * another disk.
 */
static void
tell_walls(const struct dav_request *dr)
{
    const struct dav_place *places[] = { &dr->order.target, &dr->order.destination };

    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (str_is_set(places[i]->folder)
            && http_walls_refused(&dr->req->log, places[i]->folder.p, HTTP_WRITES, EACCES))
            return;
}

static void
log_failure(const struct dav_request *dr)
{
    const struct dav_outcome *o = &dr->outcome;
    struct http_request *req = dr->req;
    struct str name = str_of(o->name);

    if (o->what == NULL)
        return;
    HTTP_TRACE(req, NULL, "dav: %u, as %s", o->status, o->what);
    if (o->status >= 500)
        LOG(&req->log, CRIT, o->error, "%.*s of \"%.*s\" failed: %s%s%s",
            STR_ARG(req->method_name), STR_ARG(req->filename), o->what,
            name.len > 0 ? " with " : "", name.p);
    else
        LOG(&req->log, ERR, o->error, "%.*s of \"%.*s\" refused: %s",
            STR_ARG(req->method_name), STR_ARG(req->filename), o->what);
    if (o->error == EACCES || o->error == EPERM || o->error == EXDEV)
        tell_walls(dr);
}

/* What this worker knows of the files is not true any more. */
static void
forget_files(const struct dav_request *dr)
{
    const struct dav_place *places[] = { &dr->order.target, &dr->order.destination };
    struct http_request *req = dr->req;

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct str path;

        if (!str_is_set(places[i]->folder))
            continue;
        path = arena_fmt(req->arena, "%.*s/%.*s", STR_ARG(places[i]->folder),
                         STR_ARG(places[i]->name));
        if (places[i]->is_folder && str_is_set(path))
            file_cache_forget_below(req->worker->files, path);
        else if (str_is_set(path))
            file_cache_forget(req->worker->files, path);
    }
}

static enum http_next
answer(struct dav_request *dr)
{
    struct http_request *req = dr->req;
    struct http_response *resp = &req->response;
    unsigned status = dr->outcome.status;

    log_failure(dr);
    if (status >= 300)
        return http_fail(req, status);
    resp->status = status;
    resp->content_length = 0;
    if (status == HTTP_CREATED && !str_is_set(dr->order.destination.folder)) {
        struct writer w = writer_in(req->arena);

        write_uri(&w, req->path);
        if (!w.ok)
            return http_fail(req, HTTP_INTERNAL_ERROR);
        resp->location = writer_str(&w);
    }
    return HTTP_DONE;
}

/* ---- places -------------------------------------------------------------------------------- */

static bool
is_at_end(struct str path)
{
    return path.len > 0 && path.p[path.len - 1] == '/';
}

static struct str
without_end(struct str path)
{
    while (path.len > 1 && is_at_end(path))
        path.len--;
    return path;
}

/*
 * What the conf file names itself: what lies below it is the site. Of an alias with variables that
 * is the part before the first.
 */
static bool
is_root(const struct root *root, struct str path, struct str mapped)
{
    struct str text = root->path.source, rest = path;
    ptrdiff_t variable = str_find(text, '$', 0);

    if (root->is_alias && root->is_whole) {
        if (variable < 0)       /* a file of the site, or a folder that is all of it */
            return is_at_end(path) || is_at_end(mapped);
        text.len = (size_t)variable;
        return str_eq(without_end(mapped), without_end(text));
    }
    if (root->is_alias)
        rest = str_from(path, MIN(root->prefix.len, path.len));
    return rest.len == 0 || str_eq(without_end(rest), STR("/"));
}

/* Why a path is nothing that can be changed; NULL: it can. */
static const char *
set_place(struct http_request *req, struct str path, struct str mapped, struct dav_place *place)
{
    const struct root *root = &http_settings_for(req)->root;
    size_t slash;

    place->is_folder = is_at_end(path);
    if (is_root(root, path, mapped))
        return "it is the root of the site";
    mapped = without_end(mapped);
    for (slash = mapped.len; slash > 0 && mapped.p[slash - 1] != '/'; slash--)
        continue;
    if (slash == 0 || slash == mapped.len)
        return "it is the root of the site";
    place->name = arena_str(req->arena, str_from(mapped, slash));
    place->folder = arena_str(req->arena, (struct str){ mapped.p, MAX(slash - 1, 1) });
    if (memmem(path.p, path.len, "/" TEMP_HIDDEN_PREFIX, sizeof(TEMP_HIDDEN_PREFIX)) != NULL)
        return "such names are of files that are on their way";
    place->trusted = http_trusted_part(req, mapped);
    place->trusted = MIN(place->trusted, place->folder.len);
    return NULL;
}

static const char is_dotted[] =
    "a name in it begins with a dot, and \"serve_hidden\" is off";

/* HTTP_PASS, or an answer. */
static enum http_next
find_target(struct dav_request *dr)
{
    struct http_request *req = dr->req;
    struct str mapped = http_map_path(req, 0);
    const char *why;

    if (!str_is_set(mapped))
        return req->was_hidden && (req->method == METHOD_PUT || req->method == METHOD_MKCOL)
                   ? refuse(req, HTTP_FORBIDDEN, is_dotted) : http_unmapped(req);
    req->filename = mapped;
    why = set_place(req, req->path, mapped, &dr->order.target);
    if (arena_failed(req->arena))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (why == NULL)
        return HTTP_PASS;
    return refuse(req, req->method == METHOD_PUT && is_at_end(req->path) ? HTTP_CONFLICT
                       : req->method == METHOD_MKCOL && is_at_end(req->path)
                       ? HTTP_METHOD_NOT_ALLOWED : HTTP_FORBIDDEN, why);
}

/* Without the port, in lower case. */
static bool
is_this_host(const struct http_request *req, struct str host)
{
    size_t len = host.len;

    if (host.len > 0 && host.p[0] == '[')
        len = (size_t)(str_find(host, ']', 0) + 1);
    else if (str_find(host, ':', 0) >= 0)
        len = (size_t)str_find(host, ':', 0);
    host.len = len;
    return str_ieq(host, req->host);
}

static bool
has_bad_bytes(struct str value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.p[i] <= ' ' || value.p[i] == 0x7f)
            return true;
    return false;
}

/*
 * Where another path of the site lies, if it is served by the very location that serves the
 * request: what guards another one was not asked. STR_NONE: it is not, or no name can be made.
 */
static struct str
map_destination(struct http_request *req, struct str path)
{
    const struct http_captures captures = req->captures;
    const struct str own = req->path;
    const struct http_location *place;
    struct str mapped = STR_NONE;

    req->path = path;
    place = location_find(req);
    req->path = own;
    if (place != NULL && place->base == req->location->base)
        mapped = http_map_other(req, path, NULL);
    req->captures = captures;
    return mapped;
}

static bool
is_within(struct str path, struct str folder)
{
    return is_at_end(folder) && str_starts(path, folder);
}

/* HTTP_PASS, or an answer. */
static enum http_next
find_destination(struct dav_request *dr)
{
    struct http_request *req = dr->req;
    struct str value = http_request_field(req, STR("destination"));
    struct str mapped;
    struct uri uri;
    const char *why;

    if (!str_is_set(value))
        return refuse(req, HTTP_BAD_REQUEST, "there is no \"Destination\"");
    if (has_bad_bytes(value) || str_eq(value, STR("*"))
        || !uri_parse(req->arena, value, req->server->settings->merge_slashes, &uri)
        || (str_is_set(uri.host) && !is_this_host(req, uri.host)))
        return refuse(req, HTTP_BAD_REQUEST, "\"Destination\" is no path of this host");
    if (is_at_end(uri.path) != is_at_end(req->path))
        return refuse(req, HTTP_CONFLICT, "only one of path and \"Destination\" is a folder's");
    if (str_eq(uri.path, req->path) || is_within(uri.path, req->path)
        || is_within(req->path, uri.path))
        return refuse(req, HTTP_FORBIDDEN, "\"Destination\" is the same, within it or around it");
    mapped = map_destination(req, uri.path);
    if (!str_is_set(mapped))
        return refuse(req, HTTP_FORBIDDEN, req->was_hidden ? is_dotted
                      : "\"Destination\" is served by another location");
    why = set_place(req, uri.path, mapped, &dr->order.destination);
    return why != NULL ? refuse(req, HTTP_FORBIDDEN, why) : HTTP_PASS;
}

/* ---- fields of the request ----------------------------------------------------------------- */

enum depth { DEPTH_NONE, DEPTH_0, DEPTH_1, DEPTH_INFINITY, DEPTH_BAD };

static enum depth
depth_of(const struct http_request *req)
{
    struct str value = http_request_field(req, STR("depth"));

    if (!str_is_set(value))
        return DEPTH_NONE;
    if (str_eq(value, STR("0")))
        return DEPTH_0;
    if (str_eq(value, STR("1")))
        return DEPTH_1;
    return str_ieq(value, STR("infinity")) ? DEPTH_INFINITY : DEPTH_BAD;
}

/* RFC 4918 9.6.1, 9.8.3, 9.9.2: a folder goes as a whole; only a copy can be of it alone. */
static const char *
depth_is_wrong(const struct http_request *req)
{
    enum depth depth = depth_of(req);
    bool may_be_0 = req->method == METHOD_COPY
                    || (req->method == METHOD_DELETE && !is_at_end(req->path));

    if (depth == DEPTH_NONE || depth == DEPTH_INFINITY || (depth == DEPTH_0 && may_be_0))
        return NULL;
    return may_be_0 ? "\"Depth\" must be 0 or infinity" : "\"Depth\" must be infinity";
}

/* False: it is neither T nor F. */
static bool
read_overwrite(const struct http_request *req, bool *overwrite)
{
    struct str value = http_request_field(req, STR("overwrite"));

    *overwrite = !str_ieq(value, STR("F"));
    return !str_is_set(value) || !*overwrite || str_ieq(value, STR("T"));
}

static uint32_t
elements_of(struct str path)
{
    uint32_t n = 0;

    for (size_t i = 1; i < path.len; i++)
        n += path.p[i] != '/' && path.p[i - 1] == '/';
    return n;
}

/* ---- the five ------------------------------------------------------------------------------ */

/* The nearest folder above that is there, for one that is to be made. */
static struct str
nearest_folder(struct http_request *req, const struct dav_order *order)
{
    struct str folder = arena_str(req->arena, order->target.folder);
    char *p = (char *)(uintptr_t)folder.p;

    while (folder.len > 1 && order->make_folders && access(p, F_OK) != 0) {
        while (folder.len > 1 && p[folder.len - 1] != '/')
            folder.len--;
        folder.len -= folder.len > 1;
        p[folder.len] = '\0';
    }
    return folder;
}

static enum http_next
prepare_put(struct dav_request *dr)
{
    struct http_request *req = dr->req;
    struct dav_order *order = &dr->order;
    struct str date = http_request_field(req, STR("date"));

    if (is_at_end(req->path))
        return refuse(req, HTTP_CONFLICT, "a folder's path is no file's");
    if (str_is_set(http_request_field(req, STR("content-range"))))
        return refuse(req, HTTP_BAD_REQUEST, "there is a \"Content-Range\"");
    order->make_folders = dr->conf->create_full_put_path;
    if (str_is_set(date))
        order->modified = http_date_parse(date);
    if (dav_put_is_possible(order, &dr->outcome))
        return HTTP_PASS;
    return answer(dr);
}

static enum http_next
prepare_delete(struct dav_request *dr)
{
    struct http_request *req = dr->req;

    if (elements_of(req->path) < dr->conf->min_delete_depth)
        return refuse(req, HTTP_CONFLICT, "min_delete_depth says that the path is too short");
    return HTTP_PASS;
}

static enum http_next
prepare_mkcol(struct dav_request *dr)
{
    if (!is_at_end(dr->req->path))
        return refuse(dr->req, HTTP_CONFLICT, "a folder's path ends with \"/\"");
    return HTTP_PASS;
}

static enum http_next
prepare_bringing(struct dav_request *dr)
{
    struct http_request *req = dr->req;

    if (!read_overwrite(req, &dr->order.overwrite))
        return refuse(req, HTTP_BAD_REQUEST, "\"Overwrite\" is neither T nor F");
    dr->order.shallow = depth_of(req) == DEPTH_0;
    return find_destination(dr);
}

static enum http_next
prepare_method(struct dav_request *dr)
{
    const char *why = depth_is_wrong(dr->req);

    if (dr->req->method == METHOD_PUT)
        return prepare_put(dr);
    if (dr->req->has_body)
        return refuse(dr->req, HTTP_UNSUPPORTED_MEDIA, "there is a body");
    if (dr->req->method == METHOD_MKCOL)
        return prepare_mkcol(dr);
    if (why != NULL)
        return refuse(dr->req, HTTP_BAD_REQUEST, why);
    return dr->req->method == METHOD_DELETE ? prepare_delete(dr) : prepare_bringing(dr);
}

static struct dav_request *
make_request(struct http_request *req, const struct dav_conf *dc)
{
    struct dav_request *dr = ARENA_NEW(req->arena, struct dav_request);

    if (dr == NULL || !arena_defer(req->arena, forget_job, dr))
        return NULL;
    dr->req = req;
    dr->conf = dc;
    dr->order = (struct dav_order){
        .method = req->method, .fd = -1, .modified = (time_t)-1,
        .symlinks = (enum symlinks)http_settings_for(req)->disable_symlinks.mode,
        .file_mode = dc->access.files, .folder_mode = dc->access.folders,
        .conditions = {
            .if_match = req->known[FIELD_IF_MATCH],
            .if_none_match = req->known[FIELD_IF_NONE_MATCH],
            .if_unmodified_since = req->known[FIELD_IF_UNMODIFIED_SINCE],
        },
    };
    return dr;
}

/* The body of a PUT comes into a file near its target. */
static enum http_next
await_file(struct dav_request *dr)
{
    struct http_request *req = dr->req;
    struct body_wish wish = { .in_file = true };
    enum http_next next;

    if (req->body == NULL)
        wish.folder = nearest_folder(req, &dr->order);
    next = http_request_body(req, &wish);
    if (next == HTTP_PASS) {
        dr->order.fd = req->body->fd;
        dr->order.temp_name = req->body->file.name;
    }
    return next;
}

static enum http_next
explain(struct dav_request *dr)
{
    dav_foresee(&dr->order, &dr->outcome);
    HTTP_TRACE(dr->req, &dr->conf->methods.mark, "dav: %.*s would %s %.*s",
               STR_ARG(dr->req->method_name), dr->outcome.status < 300 ? "change" : "not change",
               STR_ARG(dr->req->filename));
    return answer(dr);
}

static enum http_next
end(struct dav_request *dr)
{
    forget_files(dr);
    return answer(dr);
}

static enum http_next
begin(struct dav_request *dr)
{
    enum http_next next = find_target(dr);

    return next == HTTP_PASS ? prepare_method(dr) : next;
}

static enum http_next
dav_handle(struct http_request *req, const void *slot)
{
    const struct dav_conf *dc = slot;
    struct dav_request *dr = req->dav;
    enum http_next next;

    if ((dc->methods.bits >> req->method & 1) == 0)
        return HTTP_PASS;
    if (dr == NULL) {
        if ((dr = make_request(req, dc)) == NULL)
            return http_fail(req, HTTP_INTERNAL_ERROR);
        if ((next = begin(dr)) != HTTP_PASS)
            return next;
        req->dav = dr;
    }
    if (dr->is_over)
        return end(dr);
    if (http_is_explained(req))
        return explain(dr);
    if (req->method == METHOD_PUT && (next = await_file(dr)) != HTTP_PASS)
        return next;
    HTTP_TRACE(req, &dc->methods.mark, "dav: %.*s changes %.*s", STR_ARG(req->method_name),
               STR_ARG(req->filename));
    return dav_execute_quickly(&dr->order, &dr->outcome) ? end(dr) : begin_job(dr);
}

/* Whoever has refused the method, what is allowed here is this. */
static enum http_next
dav_filter(struct http_request *req, const void *slot)
{
    const struct dav_conf *dc = slot;

    if (req->response.status == HTTP_METHOD_NOT_ALLOWED)
        req->error_field = (struct http_field){ STR("Allow"), dc->methods.allow };
    return HTTP_PASS;
}

static bool
dav_wanted(const void *slot)
{
    return ((const struct dav_conf *)slot)->methods.bits != 0;
}

#define DAV_FIELD(member) FIELD(struct dav_conf, member)

static const struct directive dav_directives[] = {
    { "dav_methods", .where = IN_HTTP_ALL, .args = { 1, ARGS_ANY }, .parse = parse_methods,
      DAV_FIELD(methods), .initial = "off" },
    { "dav_access", .where = IN_HTTP_ALL, .args = { 1, 3 }, .parse = parse_access,
      DAV_FIELD(access), .initial = "user:rw" },
    { "create_full_put_path", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_flag,
      DAV_FIELD(create_full_put_path), .initial = "off" },
    { "min_delete_depth", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_uint,
      DAV_FIELD(min_delete_depth), .initial = "0" },
    { "dav_threads", .where = IN_HTTP, .args = { 1, 2 }, .parse = parse_threads,
      DAV_FIELD(threads), .initial = "2 queue=256" },
    { 0 }
};

const struct http_module dav_module = {
    .name = "dav",
    .directives = dav_directives,
    .conf_size = sizeof(struct dav_conf),
    .check = dav_check,
    .phase = PHASE_CONTENT,
    .handle = dav_handle,
    .filter = dav_filter,
    .main_only = true,
    .wanted = dav_wanted,
    .grants = dav_grants,
    .worker_stop = dav_stop,
};
