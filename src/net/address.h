/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address: where to listen, and who is there.
 */
#ifndef WEIR_NET_ADDRESS_H
#define WEIR_NET_ADDRESS_H

#include "base/writer.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Any address that we can listen on. */
struct address {
    socklen_t len;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
};

/* A peer's address in the 20 bytes that a connection slot can spare. */
struct peer {
    uint8_t ip[16];             /* AF_INET: the first 4; AF_UNIX: none */
    uint16_t port;              /* host byte order */
    uint16_t family;            /* AF_INET, AF_INET6, AF_UNIX */
};

/*
 * What stands behind "listen": "80", "*:80", "127.0.0.1", "127.0.0.1:80", "localhost:80",
 * "[::1]:80", "[::]", "unix:/path". A port that is missing is 80. Names are resolved now, which
 * may block; all their addresses are given, as many as fit: *count is at most max. NULL when it
 * went well, otherwise what is wrong, as a text for the error line (static).
 */
const char *address_parse(struct str text, struct address *out, unsigned max, unsigned *count);

bool address_eq(const struct address *a, const struct address *b);
/* Host byte order; 0 for a Unix socket. */
uint16_t address_port(const struct address *a);
void address_set_port(struct address *a, uint16_t port);
/* 0.0.0.0 or [::] */
bool address_is_wildcard(const struct address *a);
/* Whether a socket that listens there gets what comes to `local`. */
bool address_covers(const struct address *listening, const struct address *local);

/*
 * "127.0.0.1:80", "[::1]:80", "unix:/path"; "*:80" is written as "0.0.0.0:80", as nginx does in its
 * messages.
 */
void write_address(struct writer *w, const struct address *a);
enum { ADDRESS_TEXT_MAX = 128 };

struct peer peer_of(const struct sockaddr *sa, socklen_t len);
/* "192.0.2.1", "2001:db8::1": exactly an address, port 0. False: it is none, *peer is undefined. */
bool peer_parse_ip(struct str text, struct peer *peer);
/*
 * The same with a port or without: "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80"; a port that
 * is missing is 0.
 */
bool peer_parse(struct str text, struct peer *peer);
/* Without port: "127.0.0.1", "::1" , "unix:" ($remote_addr). */
void write_peer(struct writer *w, const struct peer *p);

#endif
