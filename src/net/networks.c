/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/networks.h"
#include "base/compiler.h"
#include <stdlib.h>

enum { NONE = -1, MAX_DEPTH = 129 };    /* one block within another: a bit more each time */

/* An address as a number; those of IPv4 fill the upper bits. */
typedef unsigned __int128 number;

/* From `start` up to the next one's, addresses meet `first`. */
struct stretch {
    number start;
    int32_t first;              /* NONE: no block has them */
};

/* Those of one family, sorted; what lies before the first is in no block. */
struct stretches {
    struct stretch *items;
    uint32_t len;
};

struct networks {
    struct stretches ipv4, ipv6;
    int32_t first_unix;
};

/* ---- building ------------------------------------------------------------------------------ */

struct block {
    number start, end;          /* both in it */
    int32_t index;
};

static number
number_of(const uint8_t ip[16])
{
    number n = 0;

    for (unsigned i = 0; i < 16; i++)
        n = n << 8 | ip[i];
    return n;
}

static struct block
block_of(const struct network *network, uint32_t index)
{
    number start = number_of(network->ip);
    number behind = network->bits >= 128 ? 0 : ~(number)0 >> network->bits;

    return (struct block){ start, start | behind, (int32_t)index };
}

/* What begins first; then what holds the other; then what stands first in the list. */
static int
compare_blocks(const void *left, const void *right)
{
    const struct block *a = left, *b = right;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->end != b->end)
        return a->end > b->end ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static void
begin_stretch(struct stretches *s, number start, int32_t first)
{
    if (s->len > 0 && s->items[s->len - 1].start == start)
        s->len--;
    if (s->len > 0 && s->items[s->len - 1].first == first)
        return;
    s->items[s->len++] = (struct stretch){ start, first };
}

/*
 * The blocks that hold the present place and are met there, the outermost first: each stands before
 * the outer one in the list. Blocks lie within each other or apart, never across.
 */
struct open_blocks {
    struct { number end; int32_t first; } items[MAX_DEPTH];
    unsigned len;
};

static void
close_block(struct open_blocks *open, struct stretches *s)
{
    number end = open->items[--open->len].end;

    if (end != ~(number)0)
        begin_stretch(s, end + 1, open->len > 0 ? open->items[open->len - 1].first : NONE);
}

static void
open_block(struct open_blocks *open, struct stretches *s, const struct block *block)
{
    if (open->len > 0 && open->items[open->len - 1].first < block->index)
        return;                 /* whoever is in it has met another before */
    open->items[open->len].end = block->end;
    open->items[open->len++].first = block->index;
    begin_stretch(s, block->start, block->index);
}

static void
cut(struct stretches *s, const struct block *blocks, uint32_t len)
{
    struct open_blocks open = { .len = 0 };

    for (uint32_t i = 0; i < len; i++) {
        while (open.len > 0 && open.items[open.len - 1].end < blocks[i].start)
            close_block(&open, s);
        open_block(&open, s, &blocks[i]);
    }
    while (open.len > 0)
        close_block(&open, s);
}

static bool
build_family(struct arena *arena, struct stretches *s, struct block *blocks, uint32_t len)
{
    s->items = arena_zalloc_array(arena, sizeof(*s->items), 2 * (size_t)len);
    if (s->items == NULL)
        return false;
    if (len > 0)
        qsort(blocks, len, sizeof(*blocks), compare_blocks);
    cut(s, blocks, len);
    return true;
}

static uint32_t
blocks_of(const struct network *list, uint32_t len, uint16_t family, struct block *blocks)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < len; i++)
        if (list[i].family == family)
            blocks[count++] = block_of(&list[i], i);
    return count;
}

struct networks *
networks_build(struct arena *arena, const struct network *list, uint32_t len)
{
    struct networks *networks = ARENA_NEW(arena, struct networks);
    struct block *blocks = calloc((size_t)len + 1, sizeof(*blocks));
    bool ok = networks != NULL && blocks != NULL;

    ok = ok && build_family(arena, &networks->ipv4, blocks, blocks_of(list, len, AF_INET, blocks))
         && build_family(arena, &networks->ipv6, blocks, blocks_of(list, len, AF_INET6, blocks));
    free(blocks);
    if (!ok)
        return NULL;
    networks->first_unix = NONE;
    for (uint32_t i = len; i-- > 0; )
        if (list[i].family == AF_UNIX)
            networks->first_unix = (int32_t)i;
    return networks;
}

/* ---- finding ------------------------------------------------------------------------------- */

static int32_t
find(const struct stretches *s, number n)
{
    uint32_t from = 0, to = s->len;     /* the one sought is before `to` */

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (s->items[middle].start <= n)
            from = middle + 1;
        else
            to = middle;
    }
    return from > 0 ? s->items[from - 1].first : NONE;
}

/* Both, or the one that there is. */
static int32_t
earlier(int32_t a, int32_t b)
{
    return a == NONE ? b : b == NONE ? a : MIN(a, b);
}

int32_t
networks_find(const struct networks *networks, const struct peer *peer)
{
    uint8_t ipv4[16] = { 0 };

    if (peer->family != AF_INET && peer->family != AF_INET6)
        return networks->first_unix;
    if (peer->family == AF_INET6 && !peer_is_mapped_ipv4(peer))
        return find(&networks->ipv6, number_of(peer->ip));
    memcpy(ipv4, peer->ip + (peer->family == AF_INET6 ? 12 : 0), 4);
    if (peer->family == AF_INET)
        return find(&networks->ipv4, number_of(ipv4));
    return earlier(find(&networks->ipv4, number_of(ipv4)),
                   find(&networks->ipv6, number_of(peer->ip)));
}
