/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * networks: many blocks of addresses in an order, and which of them an address meets first.
 *
 * They are cut into stretches of addresses that meet the same one; a search halves these, so that
 * ten thousand blocks cost fourteen comparisons.
 */
#ifndef WEIR_NET_NETWORKS_H
#define WEIR_NET_NETWORKS_H

#include "base/arena.h"
#include "net/network.h"

struct networks;

/* NULL when memory is short. */
struct networks *networks_build(struct arena *arena, const struct network *list, uint32_t len);

/* The index in the list of the first that has the address (network_has), -1: none has. */
int32_t networks_find(const struct networks *networks, const struct peer *peer);

#endif
