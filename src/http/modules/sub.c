/* SPDX-License-Identifier: BSD-2-Clause */
/* sub: puts other texts in the place of some in an answer ("sub_filter </head> '<link ...></head>';"). */
#include "http/engine.h"
#include "http/module.h"
#include "http/substitute.h"
#include "http/types_set.h"

/* sub_filter */
struct sub_pair {
    struct http_text text, replacement;
};

struct sub_conf {
    struct sub_pairs {
        VEC(struct sub_pair) list;
        struct conf_mark mark;  /* of the first */
    } pairs;
    bool once, last_modified;
    struct types_set types;
    const struct substitute_set *set;   /* NULL: a text is made of variables */
};

/* ---- reading ------------------------------------------------------------------------------- */

static bool
parse_sub_filter(struct conf *conf, const struct conf_node *node, void *field)
{
    struct sub_pairs *pairs = field;
    struct sub_pair *pair;

    if (node->words[1].text.len == 0) {
        conf_error(conf, &node->words[1], "empty search pattern");
        conf_hint(conf, "the text that is to be replaced, and then what by");
        return false;
    }
    if ((pair = VEC_ADD(conf->arena, &pairs->list)) == NULL)
        return conf_no_memory(conf);
    if (pairs->list.len == 1)
        pairs->mark = conf_mark_of(conf, &node->words[0]);
    return http_text_of_word(conf, &node->words[1], &pair->text)
           && http_text_of_word(conf, &node->words[2], &pair->replacement);
}

static bool
sub_check(struct conf *conf, struct conf_scope *scope, void *slot)
{
    struct sub_conf *sc = slot;
    uint32_t count = sc->pairs.list.len;
    struct str *texts = ARENA_ARRAY(conf->scratch, struct str, count);

    (void)scope;
    sc->set = NULL;
    if (texts == NULL)
        return conf_no_memory(conf);
    for (uint32_t i = 0; i < count; i++) {
        if (!http_text_is_literal(&sc->pairs.list.items[i].text))
            return true;
        texts[i] = sc->pairs.list.items[i].text.source;
    }
    if (count > 0 && (sc->set = substitute_compile(conf->arena, texts, count)) == NULL)
        return conf_no_memory(conf);
    return true;
}

static bool
sub_wanted(const void *slot)
{
    return ((const struct sub_conf *)slot)->pairs.list.len > 0;
}

/* ---- the body ------------------------------------------------------------------------------ */

struct sub_source {
    struct body_source source;
    struct http_request *req;
    const struct sub_conf *conf;
    struct substitute_run run;
    struct str *replacements;   /* STR_NONE: not needed yet */
    struct str plain, replacement;      /* to be written next, in this order */
    struct str text;            /* what was read, in buffer, and is not done with */
    char *buffer;               /* NULL: nothing was read yet */
    size_t size;
    bool is_starved;            /* the text has to grow before more is known of it */
    bool is_last;               /* nothing comes behind text */
    bool is_over;               /* nothing comes behind plain and replacement */
};

static void
write_some(struct str *text, char *room, size_t cap, size_t *done)
{
    size_t n = MIN(text->len, cap - *done);

    if (n == 0)
        return;
    memcpy(room + *done, text->p, n);
    *done += n;
    *text = str_from(*text, n);
}

/* Moves what is left to the begin of the buffer, and reads behind it. */
static enum io
refill(struct sub_source *s)
{
    size_t kept = s->text.len, n;
    enum io io;

    if (s->buffer == NULL && (s->buffer = arena_bytes(s->req->arena, s->size)) == NULL)
        return IO_ERROR;
    if (kept > 0)
        memmove(s->buffer, s->text.p, kept);
    s->text.p = s->buffer;
    io = body_read(&s->source.from, s->buffer + kept, s->size - kept, &n);
    if (io != IO_DONE && io != IO_CLOSED)
        return io;
    s->text.len += n;
    s->is_last = io == IO_CLOSED;
    s->is_starved = false;
    return io;
}

/* False when memory is short. */
static bool
find_next(struct sub_source *s)
{
    struct substitute_piece piece = substitute_next(&s->run, s->text, s->is_last);
    struct str *replacement;

    s->plain = (struct str){ s->text.p, piece.plain };
    s->text = str_from(s->text, piece.len);
    s->is_starved = piece.found == SUBSTITUTE_NONE;
    s->is_over = s->is_starved && s->is_last;
    if (s->is_starved)
        return true;
    replacement = &s->replacements[piece.found];
    if (!str_is_set(*replacement))
        *replacement = http_text_eval(s->req,
                                      &s->conf->pairs.list.items[piece.found].replacement);
    s->replacement = *replacement;
    return str_is_set(*replacement);
}

/* All texts are used up: the rest is only passed on. */
static bool
is_through(const struct sub_source *s)
{
    return substitute_is_over(&s->run)
           && s->plain.len + s->replacement.len + s->text.len == 0;
}

static enum io
pull(struct body_source *source, char *room, size_t cap, size_t *done)
{
    struct sub_source *s = (struct sub_source *)source;
    bool has_read = false;
    enum io io;

    *done = 0;
    if (is_through(s))
        return body_read(&source->from, room, cap, done);
    for (;;) {
        write_some(&s->plain, room, cap, done);
        if (s->plain.len == 0)
            write_some(&s->replacement, room, cap, done);
        if (s->plain.len > 0 || s->replacement.len > 0)
            return IO_DONE;
        if (s->is_over)
            return IO_CLOSED;
        if (s->is_starved && (*done > 0 || has_read))
            return IO_DONE;
        if (s->is_starved) {
            if ((io = refill(s)) != IO_DONE && io != IO_CLOSED)
                return io;
            has_read = true;
        }
        if (!find_next(s))
            return IO_ERROR;
    }
}

/* ---- answers ------------------------------------------------------------------------------- */

/* NULL when memory is short. */
static const struct substitute_set *
compile_for(struct http_request *req, const struct sub_conf *sc)
{
    uint32_t count = sc->pairs.list.len;
    struct str *texts = ARENA_ARRAY(req->arena, struct str, count);

    for (uint32_t i = 0; texts != NULL && i < count; i++)
        texts[i] = http_text_eval(req, &sc->pairs.list.items[i].text);
    return texts != NULL && !arena_failed(req->arena)
           ? substitute_compile(req->arena, texts, count) : NULL;
}

static bool
substitute(struct http_request *req, const struct sub_conf *sc, const struct substitute_set *set)
{
    struct http_response *resp = &req->response;
    struct sub_source *s = ARENA_NEW(req->arena, struct sub_source);
    int64_t length = resp->content_length;

    if (s == NULL || !substitute_begin(&s->run, req->arena, set, sc->once)
        || (s->replacements = ARENA_ARRAY(req->arena, struct str, sc->pairs.list.len)) == NULL)
        return false;
    s->source.pull = pull;
    s->req = req;
    s->conf = sc;
    s->is_starved = true;
    s->size = substitute_longest(set) + (size_t)(length > 0 ? MIN(length, BODY_READ_MAX)
                                                            : BODY_READ_MAX);
    if (!http_body_change(req, &s->source))
        return false;
    if (sc->last_modified)
        return true;
    resp->last_modified = (time_t)-1;
    resp->last_modified_text = resp->etag = STR_NONE;
    return true;
}

static bool
is_substituted(struct http_request *req, const struct sub_conf *sc)
{
    const struct http_response *resp = &req->response;

    if (resp->body == NULL || resp->status == HTTP_NO_CONTENT
        || (resp->status == HTTP_NOT_MODIFIED && !resp->not_modified)
        || !types_set_has(&sc->types, resp->content_type))
        return false;
    if (!http_body_is_encoded(resp))
        return true;
    HTTP_TRACE(req, &sc->pairs.mark, "sub_filter: the answer is encoded, and stays as it is");
    return false;
}

static enum http_next
sub_filter(struct http_request *req, const void *slot)
{
    const struct sub_conf *sc = slot;
    const struct substitute_set *set;

    if (!is_substituted(req, sc))
        return HTTP_PASS;
    set = LIKELY(sc->set != NULL) ? sc->set : compile_for(req, sc);
    if (set == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (substitute_longest(set) == 0)
        return HTTP_PASS;
    HTTP_TRACE(req, &sc->pairs.mark, "sub_filter: texts in the answer are replaced%s",
               sc->once ? ", each once" : "");
    return substitute(req, sc, set) ? HTTP_PASS : http_fail(req, HTTP_INTERNAL_ERROR);
}

/* ---- tables -------------------------------------------------------------------------------- */

static const struct directive sub_directives[] = {
    { "sub_filter", .where = IN_HTTP_ALL, .args = { 2, 2 }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_sub_filter, FIELD(struct sub_conf, pairs) },
    { "sub_filter_last_modified", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_flag,
      FIELD(struct sub_conf, last_modified), .initial = "off" },
    { "sub_filter_once", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_flag,
      FIELD(struct sub_conf, once), .initial = "on" },
    { "sub_filter_types", .where = IN_HTTP_ALL, .args = { 1, ARGS_ANY }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_types_set, FIELD(struct sub_conf, types), .initial = "text/html" },
    { 0 }
};

const struct http_module sub_module = {
    .name = "sub",
    .directives = sub_directives,
    .conf_size = sizeof(struct sub_conf),
    .check = sub_check,
    .wanted = sub_wanted,
    .filter = sub_filter,
};
