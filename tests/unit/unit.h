/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit: what every unit test program shares. A test file is a program of its own: cases, then
 *
 *     int
 *     main(void)
 *     {
 *         Suite *suite = suite_create("base/str");
 *         unit_add(suite, uint_takes_only_digits_that_fit, ARRAY_LEN(uints));
 *         unit_add(suite, empty_has_no_digits, 1);
 *         return unit_run(suite);
 *     }
 */
#ifndef WEIR_TESTS_UNIT_H
#define WEIR_TESTS_UNIT_H

#include "base/compiler.h"
#include <check.h>
#include <stdlib.h>

/* Adds a test, run `times` times with _i = 0 … times - 1. */
#define unit_add(suite, test, times) unit_add_named((suite), (test), #test, (int)(times))

static inline void
unit_add_named(Suite *suite, const TTest *test, const char *name, int times)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test, 0, times);
    suite_add_tcase(suite, tcase);
}

static inline int
unit_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
