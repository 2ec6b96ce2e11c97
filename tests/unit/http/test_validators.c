/* SPDX-License-Identifier: BSD-2-Clause */
/* validators: conditions against what there is. */
#include "unit.h"
#include "http/validators.h"

#define S(text) STR_INIT(text)
#define NONE { NULL, 0 }

/* Sun, 06 Nov 1994 08:49:37 GMT and its neighbours */
#define T0 784111777
#define AT     "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER  "Sun, 06 Nov 1994 08:49:38 GMT"

static const struct { struct str list, etag; bool weak, strong; } lists[] = {
    { S("\"a\""), S("\"a\""), true, true },
    { S("\"a\""), S("\"b\""), false, false },
    { S("\"a\""), S("\"A\""), false, false },
    { S("\"\""), S("\"\""), true, true },
    { S("W/\"a\""), S("\"a\""), true, false },
    { S("\"a\""), S("W/\"a\""), true, false },
    { S("W/\"a\""), S("W/\"a\""), true, false },
    { S("*"), S("\"a\""), true, true },
    { S("*"), S("W/\"a\""), true, true },
    { S(" * "), S("\"a\""), true, true },
    { S("*"), NONE, true, true },
    { S("\"a\""), NONE, false, false },
    { S("\"x\", \"a\""), S("\"a\""), true, true },
    { S("\"x\",W/\"a\"\t,\t\"y\""), S("\"a\""), true, false },
    { S("W/\"a\", \"a\""), S("\"a\""), true, true },
    { S(",, \"a\" , ,"), S("\"a\""), true, true },
    { S("\"a,b\""), S("\"a,b\""), true, true },
    { S("\"a,b\""), S("\"a\""), false, false },
    { S("\"a\\\""), S("\"a\\\""), true, true },         /* a backslash escapes nothing */
    { S("\"\x80\xff!\""), S("\"\x80\xff!\""), true, true },
    /* malformed, though the tag is in it */
    { S(""), S("\"a\""), false, false },
    { S("a"), S("\"a\""), false, false },
    { S("\""), S("\"\""), false, false },
    { S("\"a"), S("\"a\""), false, false },
    { S("a\""), S("\"a\""), false, false },
    { S("w/\"a\""), S("\"a\""), false, false },
    { S("W/a"), S("\"a\""), false, false },
    { S("W/"), S("\"a\""), false, false },
    { S("W/ \"a\""), S("\"a\""), false, false },
    { S("\"a b\""), S("\"a b\""), false, false },
    { S("\"a\x7f\""), S("\"a\x7f\""), false, false },
    { S("\"a\" \"b\""), S("\"a\""), false, false },
    { S("\"a\"x"), S("\"a\""), false, false },
    { S("\"a\", b"), S("\"a\""), false, false },
    { S("\"a\", *"), S("\"a\""), false, false },
    { S("*, \"a\""), S("\"a\""), false, false },
    { S("**"), S("\"a\""), false, false },
    { S("\"a\", \"b"), S("\"a\""), false, false },
};

START_TEST(list_holds_the_tags_it_names)
{
    size_t len = lists[_i].list.len;
    char *copy = malloc(len + (len == 0));
    struct str list = { copy, len };

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, lists[_i].list.p, len);
    ck_assert_int_eq(etag_list_has(list, lists[_i].etag, true), lists[_i].weak);
    ck_assert_int_eq(etag_list_has(list, lists[_i].etag, false), lists[_i].strong);
    free(copy);
}
END_TEST

enum { PASS = PRECONDITION_PASS, SAME = PRECONDITION_NOT_MODIFIED, FAIL = PRECONDITION_FAILED };

/* The file has the tag "a" and the date T0. For a safe method and for another, with IMS_EXACT. */
static const struct {
    struct conditions conditions;
    int safe, unsafe;
} checks[] = {
    { { .if_match = NONE }, PASS, PASS },
    { { .if_match = S("\"a\"") }, PASS, PASS },
    { { .if_match = S("W/\"a\"") }, FAIL, FAIL },
    { { .if_match = S("\"b\"") }, FAIL, FAIL },
    { { .if_match = S("*") }, PASS, PASS },
    { { .if_match = S("") }, FAIL, FAIL },
    { { .if_unmodified_since = S(AT) }, PASS, PASS },
    { { .if_unmodified_since = S(AFTER) }, PASS, PASS },
    { { .if_unmodified_since = S(BEFORE) }, FAIL, FAIL },
    { { .if_unmodified_since = S("yesterday") }, PASS, PASS },
    { { .if_unmodified_since = S("") }, PASS, PASS },
    { { .if_none_match = S("\"a\"") }, SAME, FAIL },
    { { .if_none_match = S("W/\"a\"") }, SAME, FAIL },
    { { .if_none_match = S("\"b\"") }, PASS, PASS },
    { { .if_none_match = S("*") }, SAME, FAIL },
    { { .if_none_match = S("a") }, PASS, PASS },
    { { .if_modified_since = S(AT) }, SAME, PASS },
    { { .if_modified_since = S("Sunday, 06-Nov-94 08:49:37 GMT") }, SAME, PASS },
    { { .if_modified_since = S("Sun Nov  6 08:49:37 1994") }, SAME, PASS },
    { { .if_modified_since = S(BEFORE) }, PASS, PASS },
    { { .if_modified_since = S(AFTER) }, PASS, PASS },
    { { .if_modified_since = S("never") }, PASS, PASS },
    /* tags go before dates */
    { { .if_match = S("\"a\""), .if_unmodified_since = S(BEFORE) }, PASS, PASS },
    { { .if_match = S("\"b\""), .if_unmodified_since = S(AT) }, FAIL, FAIL },
    { { .if_none_match = S("\"b\""), .if_modified_since = S(AT) }, PASS, PASS },
    { { .if_none_match = S("\"a\""), .if_modified_since = S(BEFORE) }, SAME, FAIL },
    /* what must match goes before what must not */
    { { .if_match = S("\"b\""), .if_none_match = S("\"a\"") }, FAIL, FAIL },
    { { .if_match = S("\"a\""), .if_none_match = S("\"a\"") }, SAME, FAIL },
    { { .if_match = S("\"a\""), .if_modified_since = S(AT) }, SAME, PASS },
    { { .if_unmodified_since = S(BEFORE), .if_none_match = S("\"a\"") }, FAIL, FAIL },
    { { .if_unmodified_since = S(AT), .if_modified_since = S(AT) }, SAME, PASS },
};

START_TEST(conditions_are_checked_in_their_order)
{
    const struct validators v = { STR("\"a\""), T0 };
    const struct conditions *c = &checks[_i].conditions;

    ck_assert_int_eq((int)validators_check(&v, c, true, IMS_EXACT), checks[_i].safe);
    ck_assert_int_eq((int)validators_check(&v, c, false, IMS_EXACT), checks[_i].unsafe);
}
END_TEST

static const struct { enum ims_mode mode; struct str date; int verdict; } modes[] = {
    { IMS_OFF, S(AT), PASS },      { IMS_OFF, S(AFTER), PASS },    { IMS_OFF, S(BEFORE), PASS },
    { IMS_EXACT, S(AT), SAME },    { IMS_EXACT, S(AFTER), PASS },  { IMS_EXACT, S(BEFORE), PASS },
    { IMS_BEFORE, S(AT), SAME },   { IMS_BEFORE, S(AFTER), SAME }, { IMS_BEFORE, S(BEFORE), PASS },
    { IMS_BEFORE, S("x"), PASS },
};

START_TEST(if_modified_since_follows_its_directive)
{
    const struct validators v = { STR("\"a\""), T0 };
    const struct conditions c = { .if_modified_since = modes[_i].date };

    ck_assert_int_eq((int)validators_check(&v, &c, true, modes[_i].mode), modes[_i].verdict);
}
END_TEST

START_TEST(without_a_validator_its_conditions_are_as_the_rfc_says)
{
    const struct validators v = { STR_NONE, (time_t)-1 };
    const struct conditions match = { .if_match = STR("\"a\"") };
    const struct conditions any = { .if_match = STR("*") };
    const struct conditions none_match = { .if_none_match = STR("\"a\"") };
    const struct conditions dates = {
        .if_modified_since = STR(AT), .if_unmodified_since = STR(BEFORE),
    };
    const struct conditions bad_date = { .if_modified_since = STR("x") };

    ck_assert_int_eq(validators_check(&v, &match, true, IMS_BEFORE), PRECONDITION_FAILED);
    ck_assert_int_eq(validators_check(&v, &any, true, IMS_BEFORE), PRECONDITION_PASS);
    ck_assert_int_eq(validators_check(&v, &none_match, true, IMS_BEFORE), PRECONDITION_PASS);
    ck_assert_int_eq(validators_check(&v, &dates, true, IMS_BEFORE), PRECONDITION_PASS);
    ck_assert_int_eq(validators_check(&v, &bad_date, true, IMS_EXACT), PRECONDITION_PASS);
}
END_TEST

static const struct {
    struct str if_range, etag;
    time_t last_modified;
    bool honoured;
} if_ranges[] = {
    { NONE, NONE, (time_t)-1, true },
    { S("\"a\""), S("\"a\""), T0, true },
    { S("\"b\""), S("\"a\""), T0, false },
    { S("W/\"a\""), S("\"a\""), T0, false },
    { S("\"a\""), S("W/\"a\""), T0, false },
    { S("W/\"a\""), S("W/\"a\""), T0, false },
    { S("\"a\""), NONE, T0, false },
    { S("\"a\", \"b\""), S("\"a\""), T0, false },       /* one tag, no list */
    { S("\"a"), S("\"a\""), T0, false },
    { S("*"), S("\"a\""), T0, false },
    { S(""), S("\"a\""), T0, false },
    { S("a"), S("\"a\""), (time_t)-1, false },
    { S(AT), S("\"a\""), T0, true },
    { S("Wed, 09 Nov 1994 08:49:37 GMT"), S("\"a\""), T0 + 3 * 86400, true },
    { S(BEFORE), S("\"a\""), T0, false },
    { S(AFTER), S("\"a\""), T0, false },
    { S(AT), S("\"a\""), (time_t)-1, false },
};

START_TEST(range_is_honoured_for_what_is_surely_the_same)
{
    const struct validators v = { if_ranges[_i].etag, if_ranges[_i].last_modified };

    ck_assert_int_eq(validators_if_range(&v, if_ranges[_i].if_range), if_ranges[_i].honoured);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/validators");

    unit_add(suite, list_holds_the_tags_it_names, ARRAY_LEN(lists));
    unit_add(suite, conditions_are_checked_in_their_order, ARRAY_LEN(checks));
    unit_add(suite, if_modified_since_follows_its_directive, ARRAY_LEN(modes));
    unit_add(suite, without_a_validator_its_conditions_are_as_the_rfc_says, 1);
    unit_add(suite, range_is_honoured_for_what_is_surely_the_same, ARRAY_LEN(if_ranges));
    return unit_run(suite);
}
