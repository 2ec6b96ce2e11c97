/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * network: blocks of addresses, as the conf file names those whom it trusts.
 */
#ifndef WEIR_NET_NETWORK_H
#define WEIR_NET_NETWORK_H

#include "base/str.h"
#include "net/address.h"

struct network {
    uint8_t ip[16];             /* as in struct peer; zeros behind its bits */
    uint16_t family;            /* AF_INET, AF_INET6; AF_UNIX: all Unix sockets */
    uint8_t bits;
};

/*
 * "192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "unix:". False when it is none of these. *low: the
 * address had bits behind the prefix, which count for nothing.
 */
bool network_parse(struct str text, struct network *network, bool *low);

/* Whether it is an IPv4 address that came over IPv6: ::ffff:192.0.2.1. */
bool peer_is_mapped_ipv4(const struct peer *peer);

/* The one address. */
struct network network_of(const struct peer *peer);

/* An IPv4 address that came over IPv6 is found in IPv4's blocks, too. */
bool network_has(const struct network *network, const struct peer *peer);

#endif
