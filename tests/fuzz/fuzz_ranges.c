/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_ranges: ranges that come out lie within the size, are together no larger, and are those that
 * a plain reading of the field gives.
 */
#include "fuzz.h"

#include "http/ranges.h"

/* A number that is too large is larger than any size. False: it is none. */
static bool
plain_number(struct str s, uint64_t *value)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    if (!str_to_uint(s, UINT64_MAX, value))
        *value = UINT64_MAX;
    return s.len > 0;
}

/* False: malformed. No bytes: first is behind last. */
static bool
plain_range(struct str s, uint64_t size, struct byte_range *range)
{
    ptrdiff_t dash = str_find(s, '-', 0);
    struct str from = { s.p, dash < 0 ? 0 : (size_t)dash }, to = str_from(s, from.len + 1);

    range->last = UINT64_MAX;
    if (dash < 0 || (from.len == 0 && to.len == 0) || (to.len > 0 && !plain_number(to, &range->last)))
        return false;
    if (from.len == 0) {
        range->first = range->last >= size ? 0 : size - range->last;
        range->last = UINT64_MAX;
    } else if (!plain_number(from, &range->first) || range->last < range->first) {
        return false;
    }
    range->last = MIN(range->last, size - 1);
    if (range->first >= size)
        *range = (struct byte_range){ 1, 0 };
    return true;
}

/* Each range that was found is the next one in the list that has bytes. */
static void
require_listed(struct str field, uint64_t size, const struct ranges *ranges)
{
    struct str rest = str_from(field, sizeof("bytes=") - 1);
    uint32_t n = 0;

    while (rest.len > 0) {
        ptrdiff_t end = str_find(rest, ',', 0);
        struct str item = { rest.p, end < 0 ? rest.len : (size_t)end };
        struct byte_range range;

        rest = str_from(rest, item.len + 1);
        item = str_trim(item);
        if (item.len == 0)
            continue;
        require(plain_range(item, size, &range));
        if (range.first > range.last)
            continue;
        require(n < ranges->count && ranges->items[n].first == range.first
                && ranges->items[n].last == range.last);
        n++;
    }
    require(n == ranges->count);
}

static void
try_size(struct str field, uint64_t size, uint32_t max)
{
    struct arena *arena = arena_create(4096, 0);
    struct ranges ranges;
    enum ranges_verdict verdict;
    uint64_t room = size;

    require(arena != NULL);
    verdict = ranges_parse(arena, field, size, max, &ranges);
    require((verdict == RANGES_SOME) == (ranges.count > 0));
    require(ranges.count <= max);
    for (uint32_t i = 0; i < ranges.count; i++) {
        const struct byte_range *r = &ranges.items[i];

        require(r->first <= r->last && r->last < size && r->last - r->first < room);
        room -= r->last - r->first + 1;
    }
    if (verdict != RANGES_NONE)
        require_listed(field, size, &ranges);
    arena_destroy(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t sizes[] = { 0, 1, 10, 1000, UINT64_MAX };
    struct str field = { (const char *)data, size };

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        try_size(field, sizes[i], UINT32_MAX);
        try_size(field, sizes[i], 2);
        try_size(field, sizes[i], 0);
    }
    return 0;
}
