/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * atlas: which number an address has, by areas of addresses that lie within each other: the
 * narrowest that has it counts.
 *
 * Areas are drafted in any order, then cut into stretches, one behind the other, of which a search
 * halves the number: a million areas cost twenty comparisons.
 */
#ifndef WEIR_NET_ATLAS_H
#define WEIR_NET_ATLAS_H

#include "base/arena.h"
#include "net/network.h"

/* From first to last, both in it, and both of one family. */
struct atlas_range {
    struct peer first, last;
};

/* The addresses of a block that is not of Unix sockets. */
struct atlas_range atlas_range_of(const struct network *network);
/* "192.0.2.1-192.0.2.9", of either family. False when it is none, or its end comes first. */
bool atlas_range_parse(struct str text, struct atlas_range *range);

/* What is wrong with a draft. */
enum atlas_mistake {
    ATLAS_TWICE,                /* the area was there: from now on it has the later number */
    ATLAS_NOT_THERE,            /* what is to be taken out was not there */
    ATLAS_ACROSS                /* it and the other lie across each other: an error */
};

/* An area of a draft, as whoever drafted it knows it. */
struct atlas_name {
    const void *tag;
    uint32_t number;
};

struct atlas_draft;

/* The draft lives in scratch. NULL when memory is short. */
struct atlas_draft *atlas_begin(struct arena *scratch);
/* number: from 1. False when memory is short. */
bool atlas_add(struct atlas_draft *draft, const struct atlas_range *range, struct atlas_name name);
/* The very area is taken out again, if it was added before. */
bool atlas_remove(struct atlas_draft *draft, const struct atlas_range *range, const void *tag);

/* Whoever is told of mistakes; other is the area that was there before. */
struct atlas_reader {
    void (*tell)(void *ctx, enum atlas_mistake mistake, struct atlas_name area,
                 struct atlas_name other);
    void *ctx;
    bool leaves_holes;          /* where an area was taken out, that around it does not count */
};

struct atlas;

/* NULL when memory is short. */
const struct atlas *atlas_finish(struct atlas_draft *draft, struct arena *arena,
                                 const struct atlas_reader *reader);

/*
 * The number of the address, 0: no area has it. An IPv4 address that came over IPv6 is looked for
 * among IPv4's, where areas of ::ffff:0:0/96 are, too; a Unix socket has none.
 */
uint32_t atlas_find(const struct atlas *atlas, const struct peer *peer);

#endif
