/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_atlas: lines of blocks and ranges, "-" in front of those that are taken out; what is found
 * is what a look at each area finds.
 */
#include "fuzz.h"

#include "net/atlas.h"

enum { AREAS_MAX = 64 };

static struct {
    struct atlas_range range;
    bool is_in;                 /* not taken out, nor given another number, nor refused */
} areas[AREAS_MAX];
static uint32_t len;

static void
tell(void *ctx, enum atlas_mistake mistake, struct atlas_name area, struct atlas_name other)
{
    (void)other;
    require(area.number <= len);
    if (mistake == ATLAS_ACROSS)
        *(bool *)ctx = true;
}

/* An address with IPv4 in its mapped form, so that it compares as bytes. */
static void
widen(const struct peer *peer, uint8_t ip[16])
{
    static const uint8_t start[12] = { [10] = 0xff, [11] = 0xff };

    memcpy(ip, peer->family == AF_INET ? start : peer->ip, 12);
    memcpy(ip + 12, peer->ip + (peer->family == AF_INET ? 0 : 12), 4);
}

static bool
is_mapped(const struct peer *peer)
{
    return peer->family == AF_INET || peer_is_mapped_ipv4(peer);
}

static bool
lies_in(const struct atlas_range *outer, const struct peer *first, const struct peer *last)
{
    uint8_t from[16], to[16], begin[16], end[16];

    widen(&outer->first, from);
    widen(&outer->last, to);
    widen(first, begin);
    widen(last, end);
    return memcmp(from, begin, 16) <= 0 && memcmp(end, to, 16) <= 0;
}

/* IPv4 is looked for among IPv4's areas alone. */
static bool
is_of_ipv4(const struct atlas_range *range)
{
    return is_mapped(&range->first) && is_mapped(&range->last);
}

static bool
has(const struct atlas_range *range, const struct peer *peer)
{
    return is_mapped(peer) == is_of_ipv4(range) && lies_in(range, peer, peer);
}

static bool
is_same(const struct atlas_range *a, const struct atlas_range *b)
{
    return lies_in(a, &b->first, &b->last) && lies_in(b, &a->first, &a->last);
}

static void
look_for(const struct atlas *atlas, const struct peer *peer)
{
    uint32_t best = 0;

    for (uint32_t i = 0; i < len; i++)
        if (areas[i].is_in && has(&areas[i].range, peer)
            && (best == 0 || lies_in(&areas[best - 1].range, &areas[i].range.first,
                                     &areas[i].range.last)))
            best = i + 1;
    require(atlas_find(atlas, peer) == best);
}

static void
look_around(const struct atlas *atlas, struct peer peer)
{
    unsigned end = peer.family == AF_INET ? 4 : 16;

    look_for(atlas, &peer);
    peer.ip[end - 1]++;
    look_for(atlas, &peer);
    peer.ip[end - 1] = (uint8_t)(peer.ip[end - 1] - 2);
    look_for(atlas, &peer);
}

static void
draft_line(struct atlas_draft *draft, struct str line)
{
    bool out = str_starts(line, STR("-"));
    struct network network;
    struct atlas_range range;
    bool low;

    line = str_from(line, out);
    if (!atlas_range_parse(line, &range)) {
        if (!network_parse(line, &network, &low) || network.family == AF_UNIX)
            return;
        range = atlas_range_of(&network);
    }
    for (uint32_t i = 0; i < len; i++)
        if (is_same(&areas[i].range, &range))
            areas[i].is_in = false;
    areas[len].range = range;
    areas[len].is_in = !out;
    len++;
    require(out ? atlas_remove(draft, &range, "")
                : atlas_add(draft, &range, (struct atlas_name){ "", len }));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct arena *arena = arena_create(4096, 0);
    bool across = false;
    struct atlas_reader reader = { .tell = tell, .ctx = &across };
    struct atlas_draft *draft;
    const struct atlas *atlas;

    require(arena != NULL && (draft = atlas_begin(arena)) != NULL);
    for (len = 0; text.len > 0 && len < AREAS_MAX; ) {
        ptrdiff_t end = str_find(text, '\n', 0);
        struct str line = { text.p, end < 0 ? text.len : (size_t)end };

        text = str_from(text, line.len + 1);
        draft_line(draft, line);
    }
    require((atlas = atlas_finish(draft, arena, &reader)) != NULL);
    for (uint32_t i = 0; i < len && !across; i++) {
        look_around(atlas, areas[i].range.first);
        look_around(atlas, areas[i].range.last);
    }
    arena_destroy(arena);
    return 0;
}
