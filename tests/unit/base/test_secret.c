/* SPDX-License-Identifier: BSD-2-Clause */
/* secret: memory that is in no core file. */
#include "unit.h"
#include "base/secret.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Whether the kernel has the flag "dd", do not dump, for the mapping at p. */
static bool
is_left_out_of_cores(const void *p)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool here = false, found = false;

    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t begin, end;

        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            here = (uintptr_t)p >= begin && (uintptr_t)p < end;
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, " dd") != NULL;
    }
    fclose(maps);
    return found;
}

START_TEST(secret_is_zero_and_in_no_core)
{
    static const size_t sizes[] = { 1, 4095, 4096, 4097, 1 << 16 };
    size_t size = sizes[_i];
    char *p = secret_alloc(size);

    ck_assert_ptr_nonnull(p);
    ck_assert(p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
    ck_assert(is_left_out_of_cores(p));
    memset(p, 'x', size);
    secret_free(p, size);
}
END_TEST

START_TEST(nothing_is_given_back)
{
    secret_free(NULL, 0);
}
END_TEST

START_TEST(too_much_is_refused)
{
    ck_assert_ptr_null(secret_alloc(SIZE_MAX / 2));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/secret");
    TCase *tcase = tcase_create("secret");

    tcase_add_loop_test(tcase, secret_is_zero_and_in_no_core, 0, 5);
    tcase_add_test(tcase, nothing_is_given_back);
    tcase_add_test(tcase, too_much_is_refused);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
