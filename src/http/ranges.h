/* SPDX-License-Identifier: BSD-2-Clause */
/* ranges: the Range field (RFC 9110 14). */
#ifndef WEIR_HTTP_RANGES_H
#define WEIR_HTTP_RANGES_H

#include "base/arena.h"

struct byte_range {
    uint64_t first, last;       /* both included, last < size */
};

enum ranges_verdict {
    RANGES_NONE,                /* the field is to be ignored: malformed, another unit, more than
                                 * max, or pointless */
    RANGES_SOME,                /* count ranges */
    RANGES_UNSATISFIABLE        /* 416 */
};

struct ranges {
    struct byte_range *items;   /* in the order asked for, in the arena */
    uint32_t count;
};

/*
 * size: of the representation. max: max_ranges, counting all that are asked for; 0 refuses all
 * (RANGES_NONE), UINT32_MAX no bound. Ranges that ask for more bytes in sum than the whole has
 * are ignored (RANGES_NONE), as nginx does, so that overlapping ranges are no amplifier.
 * RANGES_NONE also when the arena is exhausted. A first position behind the end is skipped when
 * others satisfy. The last N bytes of an empty representation are the whole of it: RANGES_NONE.
 */
enum ranges_verdict ranges_parse(struct arena *arena, struct str field, uint64_t size, uint32_t max,
                                 struct ranges *ranges);

#endif
