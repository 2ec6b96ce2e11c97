/* SPDX-License-Identifier: BSD-2-Clause */
/* network: reading blocks of addresses, and finding addresses in them. */
#include "net/network.h"
#include "base/compiler.h"

static unsigned
bits_of(uint16_t family)
{
    return family == AF_INET ? 32 : family == AF_INET6 ? 128 : 0;
}

/* Clears what lies behind the block's bits; whether there was anything. */
static bool
clear_low_bits(struct network *network)
{
    bool low = false;

    for (unsigned i = 0; i < sizeof(network->ip); i++) {
        unsigned kept = network->bits > 8 * i ? MIN(network->bits - 8 * i, 8) : 0;
        uint8_t mask = (uint8_t)(0xff00 >> kept);

        low = low || (network->ip[i] & ~mask) != 0;
        network->ip[i] &= mask;
    }
    return low;
}

struct network
network_of(const struct peer *peer)
{
    struct network network = { .family = peer->family, .bits = (uint8_t)bits_of(peer->family) };

    memcpy(network.ip, peer->ip, sizeof(network.ip));
    return network;
}

bool
network_parse(struct str text, struct network *network, bool *low)
{
    ptrdiff_t slash = str_find(text, '/', 0);
    struct str ip = { text.p, slash < 0 ? text.len : (size_t)slash };
    struct peer peer = { .family = AF_UNIX };
    uint64_t bits;

    *low = false;
    if (str_eq(text, STR("unix:"))) {
        *network = network_of(&peer);
        return true;
    }
    if (!peer_parse_ip(ip, &peer))
        return false;
    *network = network_of(&peer);
    if (slash < 0)
        return true;
    if (!str_to_uint(str_from(text, ip.len + 1), network->bits, &bits))
        return false;
    network->bits = (uint8_t)bits;
    *low = clear_low_bits(network);
    return true;
}

bool
peer_is_mapped_ipv4(const struct peer *peer)
{
    static const uint8_t start[12] = { [10] = 0xff, [11] = 0xff };

    return peer->family == AF_INET6 && memcmp(peer->ip, start, sizeof(start)) == 0;
}

bool
network_has(const struct network *network, const struct peer *peer)
{
    const uint8_t *ip = peer->ip;
    unsigned whole = network->bits / 8, rest = network->bits % 8;

    if (network->family == AF_INET && peer_is_mapped_ipv4(peer))
        ip += 12;
    else if (network->family != peer->family)
        return false;
    return memcmp(ip, network->ip, whole) == 0
           && (rest == 0 || (ip[whole] & 0xff00 >> rest & 0xff) == network->ip[whole]);
}
