/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core: the tables of the directives of http, server and location that belong to no module, and
 * their values. What the blocks themselves become stands in server.c.
 */
#include "base/arena.h"
#include "base/map.h"
#include "conf/log_output.h"
#include "http/grants.h"
#include "http/http.h"
#include "http/open_path.h"
#include "http/path.h"
#include "http/request_body.h"
#include "http/settings.h"

#include "config.h"

/* ---- values with a shape of their own ------------------------------------------------------ */

bool
parse_buffers(struct conf *conf, const struct conf_node *node, void *field)
{
    struct buffers *b = field;
    uint64_t count;

    if (!word_uint(conf, &node->words[1], node->words[1].text, 1024, &count)
        || !word_size(conf, &node->words[2], node->words[2].text, &b->size))
        return false;
    if (count == 0)
        return conf_error(conf, &node->words[1], "invalid number of buffers \"%.*s\"",
                          STR_ARG(node->words[1].text));
    if (b->size < 64 || b->size > 16 << 20)
        return conf_error(conf, &node->words[2], "invalid buffer size \"%.*s\", it must be from 64 "
                          "to 16m", STR_ARG(node->words[2].text));
    b->count = (uint32_t)count;
    return true;
}

static bool
parse_header_buffer(struct conf *conf, const struct conf_node *node, void *field)
{
    uint64_t *size = field;

    if (!word_size(conf, &node->words[1], node->words[1].text, size))
        return false;
    if (*size < 64 || *size > 16 << 20)
        return conf_error(conf, &node->words[1], "invalid buffer size \"%.*s\", it must be from 64 "
                          "to 16m", STR_ARG(node->words[1].text));
    return true;
}

static bool
parse_keepalive_timeout(struct conf *conf, const struct conf_node *node, void *field)
{
    struct two_ms *t = field;

    if (!word_ms(conf, &node->words[1], node->words[1].text, &t->ms))
        return false;
    t->header_ms = 0;
    if (node->count == 3
        && !word_ms(conf, &node->words[2], node->words[2].text, &t->header_ms))
        return false;
    return true;
}

static bool
parse_min_rate(struct conf *conf, const struct conf_node *node, void *field)
{
    struct min_rate *rate = field;
    const struct conf_word *bytes = &node->words[1], *after = &node->words[2];

    *rate = (struct min_rate){ .after_ms = 5000 };
    if (!str_eq(bytes->text, STR("off")) && !size_parse(bytes->text, &rate->bytes)) {
        conf_error(conf, bytes, "invalid value \"%.*s\" in \"client_min_rate\" directive",
                   STR_ARG(bytes->text));
        conf_hint(conf, "bytes a second, such as 500 or 1k, or off");
        return false;
    }
    if (node->count == 2)
        return true;
    if (!str_starts(after->text, STR("after="))) {
        conf_error(conf, after, "invalid parameter \"%.*s\"", STR_ARG(after->text));
        conf_hint(conf, "after=TIME, such as after=5s");
        return false;
    }
    if (!word_ms(conf, after, str_from(after->text, 6), &rate->after_ms))
        return false;
    return rate->after_ms > 0
           || conf_error(conf, after, "\"%.*s\" must be more than 0", STR_ARG(after->text));
}

static bool
parse_keepalive_disable(struct conf *conf, const struct conf_node *node, void *field)
{
    static const struct { struct str name; uint32_t bit; } browsers[] = {
        { STR_INIT("none"), 0 }, { STR_INIT("msie6"), 1 }, { STR_INIT("safari"), 2 },
    };
    uint32_t *bits = field;

    *bits = 0;
    for (uint32_t i = 1; i < node->count; i++) {
        size_t k = 0;

        while (k < ARRAY_LEN(browsers) && !str_eq(node->words[i].text, browsers[k].name))
            k++;
        if (k == ARRAY_LEN(browsers)) {
            conf_error(conf, &node->words[i], "invalid value \"%.*s\"",
                       STR_ARG(node->words[i].text));
            conf_hint(conf, "one of none, msie6, safari");
            return false;
        }
        *bits |= browsers[k].bit;
    }
    return true;
}

/* Accepted for compatibility, without effect; what is written must still make sense. */
static bool
parse_ignored_flag(struct conf *conf, const struct conf_node *node, void *field)
{
    bool ignored;

    (void)field;
    return word_flag(conf, &node->words[1], &ignored);
}

static bool
parse_ignored_size(struct conf *conf, const struct conf_node *node, void *field)
{
    uint64_t ignored;

    (void)field;
    return word_size(conf, &node->words[1], node->words[1].text, &ignored);
}

/* The size from which files are read past the page cache. */
static bool
parse_directio(struct conf *conf, const struct conf_node *node, void *field)
{
    uint64_t *bytes = field;

    if (str_eq(node->words[1].text, STR("off"))) {
        *bytes = UINT64_MAX;
        return true;
    }
    return parse_size(conf, node, field);
}

/* A power of two: memory is aligned to it, too. */
static bool
parse_directio_alignment(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct conf_word *word = &node->words[1];
    uint64_t *bytes = field;

    if (!word_size(conf, word, word->text, bytes))
        return false;
    if (*bytes >= 512 && *bytes <= 1 << 20 && (*bytes & (*bytes - 1)) == 0)
        return true;
    conf_error(conf, word, "invalid value \"%.*s\" in \"directio_alignment\" directive",
               STR_ARG(word->text));
    conf_hint(conf, "a power of two from 512 to 1m");
    return false;
}

/* They would ask for the root to make the root. */
static bool
is_made_of_root(const char *variable)
{
    return strcmp(variable, "document_root") == 0 || strcmp(variable, "realpath_root") == 0
           || strcmp(variable, "request_filename") == 0;
}

/* A timeout of nothing would either refuse everybody or never end. */
static bool
parse_timeout(struct conf *conf, const struct conf_node *node, void *field)
{
    if (!parse_ms(conf, node, field))
        return false;
    if (*(const uint64_t *)field == 0)
        return conf_error(conf, &node->words[1], "\"%.*s\" must be more than 0",
                          STR_ARG(node->words[0].text));
    return true;
}

/* It stands for the location's prefix, or, where that is an expression, for the whole path. */
static bool
set_alias(struct conf *conf, const struct conf_word *word, struct root *root)
{
    const struct http_location *place = http_of(conf)->reading_place;

    if (place->kind == LOCATION_NAMED) {
        conf_error(conf, word, "the \"alias\" directive cannot be used inside the named location");
        conf_hint(conf, "use \"root\"");
        return false;
    }
    root->is_whole = place->kind == LOCATION_REGEX;
    root->prefix = place->name;
    return true;
}

/* Bytes before the first name that a variable makes. */
static size_t
len_of_trusted(const struct http_text *text)
{
    struct str fixed = text->len > 0 && text->pieces[0].var == NULL ? text->pieces[0].literal
                                                                    : STR_NONE;

    while (fixed.len > 0 && fixed.p[fixed.len - 1] != '/')
        fixed.len--;
    return fixed.len;
}

/* root and alias: a path that may hold variables, relative to the prefix. */
static bool
parse_root(struct conf *conf, const struct conf_node *node, void *field)
{
    struct root *root = field;
    const struct conf_word *word = &node->words[1];
    struct str path = word->text;
    size_t before;

    root->mark = conf_mark_of(conf, word);
    root->is_alias = str_eq(node->words[0].text, STR("alias"));
    if (root->is_alias && !set_alias(conf, &node->words[0], root))
        return false;
    if (path.len == 0)
        return conf_error(conf, word, "empty path in \"%.*s\" directive",
                          STR_ARG(node->words[0].text));
    path = path.p[0] == '$' && !conf_is_text(conf, word, path, 0)
               ? arena_str(conf->arena, path) : conf_path_by_prefix(conf, path);
    if (!str_is_set(path))
        return false;
    before = path.len > word->text.len ? path.len - word->text.len : 0;
    while (!root->is_alias && path.len > before && path.p[path.len - 1] == '/')
        path.len--;
    if (!http_text_compile_after(conf, word, before, path, &root->path))
        return false;
    for (uint32_t i = 0; i < root->path.len; i++)
        if (root->path.pieces[i].var != NULL && is_made_of_root(root->path.pieces[i].var->name))
            return conf_error(conf, word, "the $%s variable cannot be used in the \"%s\" directive",
                              root->path.pieces[i].var->name, conf->directive->name);
    http_grant_check(conf, word, &root->path);
    root->trusted = len_of_trusted(&root->path);
    if (!http_root_is_safe(root, path)) {       /* as it would be in each request */
        conf_error(conf, word, "\".\" or \"..\" in a path with variables");
        conf_hint(conf, "write the folder that is meant");
        return false;
    }
    return true;
}

/* Any other text is what the server calls itself, so what is meant for one of these is told. */
static bool
parse_server_tokens(struct conf *conf, const struct conf_node *node, void *field)
{
    static const struct { struct str name; enum server_tokens tokens; } names[] = {
        { STR_INIT("off"), TOKENS_OFF }, { STR_INIT("on"), TOKENS_ON },
        { STR_INIT("build"), TOKENS_BUILD },
    };
    static const struct str mistakes[] = {
        STR_INIT("none"), STR_INIT("no"), STR_INIT("yes"), STR_INIT("false"), STR_INIT("true"),
        STR_INIT("0"), STR_INIT("1"),
    };
    const struct conf_word *word = &node->words[1];
    struct signature *s = field;
    bool is_mistake = false;

    *s = (struct signature){ .tokens = TOKENS_TEXT };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(word->text, names[i].name)) {
            s->tokens = names[i].tokens;
            return true;
        }
        is_mistake = is_mistake || str_ieq(word->text, names[i].name);
    }
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++)
        is_mistake = is_mistake || str_ieq(word->text, mistakes[i]);
    for (size_t i = 0; i < word->text.len; i++)
        is_mistake = is_mistake || (unsigned char)word->text.p[i] < ' ' || word->text.p[i] == 0x7f;
    if (is_mistake) {
        conf_error(conf, word, "invalid value \"%.*s\" in \"server_tokens\" directive",
                   STR_ARG(word->text));
        conf_hint(conf, "off, on or build, a text for the field \"Server\", or \"\" for no such field");
        return false;
    }
    if (!http_text_of_word(conf, word, &s->text))
        return false;
    return !http_text_is_literal(&s->text) || word->text.len <= SIGNATURE_MAX
           || conf_error(conf, word, "the text of \"server_tokens\" has %zu bytes, it must be at most "
                         "%d", word->text.len, SIGNATURE_MAX);
}

static bool
parse_open_file_cache(struct conf *conf, const struct conf_node *node, void *field)
{
    struct open_file_settings *o = field;
    bool has_max = false;

    *o = (struct open_file_settings){ .enabled = true, .inactive_ms = 60000 };
    for (uint32_t i = 1; i < node->count; i++) {
        const struct conf_word *w = &node->words[i];
        uint64_t n;

        if (str_eq(w->text, STR("off")) && node->count == 2) {
            o->enabled = false;
            return true;
        }
        if (str_starts(w->text, STR("max="))) {
            if (!word_uint(conf, w, str_from(w->text, 4), 10000000, &n))
                return false;
            if (n == 0)
                return conf_error(conf, w, "invalid \"open_file_cache\" parameter \"%.*s\"",
                                  STR_ARG(w->text));
            o->max = (uint32_t)n;
            has_max = true;
        } else if (str_starts(w->text, STR("inactive="))) {
            if (!word_ms(conf, w, str_from(w->text, 9), &o->inactive_ms))
                return false;
        } else {
            conf_error(conf, w, "invalid \"open_file_cache\" parameter \"%.*s\"", STR_ARG(w->text));
            conf_hint(conf, "off, or max=N [inactive=TIME]");
            return false;
        }
    }
    if (!has_max)
        return conf_error(conf, &node->words[0],
                          "\"open_file_cache\" must have the \"max\" parameter");
    return true;
}

static bool
parse_max_ranges(struct conf *conf, const struct conf_node *node, void *field)
{
    uint64_t n;

    if (str_eq(node->words[1].text, STR("unlimited"))) {
        *(uint32_t *)field = UINT32_MAX;
        return true;
    }
    if (!word_uint(conf, &node->words[1], node->words[1].text, INT32_MAX, &n))
        return false;
    *(uint32_t *)field = (uint32_t)n;
    return true;
}

static bool
parse_disable_symlinks(struct conf *conf, const struct conf_node *node, void *field)
{
    static const struct { struct str name; enum symlinks mode; } modes[] = {
        { STR_INIT("off"), SYMLINKS_FOLLOW }, { STR_INIT("on"), SYMLINKS_REFUSE },
        { STR_INIT("if_not_owner"), SYMLINKS_OWN },
    };
    struct symlink_settings *s = field;
    const struct conf_word *mode = &node->words[1], *from = &node->words[node->count - 1];
    size_t i = 0;

    while (i < ARRAY_LEN(modes) && !str_eq(mode->text, modes[i].name))
        i++;
    if (i == ARRAY_LEN(modes)) {
        conf_error(conf, mode, "invalid parameter \"%.*s\"", STR_ARG(mode->text));
        conf_hint(conf, "off, on or if_not_owner, then from=FOLDER");
        return false;
    }
    s->mode = (int)modes[i].mode;
    if (node->count == 2)
        return true;
    if (s->mode == SYMLINKS_FOLLOW || !str_starts(from->text, STR("from=")))
        return conf_error(conf, from, "invalid parameter \"%.*s\"", STR_ARG(from->text));
    return http_text_compile(conf, from, arena_str(conf->arena, str_from(from->text, 5)),
                             &s->from);
}

/* ---- types --------------------------------------------------------------------------------- */

static bool
add_type(struct conf *conf, struct map *types, const struct conf_word *word,
         const struct http_text *type)
{
    char *lower = arena_bytes(conf->arena, word->text.len + 1);
    struct str key = { lower, word->text.len };
    const struct http_text *old;

    if (lower == NULL)
        return conf_no_memory(conf);
    for (size_t i = 0; i < key.len; i++)
        lower[i] = ascii_lower(word->text.p[i]);
    old = map_get(types, key);
    if (old != NULL && !str_eq(old->source, type->source))
        conf_warn(conf, word, "duplicate extension \"%.*s\", content type: \"%.*s\", previous "
                  "content type: \"%.*s\"", STR_ARG(key), STR_ARG(type->source),
                  STR_ARG(old->source));
    return map_set(types, key, (void *)type) || conf_no_memory(conf);
}

static bool
parse_type(struct conf *conf, const struct conf_word *word, struct http_text *type)
{
    for (size_t i = 0; i < word->text.len; i++)
        if ((unsigned char)word->text.p[i] < ' ' || word->text.p[i] == 0x7f)
            return conf_error(conf, word, "invalid content type");
    return http_text_of_word(conf, word, type);
}

/* A type and its extensions. */
static bool
parse_types_entry(struct conf *conf, const struct conf_node *node, struct map *types)
{
    struct http_text *type = ARENA_NEW(conf->arena, struct http_text);

    if (node->is_block || node->count < 2) {
        conf_error(conf, &node->words[0], "invalid number of arguments in \"types\" entry");
        conf_hint(conf, "a type and its extensions: text/html html htm;");
        return false;
    }
    if (type == NULL)
        return conf_no_memory(conf);
    if (node->words[0].text.len == 0)
        return conf_error(conf, &node->words[0], "invalid content type");
    if (!parse_type(conf, &node->words[0], type))
        return false;
    for (uint32_t i = 1; i < node->count; i++)
        if (!add_type(conf, types, &node->words[i], type))
            return false;
    return true;
}

static bool
parse_types(struct conf *conf, const struct conf_node *node, void *field)
{
    struct map **types = field;
    bool good = true;

    if (*types == NULL && (*types = map_create(conf->arena, false)) == NULL)
        return conf_no_memory(conf);
    for (const struct conf_node *n = node->children; n != NULL; n = n->next)
        good &= parse_types_entry(conf, n, *types);
    return good;
}

static bool
parse_default_type(struct conf *conf, const struct conf_node *node, void *field)
{
    return parse_type(conf, &node->words[1], field);
}

const struct http_text *
type_of(const struct location_settings *settings, struct str filename)
{
    char lower[32];
    size_t i = filename.len;
    const struct http_text *type;

    while (i > 0 && filename.p[i - 1] != '.' && filename.p[i - 1] != '/')
        i--;
    if (i == 0 || filename.p[i - 1] != '.' || filename.len - i > sizeof(lower))
        return &settings->default_type;
    for (size_t k = i; k < filename.len; k++)
        lower[k - i] = ascii_lower(filename.p[k]);
    type = map_get(settings->types, (struct str){ lower, filename.len - i });
    return type != NULL ? type : &settings->default_type;
}

/* ---- error_log ----------------------------------------------------------------------------- */

static bool
parse_error_log(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct http_setup *setup = conf->owner;

    return parse_log_output(conf, node, setup->log_files, field);
}

/* ---- levels -------------------------------------------------------------------------------- */

static bool
location_check(struct conf *conf, struct conf_scope *scope, void *settings)
{
    struct location_settings *s = settings;
    const struct http_setup *setup = conf->owner;

    (void)scope;
    if (s->types == NULL && (s->types = types_built_in(http_of(conf))) == NULL)
        return conf_no_memory(conf);
    if (s->error_log == NULL) {
        s->log = *setup->log;
        return true;
    }
    s->log = log_of_outputs(s->error_log);
    return true;
}

static bool
server_check(struct conf *conf, struct conf_scope *scope, void *settings)
{
    struct server_settings *s = settings;
    uint64_t large = s->large_client_header_buffers.size;
    uint64_t line = MAX(large, s->client_header_buffer_size);

    (void)conf;
    (void)scope;
    s->limits = (struct framing_limits){
        .request_line_max = (uint32_t)line,
        .field_max = (uint32_t)line,
        .head_max = (uint32_t)(s->client_header_buffer_size
                               + MIN(s->large_client_header_buffers.count * large, 1u << 30)),
        .fields_max = s->max_headers,
    };
    return true;
}

static const struct conf_enum ims_names[] = {
    { "off", IMS_OFF }, { "exact", IMS_EXACT }, { "before", IMS_BEFORE }, { NULL, 0 },
};
static const struct conf_enum version_names[] = { { "1.0", 10 }, { "1.1", 11 }, { NULL, 0 } };
static const struct conf_enum linger_names[] = {
    { "on", LINGER_ON }, { "off", LINGER_OFF }, { "always", LINGER_ALWAYS }, { NULL, 0 },
};
static const struct conf_enum satisfy_names[] = {
    { "all", SATISFY_ALL }, { "any", SATISFY_ANY }, { NULL, 0 },
};
static const struct conf_enum body_file_names[] = {
    { "off", BODY_FILES_OFF }, { "on", BODY_FILES_ON }, { "clean", BODY_FILES_CLEAN }, { NULL, 0 },
};
static const struct uint_range at_least_one = { 1, INT32_MAX };

/* Below that not even a small folder could be read. */
static bool
parse_folder_memory(struct conf *conf, const struct conf_node *node, void *field)
{
    enum { LEAST = 64 << 10 };

    if (!parse_size(conf, node, field))
        return false;
    return *(const uint64_t *)field >= LEAST
           || conf_error(conf, &node->words[1], "\"autoindex_memory\" must be at least 64k");
}

static const struct directive http_directives[] = {
    { "http", .where = IN_MAIN, .flags = DIRECTIVE_BLOCK, .parse = parse_http },
    { "server", .where = IN_HTTP, .flags = DIRECTIVE_BLOCK | DIRECTIVE_REPEAT,
      .parse = parse_server },
    { "autoindex_memory", .where = IN_HTTP, .args = {1, 1}, .parse = parse_folder_memory,
      FIELD(struct http_settings, folder_memory), .initial = "64m" },
    { "autoindex_threads", .where = IN_HTTP, .args = {1, 2}, .parse = parse_threads,
      FIELD(struct http_settings, folder_threads), .initial = "2 queue=256" },
    { "open_file_cache_body_memory", .where = IN_HTTP, .args = {1, 1}, .parse = parse_size,
      FIELD(struct http_settings, file_cache_body_bytes), .initial = "8m" },
    { "regex_match_limit", .where = IN_HTTP, .args = {1, 1}, .parse = parse_uint,
      FIELD(struct http_settings, regex_match_limit), .initial = "100000", .data = &at_least_one },
    { "server_names_hash_bucket_size", .where = IN_HTTP, .args = {1, 1}, .parse = parse_ignored },
    { "server_names_hash_max_size", .where = IN_HTTP, .args = {1, 1}, .parse = parse_ignored },
    { "variables_hash_bucket_size", .where = IN_HTTP, .args = {1, 1}, .parse = parse_ignored },
    { "variables_hash_max_size", .where = IN_HTTP, .args = {1, 1}, .parse = parse_ignored },
    { 0 }
};

#define IN_HS (IN_HTTP | IN_SERVER)
#define SERVER_FIELD(member)   FIELD(struct server_settings, member)

static const struct directive server_directives[] = {
    { "listen", .where = IN_SERVER, .args = {1, ARGS_ANY}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_listen },
    { "server_name", .where = IN_SERVER, .args = {1, ARGS_ANY}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_server_name },
    { "location", .where = IN_SERVER | IN_LOCATION, .args = {1, 2},
      .flags = DIRECTIVE_BLOCK | DIRECTIVE_REPEAT, .parse = parse_location },
    { "limit_except", .where = IN_LOCATION, .args = {1, ARGS_ANY}, .flags = DIRECTIVE_BLOCK,
      .parse = parse_limit_except },
    { "client_header_buffer_size", .where = IN_HS, .args = {1, 1}, .parse = parse_header_buffer,
      SERVER_FIELD(client_header_buffer_size), .initial = "1k" },
    { "large_client_header_buffers", .where = IN_HS, .args = {2, 2}, .parse = parse_buffers,
      SERVER_FIELD(large_client_header_buffers), .initial = "4 8k" },
    { "client_header_timeout", .where = IN_HS, .args = {1, 1}, .parse = parse_timeout,
      SERVER_FIELD(client_header_timeout_ms), .initial = "60s" },
    { "ignore_invalid_headers", .where = IN_HS, .args = {1, 1}, .parse = parse_flag,
      SERVER_FIELD(ignore_invalid_headers), .initial = "on" },
    { "underscores_in_headers", .where = IN_HS, .args = {1, 1}, .parse = parse_flag,
      SERVER_FIELD(underscores_in_headers), .initial = "off" },
    { "merge_slashes", .where = IN_HS, .args = {1, 1}, .parse = parse_flag,
      SERVER_FIELD(merge_slashes), .initial = "on" },
    { "max_subrequests", .where = IN_HS, .args = {1, 1}, .parse = parse_uint,
      SERVER_FIELD(max_subrequests), .initial = "200", .data = &at_least_one },
    { "max_headers", .where = IN_HS, .args = {1, 1}, .parse = parse_uint,
      SERVER_FIELD(max_headers), .initial = "1000", .data = &at_least_one },
    { "connection_pool_size", .where = IN_HS, .args = {1, 1}, .parse = parse_ignored },
    { "request_pool_size", .where = IN_HS, .args = {1, 1}, .parse = parse_ignored },
    { 0 }
};

#define PLACE_FIELD(member) FIELD(struct location_settings, member)
#define ONE_ARG .where = IN_HTTP_ALL, .args = {1, 1}

static const struct directive location_directives[] = {
    { "root", .where = IN_HTTP_ALL | IN_LOCATION_IF, .args = {1, 1}, .parse = parse_root, PLACE_FIELD(root), .initial = "html" },
    { "alias", .where = IN_LOCATION, .args = { 1, 1 }, .parse = parse_root, PLACE_FIELD(root) },
    { "internal", .where = IN_LOCATION, .parse = parse_present, PLACE_FIELD(internal) },
    { "satisfy", ONE_ARG, .parse = parse_enum, PLACE_FIELD(satisfy), .initial = "all",
      .data = satisfy_names },
    { "auth_delay", ONE_ARG, .parse = parse_ms, PLACE_FIELD(auth_delay_ms), .initial = "0s" },
    { "disable_symlinks", .where = IN_HTTP_ALL, .args = { 1, 2 }, .parse = parse_disable_symlinks,
      PLACE_FIELD(disable_symlinks), .initial = "off" },
    { "types", .where = IN_HTTP_ALL, .flags = DIRECTIVE_BLOCK | DIRECTIVE_DATA | DIRECTIVE_REPEAT,
      .parse = parse_types, PLACE_FIELD(types) },
    { "default_type", ONE_ARG, .parse = parse_default_type, PLACE_FIELD(default_type),
      .initial = "text/plain" },
    { "etag", ONE_ARG, .parse = parse_flag, PLACE_FIELD(etag), .initial = "on" },
    { "if_modified_since", ONE_ARG, .parse = parse_enum, PLACE_FIELD(if_modified_since),
      .initial = "exact", .data = ims_names },
    { "max_ranges", ONE_ARG, .parse = parse_max_ranges, PLACE_FIELD(max_ranges),
      .initial = "unlimited" },
    { "client_max_body_size", ONE_ARG, .parse = parse_size, PLACE_FIELD(client_max_body_size),
      .initial = "1m" },
    { "client_body_timeout", ONE_ARG, .parse = parse_timeout, PLACE_FIELD(client_body_timeout_ms),
      .initial = "60s" },
    { "client_body_buffer_size", ONE_ARG, .parse = parse_size,
      PLACE_FIELD(client_body_buffer_size), .initial = "16k" },
    { "client_body_temp_path", .where = IN_HTTP_ALL, .args = { 1, 4 }, .parse = parse_temp_path,
      PLACE_FIELD(client_body_temp_path), .initial = WEIR_CLIENT_BODY_TEMP_PATH },
    { "client_body_in_file_only", ONE_ARG, .parse = parse_enum,
      PLACE_FIELD(client_body_in_file_only), .initial = "off", .data = body_file_names },
    { "client_body_in_single_buffer", ONE_ARG, .parse = parse_ignored_flag },
    { "send_timeout", ONE_ARG, .parse = parse_timeout, PLACE_FIELD(send_timeout_ms),
      .initial = "60s" },
    { "client_min_rate", .where = IN_HTTP_ALL, .args = { 1, 2 }, .parse = parse_min_rate,
      PLACE_FIELD(client_min_rate), .initial = "off" },
    { "limit_rate", .where = IN_HTTP_ALL | IN_LOCATION_IF, .args = { 1, 1 },
      .parse = parse_size_text, PLACE_FIELD(limit_rate), .initial = "0" },
    { "limit_rate_after", .where = IN_HTTP_ALL | IN_LOCATION_IF, .args = { 1, 1 },
      .parse = parse_size_text, PLACE_FIELD(limit_rate_after), .initial = "0" },
    { "keepalive_timeout", .where = IN_HTTP_ALL, .args = { 1, 2 }, .parse = parse_keepalive_timeout,
      PLACE_FIELD(keepalive), .initial = "75s" },
    { "keepalive_requests", ONE_ARG, .parse = parse_uint, PLACE_FIELD(keepalive_requests),
      .initial = "1000" },
    { "keepalive_time", ONE_ARG, .parse = parse_ms, PLACE_FIELD(keepalive_time_ms),
      .initial = "1h" },
    { "keepalive_min_timeout", ONE_ARG, .parse = parse_ms, PLACE_FIELD(keepalive_min_timeout_ms),
      .initial = "0" },
    { "keepalive_disable", .where = IN_HTTP_ALL, .args = { 1, 2 }, .parse = parse_keepalive_disable,
      PLACE_FIELD(keepalive_disable), .initial = "msie6" },
    { "absolute_redirect", ONE_ARG, .parse = parse_flag, PLACE_FIELD(absolute_redirect),
      .initial = "on" },
    { "server_name_in_redirect", ONE_ARG, .parse = parse_flag, PLACE_FIELD(server_name_in_redirect),
      .initial = "off" },
    { "port_in_redirect", ONE_ARG, .parse = parse_flag, PLACE_FIELD(port_in_redirect),
      .initial = "on" },
    { "server_tokens", ONE_ARG, .parse = parse_server_tokens, PLACE_FIELD(signature),
      .initial = "off" },
    { "sendfile", .where = IN_HTTP_ALL | IN_LOCATION_IF, .args = { 1, 1 }, .parse = parse_flag,
      PLACE_FIELD(sendfile), .initial = "off" },
    { "subrequest_output_buffer_size", ONE_ARG, .parse = parse_size,
      PLACE_FIELD(subrequest_output_buffer_size), .initial = "4k" },
    { "sendfile_max_chunk", ONE_ARG, .parse = parse_size, PLACE_FIELD(sendfile_max_chunk),
      .initial = "2m" },
    { "aio", ONE_ARG, .parse = parse_aio, PLACE_FIELD(aio), .initial = "threads" },
    { "aio_write", ONE_ARG, .parse = parse_ignored_flag },
    { "directio", ONE_ARG, .parse = parse_directio, PLACE_FIELD(directio_bytes),
      .initial = "off" },
    { "directio_alignment", ONE_ARG, .parse = parse_directio_alignment,
      PLACE_FIELD(directio_alignment), .initial = "512" },
    { "output_buffers", .where = IN_HTTP_ALL, .args = { 2, 2 }, .parse = parse_buffers,
      PLACE_FIELD(output_buffers), .initial = "2 32k" },
    { "postpone_output", ONE_ARG, .parse = parse_size, PLACE_FIELD(postpone_output_bytes),
      .initial = "1460" },
    { "read_ahead", ONE_ARG, .parse = parse_size, PLACE_FIELD(read_ahead_bytes), .initial = "0" },
    { "tcp_nodelay", ONE_ARG, .parse = parse_flag, PLACE_FIELD(tcp_nodelay), .initial = "on" },
    { "tcp_nopush", ONE_ARG, .parse = parse_flag, PLACE_FIELD(tcp_nopush), .initial = "off" },
    { "reset_timedout_connection", ONE_ARG, .parse = parse_flag,
      PLACE_FIELD(reset_timedout_connection), .initial = "off" },
    { "lingering_close", ONE_ARG, .parse = parse_enum, PLACE_FIELD(lingering_close),
      .initial = "on", .data = linger_names },
    { "lingering_time", ONE_ARG, .parse = parse_ms, PLACE_FIELD(lingering_time_ms),
      .initial = "30s" },
    { "lingering_timeout", ONE_ARG, .parse = parse_ms, PLACE_FIELD(lingering_timeout_ms),
      .initial = "5s" },
    { "serve_hidden", ONE_ARG, .parse = parse_flag, PLACE_FIELD(serve_hidden), .initial = "off" },
    { "log_not_found", ONE_ARG, .parse = parse_flag, PLACE_FIELD(log_not_found), .initial = "on" },
    { "log_subrequest", ONE_ARG, .parse = parse_flag, PLACE_FIELD(log_subrequest), .initial = "off" },
    { "chunked_transfer_encoding", ONE_ARG, .parse = parse_flag,
      PLACE_FIELD(chunked_transfer_encoding), .initial = "on" },
    { "recursive_error_pages", ONE_ARG, .parse = parse_flag, PLACE_FIELD(recursive_error_pages),
      .initial = "off" },
    { "rewrite_log", .where = IN_HTTP_ALL | IN_ANY_IF, .args = {1, 1}, .parse = parse_flag,
      PLACE_FIELD(rewrite_log), .initial = "off" },
    { "uninitialized_variable_warn", .where = IN_HTTP_ALL | IN_ANY_IF, .args = {1, 1},
      .parse = parse_flag, PLACE_FIELD(uninitialized_variable_warn), .initial = "on" },
    { "open_file_cache", .where = IN_HTTP_ALL, .args = { 1, 2 }, .parse = parse_open_file_cache,
      PLACE_FIELD(open_file_cache), .initial = "off" },
    { "open_file_cache_errors", ONE_ARG, .parse = parse_flag, PLACE_FIELD(open_file_cache_errors),
      .initial = "off" },
    { "open_file_cache_min_uses", ONE_ARG, .parse = parse_uint,
      PLACE_FIELD(open_file_cache_min_uses), .initial = "1", .data = &at_least_one },
    { "open_file_cache_valid", ONE_ARG, .parse = parse_ms, PLACE_FIELD(open_file_cache_valid_ms),
      .initial = "60s" },
    { "open_file_cache_events", ONE_ARG, .parse = parse_ignored_flag },
    { "gzip_http_version", ONE_ARG, .parse = parse_enum, PLACE_FIELD(encoding.http_version),
      .initial = "1.1", .data = version_names },
    { "gzip_proxied", .where = IN_HTTP_ALL, .args = { 1, ARGS_ANY }, .parse = parse_gzip_proxied,
      PLACE_FIELD(encoding.proxied), .initial = "off" },
    { "gzip_disable", .where = IN_HTTP_ALL, .args = { 1, ARGS_ANY }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_gzip_disable, PLACE_FIELD(encoding.disable) },
    { "gzip_vary", ONE_ARG, .parse = parse_flag, PLACE_FIELD(encoding.vary), .initial = "off" },
    { "encoding_order", .where = IN_HTTP_ALL, .args = { 1, 3 }, .parse = parse_encoding_order,
      PLACE_FIELD(encoding.order), .initial = "br zstd gzip" },
    { "error_log", .where = IN_HTTP_ALL, .args = { 1, 5 }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_error_log, PLACE_FIELD(error_log) },
    { "msie_padding", ONE_ARG, .parse = parse_ignored_flag },
    { "msie_refresh", ONE_ARG, .parse = parse_ignored_flag },
    { "send_lowat", ONE_ARG, .parse = parse_ignored_size },
    { "types_hash_bucket_size", ONE_ARG, .parse = parse_ignored },
    { "types_hash_max_size", ONE_ARG, .parse = parse_ignored },
    { 0 }
};

const struct conf_module http_table = {
    .name = "http",
    .directives = http_directives,
    .conf_size = sizeof(struct http_settings),
    .root = IN_HTTP,
};

const struct conf_module server_table = {
    .name = "http_server",
    .directives = server_directives,
    .conf_size = sizeof(struct server_settings),
    .root = IN_HTTP,
    .check = server_check,
};

const struct conf_module location_table = {
    .name = "http_location",
    .directives = location_directives,
    .conf_size = sizeof(struct location_settings),
    .root = IN_HTTP,
    .check = location_check,
};
