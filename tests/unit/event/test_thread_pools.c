/* SPDX-License-Identifier: BSD-2-Clause */
/* thread_pools: found by name, made when they are needed. */
#include "unit.h"
#include "base/counters.h"
#include "event/thread_pools.h"

static struct thread_pool second = {
    .name = STR_INIT("disks"), .threads = 1, .queue = 0, .number = 1,
};
static struct thread_pool first = {
    .name = STR_INIT("default"), .threads = 2, .queue = 5, .number = 0, .next = &second,
};

START_TEST(a_pool_is_found_by_its_whole_name)
{
    ck_assert_ptr_eq(thread_pool_find(&first, STR("default")), &first);
    ck_assert_ptr_eq(thread_pool_find(&first, STR("disks")), &second);
    ck_assert_ptr_null(thread_pool_find(&first, STR("disk")));
    ck_assert_ptr_null(thread_pool_find(&first, STR("")));
    ck_assert_ptr_null(thread_pool_find(NULL, STR("default")));
}
END_TEST

START_TEST(each_pool_has_threads_of_its_own_made_once)
{
    struct loop loop;
    struct thread_pools *pools;
    struct offload *one;

    ck_assert(loop_init(&loop, 16));
    pools = thread_pools_create(&loop, &first);
    ck_assert_ptr_nonnull(pools);
    one = thread_pools_get(pools, &first);
    ck_assert_ptr_nonnull(one);
    ck_assert_ptr_eq(thread_pools_get(pools, &first), one);
    ck_assert_ptr_ne(thread_pools_get(pools, &second), one);
    thread_pools_destroy(pools);
    thread_pools_destroy(NULL);
    pools = thread_pools_create(&loop, NULL);
    thread_pools_destroy(pools);
    loop_fini(&loop);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("event/thread_pools");

    unit_add(suite, a_pool_is_found_by_its_whole_name, 1);
    unit_add(suite, each_pool_has_threads_of_its_own_made_once, 1);
    return unit_run(suite);
}
