/* SPDX-License-Identifier: BSD-2-Clause */
/* encoding: see encoding.h. */
#include "http/encoding.h"
#include "base/clock.h"
#include "http/accept.h"
#include "http/engine.h"

/* ---- reading ------------------------------------------------------------------------------- */

static bool
invalid(struct conf *conf, const struct conf_word *word, const char *known)
{
    conf_error(conf, word, "invalid value \"%.*s\"", STR_ARG(word->text));
    conf_hint(conf, "one of %s", known);
    return false;
}

bool
parse_gzip_proxied(struct conf *conf, const struct conf_node *node, void *field)
{
    static const struct { struct str name; uint32_t bit; } known[] = {
        { STR_INIT("off"), PROXIED_OFF }, { STR_INIT("expired"), PROXIED_EXPIRED },
        { STR_INIT("no-cache"), PROXIED_NO_CACHE }, { STR_INIT("no-store"), PROXIED_NO_STORE },
        { STR_INIT("private"), PROXIED_PRIVATE },
        { STR_INIT("no_last_modified"), PROXIED_NO_LAST_MODIFIED },
        { STR_INIT("no_etag"), PROXIED_NO_ETAG }, { STR_INIT("auth"), PROXIED_AUTH },
        { STR_INIT("any"), PROXIED_ANY },
    };
    uint32_t *bits = field;

    for (uint32_t i = 1; i < node->count; i++) {
        const struct conf_word *word = &node->words[i];
        size_t k = 0;

        while (k < ARRAY_LEN(known) && !str_ieq(word->text, known[k].name))
            k++;
        if (k == ARRAY_LEN(known))
            return invalid(conf, word, "off, expired, no-cache, no-store, private, "
                           "no_last_modified, no_etag, auth, any");
        if ((*bits & known[k].bit) != 0)
            conf_warn(conf, word, "duplicate value \"%.*s\"", STR_ARG(word->text));
        *bits |= known[k].bit;
    }
    return true;
}

bool
parse_gzip_disable(struct conf *conf, const struct conf_node *node, void *field)
{
    struct gzip_disable *disable = field;

    for (uint32_t i = 1; i < node->count; i++) {
        const struct conf_word *word = &node->words[i];
        const struct http_regex **place;

        if (str_eq(word->text, STR("msie6"))) {
            disable->msie6 = true;
            continue;
        }
        if ((place = VEC_ADD(conf->arena, &disable->agents)) == NULL)
            return conf_no_memory(conf);
        *place = http_regex_compile(conf, word, word->text, true);
        if (*place == NULL)
            return false;
    }
    return true;
}

static bool
is_listed(const struct encoding_order *order, size_t len, enum encoding encoding)
{
    for (size_t i = 0; i < len; i++)
        if (order->list[i] == encoding)
            return true;
    return false;
}

/* Those that are not named come behind the others, in the order of the default. */
static void
complete(struct encoding_order *order, size_t len)
{
    static const uint8_t rest[] = { ENCODING_BR, ENCODING_ZSTD, ENCODING_GZIP };

    for (size_t i = 0; i < ARRAY_LEN(rest); i++)
        if (!is_listed(order, len, (enum encoding)rest[i]))
            order->list[len++] = rest[i];
}

bool
parse_encoding_order(struct conf *conf, const struct conf_node *node, void *field)
{
    struct encoding_order *order = field;
    size_t len = 0;

    for (uint32_t i = 1; i < node->count; i++) {
        const struct conf_word *word = &node->words[i];
        enum encoding encoding = encoding_of_name(word->text);

        if (encoding == ENCODING_IDENTITY || encoding == ENCODING_COUNT)
            return invalid(conf, word, "br, gzip, zstd");
        if (is_listed(order, len, encoding))
            return conf_error(conf, word, "duplicate value \"%.*s\"", STR_ARG(word->text));
        order->list[len++] = (uint8_t)encoding;
    }
    complete(order, len);
    return true;
}

/* ---- who gets it --------------------------------------------------------------------------- */

/*
 * The first "MSIE " decides: 4 and 5 and 6 could not read compressed answers reliably, until the
 * second service pack of Windows XP ("SV1") mended 6.
 */
static bool
is_msie6(struct str agent)
{
    const char *p = memmem(agent.p, agent.len, "MSIE ", 5);
    struct str rest;

    if (p == NULL)
        return false;
    rest = str_from(agent, (size_t)(p - agent.p) + 5);
    if (rest.len < 3 || rest.p[1] != '.')
        return false;
    return rest.p[0] == '4' || rest.p[0] == '5'
           || (rest.p[0] == '6' && memmem(rest.p, rest.len, "SV1", 3) == NULL);
}

static bool
is_disabled(struct http_request *req, const struct gzip_disable *disable)
{
    struct str agent = req->known[FIELD_USER_AGENT];

    if (!str_is_set(agent))
        return false;
    if (disable->msie6 && is_msie6(agent))
        return true;
    for (uint32_t i = 0; i < disable->agents.len; i++)
        if (http_regex_test(req, disable->agents.items[i], agent) != MATCH_NONE)
            return true;
    return false;
}

/* The field's value, STR_NONE: there is none. */
static struct str
find_field(const struct http_response *resp, struct str name)
{
    for (uint32_t i = 0; i < resp->fields_len; i++)
        if (str_ieq(resp->fields[i].name, name))
            return resp->fields[i].value;
    return STR_NONE;
}

/* "no-cache" and `no-cache="Set-Cookie"` alike. */
static bool
is_directive(struct str item, struct str name)
{
    return str_istarts(item, name) && (item.len == name.len || item.p[name.len] == '=');
}

static bool
has_cache_directive(const struct http_response *resp, struct str name)
{
    for (uint32_t i = 0; i < resp->fields_len; i++) {
        struct str list = resp->fields[i].value;

        if (!str_ieq(resp->fields[i].name, STR("Cache-Control")))
            continue;
        while (list.len > 0)
            if (is_directive(accept_cut(&list, ','), name))
                return true;
    }
    return false;
}

/* What is no date counts as one that is over (RFC 9111 5.3). */
static bool
is_expired(const struct http_response *resp)
{
    struct str expires = find_field(resp, STR("Expires"));

    return str_is_set(expires) && http_date_parse(expires) <= now.wall_s;
}

/* Whether one of the parameters of gzip_proxied speaks of this answer. */
static bool
is_named(const struct http_request *req, uint32_t proxied)
{
    const struct http_response *resp = &req->response;

    return ((proxied & PROXIED_EXPIRED) != 0 && is_expired(resp))
        || ((proxied & PROXIED_NO_CACHE) != 0 && has_cache_directive(resp, STR("no-cache")))
        || ((proxied & PROXIED_NO_STORE) != 0 && has_cache_directive(resp, STR("no-store")))
        || ((proxied & PROXIED_PRIVATE) != 0 && has_cache_directive(resp, STR("private")))
        || ((proxied & PROXIED_NO_LAST_MODIFIED) != 0 && resp->last_modified == (time_t)-1)
        || ((proxied & PROXIED_NO_ETAG) != 0 && resp->etag.len == 0)
        || ((proxied & PROXIED_AUTH) != 0 && str_is_set(req->known[FIELD_AUTHORIZATION]));
}

/*
 * As in nginx, an answer that says nothing of how long it may be kept passes with any parameter,
 * unless one of them asks for answers without a validator.
 */
static bool
is_for_proxies(const struct http_request *req, uint32_t proxied)
{
    const struct http_response *resp = &req->response;

    if ((proxied & PROXIED_OFF) != 0)
        return false;
    if ((proxied & PROXIED_ANY) != 0 || is_named(req, proxied))
        return true;
    return (proxied & (PROXIED_NO_LAST_MODIFIED | PROXIED_NO_ETAG)) == 0
           && !str_is_set(find_field(resp, STR("Expires")))
           && !str_is_set(find_field(resp, STR("Cache-Control")));
}

/* Why the client is to get nothing compressed; NULL: it may. */
static const char *
objection(struct http_request *req)
{
    const struct encoding_settings *es = &http_settings_for(req)->encoding;

    if (req->version < es->http_version)
        return "gzip_http_version: this version of HTTP gets nothing compressed";
    if (UNLIKELY(es->proxied != PROXIED_ANY) && str_is_set(http_request_field(req, STR("Via")))
        && !is_for_proxies(req, es->proxied))
        return "gzip_proxied: a proxy asks, and gets nothing compressed";
    if (UNLIKELY(es->disable.msie6 || es->disable.agents.len > 0)
        && is_disabled(req, &es->disable))
        return "gzip_disable: this client gets nothing compressed";
    return NULL;
}

enum encoding
http_encoding_choose(struct http_request *req, unsigned offered)
{
    struct accept_encoding accept;
    enum encoding encoding;
    const char *why;

    if (!str_is_set(req->known[FIELD_ACCEPT_ENCODING]))
        return ENCODING_IDENTITY;
    accept_encoding_init(&accept);
    accept_encoding_read(&accept, req->known[FIELD_ACCEPT_ENCODING]);
    encoding = accept_encoding_choose(&accept, offered, &http_settings_for(req)->encoding.order);
    if (encoding == ENCODING_IDENTITY || LIKELY((why = objection(req)) == NULL))
        return encoding;
    HTTP_TRACE(req, NULL, "%s", why);
    return ENCODING_IDENTITY;
}

/* ---- Vary ---------------------------------------------------------------------------------- */

/* Whether the list says so already: "*" is any field. */
static bool
says_so(struct str list)
{
    while (list.len > 0) {
        struct str name = accept_cut(&list, ',');

        if (str_ieq(name, STR("Accept-Encoding")) || str_eq(name, STR("*")))
            return true;
    }
    return false;
}

/* The fields of that name as one list; "": there is none. *done: it says so. */
static struct str
gather_vary(struct http_request *req, bool *done)
{
    const struct http_response *resp = &req->response;
    struct str all = STR("");

    *done = false;
    for (uint32_t i = 0; i < resp->fields_len; i++) {
        struct str value = resp->fields[i].value;

        if (!str_ieq(resp->fields[i].name, STR("Vary")))
            continue;
        *done |= says_so(value);
        all = all.len == 0 ? value
                           : arena_fmt(req->arena, "%.*s, %.*s", STR_ARG(all), STR_ARG(value));
    }
    return all;
}

bool
http_encoding_say_vary(struct http_request *req)
{
    static struct http_field field = { STR_INIT("Vary"), STR_INIT("Accept-Encoding") };
    static const struct http_block block = {
        &field, 1, STR_INIT("Vary: Accept-Encoding\r\n")
    };
    struct str others;
    bool done;

    if (!http_settings_for(req)->encoding.vary)
        return true;
    others = gather_vary(req, &done);
    if (done)
        return true;
    if (LIKELY(others.len == 0))
        return http_response_add_block(req, &block);
    others = arena_fmt(req->arena, "%.*s, Accept-Encoding", STR_ARG(others));
    return str_is_set(others) && http_response_set(req, STR("Vary"), others);
}
