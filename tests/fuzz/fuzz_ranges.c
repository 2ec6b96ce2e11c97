/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_ranges: ranges that come out lie within the size, and are together no larger. */
#include "fuzz.h"

#include "http/ranges.h"

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
