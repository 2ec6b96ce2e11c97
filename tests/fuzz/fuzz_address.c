/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_address: any text as an address of a client, of a listener, and as a block of addresses. What
 * is read and written is read again as the same.
 */
#include "fuzz.h"
#include "no_names.h"

#include "net/network.h"

#include <arpa/inet.h>

enum { TEXT_MAX = 512 };

static bool
same_ip(const struct peer *a, const struct peer *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static void
try_peer(struct str text)
{
    char room[TEXT_MAX];
    struct writer w = writer_at(room, sizeof(room));
    struct peer ip, peer, again;
    bool is_ip = peer_parse_ip(text, &ip), is_peer = peer_parse(text, &peer);

    if (is_ip)
        require(is_peer && same_ip(&ip, &peer) && ip.port == 0 && peer.port == 0);
    if (!is_peer)
        return;
    require(peer.family == AF_INET || peer.family == AF_INET6);
    write_peer(&w, &peer);
    require(w.ok && peer_parse_ip(writer_str(&w), &again) && same_ip(&again, &peer));
    require(network_of(&peer).bits == (peer.family == AF_INET ? 32 : 128));
}

static void
try_listen(struct str text)
{
    char room[TEXT_MAX];
    struct writer w = writer_at(room, sizeof(room));
    struct address address, again;
    unsigned count = 7;
    const char *wrong = address_parse(text, &address, 1, &count);

    require((wrong == NULL) == (count == 1) && count <= 1);
    if (wrong != NULL)
        return;
    require(address.sa.sa_family == AF_UNIX || address_port(&address) != 0);
    require(address_eq(&address, &address) && address_covers(&address, &address));
    write_address(&w, &address);
    require(w.ok && w.p - w.start < ADDRESS_TEXT_MAX);
    require(address_parse(writer_str(&w), &again, 1, &count) == NULL && count == 1);
    require(address_eq(&address, &again));
}

/* Bit by bit. An IPv4 address that came over IPv6 is IPv4's, too. */
static bool
plain_has(const struct network *network, const struct peer *peer)
{
    const uint8_t *ip = peer->ip;

    if (network->family == AF_INET && peer_is_mapped_ipv4(peer))
        ip += 12;
    else if (network->family != peer->family)
        return false;
    for (unsigned bit = 0; bit < network->bits; bit++)
        if (((ip[bit / 8] ^ network->ip[bit / 8]) & 0x80 >> bit % 8) != 0)
            return false;
    return true;
}

static void
try_network(struct str text, const struct peer *other)
{
    struct network network;
    bool low = false;
    struct peer first = { 0 };

    if (!network_parse(text, &network, &low))
        return;
    require(network.bits <= (network.family == AF_INET ? 32 : 128));
    first.family = network.family;
    memcpy(first.ip, network.ip, sizeof(first.ip));
    require(network_has(&network, &first));
    require(network_has(&network, other) == plain_has(&network, other));
    for (unsigned bit = 0; network.family != AF_UNIX && bit < 128; bit++) {
        if (bit >= 32 && network.family == AF_INET)
            break;
        first.ip[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        require(network_has(&network, &first) == (bit >= network.bits));
        first.ip[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
    }
}

/* Sixteen bytes and one are a client, the rest is the text. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, MIN(size, TEXT_MAX / 2) };
    struct peer peer = { .family = AF_INET6 };

    try_peer(rest);
    try_listen(rest);
    if (take_byte(&rest) % 2 == 0)
        peer.family = AF_INET;
    for (unsigned i = 0; i < (peer.family == AF_INET ? 4 : 16); i++)
        peer.ip[i] = (uint8_t)take_byte(&rest);
    try_network(rest, &peer);
    return 0;
}
