/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_path: access logs in files whose names hold variables. The worker opens them as its own user
 * when there is a line for them, and closes them behind it, unless open_log_file_cache keeps them
 * open.
 */
#ifndef WEIR_HTTP_LOG_PATH_H
#define WEIR_HTTP_LOG_PATH_H

#include "base/list.h"
#include "base/log.h"
#include "event/timer.h"
#include "http/variable.h"

/* One access_log of that kind. */
struct log_path {
    struct http_text text;      /* absolute */
    size_t trusted;             /* its leading bytes, with a slash at their end, that the conf file
                                   alone chooses */
    struct log_file file;       /* what is lost is counted here; open while a line is written */
    uint64_t told_s;            /* as complained_s of struct log_file: of names and opening */
};

/* False after an error. */
bool log_path_read(struct conf *conf, const struct conf_word *word, struct log_path *path);

/*
 * Files that a worker keeps open; each open_log_file_cache has its own. Part of the configuration,
 * what is in it is a worker's own.
 */
struct log_cache {
    struct link link;           /* in struct http */
    uint32_t max;
    uint64_t inactive_ms, valid_ms;
    uint32_t min_uses;
    struct link lru;            /* of struct log_entry, least recently used first */
    struct log_entry **slots;   /* NULL: nothing was ever in it */
    uint32_t slot_count;        /* a power of two */
    uint32_t len;
    struct timer expiry;        /* armed while there is something in it */
    struct timer_wheel *timers;
};

/* Empty; max at least 1. */
void log_cache_init(struct log_cache *cache);
/* Of a list of caches: all is closed and forgotten. */
void log_caches_close(struct link *caches);

/* cache: NULL for none. False: the line is lost, which was counted and logged. */
bool log_path_write(struct http_request *req, struct log_path *path, struct log_cache *cache,
                    struct str line);

#endif
