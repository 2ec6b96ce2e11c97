/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * precompressed: sends FILE.br, FILE.zst or FILE.gz, that lies beside FILE, to clients that take
 * what it is compressed with: "gzip_static on;". With "always" to all others, too.
 */
#include "http/encoding.h"
#include "http/grants.h"
#include "http/engine.h"
#include "http/file_answer.h"
#include "http/module.h"
#include "http/path.h"
#include <errno.h>
#include <sys/stat.h>

enum mode { MODE_OFF, MODE_ON, MODE_ALWAYS };

/* gzip_static, brotli_static, zstd_static */
struct use {
    int mode;                   /* enum mode */
    struct conf_mark mark;
};

struct precompressed_conf {
    struct use uses[ENCODING_COUNT];
};

static const struct { struct str suffix; const char *directive; } kinds[ENCODING_COUNT] = {
    [ENCODING_GZIP] = { STR_INIT(".gz"), "gzip_static" },
    [ENCODING_BR] = { STR_INIT(".br"), "brotli_static" },
    [ENCODING_ZSTD] = { STR_INIT(".zst"), "zstd_static" },
};

enum { SUFFIX_MAX = 4 };

/* ---- reading ------------------------------------------------------------------------------- */

static bool
parse_use(struct conf *conf, const struct conf_node *node, void *field)
{
    struct use *use = field;

    if (!parse_enum(conf, node, &use->mode))
        return false;
    use->mark = conf_mark_of(conf, &node->words[0]);
    return true;
}

/* Those with at least that mode, ENCODING_BIT of each. */
static unsigned
encodings_of(const struct precompressed_conf *pc, enum mode mode)
{
    unsigned encodings = 0;

    for (unsigned e = ENCODING_GZIP; e < ENCODING_COUNT; e++)
        if (pc->uses[e].mode >= (int)mode)
            encodings |= ENCODING_BIT(e);
    return encodings;
}

static bool
precompressed_wanted(const void *slot)
{
    return encodings_of(slot, MODE_ON) != 0;
}

/* ---- looking ------------------------------------------------------------------------------- */

/* A request that looks for what lies beside its file. */
struct look {
    struct http_request *req;
    const struct precompressed_conf *pc;
    struct str path;            /* of the file itself, with room for SUFFIX_MAX bytes and NUL */
    unsigned left;              /* encodings that were not looked for yet */
};

static struct str
path_with(const struct look *look, enum encoding encoding)
{
    struct str suffix = kinds[encoding].suffix;
    char *end = (char *)(uintptr_t)look->path.p + look->path.len;

    memcpy(end, suffix.p, suffix.len);
    end[suffix.len] = '\0';
    return (struct str){ look->path.p, look->path.len + suffix.len };
}

/* What cannot be opened is as good as absent: the file itself is still there to be sent. */
static void
tell_unusable(const struct look *look, enum encoding encoding, struct str path,
              const struct file *file)
{
    struct http_request *req = look->req;
    const char *why = file->is_dir ? "it is a folder" : "it is not a regular file";

    if (file->error != 0)
        why = strerror(file->error);
    HTTP_TRACE(req, &look->pc->uses[encoding].mark, "%s: %.*s: %s", kinds[encoding].directive,
               STR_ARG(path), why);
    if (file->error != 0 && file->error != ENOENT && file->error != ENOTDIR
        && file->error != ENAMETOOLONG)
        LOG(&req->log, ERR, file->error, "open() \"%.*s\" failed", STR_ARG(path));
    http_walls_refused(&req->log, path.p, HTTP_READS, file->error);
}

/* NULL: there is none, or memory is short, as the arena tells. */
static struct file *
find_file(struct look *look, enum encoding encoding)
{
    struct http_request *req = look->req;
    struct str path = path_with(look, encoding);
    struct file *file;

    look->left &= ~ENCODING_BIT(encoding);
    if (file_is_absent(req->worker->files, http_settings_for(req), path)) {
        HTTP_TRACE(req, &look->pc->uses[encoding].mark, "%s: there is no %.*s",
                   kinds[encoding].directive, STR_ARG(path));
        return NULL;
    }
    file = http_open_file(req, path);
    if (file == NULL)
        return NULL;
    if (LIKELY(file->error == 0 && file->is_regular))
        return file;
    tell_unusable(look, encoding, path, file);
    return NULL;
}

/* Whoever asks how it came to this may want to know that it is the form of an earlier text. */
static void
trace_use(const struct look *look, enum encoding encoding, const struct file *file)
{
    struct http_request *req = look->req;
    const struct conf_mark *mark = &look->pc->uses[encoding].mark;
    struct str path = { look->path.p, look->path.len + kinds[encoding].suffix.len };
    struct str plain = arena_str(req->arena, look->path);
    struct stat st;

    HTTP_TRACE(req, mark, "%s: %.*s is there", kinds[encoding].directive, STR_ARG(path));
    if (str_is_set(plain) && stat(plain.p, &st) == 0 && st.st_mtime > file->mtime.tv_sec)
        HTTP_TRACE(req, mark, "%s: it is older than %.*s", kinds[encoding].directive,
                   STR_ARG(plain));
}

static enum http_next
send_it(const struct look *look, enum encoding encoding, struct file *file)
{
    struct http_request *req = look->req;
    unsigned on = encodings_of(look->pc, MODE_ON);

    /* A file that all clients get, and there is no other, is the same for all. */
    if (look->pc->uses[encoding].mode != MODE_ALWAYS || on != ENCODING_BIT(encoding))
        http_encoding_varies(req);
    req->filename = (struct str){ look->path.p, look->path.len + kinds[encoding].suffix.len };
    if (UNLIKELY(req->trace != NULL))
        trace_use(look, encoding, file);
    return http_answer_file(req, file, encoding);
}

/* In the order in which the client likes them. */
static struct file *
find_wanted(struct look *look, enum encoding *encoding)
{
    struct file *file = NULL;

    while (file == NULL && look->left != 0) {
        *encoding = http_encoding_choose(look->req, look->left);
        if (*encoding == ENCODING_IDENTITY)
            return NULL;
        file = find_file(look, *encoding);
    }
    return file;
}

/* One of these, in the server's order, whatever the client takes. */
static struct file *
find_any(struct look *look, unsigned encodings, enum encoding *encoding)
{
    const struct encoding_order *order = &http_settings_for(look->req)->encoding.order;
    struct file *file = NULL;

    for (size_t i = 0; file == NULL && i < ARRAY_LEN(order->list); i++) {
        *encoding = (enum encoding)order->list[i];
        if ((look->left & encodings & ENCODING_BIT(*encoding)) != 0)
            file = find_file(look, *encoding);
    }
    return file;
}

static enum http_next
precompressed_handle(struct http_request *req, const void *slot)
{
    struct look look = { .req = req, .pc = slot, .left = encodings_of(slot, MODE_ON) };
    enum encoding encoding;
    struct file *file;

    if ((req->method != METHOD_GET && req->method != METHOD_HEAD)
        || req->path.p[req->path.len - 1] == '/')
        return HTTP_PASS;
    look.path = http_map_path(req, SUFFIX_MAX);
    if (!str_is_set(look.path))
        return HTTP_PASS;       /* whoever serves the file itself tells */
    file = find_wanted(&look, &encoding);
    if (file == NULL)
        file = find_any(&look, encodings_of(slot, MODE_ALWAYS), &encoding);
    if (file != NULL)
        return send_it(&look, encoding, file);
    /* It may be there for others: a cache wants to know. */
    if (http_settings_for(req)->encoding.vary
        && find_any(&look, encodings_of(slot, MODE_ON), &encoding) != NULL)
        http_encoding_varies(req);
    return HTTP_PASS;
}

/* ---- tables -------------------------------------------------------------------------------- */

static const struct conf_enum mode_names[] = {
    { "off", MODE_OFF }, { "on", MODE_ON }, { "always", MODE_ALWAYS }, { NULL, 0 },
};

#define STATIC(encoding)                                                                    \
    .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_use,                             \
    FIELD(struct precompressed_conf, uses[encoding]), .initial = "off", .data = mode_names

static const struct directive precompressed_directives[] = {
    { "gzip_static", STATIC(ENCODING_GZIP) },
    { "brotli_static", STATIC(ENCODING_BR) },
    { "zstd_static", STATIC(ENCODING_ZSTD) },
    { 0 }
};

const struct http_module precompressed_module = {
    .name = "precompressed",
    .directives = precompressed_directives,
    .conf_size = sizeof(struct precompressed_conf),
    .phase = PHASE_CONTENT,
    .handle = precompressed_handle,
    .wanted = precompressed_wanted,
    .main_only = true,
};
