/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/str.h"
#include "http/h1/chunks.h"
#include "unit.h"

struct outcome {
    enum chunks_verdict verdict;
    size_t used, data;
};

/* Feeds [0, split) and [split, len) one behind the other, until the end or what is refused. */
static struct outcome
feed(struct str text, size_t split)
{
    struct chunks c = { 0 };
    struct outcome o = { .verdict = CHUNKS_MORE };
    size_t ends[2] = { split, text.len };

    for (int i = 0; i < 2; i++)
        while (o.used < ends[i] && o.verdict != CHUNKS_DONE && o.verdict != CHUNKS_BAD) {
            size_t used, data;

            o.verdict = chunks_read(&c, text.p + o.used, ends[i] - o.used, &used, &data);
            o.used += used;
            o.data += data;
        }
    return o;
}

static const struct { struct str text; size_t used, data; } good[] = {
    { STR_INIT("0\r\n\r\n"), 5, 0 },
    { STR_INIT("5\r\nhello\r\n0\r\n\r\n"), 15, 5 },
    { STR_INIT("5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), 15, 5 },        /* the next request */
    { STR_INIT("A\r\n0123456789\r\n0a\r\n0123456789\r\n000\r\n\r\n"), 38, 20 },
    { STR_INIT("5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n"), 29, 5 },
    { STR_INIT("5 \t;a\r\nhello\r\n0\r\n\r\n"), 19, 5 },
    { STR_INIT("1 ; a = \"b\" ;c\t=\td;e\r\nx\r\n0\r\n\r\n"), 30, 1 },
    { STR_INIT("1;a=\"\";b=\";\\\"\\\\\t \xff\"\r\nx\r\n0;a=!\r\n\r\n"), 33, 1 },
    { STR_INIT("1\r\nx\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n"), 25, 1 },
    { STR_INIT("00000000000000000000001\r\nx\r\n0\r\n\r\n"), 33, 1 },
};

START_TEST(message_ends_where_its_last_line_does)
{
    for (size_t split = 0; split <= good[_i].text.len; split++) {
        struct outcome o = feed(good[_i].text, split);

        ck_assert_int_eq(o.verdict, CHUNKS_DONE);
        ck_assert_uint_eq(o.used, good[_i].used);
        ck_assert_uint_eq(o.data, good[_i].data);
    }
}
END_TEST

static const struct str bad[] = {
    STR_INIT("\r\n"), STR_INIT("x\r\n"), STR_INIT("+5\r\n"), STR_INIT("-1\r\n"),
    STR_INIT("0x5\r\n"), STR_INIT(" 5\r\n"), STR_INIT("5 \r\n"), STR_INIT("5\n"),
    STR_INIT("5\rh"), STR_INIT("1_0\r\n"), STR_INIT("fffffffffffffffff\r\n"),
    STR_INIT("10000000000000005\r\n"), STR_INIT("4\r\nhello\r\n"), STR_INIT("5\r\nhello\n"),
    STR_INIT("5\r\nhello\r0"), STR_INIT("5\r\nhello0\r\n"), STR_INIT("5;a=\x01\r\n"),
    STR_INIT("5;a\nb\r\n"), STR_INIT("5;a\rb\r\n"), STR_INIT("0\r\n\n"), STR_INIT("0\r\n\r\r"),
    STR_INIT("0\r\nX\r\n"), STR_INIT("0\r\n: x\r\n"), STR_INIT("0\r\nX: a\r\n b\r\n"),
    STR_INIT("0\r\nX Y: a\r\n"), STR_INIT("0\r\nX: a\0\r\n"), STR_INIT("0\r\nX: a\n"),
    STR_INIT("0\r\nX : a\r\n"),
    /* extensions */
    STR_INIT("5;\r\n"), STR_INIT("5; \r\n"), STR_INIT("5;;a\r\n"), STR_INIT("5;a;\r\n"),
    STR_INIT("5;=b\r\n"), STR_INIT("5;a=\r\n"), STR_INIT("5;a= \r\n"), STR_INIT("5;a=b=c\r\n"),
    STR_INIT("5;a b\r\n"), STR_INIT("5;a \r\n"), STR_INIT("5;a=b \r\n"), STR_INIT("5;a=b c\r\n"),
    STR_INIT("5;a@\r\n"), STR_INIT("5;\xe9\r\n"), STR_INIT("5;a=\xff\r\n"), STR_INIT("5;a=b\"\r\n"),
    STR_INIT("5;a=\"\r\n"), STR_INIT("5;a=\"b\r\n"), STR_INIT("5;a=\"b\"c\r\n"),
    STR_INIT("5;a=\"b\\\"\r\n"), STR_INIT("5;a=\"\\\x01\"\r\n"), STR_INIT("5;a=\"\x7f\"\r\n"),
    STR_INIT("5 a\r\n"), STR_INIT("5;\"a\"\r\n"),
};

START_TEST(malformed_body_is_refused_however_it_comes)
{
    for (size_t split = 0; split <= bad[_i].len; split++)
        ck_assert_int_eq(feed(bad[_i], split).verdict, CHUNKS_BAD);
}
END_TEST

/* `before`, then n bytes 'a' in pieces of a thousand: what is said in the end. */
static enum chunks_verdict
feed_endless(struct str before, size_t n)
{
    struct chunks c = { 0 };
    char piece[1000];
    size_t used, data;
    enum chunks_verdict verdict = chunks_read(&c, before.p, before.len, &used, &data);

    memset(piece, 'a', sizeof(piece));
    for (size_t sent = 0; sent < n && verdict == CHUNKS_MORE; sent += sizeof(piece))
        verdict = chunks_read(&c, piece, sizeof(piece), &used, &data);
    return verdict;
}

START_TEST(what_is_no_data_is_bounded)
{
    ck_assert_int_eq(feed_endless(STR("1;"), CHUNK_LINE_MAX - 1000), CHUNKS_MORE);
    ck_assert_int_eq(feed_endless(STR("1;"), CHUNK_LINE_MAX + 1000), CHUNKS_BAD);
    ck_assert_int_eq(feed_endless(STR("0\r\nX:"), CHUNK_TRAILERS_MAX - 1000), CHUNKS_MORE);
    ck_assert_int_eq(feed_endless(STR("0\r\nX:"), CHUNK_TRAILERS_MAX + 1000), CHUNKS_BAD);
}
END_TEST

START_TEST(data_is_given_as_it_comes)
{
    struct chunks c = { 0 };
    size_t used, data;

    ck_assert_int_eq(chunks_read(&c, "6\r\nabc", 6, &used, &data), CHUNKS_DATA);
    ck_assert_uint_eq(used, 6);
    ck_assert_uint_eq(data, 3);
    ck_assert_int_eq(chunks_read(&c, "def\r\n0\r\n\r\n", 10, &used, &data), CHUNKS_DATA);
    ck_assert_uint_eq(used, 3);
    ck_assert_uint_eq(data, 3);
    ck_assert_int_eq(chunks_read(&c, "\r\n0\r\n\r\n", 7, &used, &data), CHUNKS_DONE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/h1/chunks");

    unit_add(suite, message_ends_where_its_last_line_does, ARRAY_LEN(good));
    unit_add(suite, malformed_body_is_refused_however_it_comes, ARRAY_LEN(bad));
    unit_add(suite, what_is_no_data_is_bounded, 1);
    unit_add(suite, data_is_given_as_it_comes, 1);
    return unit_run(suite);
}
