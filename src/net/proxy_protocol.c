/* SPDX-License-Identifier: BSD-2-Clause */
/* proxy_protocol: both versions of the header, what is kept of them, and the TLVs of version 2. */
#include "net/proxy_protocol.h"
#include "base/compiler.h"

#include <arpa/inet.h>
#include <stdlib.h>

static const char signature[12] = { '\r', '\n', '\r', '\n', '\0', '\r', '\n',
                                    'Q', 'U', 'I', 'T', '\n' };

static enum proxy_verdict
bad(struct proxy_header *h, const char *reason)
{
    h->reason = reason;
    return PROXY_BAD;
}

static inline unsigned
byte_at(const char *p)
{
    return (unsigned char)*p;
}

static inline unsigned
u16_at(const char *p)
{
    return byte_at(p) << 8 | byte_at(p + 1);
}

static inline uint32_t
u32_at(const char *p)
{
    return (uint32_t)u16_at(p) << 16 | u16_at(p + 2);
}

/* ---- version 1 ----------------------------------------------------------------------------- */

/* The text up to the next blank or the end, "" behind the last; *rest is behind it, or STR_NONE. */
static struct str
next_word(struct str *rest)
{
    ptrdiff_t blank = str_find(*rest, ' ', 0);
    struct str word = *rest;

    if (!str_is_set(word))
        return STR("");
    if (blank < 0) {
        *rest = STR_NONE;
        return word;
    }
    word.len = (size_t)blank;
    *rest = str_from(*rest, word.len + 1);
    return word;
}

/* Blanks are single, so that an empty word is wrong like any other that is no address. */
static bool
parse_ip(struct str word, uint16_t family, struct peer *peer)
{
    char text[INET6_ADDRSTRLEN];

    if (word.len >= sizeof(text) || memchr(word.p, '\0', word.len) != NULL)
        return false;
    memcpy(text, word.p, word.len);
    text[word.len] = '\0';
    peer->family = family;
    return inet_pton(family, text, peer->ip) == 1;
}

/* No zeros in front: they could be taken for octal. */
static bool
parse_port(struct str word, struct peer *peer)
{
    uint64_t port;

    if (!str_to_uint(word, UINT16_MAX, &port) || (word.len > 1 && word.p[0] == '0'))
        return false;
    peer->port = (uint16_t)port;
    return true;
}

static enum proxy_verdict
read_addresses(struct str words, uint16_t family, struct proxy_header *h)
{
    struct str client = next_word(&words), server = next_word(&words);
    struct str client_port = next_word(&words), server_port = next_word(&words);

    if (!parse_ip(client, family, &h->client) || !parse_ip(server, family, &h->server))
        return bad(h, "invalid address");
    if (!parse_port(client_port, &h->client) || !parse_port(server_port, &h->server))
        return bad(h, "invalid port");
    if (str_is_set(words))
        return bad(h, "more than two addresses and ports");
    return PROXY_DONE;
}

/* Whether one begins as the other, as far as both go. */
static bool
agree(struct str a, struct str b)
{
    return memcmp(a.p, b.p, MIN(a.len, b.len)) == 0;
}

static enum proxy_verdict
read_text(struct str in, struct proxy_header *h)
{
    static const struct { struct str start; uint16_t family; } protocols[] = {
        { STR_INIT("PROXY TCP4 "), AF_INET }, { STR_INIT("PROXY TCP6 "), AF_INET6 },
        { STR_INIT("PROXY UNKNOWN"), AF_UNSPEC },
    };
    const char *end = memmem(in.p, MIN(in.len, PROXY_V1_MAX), "\r\n", 2);
    size_t i = 0;
    struct str rest;

    while (i < ARRAY_LEN(protocols) && !agree(in, protocols[i].start))
        i++;
    if (i == ARRAY_LEN(protocols))
        return bad(h, "no PROXY protocol");
    if (end == NULL)
        return in.len < PROXY_V1_MAX ? PROXY_MORE : bad(h, "too long");
    h->len = (size_t)(end - in.p) + 2;
    rest = str_from((struct str){ in.p, h->len - 2 }, protocols[i].start.len);
    if (protocols[i].family != AF_UNSPEC)
        return read_addresses(rest, protocols[i].family, h);
    /* Whatever stands behind UNKNOWN is to be ignored. */
    return rest.len == 0 || rest.p[0] == ' ' ? PROXY_DONE : bad(h, "unknown protocol");
}

/* ---- TLVs ---------------------------------------------------------------------------------- */

enum { TLV_CRC32C = 0x03, TLV_SSL = 0x20, TLV_START = 3, SSL_START = 5 };

/* The first TLV of *rest, and on to the next. False at the end, or when cut. */
static bool
next_tlv(struct str *rest, unsigned *type, struct str *value)
{
    if (rest->len < TLV_START)
        return false;
    value->p = rest->p + TLV_START;
    value->len = u16_at(rest->p + 1);
    if (value->len > rest->len - TLV_START)
        return false;
    *type = byte_at(rest->p);
    *rest = str_from(*rest, TLV_START + value->len);
    return true;
}

static bool
tlvs_are_whole(struct str tlvs)
{
    struct str value;
    unsigned type;

    while (next_tlv(&tlvs, &type, &value))
        ;
    return tlvs.len == 0;
}

static struct str
find_tlv(struct str tlvs, unsigned wanted)
{
    struct str value;
    unsigned type;

    while (next_tlv(&tlvs, &type, &value))
        if (type == wanted)
            return value;
    return STR_NONE;
}

/* Half a byte at a time: polynomial 0x1edc6f41, reflected. */
static uint32_t
crc32c(uint32_t crc, const char *p, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362,
        0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab,
        0xe330a81a, 0xf36e6f75,
    };

    for (size_t i = 0; i < len; i++) {
        crc ^= byte_at(p + i);
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

/* Over the whole header, the sum itself counted as zeros. */
static bool
is_intact(const char *p, const struct proxy_header *h)
{
    static const char zeros[4];
    struct str sum = find_tlv(h->tlvs, TLV_CRC32C);
    uint32_t crc;

    if (!str_is_set(sum))
        return true;
    if (sum.len != sizeof(zeros))
        return false;
    crc = crc32c(UINT32_MAX, p, (size_t)(sum.p - p));
    crc = crc32c(crc, zeros, sizeof(zeros));
    crc = crc32c(crc, sum.p + sum.len, h->len - (size_t)(sum.p + sum.len - p));
    return ~crc == u32_at(sum.p);
}

/* ---- version 2 ----------------------------------------------------------------------------- */

enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };

/* The families and transports that there are; datagrams cannot be what has brought this. */
static const struct proxied_kind {
    uint8_t code, ip_len;       /* bytes of an address */
    uint8_t block_len;          /* of both addresses and ports */
    bool told;                  /* it says who the client of this connection is */
    uint16_t family;
} kinds[] = {
    { 0x00, 0,  0,   false, AF_UNSPEC },
    { 0x11, 4,  12,  true,  AF_INET },
    { 0x12, 4,  12,  false, AF_INET },
    { 0x21, 16, 36,  true,  AF_INET6 },
    { 0x22, 16, 36,  false, AF_INET6 },
    { 0x31, 0,  216, true,  AF_UNIX },
    { 0x32, 0,  216, false, AF_UNIX },
};

static const struct proxied_kind *
kind_of(unsigned code)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].code == code)
            return &kinds[i];
    return NULL;
}

static void
take_addresses(const char *p, const struct proxied_kind *kind, struct proxy_header *h)
{
    const char *ports = p + 2 * kind->ip_len;

    h->client.family = h->server.family = kind->family;
    memcpy(h->client.ip, p, kind->ip_len);
    memcpy(h->server.ip, p + kind->ip_len, kind->ip_len);
    if (kind->family != AF_UNIX) {
        h->client.port = (uint16_t)u16_at(ports);
        h->server.port = (uint16_t)u16_at(ports + 2);
    }
}

static enum proxy_verdict
read_block(const char *p, const struct proxied_kind *kind, struct proxy_header *h)
{
    size_t before = PROXY_V2_START + kind->block_len;

    if (h->len < before)
        return bad(h, "too short for its addresses");
    h->tlvs = (struct str){ p + before, h->len - before };
    if (!tlvs_are_whole(h->tlvs)) {
        if (kind->family != AF_UNSPEC)
            return bad(h, "TLVs do not fill their room");
        h->tlvs = STR_NONE;     /* of an unknown family anything may follow */
    }
    if (!is_intact(p, h))
        return bad(h, "wrong checksum");
    if (kind->told)
        take_addresses(p + PROXY_V2_START, kind, h);
    return PROXY_DONE;
}

/* Refuses as soon as it can: what is wrong may be all that ever comes. */
static enum proxy_verdict
read_binary(struct str in, struct proxy_header *h)
{
    unsigned command = in.len > 12 ? byte_at(in.p + 12) : COMMAND_PROXY;
    const struct proxied_kind *kind = kind_of(in.len > 13 ? byte_at(in.p + 13) : 0);

    if (command >> 4 != 2)
        return bad(h, "unknown version");
    if (command != COMMAND_LOCAL && command != COMMAND_PROXY)
        return bad(h, "unknown command");
    if (command == COMMAND_PROXY && kind == NULL)
        return bad(h, "unknown family or transport");
    if (in.len < PROXY_V2_START)
        return PROXY_MORE;
    h->len = PROXY_V2_START + u16_at(in.p + 14);
    if (h->len > PROXY_HEADER_MAX)
        return bad(h, "too long");
    if (in.len < h->len)
        return PROXY_MORE;
    /* LOCAL: the proxy speaks for itself; what follows is to be skipped, its family included. */
    return command == COMMAND_LOCAL ? PROXY_DONE : read_block(in.p, kind, h);
}

enum proxy_verdict
proxy_header_read(const char *p, size_t len, struct proxy_header *h)
{
    struct str in = { p, len };

    memset(h, 0, sizeof(*h));
    if (len == 0)
        return PROXY_MORE;
    if (agree(in, (struct str){ signature, sizeof(signature) }))
        return read_binary(in, h);
    return read_text(in, h);
}

/* ---- what is kept -------------------------------------------------------------------------- */

static struct proxied *
create(const struct peer *client, const struct peer *server, const char *tlvs, size_t tlvs_len)
{
    struct proxied *proxied = malloc(sizeof(*proxied) + tlvs_len);

    if (proxied == NULL)
        return NULL;
    proxied->client = *client;
    proxied->server = *server;
    proxied->counted = false;
    proxied->tlvs_len = (uint16_t)tlvs_len;
    if (tlvs_len > 0)
        memcpy(proxied->tlvs, tlvs, tlvs_len);
    return proxied;
}

struct proxied *
proxied_create(const struct proxy_header *h)
{
    return create(&h->client, &h->server, h->tlvs.p, h->tlvs.len);
}

void
proxied_free(struct proxied *proxied)
{
    free(proxied);
}

static struct str
tlvs_of(const struct proxied *proxied)
{
    return (struct str){ proxied->tlvs, proxied->tlvs_len };
}

/* In front of the TLVs within: a byte of flags, four of the verdict. */
static struct str
ssl_of(const struct proxied *proxied)
{
    struct str ssl = find_tlv(tlvs_of(proxied), TLV_SSL);

    return ssl.len < SSL_START ? STR_NONE : ssl;
}

bool
proxied_ssl_verify(const struct proxied *proxied, uint32_t *verify)
{
    struct str ssl = ssl_of(proxied);

    if (!str_is_set(ssl))
        return false;
    *verify = u32_at(ssl.p + 1);
    return true;
}

static const struct { struct str name; unsigned type; } tlv_names[] = {
    { STR_INIT("alpn"),        0x01 }, { STR_INIT("authority"),   0x02 },
    { STR_INIT("unique_id"),   0x05 }, { STR_INIT("ssl"),         TLV_SSL },
    { STR_INIT("netns"),       0x30 }, { STR_INIT("ssl_version"), 0x21 },
    { STR_INIT("ssl_cn"),      0x22 }, { STR_INIT("ssl_cipher"),  0x23 },
    { STR_INIT("ssl_sig_alg"), 0x24 }, { STR_INIT("ssl_key_alg"), 0x25 },
};

struct str
proxied_tlv(const struct proxied *proxied, struct str name)
{
    bool within = str_starts(name, STR("ssl_"));
    struct str tlvs = within ? str_from(ssl_of(proxied), SSL_START) : tlvs_of(proxied);
    struct str number = str_from(name, within ? 4 : 0);
    uint64_t type;

    if (str_starts(number, STR("0x")) && str_to_hex(str_from(number, 2), UINT8_MAX, &type))
        return find_tlv(tlvs, (unsigned)type);
    for (size_t i = 0; i < ARRAY_LEN(tlv_names); i++)
        if (str_eq(name, tlv_names[i].name))
            return find_tlv(tlvs, tlv_names[i].type);
    return STR_NONE;
}

/* ---- flat bytes ---------------------------------------------------------------------------- */

/* A format, then family, port and address of client and server, then the TLVs with their length. */
enum { FLAT_FORMAT = 1, FLAT_PEER = 19, FLAT_START = 1 + 2 * FLAT_PEER + 2 };

/* The numbers of a family in the flat bytes are their own, not the system's. */
static const uint16_t flat_families[] = { AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6 };

static uint8_t *
put_peer(uint8_t *p, const struct peer *peer)
{
    p[0] = 0;
    while (flat_families[p[0]] != peer->family)
        p[0]++;
    p[1] = (uint8_t)(peer->port >> 8);
    p[2] = (uint8_t)peer->port;
    memcpy(p + 3, peer->ip, sizeof(peer->ip));
    return p + FLAT_PEER;
}

static bool
get_peer(const uint8_t *p, struct peer *peer)
{
    if (p[0] >= ARRAY_LEN(flat_families))
        return false;
    peer->family = flat_families[p[0]];
    peer->port = (uint16_t)(p[1] << 8 | p[2]);
    memcpy(peer->ip, p + 3, sizeof(peer->ip));
    return true;
}

size_t
proxied_encode(const struct proxied *proxied, uint8_t *p)
{
    uint8_t *start = p;

    *p++ = FLAT_FORMAT;
    p = put_peer(p, &proxied->client);
    p = put_peer(p, &proxied->server);
    *p++ = (uint8_t)(proxied->tlvs_len >> 8);
    *p++ = (uint8_t)proxied->tlvs_len;
    memcpy(p, proxied->tlvs, proxied->tlvs_len);
    return (size_t)(p - start) + proxied->tlvs_len;
}

struct proxied *
proxied_decode(const uint8_t *p, size_t len)
{
    const char *bytes = (const char *)p;
    struct peer client, server;
    struct str tlvs;

    if (len < FLAT_START || len > PROXIED_FLAT_MAX || p[0] != FLAT_FORMAT
        || !get_peer(p + 1, &client) || !get_peer(p + 1 + FLAT_PEER, &server))
        return NULL;
    tlvs = (struct str){ bytes + FLAT_START, len - FLAT_START };
    if (u16_at(bytes + FLAT_START - 2) != tlvs.len || !tlvs_are_whole(tlvs))
        return NULL;
    return create(&client, &server, tlvs.p, tlvs.len);
}
