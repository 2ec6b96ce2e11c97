/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * charset: says in which charset a text is ("charset utf-8;"), and brings it into another when it is
 * stored in one that differs ("source_charset koi8-r;").
 */
#include "http/charset.h"
#include "http/engine.h"
#include "http/module.h"
#include "http/subrequest.h"
#include "http/types_set.h"

enum { READ_AHEAD = 4096 };     /* bytes of the text in memory at a time */

/* charset_map */
struct charset_map {
    struct str from, to;
    struct charset_table table;
};

typedef VEC(struct charset_map *) map_vec;

/* charset, source_charset */
struct charset_name {
    bool is_off;
    struct http_text text;
    const struct conf_word *word;       /* while the file is read */
};

struct charset_conf {
    struct charset_name charset, source;
    struct types_set types;
    bool override;
    map_vec maps;
    const struct charset_conversion *conversion;        /* where neither name is made of variables */
};

/* ---- reading ------------------------------------------------------------------------------- */

static bool
parse_charset(struct conf *conf, const struct conf_node *node, void *field)
{
    struct charset_name *name = field;
    const struct conf_word *word = &node->words[1];

    *name = (struct charset_name){ .is_off = str_eq(word->text, STR("off")), .word = word };
    if (!http_text_of_word(conf, word, &name->text))
        return false;
    if (!http_text_is_literal(&name->text) || framing_is_token(word->text))
        return true;
    conf_error(conf, word, "invalid charset \"%.*s\"", STR_ARG(word->text));
    conf_hint(conf, "a name such as utf-8, or off");
    return false;
}

static const struct charset_map *
find_map(const map_vec *maps, struct str from, struct str to)
{
    for (uint32_t i = 0; i < maps->len; i++) {
        const struct charset_map *map = maps->items[i];

        if ((str_ieq(map->from, from) && str_ieq(map->to, to))
            || (str_ieq(map->from, to) && str_ieq(map->to, from)))
            return map;
    }
    return NULL;
}

/* NULL: no map leads there. */
static const struct charset_conversion *
find_conversion(const map_vec *maps, struct str from, struct str to)
{
    const struct charset_map *map = find_map(maps, from, to);

    if (map == NULL)
        return NULL;
    return str_ieq(map->from, from) ? &map->table.there : &map->table.back;
}

/* Hexadecimal digits as the bytes that they are; false when they are none, or too many. */
static bool
read_bytes(struct str digits, char *bytes, size_t most, size_t *len)
{
    *len = digits.len / 2;
    if (digits.len == 0 || digits.len % 2 != 0 || *len > most)
        return false;
    for (size_t i = 0; i < *len; i++) {
        int high = hex_digit(digits.p[2 * i]), low = hex_digit(digits.p[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        bytes[i] = (char)(high << 4 | low);
    }
    return true;
}

/* "C0" as well as "C": one byte. */
static bool
read_byte(struct str digits, uint8_t *byte)
{
    uint64_t n;

    if (!str_to_hex(digits, 255, &n))
        return false;
    *byte = (uint8_t)n;
    return true;
}

static bool
read_entry(struct conf *conf, const struct conf_node *node, struct charset_table *table)
{
    bool is_utf8 = table->there.kind == CHARSET_TO_UTF8;
    char bytes[4];
    uint8_t from, to;
    size_t len;
    uint32_t wrong = 0;

    if (node->is_block || node->count != 2) {
        conf_error(conf, &node->words[0], "invalid parameters number");
        conf_hint(conf, "two codes in hexadecimal, such as C0 FE;");
        return false;
    }
    if (!read_byte(node->words[0].text, &from)) {
        wrong = 1;
    } else if (is_utf8) {
        if (!read_bytes(node->words[1].text, bytes, sizeof(bytes), &len)
            || !charset_table_add(table, from, (struct str){ bytes, len }))
            wrong = 2;
    } else if (read_byte(node->words[1].text, &to)) {
        bytes[0] = (char)to;
        charset_table_add(table, from, (struct str){ bytes, 1 });
    } else {
        wrong = 2;
    }
    if (wrong == 0)
        return true;
    conf_error(conf, &node->words[wrong - 1], "invalid value \"%.*s\"",
               STR_ARG(node->words[wrong - 1].text));
    conf_hint(conf, wrong == 2 && is_utf8 ? "the bytes of one character in UTF-8, such as D18E"
                                          : "one byte in hexadecimal, such as C0");
    return false;
}

static bool
check_names(struct conf *conf, const struct conf_node *node, const map_vec *maps)
{
    struct str from = node->words[1].text, to = node->words[2].text;

    for (uint32_t i = 1; i <= 2; i++)
        if (!framing_is_token(node->words[i].text))
            return conf_error(conf, &node->words[i], "invalid charset \"%.*s\"",
                              STR_ARG(node->words[i].text));
    if (str_ieq(from, to))
        return conf_error(conf, &node->words[2],
                          "\"charset_map\" between the same charsets \"%.*s\" and \"%.*s\"",
                          STR_ARG(from), STR_ARG(to));
    if (find_map(maps, from, to) != NULL)
        return conf_error(conf, &node->words[1],
                          "duplicate \"charset_map\" between \"%.*s\" and \"%.*s\"",
                          STR_ARG(from), STR_ARG(to));
    if (str_ieq(from, STR("utf-8"))) {
        conf_error(conf, &node->words[1], "\"charset_map\" from utf-8");
        conf_hint(conf, "write it the other way round: it serves both directions");
        return false;
    }
    return true;
}

static bool
parse_charset_map(struct conf *conf, const struct conf_node *node, void *field)
{
    map_vec *maps = field;
    struct charset_map *map, **place;
    bool good = true;

    if (!check_names(conf, node, maps))
        return false;
    map = ARENA_NEW(conf->arena, struct charset_map);
    place = VEC_ADD(conf->arena, maps);
    if (map == NULL || place == NULL)
        return conf_no_memory(conf);
    *place = map;
    map->from = arena_str(conf->arena, node->words[1].text);
    map->to = arena_str(conf->arena, node->words[2].text);
    if (!str_is_set(map->from) || !str_is_set(map->to))
        return conf_no_memory(conf);
    charset_table_init(&map->table, str_ieq(map->to, STR("utf-8")));
    for (const struct conf_node *n = node->children; n != NULL; n = n->next)
        good &= read_entry(conf, n, &map->table);
    return good;
}

/* ---- levels -------------------------------------------------------------------------------- */

static bool
is_fixed(const struct charset_name *name)
{
    return !name->is_off && http_text_is_literal(&name->text);
}

static bool
charset_check(struct conf *conf, struct conf_scope *scope, void *slot)
{
    struct charset_conf *cc = slot;
    struct str from = cc->source.text.source, to = cc->charset.text.source;

    (void)scope;
    cc->conversion = NULL;
    if (!is_fixed(&cc->charset) || !is_fixed(&cc->source) || str_ieq(from, to))
        return true;
    cc->conversion = find_conversion(&cc->maps, from, to);
    if (cc->conversion != NULL)
        return true;
    conf_error(conf, cc->source.word, "no \"charset_map\" between the charsets \"%.*s\" and "
               "\"%.*s\"", STR_ARG(from), STR_ARG(to));
    conf_hint(conf, "charset_map %.*s %.*s { ... } in http says which bytes are the same",
              STR_ARG(from), STR_ARG(to));
    return false;
}

/* What has but a source_charset may come into an answer that has a charset. */
static bool
charset_wanted(const void *slot)
{
    const struct charset_conf *cc = slot;

    return !cc->charset.is_off || !cc->source.is_off;
}

/* ---- answers ------------------------------------------------------------------------------- */

/* A Content-Type taken apart. */
struct typed {
    struct str before, charset, after;  /* the charset that it names, and what stands around that
                                           parameter; charset STR_NONE: none */
};

static struct typed
take_apart(struct str type)
{
    static const struct str name = STR_INIT("charset=");
    ptrdiff_t semicolon = str_find(type, ';', 0);
    struct typed typed = { .before = type };

    while (semicolon >= 0) {
        ptrdiff_t next = str_find(type, ';', (size_t)semicolon + 1);
        size_t end = next < 0 ? type.len : (size_t)next;
        struct str one = str_trim((struct str){ type.p + semicolon + 1,
                                                end - (size_t)semicolon - 1 });

        if (str_istarts(one, name)) {
            typed.charset = str_from(one, name.len);
            if (typed.charset.len >= 2 && typed.charset.p[0] == '"')
                typed.charset = (struct str){ typed.charset.p + 1, typed.charset.len - 2 };
            typed.before = (struct str){ type.p, (size_t)semicolon };
            typed.after = str_from(type, end);
            return typed;
        }
        semicolon = next;
    }
    return typed;
}

/* "": the answer stays as it is. */
static struct str
name_of(struct http_request *req, const struct charset_name *name)
{
    struct str value;

    if (name->is_off)
        return STR("");
    value = http_text_eval(req, &name->text);
    if (LIKELY(http_text_is_literal(&name->text)))
        return value;
    if (value.len == 0 || str_eq(value, STR("off")))
        return STR("");
    if (framing_is_token(value))
        return value;
    LOG(&req->log, ERR, 0, "invalid charset \"%.*s\"", STR_ARG(value));
    return STR("");
}

struct converter {
    struct body_source source;
    const struct charset_conversion *conversion;
    struct charset_run run;
    struct str ahead;           /* of in */
    bool is_last;               /* nothing comes behind it */
    char in[READ_AHEAD];
};

static enum io
pull(struct body_source *source, char *room, size_t cap, size_t *done)
{
    struct converter *c = (struct converter *)source;
    size_t n;
    enum io io;

    *done = 0;
    if (c->ahead.len == 0 && !c->is_last) {
        io = body_read(&source->from, c->in, sizeof(c->in), &n);
        if (io != IO_DONE && io != IO_CLOSED)
            return io;
        c->ahead = (struct str){ c->in, n };
        c->is_last = io == IO_CLOSED;
    }
    charset_convert(c->conversion, &c->run, c->ahead, &c->ahead, room, cap, done);
    if (c->ahead.len > 0 || !c->is_last)
        return IO_DONE;
    n = *done;
    io = charset_finish(&c->run, room + n, cap - n, done) ? IO_CLOSED : IO_DONE;
    *done += n;
    return io;
}

static bool
convert(struct http_request *req, const struct charset_conversion *conversion)
{
    struct converter *c = arena_alloc(req->arena, sizeof(*c));
    int64_t length = req->response.content_length;

    if (c == NULL)
        return false;
    memset(c, 0, offsetof(struct converter, in));
    c->source.pull = pull;
    c->conversion = conversion;
    if (!http_body_change(req, &c->source))
        return false;
    if (conversion->kind == CHARSET_BYTES)
        req->response.content_length = length;
    return true;
}

/*
 * The way from the charset of the answer to that which is wanted. False: there is none, so the
 * answer stays as it is.
 */
static bool
choose(struct http_request *req, const struct charset_conf *cc, struct str from, struct str to,
       const struct charset_conversion **conversion)
{
    *conversion = NULL;
    if (from.len == 0 || str_ieq(from, to))
        return true;
    *conversion = find_conversion(&cc->maps, from, to);
    if (*conversion != NULL)
        return true;
    LOG(&req->log, ERR, 0, "no \"charset_map\" between the charsets \"%.*s\" and \"%.*s\"",
        STR_ARG(from), STR_ARG(to));
    return false;
}

/* The type with that charset in the place of the one that it names, or behind it. */
static struct str
put_together(struct arena *arena, const struct typed *typed, struct str charset)
{
    static const struct str name = STR_INIT("; charset=");
    size_t size = typed->before.len + name.len + charset.len + typed->after.len;
    char *p = arena_bytes(arena, size);
    struct writer w;

    if (p == NULL)
        return STR_NONE;
    w = writer_at(p, size);
    write_str(&w, typed->before);
    write_str(&w, name);
    write_str(&w, charset);
    write_str(&w, typed->after);
    return writer_str(&w);
}

/* As in nginx, these pages are left as they are: they are of the server's own, and hardly read. */
static bool
is_moved(unsigned status)
{
    return status == HTTP_MOVED_PERMANENTLY || status == HTTP_FOUND;
}

/*
 * An answer that comes into the client's (include, add_after_body) is brought into the charset that
 * the client is told of, and from there into none of its own; its type is no matter, as in nginx.
 */
static enum http_next
filter_part(struct http_request *req, const struct charset_conf *cc)
{
    const struct charset_conversion *conversion;
    struct str to = take_apart(http_main_request(req)->response.content_type).charset;
    struct str from = take_apart(req->response.content_type).charset;

    if (to.len == 0 || http_body_is_encoded(&req->response)
        || (str_is_set(from) && !cc->override))
        return HTTP_PASS;
    if (!str_is_set(from))
        from = name_of(req, &cc->source);
    if (!choose(req, cc, from, to, &conversion) || conversion == NULL)
        return HTTP_PASS;
    return convert(req, conversion) ? HTTP_PASS : http_fail(req, HTTP_INTERNAL_ERROR);
}

static enum http_next
charset_filter(struct http_request *req, const void *slot)
{
    const struct charset_conf *cc = slot;
    struct http_response *resp = &req->response;
    const struct charset_conversion *conversion = cc->conversion;
    struct typed typed;
    struct str to, type;

    if (req->parent != NULL)
        return filter_part(req, cc);
    if (resp->content_type.len == 0 || is_moved(resp->status))
        return HTTP_PASS;
    typed = take_apart(resp->content_type);
    if ((str_is_set(typed.charset) && !cc->override)
        || !types_set_has(&cc->types, resp->content_type))
        return HTTP_PASS;
    to = name_of(req, &cc->charset);
    if (to.len == 0)
        return HTTP_PASS;
    if (str_is_set(typed.charset)) {
        if (!choose(req, cc, typed.charset, to, &conversion))
            return HTTP_PASS;
    } else if (UNLIKELY(!is_fixed(&cc->charset) || !is_fixed(&cc->source))
               && !choose(req, cc, name_of(req, &cc->source), to, &conversion)) {
        return HTTP_PASS;
    }
    if (conversion != NULL && http_body_is_encoded(resp))
        return HTTP_PASS;       /* these bytes are none of the charset */
    type = put_together(req->arena, &typed, to);
    if (!str_is_set(type) || (conversion != NULL && !convert(req, conversion)))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    http_content_type_set(req, type);
    return HTTP_PASS;
}

/* ---- tables -------------------------------------------------------------------------------- */

#define ANYWHERE_IN_HTTP .where = IN_HTTP_ALL | IN_LOCATION_IF

static const struct directive charset_directives[] = {
    { "charset", ANYWHERE_IN_HTTP, .args = { 1, 1 }, .parse = parse_charset,
      FIELD(struct charset_conf, charset), .initial = "off" },
    { "charset_map", .where = IN_HTTP, .args = { 2, 2 },
      .flags = DIRECTIVE_BLOCK | DIRECTIVE_DATA | DIRECTIVE_REPEAT, .parse = parse_charset_map,
      FIELD(struct charset_conf, maps) },
    { "charset_types", .where = IN_HTTP_ALL, .args = { 1, ARGS_ANY }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_types_set, FIELD(struct charset_conf, types),
      .initial = "text/html text/xml text/plain "
      "text/vnd.wap.wml application/javascript application/rss+xml" },
    { "override_charset", ANYWHERE_IN_HTTP, .args = { 1, 1 }, .parse = parse_flag,
      FIELD(struct charset_conf, override), .initial = "off" },
    { "source_charset", ANYWHERE_IN_HTTP, .args = { 1, 1 }, .parse = parse_charset,
      FIELD(struct charset_conf, source), .initial = "off" },
    { 0 }
};

const struct http_module charset_module = {
    .name = "charset",
    .directives = charset_directives,
    .conf_size = sizeof(struct charset_conf),
    .check = charset_check,
    .wanted = charset_wanted,
    .filter = charset_filter,
};
