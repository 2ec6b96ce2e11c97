/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file_variants: files of the cache once more, as they are when compressed, within a bound. They go
 * with their file, and when others are asked for instead.
 */
#ifndef WEIR_HTTP_FILE_VARIANTS_H
#define WEIR_HTTP_FILE_VARIANTS_H

#include "http/compressed.h"
#include "http/file_cache.h"

/* One file at one encoding and level. Stays as long as somebody has its file. */
struct file_variant {
    struct link lru;            /* least recently used first */
    struct file_variant *next;  /* of the same file */
    struct file *file;
    uint64_t queued_ms;         /* when it was put at the end of lru */
    uint8_t level;
    struct compressed sums;
    struct str body;            /* STR_NONE: it does not get smaller, and is sent as it is */
    struct str etag;            /* weak */
    struct file_head head;
    char *head_bytes;           /* of head */
    char text[];                /* etag, body */
};

/* NULL: there is none. Counts as a use. */
struct file_variant *file_variant_find(struct file_cache *cache, struct file *file,
                                       enum encoding encoding, uint8_t level);

/*
 * Keeps a copy of the bytes, which were made of all of the file; STR_NONE: they are no fewer.
 * limit: bytes that all variants may take. NULL: there is no room, or the file has changed or may
 * do so without a sign.
 */
struct file_variant *file_variant_keep(struct file_cache *cache, struct file *file,
                                       enum encoding encoding, uint8_t level, struct str bytes,
                                       uint64_t limit);

/*
 * What becomes a variant while it is sent. One is made of a file at a time, whatever its encoding,
 * but nobody waits for a slow client's: after two seconds another may be begun. Their bytes count as
 * those of variants. NULL: it is not worth it, or cannot be.
 */
struct variant_draft *variant_draft_begin(struct file_cache *cache, struct file *file,
                                          enum encoding encoding, uint8_t level, uint64_t limit);
/* The next bytes. When there are too many, it will not be kept. */
void variant_draft_add(struct variant_draft *draft, const char *p, size_t n);
/* is_whole: these were all, so it is kept if it can be. The draft is gone. */
void variant_draft_end(struct variant_draft *draft, bool is_whole);

/*
 * The ready fields that stand for it where file->head.ok, as it is now, stands for the file. NULL
 * when memory is short.
 */
const struct http_ready *file_variant_ready(struct file_variant *variant);

/* The file goes. For file_cache.c. */
void file_variants_drop(struct variant_store *store, struct file *file);

#endif
