/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/runtime.h"

#include "proc/calls.h"
#include "proc/folders.h"
#include "proc/pidfile.h"
#include "proc/rotate.h"
#include "proc/sockets.h"
#include "proc/tell.h"
#include "proc/title.h"

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { ARENA_BLOCK = 64 << 10 };

/* ---- listeners ----------------------------------------------------------------------------- */

struct link *
runtime_listeners(const struct runtime *rt)
{
    if (rt->setup.http != NULL)
        return http_listeners(rt->setup.http);
    return (struct link *)(uintptr_t)&rt->no_listeners;
}

static unsigned
count_listeners(const struct runtime *rt)
{
    const struct link *head = runtime_listeners(rt);
    unsigned n = 0;

    for (const struct link *l = head->next; l != head; l = l->next)
        n++;
    return n;
}

/* ---- reading ------------------------------------------------------------------------------- */

const struct conf_module *const *
runtime_tables(struct arena *arena)
{
    const struct conf_module *const *http = http_conf_modules();
    const struct conf_module **tables;
    size_t n = 0;

    if (http == NULL)
        return NULL;
    while (http[n] != NULL)
        n++;
    tables = arena_zalloc_array(arena, sizeof(const struct conf_module *), n + 3);
    if (tables == NULL)
        return NULL;
    tables[0] = &main_module;
    tables[1] = &events_module;
    memcpy(tables + 2, http, n * sizeof(const struct conf_module *));
    return tables;
}

static struct runtime *
runtime_create(const struct options *options)
{
    static uint64_t generations;
    struct arena *arena = arena_create(ARENA_BLOCK, 0);
    struct runtime *rt = arena != NULL ? ARENA_NEW(arena, struct runtime) : NULL;

    if (rt == NULL) {
        arena_destroy(arena);
        return NULL;
    }
    arena_wipe_at_end(arena);   /* secure_link_secret, and texts with secrets in them */
    rt->arena = arena;
    rt->options = options;
    rt->setup.is_test = options->test;
    rt->setup.no_jit = calls_are_confined();    /* which forbids to make code */
    rt->generation = ++generations;
    log_files_init(&rt->log_files, arena);
    rt->setup.log_files = &rt->log_files;
    zones_init(&rt->zones, arena);
    rt->setup.zones = &rt->zones;
    rt->setup.log = &rt->no_log;
    link_init(&rt->no_listeners);
    link_init(&rt->held);
    return rt;
}

static bool
check_whole(struct conf *conf, struct runtime *rt)
{
    if (rt->events == NULL) {
        conf_error(conf, NULL, "no \"events\" section in configuration");
        conf_hint(conf, "add \"events { }\" at the main level, an empty one will do");
        return false;
    }
    rt->listener_count = count_listeners(rt);
    if (rt->events->worker_connections < rt->listener_count + 1)
        return conf_error(conf, NULL, "%u worker_connections are not enough for %u listening "
                          "sockets", rt->events->worker_connections, rt->listener_count);
    return true;
}

static bool
read_tree(struct conf *conf, const struct options *options)
{
    bool ok = true;

    if (str_is_set(options->directives))
        ok = conf_read_text(conf, STR("command line"), options->directives);
    if (str_is_set(options->conf_path))
        ok = conf_read_file(conf, options->conf_path) && ok;
    return ok;
}

static bool
read_whole(struct conf *conf, struct runtime *rt)
{
    struct conf_scope *scope = read_tree(conf, rt->options) ? conf_apply(conf) : NULL;

    if (scope == NULL)
        return false;
    rt->main = conf_settings(conf, scope, &main_module);
    return check_whole(conf, rt);
}

static bool
keep_text(struct conf *conf, struct runtime *rt)
{
    rt->loaded = loaded_make(conf);
    return rt->loaded != NULL || conf_no_memory(conf);
}

struct runtime *
runtime_read_looking(const struct options *options, const struct runtime_look *look)
{
    struct runtime *rt = runtime_create(options);
    const struct conf_module *const *tables = rt != NULL ? runtime_tables(rt->arena) : NULL;
    struct conf *conf = tables != NULL ? conf_create(rt->arena, tables, options->prefix) : NULL;
    bool ok;

    if (conf == NULL) {
        tell(LEVEL_EMERG, ENOMEM, "the configuration cannot be read");
        runtime_free(rt);
        return NULL;
    }
    conf->owner = rt;
    conf->environment = (const char *const *)title_environ();
    ok = read_whole(conf, rt) && keep_text(conf, rt);
    if (!ok || !options->no_warnings)
        tell_conf(conf);
    if (ok && options->dump)
        conf_dump(conf, STDOUT_FILENO);
    if (look != NULL)
        look->fn(look->ctx, conf, ok ? rt : NULL);
    conf_destroy(conf);
    if (ok)
        return rt;
    runtime_free(rt);
    return NULL;
}

struct runtime *
runtime_read(const struct options *options)
{
    return runtime_read_looking(options, NULL);
}

bool
runtime_control_paths(const struct options *options, struct arena *arena,
                      struct control_paths *paths)
{
    const struct conf_module *const *tables = runtime_tables(arena);
    struct conf *conf = tables != NULL ? conf_create(arena, tables, options->prefix) : NULL;
    struct str control, pid;

    *paths = (struct control_paths){ STR_NONE, STR_NONE, false };
    if (conf == NULL)
        return false;
    conf->environment = (const char *const *)title_environ();
    (void)read_tree(conf, options);
    control = conf_main_word(conf, STR("control"));
    pid = conf_main_word(conf, STR("pid"));
    paths->is_off = str_eq(control, STR("off"));
    if (str_is_set(control) && !paths->is_off)
        paths->named = conf_path_by_prefix(conf, control);
    pid = conf_path_by_prefix(conf, str_is_set(pid) ? pid : STR(WEIR_PID_PATH));
    if (str_is_set(pid))
        paths->usual = control_path_by_pid(arena, pid);
    conf_destroy(conf);
    return !arena_failed(arena);
}

struct loaded *
runtime_load(const struct options *options)
{
    struct arena *arena = arena_create(ARENA_BLOCK, 0);
    const struct conf_module *const *tables = arena != NULL ? runtime_tables(arena) : NULL;
    struct conf *conf = tables != NULL ? conf_create(arena, tables, options->prefix) : NULL;
    struct loaded *loaded = NULL;

    if (conf != NULL) {
        conf->environment = (const char *const *)title_environ();
        (void)read_tree(conf, options);
        loaded = loaded_make(conf);
        conf_destroy(conf);
    }
    arena_destroy(arena);
    return loaded;
}

struct str
runtime_control_path(const struct runtime *rt)
{
    struct str path = rt->options->no_pid_file ? STR_NONE : rt->main->control.path;

    return rt->is_old && str_is_set(path) ? arena_fmt(rt->arena, "%s.oldbin", path.p) : path;
}

/* ---- opening ------------------------------------------------------------------------------- */

static bool
same_pid_path(const struct runtime *a, const struct runtime *b)
{
    return str_eq(a->main->pid_path, b->main->pid_path);
}

void
runtime_keep(struct runtime *to, struct runtime *from)
{
    sockets_keep(to, from);
    if (from->has_pid_file && same_pid_path(to, from)) {
        from->has_pid_file = false;
        to->has_pid_file = true;
        to->is_old = from->is_old;
    }
}

void
runtime_give_back(struct runtime *rt, struct runtime *old)
{
    sockets_give_back(rt, old);
    runtime_keep(old, rt);
}

bool
runtime_try_listeners(struct runtime *rt)
{
    bool ok;

    rt->cleaner = getpid();
    ok = sockets_open(rt, NULL, OPEN_AT_RELOAD);
    sockets_close(rt);
    return ok;
}

/* ---- logs ---------------------------------------------------------------------------------- */

static bool
open_logs(struct runtime *rt)
{
    struct link *head = &rt->log_files.head;
    bool ok = true;

    for (struct link *l = head->next; l != head; l = l->next) {
        struct log_refusal why;

        if (log_file_open(CONTAINER_OF(l, struct log_file, link), &why))
            continue;
        tell(LEVEL_EMERG, why.err, "%s", why.text);
        ok = false;
    }
    return ok;
}

struct log_file *
runtime_first_log_file(const struct runtime *rt)
{
    for (const struct log_output *o = rt->main->error_log; o != NULL; o = o->next)
        if (o->file->kind == LOG_FILE)
            return o->file;
    return NULL;
}

/* ---- zones --------------------------------------------------------------------------------- */

static bool
open_zones(struct runtime *rt, const struct runtime *old)
{
    struct link *head = &rt->zones.head;

    for (struct link *l = head->next; l != head; l = l->next) {
        struct zone *zone = CONTAINER_OF(l, struct zone, link);

        if (zone_open(zone, old != NULL ? &old->zones : NULL))
            continue;
        tell(LEVEL_EMERG, errno, "shared memory for zone \"%.*s\" cannot be had",
             STR_ARG(zone->name));
        return false;
    }
    return true;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool
write_pid_file(struct runtime *rt)
{
    struct log_refusal why;

    if (rt->options->no_pid_file)
        return true;
    if (!pidfile_write(rt->main->pid_path.p, &why)) {
        tell(LEVEL_EMERG, why.err, "%s", why.text);
        return false;
    }
    rt->has_pid_file = true;
    return true;
}

/* NULL-terminated, never NULL: short of memory it is the usual one. */
static const char *
pid_file_name(const struct runtime *rt, bool is_old)
{
    struct str path = rt->main->pid_path;

    if (is_old)
        path = arena_fmt(rt->arena, "%s.oldbin", path.p);
    return str_is_set(path) ? path.p : rt->main->pid_path.p;
}

bool
runtime_rename_pid_file(struct runtime *rt, bool is_old)
{
    const char *from = pid_file_name(rt, rt->is_old), *to = pid_file_name(rt, is_old);

    if (!rt->has_pid_file || is_old == rt->is_old)
        return true;
    if (rename(from, to) != 0) {
        LOG(&process_log, ALERT, errno, "rename() %s to %s failed", from, to);
        return false;
    }
    rt->is_old = is_old;
    return true;
}

bool
runtime_open(struct runtime *rt, struct runtime *old, enum runtime_opening how)
{
    rt->cleaner = getpid();
    if (!open_logs(rt))
        return false;
    if (old == NULL)
        tell_log(&rt->main->log);
    rotate_check(&rt->log_files);
    if (folders_make(rt) && open_zones(rt, old) && sockets_open(rt, old, how)
        && (old == NULL || same_pid_path(rt, old) || write_pid_file(rt)))
        return true;
    if (old != NULL)
        runtime_give_back(rt, old);
    sockets_close(rt);
    return false;
}

bool
runtime_settle(struct runtime *rt)
{
    rt->cleaner = getpid();
    return write_pid_file(rt);
}

void
runtime_free(struct runtime *rt)
{
    if (rt == NULL)
        return;
    if (rt->main != NULL && process_log.log == &rt->main->log)
        tell_log(NULL);
    if (rt->main != NULL && rt->has_pid_file && rt->cleaner == getpid())
        pidfile_remove(pid_file_name(rt, rt->is_old));
    sockets_close(rt);
    zones_close(&rt->zones);
    log_files_close(&rt->log_files);
    loaded_leave(rt->loaded);
    arena_destroy(rt->arena);
}
