/* SPDX-License-Identifier: BSD-2-Clause */
/* parse: llhttp's view of a head becomes a request. */
#include "http/h1/h1.h"
#include <llhttp.h>

/*
 * A name may come in pieces, and a value that is empty may not come at all: a piece that does not
 * continue the name begins the next field. There are never more than framing_check has counted.
 */
static int
on_field(llhttp_t *parser, const char *p, size_t len)
{
    struct http_request *req = parser->data;
    struct http_field *field = &req->fields[req->fields_len];

    if (field->name.p != NULL && field->name.p + field->name.len != p) {
        req->fields_len++;
        field++;
    }
    if (req->fields_len >= h1_of(req)->framing.fields)
        return HPE_USER;
    if (field->name.p == NULL)
        field->name.p = p;
    field->name.len = (size_t)(p + len - field->name.p);
    return 0;
}

static int
on_value(llhttp_t *parser, const char *p, size_t len)
{
    struct http_request *req = parser->data;
    struct http_field *field = &req->fields[req->fields_len];

    if (field->value.p == NULL)
        field->value.p = p;
    field->value.len = (size_t)(p + len - field->value.p);
    return 0;
}

/* A body is not the parser's: it is done with its head. */
static int
on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static int
on_message_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
    .on_message_complete = on_message_complete,
};

static enum http_method
method_of(uint8_t method)
{
    switch (method) {
#define AS_CASE(name) case HTTP_##name: return METHOD_##name;
    HTTP_METHODS(AS_CASE)
#undef AS_CASE
    default: return METHOD_OTHER;
    }
}

/*
 * nginx calls a name valid when it is made of letters, digits, "-" and, with
 * underscores_in_headers, "_".
 */
static bool
is_plain_name(struct str name, bool underscores)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
              || (c == '_' && underscores)))
            return false;
    }
    return true;
}

/*
 * Drops fields with names that are tokens but odd, as ignore_invalid_headers says. False: refuse.
 */
static bool
drop_odd_fields(struct http_request *req)
{
    const struct server_settings *s = req->server->settings;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < req->fields_len; i++) {
        if (is_plain_name(req->fields[i].name, s->underscores_in_headers)) {
            req->fields[kept++] = req->fields[i];
            continue;
        }
        if (!s->ignore_invalid_headers)
            return false;
        LOG(&req->log, INFO, 0, "client sent invalid header line: \"%.*s\"",
            STR_ARG(req->fields[i].name));
    }
    req->fields_len = kept;
    return true;
}

static bool
is_list(int known)
{
    return known == FIELD_IF_MATCH || known == FIELD_IF_NONE_MATCH
           || known == FIELD_ACCEPT_ENCODING || known == FIELD_COOKIE;
}

/*
 * RFC 9110 5.3: several lines of a list are one list. Put together once, when all lines are known.
 */
static void
join_lines(struct http_request *req, int known)
{
    struct str separator = known == FIELD_COOKIE ? STR("; ") : STR(", ");
    struct writer w;
    bool first = true;

    if (!is_list(known))
        return;
    w = writer_in(req->arena);
    for (uint32_t i = 0; i < req->fields_len; i++) {
        if (http_known_field(req->fields[i].name) != known)
            continue;
        if (!first)
            write_str(&w, separator);
        write_str(&w, req->fields[i].value);
        first = false;
    }
    if (w.ok)
        req->known[known] = writer_str(&w);
}

/* The set of known fields (a bit each) that stand in more than one line. */
static uint32_t
note_known(struct http_request *req, struct http_field *field)
{
    int known = http_known_field(field->name);

    if (field->value.len > 0 && (unsigned char)field->value.p[field->value.len - 1] <= ' ')
        field->value = str_trim(field->value);
    if (LIKELY(known < 0))
        return 0;
    if (UNLIKELY(str_is_set(req->known[known])))
        return 1u << known;
    req->known[known] = field->value;
    return 0;
}

static void
note_all_known(struct http_request *req)
{
    uint32_t repeated = 0;

    for (uint32_t i = 0; i < req->fields_len; i++)
        repeated |= note_known(req, &req->fields[i]);
    for (int known = 0; repeated != 0; known++, repeated >>= 1)
        if ((repeated & 1) != 0)
            join_lines(req, known);
}

static bool
list_has(struct str list, struct str token)
{
    while (list.len > 0) {
        ptrdiff_t comma = str_find(list, ',', 0);
        struct str item = { list.p, comma < 0 ? list.len : (size_t)comma };

        if (str_ieq(str_trim(item), token))
            return true;
        list = str_from(list, item.len + 1);
    }
    return false;
}

/* RFC 9112 9.3; "Connection" may stand several times. */
static bool
wants_keepalive(const struct http_request *req)
{
    bool close = false, keep = false;

    if (!str_is_set(req->known[FIELD_CONNECTION]))
        return req->version >= 11;
    for (uint32_t i = 0; i < req->fields_len; i++) {
        if (!str_ieq(req->fields[i].name, STR("connection")))
            continue;
        close |= list_has(req->fields[i].value, STR("close"));
        keep |= list_has(req->fields[i].value, STR("keep-alive"));
    }
    return !close && (req->version >= 11 || keep);
}

static void
note_body(struct http_request *req, struct h1_request *h1)
{
    const struct framing *f = &h1->framing;

    h1->body_left = f->body == BODY_LENGTH ? f->content_length : 0;
    req->has_body = f->body == BODY_CHUNKED || h1->body_left > 0;
    h1->body_done = !req->has_body;
    if (f->body == BODY_LENGTH)
        req->content_length = (int64_t)f->content_length;
    req->wants_continue = req->has_body && req->version >= 11
                          && str_ieq(req->known[FIELD_EXPECT], STR("100-continue"));
}

/* Where the parts of the request line are in the copy that the parser read. */
static void
note_request_line(struct http_request *req, const struct framing *f, const char *head,
                  const char *copy)
{
    static const struct str protocols[] = {
        STR_INIT("HTTP/1.0"), STR_INIT("HTTP/1.1"), STR_INIT("HTTP/1.2"), STR_INIT("HTTP/1.3"),
        STR_INIT("HTTP/1.4"), STR_INIT("HTTP/1.5"), STR_INIT("HTTP/1.6"), STR_INIT("HTTP/1.7"),
        STR_INIT("HTTP/1.8"), STR_INIT("HTTP/1.9"),
    };
    size_t target = f->target_len + 2u * f->raw_target_bytes;
    size_t start = f->target_start - f->skipped;

    req->method_name = (struct str){ copy, f->method_len };
    req->target = (struct str){ copy + start, target };
    req->protocol = protocols[f->minor];
    req->version = f->minor == 0 ? 10 : 11;
    req->request_line = (struct str){ copy, start + target + sizeof(" HTTP/1.1") - 1 };
    if (UNLIKELY(f->raw_target_bytes > 0 || f->minor > 1))      /* for the log: as it was sent */
        req->request_line = arena_str(req->arena, (struct str){
            head + f->skipped, start + f->target_len + sizeof(" HTTP/1.1") - 1 });
}

/*
 * The framing check has passed the head, so what is left is a method that the parser does not know,
 * or keeps for protocols that are not HTTP (RTSP, ICE, the preface of HTTP/2).
 */
static unsigned
refused_by_parser(struct http_request *req, llhttp_t *parser, llhttp_errno_t err)
{
    req->method = http_method_of(req->method_name);     /* HEAD: the refusal has no body */
    LOG(&req->log, INFO, 0, "client sent invalid request: %s (%s)",
        llhttp_get_error_reason(parser), llhttp_errno_name(err));
    return err == HPE_INVALID_METHOD || err == HPE_INVALID_CONSTANT || parser->method == HTTP_PRI
           ? HTTP_NOT_IMPLEMENTED : HTTP_BAD_REQUEST;
}

/* What was read is read no more: a password does not stay in a buffer until others are read over it. */
static COLD void
wipe_read(const struct framing *f, const char *head, const struct http_request *req)
{
    for (uint32_t i = 0; i < req->fields_len; i++) {
        struct str value = req->fields[i].value;
        char *found;

        if (!str_ieq(req->fields[i].name, STR("authorization")) || value.len == 0)
            continue;
        found = memmem(head, f->head_len, value.p, value.len);
        if (found != NULL)
            explicit_bzero(found, value.len);
    }
}

unsigned
h1_parse(struct http_request *req, const char *head)
{
    struct h1_request *h1 = h1_of(req);
    const struct framing *f = &h1->framing;
    size_t len = framing_parser_len(f);
    char *copy = arena_bytes(req->arena, len);
    llhttp_errno_t err;
    llhttp_t parser;

    req->fields = arena_zalloc(req->arena, (f->fields + 1) * sizeof(req->fields[0]));
    if (copy == NULL || req->fields == NULL)
        return HTTP_INTERNAL_ERROR;
    framing_to_parser(f, head, copy);
    note_request_line(req, f, head, copy);
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = req;
    err = llhttp_execute(&parser, copy, len);
    if (req->fields[req->fields_len].name.p != NULL)
        req->fields_len++;
    if (err != HPE_PAUSED && err != HPE_PAUSED_UPGRADE)
        return refused_by_parser(req, &parser, err);
    req->method = method_of(parser.method);
    note_all_known(req);
    if (UNLIKELY(str_is_set(req->known[FIELD_AUTHORIZATION])))
        wipe_read(f, head, req);
    if (UNLIKELY(f->odd_names) && !drop_odd_fields(req))
        return HTTP_BAD_REQUEST;
    h1->head_done = true;
    req->keepalive = wants_keepalive(req);
    note_body(req, h1);
    return 0;
}
