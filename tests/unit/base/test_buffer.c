/* SPDX-License-Identifier: BSD-2-Clause */
/* buffer: bytes on their way. */
#include "unit.h"
#include "base/buffer.h"

START_TEST(absent_buffer_is_empty_and_grows_from_nothing)
{
    struct buffer *b = NULL;

    ck_assert_uint_eq(buffer_len(b), 0);
    ck_assert(buffer_append(&b, "abc", 3, 100));
    ck_assert_uint_eq(buffer_len(b), 3);
    ck_assert_mem_eq(b->p + b->start, "abc", 3);
    buffer_free(b);
    buffer_free(NULL);
}
END_TEST

START_TEST(bytes_come_out_as_they_went_in)
{
    struct buffer *b = NULL;
    unsigned char in = 0, out = 0;

    for (unsigned round = 0; round < 2000; round++) {
        for (unsigned i = 0; i < round % 37; i++, in++)
            ck_assert(buffer_append(&b, &in, 1, 100000));
        for (unsigned i = 0; i < round % 31 && buffer_len(b) > 0; i++, out++)
            ck_assert_uint_eq((unsigned char)b->p[b->start++], out);
    }
    while (buffer_len(b) > 0)
        ck_assert_uint_eq((unsigned char)b->p[b->start++], out++);
    ck_assert_uint_eq(in, out);
    buffer_free(b);
}
END_TEST

START_TEST(room_is_found_in_front_before_the_buffer_grows)
{
    struct buffer *b = buffer_create(8), *same = b;

    ck_assert(buffer_append(&b, "12345678", 8, 8));
    b->start = 5;
    ck_assert(buffer_append(&b, "abcde", 5, 8));
    ck_assert_ptr_eq(b, same);
    ck_assert_uint_eq(b->cap, 8);
    ck_assert_uint_eq(b->start, 0);
    ck_assert_mem_eq(b->p, "678abcde", 8);
    buffer_free(b);
}
END_TEST

static const struct { size_t has, consumed, more, limit; bool fits; } limits[] = {
    { 0,   0,  100, 100,      true },
    { 0,   0,  101, 100,      false },
    { 90,  0,  10,  100,      true },
    { 90,  0,  11,  100,      false },
    { 90,  50, 60,  100,      true },       /* what was consumed does not count */
    { 90,  50, 61,  100,      false },
    { 90,  0,  SIZE_MAX, SIZE_MAX, false },
    { 0,   0,  SIZE_MAX, SIZE_MAX, false },
    { 90,  0,  SIZE_MAX - 50, 100, false },
    { 90,  0,  0,   90,       true },
};

START_TEST(buffer_grows_to_its_limit_and_no_further)
{
    struct buffer *b = NULL, *before;
    char bytes[100] = "the bytes";

    if (limits[_i].has > 0) {
        b = buffer_create(limits[_i].has);
        ck_assert(buffer_append(&b, bytes, limits[_i].has, limits[_i].has));
        b->start = (uint32_t)limits[_i].consumed;
    }
    before = b;
    ck_assert_int_eq(buffer_reserve(&b, limits[_i].more, limits[_i].limit), limits[_i].fits);
    ck_assert_uint_eq(buffer_len(b), limits[_i].has - limits[_i].consumed);
    if (limits[_i].fits) {
        ck_assert_uint_le(b->cap, limits[_i].limit);
        ck_assert_uint_ge(b->cap - b->end, limits[_i].more);
        ck_assert_mem_eq(b->p + b->start, bytes + limits[_i].consumed, buffer_len(b));
    } else {
        ck_assert_ptr_eq(b, before);
    }
    buffer_free(b);
}
END_TEST

START_TEST(buffer_that_cannot_be_is_not_created)
{
    ck_assert_ptr_null(buffer_create((size_t)UINT32_MAX + 1));
    ck_assert_ptr_null(buffer_create(SIZE_MAX));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/buffer");

    unit_add(suite, absent_buffer_is_empty_and_grows_from_nothing, 1);
    unit_add(suite, bytes_come_out_as_they_went_in, 1);
    unit_add(suite, room_is_found_in_front_before_the_buffer_grows, 1);
    unit_add(suite, buffer_grows_to_its_limit_and_no_further, ARRAY_LEN(limits));
    unit_add(suite, buffer_that_cannot_be_is_not_created, 1);
    return unit_run(suite);
}
