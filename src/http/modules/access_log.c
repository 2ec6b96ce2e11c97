/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access_log: a line for each request, in a format of log_format's: "access_log logs/access.log
 * combined;"
 */
#include "base/clock.h"
#include "base/counters.h"
#include "config.h"
#include "http/engine.h"
#include "http/http.h"
#include "http/module.h"

enum log_escape { ESCAPE_DEFAULT, ESCAPE_JSON, ESCAPE_NONE };

struct log_format {
    struct str name;
    enum log_escape escape;
    struct http_text text;
};

/* One access_log of a place. */
struct access_log {
    struct log_buffer *buffer;
    const struct log_format *format;
};

struct access_log_conf {
    VEC(struct log_format *) formats;   /* http level; the first is combined */
    struct logs {
        VEC(struct access_log) items;
        bool off;
    } logs;
};

extern const struct http_module access_log_module;

/* ---- formats ------------------------------------------------------------------------------- */

static const struct str combined = STR_INIT(
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
    "\"$http_referer\" \"$http_user_agent\"");

static struct log_format *
add_format(struct conf *conf, struct access_log_conf *ac, struct str name)
{
    struct log_format *format = ARENA_NEW(conf->arena, struct log_format), **place;

    if (format == NULL || (place = VEC_ADD(conf->arena, &ac->formats)) == NULL) {
        conf_no_memory(conf);
        return NULL;
    }
    format->name = arena_str(conf->arena, name);
    *place = format;
    return format;
}

static struct log_format *
find_format(const struct access_log_conf *ac, struct str name)
{
    for (uint32_t i = 0; i < ac->formats.len; i++)
        if (str_eq(ac->formats.items[i]->name, name))
            return ac->formats.items[i];
    return NULL;
}

static bool
parse_escape(struct conf *conf, const struct conf_word *word, enum log_escape *escape)
{
    struct str value = str_from(word->text, sizeof("escape=") - 1);

    if (str_eq(value, STR("default")))
        *escape = ESCAPE_DEFAULT;
    else if (str_eq(value, STR("json")))
        *escape = ESCAPE_JSON;
    else if (str_eq(value, STR("none")))
        *escape = ESCAPE_NONE;
    else {
        conf_error(conf, word, "unknown log format escaping \"%.*s\"", STR_ARG(value));
        conf_hint(conf, "one of default, json, none");
        return false;
    }
    return true;
}

static bool
parse_log_format(struct conf *conf, const struct conf_node *node, void *field)
{
    struct access_log_conf *ac = CONTAINER_OF(field, struct access_log_conf, formats);
    const struct conf_word *name = &node->words[1];
    struct log_format *format;
    struct writer w = writer_in(conf->arena);
    uint32_t i = 2;

    if (str_eq(name->text, STR("combined")) || find_format(ac, name->text) != NULL)
        return conf_error(conf, name, "duplicate \"log_format\" name \"%.*s\"",
                          STR_ARG(name->text));
    if ((format = add_format(conf, ac, name->text)) == NULL)
        return false;
    if (str_starts(node->words[i].text, STR("escape="))
        && !parse_escape(conf, &node->words[i++], &format->escape))
        return false;
    for (; i < node->count; i++)
        write_str(&w, node->words[i].text);
    return http_text_compile(conf, &node->words[node->count - 1], writer_str(&w), &format->text);
}

/* ---- access_log ---------------------------------------------------------------------------- */

static struct log_buffer *
buffer_for(struct conf *conf, struct log_file *file)
{
    struct http *http = http_of(conf);
    struct log_buffer *b;

    for (struct link *l = http->log_buffers.head.next; l != &http->log_buffers.head; l = l->next) {
        b = CONTAINER_OF(l, struct log_buffer, link);
        if (b->file == file)
            return b;
    }
    if ((b = ARENA_NEW(conf->arena, struct log_buffer)) == NULL)
        return NULL;
    b->file = file;
    link_init(&b->link);
    list_push(&http->log_buffers.head, &b->link);
    return b;
}

static bool
parse_option(struct conf *conf, const struct conf_word *word, struct log_buffer *buffer)
{
    uint64_t n;

    if (str_starts(word->text, STR("buffer="))) {
        if (!word_size(conf, word, str_from(word->text, 7), &n))
            return false;
        if (n == 0 || n > 64 << 20)
            return conf_error(conf, word, "invalid buffer size \"%.*s\"", STR_ARG(word->text));
        buffer->size = (size_t)n;
        return true;
    }
    if (str_starts(word->text, STR("flush="))) {
        if (!word_ms(conf, word, str_from(word->text, 6), &buffer->flush_ms))
            return false;
        if (buffer->flush_ms == 0)
            return conf_error(conf, word, "invalid flush time \"%.*s\"", STR_ARG(word->text));
        return true;
    }
    conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
    conf_hint(conf, "known: buffer=SIZE, flush=TIME");
    return false;
}

static const struct log_format *
format_for(struct conf *conf, const struct conf_word *word)
{
    struct str name = word != NULL ? word->text : STR("combined");
    struct access_log_conf *ac = http_settings_of(conf, conf->scope, &access_log_module);
    struct log_format *format;

    /* The formats stand at http level, which is not inherited from before a level is read whole. */
    for (const struct conf_scope *s = conf->scope; s != NULL; s = s->parent) {
        const struct access_log_conf *at = http_settings_of(conf, s, &access_log_module);

        if (at != NULL && (format = find_format(at, name)) != NULL)
            return format;
    }
    if (word != NULL && !str_eq(word->text, STR("combined"))) {
        conf_error(conf, word, "unknown log format \"%.*s\"", STR_ARG(word->text));
        return NULL;
    }
    if ((format = add_format(conf, ac, name)) == NULL
        || !http_text_compile(conf, word, combined, &format->text))
        return NULL;
    return format;
}

static bool
parse_access_log(struct conf *conf, const struct conf_node *node, void *field)
{
    struct logs *logs = field;
    const struct http_setup *setup = conf->owner;
    const struct conf_word *word = &node->words[1];
    struct access_log *log;
    struct log_file *file;
    struct str path = word->text;
    uint32_t options = 2;
    bool has_format = node->count > 2 && str_find(node->words[2].text, '=', 0) < 0;

    if (str_eq(path, STR("off"))) {
        if (node->count > 2)
            return conf_error(conf, &node->words[2], "invalid parameter \"%.*s\"",
                              STR_ARG(node->words[2].text));
        logs->off = true;
        return true;
    }
    if (str_starts(path, STR("syslog:")) || str_find(path, '$', 0) >= 0) {
        conf_error(conf, word, "\"%.*s\" is not supported", STR_ARG(path));
        conf_hint(conf, "weir writes access logs to a file or to stderr, without variables in its "
                  "name, for now");
        return false;
    }
    if (!str_eq(path, STR("stderr")) && !str_is_set(path = conf_path_by_prefix(conf, path)))
        return conf_no_memory(conf);
    if ((file = log_file_add(setup->log_files, path)) == NULL
        || (log = VEC_ADD(conf->arena, &logs->items)) == NULL
        || (log->buffer = buffer_for(conf, file)) == NULL)
        return conf_no_memory(conf);
    log->format = format_for(conf, has_format ? &node->words[options++] : NULL);
    if (log->format == NULL)
        return false;
    for (; options < node->count; options++)
        if (!parse_option(conf, &node->words[options], log->buffer))
            return false;
    return true;
}

/* ---- a line -------------------------------------------------------------------------------- */

static void
write_value(struct writer *w, struct str value, enum log_escape escape)
{
    switch (escape) {
    case ESCAPE_DEFAULT:
        if (value.len == 0)
            write_char(w, '-');
        else
            write_log_escaped(w, value);
        return;
    case ESCAPE_JSON:
        write_json(w, value);
        return;
    case ESCAPE_NONE:
        write_str(w, value);
        return;
    }
}

static void
write_pieces(struct writer *w, struct http_request *req, const struct log_format *format)
{
    for (uint32_t i = 0; i < format->text.len; i++) {
        const struct http_piece *piece = &format->text.pieces[i];

        if (piece->var == NULL)
            write_str(w, piece->literal);
        else
            write_value(w, http_variable_value(req, piece->var), format->escape);
    }
    write_char(w, '\n');
}

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
    write_pieces(&w, req, log->format);
    if (w.ok)
        log_buffer_added(buffer, (size_t)(w.p - w.start));
    return w.ok;
}

/* However long: no client may keep its request out of the log by making it large. */
static bool
write_long_line(struct http_request *req, const struct access_log *log)
{
    struct writer w = writer_in(req->arena);

    write_pieces(&w, req, log->format);
    if (w.ok)
        log_buffer_through(log->buffer, writer_str(&w));
    return w.ok;
}

static void
access_log_log(struct http_request *req, const void *slot)
{
    const struct access_log_conf *ac = slot;

    for (uint32_t i = 0; i < ac->logs.items.len; i++) {
        const struct access_log *log = &ac->logs.items.items[i];

        if (!write_line(req, log, 512) && !write_line(req, log, log->buffer->cap)
            && !write_long_line(req, log))
            stats->log_lines_lost++;
    }
}

static bool
access_log_wanted(const void *slot)
{
    const struct access_log_conf *ac = slot;

    return !ac->logs.off && ac->logs.items.len > 0;
}

static const struct directive access_log_directives[] = {
    { "log_format", .where = IN_HTTP, .args = {2, ARGS_ANY}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_log_format, FIELD(struct access_log_conf, formats) },
    { "access_log", .where = IN_HTTP_ALL, .args = {1, ARGS_ANY}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_access_log, FIELD(struct access_log_conf, logs),
      .initial = WEIR_HTTP_LOG_PATH " combined" },
    { "open_log_file_cache", .where = IN_HTTP_ALL, .args = {1, ARGS_ANY}, .parse = parse_ignored },
    { 0 }
};

const struct http_module access_log_module = {
    .name = "access_log",
    .directives = access_log_directives,
    .conf_size = sizeof(struct access_log_conf),
    .log = access_log_log,
    .wanted = access_log_wanted,
};
