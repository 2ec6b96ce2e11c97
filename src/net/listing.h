/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listing: the connections of a pool as text, for an operator who wants to see who is there.
 */
#ifndef WEIR_NET_LISTING_H
#define WEIR_NET_LISTING_H

#include "base/writer.h"
#include "net/pool.h"

/*
 * A line for each of at most `most` connections, busy ones before idle ones; the last line tells
 * how many more there are. Fields are separated by tabs:
 *     pid, generation of the configuration, number (*CONN of the log), state, peer, local address,
 *     age in ms, ms since the last answer or since the peer is silent, requests, bytes received,
 *     bytes sent
 * Bytes are what the kernel has counted, 0 for a Unix socket. "more", pid, and the number for the
 * rest.
 */
void write_connections(struct writer *w, struct pool *pool, unsigned most);

#endif
