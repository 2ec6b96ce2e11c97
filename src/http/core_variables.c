/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/core_variables.h"
#include "base/clock.h"
#include "config.h"
#include "http/engine.h"
#include "http/login.h"
#include "http/path.h"
#include "http/regex.h"
#include "http/request_body.h"
#include "http/subrequest.h"
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* Variables that are a struct str of the request: data is its offset. */
static struct str
get_member(struct http_request *req, const void *data, struct str rest)
{
    (void)rest;
    return *(const struct str *)(const void *)((const char *)req + (uintptr_t)data);
}

#define MEMBER(member) \
    .get = get_member, .data = (const void *)offsetof(struct http_request, member)

static struct str
number(struct http_request *req, uint64_t value)
{
    char *p = arena_bytes(req->arena, 20);

    return p == NULL ? STR_NONE : (struct str){ p, (size_t)(put_uint(p, value) - p) };
}

/* ---- the connection ------------------------------------------------------------------------ */

static struct str
peer_text(struct http_request *req, const struct peer *peer)
{
    enum { TEXT_MAX = 48 };
    char *p = arena_bytes(req->arena, TEXT_MAX);
    struct writer w;

    if (p == NULL)
        return STR_NONE;
    w = writer_at(p, TEXT_MAX);
    write_peer(&w, peer);
    return writer_str(&w);
}

/* 4 or 16 bytes; of a Unix socket, that has no address, what $remote_addr says. */
static struct str
get_binary_remote_addr(struct http_request *req, const void *data, struct str rest)
{
    const struct peer *peer = req->peer;

    (void)data;
    (void)rest;
    switch (peer->family) {
    case AF_INET:  return (struct str){ (const char *)peer->ip, 4 };
    case AF_INET6: return (struct str){ (const char *)peer->ip, 16 };
    default:       return STR("unix:");
    }
}

static struct str
get_remote_addr(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return peer_text(req, req->peer);
}

/* Whoever came over a Unix socket has no port, nor has one whom a proxy names without one. */
static struct str
get_remote_port(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return req->peer->port == 0 ? STR_NONE : number(req, req->peer->port);
}

static struct str
get_server_addr(struct http_request *req, const void *data, struct str rest)
{
    struct address address;
    struct writer w;
    struct peer self;

    (void)data;
    (void)rest;
    if (!http_local_address(req, &address))
        return STR_NONE;
    w = writer_in(req->arena);
    self = peer_of(&address.sa, address.len);
    write_peer(&w, &self);
    return writer_str(&w);
}

static struct str
get_server_port(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return number(req, address_port(&req->conn->listener->address));
}

static struct str
get_connection(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return number(req, req->conn->number);
}

static struct str
get_connection_requests(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return number(req, req->conn->requests + 1);
}

static struct str
get_connection_time(struct http_request *req, const void *data, struct str rest)
{
    uint64_t ms = now.mono_ms - req->conn->since_ms;

    (void)data;
    (void)rest;
    return arena_fmt(req->arena, "%llu.%03llu", (unsigned long long)ms / 1000,
                     (unsigned long long)ms % 1000);
}

/* What the kernel knows of the connection; data: which member, in its own unit. */
static struct str
get_tcp_info(struct http_request *req, const void *data, struct str rest)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    (void)rest;
    if (getsockopt(req->conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return STR_NONE;        /* a Unix socket */
    return number(req, *(const uint32_t *)(const void *)((const char *)&info + (uintptr_t)data));
}

#define TCP_MEMBER(member) \
    .get = get_tcp_info, .data = (const void *)offsetof(struct tcp_info, member)

/* ---- what a proxy said of the connection --------------------------------------------------- */

/* Of the client or the server: data is the offset. NULL: it was not told. */
static const struct peer *
proxied_peer(const struct http_request *req, const void *data)
{
    const struct proxied *proxied = http_proxied_of(req->conn);
    const struct peer *peer;

    if (proxied == NULL)
        return NULL;
    peer = (const void *)((const char *)proxied + (uintptr_t)data);
    return peer->family == AF_UNSPEC ? NULL : peer;
}

static struct str
get_proxied_addr(struct http_request *req, const void *data, struct str rest)
{
    const struct peer *peer = proxied_peer(req, data);

    (void)rest;
    return peer == NULL ? STR_NONE : peer_text(req, peer);
}

static struct str
get_proxied_port(struct http_request *req, const void *data, struct str rest)
{
    const struct peer *peer = proxied_peer(req, data);

    (void)rest;
    return peer == NULL || peer->family == AF_UNIX ? STR_NONE : number(req, peer->port);
}

static struct str
get_proxied_tlv(struct http_request *req, const void *data, struct str rest)
{
    const struct proxied *proxied = http_proxied_of(req->conn);
    uint32_t verify;

    (void)data;
    if (proxied == NULL)
        return STR_NONE;
    if (str_eq(rest, STR("ssl_verify")))
        return proxied_ssl_verify(proxied, &verify) ? number(req, verify) : STR_NONE;
    return proxied_tlv(proxied, rest);
}

#define PROXIED(member) .data = (const void *)offsetof(struct proxied, member)

/* ---- the request --------------------------------------------------------------------------- */

static struct str
get_scheme(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return http_scheme(req);
}

/* nginx: the name of the request, of the Host field, or the server's. */
static struct str
get_host(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return req->host.len > 0 ? req->host : req->server->name;
}

static struct str
get_server_name(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return req->server->name;
}

static struct str
get_request_uri(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return str_is_set(req->uri.raw) ? req->uri.raw : req->target;
}

/* A query without a byte is none. */
static struct str
get_args(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return req->args.len > 0 ? req->args : STR_NONE;
}

static struct str
get_is_args(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return req->args.len > 0 ? STR("?") : STR("");
}

struct str
http_request_argument(const struct http_request *req, struct str name)
{
    struct str args = req->args;

    while (args.len > 0) {
        ptrdiff_t amp = str_find(args, '&', 0);
        struct str item = { args.p, amp < 0 ? args.len : (size_t)amp };

        if (item.len > name.len && item.p[name.len] == '=' && str_istarts(item, name))
            return str_from(item, name.len + 1);
        args = str_from(args, item.len + 1);
    }
    return STR_NONE;
}

static struct str
get_arg(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    return http_request_argument(req, rest);
}

/* "-" and "_" of a field's name are one in variables. */
static bool
is_field_named(struct str field, struct str name)
{
    if (field.len != name.len)
        return false;
    for (size_t i = 0; i < field.len; i++) {
        char c = field.p[i] == '-' ? '_' : ascii_lower(field.p[i]);

        if (c != name.p[i])
            return false;
    }
    return true;
}

/*
 * The values of all fields of that name, in their order (RFC 9110 5.3); STR_NONE: there is none.
 * Those of Cookie are parted otherwise (RFC 6265 5.4).
 */
static struct str
joined_fields(struct http_request *req, const struct http_field *fields, uint32_t len,
              struct str name)
{
    struct str between = str_eq(name, STR("cookie")) ? STR("; ") : STR(", ");
    struct str first = STR_NONE;
    struct writer w;
    uint32_t count = 0;

    for (uint32_t i = 0; i < len; i++) {
        if (!is_field_named(fields[i].name, name))
            continue;
        if (++count == 1) {
            first = fields[i].value;
            continue;
        }
        if (count == 2) {
            w = writer_in(req->arena);
            write_str(&w, first);
        }
        write_str(&w, between);
        write_str(&w, fields[i].value);
    }
    return count < 2 ? first : writer_str(&w);
}

static struct str
get_http(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    return joined_fields(req, req->fields, req->fields_len, rest);
}

static struct str
get_known_field(struct http_request *req, const void *data, struct str rest)
{
    (void)rest;
    return req->known[(uintptr_t)data];
}

/* Of one Cookie field. */
static struct str
find_cookie(struct str cookies, struct str name)
{
    while (cookies.len > 0) {
        ptrdiff_t end = str_find(cookies, ';', 0);
        struct str item = { cookies.p, end < 0 ? cookies.len : (size_t)end };
        struct str pair = str_trim(item);

        if (pair.len > name.len && pair.p[name.len] == '=' && str_istarts(pair, name))
            return str_from(pair, name.len + 1);
        cookies = str_from(cookies, item.len + 1);
    }
    return STR_NONE;
}

static struct str
get_cookie(struct http_request *req, const void *data, struct str rest)
{
    struct str value = STR_NONE;

    (void)data;
    if (!str_is_set(req->known[FIELD_COOKIE]))
        return STR_NONE;
    for (uint32_t i = 0; i < req->fields_len && !str_is_set(value); i++)
        if (str_ieq(req->fields[i].name, STR("cookie")))
            value = find_cookie(req->fields[i].value, rest);
    return value;
}

/* What follows the host in the request's own words; "": no port was named. */
static struct str
request_port(const struct http_request *req)
{
    struct str host = str_is_set(req->uri.host) ? req->uri.host : req->known[FIELD_HOST];
    ptrdiff_t colon = str_find(host, ':', host.len > 0 && host.p[0] == '['
                                          ? (size_t)MAX(str_find(host, ']', 0), 0) : 0);

    return colon < 0 ? STR("") : str_from(host, (size_t)colon + 1);
}

static struct str
get_request_port(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return request_port(req);
}

static struct str
get_is_request_port(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return request_port(req).len > 0 ? STR(":") : STR("");
}

static struct str
get_pipe(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return req->pipelined ? STR("p") : STR(".");
}

static struct str
get_request_length(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return number(req, req->received_bytes);
}

static struct str
get_request_time(struct http_request *req, const void *data, struct str rest)
{
    uint64_t ms = (now.mono_us - req->start_us) / 1000;

    (void)data;
    (void)rest;
    return arena_fmt(req->arena, "%llu.%03llu", (unsigned long long)ms / 1000,
                     (unsigned long long)ms % 1000);
}

static struct str
get_request_time_ms(struct http_request *req, const void *data, struct str rest)
{
    uint64_t us = clock_mono_us() - req->start_us;

    (void)data;
    (void)rest;
    return arena_fmt(req->arena, "%llu.%03llu", (unsigned long long)us / 1000,
                     (unsigned long long)us % 1000);
}

static struct str
get_request_id(struct http_request *req, const void *data, struct str rest)
{
    uint8_t bytes[16];
    struct writer w;

    (void)data;
    (void)rest;
    req = http_main_request(req);
    if (str_is_set(req->id))
        return req->id;
    if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) != (ssize_t)sizeof(bytes))
        return STR_NONE;
    w = writer_in(req->arena);
    for (size_t i = 0; i < sizeof(bytes); i++)
        write_fmt(&w, "%02x", bytes[i]);
    return req->id = writer_str(&w);
}

static struct str
get_remote_user(struct http_request *req, const void *data, struct str rest)
{
    const struct http_login *login = http_login_of(req);

    (void)data;
    (void)rest;
    return login != NULL ? login->name : STR_NONE;
}

/* ---- files --------------------------------------------------------------------------------- */

static struct str
get_request_filename(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return http_path_name(req);
}

static struct str
get_document_root(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return http_text_eval(req, &http_settings_for(req)->root.path);
}

static struct str
get_realpath_root(struct http_request *req, const void *data, struct str rest)
{
    struct str root = get_document_root(req, data, rest);
    struct str path = str_is_set(root) ? arena_str(req->arena, root) : STR_NONE;
    char real[PATH_MAX];

    if (!str_is_set(path) || realpath(path.p, real) == NULL)
        return STR_NONE;
    return arena_str(req->arena, str_of(real));
}

/* ---- the answer ---------------------------------------------------------------------------- */

static struct str
get_status(struct http_request *req, const void *data, struct str rest)
{
    unsigned status = req->log_status != 0 ? req->log_status : req->response.status;

    (void)data;
    (void)rest;
    return status == 0 ? STR("000") : number(req, status);
}

static struct str
get_limit_rate(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return number(req, req->has_limit_rate ? req->limit_rate
                                           : size_text_eval(req, &http_settings_for(req)->limit_rate));
}

static struct str
get_body_bytes_sent(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return number(req, req->response.body_bytes);
}

static struct str
get_bytes_sent(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return number(req, req->response.head_bytes + req->response.body_bytes);
}

static struct str
get_request_completion(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return req->response.started && req->response.body == NULL ? STR("OK") : STR("");
}

static struct str
sent_http_date(struct http_request *req, time_t t)
{
    char *p = arena_bytes(req->arena, 29);

    if (t == (time_t)-1 || p == NULL)
        return STR_NONE;
    http_date_format(p, t);
    return (struct str){ p, 29 };
}

static struct str
get_sent_http(struct http_request *req, const void *data, struct str rest)
{
    const struct http_response *resp = &req->response;

    (void)data;
    if (str_eq(rest, STR("content_type")))
        return resp->content_type;
    if (str_eq(rest, STR("content_encoding")) && resp->content_encoding != ENCODING_IDENTITY)
        return encoding_name((enum encoding)resp->content_encoding);
    if (str_eq(rest, STR("content_length")))
        return resp->content_length >= 0 ? number(req, (uint64_t)resp->content_length) : STR_NONE;
    if (str_eq(rest, STR("location")) && str_is_set(resp->location))
        return resp->location;
    if (str_eq(rest, STR("etag")))
        return resp->etag;
    if (str_eq(rest, STR("last_modified")) && resp->last_modified != (time_t)-1)
        return sent_http_date(req, resp->last_modified);
    if (str_eq(rest, STR("transfer_encoding")) && resp->chunked)
        return STR("chunked");
    if (str_eq(rest, STR("connection")))
        return req->keepalive ? STR("keep-alive") : STR("close");
    if (str_eq(rest, STR("server")))
        return http_signature_for(req);
    return joined_fields(req, resp->fields, resp->fields_len, rest);
}

static struct str
get_sent_trailer(struct http_request *req, const void *data, struct str rest)
{
    const struct http_response *resp = &req->response;

    (void)data;
    for (uint32_t i = 0; i < resp->trailers_len; i++)
        if (is_field_named(resp->trailers[i].name, rest))
            return resp->trailers[i].value;
    return STR_NONE;
}

/* ---- time and process ---------------------------------------------------------------------- */

/* The clock's own text changes with the second; "set" and groups keep what they were given. */
static struct str
copy_time(struct http_request *req, struct str text)
{
    char *p = arena_bytes(req->arena, text.len);

    return p == NULL ? STR_NONE : (struct str){ memcpy(p, text.p, text.len), text.len };
}

static struct str
get_time_local(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return copy_time(req, clock_log_time());
}

static struct str
get_time_iso8601(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return copy_time(req, clock_iso8601());
}

static struct str
get_msec(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return arena_fmt(req->arena, "%llu.%03llu", (unsigned long long)now.wall_ms / 1000,
                     (unsigned long long)now.wall_ms % 1000);
}

static struct str
get_pid(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return number(req, (uint64_t)getpid());
}

static struct str
get_hostname(struct http_request *req, const void *data, struct str rest)
{
    (void)req;
    (void)data;
    (void)rest;
    return http_hostname();
}

static struct str
get_capture(struct http_request *req, const void *data, struct str rest)
{
    (void)rest;
    return http_capture(req, (uint32_t)(uintptr_t)data);
}

static void
set_args(struct http_request *req, struct str value)
{
    req->args = value;
}

static void
set_limit_rate(struct http_request *req, struct str value)
{
    if (!size_parse(value, &req->limit_rate)) {
        LOG(&req->log, ERR, 0, "invalid $limit_rate \"%.*s\"", STR_ARG(value));
        return;
    }
    req->has_limit_rate = true;
}

static const char fixed_version[] = WEIR_VERSION, fixed_none[] = "";

static struct str
get_fixed(struct http_request *req, const void *data, struct str rest)
{
    (void)req;
    (void)rest;
    return str_of(data);
}

/* Of a body that a handler has asked for, and that is in memory. */
static struct str
get_request_body(struct http_request *req, const void *data, struct str rest)
{
    const struct request_body *body = http_main_request(req)->body;

    (void)data;
    (void)rest;
    return body != NULL && body->is_whole && body->fd < 0 ? body->bytes : STR_NONE;
}

static struct str
get_request_body_file(struct http_request *req, const void *data, struct str rest)
{
    (void)data;
    (void)rest;
    return http_request_body_name(http_main_request(req));
}

#define CAPTURE(n) .get = get_capture, .data = (const void *)(uintptr_t)(n)

const struct http_variable http_core_variables[] = {
    { "arg_", .get = get_arg },
    { "1", CAPTURE(1) },
    { "2", CAPTURE(2) },
    { "3", CAPTURE(3) },
    { "4", CAPTURE(4) },
    { "5", CAPTURE(5) },
    { "6", CAPTURE(6) },
    { "7", CAPTURE(7) },
    { "8", CAPTURE(8) },
    { "9", CAPTURE(9) },
    { "args", .get = get_args, .set = set_args },
    { "query_string", .get = get_args },
    { "proxy_protocol_addr", .get = get_proxied_addr, PROXIED(client) },
    { "proxy_protocol_port", .get = get_proxied_port, PROXIED(client) },
    { "proxy_protocol_server_addr", .get = get_proxied_addr, PROXIED(server) },
    { "proxy_protocol_server_port", .get = get_proxied_port, PROXIED(server) },
    { "proxy_protocol_tlv_", .get = get_proxied_tlv },
    { "binary_remote_addr", .get = get_binary_remote_addr },
    { "body_bytes_sent", .get = get_body_bytes_sent },
    { "bytes_sent", .get = get_bytes_sent },
    { "connection", .get = get_connection },
    { "connection_requests", .get = get_connection_requests },
    { "connection_time", .get = get_connection_time },
    { "content_length", .get = get_known_field, .data = (const void *)FIELD_CONTENT_LENGTH },
    { "content_type", .get = get_known_field, .data = (const void *)FIELD_CONTENT_TYPE },
    { "cookie_", .get = get_cookie },
    { "document_root", .get = get_document_root },
    { "document_uri", MEMBER(path) },
    { "uri", MEMBER(path) },
    { "host", .get = get_host },
    { "hostname", .get = get_hostname },
    { "http_referer", .get = get_known_field, .data = (const void *)FIELD_REFERER },
    { "http_user_agent", .get = get_known_field, .data = (const void *)FIELD_USER_AGENT },
    { "http_host", .get = get_known_field, .data = (const void *)FIELD_HOST },
    { "http_", .get = get_http },
    { "https", .get = get_fixed, .data = fixed_none },
    { "is_args", .get = get_is_args },
    { "is_request_port", .get = get_is_request_port },
    { "limit_rate", .get = get_limit_rate, .set = set_limit_rate },
    { "msec", .get = get_msec },
    { "pid", .get = get_pid },
    { "pipe", .get = get_pipe },
    { "realpath_root", .get = get_realpath_root },
    { "remote_addr", .get = get_remote_addr },
    { "remote_port", .get = get_remote_port },
    { "remote_user", .get = get_remote_user },
    { "request", MEMBER(request_line) },
    { "request_completion", .get = get_request_completion },
    { "request_filename", .get = get_request_filename },
    { "request_id", .get = get_request_id },
    { "request_length", .get = get_request_length },
    { "request_body", .get = get_request_body },
    { "request_body_file", .get = get_request_body_file },
    { "request_port", .get = get_request_port },
    { "request_method", MEMBER(method_name) },
    { "request_time", .get = get_request_time },
    { "request_time_ms", .get = get_request_time_ms },
    { "request_uri", .get = get_request_uri },
    { "scheme", .get = get_scheme },
    { "sent_http_", .get = get_sent_http },
    { "sent_trailer_", .get = get_sent_trailer },
    { "server_addr", .get = get_server_addr },
    { "server_name", .get = get_server_name },
    { "server_port", .get = get_server_port },
    { "server_protocol", MEMBER(protocol) },
    { "status", .get = get_status },
    { "tcpinfo_rtt", TCP_MEMBER(tcpi_rtt) },
    { "tcpinfo_rttvar", TCP_MEMBER(tcpi_rttvar) },
    { "tcpinfo_snd_cwnd", TCP_MEMBER(tcpi_snd_cwnd) },
    { "tcpinfo_rcv_space", TCP_MEMBER(tcpi_rcv_space) },
    { "time_iso8601", .get = get_time_iso8601 },
    { "time_local", .get = get_time_local },
    { "nginx_version", .get = get_fixed, .data = fixed_version },
    { "weir_version", .get = get_fixed, .data = fixed_version },
    { 0 }
};
