/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * headers: fields that the conf file adds to answers: "add_header X-Frame-Options DENY;", "expires
 * 30d;", and trailers behind their bodies.
 */
#include "base/clock.h"
#include "http/engine.h"
#include "http/expires.h"
#include "http/field_word.h"
#include "http/module.h"

extern const struct http_module headers_module;

/* Fields of which an answer has one at most: what is added replaces it. */
enum single { NOT_SINGLE, SINGLE_TYPE, SINGLE_LOCATION, SINGLE_MODIFIED, SINGLE_ETAG };

/* One add_header or add_trailer. */
struct addition {
    struct str name;
    struct http_text value;
    bool always;                /* whatever the status */
    enum single single;
    struct conf_mark mark;
};

typedef VEC(struct addition) addition_vec;

/* Those of a level, in order. */
struct additions {
    addition_vec list;
    struct http_block all, always;      /* of the list, where it is the same for each request; h1
                                           STR_NONE: it is not */
};

enum inherit { INHERIT_ON, INHERIT_OFF, INHERIT_MERGE };

struct headers_conf {
    struct additions headers, trailers;
    int header_inherit, trailer_inherit;        /* enum inherit */
    struct expires expires;
    bool own_headers, own_trailers;     /* written at this very level */
    /* What levels within have that set nothing themselves: NULL: the same as this one. */
    const struct headers_conf *within;
};

/* ---- reading ------------------------------------------------------------------------------- */

/* RFC 9110 6.5.1: what frames a message or says how to read it comes before the body. */
static bool
is_no_trailer(struct str name)
{
    static const struct str names[] = {
        STR_INIT("Content-Length"), STR_INIT("Transfer-Encoding"), STR_INIT("Trailer"),
        STR_INIT("Content-Type"), STR_INIT("Content-Encoding"), STR_INIT("Content-Range"),
        STR_INIT("Connection"), STR_INIT("Host"),
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_ieq(name, names[i]))
            return true;
    return false;
}

static enum single
single_of(struct str name)
{
    static const struct { struct str name; enum single single; } singles[] = {
        { STR_INIT("Content-Type"), SINGLE_TYPE }, { STR_INIT("Location"), SINGLE_LOCATION },
        { STR_INIT("Last-Modified"), SINGLE_MODIFIED }, { STR_INIT("ETag"), SINGLE_ETAG },
    };

    for (size_t i = 0; i < ARRAY_LEN(singles); i++)
        if (str_ieq(name, singles[i].name))
            return singles[i].single;
    return NOT_SINGLE;
}

static bool
parse_always(struct conf *conf, const struct conf_node *node, bool *always)
{
    const struct conf_word *word = &node->words[3];

    if (node->count < 4)
        return true;
    *always = str_eq(word->text, STR("always"));
    if (*always)
        return true;
    conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
    conf_hint(conf, "always, or nothing; a value with blanks stands in quotes");
    return false;
}

static bool
parse_addition(struct conf *conf, const struct conf_node *node, struct additions *additions)
{
    struct addition addition = { .single = single_of(node->words[1].text) }, *place;

    if (!field_name_of_word(conf, &node->words[1], &addition.name)
        || !parse_always(conf, node, &addition.always)
        || !field_value_of_word(conf, &node->words[2], &addition.value))
        return false;
    addition.mark = conf_mark_of(conf, &node->words[0]);
    place = VEC_ADD(conf->arena, &additions->list);
    if (place == NULL)
        return conf_no_memory(conf);
    *place = addition;
    return true;
}

static bool
parse_add_header(struct conf *conf, const struct conf_node *node, void *field)
{
    struct headers_conf *hc = CONTAINER_OF(field, struct headers_conf, headers);
    const struct conf_word *name = &node->words[1];

    hc->own_headers = true;
    if (!field_is_framing(name->text))
        return parse_addition(conf, node, field);
    conf_warn(conf, name, "\"%.*s\" is not added: the server says itself how long an answer is",
              STR_ARG(name->text));
    return true;
}

static bool
parse_add_trailer(struct conf *conf, const struct conf_node *node, void *field)
{
    struct headers_conf *hc = CONTAINER_OF(field, struct headers_conf, trailers);
    const struct conf_word *name = &node->words[1];

    hc->own_trailers = true;
    if (!is_no_trailer(name->text))
        return parse_addition(conf, node, field);
    conf_warn(conf, name, "\"%.*s\" is not added: it has no place behind a body",
              STR_ARG(name->text));
    return true;
}

static bool
read_expires(struct conf *conf, const struct conf_node *node, void *field)
{
    struct headers_conf *hc = CONTAINER_OF(field, struct headers_conf, expires);
    const struct conf_word *word = &node->words[node->count - 1];
    bool modified = node->count == 3;
    const char *wrong;

    if (modified && !str_eq(node->words[1].text, STR("modified"))) {
        conf_error(conf, &node->words[1], "\"expires\" directive invalid value");
        conf_hint(conf, "a second value follows \"modified\" alone");
        return false;
    }
    if (str_find(word->text, '$', 0) >= 0) {
        hc->expires = (struct expires){ .kind = EXPIRES_MADE, .modified = modified };
        return http_text_of_word(conf, word, &hc->expires.text);
    }
    if (expires_parse(word->text, modified, &hc->expires, &wrong))
        return true;
    conf_error(conf, word, "\"expires\" directive %s", wrong);
    conf_hint(conf, "a time such as 30d or -1, @15h30m, epoch, max, off, or modified and a time");
    return false;
}

static bool
parse_expires(struct conf *conf, const struct conf_node *node, void *field)
{
    struct headers_conf *hc = CONTAINER_OF(field, struct headers_conf, expires);

    if (!read_expires(conf, node, field))
        return false;
    hc->expires.mark = conf_mark_of(conf, &node->words[0]);
    return true;
}

/* ---- levels -------------------------------------------------------------------------------- */

static bool
append(struct conf *conf, struct additions *to, const struct additions *from)
{
    for (uint32_t i = 0; i < from->list.len; i++) {
        struct addition *place = VEC_ADD(conf->arena, &to->list);

        if (place == NULL)
            return conf_no_memory(conf);
        *place = from->list.items[i];
    }
    return true;
}

/* Encoded once, when each of those that are `always`, or all, are literal and stand for themselves. */
static bool
make_block(struct conf *conf, const struct additions *from, bool always_only,
           struct http_block *block)
{
    struct writer w = writer_in(conf->arena);
    VEC(struct http_field) fields = { 0 };

    *block = (struct http_block){ .h1 = STR_NONE };
    for (uint32_t i = 0; i < from->list.len; i++) {
        const struct addition *a = &from->list.items[i];
        struct http_field *field;

        if (always_only && !a->always)
            continue;
        if (a->single != NOT_SINGLE || !http_text_is_literal(&a->value))
            return true;
        if (a->value.source.len == 0)
            continue;
        if ((field = VEC_ADD(conf->arena, &fields)) == NULL)
            return conf_no_memory(conf);
        *field = (struct http_field){ a->name, a->value.source };
        write_str(&w, a->name);
        write_str(&w, STR(": "));
        write_str(&w, a->value.source);
        write_str(&w, STR("\r\n"));
    }
    block->fields = fields.items;
    block->len = fields.len;
    block->h1 = fields.len > 0 ? writer_str(&w) : STR("");
    return str_is_set(block->h1) || conf_no_memory(conf);
}

/* What the level within has of the outer one's and of its own. */
static bool
settle(struct conf *conf, struct additions *own, const struct additions *outer,
       enum inherit inherit, bool has_own)
{
    if (!has_own)
        *own = inherit == INHERIT_OFF ? (struct additions){ 0 } : *outer;
    else if (inherit == INHERIT_MERGE && !append(conf, own, outer))
        return false;
    return make_block(conf, own, false, &own->all) && make_block(conf, own, true, &own->always);
}

static const struct headers_conf *
headers_within(const struct headers_conf *hc)
{
    return hc->within != NULL ? hc->within : hc;
}

/* The settings that hold at the level around this one; NULL: there is none. */
static const struct headers_conf *
outer_conf(const struct conf *conf, const struct conf_scope *scope)
{
    const struct conf_scope *outer = scope->parent;
    const struct headers_conf *hc;

    if (scope->where == IN_HTTP || outer == NULL)
        return NULL;
    hc = http_settings_of(conf, outer, &headers_module);
    if (outer->where != IN_HTTP && hc == http_settings_of(conf, outer->parent, &headers_module))
        return headers_within(hc);
    return hc;
}

/* add_header_inherit off holds for levels that say nothing, too: they have none. */
static bool
make_within(struct conf *conf, struct headers_conf *hc)
{
    struct headers_conf *within;

    if (hc->header_inherit != INHERIT_OFF && hc->trailer_inherit != INHERIT_OFF)
        return true;
    if ((within = ARENA_NEW(conf->arena, struct headers_conf)) == NULL)
        return conf_no_memory(conf);
    *within = *hc;
    if (hc->header_inherit == INHERIT_OFF)
        within->headers = (struct additions){ .all.h1 = STR(""), .always.h1 = STR("") };
    if (hc->trailer_inherit == INHERIT_OFF)
        within->trailers = (struct additions){ 0 };
    hc->within = within;
    return true;
}

static bool
headers_check(struct conf *conf, struct conf_scope *scope, void *slot)
{
    static const struct headers_conf none;
    struct headers_conf *hc = slot;
    const struct headers_conf *outer = outer_conf(conf, scope);

    if (outer == NULL)
        outer = &none;
    return settle(conf, &hc->headers, &outer->headers, (enum inherit)hc->header_inherit,
                  hc->own_headers)
        && settle(conf, &hc->trailers, &outer->trailers, (enum inherit)hc->trailer_inherit,
                  hc->own_trailers)
        && make_within(conf, hc);
}

static const void *
within(const void *slot)
{
    return headers_within(slot);
}

static bool
headers_wanted(const void *slot)
{
    const struct headers_conf *hc = slot;

    return hc->headers.list.len > 0 || hc->trailers.list.len > 0
           || hc->expires.kind != EXPIRES_OFF;
}

/* ---- answers ------------------------------------------------------------------------------- */

/* Those whose fields are of use to whoever keeps them. */
static bool
is_usual(unsigned status)
{
    switch (status) {
    case HTTP_OK:
    case HTTP_CREATED:
    case HTTP_NO_CONTENT:
    case HTTP_PARTIAL_CONTENT:
    case HTTP_MOVED_PERMANENTLY:
    case HTTP_FOUND:
    case HTTP_SEE_OTHER:
    case HTTP_NOT_MODIFIED:
    case HTTP_TEMPORARY_REDIRECT:
    case HTTP_PERMANENT_REDIRECT:
        return true;
    }
    return false;
}

/* A date is known as such to the conditions of the request; another text is but a text. */
static void
set_last_modified(struct http_request *req, const struct addition *a, struct str value)
{
    struct http_response *resp = &req->response;

    resp->ready = NULL;
    resp->last_modified = http_date_parse(value);
    resp->last_modified_text = STR_NONE;
    if (value.len > 0 && resp->last_modified == (time_t)-1)
        http_response_add(req, a->name, value);
}

static void
set_single(struct http_request *req, const struct addition *a, struct str value)
{
    struct http_response *resp = &req->response;

    switch (a->single) {
    case SINGLE_TYPE:
        if (value.len > 0)
            http_content_type_set(req, value);
        return;
    case SINGLE_LOCATION:
        if (value.len > 0 && http_response_add(req, a->name, value))
            resp->location = STR_NONE;
        return;
    case SINGLE_MODIFIED:
        set_last_modified(req, a, value);
        return;
    case SINGLE_ETAG:
        resp->ready = NULL;
        resp->etag = STR_NONE;
        if (value.len > 0 && http_value_is_sound(req, a->name, value))
            resp->etag = value;
        return;
    case NOT_SINGLE:
        return;
    }
}

/* An empty value adds nothing. */
static void
add_one(struct http_request *req, const struct addition *a)
{
    struct str value = http_text_eval(req, &a->value);

    if (a->single != NOT_SINGLE)
        set_single(req, a, value);
    else if (value.len > 0)
        http_response_add(req, a->name, value);
}

static void
add_headers(struct http_request *req, const struct additions *additions, bool usual)
{
    const struct http_block *block = usual ? &additions->all : &additions->always;

    if (LIKELY(str_is_set(block->h1))) {
        if (block->len > 0)
            http_response_add_block(req, block);
        return;
    }
    for (uint32_t i = 0; i < additions->list.len; i++)
        if (usual || additions->list.items[i].always)
            add_one(req, &additions->list.items[i]);
}

static void
add_expires(struct http_request *req, const struct expires *expires)
{
    const struct conf_mark *mark = &expires->mark;
    struct expires made = { 0 };
    struct expires_fields fields;
    const char *wrong;

    if (expires->kind == EXPIRES_MADE) {
        struct str text = http_text_eval(req, &expires->text);

        if (!expires_parse(text, expires->modified, &made, &wrong))
            return;
        expires = &made;
    }
    if (expires->kind == EXPIRES_OFF)
        return;
    if (!expires_make(expires, req->response.last_modified, req->arena, &fields))
        return;
    HTTP_TRACE(req, mark, "expires: %.*s", STR_ARG(fields.cache_control));
    http_response_set(req, STR("Expires"), fields.expires);
    http_response_set(req, STR("Cache-Control"), fields.cache_control);
}

static void
add_trailers(struct http_request *req, const void *data)
{
    const struct additions *trailers = data;
    bool usual = is_usual(req->response.status);

    for (uint32_t i = 0; i < trailers->list.len; i++) {
        const struct addition *a = &trailers->list.items[i];
        struct str value;

        if (!usual && !a->always)
            continue;
        value = http_text_eval(req, &a->value);
        if (value.len > 0)
            http_trailer_add(req, a->name, value);
    }
}

static bool
has_trailers(const struct additions *trailers, bool usual)
{
    for (uint32_t i = 0; i < trailers->list.len; i++)
        if (usual || trailers->list.items[i].always)
            return true;
    return false;
}

static COLD void
tell_additions(struct http_request *req, const struct additions *additions, const char *directive)
{
    for (uint32_t i = 0; i < additions->list.len; i++) {
        const struct addition *a = &additions->list.items[i];
        struct str value = http_text_eval(req, &a->value);

        if (!is_usual(req->response.status) && !a->always)
            HTTP_TRACE(req, &a->mark, "%s: %.*s not, the status is %u and \"always\" is missing",
                       directive, STR_ARG(a->name), req->response.status);
        else if (value.len > 0)
            HTTP_TRACE(req, &a->mark, "%s: %.*s: %.*s", directive, STR_ARG(a->name),
                       STR_ARG(value));
        else
            HTTP_TRACE(req, &a->mark, "%s: %.*s not, its value is empty", directive,
                       STR_ARG(a->name));
    }
}

static enum http_next
headers_filter(struct http_request *req, const void *slot)
{
    const struct headers_conf *hc = slot;
    bool usual = is_usual(req->response.status);
    struct http_trailer_hook *hook;

    if (UNLIKELY(req->trace != NULL)) {
        tell_additions(req, &hc->headers, "add_header");
        tell_additions(req, &hc->trailers, "add_trailer");
    }
    if (usual && hc->expires.kind != EXPIRES_OFF)
        add_expires(req, &hc->expires);
    add_headers(req, &hc->headers, usual);
    if (LIKELY(!has_trailers(&hc->trailers, usual)))
        return HTTP_PASS;
    if ((hook = ARENA_NEW(req->arena, struct http_trailer_hook)) == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    hook->add = add_trailers;
    hook->data = &hc->trailers;
    http_trailers_follow(req, hook);
    return HTTP_PASS;
}

/* ---- tables -------------------------------------------------------------------------------- */

static const struct conf_enum inherit_names[] = {
    { "on", INHERIT_ON }, { "off", INHERIT_OFF }, { "merge", INHERIT_MERGE }, { NULL, 0 },
};

#define ANYWHERE_IN_HTTP .where = IN_HTTP_ALL | IN_LOCATION_IF

static const struct directive headers_directives[] = {
    { "add_header", ANYWHERE_IN_HTTP, .args = { 2, 3 }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_add_header, FIELD(struct headers_conf, headers) },
    { "add_header_inherit", ANYWHERE_IN_HTTP, .args = { 1, 1 }, .parse = parse_enum,
      FIELD(struct headers_conf, header_inherit), .initial = "on", .data = inherit_names },
    { "add_trailer", ANYWHERE_IN_HTTP, .args = { 2, 3 }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_add_trailer, FIELD(struct headers_conf, trailers) },
    { "add_trailer_inherit", ANYWHERE_IN_HTTP, .args = { 1, 1 }, .parse = parse_enum,
      FIELD(struct headers_conf, trailer_inherit), .initial = "on", .data = inherit_names },
    { "expires", ANYWHERE_IN_HTTP, .args = { 1, 2 }, .parse = parse_expires,
      FIELD(struct headers_conf, expires), .initial = "off" },
    { 0 }
};

const struct http_module headers_module = {
    .name = "headers",
    .directives = headers_directives,
    .conf_size = sizeof(struct headers_conf),
    .check = headers_check,
    .within = within,
    .wanted = headers_wanted,
    .filter = headers_filter,
    .main_only = true,
};
