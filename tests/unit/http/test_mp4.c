/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/mp4.h"
#include "unit.h"

static const struct { const char *text; bool taken; uint64_t ms; } moments[] = {
    { "0", true, 0 },
    { "62.5", true, 62500 },
    { "1.0009", true, 1000 },                   /* less than a thousandth is left out */
    { "1.999999999999999999999999", true, 1999 },
    { ".5", true, 500 },
    { "5.", true, 5000 },
    { "000001.010", true, 1010 },
    { "2147483648", true, 2147483648000 },
    { "2147483649", true, 2147483648000 },      /* nobody's film is that long */
    { "99999999999999999999999999999.5", true, 2147483648500 },
    { "", false, 0 },
    { ".", false, 0 },
    { "-1", false, 0 },
    { "+1", false, 0 },
    { " 1", false, 0 },
    { "1 ", false, 0 },
    { "1,5", false, 0 },
    { "1e3", false, 0 },
    { "1.2.3", false, 0 },
    { "0x10", false, 0 },
};

START_TEST(a_moment_is_seconds_with_thousandths)
{
    uint64_t ms = 77;

    ck_assert_int_eq(mp4_read_seconds(str_of(moments[_i].text), &ms), moments[_i].taken);
    ck_assert_uint_eq(ms, moments[_i].taken ? moments[_i].ms : 77);
}
END_TEST

START_TEST(no_text_is_no_moment)
{
    uint64_t ms = 77;

    ck_assert(!mp4_read_seconds(STR_NONE, &ms));
    ck_assert_uint_eq(ms, 77);
}
END_TEST

START_TEST(what_cannot_be_read_is_told_of)
{
    struct mp4_cut cut = { .start_ms = 1, .read_first = 1024, .moov_max = 1024 };

    ck_assert_int_eq(mp4_cut(-1, 100, &cut), MP4_FAILED);
    ck_assert_ptr_null(cut.head);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/mp4");

    unit_add(suite, a_moment_is_seconds_with_thousandths, ARRAY_LEN(moments));
    unit_add(suite, no_text_is_no_moment, 1);
    unit_add(suite, what_cannot_be_read_is_told_of, 1);
    return unit_run(suite);
}
