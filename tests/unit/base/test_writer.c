/* SPDX-License-Identifier: BSD-2-Clause */
/* writer: growth, failure, numbers, escapes. */
#include "unit.h"
#include "base/writer.h"
#include <inttypes.h>
#include <stdio.h>

static struct arena *arena;

static void
setup(void)
{
    arena = arena_create(512, 0);
}

/* Compares and shows both when they differ. */
static void
assert_text(struct writer *w, const char *expected)
{
    const char *text = writer_cstr(w);

    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, expected);
}

START_TEST(chain_of_writes_makes_one_text)
{
    struct writer w = writer_in(arena);

    write_str(&w, STR("bytes "));
    write_uint(&w, 0);
    write_char(&w, '-');
    write_int(&w, -42);
    write_bytes(&w, "/*", 1);
    write_hex(&w, 0xbeef);
    write_padded(&w, 7, 3);
    write_fmt(&w, "%s!", "x");
    assert_text(&w, "bytes 0--42/beef007x!");
}
END_TEST

START_TEST(text_of_any_size_survives_growth)
{
    struct writer w = writer_in(arena);
    struct str text;

    for (unsigned i = 0; i < 5000; i++) {
        write_char(&w, (char)('a' + i % 26));
        if (_i == 1 && i % 100 == 0)
            arena_bytes(arena, 1);          /* somebody else allocates behind the text */
    }
    text = writer_str(&w);
    ck_assert_uint_eq(text.len, 5000);
    for (unsigned i = 0; i < 5000; i++)
        ck_assert_int_eq(text.p[i], 'a' + (char)(i % 26));
}
END_TEST

START_TEST(unused_room_goes_back_to_the_arena)
{
    struct writer w = writer_in(arena);

    write_str(&w, STR("abc"));
    ck_assert_uint_gt(arena_used(arena), 3);
    ck_assert_uint_eq(writer_str(&w).len, 3);
    ck_assert_uint_eq(arena_used(arena), 3);
}
END_TEST

START_TEST(nothing_written_is_an_empty_text)
{
    struct writer w = writer_in(arena), c = writer_in(arena);

    write_str(&w, STR_NONE);
    ck_assert(str_is_set(writer_str(&w)) && writer_str(&w).len == 0);
    assert_text(&c, "");
}
END_TEST

START_TEST(fixed_buffer_is_filled_to_its_last_byte_and_no_further)
{
    char buf[8] = "zzzzzzzz";
    struct writer w = writer_at(buf, 7);

    write_str(&w, STR("1234567"));
    ck_assert(w.ok);
    ck_assert_uint_eq(writer_str(&w).len, 7);
    write_char(&w, '8');
    ck_assert(!w.ok);
    ck_assert(!str_is_set(writer_str(&w)));
    ck_assert_ptr_null(writer_cstr(&w));
    ck_assert_int_eq(buf[7], 'z');
}
END_TEST

START_TEST(failure_cuts_and_then_nothing_is_written)
{
    char buf[4];
    struct writer w = writer_at(buf, sizeof(buf));

    write_str(&w, STR("123456"));
    ck_assert(!w.ok);
    write_str(&w, STR("x"));
    write_uint(&w, 1);
    write_padded(&w, 1, 1000000000);
    write_fmt(&w, "%d", 1);
    ck_assert(!writer_room(&w, 1));
    ck_assert_ptr_eq(w.p, buf + 4);
    ck_assert_mem_eq(buf, "1234", 4);
}
END_TEST

START_TEST(room_that_is_missing_fails_though_a_shorter_write_would_fit)
{
    char buf[8];
    struct writer w = writer_at(buf, sizeof(buf));

    ck_assert(!writer_room(&w, 9));
    write_char(&w, 'x');
    ck_assert(!w.ok);
    ck_assert_ptr_eq(w.p, buf);
}
END_TEST

START_TEST(arena_that_is_exhausted_fails_the_writer)
{
    struct arena *small = arena_create(512, 300);
    struct writer w = writer_in(small);

    for (int i = 0; i < 300; i++)
        write_char(&w, 'x');
    write_char(&w, 'x');
    ck_assert(!w.ok);
    ck_assert(!str_is_set(writer_str(&w)));
    arena_destroy(small);
}
END_TEST

START_TEST(formatted_text_in_a_fixed_buffer_is_cut)
{
    char buf[8] = "zzzzzzzz";
    struct writer w = writer_at(buf, 7);

    write_fmt(&w, "%d", 123456);
    ck_assert(w.ok);
    write_fmt(&w, "%d", 78);
    ck_assert(!w.ok);
    ck_assert_ptr_eq(w.p, buf + 6);
    ck_assert_int_eq(buf[7], 'z');
}
END_TEST

static const int lengths[] = { 0, 1, 127, 128, 129, 2000 };

START_TEST(formatted_text_in_an_arena_is_whole)
{
    struct writer w = writer_in(arena);

    write_str(&w, STR("<"));
    write_fmt(&w, "%*s>", lengths[_i], "");
    ck_assert_uint_eq(writer_str(&w).len, (size_t)lengths[_i] + 2);
    ck_assert_int_eq(w.p[-1], '>');
}
END_TEST

/* Around each power of ten and of two. */
START_TEST(numbers_are_written_as_printf_does)
{
    uint64_t v = 1;

    for (int i = 0; i < 20 + 64; i++) {
        for (int d = -1; d <= 1; d++) {
            uint64_t n = v + (uint64_t)d;
            struct writer w = writer_in(arena);
            char expected[200], bare[20];
            int len = snprintf(expected, sizeof(expected), "%" PRIu64, n);

            ck_assert_ptr_eq(put_uint(bare, n), bare + len);
            ck_assert_mem_eq(bare, expected, (size_t)len);
            snprintf(expected, sizeof(expected), "%" PRIu64 " %" PRId64 " %" PRIx64 " %012" PRIu64,
                     n, (int64_t)n, n, n);
            write_uint(&w, n);
            write_char(&w, ' ');
            write_int(&w, (int64_t)n);
            write_char(&w, ' ');
            write_hex(&w, n);
            write_char(&w, ' ');
            write_padded(&w, n, 12);
            assert_text(&w, expected);
        }
        v = i < 19 ? v * 10 : (uint64_t)1 << (i - 19) % 64;
    }
}
END_TEST

START_TEST(number_fits_in_exactly_its_digits)
{
    char buf[3];
    struct writer w = writer_at(buf, sizeof(buf));

    write_uint(&w, 123);
    ck_assert(w.ok);
    ck_assert_mem_eq(buf, "123", 3);
}
END_TEST

typedef void escape_fn(struct writer *w, struct str s);

static const struct { escape_fn *fn; const char *text, *escaped; } escapes[] = {
    { write_html, "", "" },
    { write_html, "plain \xc3\xa4", "plain \xc3\xa4" },
    { write_html, "<a href=\"x\">&'", "&lt;a href=&quot;x&quot;&gt;&amp;&#39;" },
    { write_html, "x<", "x&lt;" },
    { write_log_escaped, "", "" },
    { write_log_escaped, "GET / HTTP/1.1", "GET / HTTP/1.1" },
    { write_log_escaped, "a\"b\\c\n\x1f\x7f\xff", "a\\x22b\\x5Cc\\x0A\\x1F\\x7F\\xFF" },
    { write_log_escaped, "\x80", "\\x80" },
    { write_log_escaped, " !#[]~", " !#[]~" },
    { write_json, "", "" },
    { write_json, "\"\\/\b\f\n\r\t\x01\x1f\x7f", "\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001F\x7f" },
    { write_json, "\xc2\x80\xc2\x9f\xc2\xa0", "\\u0080\\u009F\xc2\xa0" },
    { write_json, "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
                  "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80" },
    { write_json, "a\xffz", "a\xef\xbf\xbdz" },
    { write_json, "\xc3", "\xef\xbf\xbd" },                             /* cut short */
    { write_json, "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },             /* overlong */
    { write_json, "\xe0\x9f\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    { write_json, "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },     /* surrogate */
    { write_json, "\xed\x9f\xbf", "\xed\x9f\xbf" },
    { write_json, "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
    { write_json, "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    { write_json, "\xf0\x8f\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    { write_json, "\xe2\x82x", "\xef\xbf\xbd\xef\xbf\xbdx" },
    { write_json_string, "", "\"\"" },
    { write_json_string, "a\"\n", "\"a\\\"\\n\"" },
    { write_uri, "", "" },
    { write_uri, "/a-b._~!$&'()*+,;=:@", "/a-b._~!$&'()*+,;=:@" },
    { write_uri, "/a b?c#d%\xc3\xa4\"<>[]^`{|}\\\x7f\x01",
                 "/a%20b%3Fc%23d%25%C3%A4%22%3C%3E%5B%5D%5E%60%7B%7C%7D%5C%7F%01" },
    { write_uri_component, "a-b._~Z9", "a-b._~Z9" },
    { write_uri_component, "/!$&'()*+,;=:@?#% \xff",
                           "%2F%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40%3F%23%25%20%FF" },
};

START_TEST(a_text_that_is_not_there_is_null)
{
    struct writer w = writer_in(arena);

    write_json_string(&w, STR_NONE);
    ck_assert_str_eq(writer_cstr(&w), "null");
}
END_TEST

START_TEST(escapes_are_those_of_each_language)
{
    struct writer w = writer_in(arena);

    escapes[_i].fn(&w, str_of(escapes[_i].text));
    assert_text(&w, escapes[_i].escaped);
}
END_TEST

static const struct { uint64_t bytes; const char *text; } sizes[] = {
    { 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" }, { 1535, "1.5 KiB" }, { 10239, "10.0 KiB" },
    { 102348, "99.9 KiB" }, { 102399, "100.0 KiB" }, { 102400, "100 KiB" }, { 102912, "101 KiB" },
    { 1048575, "1024 KiB" }, { 1048576, "1.0 MiB" }, { 1 << 30, "1.0 GiB" },
    { UINT64_C(5) << 40, "5.0 TiB" }, { UINT64_C(7) << 50, "7.0 PiB" }, { UINT64_MAX, "16384 PiB" },
};

START_TEST(sizes_are_for_people)
{
    struct writer w = writer_in(arena);

    write_size(&w, sizes[_i].bytes);
    assert_text(&w, sizes[_i].text);
}
END_TEST

START_TEST(absent_text_is_escaped_as_nothing)
{
    struct writer w = writer_in(arena);

    write_html(&w, STR_NONE);
    write_log_escaped(&w, STR_NONE);
    write_json(&w, STR_NONE);
    write_uri(&w, STR_NONE);
    assert_text(&w, "");
}
END_TEST

/* Words of eight are skipped at once: each byte at each place must still be seen. */
START_TEST(no_byte_slips_through_the_log_escape)
{
    for (int c = 0; c < 256; c++) {
        bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';

        for (size_t at = 0; at < 19; at++) {
            char text[] = "abcdefghijklmnopqrs", expected[40];
            struct writer w = writer_in(arena);

            text[at] = (char)c;
            write_log_escaped(&w, (struct str){ text, 19 });
            if (plain)
                snprintf(expected, sizeof(expected), "%s", text);
            else
                snprintf(expected, sizeof(expected), "%.*s\\x%02X%s", (int)at, text, (unsigned)c,
                         text + at + 1);
            assert_text(&w, expected);
        }
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/writer");

    setup();
    unit_add(suite, chain_of_writes_makes_one_text, 1);
    unit_add(suite, text_of_any_size_survives_growth, 2);
    unit_add(suite, unused_room_goes_back_to_the_arena, 1);
    unit_add(suite, nothing_written_is_an_empty_text, 1);
    unit_add(suite, fixed_buffer_is_filled_to_its_last_byte_and_no_further, 1);
    unit_add(suite, failure_cuts_and_then_nothing_is_written, 1);
    unit_add(suite, room_that_is_missing_fails_though_a_shorter_write_would_fit, 1);
    unit_add(suite, arena_that_is_exhausted_fails_the_writer, 1);
    unit_add(suite, formatted_text_in_a_fixed_buffer_is_cut, 1);
    unit_add(suite, formatted_text_in_an_arena_is_whole, ARRAY_LEN(lengths));
    unit_add(suite, numbers_are_written_as_printf_does, 1);
    unit_add(suite, number_fits_in_exactly_its_digits, 1);
    unit_add(suite, escapes_are_those_of_each_language, ARRAY_LEN(escapes));
    unit_add(suite, a_text_that_is_not_there_is_null, 1);
    unit_add(suite, sizes_are_for_people, ARRAY_LEN(sizes));
    unit_add(suite, absent_text_is_escaped_as_nothing, 1);
    unit_add(suite, no_byte_slips_through_the_log_escape, 1);
    return unit_run(suite);
}
