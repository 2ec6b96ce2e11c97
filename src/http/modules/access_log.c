/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access_log: a line for each request, in a format of log_format's: "access_log logs/access.log
 * combined;"
 */
#include "base/counters.h"
#include "conf/log_output.h"
#include "conf/rotation.h"
#include "config.h"
#include "http/engine.h"
#include "http/grants.h"
#include "http/http.h"
#include "http/log_format.h"
#include "http/log_path.h"
#include "http/module.h"

/* One access_log of a place. It has a buffer, a path, or a syslog server. */
struct access_log {
    struct log_buffer *buffer;
    struct log_path *path;
    struct log_file *syslog;
    const struct log_format *format;
    const struct http_text *condition;  /* if= ; NULL: none */
    struct conf_mark mark;
};

struct access_log_conf {
    VEC(struct log_format *) formats;   /* http level */
    struct logs {
        VEC(struct access_log) items;
        bool off;
    } logs;
    struct log_cache *cache;    /* open_log_file_cache; NULL: off */
};

extern const struct http_module access_log_module;

/* ---- formats ------------------------------------------------------------------------------- */

static struct log_format *
add_format(struct conf *conf, struct access_log_conf *ac)
{
    struct log_format *format = ARENA_NEW(conf->arena, struct log_format), **place;

    if (format == NULL || (place = VEC_ADD(conf->arena, &ac->formats)) == NULL) {
        conf_no_memory(conf);
        return NULL;
    }
    *place = format;
    return format;
}

static struct log_format *
find_format(const struct access_log_conf *ac, struct str name, bool is_own)
{
    for (uint32_t i = 0; i < ac->formats.len; i++)
        if (ac->formats.items[i]->is_own == is_own && str_eq(ac->formats.items[i]->name, name))
            return ac->formats.items[i];
    return NULL;
}

/* "combined" is ours; a "json" of the conf file's takes the place of our own from there on. */
static bool
parse_log_format(struct conf *conf, const struct conf_node *node, void *field)
{
    struct access_log_conf *ac = CONTAINER_OF(field, struct access_log_conf, formats);
    const struct conf_word *name = &node->words[1];
    struct log_format *format;

    if (str_eq(name->text, STR("combined")) || find_format(ac, name->text, false) != NULL)
        return conf_error(conf, name, "duplicate \"log_format\" name \"%.*s\"",
                          STR_ARG(name->text));
    format = add_format(conf, ac);
    return format != NULL && log_format_read(conf, node, format);
}

/* The formats stand at http level, which is not inherited from before a level is read whole. */
static struct log_format *
find_outwards(struct conf *conf, struct str name, bool is_own)
{
    for (const struct conf_scope *s = conf->scope; s != NULL; s = s->parent) {
        const struct access_log_conf *at = http_settings_of(conf, s, &access_log_module);
        struct log_format *format = at != NULL ? find_format(at, name, is_own) : NULL;

        if (format != NULL)
            return format;
    }
    return NULL;
}

static const struct log_format *
own_format(struct conf *conf, const struct conf_word *word, struct str name)
{
    struct access_log_conf *ac = http_settings_of(conf, conf->scope, &access_log_module);
    struct log_format made, *format;

    if (!log_format_make_own(conf, name, &made)) {
        conf_error(conf, word, "unknown log format \"%.*s\"", STR_ARG(name));
        conf_hint(conf, "combined, json, or the name of a log_format that stands before this");
        return NULL;
    }
    if ((format = add_format(conf, ac)) != NULL)
        *format = made;
    return format;
}

/* word: NULL where no format is named. */
static const struct log_format *
format_for(struct conf *conf, const struct conf_word *word)
{
    struct str name = word != NULL ? word->text : STR("combined");
    const struct log_format *format = find_outwards(conf, name, false);

    if (format == NULL)
        format = find_outwards(conf, name, true);
    return format != NULL ? format : own_format(conf, word, name);
}

/* ---- the parameters ------------------------------------------------------------------------ */

enum {
    BUFFER_MAX = 64 << 20,
    GZIP_BUFFER = 65536,        /* where gzip is said and no size */
    GZIP_FASTEST = 1
};

/* What stands behind the format. */
struct options {
    struct log_buffering how;
    struct rotation_words rotation;
    const struct http_text *condition;
};

static bool
parse_buffer(struct conf *conf, const struct conf_word *word, struct options *options)
{
    struct str text = str_from(word->text, sizeof("buffer=") - 1);
    uint64_t n;

    if (!size_parse(text, &n) || n == 0 || n > BUFFER_MAX) {
        conf_error(conf, word, "invalid buffer size \"%.*s\"", STR_ARG(text));
        conf_hint(conf, "bytes, as in buffer=32k; 64m at most");
        return false;
    }
    options->how.size = (size_t)n;
    return true;
}

static bool
parse_flush(struct conf *conf, const struct conf_word *word, struct options *options)
{
    struct str text = str_from(word->text, sizeof("flush=") - 1);

    if (ms_parse(text, &options->how.flush_ms) && options->how.flush_ms > 0)
        return true;
    conf_error(conf, word, "invalid flush time \"%.*s\"", STR_ARG(text));
    conf_hint(conf, "a time, as in flush=5s");
    return false;
}

static bool
parse_gzip(struct conf *conf, const struct conf_word *word, struct options *options)
{
    struct str text = str_from(word->text, sizeof("gzip=") - 1);
    uint64_t level = GZIP_FASTEST;

    if (word->text.len > 4 && (!str_to_uint(text, 9, &level) || level < 1)) {
        conf_error(conf, word, "invalid compression level \"%.*s\"", STR_ARG(text));
        conf_hint(conf, "from 1, fastest, to 9, smallest");
        return false;
    }
    options->how.gzip = (int)level;
    if (options->how.size == 0)
        options->how.size = GZIP_BUFFER;
    return true;
}

static bool
parse_condition(struct conf *conf, const struct conf_word *word, struct options *options)
{
    struct http_text *text = ARENA_NEW(conf->arena, struct http_text);

    options->condition = text;
    if (text == NULL)
        return conf_no_memory(conf);
    return http_text_compile(conf, word, arena_str(conf->arena, str_from(word->text, 3)), text);
}

static bool
parse_option(struct conf *conf, const struct conf_word *word, struct options *options)
{
    if (str_starts(word->text, STR("buffer=")))
        return parse_buffer(conf, word, options);
    if (str_starts(word->text, STR("flush=")))
        return parse_flush(conf, word, options);
    if (str_eq(word->text, STR("gzip")) || str_starts(word->text, STR("gzip=")))
        return parse_gzip(conf, word, options);
    if (str_starts(word->text, STR("if=")))
        return parse_condition(conf, word, options);
    if (is_rotation_word(word))
        return parse_rotation_word(conf, word, &options->rotation);
    conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
    conf_hint(conf, "known: buffer=SIZE, flush=TIME, gzip[=LEVEL], if=CONDITION, rotate=WHEN, "
              "keep=NUMBER");
    return false;
}

/* ---- where it goes ------------------------------------------------------------------------- */

static bool
is_same(const struct log_buffering *a, const struct log_buffering *b)
{
    return a->size == b->size && a->flush_ms == b->flush_ms && a->gzip == b->gzip;
}

/* A file has one buffer, wherever it is named: what is said of it is said once, or alike. */
static bool
use_file(struct conf *conf, const struct conf_word *word, const struct log_buffering *how,
         struct access_log *log)
{
    const struct http_setup *setup = conf->owner;
    struct http *http = http_of(conf);
    struct log_file *file = log_target(conf, word, setup->log_files);

    if (file == NULL)
        return false;
    if (word->pos.file == NULL && file->named == 1 && file->kind == LOG_FILE)
        file->kind = LOG_UNUSED;
    log->buffer = file->buffer;
    if (log->buffer == NULL)
        log->buffer = file->buffer = log_buffer_add(&http->log_buffers, conf->arena, file);
    if (log->buffer == NULL)
        return conf_no_memory(conf);
    if (how->size == 0)
        return true;
    if (log->buffer->how.size != 0 && !is_same(&log->buffer->how, how)) {
        conf_error(conf, word, "access_log \"%.*s\" already defined with conflicting parameters",
                   STR_ARG(file->path));
        conf_hint(conf, "buffer=, flush= and gzip are the file's: write them once, or alike");
        return false;
    }
    log->buffer->how = *how;
    return true;
}

static bool
use_path(struct conf *conf, const struct conf_word *word, const struct log_buffering *how,
         struct access_log *log)
{
    if (how->size > 0)
        return conf_error(conf, word, "buffered logs cannot have variables in name");
    log->path = ARENA_NEW(conf->arena, struct log_path);
    return log->path != NULL ? log_path_read(conf, word, log->path) : conf_no_memory(conf);
}

static bool
use_syslog(struct conf *conf, const struct conf_word *word, const struct log_buffering *how,
           struct access_log *log)
{
    const struct http_setup *setup = conf->owner;

    if (how->size > 0)
        return conf_error(conf, word, "logs to syslog cannot be buffered");
    log->syslog = log_target(conf, word, setup->log_files);
    return log->syslog != NULL;
}

static bool
use_target(struct conf *conf, const struct conf_word *word, const struct log_buffering *how,
           struct access_log *log)
{
    if (how->flush_ms > 0 && how->size == 0) {
        conf_error(conf, word, "no buffer is defined for access_log \"%.*s\"",
                   STR_ARG(word->text));
        conf_hint(conf, "flush= goes with buffer= or gzip");
        return false;
    }
    if (str_starts(word->text, STR("syslog:")))
        return use_syslog(conf, word, how, log);
    if (str_find(word->text, '$', 0) >= 0)
        return use_path(conf, word, how, log);
    return use_file(conf, word, how, log);
}

/* NULL: its name holds variables. */
static struct log_file *
file_behind(const struct access_log *log)
{
    return log->buffer != NULL ? log->buffer->file : log->syslog;
}

static bool
parse_off(struct conf *conf, const struct conf_node *node, struct logs *logs)
{
    if (node->count > 2)
        return conf_error(conf, &node->words[2], "invalid parameter \"%.*s\"",
                          STR_ARG(node->words[2].text));
    logs->off = true;
    return true;
}

static bool
parse_access_log(struct conf *conf, const struct conf_node *node, void *field)
{
    struct logs *logs = field;
    struct options options = { 0 };
    struct access_log log = { 0 }, *place;
    bool has_format = node->count > 2 && str_find(node->words[2].text, '=', 0) < 0;

    if (str_eq(node->words[1].text, STR("off")))
        return parse_off(conf, node, logs);
    log.format = format_for(conf, has_format ? &node->words[2] : NULL);
    if (log.format == NULL)
        return false;
    for (uint32_t i = 2 + has_format; i < node->count; i++)
        if (!parse_option(conf, &node->words[i], &options))
            return false;
    log.condition = options.condition;
    log.mark = conf_mark_of(conf, &node->words[0]);
    if (!use_target(conf, &node->words[1], &options.how, &log)
        || !rotation_apply(conf, &options.rotation, file_behind(&log)))
        return false;
    if ((place = VEC_ADD(conf->arena, &logs->items)) == NULL)
        return conf_no_memory(conf);
    *place = log;
    return true;
}

/* ---- open_log_file_cache ------------------------------------------------------------------- */

static bool
parse_cache_word(struct str text, struct log_cache *cache, bool *off)
{
    uint64_t n;

    if (str_eq(text, STR("off")))
        return *off = true;
    if (str_starts(text, STR("max=")) && str_to_uint(str_from(text, 4), UINT32_MAX, &n)) {
        cache->max = (uint32_t)n;
        return true;
    }
    if (str_starts(text, STR("min_uses=")) && str_to_uint(str_from(text, 9), UINT32_MAX, &n)) {
        cache->min_uses = (uint32_t)n;
        return true;
    }
    if (str_starts(text, STR("inactive=")))
        return ms_parse(str_from(text, 9), &cache->inactive_ms);
    return str_starts(text, STR("valid=")) && ms_parse(str_from(text, 6), &cache->valid_ms);
}

static bool
parse_cache(struct conf *conf, const struct conf_node *node, void *field)
{
    struct log_cache *cache = ARENA_NEW(conf->arena, struct log_cache), **place = field;
    bool off = false;

    if (cache == NULL)
        return conf_no_memory(conf);
    *cache = (struct log_cache){ .inactive_ms = 10000, .valid_ms = 60000, .min_uses = 1 };
    log_cache_init(cache);
    for (uint32_t i = 1; i < node->count; i++)
        if (!parse_cache_word(node->words[i].text, cache, &off)) {
            conf_error(conf, &node->words[i], "invalid \"open_log_file_cache\" parameter \"%.*s\"",
                       STR_ARG(node->words[i].text));
            conf_hint(conf, "known: max=NUMBER, inactive=TIME, min_uses=NUMBER, valid=TIME; or off");
            return false;
        }
    if (off)
        return true;
    if (cache->max == 0)
        return conf_error(conf, &node->words[0],
                          "\"open_log_file_cache\" must have \"max\" parameter");
    list_push(&http_of(conf)->log_caches, &cache->link);
    *place = cache;
    return true;
}

/* ---- a line -------------------------------------------------------------------------------- */

/* Straight into the buffer. False: it does not fit into what is left. */
static bool
write_line(struct http_request *req, const struct access_log *log, size_t room)
{
    struct log_buffer *buffer = log->buffer;
    char *p = log_buffer_room(buffer, room);
    struct writer w;

    if (p == NULL)
        return false;
    w = writer_at(p, buffer->cap - buffer->len);
    log_format_write(&w, req, log->format);
    if (w.ok)
        log_buffer_added(buffer, (size_t)(w.p - w.start));
    return w.ok;
}

/* However long: no client may keep its request out of the log by making it large. */
static bool
write_long_line(struct http_request *req, const struct access_log *log)
{
    struct writer w = writer_in(req->arena);

    log_format_write(&w, req, log->format);
    if (w.ok)
        log_buffer_through(log->buffer, writer_str(&w));
    return w.ok;
}

/* Where there is no buffer. */
static COLD void
write_unbuffered(struct http_request *req, const struct access_log_conf *ac,
                 const struct access_log *log)
{
    struct writer w = writer_in(req->arena);

    log_format_write(&w, req, log->format);
    if (!w.ok)
        stats->log_lines_lost++;
    else if (log->path != NULL)
        log_path_write(req, log->path, ac->cache, writer_str(&w));
    else
        log_file_write(log->syslog, writer_str(&w));
}

static bool
is_meant(struct http_request *req, const struct http_text *condition)
{
    return http_value_is_true(http_text_eval(req, condition));
}

/* weir explain: what the line would be, and where it would stand. */
static COLD void
tell_line(struct http_request *req, const struct access_log *log, bool is_logged)
{
    struct http_log_line line = { .where = &log->mark };
    struct writer w = writer_in(req->arena);

    if (log->path != NULL)
        line.file = http_text_eval(req, &log->path->text);
    else
        line.file = log->buffer != NULL ? log->buffer->file->path : log->syslog->path;
    if (is_logged) {
        log_format_write(&w, req, log->format);
        line.text = writer_str(&w);
    }
    req->trace->logged(req->trace->ctx, &line);
}

static void
access_log_log(struct http_request *req, const void *slot)
{
    const struct access_log_conf *ac = slot;

    if (UNLIKELY(req->parent != NULL) && !http_settings_for(req)->log_subrequest)
        return;
    for (uint32_t i = 0; i < ac->logs.items.len; i++) {
        const struct access_log *log = &ac->logs.items.items[i];

        bool is_logged = LIKELY(log->condition == NULL) || is_meant(req, log->condition);

        if (http_is_explained(req))
            tell_line(req, log, is_logged);
        else if (!is_logged)
            continue;
        else if (UNLIKELY(log->buffer == NULL))
            write_unbuffered(req, ac, log);
        else if (!write_line(req, log, 512) && !write_line(req, log, log->buffer->cap)
                 && !write_long_line(req, log))
            stats->log_lines_lost++;
    }
}

/* Asked for each place: what it logs to is used, if it is but the default. */
static bool
access_log_wanted(const void *slot)
{
    const struct access_log_conf *ac = slot;

    for (uint32_t i = 0; i < ac->logs.items.len && !ac->logs.off; i++) {
        const struct log_buffer *buffer = ac->logs.items.items[i].buffer;

        if (buffer != NULL && buffer->file->kind == LOG_UNUSED)
            buffer->file->kind = LOG_FILE;
    }
    return !ac->logs.off && ac->logs.items.len > 0;
}

/* Files are opened by the master, but for those whose names hold variables. */
static bool
access_log_grants(struct conf *conf, const struct location_settings *settings, const void *slot)
{
    const struct access_log_conf *ac = slot;

    (void)settings;
    for (uint32_t i = 0; !ac->logs.off && i < ac->logs.items.len; i++) {
        const struct log_path *path = ac->logs.items.items[i].path;

        if (path != NULL && !http_grant_text(conf, &path->text, HTTP_LOGS))
            return false;
    }
    return true;
}

enum { IN_LOG_PLACES = IN_HTTP_ALL | IN_LOCATION_IF | IN_LIMIT_EXCEPT };

static const struct directive access_log_directives[] = {
    { "log_format", .where = IN_HTTP, .args = {2, ARGS_ANY}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_log_format, FIELD(struct access_log_conf, formats) },
    { "access_log", .where = IN_LOG_PLACES, .args = {1, ARGS_ANY}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_access_log, FIELD(struct access_log_conf, logs),
      .initial = WEIR_HTTP_LOG_PATH " combined" },
    { "open_log_file_cache", .where = IN_HTTP_ALL, .args = {1, 4}, .parse = parse_cache,
      FIELD(struct access_log_conf, cache), .initial = "off" },
    { 0 }
};

const struct http_module access_log_module = {
    .name = "access_log",
    .directives = access_log_directives,
    .conf_size = sizeof(struct access_log_conf),
    .log = access_log_log,
    .wanted = access_log_wanted,
    .grants = access_log_grants,
};
