/* SPDX-License-Identifier: BSD-2-Clause */
/* ranges: reads the Range field. */
#include "http/ranges.h"
#include "base/vec.h"

/* One element of the list (RFC 9110 14.1.1). */
enum spec { SPEC_BAD, SPEC_INT, SPEC_SUFFIX };

/* The elements read so far. */
struct list {
    VEC(struct byte_range) found;
    uint64_t room;              /* bytes that may still be asked for */
    uint32_t asked;             /* elements, satisfiable or not */
    bool whole;                 /* one asked for the end of what is empty */
};

/* Digits at *p, at least one. A number beyond 64 bits reads as UINT64_MAX: behind any end. */
static bool
take_number(const char **p, const char *end, uint64_t *value)
{
    const char *start = *p;
    uint64_t v = 0;

    for (; *p != end && **p >= '0' && **p <= '9'; ++*p) {
        unsigned digit = (unsigned)(**p - '0');

        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            v = UINT64_MAX;
    }
    *value = v;
    return *p != start;
}

/* first "-" [ last ], or "-" length, which is left in *last. */
static enum spec
parse_spec(struct str s, uint64_t *first, uint64_t *last)
{
    const char *p = s.p, *end = s.p + s.len;
    bool is_int = take_number(&p, end, first);

    if (p == end || *p++ != '-')
        return SPEC_BAD;
    if (p == end && is_int) {
        *last = UINT64_MAX;
        return SPEC_INT;
    }
    if (!take_number(&p, end, last) || p != end)
        return SPEC_BAD;
    if (!is_int)
        return SPEC_SUFFIX;
    return *last < *first ? SPEC_BAD : SPEC_INT;
}

/* Adds an element to the list. False: the whole field is to be ignored. */
static bool
add_spec(struct arena *arena, struct list *list, struct str s, uint64_t size)
{
    uint64_t first, last;
    struct byte_range *range;
    enum spec spec = parse_spec(s, &first, &last);

    if (spec == SPEC_BAD)
        return false;
    if (spec == SPEC_SUFFIX) {
        list->whole |= size == 0 && last > 0;
        first = last < size ? size - last : 0;      /* "-0" begins at the end: nothing is there */
        last = UINT64_MAX;
    }
    if (first >= size)
        return true;
    if (last >= size)
        last = size - 1;
    if (last - first >= list->room)
        return false;
    list->room -= last - first + 1;
    range = VEC_ADD(arena, &list->found);
    if (range == NULL)
        return false;
    *range = (struct byte_range){ first, last };
    return true;
}

/* The elements between the commas; empty ones are passed over (RFC 9110 5.6.1.2). */
static bool
parse_list(struct arena *arena, struct list *list, struct str set, uint64_t size, uint32_t max)
{
    size_t start = 0;

    while (start <= set.len) {
        ptrdiff_t comma = str_find(set, ',', start);
        size_t end = comma >= 0 ? (size_t)comma : set.len;
        struct str s = str_trim((struct str){ set.p + start, end - start });

        start = end + 1;
        if (s.len == 0)
            continue;
        if (list->asked == max || !add_spec(arena, list, s, size))
            return false;
        list->asked++;
    }
    return list->asked > 0;
}

enum ranges_verdict
ranges_parse(struct arena *arena, struct str field, uint64_t size, uint32_t max,
             struct ranges *ranges)
{
    static const struct str unit = STR_INIT("bytes=");
    struct list list = { .room = size };

    *ranges = (struct ranges){ 0 };
    if (max == 0 || !str_istarts(field, unit))
        return RANGES_NONE;
    if (!parse_list(arena, &list, str_from(field, unit.len), size, max) || list.whole)
        return RANGES_NONE;
    if (list.found.len == 0)
        return RANGES_UNSATISFIABLE;
    ranges->items = list.found.items;
    ranges->count = list.found.len;
    return RANGES_SOME;
}
