/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compress: "gzip on;", "brotli on;", "zstd on;": answers of some types go compressed to clients
 * that take them so.
 */
#include "http/compress.h"
#include "http/encoding.h"
#include "http/engine.h"
#include "http/module.h"
#include "http/subrequest.h"
#include "http/types_set.h"
#include <fcntl.h>
#include <unistd.h>

enum { LEVELS = 23 };           /* of zstd, which has the most: 1 to 22 */

/* gzip, brotli, zstd */
struct coding_switch {
    bool on;
    struct conf_mark mark;
};

/* One of the three. */
struct coding_conf {
    struct coding_switch set;
    uint32_t level;
    uint64_t min_length;
    struct types_set types;
    uint8_t window_bits;        /* but for zstd */
    struct compressing what;    /* made of it by check */
};

/* zstd_dict_file; a dictionary is made for a level, once for all places that want it. */
struct dictionary {
    struct str bytes;
    void *made[LEVELS];
};

struct compress_conf {
    struct coding_conf codings[ENCODING_COUNT];         /* that of ENCODING_IDENTITY is unused */
    uint8_t gzip_memory;
    uint64_t postpone;
    bool no_buffer;
    struct dictionary *dictionary;      /* NULL: none */
    uint64_t cache_bytes, stream_bytes;
    bool is_wanted;
};

/* ---- reading ------------------------------------------------------------------------------- */

static const struct encoder *const encoders[ENCODING_COUNT] = {
    [ENCODING_GZIP] = &gzip_encoder, [ENCODING_BR] = &brotli_encoder,
    [ENCODING_ZSTD] = &zstd_encoder,
};

/* data: the encoder. */
static bool
parse_switch(struct conf *conf, const struct conf_node *node, void *field)
{
    struct coding_switch *set = field;

    if (!word_flag(conf, &node->words[1], &set->on))
        return false;
    set->mark = conf_mark_of(conf, &node->words[0]);
    if (!set->on || encoder_is_built(conf->directive->data))
        return true;
    conf_error(conf, &node->words[1], "\"%s on\": this weir was built without the library",
               conf->directive->name);
    conf_hint(conf, "install it and run ./configure again, or leave the line out");
    return false;
}

/* As the directives begin. */
static const char *const coding_names[ENCODING_COUNT] = {
    [ENCODING_GZIP] = "gzip", [ENCODING_BR] = "brotli", [ENCODING_ZSTD] = "zstd",
};

/* Sizes that are a power of two, as the exponent. */
struct power_range {
    uint8_t min, max;           /* exponents of the size */
    uint8_t less;               /* what is subtracted of them in the field */
    const char *known;
};

/* data: a struct power_range. */
static bool
parse_power(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct power_range *range = conf->directive->data;
    const struct conf_word *word = &node->words[1];
    uint64_t size;

    if (!word_size(conf, word, word->text, &size))
        return false;
    for (uint8_t bits = range->min; bits <= range->max; bits++)
        if (size == (uint64_t)1 << bits) {
            *(uint8_t *)field = (uint8_t)(bits - range->less);
            return true;
        }
    conf_error(conf, word, "invalid value \"%.*s\" in \"%s\" directive", STR_ARG(word->text),
               conf->directive->name);
    conf_hint(conf, "one of %s", range->known);
    return false;
}

/* What there are buffers for in nginx is made where it is sent from. */
static bool
parse_ignored_buffers(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct conf_word *word;
    uint64_t count, size;

    (void)field;
    if (!word_uint(conf, &node->words[1], node->words[1].text, UINT32_MAX, &count)
        || !word_size(conf, &node->words[2], node->words[2].text, &size))
        return false;
    if (count > 0 && size > 0)
        return true;
    word = &node->words[count == 0 ? 1 : 2];
    return conf_error(conf, word, "invalid value \"%.*s\" in \"%s\" directive",
                      STR_ARG(word->text), conf->directive->name);
}

static bool
parse_dictionary(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct conf_word *word = &node->words[1];
    struct str path = conf_path_by_file(conf, word->text), text;
    struct dictionary *dictionary = ARENA_NEW(conf->arena, struct dictionary);
    int fd;
    bool good;

    if (!str_is_set(path) || dictionary == NULL)
        return conf_no_memory(conf);
    fd = open(path.p, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return conf_error(conf, word, "open() \"%.*s\" failed: %m", STR_ARG(path));
    good = conf_read_all(conf, fd, path, &text);
    close(fd);
    if (!good)
        return false;
    if (text.len == 0)
        return conf_error(conf, word, "\"%.*s\" is empty", STR_ARG(path));
    dictionary->bytes = text;
    *(struct dictionary **)field = dictionary;
    return true;
}

static bool
make_dictionary(struct conf *conf, struct dictionary *dictionary, uint32_t level)
{
    void **made = &dictionary->made[level];

    if (*made != NULL)
        return true;
    *made = zstd_dictionary_create(dictionary->bytes, (int)level);
    if (*made == NULL)
        return conf_no_memory(conf);
    if (arena_defer(conf->arena, zstd_dictionary_destroy, *made))
        return true;
    zstd_dictionary_destroy(*made);
    *made = NULL;
    return conf_no_memory(conf);
}

static void
prepare(const struct compress_conf *cc, enum encoding encoding, struct coding_conf *coding)
{
    coding->what = (struct compressing){
        .encoding = encoding,
        .how = { .encoder = encoders[encoding], .level = (uint8_t)coding->level,
                 .window_bits = coding->window_bits, .memory = cc->gzip_memory },
        .cache_bytes = cc->cache_bytes, .stream_bytes = cc->stream_bytes,
        .postpone = encoding == ENCODING_GZIP ? cc->postpone : 0,
        .flushes = encoding == ENCODING_GZIP && cc->no_buffer,
    };
}

static bool
compress_check(struct conf *conf, struct conf_scope *scope, void *slot)
{
    struct compress_conf *cc = slot;
    struct coding_conf *zstd = &cc->codings[ENCODING_ZSTD];

    (void)scope;
    cc->is_wanted = false;
    for (int i = ENCODING_IDENTITY + 1; i < ENCODING_COUNT; i++) {
        prepare(cc, (enum encoding)i, &cc->codings[i]);
        cc->is_wanted |= cc->codings[i].set.on;
    }
    if (cc->dictionary == NULL || !zstd->set.on)
        return true;
    if (!make_dictionary(conf, cc->dictionary, zstd->level))
        return false;
    zstd->what.how.dictionary = cc->dictionary->made[zstd->level];
    return true;
}

static bool
compress_wanted(const void *slot)
{
    return ((const struct compress_conf *)slot)->is_wanted;
}

/* ---- answers ------------------------------------------------------------------------------- */

static bool
is_fit(const struct http_response *resp)
{
    return (resp->status == HTTP_OK || resp->not_modified
            || resp->status == HTTP_FORBIDDEN || resp->status == HTTP_NOT_FOUND)
           && resp->body != NULL && !http_body_is_encoded(resp);
}

static bool
is_too_short(const struct coding_conf *coding, const struct http_response *resp)
{
    return resp->content_length >= 0 && (uint64_t)resp->content_length < coding->min_length;
}

/* The encodings that this answer may have here, as bits. */
static unsigned
offered(const struct compress_conf *cc, const struct http_response *resp)
{
    unsigned bits = 0;

    for (int i = ENCODING_IDENTITY + 1; i < ENCODING_COUNT; i++) {
        const struct coding_conf *coding = &cc->codings[i];

        if (coding->set.on && !is_too_short(coding, resp)
            && types_set_has(&coding->types, resp->content_type))
            bits |= ENCODING_BIT(i);
    }
    return bits;
}

/* For "weir explain": what keeps an answer from being compressed at all. */
static void
tell_why_not(struct http_request *req, const struct compress_conf *cc)
{
    const struct http_response *resp = &req->response;

    for (int i = ENCODING_IDENTITY + 1; i < ENCODING_COUNT; i++) {
        const struct coding_conf *coding = &cc->codings[i];

        if (!coding->set.on)
            continue;
        if (is_too_short(coding, resp))
            HTTP_TRACE(req, &coding->set.mark, "compress: %lld bytes are fewer than %s_min_length",
                       (long long)resp->content_length, coding_names[i]);
        else
            HTTP_TRACE(req, &coding->set.mark, "compress: %.*s is not among %s_types",
                       STR_ARG(resp->content_type), coding_names[i]);
    }
}

static enum http_next
compress_filter(struct http_request *req, const void *slot)
{
    const struct compress_conf *cc = slot;
    enum encoding encoding;
    unsigned bits;

    if (!is_fit(&req->response))
        return HTTP_PASS;
    if ((bits = offered(cc, &req->response)) == 0) {
        if (UNLIKELY(req->trace != NULL))
            tell_why_not(req, cc);
        return HTTP_PASS;
    }
    http_encoding_varies(req);
    encoding = http_encoding_choose(req, bits);
    if (encoding == ENCODING_IDENTITY) {
        HTTP_TRACE(req, NULL, "compress: the client takes nothing that is offered here");
        return HTTP_PASS;
    }
    HTTP_TRACE(req, &cc->codings[encoding].set.mark, "compress: as %.*s, level %u",
               STR_ARG(encoding_name(encoding)), cc->codings[encoding].level);
    return http_compress(req, &cc->codings[encoding].what);
}

static void
compress_stop(struct http_worker *worker)
{
    compressor_destroy(worker->compressor);
    worker->compressor = NULL;
}

/* ---- variables ----------------------------------------------------------------------------- */

/* "3.14"; data: one of these. */
static const enum encoding ratio_of[ENCODING_COUNT] = {
    [ENCODING_GZIP] = ENCODING_GZIP, [ENCODING_BR] = ENCODING_BR, [ENCODING_ZSTD] = ENCODING_ZSTD,
};

static struct str
get_ratio(struct http_request *req, const void *data, struct str rest)
{
    const struct compressed *sums = http_main_request(req)->compressed;
    uint64_t hundredths;

    (void)rest;
    if (sums == NULL || sums->encoding != *(const enum encoding *)data || sums->out == 0)
        return STR_NONE;
    hundredths = (sums->in * 100 + sums->out / 2) / sums->out;
    return arena_fmt(req->arena, "%llu.%02llu", (unsigned long long)hundredths / 100,
                     (unsigned long long)hundredths % 100);
}

static const struct http_variable compress_variables[] = {
    { "gzip_ratio", .get = get_ratio, .data = &ratio_of[ENCODING_GZIP] },
    { "brotli_ratio", .get = get_ratio, .data = &ratio_of[ENCODING_BR] },
    { "zstd_ratio", .get = get_ratio, .data = &ratio_of[ENCODING_ZSTD] },
    { 0 }
};

/* ---- tables -------------------------------------------------------------------------------- */

static const struct uint_range gzip_levels = { 1, 9 }, brotli_levels = { 0, 11 },
                               zstd_levels = { 1, LEVELS - 1 };
static const struct power_range gzip_windows = {
    9, 15, 0, "512, 1k, 2k, 4k, 8k, 16k, 32k"
};
static const struct power_range gzip_hashes = {
    9, 17, 8, "512, 1k, 2k, 4k, 8k, 16k, 32k, 64k, 128k"
};
static const struct power_range brotli_windows = {
    10, 24, 0, "1k, 2k, 4k, 8k, 16k, 32k, 64k, 128k, 256k, 512k, 1m, 2m, 4m, 8m, 16m"
};

#define COMPRESS_FIELD(member)         FIELD(struct compress_conf, member)
#define CODING_FIELD(encoding, member) COMPRESS_FIELD(codings[ENCODING_##encoding].member)
#define SWITCH(encoder)                .where = IN_HTTP_ALL | IN_LOCATION_IF, .args = { 1, 1 }, \
                                       .parse = parse_switch, .initial = "off", .data = &(encoder)
#define ONE_ARG                        .where = IN_HTTP_ALL, .args = { 1, 1 }
#define BUFFERS                        .where = IN_HTTP_ALL, .args = { 2, 2 }, \
                                       .parse = parse_ignored_buffers, .initial = "32 4k"
#define TYPES                          .where = IN_HTTP_ALL, .args = { 1, ARGS_ANY }, \
                                       .flags = DIRECTIVE_REPEAT, .parse = parse_types_set, \
                                       .initial = "text/html"

static const struct directive compress_directives[] = {
    { "gzip", SWITCH(gzip_encoder), CODING_FIELD(GZIP, set) },
    { "gzip_buffers", BUFFERS },
    { "gzip_comp_level", ONE_ARG, .parse = parse_uint, CODING_FIELD(GZIP, level), .initial = "1",
      .data = &gzip_levels },
    { "gzip_hash", ONE_ARG, .parse = parse_power, COMPRESS_FIELD(gzip_memory), .initial = "64k",
      .data = &gzip_hashes },
    { "gzip_min_length", ONE_ARG, .parse = parse_size, CODING_FIELD(GZIP, min_length),
      .initial = "20" },
    { "gzip_no_buffer", ONE_ARG, .parse = parse_flag, COMPRESS_FIELD(no_buffer),
      .initial = "off" },
    { "gzip_types", TYPES, CODING_FIELD(GZIP, types) },
    { "gzip_window", ONE_ARG, .parse = parse_power, CODING_FIELD(GZIP, window_bits),
      .initial = "32k", .data = &gzip_windows },
    { "postpone_gzipping", ONE_ARG, .parse = parse_size, COMPRESS_FIELD(postpone),
      .initial = "0" },
    { "brotli", SWITCH(brotli_encoder), CODING_FIELD(BR, set) },
    { "brotli_buffers", BUFFERS },
    { "brotli_comp_level", ONE_ARG, .parse = parse_uint, CODING_FIELD(BR, level), .initial = "6",
      .data = &brotli_levels },
    { "brotli_min_length", ONE_ARG, .parse = parse_size, CODING_FIELD(BR, min_length),
      .initial = "20" },
    { "brotli_types", TYPES, CODING_FIELD(BR, types) },
    { "brotli_window", ONE_ARG, .parse = parse_power, CODING_FIELD(BR, window_bits),
      .initial = "512k", .data = &brotli_windows },
    { "zstd", SWITCH(zstd_encoder), CODING_FIELD(ZSTD, set) },
    { "zstd_buffers", BUFFERS },
    { "zstd_comp_level", ONE_ARG, .parse = parse_uint, CODING_FIELD(ZSTD, level), .initial = "1",
      .data = &zstd_levels },
    { "zstd_dict_file", .where = IN_HTTP, .args = { 1, 1 }, .parse = parse_dictionary,
      COMPRESS_FIELD(dictionary) },
    { "zstd_min_length", ONE_ARG, .parse = parse_size, CODING_FIELD(ZSTD, min_length),
      .initial = "20" },
    { "zstd_types", TYPES, CODING_FIELD(ZSTD, types) },
    { "compress_cache", .where = IN_HTTP, .args = { 1, 1 }, .parse = parse_size,
      COMPRESS_FIELD(cache_bytes), .initial = "32m" },
    { "compress_memory", .where = IN_HTTP, .args = { 1, 1 }, .parse = parse_size,
      COMPRESS_FIELD(stream_bytes), .initial = "64m" },
    { 0 }
};

const struct http_module compress_module = {
    .name = "compress",
    .directives = compress_directives,
    .conf_size = sizeof(struct compress_conf),
    .check = compress_check,
    .wanted = compress_wanted,
    .filter = compress_filter,
    .main_only = true,
    .variables = compress_variables,
    .worker_stop = compress_stop,
};
