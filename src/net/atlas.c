/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * atlas: see atlas.h.
 *
 * Sorted by their begin, the wider first, areas come in the order in which a walk along all
 * addresses enters them; those that it is in are a stack. Each time it enters or leaves one, a
 * stretch begins.
 */
#include "net/atlas.h"
#include "base/compiler.h"
#include "base/vec.h"
#include <stdlib.h>

/* An address as a number; IPv4's are at most UINT32_MAX. */
typedef unsigned __int128 position;

struct area {
    position first, last;
    uint32_t order;             /* of its drafting */
    struct atlas_name name;     /* number 0: the area is taken out */
};

typedef VEC(struct area) area_vec;

enum family { IPV4, IPV6, FAMILIES };

struct atlas_draft {
    struct arena *scratch;
    area_vec areas[FAMILIES];
    uint32_t count;
};

/* From begin up to the next one's. */
struct stretch {
    position begin;
    uint32_t number;
};

/* By far the most addresses are of IPv4: their begins stand close together. */
struct atlas {
    uint32_t *ipv4_begins, *ipv4_numbers;
    struct stretch *ipv6;
    uint32_t len[FAMILIES];
};

/* ---- addresses ----------------------------------------------------------------------------- */

static position
position_of(const struct peer *peer, enum family family)
{
    const uint8_t *p = peer->ip + (family == IPV4 && peer->family == AF_INET6 ? 12 : 0);
    unsigned len = family == IPV4 ? 4 : 16;
    position n = 0;

    for (unsigned i = 0; i < len; i++)
        n = n << 8 | p[i];
    return n;
}

static bool
is_ipv4(const struct peer *peer)
{
    return peer->family == AF_INET || peer_is_mapped_ipv4(peer);
}

struct atlas_range
atlas_range_of(const struct network *network)
{
    struct peer first = { .family = network->family }, last;
    unsigned len = network->family == AF_INET ? 4 : 16;

    memcpy(first.ip, network->ip, len);
    last = first;
    for (unsigned i = 0; i < len; i++) {
        unsigned kept = network->bits > 8 * i ? MIN(network->bits - 8 * i, 8) : 0;

        last.ip[i] |= (uint8_t)(0xff >> kept);
    }
    return (struct atlas_range){ first, last };
}

bool
atlas_range_parse(struct str text, struct atlas_range *range)
{
    ptrdiff_t minus = str_find(text, '-', 0);

    return minus > 0 && peer_parse_ip((struct str){ text.p, (size_t)minus }, &range->first)
           && peer_parse_ip(str_from(text, (size_t)minus + 1), &range->last)
           && range->first.family == range->last.family
           && memcmp(range->first.ip, range->last.ip, range->first.family == AF_INET ? 4 : 16) <= 0;
}

/* ---- drafting ------------------------------------------------------------------------------ */

struct atlas_draft *
atlas_begin(struct arena *scratch)
{
    struct atlas_draft *draft = ARENA_NEW(scratch, struct atlas_draft);

    if (draft != NULL)
        draft->scratch = scratch;
    return draft;
}

bool
atlas_add(struct atlas_draft *draft, const struct atlas_range *range, struct atlas_name name)
{
    enum family family = is_ipv4(&range->first) && is_ipv4(&range->last) ? IPV4 : IPV6;
    struct area *area = VEC_ADD(draft->scratch, &draft->areas[family]);

    if (area == NULL)
        return false;
    *area = (struct area){ position_of(&range->first, family), position_of(&range->last, family),
                           draft->count++, name };
    return true;
}

bool
atlas_remove(struct atlas_draft *draft, const struct atlas_range *range, const void *tag)
{
    return atlas_add(draft, range, (struct atlas_name){ tag, 0 });
}

/* ---- cutting ------------------------------------------------------------------------------- */

static int
compare_areas(const void *left, const void *right)
{
    const struct area *a = left, *b = right;

    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    if (a->last != b->last)
        return a->last > b->last ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void
sort_areas(area_vec *areas)
{
    uint32_t i = 1;

    while (i < areas->len && compare_areas(&areas->items[i - 1], &areas->items[i]) <= 0)
        i++;
    if (i < areas->len)
        qsort(areas->items, areas->len, sizeof(*areas->items), compare_areas);
}

/*
 * What was said of one area, one after the other; *i goes behind the last. False when nothing is
 * left of it.
 */
static bool
settle_area(const area_vec *areas, uint32_t *i, const struct atlas_reader *reader,
            struct area *settled)
{
    const struct area *area = &areas->items[*i];
    bool was_there = false;

    *settled = (struct area){ .first = area->first, .last = area->last, .order = area->order };
    for (; *i < areas->len; ++*i) {
        area = &areas->items[*i];
        if (area->first != settled->first || area->last != settled->last)
            break;
        if (area->name.number == 0 && settled->name.number == 0)
            reader->tell(reader->ctx, ATLAS_NOT_THERE, area->name, settled->name);
        else if (area->name.number != 0 && settled->name.number != 0)
            reader->tell(reader->ctx, ATLAS_TWICE, area->name, settled->name);
        was_there = was_there || area->name.number != 0;
        settled->name = area->name;
    }
    return settled->name.number != 0 || (was_there && reader->leaves_holes);
}

struct walk {
    struct arena *scratch;
    position end;               /* the last address of the family */
    area_vec within;            /* the stack: each lies in the one before */
    struct stretch *stretches;
    uint32_t len;
};

static void
begin_stretch(struct walk *walk, position begin, uint32_t number)
{
    if (walk->len > 0 && walk->stretches[walk->len - 1].begin == begin)
        walk->len--;
    if ((walk->len > 0 ? walk->stretches[walk->len - 1].number : 0) == number)
        return;
    walk->stretches[walk->len++] = (struct stretch){ begin, number };
}

static void
leave(struct walk *walk)
{
    position last = walk->within.items[--walk->within.len].last;
    uint32_t len = walk->within.len;

    if (last < walk->end)
        begin_stretch(walk, last + 1, len > 0 ? walk->within.items[len - 1].name.number : 0);
}

static bool
enter(struct walk *walk, const struct area *area, const struct atlas_reader *reader)
{
    const struct area *around;
    struct area *place;

    while (walk->within.len > 0 && walk->within.items[walk->within.len - 1].last < area->first)
        leave(walk);
    around = walk->within.len > 0 ? &walk->within.items[walk->within.len - 1] : NULL;
    if (around != NULL && area->last > around->last) {
        bool is_later = area->order > around->order;

        reader->tell(reader->ctx, ATLAS_ACROSS, is_later ? area->name : around->name,
                     is_later ? around->name : area->name);
        return true;
    }
    if ((place = VEC_ADD(walk->scratch, &walk->within)) == NULL)
        return false;
    *place = *area;
    begin_stretch(walk, area->first, area->name.number);
    return true;
}

/* The stretches of a family, in scratch; NULL when memory is short. */
static struct stretch *
cut(struct atlas_draft *draft, enum family family, const struct atlas_reader *reader, uint32_t *len)
{
    area_vec *areas = &draft->areas[family];
    struct walk walk = { .scratch = draft->scratch,
                         .end = family == IPV4 ? UINT32_MAX : ~(position)0 };
    struct area area;

    walk.stretches = ARENA_ARRAY(draft->scratch, struct stretch, 2 * (size_t)areas->len + 1);
    if (walk.stretches == NULL)
        return NULL;
    sort_areas(areas);
    for (uint32_t i = 0; i < areas->len; )
        if (settle_area(areas, &i, reader, &area) && !enter(&walk, &area, reader))
            return NULL;
    while (walk.within.len > 0)
        leave(&walk);
    *len = walk.len;
    return walk.stretches;
}

const struct atlas *
atlas_finish(struct atlas_draft *draft, struct arena *arena, const struct atlas_reader *reader)
{
    struct atlas *atlas = ARENA_NEW(arena, struct atlas);
    struct stretch *ipv4, *ipv6;

    if (atlas == NULL || (ipv4 = cut(draft, IPV4, reader, &atlas->len[IPV4])) == NULL
        || (ipv6 = cut(draft, IPV6, reader, &atlas->len[IPV6])) == NULL)
        return NULL;
    atlas->ipv4_begins = ARENA_ARRAY(arena, uint32_t, atlas->len[IPV4]);
    atlas->ipv4_numbers = ARENA_ARRAY(arena, uint32_t, atlas->len[IPV4]);
    atlas->ipv6 = ARENA_ARRAY(arena, struct stretch, atlas->len[IPV6]);
    if (atlas->ipv4_begins == NULL || atlas->ipv4_numbers == NULL || atlas->ipv6 == NULL)
        return NULL;
    for (uint32_t i = 0; i < atlas->len[IPV4]; i++) {
        atlas->ipv4_begins[i] = (uint32_t)ipv4[i].begin;
        atlas->ipv4_numbers[i] = ipv4[i].number;
    }
    memcpy(atlas->ipv6, ipv6, atlas->len[IPV6] * sizeof(*ipv6));
    return atlas;
}

/* ---- finding ------------------------------------------------------------------------------- */

static uint32_t
find_ipv4(const struct atlas *atlas, uint32_t n)
{
    uint32_t from = 0, to = atlas->len[IPV4];   /* the one sought is before `to` */

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (atlas->ipv4_begins[middle] <= n)
            from = middle + 1;
        else
            to = middle;
    }
    return from > 0 ? atlas->ipv4_numbers[from - 1] : 0;
}

static uint32_t
find_ipv6(const struct atlas *atlas, position n)
{
    uint32_t from = 0, to = atlas->len[IPV6];

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (atlas->ipv6[middle].begin <= n)
            from = middle + 1;
        else
            to = middle;
    }
    return from > 0 ? atlas->ipv6[from - 1].number : 0;
}

uint32_t
atlas_find(const struct atlas *atlas, const struct peer *peer)
{
    if (is_ipv4(peer))
        return find_ipv4(atlas, (uint32_t)position_of(peer, IPV4));
    return peer->family == AF_INET6 ? find_ipv6(atlas, position_of(peer, IPV6)) : 0;
}
