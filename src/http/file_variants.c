/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/file_variants.h"
#include "base/clock.h"
#include "base/writer.h"
#include <stdlib.h>

enum {
    TRIES = 16,                 /* variants that are looked at for one that may go */
    TOUCH_MS = 1000,            /* the order of use is as exact as this */
    LINES = 96,                 /* bytes of the fixed parts of the ready fields, at most */
    HEAD = 256,                 /* of all of them, usually */
    DRAFT_MIN = 16 << 10,       /* bytes of a draft at first */
    DRAFT_SHARE = 8,            /* a draft is at most such a part of all */
    DRAFT_MS = 2000             /* then its client is slow, and another may begin one, too */
};

static uint64_t
weight(const struct file_variant *variant)
{
    return sizeof(*variant) + HEAD + variant->etag.len + variant->body.len;
}

static void
variant_free(struct variant_store *store, struct file_variant *variant)
{
    store->bytes -= weight(variant);
    link_remove(&variant->lru);
    free(variant->head_bytes);
    free(variant);
}

void
file_variants_drop(struct variant_store *store, struct file *file)
{
    while (file->variants != NULL) {
        struct file_variant *variant = file->variants;

        file->variants = variant->next;
        variant_free(store, variant);
    }
}

static void
drop_one(struct variant_store *store, struct file_variant *variant)
{
    struct file_variant **place = &variant->file->variants;

    while (*place != variant)
        place = &(*place)->next;
    *place = variant->next;
    variant_free(store, variant);
}

static void
to_the_end(struct variant_store *store, struct file_variant *variant)
{
    variant->queued_ms = now.mono_ms;
    link_remove(&variant->lru);
    list_push(&store->lru, &variant->lru);
}

struct file_variant *
file_variant_find(struct file_cache *cache, struct file *file, enum encoding encoding,
                  uint8_t level)
{
    struct file_variant *variant = file->variants;

    while (variant != NULL && (variant->sums.encoding != encoding || variant->level != level))
        variant = variant->next;
    if (variant != NULL && now.mono_ms - variant->queued_ms >= TOUCH_MS)
        to_the_end(file_cache_variants(cache), variant);
    return variant;
}

/* Lets go of what was not used for longest; an answer may point into a file's that is in use. */
static bool
make_room(struct variant_store *store, uint64_t wanted, uint64_t limit)
{
    for (unsigned i = 0; i < TRIES && store->bytes + wanted > limit; i++) {
        struct file_variant *oldest;

        if (list_is_empty(&store->lru))
            return false;
        oldest = CONTAINER_OF(store->lru.next, struct file_variant, lru);
        if (oldest->file->refs > 0)
            to_the_end(store, oldest);
        else
            drop_one(store, oldest);
    }
    return store->bytes + wanted <= limit;
}

struct file_variant *
file_variant_keep(struct file_cache *cache, struct file *file, enum encoding encoding,
                  uint8_t level, struct str bytes, uint64_t limit)
{
    struct variant_store *store = file_cache_variants(cache);
    size_t etag_len = file->etag.len + 2;
    size_t size = sizeof(struct file_variant) + etag_len + bytes.len;
    struct file_variant *variant;

    if (!file_is_settled(file) || !make_room(store, size + HEAD, limit)
        || (variant = malloc(size)) == NULL)
        return NULL;
    *variant = (struct file_variant){
        .next = file->variants, .file = file, .level = level, .queued_ms = now.mono_ms,
        .sums = { .encoding = encoding, .in = file->size, .out = bytes.len },
        .etag = { variant->text, etag_len },
    };
    memcpy(variant->text, "W/", 2);
    memcpy(variant->text + 2, file->etag.p, file->etag.len);
    if (str_is_set(bytes))
        variant->body = (struct str){ memcpy(variant->text + etag_len, bytes.p, bytes.len),
                                      bytes.len };
    file->variants = variant;
    link_init(&variant->lru);
    list_push(&store->lru, &variant->lru);
    store->bytes += weight(variant);
    return variant;
}

/* ---- drafts -------------------------------------------------------------------------------- */

struct variant_draft {
    struct file_cache *cache;
    struct file *file;          /* held */
    enum encoding encoding;
    uint8_t level;
    uint64_t begun_ms;
    bool is_spoiled;            /* it is too large */
    uint64_t limit;             /* of all variants */
    char *bytes;
    size_t len, cap;
};

static bool
is_drafted(const struct file *file)
{
    return file->drafted_ms != 0 && now.mono_ms - file->drafted_ms < DRAFT_MS;
}

struct variant_draft *
variant_draft_begin(struct file_cache *cache, struct file *file, enum encoding encoding,
                    uint8_t level, uint64_t limit)
{
    struct variant_draft *draft;

    if (is_drafted(file) || !file_is_settled(file) || (draft = calloc(1, sizeof(*draft))) == NULL)
        return NULL;
    *draft = (struct variant_draft){
        .cache = cache, .file = file, .encoding = encoding, .level = level, .limit = limit,
        .begun_ms = now.mono_ms,
    };
    file->drafted_ms = now.mono_ms;
    file->refs++;
    return draft;
}

static bool
draft_grow(struct variant_draft *draft, size_t wanted)
{
    struct variant_store *store = file_cache_variants(draft->cache);
    size_t cap = MAX(draft->cap, (size_t)DRAFT_MIN);
    char *bytes;

    while (cap < wanted)
        cap *= 2;
    if (cap > draft->limit / DRAFT_SHARE || !make_room(store, cap - draft->cap, draft->limit)
        || (bytes = realloc(draft->bytes, cap)) == NULL)
        return false;
    store->bytes += cap - draft->cap;
    draft->bytes = bytes;
    draft->cap = cap;
    return true;
}

static void
draft_empty(struct variant_draft *draft)
{
    file_cache_variants(draft->cache)->bytes -= draft->cap;
    free(draft->bytes);
    draft->bytes = NULL;
    draft->len = draft->cap = 0;
}

void
variant_draft_add(struct variant_draft *draft, const char *p, size_t n)
{
    if (n == 0 || draft->is_spoiled)
        return;
    if (n > draft->cap - draft->len && !draft_grow(draft, draft->len + n)) {
        draft->is_spoiled = true;
        draft_empty(draft);
        return;
    }
    memcpy(draft->bytes + draft->len, p, n);
    draft->len += n;
}

void
variant_draft_end(struct variant_draft *draft, bool is_whole)
{
    struct file *file = draft->file;
    struct str bytes = { draft->bytes, draft->len };

    if (file->drafted_ms == draft->begun_ms)
        file->drafted_ms = 0;
    if (is_whole && !draft->is_spoiled
        && file_variant_find(draft->cache, file, draft->encoding, draft->level) == NULL)
        file_variant_keep(draft->cache, file, draft->encoding, draft->level,
                          bytes.len < file->size ? bytes : STR_NONE, draft->limit);
    draft_empty(draft);
    file_release(draft->cache, file);
    free(draft);
}

/* ---- ready fields -------------------------------------------------------------------------- */

static void
write_head(struct writer *w, const struct file_variant *variant)
{
    const struct file *file = variant->file;
    const struct http_ready *plain = &file->head.ok;

    write_bytes(w, plain->h1.p, plain->type_len);
    write_str(w, STR("Content-Encoding: "));
    write_str(w, encoding_name(variant->sums.encoding));
    write_str(w, STR("\r\nContent-Length: "));
    write_uint(w, variant->body.len);
    write_str(w, STR("\r\nLast-Modified: "));
    write_bytes(w, file->last_modified, sizeof(file->last_modified));
    if (file->head.settings->etag) {
        write_str(w, STR("\r\nETag: "));
        write_str(w, variant->etag);
    }
    write_str(w, STR("\r\n\r\n"));
}

const struct http_ready *
file_variant_ready(struct file_variant *variant)
{
    struct file_head *head = &variant->head;
    const struct file_head *plain = &variant->file->head;
    size_t size = LINES + plain->ok.type_len + sizeof(variant->file->last_modified)
                  + variant->etag.len;
    struct writer w;

    if (LIKELY(head->settings == plain->settings && head->type == plain->type))
        return &head->ok;
    free(variant->head_bytes);
    head->settings = NULL;
    if ((variant->head_bytes = malloc(size)) == NULL)
        return NULL;
    w = writer_at(variant->head_bytes, size);
    write_head(&w, variant);
    if (!w.ok)
        return NULL;
    head->ok = (struct http_ready){ .h1 = writer_str(&w), .type_len = plain->ok.type_len };
    head->type = plain->type;
    head->settings = plain->settings;
    return &head->ok;
}
