/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * framing: each input is fed whole, split at every byte, and byte by byte; the verdict is the same.
 * Each piece lies in a block of its own size, so that a sanitizer sees a look beyond it.
 */
#include "unit.h"
#include "http/h1/framing.h"
#include <stdio.h>

static const struct framing_limits roomy = { 8192, 8192, 32768, 100 };

/* Feeds the first `first` bytes of text, then `step` more at a time, until it is decided. */
static enum framing_verdict
feed(struct framing *f, struct str text, size_t first, size_t step,
     const struct framing_limits *limits)
{
    enum framing_verdict verdict;

    *f = (struct framing){ 0 };
    for (size_t len = MIN(first, text.len);; len = MIN(len + step, text.len)) {
        char *copy = malloc(len + (len == 0));

        ck_assert_ptr_nonnull(copy);
        memcpy(copy, text.p, len);
        verdict = framing_check(f, copy, len, limits);
        free(copy);
        if (verdict != FRAMING_MORE || len == text.len)
            return verdict;
    }
}

static void
assert_same(const struct framing *a, const struct framing *b)
{
    ck_assert_str_eq(a->reason != NULL ? a->reason : "", b->reason != NULL ? b->reason : "");
    ck_assert_uint_eq(a->status, b->status);
    ck_assert_uint_eq(a->head_too_large, b->head_too_large);
    ck_assert_uint_eq(a->skipped, b->skipped);
    ck_assert_uint_eq(a->head_len, b->head_len);
    ck_assert_uint_eq(a->method_len, b->method_len);
    ck_assert_uint_eq(a->target_start, b->target_start);
    ck_assert_uint_eq(a->target_len, b->target_len);
    ck_assert_uint_eq(a->raw_target_bytes, b->raw_target_bytes);
    ck_assert_uint_eq(a->minor, b->minor);
    ck_assert_uint_eq(a->blanks_len, b->blanks_len);
    ck_assert_uint_eq(a->odd_names, b->odd_names);
    ck_assert_uint_eq(a->body, b->body);
    ck_assert_uint_eq(a->content_length, b->content_length);
    ck_assert_uint_eq(a->fields, b->fields);
    ck_assert_uint_eq(a->request_line_done, b->request_line_done);
}

/* The verdict on text, the same however it is split. */
static enum framing_verdict
check_all_splits(struct framing *f, struct str text, const struct framing_limits *limits)
{
    enum framing_verdict verdict = feed(f, text, text.len, 1, limits);
    struct framing split;

    for (size_t first = 0; first < text.len; first++) {
        ck_assert_int_eq(feed(&split, text, first, text.len, limits), verdict);
        assert_same(&split, f);
    }
    ck_assert_int_eq(feed(&split, text, 1, 1, limits), verdict);
    assert_same(&split, f);
    return verdict;
}

#define H "Host: h\r\n"

static const struct {
    struct str text;
    uint32_t skipped, method_len, target_len, fields;
    uint8_t minor;
    bool odd_names;
    enum framing_body body;
    uint64_t content_length;
} sound[] = {
    { STR_INIT("GET / HTTP/1.1\r\n" H "\r\n"), 0, 3, 1, 1, 1, false, BODY_NONE, 0 },
    { STR_INIT("GET / HTTP/1.0\r\n\r\n"), 0, 3, 1, 0, 0, false, BODY_NONE, 0 },
    { STR_INIT("GET / HTTP/1.2\r\n" H "\r\n"), 0, 3, 1, 1, 2, false, BODY_NONE, 0 },
    { STR_INIT("GET / HTTP/1.9\r\n" H "\r\n"), 0, 3, 1, 1, 9, false, BODY_NONE, 0 },
    { STR_INIT("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), 4, 3, 1, 1, 1, false, BODY_NONE, 0 },
    { STR_INIT("OPTIONS * HTTP/1.1\r\nHOST:h\r\n\r\n"), 0, 7, 1, 1, 1, false, BODY_NONE, 0 },
    { STR_INIT("M-SEARCH * HTTP/1.1\r\n" H "\r\n"), 0, 8, 1, 1, 1, false, BODY_NONE, 0 },
    { STR_INIT("!#$%&'*+-.^_`|~09azAZ x HTTP/1.1\r\n" H "\r\n"),
      0, 21, 1, 1, 1, false, BODY_NONE, 0 },
    { STR_INIT("GET http://h/a?b#c HTTP/1.1\r\n" H "\r\n"), 0, 3, 14, 1, 1, false, BODY_NONE, 0 },
    { STR_INIT("GET /\xc3\xbc HTTP/1.1\r\nhost: h\r\n\r\n"), 0, 3, 3, 1, 1, false, BODY_NONE, 0 },
    /* an empty Host, or one between any blanks */
    { STR_INIT("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 0, 3, 1, 1, 1, false, BODY_NONE, 0 },
    { STR_INIT("GET / HTTP/1.1\r\nHost: \t \r\n\r\n"), 0, 3, 1, 1, 1, false, BODY_NONE, 0 },
    { STR_INIT("GET / HTTP/1.1\r\nHost: \th:80 \t\r\n\r\n"),
      0, 3, 1, 1, 1, false, BODY_NONE, 0 },
    /* values: HTAB, visible ASCII, obs-text; empty */
    { STR_INIT("GET / HTTP/1.1\r\n" H "X:\t!~\x80\xff \x7e\r\nY:\r\n\r\n"),
      0, 3, 1, 3, 1, false, BODY_NONE, 0 },
    { STR_INIT("GET / HTTP/1.1\r\n" H "X: \xff\x7e\xff\x7e\xff\x7e\xff\x7e\xff\r\n\r\n"),
      0, 3, 1, 2, 1, false, BODY_NONE, 0 },
    { STR_INIT("GET / HTTP/1.1\r\n" H "X_y: 1\r\n\r\n"), 0, 3, 1, 2, 1, true, BODY_NONE, 0 },
    { STR_INIT("GET / HTTP/1.1\r\n" H "X: a:b: c\r\n\r\n"), 0, 3, 1, 2, 1, false, BODY_NONE, 0 },
    /* bodies */
    { STR_INIT("PUT / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"),
      0, 3, 1, 2, 1, false, BODY_LENGTH, 0 },
    { STR_INIT("PUT / HTTP/1.1\r\n" H "cONTENT-lENGTH:0042 \t\r\n\r\n"),
      0, 3, 1, 2, 1, false, BODY_LENGTH, 42 },
    { STR_INIT("PUT / HTTP/1.0\r\nContent-Length: 999999999999999999\r\n\r\n"),
      0, 3, 1, 1, 0, false, BODY_LENGTH, 999999999999999999 },
    { STR_INIT("PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"),
      0, 3, 1, 2, 1, false, BODY_CHUNKED, 0 },
    { STR_INIT("PUT / HTTP/1.1\r\n" H "TRANSFER-ENCODING:\t cHUNKED \t\r\n\r\n"),
      0, 3, 1, 2, 1, false, BODY_CHUNKED, 0 },
    /* names that only resemble those that frame */
    { STR_INIT("GET / HTTP/1.1\r\n" H "Hos: a b\r\nXost: @\r\nHosts: @\r\n\r\n"),
      0, 3, 1, 4, 1, false, BODY_NONE, 0 },
    { STR_INIT("GET / HTTP/1.1\r\n" H "Content_Length: x\r\nTransfer_Encoding: x\r\n\r\n"),
      0, 3, 1, 3, 1, true, BODY_NONE, 0 },
};

START_TEST(sound_head_is_done_however_split)
{
    struct framing f;

    ck_assert_int_eq(check_all_splits(&f, sound[_i].text, &roomy), FRAMING_DONE);
    ck_assert_uint_eq(f.status, 0);
    ck_assert_uint_eq(f.head_len, sound[_i].text.len);
    ck_assert_uint_eq(f.skipped, sound[_i].skipped);
    ck_assert_uint_eq(f.method_len, sound[_i].method_len);
    ck_assert_uint_eq(f.target_start, f.skipped + f.method_len + 1);
    ck_assert_uint_eq(f.target_len, sound[_i].target_len);
    ck_assert_uint_eq(f.fields, sound[_i].fields);
    ck_assert_uint_eq(f.minor, sound[_i].minor);
    ck_assert_uint_eq(f.odd_names, sound[_i].odd_names);
    ck_assert_uint_eq(f.body, sound[_i].body);
    ck_assert_uint_eq(f.content_length, sound[_i].content_length);
}
END_TEST

START_TEST(what_follows_a_head_is_not_looked_at)
{
    static const char junk[] = "\0\n\xff: \r\r";
    struct framing alone, f;
    char text[1024];
    size_t len = sound[_i].text.len;

    memcpy(text, sound[_i].text.p, len);
    memcpy(text + len, junk, sizeof(junk));
    feed(&alone, sound[_i].text, len, 1, &roomy);
    ck_assert_int_eq(check_all_splits(&f, (struct str){ text, len + sizeof(junk) }, &roomy),
                     FRAMING_DONE);
    assert_same(&f, &alone);
}
END_TEST

START_TEST(every_beginning_of_a_sound_head_wants_more)
{
    struct framing f;

    for (size_t len = 0; len < sound[_i].text.len; len++)
        ck_assert_int_eq(feed(&f, (struct str){ sound[_i].text.p, len }, len, 1, &roomy),
                         FRAMING_MORE);
}
END_TEST

#define L "GET / HTTP/1.1\r\n"
#define P "POST / HTTP/1.1\r\n" H
#define TE "Transfer-Encoding: "
#define CL "Content-Length: "

/* Each is sound up to its last byte, which is the one that is refused. */
static const struct {
    struct str text;
    unsigned status;
    const char *reason;
} refused[] = {
    /* before and in the request line */
    { STR_INIT("\n"), 400, "bare LF" },
    { STR_INIT("\r\r"), 400, "bare CR" },
    { STR_INIT("\r\nGET / HTTP/1.1\n"), 400, "bare LF" },
    { STR_INIT("\r\n\n"), 400, "bare LF" },
    { STR_INIT("\rG"), 400, "bare CR" },
    { STR_INIT(" "), 400, "a byte that starts no request line" },
    { STR_INIT("\x16"), 400, "a byte that starts no request line" },    /* a TLS ClientHello */
    { STR_INIT("\0"), 400, "NUL byte" },
    { STR_INIT("\x80"), 400, "a byte that starts no request line" },
    { STR_INIT("GET\t"), 400, "bad byte in the method" },
    { STR_INIT("GE("), 400, "bad byte in the method" },
    { STR_INIT("GET\r"), 400, "request line without a target" },
    { STR_INIT("GET\n"), 400, "bare LF" },
    { STR_INIT("GET\xe9"), 400, "bad byte in the method" },
    { STR_INIT("GET  "), 400, "two blanks before the target" },
    { STR_INIT("GET \r"), 400, "request line without a target" },
    { STR_INIT("GET \t"), 400, "bad byte in the target" },
    { STR_INIT("GET /\r"), 400, "request line without a version" },
    { STR_INIT("GET /\n"), 400, "bare LF" },
    { STR_INIT("GET /a\t"), 400, "bad byte in the target" },
    { STR_INIT("GET /\x7f"), 400, "bad byte in the target" },
    { STR_INIT("GET /12345\0"), 400, "NUL byte" },
    { STR_INIT("GET /  "), 400, "not an HTTP version" },
    { STR_INIT("GET / \r"), 400, "not an HTTP version" },
    { STR_INIT("GET /a b"), 400, "not an HTTP version" },
    { STR_INIT("GET / h"), 400, "not an HTTP version" },
    { STR_INIT("GET / HTTH"), 400, "not an HTTP version" },
    { STR_INIT("GET / R"), 400, "not an HTTP version" },
    { STR_INIT("GET / I"), 400, "not an HTTP version" },
    { STR_INIT("GET / HTTP/\r"), 400, "not an HTTP version" },
    { STR_INIT("GET / HTTP/+"), 400, "not an HTTP version" },
    { STR_INIT("GET / HTTP/11"), 400, "not an HTTP version" },
    { STR_INIT("GET / HTTP/1\r"), 400, "not an HTTP version" },
    { STR_INIT("GET / HTTP/1.\r"), 400, "not an HTTP version" },
    { STR_INIT("GET / HTTP/1.x"), 400, "not an HTTP version" },
    { STR_INIT("GET / HTTP/1:"), 400, "not an HTTP version" },
    { STR_INIT("GET / HTTP/2.x"), 400, "not an HTTP version" },
    { STR_INIT("GET / HTTP/2\r"), 400, "not an HTTP version" },
    { STR_INIT("GET / HTTP/0.9"), 505, "HTTP version not supported" },
    { STR_INIT("PRI * HTTP/2.0"), 505, "HTTP version not supported" },
    { STR_INIT("GET / HTTP/3.1"), 505, "HTTP version not supported" },
    { STR_INIT("GET / HTTP/1.11"), 400, "bytes behind the HTTP version" },
    { STR_INIT("GET / HTTP/1.1 "), 400, "bytes behind the HTTP version" },
    { STR_INIT("GET / HTTP/1.1\n"), 400, "bare LF" },
    { STR_INIT("GET / HTTP/1.1\r\r"), 400, "bare CR" },
    { STR_INIT("GET / HTTP/1.1\rH"), 400, "bare CR" },
    /* field lines */
    { STR_INIT(L " "), 400, "a line that starts with a blank" },
    { STR_INIT(L "\t"), 400, "a line that starts with a blank" },
    { STR_INIT(L "X: a\r\n "), 400, "a line that starts with a blank" },
    { STR_INIT(L "X: a\r\n\t"), 400, "a line that starts with a blank" },
    { STR_INIT(L ":"), 400, "empty field name" },
    { STR_INIT(L "\n"), 400, "bare LF" },
    { STR_INIT(L "\0"), 400, "NUL byte" },
    { STR_INIT(L "\xff"), 400, "bad byte in a field name" },
    { STR_INIT(L "X "), 400, "blank before the colon" },
    { STR_INIT(L "Host\t"), 400, "blank before the colon" },
    { STR_INIT(L "Host\r"), 400, "field line without a colon" },
    { STR_INIT(L "Host\n"), 400, "bare LF" },
    { STR_INIT(L "X("), 400, "bad byte in a field name" },
    { STR_INIT(L "X\x80"), 400, "bad byte in a field name" },
    { STR_INIT(L "X\0"), 400, "NUL byte" },
    { STR_INIT(L "X: a\n"), 400, "bare LF" },
    { STR_INIT(L "X: a\0"), 400, "NUL byte" },
    { STR_INIT(L "X: abcdefghijk\0"), 400, "NUL byte" },
    { STR_INIT(L "X: a\x7f"), 400, "control byte in a field value" },
    { STR_INIT(L "X: \xff\xff\xff\x7f"), 400, "control byte in a field value" },
    { STR_INIT(L "X: a\x1b"), 400, "control byte in a field value" },
    { STR_INIT(L "X:\rX"), 400, "bare CR" },
    { STR_INIT(L "X: a\r\r"), 400, "bare CR" },
    { STR_INIT(L "X: a\r\0"), 400, "bare CR" },
    { STR_INIT(L H "\rG"), 400, "bare CR" },
    { STR_INIT(L H "\r\r"), 400, "bare CR" },
    { STR_INIT(L H "\n"), 400, "bare LF" },
    /* Host */
    { STR_INIT(L "\r\n"), 400, "no Host" },
    { STR_INIT("GET / HTTP/1.2\r\nX: y\r\n\r\n"), 400, "no Host" },
    { STR_INIT(L H H), 400, "more than one Host" },
    { STR_INIT("GET / HTTP/1.0\r\n" H H), 400, "more than one Host" },
    { STR_INIT("GET / HTTP/1.0\r\nHost: a b\r\n"), 400, "invalid Host" },
    { STR_INIT(L "Host: u@h\r\n"), 400, "invalid Host" },
    { STR_INIT(L "Host: a, b:1\r\n"), 400, "invalid Host" },
    { STR_INIT(L "Host: h\xc3\xbc\r\n"), 400, "invalid Host" },
    { STR_INIT(L "Host: h/\r\n"), 400, "invalid Host" },
    { STR_INIT(L "Host: :99999\r\n"), 400, "invalid Host" },
    /* Content-Length */
    { STR_INIT(P CL "1\r\n" CL "1\r\n"), 400, "more than one Content-Length" },
    { STR_INIT(P CL "1\r\ncontent-length: 2\r\n"), 400, "more than one Content-Length" },
    { STR_INIT(P CL "1, 1\r\n"), 400, "invalid Content-Length" },
    { STR_INIT(P CL "1 1\r\n"), 400, "invalid Content-Length" },
    { STR_INIT(P CL "+5\r\n"), 400, "invalid Content-Length" },
    { STR_INIT(P CL "-5\r\n"), 400, "invalid Content-Length" },
    { STR_INIT(P CL "0x5\r\n"), 400, "invalid Content-Length" },
    { STR_INIT(P CL "5.0\r\n"), 400, "invalid Content-Length" },
    { STR_INIT(P CL "5e1\r\n"), 400, "invalid Content-Length" },
    { STR_INIT(P CL "\xc2\xb2\r\n"), 400, "invalid Content-Length" },
    { STR_INIT(P CL "\r\n"), 400, "invalid Content-Length" },
    { STR_INIT(P CL " \t\r\n"), 400, "invalid Content-Length" },
    { STR_INIT(P CL "1000000000000000000\r\n"), 400, "Content-Length too long" },
    { STR_INIT(P CL "18446744073709551617\r\n"), 400, "Content-Length too long" },
    { STR_INIT(P CL "0000000000000000001\r\n"), 400, "Content-Length too long" },
    { STR_INIT("GET / HTTP/1.0\r\n" CL "x\r\n"), 400, "invalid Content-Length" },
    { STR_INIT(P "Content-Length "), 400, "blank before the colon" },
    { STR_INIT(P "Content-Length: 1\r\n "), 400, "a line that starts with a blank" },
    /* Transfer-Encoding */
    { STR_INIT(P CL "1\r\n" TE "chunked\r\n"), 400, "Transfer-Encoding with Content-Length" },
    { STR_INIT(P TE "chunked\r\n" CL "1\r\n"), 400, "Content-Length with Transfer-Encoding" },
    { STR_INIT(P CL "1\r\n" TE "gzip, chunked\r\n"), 400, "Transfer-Encoding with Content-Length" },
    { STR_INIT(P TE "chunked\r\n" TE "chunked\r\n"), 400, "more than one Transfer-Encoding" },
    { STR_INIT(P TE "chunked\r\n" TE "identity\r\n"), 400, "more than one Transfer-Encoding" },
    { STR_INIT("POST / HTTP/1.0\r\n" TE "chunked\r\n"), 400, "Transfer-Encoding in HTTP/1.0" },
    { STR_INIT("POST / HTTP/1.0\r\n" TE "gzip, chunked\r\n"),
      400, "Transfer-Encoding in HTTP/1.0" },
    { STR_INIT(P TE "gzip, chunked\r\n"), 501, "unknown transfer coding" },
    { STR_INIT(P TE "gzip\t,\tCHUNKED\r\n"), 501, "unknown transfer coding" },
    { STR_INIT(P TE "a;b=c , d ; e = \"f,\\\"g\" ; h=i, chunked\r\n"),
      501, "unknown transfer coding" },
    { STR_INIT(P TE "identity, chunked\r\n"), 501, "unknown transfer coding" },
    { STR_INIT(P TE "chunked, identity\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "chunked, chunked\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "chunked, gzip, chunked\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "gzip\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "identity\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "xchunked\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "chunkedx\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "\x0b"), 400, "control byte in a field value" },
    { STR_INIT(P TE "\"chunked\"\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "chunked;a=b\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "chunked,\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE ", chunked\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "gzip,, chunked\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "gzip chunked\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "gzip; chunked\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "gzip;a=\"b, chunked\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "gzip;a=\"b\\\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "gzip;a=, chunked\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "\x80" "chunked\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P TE "\r\n"), 400, "invalid Transfer-Encoding" },
    { STR_INIT(P "Transfer-Encoding "), 400, "blank before the colon" },
    { STR_INIT(P TE "chunked\x0c"), 400, "control byte in a field value" },
};

START_TEST(unsound_head_is_refused_at_its_first_bad_byte)
{
    struct str text = refused[_i].text, before = { text.p, text.len - 1 };
    struct framing f;

    ck_assert_int_eq(check_all_splits(&f, before, &roomy), FRAMING_MORE);
    ck_assert_int_eq(check_all_splits(&f, text, &roomy), FRAMING_REFUSED);
    ck_assert_str_eq(f.reason, refused[_i].reason);
    ck_assert_uint_eq(f.status, refused[_i].status);
    ck_assert(!f.head_too_large);
}
END_TEST

START_TEST(what_follows_the_first_bad_byte_changes_nothing)
{
    static const char rest[] = "\r\nHost: h\r\n\r\n";
    struct framing f, alone;
    char text[1024];
    size_t len = refused[_i].text.len;

    memcpy(text, refused[_i].text.p, len);
    memcpy(text + len, rest, sizeof(rest) - 1);
    feed(&alone, refused[_i].text, len, 1, &roomy);
    ck_assert_int_eq(check_all_splits(&f, (struct str){ text, len + sizeof(rest) - 1 }, &roomy),
                     FRAMING_REFUSED);
    assert_same(&f, &alone);
}
END_TEST

START_TEST(the_answer_stays_once_given)
{
    struct str done = STR("GET / HTTP/1.0\r\n\r\n"), bad = STR("GET\t/ HTTP/1.0\r\n\r\n");
    struct framing f;

    ck_assert_int_eq(feed(&f, done, done.len, 1, &roomy), FRAMING_DONE);
    ck_assert_int_eq(framing_check(&f, done.p, done.len, &roomy), FRAMING_DONE);
    ck_assert_int_eq(feed(&f, bad, bad.len, 1, &roomy), FRAMING_REFUSED);
    ck_assert_int_eq(framing_check(&f, bad.p, bad.len, &roomy), FRAMING_REFUSED);
    ck_assert_uint_eq(f.status, 400);
}
END_TEST

static bool
is_token_byte(unsigned c)
{
    return c != 0 && c < 0x80
        && strchr("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                  "abcdefghijklmnopqrstuvwxyz", (int)c) != NULL;
}

static bool
is_value_byte(unsigned c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool
is_target_byte(unsigned c)
{
    return c > 0x20 && c != 0x7f;
}

/* A place in a head, what may stand there, and what else goes on soundly. */
static const struct {
    const char *before, *after;
    bool (*allowed)(unsigned c);
    char also;
} places[] = {
    { "G", "T / HTTP/1.0\r\n\r\n", is_token_byte, '\0' },
    { "GET /a", "b HTTP/1.0\r\n\r\n", is_target_byte, '\0' },
    { "GET /abcdefgh", "ijklmnopq HTTP/1.0\r\n\r\n", is_target_byte, '\0' },
    { "GET / HTTP/1.0\r\n", "b: c\r\n\r\n", is_token_byte, '\0' },
    { "GET / HTTP/1.0\r\na", "b: c\r\n\r\n", is_token_byte, ':' },
    { "GET / HTTP/1.0\r\nabcdefghi", "bcdefghi: c\r\n\r\n", is_token_byte, ':' },
    { "GET / HTTP/1.0\r\na: b", "c\r\n\r\n", is_value_byte, '\0' },
    { "GET / HTTP/1.0\r\na: bcdefghi", "cdefghijklmnopqrstuvw\r\n\r\n", is_value_byte, '\0' },
};

START_TEST(every_byte_is_taken_where_the_grammar_has_it)
{
    for (unsigned c = 0; c < 256; c++) {
        bool good = places[_i].allowed(c) || (c != 0 && c == (unsigned)places[_i].also);
        struct framing f;
        char text[128];
        int len = snprintf(text, sizeof(text), "%s%c%s", places[_i].before, (int)c,
                           places[_i].after);

        ck_assert_int_eq(check_all_splits(&f, (struct str){ text, (size_t)len }, &roomy),
                         good ? FRAMING_DONE : FRAMING_REFUSED);
        if (!good)
            ck_assert_uint_eq(f.status, 400);
    }
}
END_TEST

START_TEST(a_bad_byte_is_found_at_any_distance)
{
    static const char bad[] = { '\0', '\n', 0x1f, 0x7f };

    for (size_t at = 0; at < 40; at++) {
        for (size_t i = 0; i < sizeof(bad); i++) {
            struct framing f;
            char text[128] = "GET / HTTP/1.0\r\nX:";
            size_t start = strlen(text);

            memset(text + start, (int)(at % 2 == 0 ? 0xff : '~'), 40);
            memcpy(text + start + 40, "\r\n\r\n", 4);
            ck_assert_int_eq(feed(&f, (struct str){ text, start + 44 }, 200, 1, &roomy),
                             FRAMING_DONE);
            text[start + at] = bad[i];
            ck_assert_int_eq(feed(&f, (struct str){ text, start + 44 }, 200, 1, &roomy),
                             FRAMING_REFUSED);
        }
    }
}
END_TEST

static const struct {
    struct framing_limits limits;
    struct str text;
    unsigned status;            /* 0: not refused */
    bool head_too_large;
} limited[] = {
    /* request line: "GET /12 HTTP/1.0\r\n" has 18 bytes */
    { { 18, 99, 99, 9 }, STR_INIT("GET /12 HTTP/1.0\r\n\r\n"), 0, false },
    { { 17, 99, 99, 9 }, STR_INIT("GET /12 HTTP/1.0\r\n\r\n"), 414, false },
    { { 18, 99, 99, 9 }, STR_INIT("GET /12345678901"), 0, false },
    { { 18, 99, 99, 9 }, STR_INIT("GET /1234567890123"), 414, false },
    { { 18, 99, 99, 9 }, STR_INIT("GETGETGETGETGETGETGET"), 414, false },
    { { 18, 99, 99, 9 }, STR_INIT("\r\n\r\nGET /12 HTTP/1.0\r\n\r\n"), 0, false },
    { { 17, 99, 99, 9 }, STR_INIT("\r\n\r\nGET /12 HTTP/1.0\r\n\r\n"), 414, false },
    { { 99, 99, 10, 9 }, STR_INIT("GET /12 HTTP/1.0\r\n\r\n"), 414, false },
    /* a bad byte before the limit is what counts, one behind it is not */
    { { 18, 99, 99, 9 }, STR_INIT("GET /123456789012\n"), 400, false },
    { { 18, 99, 99, 9 }, STR_INIT("GET /1234567890123\n"), 414, false },
    /* one field line: "A: 1234\r\n" has 9 bytes */
    { { 99, 9, 99, 9 }, STR_INIT("GET / HTTP/1.0\r\nA: 1234\r\nB:  234\r\n\r\n"), 0, false },
    { { 99, 8, 99, 9 }, STR_INIT("GET / HTTP/1.0\r\nA: 123\r\nA: 1234\r\n\r\n"), 431, true },
    { { 99, 8, 99, 9 }, STR_INIT("GET / HTTP/1.0\r\nA: 12345"), 431, true },
    { { 99, 8, 99, 9 }, STR_INIT("GET / HTTP/1.0\r\nAAAAAAAA"), 431, true },
    /* the head: 16 + 9 + 2 = 27 bytes */
    { { 99, 99, 27, 9 }, STR_INIT("GET / HTTP/1.0\r\nA: 1234\r\n\r\n"), 0, false },
    { { 99, 99, 26, 9 }, STR_INIT("GET / HTTP/1.0\r\nA: 1234\r\n\r\n"), 431, true },
    { { 99, 99, 25, 9 }, STR_INIT("GET / HTTP/1.0\r\nA: 1234\r\n\r\n"), 431, true },
    { { 99, 99, 27, 9 }, STR_INIT("GET / HTTP/1.0\r\nA: 123456789"), 431, true },
    { { 99, 99, 27, 9 }, STR_INIT("\r\nGET / HTTP/1.0\r\nA: 1234\r\n\r\n"), 431, true },
    /* the number of fields */
    { { 99, 99, 99, 2 }, STR_INIT("GET / HTTP/1.0\r\nA:\r\nB:\r\n\r\n"), 0, false },
    { { 99, 99, 99, 2 }, STR_INIT("GET / HTTP/1.0\r\nA:\r\nB:\r\nC"), 431, true },
    { { 99, 99, 99, 0 }, STR_INIT("GET / HTTP/1.0\r\n\r\n"), 0, false },
    { { 0, 0, 0, 0 }, STR_INIT("G"), 414, false },
};

START_TEST(limit_is_kept_to_the_byte_however_split)
{
    struct framing f;
    enum framing_verdict verdict = check_all_splits(&f, limited[_i].text, &limited[_i].limits);

    ck_assert_int_eq(verdict == FRAMING_REFUSED, limited[_i].status != 0);
    ck_assert_uint_eq(f.status, limited[_i].status);
    ck_assert_uint_eq(f.head_too_large, limited[_i].head_too_large);
}
END_TEST

START_TEST(sixty_four_bytes_of_empty_lines_are_skipped_and_no_more)
{
    char text[256];
    struct framing f;

    for (size_t i = 0; i < 66; i += 2)
        memcpy(text + i, "\r\n", 2);
    memcpy(text + 64, "GET / HTTP/1.0\r\n\r\n", 18);
    ck_assert_int_eq(check_all_splits(&f, (struct str){ text, 82 }, &roomy), FRAMING_DONE);
    ck_assert_uint_eq(f.skipped, 64);
    text[64] = '\r';
    ck_assert_int_eq(check_all_splits(&f, (struct str){ text, 64 }, &roomy), FRAMING_MORE);
    ck_assert_int_eq(check_all_splits(&f, (struct str){ text, 65 }, &roomy), FRAMING_REFUSED);
    ck_assert_uint_eq(f.status, 400);
}
END_TEST

static const struct { struct str head, parser; } rewritten[] = {
    { STR_INIT("GET / HTTP/1.1\r\n" H "\r\n"), STR_INIT("GET / HTTP/1.1\r\n" H "\r\n") },
    { STR_INIT("GET / HTTP/1.0\r\n\r\n"), STR_INIT("GET / HTTP/1.0\r\n\r\n") },
    { STR_INIT("GET / HTTP/1.7\r\n" H "\r\n"), STR_INIT("GET / HTTP/1.1\r\n" H "\r\n") },
    { STR_INIT("\r\nGET / HTTP/1.2\r\n" H "\r\n"), STR_INIT("GET / HTTP/1.1\r\n" H "\r\n") },
    { STR_INIT("\r\nGET \x80/\xc3\xbc.\xff HTTP/1.9\r\n" H "X: \xff\r\n\r\n"),
      STR_INIT("GET %80/%C3%BC.%FF HTTP/1.1\r\n" H "X: \xff\r\n\r\n") },
    { STR_INIT("PUT /\xc3 HTTP/1.1\r\n" H CL "\t5\t \t\r\nX:\t1\t\r\n\r\n"),
      STR_INIT("PUT /%C3 HTTP/1.1\r\n" H CL "\t5   \r\nX:\t1\t\r\n\r\n") },
    { STR_INIT(P TE "chunked\t\r\n\r\n"), STR_INIT(P TE "chunked \r\n\r\n") },
};

START_TEST(parser_gets_a_form_that_it_reads_as_framing_does)
{
    struct str want = rewritten[_i].parser;
    struct framing f;
    char *to;

    ck_assert_int_eq(feed(&f, rewritten[_i].head, 999, 1, &roomy), FRAMING_DONE);
    ck_assert_uint_eq(framing_parser_len(&f), want.len);
    to = malloc(want.len);
    ck_assert_ptr_nonnull(to);
    ck_assert_uint_eq(framing_to_parser(&f, rewritten[_i].head.p, to), want.len);
    ck_assert_mem_eq(to, want.p, want.len);
    free(to);
}
END_TEST

static const struct { struct str host; bool valid; } hosts[] = {
    { STR_INIT(""), true },
    { STR_INIT("h"), true },
    { STR_INIT("www.example.com"), true },
    { STR_INIT("www.example.com:8080"), true },
    { STR_INIT("example.com."), true },
    { STR_INIT("EXAMPLE_-~!$&'()*+,;=9"), true },
    { STR_INIT("h:"), true },
    { STR_INIT("h:0"), true },
    { STR_INIT("h:65535"), true },
    { STR_INIT("h:00080"), true },
    { STR_INIT(":80"), true },
    { STR_INIT("127.0.0.1:80"), true },
    { STR_INIT("999.1.1.1"), true },                    /* a reg-name (RFC 3986 3.2.2) */
    { STR_INIT("a%20b"), true },
    { STR_INIT("%C3%bc"), true },
    { STR_INIT("[::1]"), true },
    { STR_INIT("[::1]:8080"), true },
    { STR_INIT("[2001:DB8::a:1.2.3.4]:"), true },
    { STR_INIT("[0000:0000:0000:0000:0000:ffff:255.255.255.255]"), true },
    { STR_INIT("[v1.a:b]"), true },
    { STR_INIT("[VFF.~]:1"), true },
    { STR_INIT(" h"), false },
    { STR_INIT("a b"), false },
    { STR_INIT("h "), false },
    { STR_INIT("h/"), false },
    { STR_INIT("h?"), false },
    { STR_INIT("h#"), false },
    { STR_INIT("u@h"), false },
    { STR_INIT("u:p@h"), false },
    { STR_INIT("a\\b"), false },
    { STR_INIT("a\"b"), false },
    { STR_INIT("<h>"), false },
    { STR_INIT("a\0b"), false },
    { STR_INIT("\xc3\xbc"), false },
    { STR_INIT("a%2"), false },
    { STR_INIT("a%"), false },
    { STR_INIT("a%zz"), false },
    { STR_INIT("a%2:80"), false },
    { STR_INIT("h:65536"), false },
    { STR_INIT("h:99999999999999999999"), false },
    { STR_INIT("h:4294967376"), false },                /* 80 modulo 2^32 */
    { STR_INIT("h:8a"), false },
    { STR_INIT("h:+80"), false },
    { STR_INIT("h:80:80"), false },
    { STR_INIT("::1"), false },
    { STR_INIT("["), false },
    { STR_INIT("[]"), false },
    { STR_INIT("[::1"), false },
    { STR_INIT("::1]"), false },
    { STR_INIT("[::1]x"), false },
    { STR_INIT("[::1]80"), false },
    { STR_INIT("[:::1]"), false },
    { STR_INIT("[1.2.3.4]"), false },
    { STR_INIT("[::1%eth0]"), false },
    { STR_INIT("[::1%25eth0]"), false },
    { STR_INIT("[::1\0]"), false },
    { STR_INIT("[0000:0000:0000:0000:0000:ffff:255.255.255.2555]"), false },
    { STR_INIT("[v]"), false },
    { STR_INIT("[v.a]"), false },
    { STR_INIT("[v1]"), false },
    { STR_INIT("[v1.]"), false },
    { STR_INIT("[vg.a]"), false },
    { STR_INIT("[v1.a/]"), false },
    { STR_INIT("[[::1]]"), false },
};

START_TEST(host_is_valid_byte_for_byte)
{
    size_t len = hosts[_i].host.len;
    char *copy = malloc(len + (len == 0));

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, hosts[_i].host.p, len);
    ck_assert_int_eq(framing_host_is_valid((struct str){ copy, len }), hosts[_i].valid);
    free(copy);
}
END_TEST

START_TEST(token_is_not_empty_and_has_token_bytes_alone)
{
    ck_assert(!framing_is_token(STR("")));
    ck_assert(!framing_is_token(STR_NONE));
    ck_assert(framing_is_token(STR("a")));
    ck_assert(framing_is_token(STR("Content-Length!#$%&'*+-.^_`|~")));
    ck_assert(!framing_is_token(STR("abcdefgh ")));
    ck_assert(!framing_is_token(STR("a\0")));
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;

        ck_assert_int_eq(framing_is_token((struct str){ &byte, 1 }), is_token_byte((unsigned)c));
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/h1/framing");

    unit_add(suite, sound_head_is_done_however_split, ARRAY_LEN(sound));
    unit_add(suite, what_follows_a_head_is_not_looked_at, ARRAY_LEN(sound));
    unit_add(suite, every_beginning_of_a_sound_head_wants_more, ARRAY_LEN(sound));
    unit_add(suite, unsound_head_is_refused_at_its_first_bad_byte, ARRAY_LEN(refused));
    unit_add(suite, what_follows_the_first_bad_byte_changes_nothing, ARRAY_LEN(refused));
    unit_add(suite, the_answer_stays_once_given, 1);
    unit_add(suite, every_byte_is_taken_where_the_grammar_has_it, ARRAY_LEN(places));
    unit_add(suite, a_bad_byte_is_found_at_any_distance, 1);
    unit_add(suite, limit_is_kept_to_the_byte_however_split, ARRAY_LEN(limited));
    unit_add(suite, sixty_four_bytes_of_empty_lines_are_skipped_and_no_more, 1);
    unit_add(suite, parser_gets_a_form_that_it_reads_as_framing_does, ARRAY_LEN(rewritten));
    unit_add(suite, host_is_valid_byte_for_byte, ARRAY_LEN(hosts));
    unit_add(suite, token_is_not_empty_and_has_token_bytes_alone, 1);
    return unit_run(suite);
}
