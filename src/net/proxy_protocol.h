/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy_protocol: what a proxy says of the client before the client's own bytes come; versions 1
 * (a line of text) and 2 (binary), as the public specification "The PROXY protocol" has them.
 *
 * Read strictly: what is not exactly a header is refused, for whoever can make us misread it chooses
 * who he is.
 */
#ifndef WEIR_NET_PROXY_PROTOCOL_H
#define WEIR_NET_PROXY_PROTOCOL_H

#include "base/str.h"
#include "net/address.h"

enum {
    PROXY_V1_MAX = 107,         /* bytes of a line, CRLF included */
    PROXY_V2_START = 16,        /* bytes in front of the addresses */
    PROXY_V2_REST_MAX = 4096,   /* addresses and TLVs: longer ones are refused */
    PROXY_HEADER_MAX = PROXY_V2_START + PROXY_V2_REST_MAX
};

enum proxy_verdict {
    PROXY_MORE,                 /* a begin of a header; fewer than PROXY_HEADER_MAX bytes */
    PROXY_DONE,
    PROXY_BAD                   /* whatever may follow, this is no header */
};

struct proxy_header {
    size_t len;                 /* of the header: the client's own bytes follow */
    struct peer client, server; /* family AF_UNSPEC: not told, those of the connection hold */
    struct str tlvs;            /* of version 2, found to be whole; they point into the bytes read */
    const char *reason;         /* with PROXY_BAD: what is wrong, static text */
};

/*
 * Reads a header that begins at p. Keeps nothing from call to call: with PROXY_MORE it is called
 * again with all bytes so far and some more. *h is complete with PROXY_DONE.
 */
enum proxy_verdict proxy_header_read(const char *p, size_t len, struct proxy_header *h);

/*
 * What stays of a header while its connection lives. The caller owns it; proxied_free.
 */
struct proxied {
    struct peer client, server; /* as in struct proxy_header */
    bool counted;               /* the owner's: the connection counts as the client's */
    uint16_t tlvs_len;
    char tlvs[];
};

/* NULL when memory is short. */
struct proxied *proxied_create(const struct proxy_header *h);
void proxied_free(struct proxied *proxied);

/*
 * The value of a TLV, good as long as the struct; STR_NONE: not sent. name, in small letters, is
 * one of alpn, authority, unique_id, ssl, netns, or a number as 0x01; those within the ssl one
 * are ssl_version, ssl_cn, ssl_cipher, ssl_sig_alg, ssl_key_alg, or a number as ssl_0x21.
 */
struct str proxied_tlv(const struct proxied *proxied, struct str name);
/*
 * What came of the check of the client's certificate: 0 it was shown and is good. False: nothing
 * was said of TLS.
 */
bool proxied_ssl_verify(const struct proxied *proxied, uint32_t *verify);

/* For another process that takes over the connection: flat bytes that depend on no machine. */
enum { PROXIED_FLAT_MAX = 41 + PROXY_V2_REST_MAX };
/* Writes at most PROXIED_FLAT_MAX bytes at p; returns how many. */
size_t proxied_encode(const struct proxied *proxied, uint8_t *p);
/* The caller owns the result. NULL: the bytes are not what proxied_encode wrote, or no memory. */
struct proxied *proxied_decode(const uint8_t *p, size_t len);

#endif
