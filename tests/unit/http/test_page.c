/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/page.h"
#include "unit.h"

static const struct { const char *page; const char *pieces[8]; } pages[] = {
    { "", { "", "", NULL } },
    { "plain", { "plain", "", NULL } },
    { "a{{x}}b", { "a", "x", "b", "", NULL } },
    { "{{x}}{{yy}}", { "", "x", "", "yy", "", "", NULL } },
    { "a{b}}c{{x}}", { "a{b}}c", "x", "", "", NULL } },
    { "a{{x", { "a", "", "", "", NULL } },
    { "a{{", { "a", "", "", "", NULL } },
};

START_TEST(page_is_taken_apart)
{
    struct str rest = str_of(pages[_i].page), place;

    for (const char *const *piece = pages[_i].pieces; *piece != NULL; piece += 2) {
        struct str text = page_next(&rest, &place);

        ck_assert_msg(str_eq(text, str_of(piece[0])), "%.*s", STR_ARG(text));
        ck_assert_msg(str_eq(place, str_of(piece[1])), "%.*s", STR_ARG(place));
    }
    ck_assert_uint_eq(place.len, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/page");

    unit_add(suite, page_is_taken_apart, ARRAY_LEN(pages));
    return unit_run(suite);
}
