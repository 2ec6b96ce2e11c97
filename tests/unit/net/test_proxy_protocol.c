/* SPDX-License-Identifier: BSD-2-Clause */
/* proxy_protocol: what is a header, whole and split at each byte, and what is none. */
#include "unit.h"
#include "net/proxy_protocol.h"

#include <arpa/inet.h>
#include <stdio.h>

#define TWENTY  "01234567890123456789"
#define FORTY   TWENTY TWENTY
#define SIG     "\r\n\r\n\0\r\nQUIT\n"
#define IP4     "\1\2\3\4" "\5\6\7\10" "\x12\x34" "\0\x50"
#define IP6     "\x20\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1" "\x20\1\15\270\0\0\0\0\0\0\0\0\0\0\0\2" \
                "\377\377" "\0\0"
#define U54     TWENTY TWENTY "01234567890123"
#define UNIX    U54 U54 U54 U54
#define ROW(bytes) bytes, sizeof(bytes) - 1

/* Each header is followed by what is not its own. */
static const struct {
    const char *bytes;
    size_t len;
    const char *client, *server;    /* "family address port" */
} headers[] = {
    { ROW("PROXY TCP4 1.2.3.4 5.6.7.8 4660 80\r\n"),    "4 1.2.3.4 4660", "4 5.6.7.8 80" },
    { ROW("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"),
      "4 255.255.255.255 65535", "4 0.0.0.0 0" },
    { ROW("PROXY TCP6 2001:db8::1 ::ffff:1.2.3.4 1 2\r\n"),
      "6 2001:db8::1 1", "6 ::ffff:1.2.3.4 2" },
    { ROW("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
      "6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535",
      "6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535" },
    { ROW("PROXY UNKNOWN\r\n"),                         "-", "-" },
    { ROW("PROXY UNKNOWN ffff::1 anything\n\0\r!\r\n"), "-", "-" },
    { ROW("PROXY UNKNOWN " FORTY FORTY "01234567890\r\n"), "-", "-" },      /* 107 bytes */
    { ROW(SIG "\x21\x11\0\14" IP4),                     "4 1.2.3.4 4660", "4 5.6.7.8 80" },
    { ROW(SIG "\x21\x12\0\14" IP4),                     "-", "-" },
    { ROW(SIG "\x21\x21\0\44" IP6),                     "6 2001:db8::1 65535", "6 2001:db8::2 0" },
    { ROW(SIG "\x21\x22\0\44" IP6),                     "-", "-" },
    { ROW(SIG "\x21\x31\0\xd8" UNIX),                   "u - 0", "u - 0" },
    { ROW(SIG "\x21\x32\0\xd8" UNIX),                   "-", "-" },
    { ROW(SIG "\x21\0\0\0"),                            "-", "-" },
    { ROW(SIG "\x21\0\0\3abc"),                         "-", "-" },
    { ROW(SIG "\x20\0\0\0"),                            "-", "-" },
    { ROW(SIG "\x20\xff\0\5\1\2\3\4\5"),                "-", "-" },
    { ROW(SIG "\x20\x11\0\14" IP4),                     "-", "-" },
    { ROW(SIG "\x21\x11\0\17" IP4 "\4\0\0"),            "4 1.2.3.4 4660", "4 5.6.7.8 80" },
    { ROW(SIG "\x21\x11\0\30" IP4 "\1\0\2h2\3\0\4\x17\xe9\x39\xb2"),
      "4 1.2.3.4 4660", "4 5.6.7.8 80" },
};

static const char *
peer_text(const struct peer *peer)
{
    static char texts[2][80];
    static unsigned turn;
    char ip[INET6_ADDRSTRLEN] = "-", *text = texts[turn++ % 2];

    if (peer->family == AF_UNSPEC)
        return "-";
    if (peer->family != AF_UNIX)
        ck_assert_ptr_nonnull(inet_ntop(peer->family, peer->ip, ip, sizeof(ip)));
    snprintf(text, sizeof(texts[0]), "%c %s %u",
             peer->family == AF_UNIX ? 'u' : peer->family == AF_INET ? '4' : '6', ip, peer->port);
    return text;
}

/* A copy of its own size, so that a sanitizer sees who reads beyond. */
static enum proxy_verdict
read_copy(const char *bytes, size_t len, struct proxy_header *h)
{
    char *copy = malloc(len + (len == 0));
    enum proxy_verdict verdict;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, len);
    verdict = proxy_header_read(copy, len, h);
    h->tlvs = STR_NONE;
    free(copy);
    return verdict;
}

START_TEST(header_is_read_whole_and_no_byte_sooner)
{
    struct proxy_header h;
    char longer[512];

    for (size_t len = 0; len < headers[_i].len; len++)
        ck_assert_msg(read_copy(headers[_i].bytes, len, &h) == PROXY_MORE, "%zu: %s", len,
                      h.reason != NULL ? h.reason : "done");
    memset(longer, 'G', sizeof(longer));
    memcpy(longer, headers[_i].bytes, headers[_i].len);
    for (size_t more = 0; more < 3; more++) {
        ck_assert_int_eq(read_copy(longer, headers[_i].len + more, &h), PROXY_DONE);
        ck_assert_uint_eq(h.len, headers[_i].len);
        ck_assert_str_eq(peer_text(&h.client), headers[_i].client);
        ck_assert_str_eq(peer_text(&h.server), headers[_i].server);
    }
}
END_TEST

static const struct {
    const char *bytes;
    size_t len;
    size_t seen;                /* known to be bad with so many bytes, not before */
    const char *reason;
} refused[] = {
    { ROW("GET / HTTP/1.1\r\n"),                        1,  "no PROXY protocol" },
    { ROW("proxy TCP4 "),                               1,  "no PROXY protocol" },
    { ROW("PROXY  TCP4 "),                              7,  "no PROXY protocol" },
    { ROW("PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n"),        10, "no PROXY protocol" },
    { ROW("PROXY TCP4\t"),                              11, "no PROXY protocol" },
    { ROW("PROXY UNKNOWNX\r\n"),                        16, "unknown protocol" },
    { ROW("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n"),       33, "more than two addresses and ports" },
    { ROW("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"),      34, "more than two addresses and ports" },
    { ROW("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"),          30, "invalid port" },
    { ROW("PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n"),         31, "invalid port" },
    { ROW("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n"),       33, "invalid port" },
    { ROW("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n"),    36, "invalid port" },
    { ROW("PROXY TCP4 1.2.3.4 5.6.7.8 1 +2\r\n"),       33, "invalid port" },
    { ROW("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n"),      33, "invalid port" },
    { ROW("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n\r\n"),      33, "invalid port" },
    { ROW("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n"),       33, "invalid address" },
    { ROW("PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n"),       33, "invalid address" },
    { ROW("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n"),          30, "invalid address" },
    { ROW("PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n"),      33, "invalid address" },
    { ROW("PROXY TCP4 ::1 ::1 1 2\r\n"),                24, "invalid address" },
    { ROW("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"),        32, "invalid address" },
    { ROW("PROXY TCP6 fe80::1%lo ::1 1 2\r\n"),         31, "invalid address" },
    { ROW("PROXY TCP6 " FORTY FORTY " ::1 1\r\n"),      99, "invalid address" },
    { ROW("PROXY TCP4 \r\n"),                           13, "invalid address" },
    { ROW("PROXY TCP4 1.2.3.4\r\n"),                    20, "invalid address" },
    { ROW("PROXY UNKNOWN " FORTY FORTY "012345678901\r\n"), 107, "too long" },
    { ROW("PROXY TCP4 " FORTY FORTY TWENTY),            107, "too long" },
    { ROW("\r\n\r\nGET"),                               5,  "no PROXY protocol" },
    { ROW(SIG "\x11\x11\0\14" IP4),                     13, "unknown version" },
    { ROW(SIG "\x31\x11\0\14" IP4),                     13, "unknown version" },
    { ROW(SIG "\x22\x11\0\14" IP4),                     13, "unknown command" },
    { ROW(SIG "\x21\x10\0\14" IP4),                     14, "unknown family or transport" },
    { ROW(SIG "\x21\x01\0\14" IP4),                     14, "unknown family or transport" },
    { ROW(SIG "\x21\x13\0\14" IP4),                     14, "unknown family or transport" },
    { ROW(SIG "\x21\x41\0\14" IP4),                     14, "unknown family or transport" },
    { ROW(SIG "\x21\x11\0\13" IP4),                     27, "too short for its addresses" },
    { ROW(SIG "\x21\x11\0\0" IP4),                      16, "too short for its addresses" },
    { ROW(SIG "\x21\x21\0\14" IP4),                     28, "too short for its addresses" },
    { ROW(SIG "\x21\x31\0\44" IP6),                     52, "too short for its addresses" },
    { ROW(SIG "\x21\x11\x10\1" IP4),                    16, "too long" },
    { ROW(SIG "\x20\0\xff\xff" IP4),                    16, "too long" },
    { ROW(SIG "\x21\x11\0\15" IP4 "\4"),                29, "TLVs do not fill their room" },
    { ROW(SIG "\x21\x11\0\16" IP4 "\4\0"),              30, "TLVs do not fill their room" },
    { ROW(SIG "\x21\x11\0\17" IP4 "\4\0\1"),            31, "TLVs do not fill their room" },
    { ROW(SIG "\x21\x11\0\17" IP4 "\4\xff\xff"),        31, "TLVs do not fill their room" },
    { ROW(SIG "\x21\x11\0\20" IP4 "\4\0\0\4"),          32, "TLVs do not fill their room" },
    { ROW(SIG "\x21\x11\0\23" IP4 "\3\0\4\0\0\0\0"),    35, "wrong checksum" },
    { ROW(SIG "\x21\x11\0\22" IP4 "\3\0\3\0\0\0"),      34, "wrong checksum" },
    { ROW(SIG "\x21\x11\0\30" IP4 "\1\0\2h3\3\0\4\x17\xe9\x39\xb2"), 40, "wrong checksum" },
};

START_TEST(what_is_no_header_is_refused_as_soon_as_it_shows)
{
    struct proxy_header h;

    for (size_t len = 0; len < refused[_i].seen; len++)
        ck_assert_msg(read_copy(refused[_i].bytes, len, &h) == PROXY_MORE, "%zu", len);
    for (size_t len = refused[_i].seen; len <= refused[_i].len; len++) {
        ck_assert_msg(read_copy(refused[_i].bytes, len, &h) == PROXY_BAD, "%zu", len);
        ck_assert_str_eq(h.reason, refused[_i].reason);
    }
}
END_TEST

#define TLVS                                                                                    \
    "\1\0\2h2" "\2\0\5a.com" "\4\0\1x" "\5\0\3i\0d" "\x30\0\2ns" "\xe0\0\0" "\xea\0\4vpce"      \
    "\x20\0\x18" "\7\0\0\1\2" "\x21\0\7TLSv1.3" "\x22\0\2cn" "\x24\0\1s"

static struct proxied *
with_tlvs(const char *tlvs, size_t len)
{
    char bytes[512] = SIG "\x21\x11";
    struct proxy_header h;
    struct proxied *proxied;

    bytes[15] = (char)(12 + len);
    memcpy(bytes + 16, IP4, 12);
    memcpy(bytes + 28, tlvs, len);
    ck_assert_int_eq(proxy_header_read(bytes, 28 + len, &h), PROXY_DONE);
    proxied = proxied_create(&h);
    ck_assert_ptr_nonnull(proxied);
    return proxied;
}

static const struct { const char *name, *value; size_t len; } values[] = {
    { "alpn",           ROW("h2") },
    { "authority",      ROW("a.com") },
    { "unique_id",      ROW("i\0d") },
    { "netns",          ROW("ns") },
    { "ssl",            ROW("\7\0\0\1\2" "\x21\0\7TLSv1.3" "\x22\0\2cn" "\x24\0\1s") },
    { "ssl_version",    ROW("TLSv1.3") },
    { "ssl_cn",         ROW("cn") },
    { "ssl_sig_alg",    ROW("s") },
    { "ssl_0x21",       ROW("TLSv1.3") },
    { "0x01",           ROW("h2") },
    { "0x1",            ROW("h2") },
    { "0xea",           ROW("vpce") },
    { "0xe0",           ROW("") },
    { "0x21",           NULL, 0 },
    { "ssl_cipher",     NULL, 0 },
    { "ssl_0x01",       NULL, 0 },
    { "ssl_alpn",       NULL, 0 },
    { "version",        NULL, 0 },
    { "0x100",          NULL, 0 },
    { "0x",             NULL, 0 },
    { "ssl_",           NULL, 0 },
    { "",               NULL, 0 },
};

static void
check_value(const struct proxied *proxied, unsigned row)
{
    struct str value = proxied_tlv(proxied, str_of(values[row].name));

    ck_assert_msg(str_is_set(value) == (values[row].value != NULL), "%s", values[row].name);
    ck_assert(str_eq(value, (struct str){ values[row].value, values[row].len }));
}

START_TEST(tlv_is_found_by_name_and_number)
{
    struct proxied *proxied = with_tlvs(ROW(TLVS));
    uint32_t verify;

    check_value(proxied, (unsigned)_i);
    ck_assert(proxied_ssl_verify(proxied, &verify));
    ck_assert_uint_eq(verify, 258);
    proxied_free(proxied);
}
END_TEST

/* What is cut within the ssl TLV ends there. */
START_TEST(ssl_tlv_that_is_cut_says_less)
{
    struct proxied *proxied = with_tlvs(ROW("\x20\0\4\7\0\0\0"));
    uint32_t verify;

    ck_assert(!proxied_ssl_verify(proxied, &verify));
    ck_assert(!str_is_set(proxied_tlv(proxied, STR("ssl_version"))));
    proxied_free(proxied);
    proxied = with_tlvs(ROW("\x20\0\13\7\0\0\0\1\x21\0\7TLS"));
    ck_assert(proxied_ssl_verify(proxied, &verify));
    ck_assert(!str_is_set(proxied_tlv(proxied, STR("ssl_version"))));
    proxied_free(proxied);
}
END_TEST

START_TEST(flat_bytes_say_the_same_again)
{
    struct proxied *proxied = with_tlvs(ROW(TLVS)), *again;
    uint8_t flat[PROXIED_FLAT_MAX];
    size_t len = proxied_encode(proxied, flat);

    ck_assert_uint_eq(len, 41 + sizeof(TLVS) - 1);
    again = proxied_decode(flat, len);
    ck_assert_ptr_nonnull(again);
    ck_assert_str_eq(peer_text(&again->client), "4 1.2.3.4 4660");
    ck_assert_str_eq(peer_text(&again->server), "4 5.6.7.8 80");
    for (unsigned i = 0; i < ARRAY_LEN(values); i++)
        check_value(again, i);
    for (size_t i = 0; i < len; i++)
        ck_assert_ptr_null(proxied_decode(flat, i));
    flat[0]++;
    ck_assert_ptr_null(proxied_decode(flat, len));
    flat[0]--;
    flat[1] = 4;
    ck_assert_ptr_null(proxied_decode(flat, len));
    proxied_free(again);
    proxied_free(proxied);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("net/proxy_protocol");

    unit_add(suite, header_is_read_whole_and_no_byte_sooner, ARRAY_LEN(headers));
    unit_add(suite, what_is_no_header_is_refused_as_soon_as_it_shows, ARRAY_LEN(refused));
    unit_add(suite, tlv_is_found_by_name_and_number, ARRAY_LEN(values));
    unit_add(suite, ssl_tlv_that_is_cut_says_less, 1);
    unit_add(suite, flat_bytes_say_the_same_again, 1);
    return unit_run(suite);
}
