/* SPDX-License-Identifier: BSD-2-Clause */
/* list: links inside the things listed. */
#include "unit.h"
#include "base/list.h"

struct item {
    int number;
    struct link link;
};

static void
assert_numbers(const struct link *head, const int *numbers, int count)
{
    const struct link *l = head->next;

    for (int i = 0; i < count; i++, l = l->next) {
        ck_assert_int_eq(CONTAINER_OF(l, struct item, link)->number, numbers[i]);
        ck_assert_ptr_eq(l->next->prev, l);
    }
    ck_assert_ptr_eq(l, head);
}

START_TEST(links_stand_in_the_order_they_were_put)
{
    struct link head;
    struct item items[4] = { { .number = 0 }, { .number = 1 }, { .number = 2 }, { .number = 3 } };

    link_init(&head);
    ck_assert(list_is_empty(&head));
    list_push(&head, &items[1].link);
    list_push(&head, &items[2].link);
    link_after(&head, &items[0].link);
    link_after(&items[1].link, &items[3].link);
    ck_assert(!list_is_empty(&head));
    assert_numbers(&head, (const int[]){ 0, 1, 3, 2 }, 4);
}
END_TEST

START_TEST(removing_twice_does_no_harm)
{
    struct link head;
    struct item items[2] = { { .number = 0 }, { .number = 1 } };

    link_init(&head);
    list_push(&head, &items[0].link);
    list_push(&head, &items[1].link);
    link_remove(&items[0].link);
    ck_assert(!link_is_linked(&items[0].link));
    link_remove(&items[0].link);
    assert_numbers(&head, (const int[]){ 1 }, 1);
    link_remove(&items[1].link);
    ck_assert(list_is_empty(&head));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/list");

    unit_add(suite, links_stand_in_the_order_they_were_put, 1);
    unit_add(suite, removing_twice_does_no_harm, 1);
    return unit_run(suite);
}
