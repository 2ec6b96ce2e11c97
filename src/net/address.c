/* SPDX-License-Identifier: BSD-2-Clause */
/* address: reading, comparing and writing socket addresses. */
#include "net/address.h"
#include "base/compiler.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stddef.h>

enum { DEFAULT_PORT = 80, HOST_MAX = 255 };

static struct address
ipv4(struct in_addr ip, uint16_t port)
{
    struct address a;

    memset(&a, 0, sizeof(a));
    a.len = sizeof(a.in);
    a.in.sin_family = AF_INET;
    a.in.sin_addr = ip;
    a.in.sin_port = htons(port);
    return a;
}

static struct address
ipv6(struct in6_addr ip, uint16_t port)
{
    struct address a;

    memset(&a, 0, sizeof(a));
    a.len = sizeof(a.in6);
    a.in6.sin6_family = AF_INET6;
    a.in6.sin6_addr = ip;
    a.in6.sin6_port = htons(port);
    return a;
}

static bool
parse_port(struct str text, uint16_t *port)
{
    uint64_t value;

    if (!str_to_uint(text, UINT16_MAX, &value) || value == 0)
        return false;
    *port = (uint16_t)value;
    return true;
}

/* NUL-terminated, for the functions of libc; at least a byte. */
static bool
copy_host(char host[HOST_MAX + 1], struct str text)
{
    if (text.len == 0 || text.len > HOST_MAX || memchr(text.p, '\0', text.len) != NULL)
        return false;
    memcpy(host, text.p, text.len);
    host[text.len] = '\0';
    return true;
}

static const char *
parse_unix(struct str path, struct address *out)
{
    if (path.len == 0)
        return "no path in the unix domain socket";
    if (path.len >= sizeof(out->un.sun_path))
        return "too long path in the unix domain socket";
    if (memchr(path.p, '\0', path.len) != NULL)
        return "invalid path in the unix domain socket";
    memset(out, 0, sizeof(*out));
    out->un.sun_family = AF_UNIX;
    memcpy(out->un.sun_path, path.p, path.len);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    return NULL;
}

/* "[::1]" or "[::1]:80" */
static const char *
parse_ipv6(struct str text, struct address *out)
{
    ptrdiff_t end = str_find(text, ']', 1);
    uint16_t port = DEFAULT_PORT;
    char host[HOST_MAX + 1];
    struct in6_addr ip;
    struct str rest;

    if (end < 0 || !copy_host(host, (struct str){ text.p + 1, (size_t)end - 1 })
        || inet_pton(AF_INET6, host, &ip) != 1)
        return "invalid IPv6 address";
    rest = str_from(text, (size_t)end + 1);
    if (rest.len > 0 && (rest.p[0] != ':' || !parse_port(str_from(rest, 1), &port)))
        return "invalid port";
    *out = ipv6(ip, port);
    return NULL;
}

/*
 * Only families that this machine has an address of are asked for; should it have none but
 * loopback, the resolver may call every name unknown, so that the question is put again without
 * the condition.
 */
static struct addrinfo *
look_up(const char *host)
{
    struct addrinfo hints = { .ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;

    if (getaddrinfo(host, NULL, &hints, &found) == 0)
        return found;
    hints.ai_flags = 0;
    return getaddrinfo(host, NULL, &hints, &found) == 0 ? found : NULL;
}

static bool
is_listed(const struct address *list, unsigned count, const struct address *a)
{
    for (unsigned i = 0; i < count; i++) {
        if (address_eq(&list[i], a))
            return true;
    }
    return false;
}

static const char *
resolve(const char *host, uint16_t port, struct address *out, unsigned max, unsigned *count)
{
    struct addrinfo *found = look_up(host);

    for (struct addrinfo *info = found; info != NULL && *count < max; info = info->ai_next) {
        struct address a;

        if (info->ai_family == AF_INET)
            a = ipv4(((struct sockaddr_in *)(void *)info->ai_addr)->sin_addr, port);
        else if (info->ai_family == AF_INET6)
            a = ipv6(((struct sockaddr_in6 *)(void *)info->ai_addr)->sin6_addr, port);
        else
            continue;
        if (!is_listed(out, *count, &a))
            out[(*count)++] = a;
    }
    if (found != NULL)
        freeaddrinfo(found);
    return *count > 0 ? NULL : "host not found";
}

static bool
is_number(struct str text)
{
    size_t i = 0;

    while (i < text.len && text.p[i] >= '0' && text.p[i] <= '9')
        i++;
    return text.len > 0 && i == text.len;
}

/* "80", "*:80", "127.0.0.1", "localhost:80" */
static const char *
parse_host(struct str text, struct address *out, unsigned max, unsigned *count)
{
    struct in_addr ip = { .s_addr = htonl(INADDR_ANY) };
    struct str name = text, port_text = STR_NONE;
    ptrdiff_t colon = str_find(text, ':', 0);
    uint16_t port = DEFAULT_PORT;
    char host[HOST_MAX + 1];

    if (is_number(text)) {
        name = STR("*");
        port_text = text;
    } else if (colon >= 0) {
        name.len = (size_t)colon;
        port_text = str_from(text, (size_t)colon + 1);
    }
    if (str_find(port_text, ':', 0) >= 0)
        return "an IPv6 address must stand in brackets";
    if (name.len == 0)
        return "no host";
    if (str_is_set(port_text) && !parse_port(port_text, &port))
        return "invalid port";
    if (!copy_host(host, name))
        return "invalid host";
    if (!str_eq(name, STR("*")) && inet_pton(AF_INET, host, &ip) != 1)
        return resolve(host, port, out, max, count);
    out[0] = ipv4(ip, port);
    *count = 1;
    return NULL;
}

const char *
address_parse(struct str text, struct address *out, unsigned max, unsigned *count)
{
    const char *wrong;

    *count = 0;
    if (str_starts(text, STR("unix:")))
        wrong = parse_unix(str_from(text, 5), &out[0]);
    else if (str_starts(text, STR("[")))
        wrong = parse_ipv6(text, &out[0]);
    else
        return parse_host(text, out, max, count);
    *count = wrong == NULL;
    return wrong;
}

bool
address_eq(const struct address *a, const struct address *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_INET)
        return a->in.sin_port == b->in.sin_port
               && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    if (a->sa.sa_family == AF_INET6)
        return a->in6.sin6_port == b->in6.sin6_port
               && a->in6.sin6_scope_id == b->in6.sin6_scope_id
               && IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr);
    return a->len == b->len && memcmp(&a->un, &b->un, a->len) == 0;
}

uint16_t
address_port(const struct address *a)
{
    if (a->sa.sa_family == AF_INET)
        return ntohs(a->in.sin_port);
    return a->sa.sa_family == AF_INET6 ? ntohs(a->in6.sin6_port) : 0;
}

void
address_set_port(struct address *a, uint16_t port)
{
    if (a->sa.sa_family == AF_INET)
        a->in.sin_port = htons(port);
    else if (a->sa.sa_family == AF_INET6)
        a->in6.sin6_port = htons(port);
}

bool
address_is_wildcard(const struct address *a)
{
    if (a->sa.sa_family == AF_INET)
        return a->in.sin_addr.s_addr == htonl(INADDR_ANY);
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}

bool
address_covers(const struct address *listening, const struct address *local)
{
    struct in_addr ip;

    if (address_eq(listening, local))
        return true;
    if (local->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&local->in6.sin6_addr)
        && listening->sa.sa_family == AF_INET) {
        memcpy(&ip, &local->in6.sin6_addr.s6_addr[12], sizeof(ip));
        return address_port(listening) == address_port(local)
            && (address_is_wildcard(listening) || listening->in.sin_addr.s_addr == ip.s_addr);
    }
    return address_is_wildcard(listening) && listening->sa.sa_family == local->sa.sa_family
           && address_port(listening) == address_port(local);
}

/* By hand, for it is written for each request: inet_ntop costs more than the line around it. */
static void
write_ipv4(struct writer *w, const uint8_t ip[4])
{
    char text[4 * 20], *p = text;

    for (unsigned i = 0; i < 4; i++) {
        if (i > 0)
            *p++ = '.';
        p = put_uint(p, ip[i]);
    }
    write_bytes(w, text, (size_t)(p - text));
}

static void
write_ipv6(struct writer *w, const void *ip)
{
    char text[INET6_ADDRSTRLEN];

    write_str(w, str_of(inet_ntop(AF_INET6, ip, text, sizeof(text))));
}

void
write_address(struct writer *w, const struct address *a)
{
    if (a->sa.sa_family == AF_UNIX) {
        write_str(w, STR("unix:"));
        write_str(w, str_of(a->un.sun_path));
        return;
    }
    if (a->sa.sa_family == AF_INET) {
        write_ipv4(w, (const uint8_t *)&a->in.sin_addr);
    } else {
        write_char(w, '[');
        write_ipv6(w, &a->in6.sin6_addr);
        write_char(w, ']');
    }
    write_char(w, ':');
    write_uint(w, address_port(a));
}

struct peer
peer_of(const struct sockaddr *sa, socklen_t len)
{
    const struct sockaddr_in6 *in6 = (const void *)sa;
    const struct sockaddr_in *in = (const void *)sa;
    struct peer peer = { .family = AF_UNIX };

    if (len < sizeof(sa->sa_family))
        return peer;
    if (sa->sa_family == AF_INET) {
        memcpy(peer.ip, &in->sin_addr, sizeof(in->sin_addr));
        peer.port = ntohs(in->sin_port);
        peer.family = AF_INET;
    } else if (sa->sa_family == AF_INET6) {
        memcpy(peer.ip, &in6->sin6_addr, sizeof(in6->sin6_addr));
        peer.port = ntohs(in6->sin6_port);
        peer.family = AF_INET6;
    }
    return peer;
}

bool
peer_parse_ip(struct str text, struct peer *peer)
{
    char host[HOST_MAX + 1];

    memset(peer, 0, sizeof(*peer));
    if (!copy_host(host, text))
        return false;
    peer->family = str_find(text, ':', 0) < 0 ? AF_INET : AF_INET6;
    return inet_pton(peer->family, host, peer->ip) == 1;
}

/* A colon that is the only one stands in front of a port, unless brackets say where it does. */
bool
peer_parse(struct str text, struct peer *peer)
{
    bool brackets = str_starts(text, STR("["));
    ptrdiff_t end = str_find(text, brackets ? ']' : ':', 0);
    struct str ip = text, rest = STR("");

    if (brackets && end < 0)
        return false;
    if (brackets || (end >= 0 && str_find(text, ':', (size_t)end + 1) < 0)) {
        ip = (struct str){ text.p + brackets, (size_t)end - brackets };
        rest = str_from(text, (size_t)end + brackets);
    }
    if (!peer_parse_ip(ip, peer) || (brackets && peer->family != AF_INET6))
        return false;
    return rest.len == 0 || (rest.p[0] == ':' && parse_port(str_from(rest, 1), &peer->port));
}

void
write_peer(struct writer *w, const struct peer *p)
{
    if (p->family == AF_INET)
        write_ipv4(w, p->ip);
    else if (p->family == AF_INET6)
        write_ipv6(w, p->ip);
    else
        write_str(w, STR("unix:"));
}
