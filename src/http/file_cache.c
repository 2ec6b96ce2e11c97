/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/file_cache.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/page_cache.h"
#include "base/writer.h"
#include "http/file_variants.h"
#include "http/open_path.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ETAG_ROOM = ETAG_MAX,       /* in struct file's text */
    HEAD_ROOM = 320,            /* behind it: enough for both heads of most files */
    LINE = 64,                  /* bytes of a cache line */
    BODY_MAX = 32768,           /* larger bodies are better sent by sendfile */
    BODY_USES = 3,              /* a body comes into memory at this use */
    RACY_MS = 2000,             /* a file changed so recently may change again without a sign */
    SWEEP_MS = 5000,
    GIVE = 16                   /* files that are closed when a descriptor is wanted */
};

struct file_cache {
    struct file **slots;
    uint32_t mask, len, max;
    uint64_t inactive_ms;
    struct link lru;
    struct link bodies;
    uint64_t body_bytes, body_limit;
    struct variant_store variants;
    struct timer_wheel *timers;
    struct timer sweep;
    unsigned (*on_shortage)(void *ctx);
    void *ctx;
};

static void on_sweep(struct timer *timer);

/* Descriptors are wanted for connections first. */
static uint32_t
descriptor_bound(uint32_t max)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return max;
    return (uint32_t)MAX(MIN((uint64_t)max, limit.rlim_cur / 4 * 3), 4);
}

struct file_cache *
file_cache_create(struct timer_wheel *timers, uint32_t max, uint64_t inactive_ms,
                  uint64_t body_bytes)
{
    struct file_cache *cache = calloc(1, sizeof(*cache));
    uint32_t slots = 64;

    if (cache == NULL)
        return NULL;
    cache->max = descriptor_bound(max);
    while (slots < cache->max && slots < 1u << 20)
        slots *= 2;
    cache->mask = slots - 1;
    cache->inactive_ms = inactive_ms;
    cache->body_limit = body_bytes;
    cache->timers = timers;
    link_init(&cache->lru);
    link_init(&cache->bodies);
    link_init(&cache->variants.lru);
    timer_init(&cache->sweep, on_sweep);
    cache->slots = calloc(slots, sizeof(cache->slots[0]));
    if (cache->slots == NULL) {
        free(cache);
        return NULL;
    }
    return cache;
}

static void
drop_body(struct file_cache *cache, struct file *file)
{
    if (file->body == NULL)
        return;
    cache->body_bytes -= file->size;
    link_remove(&file->bodies);
    free(file->body);
    file->body = NULL;
}

static void
free_head(struct file *file)
{
    if (file->head_bytes != file->text + ETAG_ROOM)
        free(file->head_bytes);
    file->head_bytes = NULL;
}

static void
file_free(struct file_cache *cache, struct file *file)
{
    drop_body(cache, file);
    file_variants_drop(&cache->variants, file);
    if (file->fd >= 0)
        close(file->fd);
    free_head(file);
    free(file);
}

/* Out of the table; freed now, or when its last user gives it back. */
static void
detach(struct file_cache *cache, struct file *file)
{
    struct file **place = &cache->slots[file->hash & cache->mask];

    while (*place != file)
        place = &(*place)->next;
    *place = file->next;
    cache->len--;
    link_remove(&file->lru);
    file->detached = true;
    if (file->refs == 0)
        file_free(cache, file);
}

void
file_cache_destroy(struct file_cache *cache)
{
    if (cache == NULL)
        return;
    while (!list_is_empty(&cache->lru))
        detach(cache, CONTAINER_OF(cache->lru.next, struct file, lru));
    timer_cancel(&cache->sweep);
    free(cache->slots);
    free(cache);
}

static void
on_sweep(struct timer *timer)
{
    struct file_cache *cache = CONTAINER_OF(timer, struct file_cache, sweep);

    while (!list_is_empty(&cache->lru)) {
        struct file *oldest = CONTAINER_OF(cache->lru.next, struct file, lru);

        if (now.mono_ms - oldest->used_ms < cache->inactive_ms)
            break;
        detach(cache, oldest);
    }
    if (cache->len > 0)
        timer_arm(cache->timers, &cache->sweep, now.mono_ms + SWEEP_MS);
}

unsigned
file_cache_give(struct file_cache *cache, unsigned most)
{
    unsigned given = 0;
    struct link *next;

    for (struct link *l = cache->lru.next; l != &cache->lru && given < most; l = next) {
        struct file *file = CONTAINER_OF(l, struct file, lru);

        next = l->next;
        if (file->refs > 0 || file->fd < 0)
            continue;
        detach(cache, file);
        given++;
    }
    return given;
}

/* ---- looking at the file system ------------------------------------------------------------ */

void
file_write_etag(struct writer *w, time_t mtime, uint64_t len)
{
    write_char(w, '"');
    write_hex(w, (uint64_t)mtime);
    write_char(w, '-');
    write_hex(w, len);
    write_char(w, '"');
}

static bool
same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
is_unchanged(const struct file *file, const struct stat *st)
{
    return file->ino == st->st_ino && file->dev == st->st_dev
           && file->size == (uint64_t)st->st_size && same_time(file->mtime, st->st_mtim)
           && same_time(file->ctime, st->st_ctim)
           && file->is_regular == S_ISREG(st->st_mode) && file->is_dir == S_ISDIR(st->st_mode);
}

/*
 * Non-blocking, so that a FIFO in the root hangs nobody. Files that are neither regular nor folders
 * are not kept open: they are not served.
 */
static void
look(struct str path, struct file *file)
{
    struct stat st;

    file->fd = open_path(path, (enum symlinks)file->symlinks, file->trusted);
    if (file->fd < 0 || fstat(file->fd, &st) != 0) {
        file->error = errno;
        return;
    }
    file->is_dir = S_ISDIR(st.st_mode);
    file->is_regular = S_ISREG(st.st_mode);
    file->dev = st.st_dev;
    file->ino = st.st_ino;
    file->size = (uint64_t)st.st_size;
    file->mtime = st.st_mtim;
    file->ctime = st.st_ctim;
    if (!file->is_regular) {
        close(file->fd);
        file->fd = -1;
    }
}

static bool
find_descriptor(struct file_cache *cache)
{
    return file_cache_give(cache, GIVE) > 0
           || (cache->on_shortage != NULL && cache->on_shortage(cache->ctx) > 0);
}

void
file_cache_on_shortage(struct file_cache *cache, unsigned (*fn)(void *ctx), void *ctx)
{
    cache->on_shortage = fn;
    cache->ctx = ctx;
}

static struct file *
file_create(struct file_cache *cache, const struct location_settings *settings, struct str path,
            uint64_t hash, size_t trusted)
{
    struct file seen = {
        .fd = -1, .symlinks = (uint8_t)settings->disable_symlinks.mode,
        .trusted = (uint32_t)trusted,
    };
    struct file *file;
    struct writer w;

    look(path, &seen);
    if (UNLIKELY(seen.error == EMFILE || seen.error == ENFILE)
        && find_descriptor(cache)) {
        seen.error = 0;
        look(path, &seen);
    }
    if (UNLIKELY(settings->read_ahead_bytes > 0) && seen.fd >= 0)
        posix_fadvise(seen.fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    file = malloc(sizeof(*file) + ETAG_ROOM + HEAD_ROOM + path.len + 1);
    if (file == NULL) {
        if (seen.fd >= 0)
            close(seen.fd);
        errno = ENOMEM;
        return NULL;
    }
    *file = seen;
    file->hash = hash;
    file->try_at = BODY_USES;
    link_init(&file->lru);
    link_init(&file->bodies);
    w = writer_at(file->text, ETAG_ROOM);
    file_write_etag(&w, file->mtime.tv_sec, file->size);
    file->etag = writer_str(&w);
    memcpy(file->text + ETAG_ROOM + HEAD_ROOM, path.p, path.len + 1);
    file->path = (struct str){ file->text + ETAG_ROOM + HEAD_ROOM, path.len };
    http_date_format(file->last_modified, file->mtime.tv_sec);
    file->checked_ms = now.mono_ms;
    return file;
}

/* ---- the table ----------------------------------------------------------------------------- */

static struct file *
find(const struct file_cache *cache, struct str path, uint64_t hash)
{
    struct file *file = cache->slots[hash & cache->mask];

    /*
     * All of an entry is needed soon, and with many files none of it is near: ask for its lines at
     * once.
     */
    for (size_t i = 0; file != NULL && i < sizeof(*file) + ETAG_ROOM + HEAD_ROOM; i += LINE)
        __builtin_prefetch((const char *)file + i);
    while (file != NULL && (file->hash != hash || !str_eq(file->path, path)))
        file = file->next;
    return file;
}

void
file_cache_forget(struct file_cache *cache, struct str path)
{
    struct file *file = find(cache, path, str_hash(path));

    if (file != NULL)
        detach(cache, file);
}

void
file_cache_forget_below(struct file_cache *cache, struct str folder)
{
    struct link *next;

    for (struct link *l = cache->lru.next; l != &cache->lru; l = next) {
        struct file *file = CONTAINER_OF(l, struct file, lru);

        next = l->next;
        if (str_starts(file->path, folder)
            && (file->path.len == folder.len || file->path.p[folder.len] == '/'))
            detach(cache, file);
    }
}

/* Whether it may be used as it is. Proving it by stat() renews it. */
static bool
is_fresh(struct file *file, const struct location_settings *settings, size_t trusted)
{
    int symlinks = settings->disable_symlinks.mode;
    struct stat st;

    if (UNLIKELY(file->symlinks != symlinks || file->trusted != trusted))
        return false;
    if (settings->open_file_cache.enabled && !file->is_closed
        && now.mono_ms - file->checked_ms < settings->open_file_cache_valid_ms)
        return file->error == 0 || settings->open_file_cache_errors;
    if (file->error != 0 || file->is_closed || symlinks != SYMLINKS_FOLLOW)
        return false;           /* stat() follows links: only opening tells whether one may be */
    if (stat(file->path.p, &st) != 0 || !is_unchanged(file, &st))
        return false;
    file->checked_ms = now.mono_ms;
    return true;
}

static void
insert(struct file_cache *cache, struct file *file)
{
    if (cache->len >= cache->max)
        detach(cache, CONTAINER_OF(cache->lru.next, struct file, lru));
    file->next = cache->slots[file->hash & cache->mask];
    cache->slots[file->hash & cache->mask] = file;
    list_push(&cache->lru, &file->lru);
    file->queued_ms = now.mono_ms;
    if (cache->len++ == 0)
        timer_arm(cache->timers, &cache->sweep, now.mono_ms + SWEEP_MS);
}

/* Whether the failure tells of the file, and not of what was short just then. */
static bool
is_lasting(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EINTR:
    case EAGAIN:
    case EIO:
        return false;
    default:
        return true;
    }
}

/* Errors are remembered only where the conf file asks for it. */
static bool
is_kept(const struct file *file, const struct location_settings *settings)
{
    return file->error == 0
           || (settings->open_file_cache.enabled && settings->open_file_cache_errors
               && is_lasting(file->error));
}

/*
 * To the end of the queue, but not more than once a second: that order is exact enough, and the
 * links of a file's neighbours are far away in memory.
 */
static void
touch(struct file_cache *cache, struct file *file)
{
    if (now.mono_ms - file->queued_ms < 1000)
        return;
    file->queued_ms = now.mono_ms;
    link_remove(&file->lru);
    list_push(&cache->lru, &file->lru);
}

struct file *
file_open(struct file_cache *cache, const struct location_settings *settings, struct str path,
          size_t trusted)
{
    uint64_t hash = str_hash(path);
    struct file *file = find(cache, path, hash);
    uint32_t uses = 0;

    if (file != NULL && is_fresh(file, settings, trusted)) {
        stats->file_cache_hits++;
        touch(cache, file);
    } else {
        stats->file_cache_misses++;
        if (file != NULL) {
            uses = file->uses;
            detach(cache, file);
        }
        file = file_create(cache, settings, path, hash, trusted);
        if (file == NULL)
            return NULL;
        file->uses = uses;
        if (is_kept(file, settings))
            insert(cache, file);
        else
            file->detached = true;
    }
    file->used_ms = now.mono_ms;
    file->uses++;
    file->refs++;
    file->close_early = settings->open_file_cache.enabled
                        && file->uses < settings->open_file_cache_min_uses;
    return file;
}

bool
file_is_absent(struct file_cache *cache, const struct location_settings *settings, struct str path)
{
    struct stat st;

    if (find(cache, path, str_hash(path)) != NULL
        || (settings->open_file_cache.enabled && settings->open_file_cache_errors))
        return false;
    return stat(path.p, &st) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

void
file_release(struct file_cache *cache, struct file *file)
{
    if (--file->refs > 0)
        return;
    if (file->detached) {
        file_free(cache, file);
    } else if (UNLIKELY(file->close_early) && file->fd >= 0) {
        close(file->fd);
        file->fd = -1;
        file->is_closed = true;
    }
}

/* ---- bodies -------------------------------------------------------------------------------- */

static bool
is_settled(const struct file *file)
{
    uint64_t changed_s = (uint64_t)MAX(file->mtime.tv_sec, file->ctime.tv_sec);

    return (changed_s + 1) * 1000 + RACY_MS < now.wall_ms;
}

/*
 * Makes room by letting go of bodies that are asked for much less often: a newcomer that is only a
 * little hotter would be read in vain, and so would the next. What was hot long ago cools down a
 * little each time that it is passed over.
 */
static bool
make_room(struct file_cache *cache, const struct file *file)
{
    while (cache->body_bytes + file->size > cache->body_limit) {
        struct file *oldest;

        if (list_is_empty(&cache->bodies))
            return false;
        oldest = CONTAINER_OF(cache->bodies.next, struct file, bodies);
        if (oldest->refs > 0 || oldest->heat >= file->uses / 4) {
            oldest->heat -= oldest->heat / 16;
            link_remove(&oldest->bodies);
            list_push(&cache->bodies, &oldest->bodies);
            return false;
        }
        drop_body(cache, oldest);       /* no answer points into it: refs is 0 */
    }
    return true;
}

bool
file_is_settled(const struct file *file)
{
    struct stat st;

    return is_settled(file) && !file->detached && fstat(file->fd, &st) == 0
           && is_unchanged(file, &st);
}

struct variant_store *
file_cache_variants(struct file_cache *cache)
{
    return &cache->variants;
}

/*
 * Reads the body and looks again: only what did not change meanwhile is kept. It was just sent, so
 * it is in the page cache; if it is not, another use will do.
 */
static void
load_body(struct file_cache *cache, struct file *file)
{
    char *body;

    if (!is_settled(file) || !make_room(cache, file) || (body = malloc(file->size)) == NULL)
        return;
    if (!page_cache_read_all(file->fd, body, file->size, 0) || !file_is_settled(file)) {
        free(body);
        return;
    }
    file->body = body;
    file->heat = file->uses;
    cache->body_bytes += file->size;
    list_push(&cache->bodies, &file->bodies);
}

const char *
file_body(struct file_cache *cache, struct file *file)
{
    if (LIKELY(file->body != NULL)) {
        file->heat++;
        return file->body;
    }
    if (file->size == 0 || file->size > BODY_MAX || file->uses < file->try_at || file->detached)
        return NULL;
    file->try_at = file->uses * 2;      /* not again soon, should it fail */
    load_body(cache, file);
    return file->body;
}

/* ---- ready fields -------------------------------------------------------------------------- */

static void
write_field(struct writer *w, struct str name, struct str value)
{
    write_str(w, name);
    write_str(w, value);
    write_str(w, STR("\r\n"));
}

static struct str
last_modified(const struct file *file)
{
    return (struct str){ file->last_modified, sizeof(file->last_modified) };
}

/*
 * What both heads hold beside types and tags: names, an encoding, dates, a length of 20 digits, line
 * ends.
 */
enum { HEADS_FIXED = 224 };

const struct file_head *
file_head(struct file *file, const struct location_settings *settings, struct str name,
          enum encoding encoding)
{
    struct file_head *head = &file->head;
    struct writer w;
    size_t size = HEADS_FIXED;
    const char *end;

    /* Below a root, the address and the file end alike, but for what an encoding adds. */
    if (LIKELY(head->settings == settings && head->encoding == encoding)
        && (!settings->root.is_alias || type_of(settings, name) == head->type))
        return head;
    head->type = type_of(settings, name);
    head->content_type = http_text_is_literal(head->type) ? head->type->source : STR_NONE;
    head->encoding = (uint8_t)encoding;
    size += 2 * file->etag.len + head->content_type.len;
    free_head(file);
    head->settings = NULL;
    file->head_bytes = size <= HEAD_ROOM ? file->text + ETAG_ROOM : malloc(size);
    if (file->head_bytes == NULL)
        return NULL;
    w = writer_at(file->head_bytes, size);
    if (head->content_type.len > 0)
        write_field(&w, STR("Content-Type: "), head->content_type);
    head->ok.type_len = (uint32_t)(w.p - w.start);
    if (encoding != ENCODING_IDENTITY)
        write_field(&w, STR("Content-Encoding: "), encoding_name(encoding));
    write_str(&w, STR("Content-Length: "));
    write_uint(&w, file->size);
    write_field(&w, STR("\r\nLast-Modified: "), last_modified(file));
    if (settings->etag)
        write_field(&w, STR("ETag: "), file->etag);
    if (settings->max_ranges > 0)
        write_str(&w, STR("Accept-Ranges: bytes\r\n"));
    write_str(&w, STR("\r\n"));
    head->ok.h1 = (struct str){ w.start, (size_t)(w.p - w.start) };
    end = w.p;
    write_field(&w, STR("Last-Modified: "), last_modified(file));
    if (settings->etag)
        write_field(&w, STR("ETag: "), file->etag);
    write_str(&w, STR("\r\n"));
    if (!w.ok)
        return NULL;
    head->not_modified.h1 = (struct str){ end, (size_t)(w.p - end) };
    head->settings = settings;
    return head;
}
