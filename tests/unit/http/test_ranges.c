/* SPDX-License-Identifier: BSD-2-Clause */
/* ranges: the Range field against sizes. */
#include "unit.h"
#include "http/ranges.h"

#define S(text) STR_INIT(text)
#define ANY UINT32_MAX
#define HUGE 18446744073709551615u

static const struct {
    struct str field;
    uint64_t size;
    uint32_t max, count;
    struct byte_range items[4];
} satisfied[] = {
    { S("bytes=0-0"), 10, ANY, 1, { { 0, 0 } } },
    { S("bytes=0-9"), 10, ANY, 1, { { 0, 9 } } },
    { S("bytes=9-9"), 10, ANY, 1, { { 9, 9 } } },
    { S("bytes=0-"), 10, ANY, 1, { { 0, 9 } } },
    { S("bytes=9-"), 10, ANY, 1, { { 9, 9 } } },
    { S("bytes=3-99"), 10, ANY, 1, { { 3, 9 } } },
    { S("bytes=007-008"), 10, ANY, 1, { { 7, 8 } } },
    { S("bytes=-1"), 10, ANY, 1, { { 9, 9 } } },
    { S("bytes=-10"), 10, ANY, 1, { { 0, 9 } } },
    { S("bytes=-11"), 10, ANY, 1, { { 0, 9 } } },
    { S("bytes=0-0"), 1, ANY, 1, { { 0, 0 } } },
    { S("BYTES=1-2"), 10, ANY, 1, { { 1, 2 } } },
    { S("bYtEs=1-2"), 10, ANY, 1, { { 1, 2 } } },
    /* lists: order kept, blanks, empty elements */
    { S("bytes=0-0,2-3,-1"), 10, ANY, 3, { { 0, 0 }, { 2, 3 }, { 9, 9 } } },
    { S("bytes=5-6,1-2"), 10, ANY, 2, { { 5, 6 }, { 1, 2 } } },
    { S("bytes=1-2,1-2"), 10, ANY, 2, { { 1, 2 }, { 1, 2 } } },
    { S("bytes= 0-0 ,\t2-3\t"), 10, ANY, 2, { { 0, 0 }, { 2, 3 } } },
    { S("bytes=,0-0, ,,2-3,"), 10, ANY, 2, { { 0, 0 }, { 2, 3 } } },
    { S("bytes=0-4,5-9"), 10, ANY, 2, { { 0, 4 }, { 5, 9 } } },
    /* what is behind the end is passed over */
    { S("bytes=10-,1-2,99-100,-0"), 10, ANY, 1, { { 1, 2 } } },
    /* numbers beyond 64 bits */
    { S("bytes=1-18446744073709551615"), 10, ANY, 1, { { 1, 9 } } },
    { S("bytes=1-18446744073709551616"), 10, ANY, 1, { { 1, 9 } } },
    { S("bytes=1-99999999999999999999999999999999999999"), 10, ANY, 1, { { 1, 9 } } },
    { S("bytes=-99999999999999999999"), 10, ANY, 1, { { 0, 9 } } },
    { S("bytes=2-3,99999999999999999999-"), 10, ANY, 1, { { 2, 3 } } },
    { S("bytes=18446744073709551614-"), HUGE, ANY, 1, { { HUGE - 1, HUGE - 1 } } },
    { S("bytes=0-"), HUGE, ANY, 1, { { 0, HUGE - 1 } } },
    { S("bytes=-1,0-18446744073709551613"), HUGE, ANY, 2,
      { { HUGE - 1, HUGE - 1 }, { 0, HUGE - 2 } } },
    /* as many as are allowed */
    { S("bytes=0-0"), 10, 1, 1, { { 0, 0 } } },
    { S("bytes=,0-0,"), 10, 1, 1, { { 0, 0 } } },
    { S("bytes=0-0,1-1"), 10, 2, 2, { { 0, 0 }, { 1, 1 } } },
};

static enum ranges_verdict
parse(struct arena *arena, struct str field, uint64_t size, uint32_t max, struct ranges *ranges)
{
    char *copy = malloc(field.len + 1);
    enum ranges_verdict verdict;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, field.p, field.len);
    copy[field.len] = '9';      /* no part of the field */
    verdict = ranges_parse(arena, (struct str){ copy, field.len }, size, max, ranges);
    free(copy);
    return verdict;
}

START_TEST(satisfiable_ranges_are_found_in_order)
{
    struct arena *arena = arena_create(1024, 0);
    struct ranges ranges;

    ck_assert_int_eq(parse(arena, satisfied[_i].field, satisfied[_i].size, satisfied[_i].max,
                           &ranges), RANGES_SOME);
    ck_assert_uint_eq(ranges.count, satisfied[_i].count);
    for (uint32_t i = 0; i < ranges.count; i++) {
        ck_assert_uint_eq(ranges.items[i].first, satisfied[_i].items[i].first);
        ck_assert_uint_eq(ranges.items[i].last, satisfied[_i].items[i].last);
    }
    arena_destroy(arena);
}
END_TEST

static const struct {
    struct str field;
    uint64_t size;
    uint32_t max;
    enum ranges_verdict verdict;
} others[] = {
    /* nothing of it is there */
    { S("bytes=10-"), 10, ANY, RANGES_UNSATISFIABLE },
    { S("bytes=10-20"), 10, ANY, RANGES_UNSATISFIABLE },
    { S("bytes=-0"), 10, ANY, RANGES_UNSATISFIABLE },
    { S("bytes=-000"), 10, ANY, RANGES_UNSATISFIABLE },
    { S("bytes=-0,10-,99-100"), 10, ANY, RANGES_UNSATISFIABLE },
    { S("bytes=18446744073709551616-"), 10, ANY, RANGES_UNSATISFIABLE },
    { S("bytes=18446744073709551615-"), HUGE, ANY, RANGES_UNSATISFIABLE },
    { S("bytes=0-"), 0, ANY, RANGES_UNSATISFIABLE },
    { S("bytes=0-0"), 0, ANY, RANGES_UNSATISFIABLE },
    { S("bytes=-0"), 0, ANY, RANGES_UNSATISFIABLE },
    /* the end of nothing is the whole of it */
    { S("bytes=-1"), 0, ANY, RANGES_NONE },
    { S("bytes=0-,-5"), 0, ANY, RANGES_NONE },
    /* malformed, wholly or in one element */
    { S(""), 10, ANY, RANGES_NONE },
    { S("bytes"), 10, ANY, RANGES_NONE },
    { S("bytes="), 10, ANY, RANGES_NONE },
    { S("bytes=,"), 10, ANY, RANGES_NONE },
    { S("bytes= , ,"), 10, ANY, RANGES_NONE },
    { S("bytes=-"), 10, ANY, RANGES_NONE },
    { S("bytes=--1"), 10, ANY, RANGES_NONE },
    { S("bytes=1"), 10, ANY, RANGES_NONE },
    { S("bytes=1,2-3"), 10, ANY, RANGES_NONE },
    { S("bytes=2-1"), 10, ANY, RANGES_NONE },
    { S("bytes=0-0,2-1"), 10, ANY, RANGES_NONE },
    { S("bytes=99-98"), 10, ANY, RANGES_NONE },
    { S("bytes=99999999999999999999-0"), 10, ANY, RANGES_NONE },
    { S("bytes=0-0,x"), 10, ANY, RANGES_NONE },
    { S("bytes=0-0;1-1"), 10, ANY, RANGES_NONE },
    { S("bytes=0-0 1-1"), 10, ANY, RANGES_NONE },
    { S("bytes=a-b"), 10, ANY, RANGES_NONE },
    { S("bytes=0x0-0x1"), 10, ANY, RANGES_NONE },
    { S("bytes=+0-1"), 10, ANY, RANGES_NONE },
    { S("bytes=0-+1"), 10, ANY, RANGES_NONE },
    { S("bytes=0 - 1"), 10, ANY, RANGES_NONE },
    { S("bytes=0-1-2"), 10, ANY, RANGES_NONE },
    { S("bytes=0--1"), 10, ANY, RANGES_NONE },
    { S("bytes =0-1"), 10, ANY, RANGES_NONE },
    { S("bytes:0-1"), 10, ANY, RANGES_NONE },
    { S("bytes=0-1\0"), 10, ANY, RANGES_NONE },
    /* other units */
    { S("items=0-1"), 10, ANY, RANGES_NONE },
    { S("byte=0-1"), 10, ANY, RANGES_NONE },
    { S("bytess=0-1"), 10, ANY, RANGES_NONE },
    /* more bytes in sum than there are */
    { S("bytes=0-,0-"), 10, ANY, RANGES_NONE },
    { S("bytes=0-,-1"), 10, ANY, RANGES_NONE },
    { S("bytes=0-5,5-9"), 10, ANY, RANGES_NONE },
    { S("bytes=0-,0-"), HUGE, ANY, RANGES_NONE },
    { S("bytes=0-9223372036854775807,0-9223372036854775807"), HUGE, ANY, RANGES_NONE },
    /* more ranges than allowed, those behind the end included */
    { S("bytes=0-0"), 10, 0, RANGES_NONE },
    { S("bytes=10-"), 10, 0, RANGES_NONE },
    { S("bytes=0-0,1-1"), 10, 1, RANGES_NONE },
    { S("bytes=10-,11-"), 10, 1, RANGES_NONE },
};

START_TEST(other_fields_get_their_verdict_and_no_range)
{
    struct arena *arena = arena_create(1024, 0);
    struct ranges ranges;

    ck_assert_int_eq(parse(arena, others[_i].field, others[_i].size, others[_i].max, &ranges),
                     others[_i].verdict);
    ck_assert_uint_eq(ranges.count, 0);
    ck_assert_ptr_null(ranges.items);
    arena_destroy(arena);
}
END_TEST

START_TEST(exhausted_arena_ignores_the_field)
{
    struct arena *arena = arena_create(256, 1);
    struct ranges ranges;

    ck_assert_int_eq(parse(arena, STR("bytes=0-0"), 10, ANY, &ranges), RANGES_NONE);
    ck_assert_uint_eq(ranges.count, 0);
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/ranges");

    unit_add(suite, satisfiable_ranges_are_found_in_order, ARRAY_LEN(satisfied));
    unit_add(suite, other_fields_get_their_verdict_and_no_range, ARRAY_LEN(others));
    unit_add(suite, exhausted_arena_ignores_the_field, 1);
    return unit_run(suite);
}
