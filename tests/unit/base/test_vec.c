/* SPDX-License-Identifier: BSD-2-Clause */
/* vec: growing in an arena. */
#include "unit.h"
#include "base/vec.h"

struct point {
    int x, y, z;
};

START_TEST(elements_keep_order_and_value_while_it_grows)
{
    struct arena *arena = arena_create(1024, 0);
    VEC(struct point) points = {0};

    for (int i = 0; i < 1000; i++) {
        struct point *p = VEC_ADD(arena, &points);

        ck_assert_ptr_eq(p, &points.items[i]);
        ck_assert(p->x == 0 && p->y == 0 && p->z == 0);
        *p = (struct point){ i, -i, 1 };
        if (_i == 1)
            arena_bytes(arena, 1);          /* so that it cannot grow in place */
    }
    ck_assert_uint_eq(points.len, 1000);
    ck_assert_uint_ge(points.cap, 1000);
    for (int i = 0; i < 1000; i++)
        ck_assert(points.items[i].x == i && points.items[i].y == -i && points.items[i].z == 1);
    arena_destroy(arena);
}
END_TEST

START_TEST(vec_is_as_before_when_memory_is_short)
{
    struct arena *arena = arena_create(1024, 200);
    VEC(struct point) points = {0};
    struct point *p;
    uint32_t len;

    do {
        len = points.len;
        p = VEC_ADD(arena, &points);
        if (p != NULL)
            p->x = (int)len;
    } while (p != NULL);
    ck_assert_uint_eq(points.len, len);
    ck_assert_uint_gt(len, 3);
    for (uint32_t i = 0; i < len; i++)
        ck_assert_int_eq(points.items[i].x, (int)i);
    arena_destroy(arena);
}
END_TEST

START_TEST(capacity_never_wraps)
{
    struct arena *arena = arena_create(1024, 0);
    char one = 'x';
    void *items = &one;
    uint32_t len = UINT32_MAX / 2 + 1, cap = len;

    ck_assert_ptr_null(vec_add(arena, &items, &len, &cap, 1));
    ck_assert_uint_eq(cap, len);
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/vec");

    unit_add(suite, elements_keep_order_and_value_while_it_grows, 2);
    unit_add(suite, vec_is_as_before_when_memory_is_short, 1);
    unit_add(suite, capacity_never_wraps, 1);
    return unit_run(suite);
}
