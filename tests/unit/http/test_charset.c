/* SPDX-License-Identifier: BSD-2-Clause */
/* charset: tables in both directions, and texts cut at every place. */
#include "unit.h"
#include "http/charset.h"

#define S(text) STR_INIT(text)

/* A few characters of koi8-r. */
static const struct { uint8_t koi; uint8_t win; struct str utf8; } letters[] = {
    { 0xc0, 0xfe, S("\xd1\x8e") }, { 0xc1, 0xe0, S("\xd0\xb0") },
    { 0x80, 0x80, S("\xe2\x94\x80") }, { 0x81, 0x81, S("\xf0\x9f\x98\x80") },
};

static struct charset_table
make(bool is_utf8)
{
    struct charset_table table;

    charset_table_init(&table, is_utf8);
    for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
        const char win = (char)letters[i].win;
        struct str to = is_utf8 ? letters[i].utf8 : (struct str){ &win, 1 };

        ck_assert(charset_table_add(&table, letters[i].koi, to));
    }
    return table;
}

/* With pieces of `in_cap` bytes into room for `out_cap` at a time. */
static struct str
convert(const struct charset_conversion *c, struct str in, size_t in_cap, size_t out_cap)
{
    static char out[500];
    struct charset_run run = { 0 };
    size_t len = 0, made;
    bool done = false;

    while (in.len > 0) {
        size_t n = MIN(in.len, in_cap);
        char *piece = malloc(n), *room = malloc(out_cap);     /* so that ASan sees their ends */
        struct str rest;

        memcpy(piece, in.p, n);
        charset_convert(c, &run, (struct str){ piece, n }, &rest, room, out_cap, &made);
        ck_assert_uint_le(made, out_cap);
        ck_assert(made > 0 || rest.len < n);
        memcpy(out + len, room, made);
        len += made;
        in = str_from(in, n - rest.len);
        free(piece);
        free(room);
    }
    while (!done) {
        done = charset_finish(&run, out + len, out_cap, &made);
        ck_assert(done || made == out_cap);
        len += made;
    }
    return (struct str){ out, len };
}

static const struct { bool is_utf8, back; struct str in, out; } texts[] = {
    { false, false, S("plain\xc0\xc1 \x80\xff."), S("plain\xfe\xe0 \x80?.") },
    { false, true, S("\xfe\xe0\xc0"), S("\xc0\xc1?") },
    { true, false, S("\xc0\xc1 a\x80\x81\x90"),
      S("\xd1\x8e\xd0\xb0 a\xe2\x94\x80\xf0\x9f\x98\x80?") },
    { true, true, S("\xd1\x8e\xd0\xb0 a\xe2\x94\x80\xf0\x9f\x98\x80"), S("\xc0\xc1 a\x80\x81") },
    /* what koi8-r has not */
    { true, true, S("\xd1\x8f"), S("&#1103;") },
    { true, true, S("\xe2\x82\xac!"), S("&#8364;!") },
    { true, true, S("\xf4\x8f\xbf\xbf\xc2\x80"), S("&#1114111;&#128;") },
    /* what is no UTF-8 */
    { true, true, S("\xff\x80\xbf"), S("???") },
    { true, true, S("a\xc0\x80" "b\xc1\xbf" "c"), S("a??b??c") },         /* overlong */
    { true, true, S("\xe0\x9f\xbf\xf0\x8f\xbf\xbf"), S("???????") },
    { true, true, S("\xed\xa0\x80\xf4\x90\x80\x80\xf5\x80"), S("?????????") }, /* surrogate, too large */
    { true, true, S("\xd1z\xe2\x94z\xf0\x9f\x98z"), S("?z?z?z") },        /* cut by another */
    { true, true, S("\xd1\xd1\x8e\xe2\x94\xd0\xb0"), S("?\xc0?\xc1") },
    { true, true, S("\xd1"), S("?") },                                    /* cut by the end */
    { true, true, S("a\xe2\x94"), S("a?") },
    { true, true, S("a\xf0\x9f\x98"), S("a?") },
    { true, true, S(""), S("") },
};

START_TEST(texts_come_out_the_same_however_they_are_cut)
{
    struct charset_table table = make(texts[_i].is_utf8);
    const struct charset_conversion *c = texts[_i].back ? &table.back : &table.there;

    for (size_t in_cap = 1; in_cap <= texts[_i].in.len + 1; in_cap++)
        for (size_t out_cap = 1; out_cap <= 12; out_cap++) {
            struct str out = convert(c, texts[_i].in, in_cap, out_cap);

            ck_assert_msg(str_eq(out, texts[_i].out), "%zu %zu: \"%.*s\"", in_cap, out_cap,
                          STR_ARG(out));
        }
}
END_TEST

START_TEST(each_byte_has_its_default)
{
    struct charset_table bytes, utf8;
    const char byte = (char)_i;
    struct str in = { &byte, 1 }, same = _i < 0x80 ? in : STR("?");

    charset_table_init(&bytes, false);
    charset_table_init(&utf8, true);
    ck_assert(str_eq(convert(&bytes.there, in, 1, 9), same));
    ck_assert(str_eq(convert(&bytes.back, in, 1, 9), same));
    ck_assert(str_eq(convert(&utf8.there, in, 1, 9), same));
    ck_assert(str_eq(convert(&utf8.back, in, 1, 9), same));
}
END_TEST

START_TEST(all_bytes_there_and_back)
{
    struct charset_table table;
    char all[256];
    char utf8[2 * 256];
    size_t len;

    charset_table_init(&table, true);
    for (unsigned i = 128; i < 256; i++) {      /* in an order that is not that of their codes */
        unsigned byte = 128 + (i * 37) % 128;
        const char c[2] = { (char)(0xc0 | byte >> 6), (char)(0x80 | (byte & 0x3f)) };

        ck_assert(charset_table_add(&table, (uint8_t)byte, (struct str){ c, 2 }));
        ck_assert(charset_table_add(&table, (uint8_t)byte, (struct str){ c, 2 }));
    }
    ck_assert_uint_eq(table.back.codes_len, 128);
    for (unsigned i = 0; i < 256; i++)
        all[i] = (char)i;
    len = convert(&table.there, (struct str){ all, 256 }, 7, 11).len;
    ck_assert_uint_eq(len, 128 + 256);
    memcpy(utf8, convert(&table.there, (struct str){ all, 256 }, 7, 11).p, len);
    ck_assert(str_eq(convert(&table.back, (struct str){ utf8, len }, 5, 3),
                     (struct str){ all, 256 }));
}
END_TEST

START_TEST(the_last_entry_of_a_byte_counts)
{
    struct charset_table table;

    charset_table_init(&table, true);
    ck_assert(charset_table_add(&table, 0xc0, STR("\xd1\x8e")));
    ck_assert(charset_table_add(&table, 0xc0, STR("\xd0\xb0")));
    ck_assert(str_eq(convert(&table.there, STR("\xc0"), 1, 9), STR("\xd0\xb0")));
    ck_assert(str_eq(convert(&table.back, STR("\xd0\xb0\xd1\x8e"), 1, 9), STR("\xc0&#1102;")));
    ck_assert(charset_table_add(&table, 0xc1, STR("\xd0\xb0")));
    ck_assert(str_eq(convert(&table.back, STR("\xd0\xb0"), 1, 9), STR("\xc1")));
}
END_TEST

static const struct { bool is_utf8; struct str to; } wrong[] = {
    { true, S("") }, { true, S("\xd1") }, { true, S("\xff\xff") }, { true, S("\xd1\x8e\xd1") },
    { true, S("\xc0\x80") }, { true, S("\xed\xa0\x80") }, { true, S("\xf0\x9f\x98\x80\x80") },
    { false, S("") }, { false, S("\xd1\x8e") },
};

START_TEST(what_is_no_character_is_refused)
{
    struct charset_table table;

    charset_table_init(&table, wrong[_i].is_utf8);
    ck_assert(!charset_table_add(&table, 0xc0, wrong[_i].to));
    ck_assert(str_eq(convert(&table.there, STR("\xc0"), 1, 9), STR("?")));
    ck_assert_uint_eq(table.back.codes_len, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/charset");

    unit_add(suite, texts_come_out_the_same_however_they_are_cut, ARRAY_LEN(texts));
    unit_add(suite, each_byte_has_its_default, 256);
    unit_add(suite, all_bytes_there_and_back, 1);
    unit_add(suite, the_last_entry_of_a_byte_counts, 1);
    unit_add(suite, what_is_no_character_is_refused, ARRAY_LEN(wrong));
    return unit_run(suite);
}
