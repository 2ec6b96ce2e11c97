/* SPDX-License-Identifier: BSD-2-Clause */
/* map: from text to a pointer. */
#include "unit.h"
#include "base/map.h"

static struct arena *arena;
static int values[5000];

static struct str
name_of(unsigned i)
{
    return arena_fmt(arena, "name-%u", i);
}

START_TEST(thousands_of_keys_are_found_and_others_are_not)
{
    struct map *map = map_create(arena, false);

    for (unsigned i = 0; i < ARRAY_LEN(values); i++)
        ck_assert(map_set(map, name_of(i), &values[i]));
    ck_assert_uint_eq(map_len(map), ARRAY_LEN(values));
    for (unsigned i = 0; i < ARRAY_LEN(values); i++)
        ck_assert_ptr_eq(map_get(map, name_of(i)), &values[i]);
    for (unsigned i = ARRAY_LEN(values); i < 2 * ARRAY_LEN(values); i++)
        ck_assert_ptr_null(map_get(map, name_of(i)));
}
END_TEST

START_TEST(empty_and_absent_maps_have_nothing)
{
    ck_assert_ptr_null(map_get(NULL, STR("x")));
    ck_assert_ptr_null(map_get(map_create(arena, false), STR("x")));
    ck_assert_uint_eq(map_len(NULL), 0);
}
END_TEST

START_TEST(add_keeps_the_old_value_and_set_replaces_it)
{
    struct map *map = map_create(arena, false);
    void *old = &values[9];

    ck_assert(map_add(map, STR("k"), &values[0], &old));
    ck_assert_ptr_null(old);
    ck_assert(map_add(map, STR("k"), &values[1], &old));
    ck_assert_ptr_eq(old, &values[0]);
    ck_assert(map_add(map, STR("k"), &values[1], NULL));
    ck_assert_ptr_eq(map_get(map, STR("k")), &values[0]);
    ck_assert(map_set(map, STR("k"), &values[2]));
    ck_assert_ptr_eq(map_get(map, STR("k")), &values[2]);
    ck_assert_uint_eq(map_len(map), 1);
}
END_TEST

START_TEST(case_matters_only_where_it_should)
{
    struct map *exact = map_create(arena, false), *folded = map_create(arena, true);

    map_set(exact, STR("Content-Type"), &values[0]);
    map_set(folded, STR("Content-Type"), &values[0]);
    ck_assert_ptr_null(map_get(exact, STR("content-type")));
    ck_assert_ptr_eq(map_get(folded, STR("content-TYPE")), &values[0]);
    ck_assert_ptr_null(map_get(folded, STR("content-typ")));
}
END_TEST

START_TEST(empty_key_is_a_key)
{
    struct map *map = map_create(arena, true);

    ck_assert_ptr_null(map_get(map, STR("")));
    ck_assert(map_set(map, STR_NONE, &values[0]));
    ck_assert_ptr_eq(map_get(map, STR("")), &values[0]);
}
END_TEST

struct walk {
    unsigned seen, stop_at;
};

static bool
expect_next(void *ctx, struct str key, void *value)
{
    struct walk *walk = ctx;

    ck_assert(str_eq(key, name_of(walk->seen)));
    ck_assert_ptr_eq(value, &values[walk->seen]);
    walk->seen++;
    return walk->seen != walk->stop_at;
}

START_TEST(each_follows_the_order_of_addition_until_told_to_stop)
{
    struct map *map = map_create(arena, false);
    struct walk all = {0}, some = { .stop_at = 3 };

    for (unsigned i = 0; i < 100; i++)
        map_set(map, name_of(i), &values[i]);
    map_each(map, expect_next, &all);
    ck_assert_uint_eq(all.seen, 100);
    map_each(map, expect_next, &some);
    ck_assert_uint_eq(some.seen, 3);
    map_each(NULL, expect_next, &all);
    ck_assert_uint_eq(all.seen, 100);
}
END_TEST

START_TEST(map_stays_whole_when_memory_is_short)
{
    struct arena *small = arena_create(1024, 3000);
    struct map *map = map_create(small, false);
    unsigned added = 0;

    while (map_set(map, name_of(added), &values[added]))
        added++;
    ck_assert_uint_gt(added, 4);
    ck_assert_uint_eq(map_len(map), added);
    ck_assert_ptr_null(map_get(map, name_of(added)));
    for (unsigned i = 0; i < added; i++)
        ck_assert_ptr_eq(map_get(map, name_of(i)), &values[i]);
    arena_destroy(small);
}
END_TEST

START_TEST(map_with_room_for_few_keys_takes_more)
{
    static const uint32_t rooms[] = { 0, 1, 4, 5, 100 };
    struct map *map = map_create(arena, false);

    ck_assert(map_reserve(map, rooms[_i]));
    ck_assert_ptr_null(map_get(map, STR("none")));
    for (unsigned i = 0; i < 50; i++)
        ck_assert(map_add(map, name_of(i), &values[i], NULL));
    for (unsigned i = 0; i < 50; i++)
        ck_assert_ptr_eq(map_get(map, name_of(i)), &values[i]);
}
END_TEST

START_TEST(map_without_memory_is_not_made)
{
    struct arena *small = arena_create(1024, _i == 0 ? 1 : 80);

    ck_assert_ptr_null(map_create(small, false));
    arena_destroy(small);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/map");

    arena = arena_create(64 * 1024, 0);
    unit_add(suite, thousands_of_keys_are_found_and_others_are_not, 1);
    unit_add(suite, empty_and_absent_maps_have_nothing, 1);
    unit_add(suite, add_keeps_the_old_value_and_set_replaces_it, 1);
    unit_add(suite, case_matters_only_where_it_should, 1);
    unit_add(suite, empty_key_is_a_key, 1);
    unit_add(suite, each_follows_the_order_of_addition_until_told_to_stop, 1);
    unit_add(suite, map_stays_whole_when_memory_is_short, 1);
    unit_add(suite, map_with_room_for_few_keys_takes_more, 5);
    unit_add(suite, map_without_memory_is_not_made, 2);
    return unit_run(suite);
}
