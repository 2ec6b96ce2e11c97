/* SPDX-License-Identifier: BSD-2-Clause */
/* arena: alignment, limits, sticky failure, trimming, deferred work, poisoning. */
#include "unit.h"
#include "base/arena.h"
#include "base/poison.h"
#include <stdalign.h>

enum { BLOCK = 1024 };

static const size_t sizes[] = { 0, 1, 7, 16, 17, 500, 512, 513, 900, 1024, 5000, 100000 };

START_TEST(objects_are_aligned_apart_and_writable)
{
    struct arena *arena = arena_create(BLOCK, 0);
    char *p[20];

    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        p[i] = arena_alloc(arena, sizes[_i]);
        ck_assert_ptr_nonnull(p[i]);
        ck_assert_uint_eq((uintptr_t)p[i] % alignof(max_align_t), 0);
        memset(p[i], (int)i, sizes[_i]);
        arena_bytes(arena, 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        for (size_t k = 0; k < sizes[_i]; k++)
            ck_assert_int_eq(p[i][k], (char)i);
        ck_assert(i == 0 || p[i] != p[i - 1]);
    }
    arena_destroy(arena);
}
END_TEST

START_TEST(bytes_follow_one_another)
{
    struct arena *arena = arena_create(BLOCK, 0);
    char *a = arena_bytes(arena, 3), *b = arena_bytes(arena, 5);

    ck_assert_ptr_eq(a + 3, b);
    ck_assert_uint_eq(arena_used(arena), 8);
    arena_destroy(arena);
}
END_TEST

START_TEST(zeroed_objects_are_zero_also_after_a_reset)
{
    struct arena *arena = arena_create(BLOCK, 0);

    for (int round = 0; round < 2; round++) {
        unsigned char *p = arena_zalloc(arena, 300);

        for (int i = 0; i < 300; i++)
            ck_assert_int_eq(p[i], 0);
        memset(p, 0xff, 300);
        arena_reset(arena);
    }
    arena_destroy(arena);
}
END_TEST

START_TEST(array_that_overflows_is_refused)
{
    struct arena *arena = arena_create(BLOCK, 0);
    int *numbers = ARENA_ARRAY(arena, int, 10);

    ck_assert_int_eq(numbers[9], 0);
    ck_assert_ptr_null(arena_zalloc_array(arena, SIZE_MAX / 2, 3));
    arena_destroy(arena);
}
END_TEST

static const size_t steps[] = { 1, 7, 16, 100, 500, 3999, 4000, 4001 };

START_TEST(limit_bounds_what_is_handed_out)
{
    struct arena *arena = arena_create(BLOCK, 4000);
    size_t taken = 0;

    while (arena_bytes(arena, steps[_i]) != NULL)
        taken += steps[_i];
    ck_assert_uint_eq(taken, 4000 / steps[_i] * steps[_i]);
    ck_assert_uint_eq(arena_used(arena), taken);
    arena_destroy(arena);
}
END_TEST

START_TEST(what_alignment_costs_counts_towards_the_limit)
{
    struct arena *arena = arena_create(BLOCK, 4000);
    size_t objects = 0;

    while (arena_alloc(arena, 1) != NULL)
        objects++;
    ck_assert_uint_ge(objects, 4000 / 16);
    ck_assert_uint_lt(objects, 4000 / 12);      /* only the rest of a block is free of charge */
    ck_assert_uint_le(arena_used(arena), 4000);
    arena_destroy(arena);
}
END_TEST

static const size_t impossible[] = { 4001, SIZE_MAX, SIZE_MAX - 8, SIZE_MAX / 2 };

START_TEST(failure_sticks_until_reset)
{
    struct arena *arena = arena_create(BLOCK, 4000);

    ck_assert_ptr_nonnull(arena_alloc(arena, 10));
    ck_assert(!arena_failed(arena));
    ck_assert_ptr_null(arena_alloc(arena, impossible[_i]));
    ck_assert(arena_failed(arena));
    ck_assert_ptr_null(arena_alloc(arena, 0));
    ck_assert_ptr_null(arena_bytes(arena, 1));
    ck_assert_ptr_null(arena_zalloc(arena, 1));
    ck_assert(!str_is_set(arena_str(arena, STR("x"))));
    ck_assert(!str_is_set(arena_fmt(arena, "%d", 1)));
    ck_assert(!arena_defer(arena, free, NULL));
    arena_reset(arena);
    ck_assert(!arena_failed(arena));
    ck_assert_uint_eq(arena_used(arena), 0);
    ck_assert_ptr_nonnull(arena_alloc(arena, 10));
    arena_destroy(arena);
}
END_TEST

START_TEST(reset_keeps_the_first_block)
{
    struct arena *arena = arena_create(BLOCK, 0);
    char *first = arena_alloc(arena, 16);

    for (int i = 0; i < 100; i++)
        arena_alloc(arena, 300);
    arena_reset(arena);
    ck_assert_ptr_eq(arena_alloc(arena, 16), first);
    arena_destroy(arena);
}
END_TEST

START_TEST(copies_end_with_nul)
{
    struct arena *arena = arena_create(BLOCK, 0);
    struct str copy = arena_str(arena, (struct str){ "abcdef", 3 });
    struct str empty = arena_str(arena, STR_NONE);

    ck_assert_str_eq(copy.p, "abc");
    ck_assert_uint_eq(copy.len, 3);
    ck_assert(str_is_set(empty));
    ck_assert_str_eq(empty.p, "");
    arena_destroy(arena);
}
END_TEST

static const int lengths[] = { 0, 1, 254, 255, 256, 257, 3000 };

START_TEST(formatted_text_is_whole_at_any_length)
{
    struct arena *arena = arena_create(BLOCK, 0);
    struct str text = arena_fmt(arena, "%*s%d", lengths[_i], "", 7);

    ck_assert_uint_eq(text.len, (size_t)lengths[_i] + 1);
    ck_assert_uint_eq(strlen(text.p), text.len);
    ck_assert_int_eq(text.p[text.len - 1], '7');
    arena_destroy(arena);
}
END_TEST

START_TEST(newest_object_shrinks_and_grows_in_place)
{
    struct arena *arena = arena_create(BLOCK, 0);
    char *p = arena_bytes(arena, 100);

    arena_trim(arena, p, 100, 40);
    ck_assert_uint_eq(arena_used(arena), 40);
    ck_assert(arena_extend(arena, p, 40, 60));
    memset(p, 'x', 60);
    ck_assert_ptr_eq(arena_bytes(arena, 1), p + 60);
    ck_assert(!arena_extend(arena, p, 60, 61));         /* no longer the newest */
    arena_trim(arena, p, 60, 10);
    ck_assert_uint_eq(arena_used(arena), 61);
    arena_destroy(arena);
}
END_TEST

START_TEST(object_grows_no_further_than_block_and_limit)
{
    struct arena *arena = arena_create(BLOCK, 200);
    char *p = arena_bytes(arena, 100);

    ck_assert(!arena_extend(arena, p, 100, 201));
    ck_assert(arena_extend(arena, p, 100, 200));
    ck_assert(!arena_failed(arena));                    /* asking is no failure */
    arena_destroy(arena);

    arena = arena_create(BLOCK, 0);
    p = arena_bytes(arena, 100);
    ck_assert(!arena_extend(arena, p, 100, BLOCK + 1));
    ck_assert(!arena_extend(arena, p, 100, SIZE_MAX));
    arena_destroy(arena);
}
END_TEST

static char order[8];

static void
note(void *data)
{
    size_t len = strlen(order);

    order[len] = *(const char *)data;
}

START_TEST(deferred_work_runs_once_last_first)
{
    struct arena *arena = arena_create(BLOCK, 0);
    char a[] = "a", b[] = "b", c[] = "c";

    ck_assert(arena_defer(arena, note, a));
    arena_alloc(arena, 5000);
    ck_assert(arena_defer(arena, note, b));
    arena_reset(arena);
    ck_assert_str_eq(order, "ba");
    ck_assert(arena_defer(arena, note, c));
    arena_destroy(arena);
    ck_assert_str_eq(order, "bac");
    arena_destroy(NULL);
}
END_TEST

START_TEST(tiny_blocks_are_made_usable)
{
    struct arena *arena = arena_create(0, 0);

    for (int i = 0; i < 1000; i++)
        ck_assert_ptr_nonnull(arena_alloc(arena, (size_t)i));
    arena_destroy(arena);
    ck_assert_ptr_null(arena_create(SIZE_MAX, 0));
}
END_TEST

#if defined(WEIR_HAVE_ASAN)
START_TEST(bytes_not_handed_out_are_poisoned)
{
    struct arena *arena = arena_create(BLOCK, 0);
    char *p = arena_alloc(arena, 64);

    ck_assert(!__asan_address_is_poisoned(p + 63));
    ck_assert(__asan_address_is_poisoned(p + 64));
    arena_trim(arena, p, 64, 32);
    ck_assert(__asan_address_is_poisoned(p + 32));
    ck_assert(arena_extend(arena, p, 32, 40));
    ck_assert(!__asan_address_is_poisoned(p + 39));
    arena_reset(arena);
    ck_assert(__asan_address_is_poisoned(p));
    arena_destroy(arena);
}
END_TEST
#endif

int
main(void)
{
    Suite *suite = suite_create("base/arena");

    unit_add(suite, objects_are_aligned_apart_and_writable, ARRAY_LEN(sizes));
    unit_add(suite, bytes_follow_one_another, 1);
    unit_add(suite, zeroed_objects_are_zero_also_after_a_reset, 1);
    unit_add(suite, array_that_overflows_is_refused, 1);
    unit_add(suite, limit_bounds_what_is_handed_out, ARRAY_LEN(steps));
    unit_add(suite, what_alignment_costs_counts_towards_the_limit, 1);
    unit_add(suite, failure_sticks_until_reset, ARRAY_LEN(impossible));
    unit_add(suite, reset_keeps_the_first_block, 1);
    unit_add(suite, copies_end_with_nul, 1);
    unit_add(suite, formatted_text_is_whole_at_any_length, ARRAY_LEN(lengths));
    unit_add(suite, newest_object_shrinks_and_grows_in_place, 1);
    unit_add(suite, object_grows_no_further_than_block_and_limit, 1);
    unit_add(suite, deferred_work_runs_once_last_first, 1);
    unit_add(suite, tiny_blocks_are_made_usable, 1);
#if defined(WEIR_HAVE_ASAN)
    unit_add(suite, bytes_not_handed_out_are_poisoned, 1);
#endif
    return unit_run(suite);
}
