/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/log_path.h"
#include "base/clock.h"
#include "base/counters.h"
#include "http/engine.h"
#include "http/grants.h"
#include "http/path.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS_MAX = 4096 };

/* A file that was used lately. */
struct log_entry {
    struct link link;
    struct log_entry *next;     /* of the same hash slot */
    uint64_t hash;
    int fd;                     /* -1: not used often enough to stay open */
    uint32_t uses;
    uint64_t used_ms, checked_ms;
    dev_t dev;
    ino_t ino;
    size_t len;
    char path[];                /* NUL-terminated */
};

/* ---- the cache ----------------------------------------------------------------------------- */

static void
close_file(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void
forget(struct log_cache *cache, struct log_entry *entry)
{
    struct log_entry **place = &cache->slots[entry->hash & (cache->slot_count - 1)];

    while (*place != entry)
        place = &(*place)->next;
    *place = entry->next;
    link_remove(&entry->link);
    close_file(&entry->fd);
    free(entry);
    cache->len--;
}

static struct log_entry *
oldest(const struct log_cache *cache)
{
    return CONTAINER_OF(cache->lru.next, struct log_entry, link);
}

static void
on_expiry(struct timer *timer)
{
    struct log_cache *cache = CONTAINER_OF(timer, struct log_cache, expiry);

    while (cache->len > 0 && now.mono_ms - oldest(cache)->used_ms >= cache->inactive_ms)
        forget(cache, oldest(cache));
    if (cache->len > 0)
        timer_arm(cache->timers, timer, oldest(cache)->used_ms + cache->inactive_ms);
}

void
log_cache_init(struct log_cache *cache)
{
    link_init(&cache->link);
    link_init(&cache->lru);
    timer_init(&cache->expiry, on_expiry);
}

void
log_caches_close(struct link *caches)
{
    for (struct link *l = caches->next; l != caches; l = l->next) {
        struct log_cache *cache = CONTAINER_OF(l, struct log_cache, link);

        while (cache->len > 0)
            forget(cache, oldest(cache));
        timer_cancel(&cache->expiry);
        free(cache->slots);
        cache->slots = NULL;
    }
}

/* With the first file. */
static bool
make_slots(struct log_cache *cache)
{
    if (cache->slots != NULL)
        return true;
    for (cache->slot_count = 16; cache->slot_count < cache->max && cache->slot_count < SLOTS_MAX;)
        cache->slot_count *= 2;
    cache->slots = calloc(cache->slot_count, sizeof(*cache->slots));
    return cache->slots != NULL;
}

static struct log_entry *
find(const struct log_cache *cache, struct str path, uint64_t hash)
{
    struct log_entry *entry = cache->slots[hash & (cache->slot_count - 1)];

    while (entry != NULL
           && !(entry->hash == hash && str_eq((struct str){ entry->path, entry->len }, path)))
        entry = entry->next;
    return entry;
}

static struct log_entry *
add(struct log_cache *cache, struct str path, uint64_t hash)
{
    struct log_entry *entry, **slot = &cache->slots[hash & (cache->slot_count - 1)];

    if (cache->len >= cache->max)
        forget(cache, oldest(cache));
    if ((entry = calloc(1, sizeof(*entry) + path.len + 1)) == NULL)
        return NULL;
    entry->fd = -1;
    entry->hash = hash;
    entry->len = path.len;
    memcpy(entry->path, path.p, path.len);
    link_init(&entry->link);
    list_push(&cache->lru, &entry->link);
    entry->next = *slot;
    *slot = entry;
    cache->len++;
    return entry;
}

/* The entry of the path, used once more; NULL when memory is short. */
static struct log_entry *
use(struct log_cache *cache, struct http_request *req, struct str path)
{
    uint64_t hash = str_hash(path);
    struct log_entry *entry;

    if (!make_slots(cache))
        return NULL;
    entry = find(cache, path, hash);
    if (entry == NULL && (entry = add(cache, path, hash)) == NULL)
        return NULL;
    entry->uses++;
    entry->used_ms = now.mono_ms;
    link_remove(&entry->link);
    list_push(&cache->lru, &entry->link);
    if (!timer_is_armed(&cache->expiry)) {
        cache->timers = &req->worker->loop->timers;
        timer_arm(cache->timers, &cache->expiry, now.mono_ms + cache->inactive_ms);
    }
    return entry;
}

/* Whether its descriptor is that of the file that has the name now. */
static bool
is_valid(const struct log_cache *cache, struct log_entry *entry)
{
    struct stat st;

    if (now.mono_ms - entry->checked_ms < cache->valid_ms)
        return true;
    entry->checked_ms = now.mono_ms;
    return stat(entry->path, &st) == 0 && st.st_dev == entry->dev && st.st_ino == entry->ino;
}

/* Takes the open file over, if it is used often enough. */
static void
keep_open(const struct log_cache *cache, struct log_entry *entry, struct log_file *file)
{
    struct stat st;

    if (entry->uses < cache->min_uses || fstat(file->fd, &st) != 0)
        return;
    entry->dev = st.st_dev;
    entry->ino = st.st_ino;
    entry->checked_ms = now.mono_ms;
    entry->fd = file->fd;
}

/* ---- names --------------------------------------------------------------------------------- */

bool
log_path_read(struct conf *conf, const struct conf_word *word, struct log_path *path)
{
    struct str whole = conf_path_by_prefix(conf, word->text);
    ptrdiff_t dollar;

    if (!str_is_set(whole))
        return conf_no_memory(conf);
    dollar = str_find(whole, '$', whole.len - word->text.len);
    for (path->trusted = (size_t)dollar; path->trusted > 0 && whole.p[path->trusted - 1] != '/';)
        path->trusted--;
    path->file = (struct log_file){ .fd = -1, .path = whole };
    link_init(&path->file.link);
    if (!http_text_compile_after(conf, word, whole.len - word->text.len, whole, &path->text))
        return false;
    http_grant_check(conf, word, &path->text);
    return true;
}

/* Names come from requests: none leaves the folder that the conf file says, or hides in it. */
static bool
is_safe(struct str path, size_t trusted)
{
    struct str chosen = str_from(path, trusted - 1);

    for (size_t i = 0; i < chosen.len; i++)
        if ((unsigned char)chosen.p[i] < 0x20 || chosen.p[i] == 0x7f)
            return false;
    return http_path_is_safe(chosen) && path.len < PATH_MAX && path.p[path.len - 1] != '/';
}

/* Once a second for each log: it is a request that brings it about. */
static bool
may_tell(struct log_path *path)
{
    uint64_t second = now.mono_ms / 1000 + 1;

    if (path->told_s == second)
        return false;
    path->told_s = second;
    return true;
}

/* NUL-terminated; STR_NONE: there is none, or none that is safe. */
static struct str
name_for(struct http_request *req, struct log_path *path)
{
    struct str name = http_text_eval(req, &path->text);

    if (!str_is_set(name))
        return STR_NONE;
    if (is_safe(name, path->trusted))
        return arena_str(req->arena, name);
    if (may_tell(path))
        LOG(&req->log, ERR, 0, "unsafe name \"%.*s\" of an access log", STR_ARG(name));
    return STR_NONE;
}

/* An alias may be the very file that was asked for. */
static bool
is_file_itself(const struct http_request *req, const struct root *root)
{
    return root->is_alias && req->path.len > 0 && req->path.len <= root->prefix.len
           && req->path.p[req->path.len - 1] != '/';
}

/* Why a root is none, as an errno value; 0: it is there. */
static int
root_error(const struct http_request *req, const struct root *root, struct str folder)
{
    struct stat st;

    if (folder.len == 0 || !http_root_is_safe(root, folder))
        return ENOENT;
    if (stat(folder.p, &st) != 0)
        return errno;
    return S_ISDIR(st.st_mode) || is_file_itself(req, root) ? 0 : ENOTDIR;
}

/* A site that is not there gets no log. */
static bool
has_root(struct http_request *req, struct log_path *path)
{
    const struct root *root = &http_settings_for(req)->root;
    struct str folder = arena_str(req->arena, http_text_eval(req, &root->path));
    int err = root_error(req, root, folder);

    if (err != 0 && may_tell(path))
        LOG(&req->log, ERR, err, "testing \"%.*s\" existence failed", STR_ARG(folder));
    return err == 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool
open_and_write(struct http_request *req, struct log_path *path, struct log_entry *entry,
               struct log_cache *cache, struct str line)
{
    struct log_refusal why;
    bool ok;

    if (!log_file_open(&path->file, &why)) {
        if (may_tell(path)) {
            LOG(&req->log, CRIT, why.err, "%s", why.text);
            http_walls_refused(&req->log, path->file.path.p, HTTP_LOGS, why.err);
        }
        return false;
    }
    ok = log_file_write(&path->file, line);
    if (entry != NULL)
        keep_open(cache, entry, &path->file);
    if (entry == NULL || entry->fd < 0)
        close_file(&path->file.fd);
    return ok;
}

static bool
write_to(struct http_request *req, struct log_path *path, struct log_cache *cache, struct str line)
{
    struct log_entry *entry = cache != NULL ? use(cache, req, path->file.path) : NULL;

    if (entry != NULL && entry->fd >= 0 && !is_valid(cache, entry))
        close_file(&entry->fd);
    if (entry == NULL || entry->fd < 0)
        return open_and_write(req, path, entry, cache, line);
    path->file.fd = entry->fd;
    return log_file_write(&path->file, line);
}

bool
log_path_write(struct http_request *req, struct log_path *path, struct log_cache *cache,
               struct str line)
{
    const char *action = req->log.action;
    struct str name;
    uint64_t lost = path->file.lost;
    bool ok;

    req->log.action = "logging request";
    name = name_for(req, path);
    ok = str_is_set(name) && has_root(req, path);
    if (ok) {
        path->file.path = name;
        ok = write_to(req, path, cache, line);
        path->file.path = path->text.source;
        path->file.fd = -1;
    }
    if (!ok && path->file.lost == lost)
        stats->log_lines_lost++;
    req->log.action = action;
    return ok;
}
