/* SPDX-License-Identifier: BSD-2-Clause */
/* str: comparing, searching, hashing and reading text. */
#include "unit.h"
#include "base/str.h"
#include <stdio.h>

static const struct { const char *text; uint64_t max; bool fits; uint64_t value; } uints[] = {
    { "0",                    UINT64_MAX, true,  0 },
    { "007",                  UINT64_MAX, true,  7 },
    { "4294967295",           UINT32_MAX, true,  UINT32_MAX },
    { "4294967296",           UINT32_MAX, false, 0 },       /* one too many */
    { "18446744073709551615", UINT64_MAX, true,  UINT64_MAX },
    { "18446744073709551616", UINT64_MAX, false, 0 },
    { "99999999999999999999", UINT64_MAX, false, 0 },
    { "10",                   9,          false, 0 },
    { "0",                    0,          true,  0 },
    { "",                     UINT64_MAX, false, 0 },
    { "+1",                   UINT64_MAX, false, 0 },       /* a sign is no digit */
    { "-1",                   UINT64_MAX, false, 0 },
    { " 1",                   UINT64_MAX, false, 0 },
    { "1 ",                   UINT64_MAX, false, 0 },
    { "1a",                   UINT64_MAX, false, 0 },       /* of another base */
    { "/",                    UINT64_MAX, false, 0 },
    { ":",                    UINT64_MAX, false, 0 },
};

START_TEST(uint_takes_only_digits_that_fit)
{
    uint64_t value = 4711;
    bool fits = str_to_uint(str_of(uints[_i].text), uints[_i].max, &value);

    ck_assert_msg(fits == uints[_i].fits, "\"%s\"", uints[_i].text);
    ck_assert_uint_eq(value, fits ? uints[_i].value : 4711);
}
END_TEST

static const struct { const char *text; uint64_t max; bool fits; uint64_t value; } hexes[] = {
    { "0",                 UINT64_MAX, true,  0 },
    { "dEaD",              UINT64_MAX, true,  0xdead },
    { "ffffffffffffffff",  UINT64_MAX, true,  UINT64_MAX },
    { "10000000000000000", UINT64_MAX, false, 0 },
    { "ff",                0xfe,       false, 0 },
    { "",                  UINT64_MAX, false, 0 },
    { "0x1",               UINT64_MAX, false, 0 },
    { "g",                 UINT64_MAX, false, 0 },
    { "@",                 UINT64_MAX, false, 0 },
    { "`",                 UINT64_MAX, false, 0 },
};

START_TEST(hex_takes_only_digits_that_fit)
{
    uint64_t value = 4711;
    bool fits = str_to_hex(str_of(hexes[_i].text), hexes[_i].max, &value);

    ck_assert_msg(fits == hexes[_i].fits, "\"%s\"", hexes[_i].text);
    ck_assert_uint_eq(value, fits ? hexes[_i].value : 4711);
}
END_TEST

START_TEST(hex_digits_are_these_22_bytes)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";

    for (int c = 0; c < 256; c++) {
        const char *at = c != 0 ? strchr(digits, c) : NULL;

        ck_assert_int_eq(hex_digit((char)c), at != NULL ? (int)((at - digits) % 16) : -1);
    }
}
END_TEST

static const struct { const char *a, *b; bool same, same_but_case; } pairs[] = {
    { "",                    "",                    true,  true },
    { "a",                   "",                    false, false },
    { "host",                "Host",                false, true },
    { "host",                "hosu",                false, false },
    { "Content-Length",      "content-LENGTH",      false, true },
    { "Content-Length",      "content-LENGTI",      false, false },
    { "Xontent-Length",      "content-LENGTH",      false, false },
    { "Content-Lengthy",     "content-length",      false, false },
    { "abcdefgh",            "ABCDEFGH",            false, true },
    { "abcdefghabcdefghabc", "ABCDEFGHABCDEFGHABC", false, true },
    { "abcdefghabcdefghabc", "ABCDEFGH\xc1" "BCDEFGHABC", false, false },
    { "@@@@@@@@@",           "`````````",           false, false },     /* beside the letters */
    { "[[[[[[[[[",           "{{{{{{{{{",           false, false },
    { "\xc1\xc1\xc1\xc1\xc1\xc1\xc1\xc1", "\xe1\xe1\xe1\xe1\xe1\xe1\xe1\xe1", false, false },
    { "same",                "same",                true,  true },
};

START_TEST(texts_are_equal_with_and_without_case)
{
    struct str a = str_of(pairs[_i].a), b = str_of(pairs[_i].b);

    ck_assert_int_eq(str_eq(a, b), pairs[_i].same);
    ck_assert_int_eq(str_ieq(a, b), pairs[_i].same_but_case);
    if (pairs[_i].same)
        ck_assert_uint_eq(str_hash(a), str_hash(b));
    if (pairs[_i].same_but_case)
        ck_assert_uint_eq(str_ihash(a), str_ihash(b));
    else
        ck_assert_uint_ne(str_ihash(a), str_ihash(b));
}
END_TEST

START_TEST(words_of_eight_ignore_the_case_of_letters_only)
{
    for (int c = 0; c < 256; c++) {
        for (int d = 0; d < 256; d++) {
            char a[8] = "abcdefg", b[8] = "abcdefg";

            a[3] = (char)c;
            b[3] = (char)d;
            ck_assert_int_eq(str_ieq((struct str){ a, 8 }, (struct str){ b, 8 }),
                             ascii_lower((char)c) == ascii_lower((char)d));
        }
    }
}
END_TEST

static const struct { const char *s, *part; bool starts, istarts, ends; } parts[] = {
    { "index.html", "",            true,  true,  true },
    { "",           "",            true,  true,  true },
    { "",           "x",           false, false, false },
    { "index.html", "index",       true,  true,  false },
    { "index.html", "INDEX.H",     false, true,  false },
    { "index.html", ".html",       false, false, true },
    { "index.html", "index.html",  true,  true,  true },
    { "index.html", "index.htmlx", false, false, false },
};

START_TEST(starts_and_ends_are_found)
{
    struct str s = str_of(parts[_i].s), part = str_of(parts[_i].part);

    ck_assert_int_eq(str_starts(s, part), parts[_i].starts);
    ck_assert_int_eq(str_istarts(s, part), parts[_i].istarts);
    ck_assert_int_eq(str_ends(s, part), parts[_i].ends);
}
END_TEST

START_TEST(absent_text_is_harmless)
{
    struct str none = STR_NONE;

    ck_assert(!str_is_set(none) && str_is_set(STR("")));
    ck_assert(str_eq(none, STR("")) && str_ieq(none, STR("")) && str_starts(none, none));
    ck_assert(str_ends(none, none) && str_istarts(none, none));
    ck_assert_int_eq(str_find(none, 'x', 0), -1);
    ck_assert_uint_eq(str_trim(none).len, 0);
    ck_assert_int_eq(str_cmp(none, none), 0);
    ck_assert_uint_eq(str_hash(none), str_hash(STR("")));
    ck_assert(!str_is_set(str_from(none, 3)));
}
END_TEST

static const struct { const char *s; char c; size_t from; ptrdiff_t at; } finds[] = {
    { "a/b/c", '/', 0, 1 }, { "a/b/c", '/', 1, 1 }, { "a/b/c", '/', 2, 3 },
    { "a/b/c", '/', 4, -1 }, { "a/b/c", '/', 5, -1 }, { "a/b/c", '/', 99, -1 },
    { "", '/', 0, -1 },
};

START_TEST(bytes_are_found_from_an_offset_on)
{
    ck_assert_int_eq(str_find(str_of(finds[_i].s), finds[_i].c, finds[_i].from), finds[_i].at);
}
END_TEST

static const struct { const char *s, *trimmed; } trims[] = {
    { "", "" }, { " ", "" }, { " \t ", "" }, { "x", "x" }, { " x", "x" }, { "x\t", "x" },
    { "\t a b \t", "a b" }, { "\r\nx\n", "\r\nx\n" },
};

START_TEST(trim_takes_blanks_and_tabs_only)
{
    ck_assert(str_eq(str_trim(str_of(trims[_i].s)), str_of(trims[_i].trimmed)));
}
END_TEST

static const struct { const char *a, *b; int order; } orders[] = {
    { "", "", 0 }, { "", "a", -1 }, { "a", "b", -1 }, { "b", "a", 1 }, { "a", "ab", -1 },
    { "b", "ab", 1 }, { "\xff", "a", 1 }, { "ab", "ab", 0 },
};

START_TEST(order_is_that_of_bytes_then_length)
{
    int order = str_cmp(str_of(orders[_i].a), str_of(orders[_i].b));

    ck_assert_int_eq((order > 0) - (order < 0), orders[_i].order);
}
END_TEST

static void
flip(char *text, size_t bit)
{
    text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
}

START_TEST(every_bit_of_every_length_changes_the_hash)
{
    size_t len = (size_t)_i + 1;
    char *text = malloc(len);           /* just that size: AddressSanitizer sees its end */
    struct str s = { text, len };
    uint64_t hash;

    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + i % 26);
    hash = str_hash(s);
    ck_assert_uint_ne(hash, str_hash((struct str){ text, len - 1 }));
    for (size_t bit = 0; bit < len * 8; bit++) {
        uint64_t changed;

        flip(text, bit);
        changed = str_hash(s);
        flip(text, bit);
        /* Both halves count: tables take their place from one and their tag from the other. */
        ck_assert_uint_ne(hash & UINT32_MAX, changed & UINT32_MAX);
        ck_assert_uint_ne(hash >> 32, changed >> 32);
    }
    free(text);
}
END_TEST

START_TEST(numbered_names_spread_over_a_table)
{
    enum { NAMES = 4096 };
    static unsigned places[NAMES];
    unsigned most = 0;

    for (unsigned i = 0; i < NAMES; i++) {
        char name[32];
        size_t len = (size_t)snprintf(name, sizeof(name), "host%u.example.org", i);
        unsigned *place = &places[str_hash((struct str){ name, len }) % NAMES];

        *place += 1;
        most = MAX(most, *place);
    }
    ck_assert_uint_lt(most, 12);        /* by chance alone 7 or 8 */
}
END_TEST

START_TEST(seed_changes_every_hash)
{
    uint64_t plain = str_hash(STR("key")), folded = str_ihash(STR("key"));

    str_hash_seed(1);
    ck_assert_uint_ne(str_hash(STR("key")), plain);
    ck_assert_uint_ne(str_ihash(STR("key")), folded);
    ck_assert_uint_eq(str_ihash(STR("KEY")), str_ihash(STR("key")));
}
END_TEST

static const struct { const char *a, *b; unsigned limit, distance; } words[] = {
    { "listen",     "listen",     2, 0 },
    { "listen",     "LISTEN",     2, 0 },
    { "lisen",      "listen",     2, 1 },
    { "listten",    "listen",     2, 1 },
    { "lispen",     "listen",     2, 1 },
    { "litsen",     "listen",     2, 1 },       /* neighbours swapped */
    { "iltsen",     "listen",     2, 2 },
    { "ilstne",     "listen",     2, 2 },
    { "ilstne",     "listen",     1, 2 },
    { "root",       "listen",     2, 3 },       /* over the limit */
    { "kitten",     "sitting",    9, 3 },
    { "",           "abc",        9, 3 },
    { "",           "",           0, 0 },
    { "ab",         "ba",         0, 1 },
    { "abcdefghij", "xbcdefghiy", 1, 2 },
    { "ca",         "abc",        9, 3 },       /* a swapped pair is not edited again */
};

START_TEST(distance_counts_edits_up_to_the_limit)
{
    struct str a = str_of(words[_i].a), b = str_of(words[_i].b);

    ck_assert_uint_eq(str_distance(a, b, words[_i].limit), words[_i].distance);
    ck_assert_uint_eq(str_distance(b, a, words[_i].limit), words[_i].distance);
}
END_TEST

START_TEST(words_too_long_to_measure_are_far_apart)
{
    char word[65];

    memset(word, 'x', sizeof(word));
    ck_assert_uint_eq(str_distance((struct str){ word, 64 }, (struct str){ word, 64 }, 3), 0);
    ck_assert_uint_eq(str_distance((struct str){ word, 65 }, (struct str){ word, 65 }, 3), 4);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/str");

    unit_add(suite, uint_takes_only_digits_that_fit, ARRAY_LEN(uints));
    unit_add(suite, hex_takes_only_digits_that_fit, ARRAY_LEN(hexes));
    unit_add(suite, hex_digits_are_these_22_bytes, 1);
    unit_add(suite, texts_are_equal_with_and_without_case, ARRAY_LEN(pairs));
    unit_add(suite, words_of_eight_ignore_the_case_of_letters_only, 1);
    unit_add(suite, starts_and_ends_are_found, ARRAY_LEN(parts));
    unit_add(suite, absent_text_is_harmless, 1);
    unit_add(suite, bytes_are_found_from_an_offset_on, ARRAY_LEN(finds));
    unit_add(suite, trim_takes_blanks_and_tabs_only, ARRAY_LEN(trims));
    unit_add(suite, order_is_that_of_bytes_then_length, ARRAY_LEN(orders));
    unit_add(suite, every_bit_of_every_length_changes_the_hash, 80);
    unit_add(suite, numbered_names_spread_over_a_table, 1);
    unit_add(suite, seed_changes_every_hash, 1);
    unit_add(suite, distance_counts_edits_up_to_the_limit, ARRAY_LEN(words));
    unit_add(suite, words_too_long_to_measure_are_far_apart, 1);
    return unit_run(suite);
}
