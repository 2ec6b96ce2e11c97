/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/cpus.h"
#include "unit.h"

#include <limits.h>
#include <sched.h>

static const struct { const char *text; unsigned cpus; } maxes[] = {
    { "max 100000\n",     0 },
    { "100000 100000\n",  1 },
    { "100001 100000\n",  2 },              /* a part of one counts as one */
    { "50000 100000",     1 },
    { "1 100000",         1 },
    { "350000 100000\n",  4 },
    { "400000 100000\n",  4 },
    { "200000 50000\n",   4 },
    { "0 100000",         0 },
    { "100000 0",         0 },
    { "100000",           0 },
    { "-1 100000",        0 },
    { "",                 0 },
    { "\n",               0 },
    { "max",              0 },
    { "100000  100000",   0 },
    { "1x 100000",        0 },
    { "9223372036854775807 1", UINT_MAX },
    { "9223372036854775808 1", 0 },         /* one too many for the kernel's own type */
};

START_TEST(cpu_max_is_rounded_up_to_whole_processors)
{
    ck_assert_uint_eq(cpus_of_max(str_of(maxes[_i].text)), maxes[_i].cpus);
}
END_TEST

START_TEST(version_1_quota_of_minus_one_is_no_limit)
{
    ck_assert_uint_eq(cpus_of_quota(STR("-1"), STR("100000")), 0);
    ck_assert_uint_eq(cpus_of_quota(STR("250000"), STR("100000")), 3);
    ck_assert_uint_eq(cpus_of_quota(STR(""), STR("")), 0);
}
END_TEST

static const struct { const char *text, *controller, *path; } groups[] = {
    { "0::/user.slice\n",                           NULL,  "/user.slice" },
    { "0::/\n",                                     NULL,  "/" },
    { "0::/a:b\n",                                  NULL,  "/a:b" },    /* may hold a colon */
    { "1:cpu:/x\n0::/y\n",                          NULL,  "/y" },
    { "1:cpu:/x\n",                                 NULL,  NULL },
    { "2:memory:/m\n4:cpu,cpuacct:/c\n0::/y\n",     "cpu", "/c" },
    { "4:cpuacct,cpu:/c",                           "cpu", "/c" },
    { "4:cpuset:/c\n0::/y\n",                       "cpu", NULL },      /* only begins alike */
    { "",                                           "cpu", NULL },
    { "",                                           NULL,  NULL },
    { "garbage\n\n::\n",                            "cpu", NULL },
};

START_TEST(cgroup_of_a_controller_is_found)
{
    struct str path = cpus_cgroup(str_of(groups[_i].text), str_of(groups[_i].controller));

    ck_assert_int_eq(str_is_set(path), groups[_i].path != NULL);
    if (groups[_i].path != NULL)
        ck_assert(str_eq(path, str_of(groups[_i].path)));
}
END_TEST

START_TEST(a_process_bound_to_one_processor_uses_one)
{
    cpu_set_t all, one;
    int cpu = 0;

    ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
    ck_assert_uint_ge(cpus_usable(), 1);
    ck_assert_uint_le(cpus_usable(), (unsigned)CPU_COUNT(&all));
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
    ck_assert_uint_eq(cpus_usable(), 1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/cpus");

    unit_add(suite, cpu_max_is_rounded_up_to_whole_processors, ARRAY_LEN(maxes));
    unit_add(suite, version_1_quota_of_minus_one_is_no_limit, 1);
    unit_add(suite, cgroup_of_a_controller_is_found, ARRAY_LEN(groups));
    unit_add(suite, a_process_bound_to_one_processor_uses_one, 1);
    return unit_run(suite);
}
