/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file_cache: files a worker has open, with what an answer needs of them.
 *
 * By default nothing is trusted that was not proved by a stat() for this very request; with
 * open_file_cache a file is trusted for open_file_cache_valid after its last look. Small bodies
 * that are asked for often are kept in memory within a bound; a body is only kept when the file's
 * times are old enough that a later change must show in them.
 */
#ifndef WEIR_HTTP_FILE_CACHE_H
#define WEIR_HTTP_FILE_CACHE_H

#include "base/list.h"
#include "base/writer.h"
#include "event/timer.h"
#include "http/request.h"
#include "http/settings.h"

/* An answer's fields made ready for one set of settings; see struct http_ready. */
struct file_head {
    const struct location_settings *settings;   /* NULL: not made */
    uint8_t encoding;           /* enum encoding */
    const struct http_text *type;       /* of these settings */
    struct str content_type;    /* STR_NONE: the type holds variables */
    struct http_ready ok, not_modified;
};

struct file_variant;

/* All variants of a cache's files (file_variants.h). */
struct variant_store {
    struct link lru;            /* least recently used first */
    uint64_t bytes;
};

struct file {
    struct link lru;            /* least recently used first */
    struct file *next;          /* of the same hash slot */
    uint64_t hash;
    struct str path;
    int fd;                     /* -1: a directory, an error, or not kept open */
    int error;                  /* errno of the failed open, 0: there is a file */
    bool is_dir, is_regular;
    bool detached;              /* no longer in the table: goes with its last user */
    bool close_early;           /* used less than open_file_cache_min_uses times */
    bool is_closed;             /* remembered for its uses only */
    dev_t dev;
    ino_t ino;
    uint64_t size;
    struct timespec mtime, ctime;
    uint64_t checked_ms, used_ms;
    uint64_t warm_ms;           /* all of it was in the page cache then; 0: not known */
    uint64_t queued_ms;         /* when it was put at the end of lru */
    uint8_t symlinks;           /* enum symlinks: how it was opened */
    uint32_t trusted;
    uint32_t uses, refs;
    uint32_t try_at;            /* uses at which its body is wanted in memory */
    uint32_t heat;              /* uses of the body in memory, cooling */
    struct str etag;            /* "\"5f3e-400\"" */
    char last_modified[29];
    char *body;                 /* whole, NULL: not in memory */
    struct link bodies;         /* those with a body, least recently used first */
    uint64_t drafted_ms;        /* when the last draft of a variant was begun; 0: none is at work */
    struct file_variant *variants;      /* compressed; NULL: none */
    struct file_head head;
    char *head_bytes;           /* of head: in text, or an allocation of its own when that is too
                                   small */
    char text[];                /* etag, head, path: an answer from memory needs no other memory */
};

struct file_cache;

/* max: files at most; NULL when memory is short. */
struct file_cache *file_cache_create(struct timer_wheel *timers, uint32_t max, uint64_t inactive_ms,
                                     uint64_t body_bytes);
void file_cache_destroy(struct file_cache *cache);
/*
 * When no descriptor is left for a file, and none of the cache's own can be given: fn frees some
 * elsewhere and returns how many.
 */
void file_cache_on_shortage(struct file_cache *cache, unsigned (*fn)(void *ctx), void *ctx);

/*
 * Closes up to `most` files that nobody uses, least recently used first, so that their descriptors
 * are free. Returns how many.
 */
unsigned file_cache_give(struct file_cache *cache, unsigned most);

/*
 * The file at path (absolute), fresh as the settings ask. Never NULL unless memory is short (errno
 * ENOMEM): a file that cannot be opened comes with ->error. The caller gives it back with
 * file_release. path.p is NUL-terminated. trusted: its leading bytes in which disable_symlinks lets
 * links be.
 */
struct file *file_open(struct file_cache *cache, const struct location_settings *settings,
                       struct str path, size_t trusted);
/* The file at path was changed, by this very worker: whatever `valid` says, it is looked at anew. */
void file_cache_forget(struct file_cache *cache, struct str path);
/* The same for all below a folder, whose path has no "/" at its end, and the folder itself. */
void file_cache_forget_below(struct file_cache *cache, struct str folder);

void file_release(struct file_cache *cache, struct file *file);

/*
 * Whether there is surely no file at path: for one that mostly is not there, so that its absence
 * costs one stat() and no entry. False where file_open knows more, or has to tell.
 */
bool file_is_absent(struct file_cache *cache, const struct location_settings *settings,
                    struct str path);

/*
 * The body in memory, NULL: read it from ->fd. Counts as a use: what is asked for often comes into
 * memory.
 */
const char *file_body(struct file_cache *cache, struct file *file);

/* For file_variants.c. */
struct variant_store *file_cache_variants(struct file_cache *cache);

/*
 * Whether the file is still as it was when it was looked at, and no later change can go without a
 * sign: what was read of it meanwhile may be kept.
 */
bool file_is_settled(const struct file *file);

/*
 * The entity tag of what is len bytes long and made of a file of that time, in nginx's form: both in
 * hexadecimal. At most ETAG_MAX bytes.
 */
enum { ETAG_MAX = 40 };
void file_write_etag(struct writer *w, time_t mtime, uint64_t len);

/*
 * The ready fields for these settings, with the type that the name (a path as it was asked for) has
 * there, and the encoding of what the file holds. NULL when memory is short.
 */
const struct file_head *file_head(struct file *file, const struct location_settings *settings,
                                  struct str name, enum encoding encoding);

#endif
