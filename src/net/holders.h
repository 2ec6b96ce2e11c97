/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * holders: who holds how many of a worker's connections.
 *
 * A holder is an IPv4 address, the first 64 bits of an IPv6 address (a site has at least so many to
 * give away), or all peers on Unix sockets together. A connection comes to its holder when it is
 * accepted and leaves it when it is closed; what happens in between costs nothing here. Holders lie
 * in lists by the order of magnitude of what they hold, so that the biggest are found at once, and
 * the connections of each in a ring with a hand that goes on where it stopped, so that looking for
 * some of them is bounded however many there are.
 */
#ifndef WEIR_NET_HOLDERS_H
#define WEIR_NET_HOLDERS_H

#include "net/address.h"

enum { HOLDER_CLASSES = 32 };

/* All in indexes: of slots, and of holders + 1 where 0 means none. */
struct holders {
    uint32_t slots;             /* connections at most, and so holders */
    uint32_t len;               /* holders now */
    uint32_t touched;           /* of `table`: used at least once */
    uint32_t free;              /* a list by next_same */
    uint32_t mask;              /* of the buckets */
    uint32_t *buckets;          /* by hash of the address */
    struct holder *table;
    struct seat *seats;         /* by slot */
    uint32_t classes[HOLDER_CLASSES];       /* first of those that hold 2^i to 2^(i+1) - 1 */
    uint32_t class_len[HOLDER_CLASSES];
};

/* False with errno when memory is short. */
bool holders_init(struct holders *holders, uint32_t slots);
void holders_fini(struct holders *holders);

/* The slot must have no holder, or must have one, respectively. */
void holders_add(struct holders *holders, uint32_t slot, const struct peer *peer);
void holders_remove(struct holders *holders, uint32_t slot);

/* How many connections the slot's holder has, this one included. */
uint32_t holders_count(const struct holders *holders, uint32_t slot);

/* What comes of a look at one connection. */
enum holders_look {
    HOLDERS_NEXT,               /* show another, of this holder or the next */
    HOLDERS_ENOUGH
};

/*
 * Shows connections of those who hold more than `share` (at least 1), the biggest holder first (to
 * a factor of two), each holder's from where the last scan stopped: at most `each` of one holder
 * and `most` in all. look may remove the slot that it is shown, no other; a holder that has no more
 * than its share any longer is left alone.
 */
struct holders_scan {
    uint32_t share;
    unsigned each, most;
    enum holders_look (*look)(void *ctx, uint32_t slot);
    void *ctx;
};
void holders_scan(struct holders *holders, const struct holders_scan *scan);

#endif
