/* SPDX-License-Identifier: BSD-2-Clause */
/* reply: the ways in which handlers answer, weir's own pages, and redirects. */
#include "config.h"
#include "http/engine.h"
#include "http/http.h"
#include <errno.h>
#include <stdlib.h>

/* ---- pages --------------------------------------------------------------------------------- */

/* What a visitor may want to know beyond the reason phrase. */
static const struct { unsigned status; struct str text; } sentences[] = {
    { 400, STR_INIT("The server could not understand this request.") },
    { 401, STR_INIT("A name and a password are needed here.") },
    { 403, STR_INIT("You may not see what is here.") },
    { 404, STR_INIT("There is nothing at this address.") },
    { 405, STR_INIT("This cannot be done with what is here.") },
    { 413, STR_INIT("What you sent is larger than this server takes.") },
    { 414, STR_INIT("The address is too long.") },
    { 429, STR_INIT("That was too often. Please try again in a moment.") },
    { 431, STR_INIT("The browser sent too much, perhaps too many cookies.") },
    { 500, STR_INIT("Something went wrong on the server.") },
    { 503, STR_INIT("The server is busy. Please try again soon.") },
};

static struct str
page_sentence(unsigned status)
{
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
        if (sentences[i].status == status)
            return sentences[i].text;
    return STR("");
}

static void
write_page(struct writer *w, unsigned status, struct str signature)
{
    struct str line = http_status_line(status), sentence = page_sentence(status);

    write_str(w, STR("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<meta name=\"viewport\" content=\"width=device-width\">"
                     "<meta name=\"color-scheme\" content=\"light dark\"><title>"));
    write_str(w, line);
    write_str(w, STR("</title><style>body{font:1.1em/1.5 system-ui,sans-serif;max-width:32em;"
                     "margin:20vh auto;padding:0 1em;text-align:center}h1{font-weight:600}"
                     "small{opacity:.6}</style></head>\n<body><h1>"));
    write_str(w, line);
    write_str(w, STR("</h1>"));
    if (sentence.len > 0) {
        write_str(w, STR("<p>"));
        write_str(w, sentence);
        write_str(w, STR("</p>"));
    }
    if (signature.len > 0) {
        write_str(w, STR("<small>"));
        write_html(w, signature);
        write_str(w, STR("</small>"));
    }
    write_str(w, STR("</body></html>\n"));
}

enum { FIRST_PAGE = 300, LAST_PAGE = 599 };

static bool
has_page(unsigned status)
{
    return status >= FIRST_PAGE && status <= LAST_PAGE;
}

struct str
http_page(unsigned status, enum server_tokens tokens)
{
    enum { ROOM = 1024 };
    static struct str pages[TOKENS_COUNT][LAST_PAGE - FIRST_PAGE + 1];
    struct str *page;
    struct writer w;
    char *room;

    if (!has_page(status))
        return STR("");
    page = &pages[tokens][status - FIRST_PAGE];
    if (str_is_set(*page))
        return *page;
    if ((room = malloc(ROOM)) == NULL)
        return STR("");
    w = writer_at(room, ROOM);
    write_page(&w, status, http_signature(tokens));
    *page = writer_str(&w);
    return *page;
}

struct str
http_signature(enum server_tokens tokens)
{
    switch (tokens) {
    case TOKENS_OFF:   return STR("weir");
    case TOKENS_ON:    return STR("weir/" WEIR_VERSION);
    case TOKENS_BUILD: return STR("weir/" WEIR_VERSION WEIR_BUILD);
    case TOKENS_TEXT:
    case TOKENS_COUNT: break;
    }
    return STR("");
}

struct str
http_signature_for(struct http_request *req)
{
    const struct signature *s = &http_settings_for(req)->signature;
    struct str text;

    if (LIKELY(s->tokens != TOKENS_TEXT))
        return http_signature(s->tokens);
    text = http_text_eval(req, &s->text);
    if (!str_is_set(text) || !http_value_is_sound(req, STR("Server"), text))
        return STR("");
    if (text.len <= SIGNATURE_MAX)
        return text;
    LOG(&req->log, ERR, 0, "\"server_tokens\" makes %zu bytes, more than %d: the field \"Server\" is left "
        "out", text.len, SIGNATURE_MAX);
    return STR("");
}

/* The page for this request: one that is ready, unless its foot is a text of the conf file. */
static struct str
page_for(struct http_request *req, unsigned status)
{
    enum server_tokens tokens = http_settings_for(req)->signature.tokens;
    struct writer w;

    if (LIKELY(tokens != TOKENS_TEXT) || !has_page(status))
        return http_page(status, tokens);
    w = writer_in(req->arena);
    write_page(&w, status, http_signature_for(req));
    return w.ok ? writer_str(&w) : STR("");
}

/* ---- answers ------------------------------------------------------------------------------- */

void
http_response_reset(struct http_response *resp, unsigned status)
{
    *resp = (struct http_response){
        .status = status, .content_length = -1, .last_modified = (time_t)-1,
    };
}

/* After these nothing that follows on the connection can be trusted, or is wanted. */
static bool
ends_connection(unsigned status)
{
    switch (status) {
    case HTTP_BAD_REQUEST:
    case HTTP_REQUEST_TIMEOUT:
    case HTTP_CONTENT_TOO_LARGE:
    case HTTP_URI_TOO_LONG:
    case HTTP_FIELDS_TOO_LARGE:
    case HTTP_INTERNAL_ERROR:
    case HTTP_NOT_IMPLEMENTED:
    case HTTP_VERSION_NOT_SUPPORTED:
        return true;
    }
    return false;
}

enum http_next
http_answer_status(struct http_request *req, unsigned status)
{
    struct http_response *resp = &req->response;
    struct str page;

    http_response_reset(resp, status);
    resp->special = true;
    if (ends_connection(status))
        req->keepalive = false;
    resp->content_length = 0;
    if (status == HTTP_NO_CONTENT || status == HTTP_CLOSE_SILENTLY || status == HTTP_CLIENT_LEFT)
        return HTTP_DONE;
    page = page_for(req, status);
    if (page.len > 0)
        resp->content_type = STR("text/html");
    http_body_memory(resp, page.p, page.len);
    return HTTP_DONE;
}

enum http_next
http_fail(struct http_request *req, unsigned status)
{
    int err = arena_failed(req->arena) ? ENOMEM : errno;

    /* Who fails for another reason than memory has said so. */
    if (UNLIKELY(status == HTTP_INTERNAL_ERROR) && log_told != &req->log)
        LOG(&req->log, CRIT, err == ENOMEM ? ENOMEM : 0, "the request cannot be answered");
    return http_answer_status(req, status);
}

static bool
is_location_byte(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f;
}

/*
 * A decoded path in it ("return 302 $uri;") may hold what no field may, and line ends among it: as
 * %XX it is harmless.
 */
static struct str
encode_location(struct http_request *req, struct str location)
{
    static const char digits[] = "0123456789ABCDEF";
    struct writer w;
    size_t i = 0;

    while (i < location.len && is_location_byte(location.p[i]))
        i++;
    if (LIKELY(i == location.len))
        return location;
    w = writer_in(req->arena);
    for (i = 0; i < location.len; i++) {
        unsigned char c = (unsigned char)location.p[i];

        if (is_location_byte((char)c)) {
            write_char(&w, (char)c);
            continue;
        }
        write_char(&w, '%');
        write_char(&w, digits[c >> 4]);
        write_char(&w, digits[c & 15]);
    }
    return writer_str(&w);
}

enum http_next
http_redirect(struct http_request *req, unsigned status, struct str location)
{
    http_fail(req, status);
    location = encode_location(req, location);
    if (!str_is_set(location))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    req->response.location = location;
    return HTTP_DONE;
}

enum http_next
http_not_allowed(struct http_request *req, struct str allow)
{
    http_fail(req, HTTP_METHOD_NOT_ALLOWED);
    req->error_field = (struct http_field){ STR("Allow"), allow };
    return HTTP_DONE;
}

static struct str
eval_type(struct http_request *req, const struct http_text *type)
{
    struct str text = http_text_eval(req, type);

    if (LIKELY(http_text_is_literal(type)))
        return text;
    return http_value_is_sound(req, STR("Content-Type"), text) ? text : STR("");
}

struct str
http_type_for(struct http_request *req, struct str name)
{
    return eval_type(req, type_of(http_settings_for(req), name));
}

enum http_next
http_reply(struct http_request *req, unsigned status, struct str content_type, struct str body)
{
    struct http_response *resp = &req->response;

    http_response_reset(resp, status);
    resp->content_type = str_is_set(content_type)
                             ? content_type : eval_type(req, &http_settings_for(req)->default_type);
    http_body_memory(resp, body.p, body.len);
    return HTTP_DONE;
}

#define EACH_BYTE(byte) (0x0101010101010101u * (byte))

/* Whether one of eight bytes may be a control byte, HTAB among them. */
static bool
may_hold_control(const char *p)
{
    uint64_t bytes, del;

    memcpy(&bytes, p, sizeof(bytes));
    del = bytes ^ EACH_BYTE(0x7f);
    return (((bytes - EACH_BYTE(0x20)) & ~bytes) | ((del - EACH_BYTE(0x01)) & ~del))
           & EACH_BYTE(0x80);
}

static bool
is_control(char c)
{
    return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

/* The one place that decides what may stand in a field: no line end that somebody brought in. */
bool
http_value_is_sound(struct http_request *req, struct str name, struct str value)
{
    size_t i = 0;

    while (value.len - i >= 8 && LIKELY(!may_hold_control(value.p + i)))
        i += 8;
    while (i < value.len && !is_control(value.p[i]))
        i++;
    if (LIKELY(i == value.len))
        return true;
    LOG(&req->log, ERR, 0, "the field \"%.*s\" would hold a control byte and is left out",
        STR_ARG(name));
    return false;
}

bool
http_response_add(struct http_request *req, struct str name, struct str value)
{
    struct http_response *resp = &req->response;
    VEC(struct http_field) list = { resp->fields, resp->fields_len, resp->fields_cap };
    struct http_field *field;

    if (!http_value_is_sound(req, name, value) || (field = VEC_ADD(req->arena, &list)) == NULL)
        return false;
    *field = (struct http_field){ name, value };
    resp->fields = list.items;
    resp->fields_len = list.len;
    resp->fields_cap = list.cap;
    return true;
}

bool
http_response_has(const struct http_response *resp, struct str name)
{
    for (uint32_t i = 0; i < resp->fields_len; i++)
        if (str_ieq(resp->fields[i].name, name))
            return true;
    return false;
}

bool
http_response_set(struct http_request *req, struct str name, struct str value)
{
    struct http_response *resp = &req->response;
    const struct http_field *old = resp->fields;
    uint32_t count = resp->fields_len;

    if (LIKELY(!http_response_has(resp, name)))
        return http_response_add(req, name, value);
    resp->fields = NULL;        /* they may be a block's: what is kept is copied */
    resp->fields_len = resp->fields_cap = 0;
    resp->block = NULL;
    for (uint32_t i = 0; i < count; i++)
        if (!str_ieq(old[i].name, name) && !http_response_add(req, old[i].name, old[i].value))
            return false;
    return http_response_add(req, name, value);
}

bool
http_response_add_block(struct http_request *req, const struct http_block *block)
{
    struct http_response *resp = &req->response;

    if (LIKELY(resp->fields_len == 0)) {
        resp->block = block;
        resp->fields = block->fields;
        resp->fields_len = resp->fields_cap = block->len;
        return true;
    }
    for (uint32_t i = 0; i < block->len; i++)
        if (!http_response_add(req, block->fields[i].name, block->fields[i].value))
            return false;
    return true;
}

bool
http_content_type_set(struct http_request *req, struct str type)
{
    struct http_response *resp = &req->response;
    bool good = http_value_is_sound(req, STR("Content-Type"), type);

    resp->content_type = good ? type : STR_NONE;
    resp->type_changed = true;
    return good;
}

void
http_trailers_follow(struct http_request *req, struct http_trailer_hook *hook)
{
    struct http_trailer_hook **end = &req->response.trailer_hooks;

    while (*end != NULL)
        end = &(*end)->next;
    hook->next = NULL;
    *end = hook;
}

bool
http_trailer_add(struct http_request *req, struct str name, struct str value)
{
    struct http_response *resp = &req->response;
    VEC(struct http_field) list = { resp->trailers, resp->trailers_len, resp->trailers_cap };
    struct http_field *field;

    if (!http_value_is_sound(req, name, value) || (field = VEC_ADD(req->arena, &list)) == NULL)
        return false;
    *field = (struct http_field){ name, value };
    resp->trailers = list.items;
    resp->trailers_len = list.len;
    resp->trailers_cap = list.cap;
    return true;
}

void
http_body_memory(struct http_response *resp, const char *p, size_t len)
{
    resp->file = NULL;
    resp->content_length = (int64_t)len;
    resp->first = (struct body_part){ .kind = PART_MEMORY, .p = p, .len = len };
    resp->body = len > 0 ? &resp->first : NULL;
}

void
http_body_file(struct http_response *resp, int fd, off_t offset, uint64_t len)
{
    resp->file = NULL;
    resp->content_length = (int64_t)len;
    resp->first = (struct body_part){
        .kind = PART_FILE, .fd = fd, .offset = offset, .len = len,
        .req = CONTAINER_OF(resp, struct http_request, response),
    };
    resp->body = len > 0 ? &resp->first : NULL;
}

/* RFC 9110 8.8.1: other bytes, made of the same, have the same tag only weakly. */
static bool
weaken_etag(struct http_request *req)
{
    struct http_response *resp = &req->response;

    if (resp->etag.len == 0 || str_starts(resp->etag, STR("W/")))
        return true;
    resp->etag = arena_fmt(req->arena, "W/%.*s", STR_ARG(resp->etag));
    return str_is_set(resp->etag);
}

bool
http_body_differs(struct http_request *req)
{
    struct http_response *resp = &req->response;

    if (!weaken_etag(req))
        return false;
    resp->file = NULL;
    resp->content_length = -1;
    resp->accept_ranges = false;
    resp->ready = NULL;
    return true;
}

bool
http_body_extend(struct http_request *req, struct body_source *source)
{
    struct http_response *resp = &req->response;

    if (!http_body_differs(req))
        return false;
    source->from = resp->body;
    source->part = (struct body_part){ .kind = PART_PULL, .source = source };
    resp->body = &source->part;
    return true;
}

bool
http_body_change(struct http_request *req, struct body_source *source)
{
    return req->response.body == NULL || http_body_extend(req, source);
}

bool
http_body_is_encoded(const struct http_response *resp)
{
    return resp->content_encoding != 0 || http_response_has(resp, STR("Content-Encoding"));
}

/* ---- addresses ----------------------------------------------------------------------------- */

struct str
http_scheme(const struct http_request *req)
{
    (void)req;
    return STR("http");
}

bool
http_local_address(const struct http_request *req, struct address *address)
{
    const struct address *listening = &req->conn->listener->address;

    if (!address_is_wildcard(listening)) {
        *address = *listening;
        return true;
    }
    address->len = sizeof(address->un);
    return getsockname(req->conn->fd, &address->sa, &address->len) == 0;
}

static void
write_local_host(struct writer *w, const struct http_request *req)
{
    struct address address;
    struct peer self;

    if (!http_local_address(req, &address)) {
        write_str(w, STR("localhost"));
        return;
    }
    self = peer_of(&address.sa, address.len);
    if (self.family == AF_INET6)
        write_char(w, '[');
    write_peer(w, &self);
    if (self.family == AF_INET6)
        write_char(w, ']');
}

static bool
is_unix(const struct http_request *req)
{
    return req->conn->listener->address.sa.sa_family == AF_UNIX;
}

struct str
http_redirect_base(struct http_request *req)
{
    const struct location_settings *settings = http_settings_for(req);
    struct writer w;
    uint16_t port = address_port(&req->conn->listener->address);

    if (!settings->absolute_redirect)
        return STR("");
    w = writer_in(req->arena);
    write_str(&w, http_scheme(req));
    write_str(&w, STR("://"));
    if (!settings->server_name_in_redirect && req->host.len > 0)
        write_str(&w, req->host);
    else if (req->server->name.len > 0
             && (settings->server_name_in_redirect || is_unix(req)))
        write_str(&w, req->server->name);
    else
        write_local_host(&w, req);
    if (settings->port_in_redirect && port != 0 && port != 80) {
        write_char(&w, ':');
        write_uint(&w, port);
    }
    return writer_str(&w);
}

/* ---- names --------------------------------------------------------------------------------- */

static const struct str known_names[] = {
#define AS_NAME(id, text) STR_INIT(text),
    HTTP_KNOWN_FIELDS(AS_NAME)
#undef AS_NAME
};

/*
 * Both have one length; a field's name is a token, so that a letter's case is all that one bit can
 * hide.
 */
static bool
is_known(struct str name, enum http_known_field field)
{
    const char *lower = known_names[field].p;
    size_t i = 0;

    for (; name.len - i >= 4; i += 4) {         /* mostly all that is needed to tell two names
                                                   apart */
        uint32_t a, b;

        memcpy(&a, name.p + i, sizeof(a));
        memcpy(&b, lower + i, sizeof(b));
        if ((a | 0x20202020) != b)
            return false;
    }
    for (; i < name.len; i++)
        if ((name.p[i] | 0x20) != lower[i])
            return false;
    return true;
}

static int
either(struct str name, enum http_known_field a, enum http_known_field b)
{
    if (is_known(name, a))
        return (int)a;
    return is_known(name, b) ? (int)b : -1;
}

int
http_known_field(struct str name)
{
    switch (name.len) {
    case 4:  return either(name, FIELD_HOST, FIELD_HOST);
    case 5:  return either(name, FIELD_RANGE, FIELD_RANGE);
    case 6:  return either(name, FIELD_COOKIE, FIELD_EXPECT);
    case 7:  return either(name, FIELD_REFERER, FIELD_REFERER);
    case 8:  return either(name, FIELD_IF_RANGE, FIELD_IF_MATCH);
    case 10: return either(name, FIELD_USER_AGENT, FIELD_CONNECTION);
    case 12: return either(name, FIELD_CONTENT_TYPE, FIELD_CONTENT_TYPE);
    case 13: return either(name, FIELD_IF_NONE_MATCH, FIELD_AUTHORIZATION);
    case 14: return either(name, FIELD_CONTENT_LENGTH, FIELD_CONTENT_LENGTH);
    case 15: return either(name, FIELD_ACCEPT_ENCODING, FIELD_ACCEPT_ENCODING);
    case 17: return either(name, FIELD_IF_MODIFIED_SINCE, FIELD_TRANSFER_ENCODING);
    case 19: return either(name, FIELD_IF_UNMODIFIED_SINCE, FIELD_IF_UNMODIFIED_SINCE);
    default: return -1;
    }
}

struct str
http_request_field(const struct http_request *req, struct str name)
{
    for (uint32_t i = 0; i < req->fields_len; i++)
        if (str_ieq(req->fields[i].name, name))
            return req->fields[i].value;
    return STR_NONE;
}

enum http_method
http_method_of(struct str name)
{
    static const struct { struct str name; enum http_method method; } methods[] = {
#define AS_ROW(id) { STR_INIT(#id), METHOD_##id },
        HTTP_METHODS(AS_ROW)
#undef AS_ROW
    };

    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_eq(methods[i].name, name))
            return methods[i].method;
    return METHOD_OTHER;
}
