/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addition: puts answers to requests below in front of an answer's body, and behind it
 * ("add_before_body /header.html;").
 */
#include "http/engine.h"
#include "http/module.h"
#include "http/subrequest.h"
#include "http/types_set.h"

/* add_before_body, add_after_body */
struct addition {
    struct http_text uri;
    bool is_on;
    struct conf_mark mark;
};

struct addition_conf {
    struct addition before, after;
    struct types_set types;
};

/* ---- reading ------------------------------------------------------------------------------- */

static bool
parse_addition(struct conf *conf, const struct conf_node *node, void *field)
{
    struct addition *addition = field;
    const struct conf_word *word = &node->words[1];

    addition->is_on = word->text.len > 0;
    addition->mark = conf_mark_of(conf, &node->words[0]);
    return !addition->is_on
           || http_subrequest_uri_of_word(conf, word, "/part.html, or \"\" for none",
                                          &addition->uri);
}

static bool
addition_wanted(const void *slot)
{
    const struct addition_conf *ac = slot;

    return ac->before.is_on || ac->after.is_on;
}

/* ---- the body ------------------------------------------------------------------------------ */

struct addition_source {
    struct body_source source;
    struct http_request *req;
    const struct addition_conf *conf;
    enum { BEFORE, BODY, AFTER, END } part;
    struct http_subrequest *sub;        /* of this part, once it is asked for */
};

/* As pull, for one of the answers below. */
static enum io
read_addition(struct addition_source *s, const struct addition *addition, const char *directive,
              char *room, size_t cap, size_t *done)
{
    struct http_response *resp;

    if (!addition->is_on)
        return IO_CLOSED;
    if (s->sub == NULL) {
        HTTP_TRACE(s->req, &addition->mark, "%s: %.*s", directive, STR_ARG(addition->uri.source));
        s->sub = http_subrequest_to(s->req, &addition->uri, directive);
    }
    if (s->sub == NULL)
        return IO_ERROR;
    if (!s->sub->is_done) {
        s->sub->for_body = true;
        return IO_AGAIN;
    }
    resp = &s->sub->req->response;
    return resp->no_body ? IO_CLOSED : body_read(&resp->body, room, cap, done);
}

static enum io
read_part(struct addition_source *s, char *room, size_t cap, size_t *done)
{
    switch (s->part) {
    case BEFORE:
        return read_addition(s, &s->conf->before, "add_before_body", room, cap, done);
    case BODY:
        return body_read(&s->source.from, room, cap, done);
    case AFTER:
        return read_addition(s, &s->conf->after, "add_after_body", room, cap, done);
    case END:
        break;
    }
    return IO_CLOSED;
}

static enum io
pull(struct body_source *source, char *room, size_t cap, size_t *done)
{
    struct addition_source *s = (struct addition_source *)source;

    *done = 0;
    while (s->part != END) {
        enum io io = read_part(s, room, cap, done);

        if (io != IO_CLOSED)
            return io;
        s->part++;
        s->sub = NULL;
        if (*done > 0)
            return s->part == END ? IO_CLOSED : IO_DONE;
    }
    return IO_CLOSED;
}

/* ---- answers ------------------------------------------------------------------------------- */

static bool
is_extended(struct http_request *req, const struct addition_conf *ac)
{
    const struct http_response *resp = &req->response;

    if ((resp->status != HTTP_OK && !resp->not_modified)
        || !types_set_has(&ac->types, resp->content_type))
        return false;
    if (!http_body_is_encoded(resp))
        return true;
    HTTP_TRACE(req, ac->before.is_on ? &ac->before.mark : &ac->after.mark,
               "addition: the answer is encoded, and stays as it is");
    return false;
}

static enum http_next
addition_filter(struct http_request *req, const void *slot)
{
    const struct addition_conf *ac = slot;
    struct addition_source *s;

    if (!is_extended(req, ac))
        return HTTP_PASS;
    if ((s = ARENA_NEW(req->arena, struct addition_source)) == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    s->source.pull = pull;
    s->req = req;
    s->conf = ac;
    return http_body_extend(req, &s->source) ? HTTP_PASS : http_fail(req, HTTP_INTERNAL_ERROR);
}

/* ---- tables -------------------------------------------------------------------------------- */

static const struct directive addition_directives[] = {
    { "add_after_body", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_addition,
      FIELD(struct addition_conf, after) },
    { "add_before_body", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_addition,
      FIELD(struct addition_conf, before) },
    { "addition_types", .where = IN_HTTP_ALL, .args = { 1, ARGS_ANY }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_types_set, FIELD(struct addition_conf, types), .initial = "text/html" },
    { 0 }
};

const struct http_module addition_module = {
    .name = "addition",
    .directives = addition_directives,
    .conf_size = sizeof(struct addition_conf),
    .main_only = true,
    .wanted = addition_wanted,
    .filter = addition_filter,
};
