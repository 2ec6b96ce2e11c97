/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * realip: the client is whom a trusted proxy names: "set_real_ip_from 192.0.2.0/24; real_ip_header
 * X-Forwarded-For;"
 */
#include "http/engine.h"
#include "http/forwarded.h"
#include "http/module.h"

enum { NAME_ADDRESSES_MAX = 64 };       /* of one host name */

struct realip_conf {
    struct forwarded_trust trust;
    struct str header;
};

/* ---- the conf file ------------------------------------------------------------------------- */

static bool
trust(struct conf *conf, network_vec *trusted, const struct network *network)
{
    struct network *place = VEC_ADD(conf->arena, trusted);

    if (place == NULL)
        return conf_no_memory(conf);
    *place = *network;
    return true;
}

/* What can only be a name is resolved, now and not again. */
static bool
is_host_name(struct str text)
{
    bool letter = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = ascii_lower(text.p[i]);

        letter = letter || (c >= 'a' && c <= 'z');
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && strchr("-._", c) == NULL)
            return false;
    }
    return letter;
}

static bool
trust_name(struct conf *conf, network_vec *trusted, const struct conf_word *word)
{
    struct address found[NAME_ADDRESSES_MAX];
    unsigned count;

    if (!is_host_name(word->text)) {
        conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "an address, a block of them like 192.0.2.0/24, a host name, or unix:");
        return false;
    }
    if (address_parse(word->text, found, ARRAY_LEN(found), &count) != NULL)
        return conf_error(conf, word, "host not found in set_real_ip_from \"%.*s\"",
                          STR_ARG(word->text));
    for (unsigned i = 0; i < count; i++) {
        struct peer peer = peer_of(&found[i].sa, found[i].len);
        struct network network = network_of(&peer);

        if (!trust(conf, trusted, &network))
            return false;
    }
    return true;
}

static bool
parse_set_real_ip_from(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct conf_word *word = &node->words[1];
    network_vec *trusted = field;
    struct network network;
    bool low;

    if (!network_parse(word->text, &network, &low))
        return trust_name(conf, trusted, word);
    if (low)
        conf_warn(conf, word, "low address bits of %.*s are meaningless", STR_ARG(word->text));
    return trust(conf, trusted, &network);
}

static bool
parse_real_ip_header(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct conf_word *word = &node->words[1];

    for (size_t i = 0; i < word->text.len; i++)
        if (word->text.p[i] <= ' ' || word->text.p[i] == ':' || word->text.p[i] > '~')
            return conf_error(conf, word, "invalid field name \"%.*s\"", STR_ARG(word->text));
    if (word->text.len == 0)
        return conf_error(conf, word, "empty field name");
    return parse_text(conf, node, field);
}

/* ---- who it is ---------------------------------------------------------------------------- */

/*
 * Who the proxy speaks for holds the connection: it counts for the share of the pool that a client
 * may have, here as at a worker that takes it over.
 */
static bool
find_proxied(const struct http_request *req, struct peer *client)
{
    struct proxied *proxied = http_proxied_of(req->conn);

    if (proxied == NULL || proxied->client.family == AF_UNSPEC)
        return false;
    *client = proxied->client;
    if (!proxied->counted)
        conn_set_peer(req->conn, client);
    proxied->counted = true;
    return true;
}

static COLD void
tell_client(struct http_request *req, const struct realip_conf *rc)
{
    struct writer w = writer_in(req->arena);

    write_peer(&w, req->peer);
    HTTP_TRACE(req, NULL, "realip: %s says that the client is %s", rc->header.p,
               writer_cstr(&w));
}

static enum http_next
realip_handle(struct http_request *req, const void *slot)
{
    const struct realip_conf *rc = slot;
    struct peer client, *kept;
    bool found;

    req->peer = &req->conn->peer;
    if (!forwarded_trusts(&rc->trust, req->peer))
        return HTTP_PASS;
    found = str_eq(rc->header, STR("proxy_protocol"))
            ? find_proxied(req, &client)
            : forwarded_find(req, &rc->trust, rc->header, &client);
    if (!found)
        return HTTP_PASS;
    if ((kept = ARENA_NEW(req->arena, struct peer)) == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    *kept = client;
    req->peer = kept;
    if (UNLIKELY(req->trace != NULL))
        tell_client(req, rc);
    return HTTP_PASS;
}

static bool
realip_wanted(const void *slot)
{
    const struct realip_conf *rc = slot;

    return rc->trust.proxies.len > 0;
}

/* ---- variables ----------------------------------------------------------------------------- */

static struct str
get_realip_addr(struct http_request *req, const void *data, struct str rest)
{
    struct writer w = writer_in(req->arena);

    (void)data;
    (void)rest;
    write_peer(&w, &req->conn->peer);
    return writer_str(&w);
}

static struct str
get_realip_port(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return req->conn->peer.port == 0 ? STR_NONE
                                     : arena_fmt(req->arena, "%u", req->conn->peer.port);
}

static const struct http_variable realip_variables[] = {
    { "realip_remote_addr", .get = get_realip_addr },
    { "realip_remote_port", .get = get_realip_port },
    { 0 }
};

#define REALIP_FIELD(member) FIELD(struct realip_conf, member)

static const struct directive realip_directives[] = {
    { "set_real_ip_from", .where = IN_HTTP_ALL, .args = { 1, 1 }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_set_real_ip_from, REALIP_FIELD(trust.proxies) },
    { "real_ip_header", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_real_ip_header,
      REALIP_FIELD(header), .initial = "X-Real-IP" },
    { "real_ip_recursive", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_flag,
      REALIP_FIELD(trust.recursive), .initial = "off" },
    { 0 }
};

const struct http_module realip_module = {
    .name = "realip",
    .directives = realip_directives,
    .conf_size = sizeof(struct realip_conf),
    .phase = PHASE_POST_READ,
    .handle = realip_handle,
    .wanted = realip_wanted,
    .variables = realip_variables,
};
