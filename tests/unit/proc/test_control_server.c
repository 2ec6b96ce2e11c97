/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/control_server.h"
#include "unit.h"

static const struct {
    struct str bytes;
    enum control_line result;
    struct str name, arguments;
} lines[] = {
    { STR_INIT(""), LINE_INCOMPLETE, { "", 0 }, { "", 0 } },
    { STR_INIT("reload"), LINE_INCOMPLETE, { "", 0 }, { "", 0 } },
    { STR_INIT("reload\r"), LINE_INCOMPLETE, { "", 0 }, { "", 0 } },
    { STR_INIT("reload\n"), LINE_WHOLE, STR_INIT("reload"), { "", 0 } },
    { STR_INIT("reload\r\n"), LINE_WHOLE, STR_INIT("reload"), { "", 0 } },
    { STR_INIT("reload\r\r\n"), LINE_MALFORMED, { "", 0 }, { "", 0 } },
    { STR_INIT("status json\n"), LINE_WHOLE, STR_INIT("status"), STR_INIT("json") },
    { STR_INIT("  status  a  b\nrest"), LINE_WHOLE, STR_INIT("status"), STR_INIT("a  b") },
    { STR_INIT("\n"), LINE_WHOLE, { "", 0 }, { "", 0 } },
    { STR_INIT("   \n"), LINE_WHOLE, { "", 0 }, { "", 0 } },
    { STR_INIT("re\tload\n"), LINE_MALFORMED, { "", 0 }, { "", 0 } },
    { STR_INIT("re\0load\n"), LINE_MALFORMED, { "", 0 }, { "", 0 } },
    { STR_INIT("re\x7fload\n"), LINE_MALFORMED, { "", 0 }, { "", 0 } },
    { STR_INIT("re\xfcload\n"), LINE_WHOLE, STR_INIT("re\xfcload"), { "", 0 } },
};

START_TEST(line_is_a_name_and_arguments)
{
    struct str name = STR(""), arguments = STR("");

    ck_assert_int_eq(control_line_parse(lines[_i].bytes, &name, &arguments), lines[_i].result);
    ck_assert(str_eq(name, lines[_i].name));
    ck_assert(str_eq(arguments, lines[_i].arguments));
}
END_TEST

START_TEST(line_has_its_bound)
{
    char bytes[CONTROL_LINE_MAX];
    struct str name, arguments;

    memset(bytes, 'x', sizeof(bytes));
    ck_assert_int_eq(control_line_parse((struct str){ bytes, sizeof(bytes) - 1 }, &name,
                                        &arguments), LINE_INCOMPLETE);
    ck_assert_int_eq(control_line_parse((struct str){ bytes, sizeof(bytes) }, &name, &arguments),
                     LINE_TOO_LONG);
    bytes[sizeof(bytes) - 1] = '\n';
    ck_assert_int_eq(control_line_parse((struct str){ bytes, sizeof(bytes) }, &name, &arguments),
                     LINE_WHOLE);
    ck_assert_uint_eq(name.len, sizeof(bytes) - 1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/control_server");

    unit_add(suite, line_is_a_name_and_arguments, ARRAY_LEN(lines));
    unit_add(suite, line_has_its_bound, 1);
    return unit_run(suite);
}
