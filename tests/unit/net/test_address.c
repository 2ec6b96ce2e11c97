/* SPDX-License-Identifier: BSD-2-Clause */
/* address: what may stand behind "listen", and what is told of a client. */
#include "unit.h"
#include "net/address.h"

#include <arpa/inet.h>

#define TWENTY  "01234567890123456789"
#define HUNDRED TWENTY TWENTY TWENTY TWENTY TWENTY

static const struct { const char *text, *address, *wrong; } addresses[] = {
    { "80",                 "0.0.0.0:80",       NULL },
    { "8080",               "0.0.0.0:8080",     NULL },
    { "*:8080",             "0.0.0.0:8080",     NULL },
    { "*",                  "0.0.0.0:80",       NULL },
    { "127.0.0.1",          "127.0.0.1:80",     NULL },
    { "127.0.0.1:65535",    "127.0.0.1:65535",  NULL },
    { "255.10.0.1:1",       "255.10.0.1:1",     NULL },
    { "[::]",               "[::]:80",          NULL },
    { "[::1]:8443",         "[::1]:8443",       NULL },
    { "[2001:DB8::1]:80",   "[2001:db8::1]:80", NULL },
    { "unix:/run/w.sock",   "unix:/run/w.sock", NULL },
    { "unix:/a:b",          "unix:/a:b",        NULL },
    { "",                   NULL, "no host" },
    { ":80",                NULL, "no host" },
    { "0",                  NULL, "invalid port" },
    { "65536",              NULL, "invalid port" },
    { "*:",                 NULL, "invalid port" },
    { "127.0.0.1:",         NULL, "invalid port" },
    { "127.0.0.1:http",     NULL, "invalid port" },
    { "127.0.0.1:-1",       NULL, "invalid port" },
    { "[::1]80",            NULL, "invalid port" },
    { "[::1]:0",            NULL, "invalid port" },
    { "[::1",               NULL, "invalid IPv6 address" },
    { "[]",                 NULL, "invalid IPv6 address" },
    { "[127.0.0.1]",        NULL, "invalid IPv6 address" },
    { "::1",                NULL, "an IPv6 address must stand in brackets" },
    { "[" HUNDRED HUNDRED HUNDRED "]", NULL, "invalid IPv6 address" },
    { HUNDRED "." HUNDRED "." HUNDRED ":80", NULL, "invalid host" },
    { "unix:",              NULL, "no path in the unix domain socket" },
    { "unix:/" HUNDRED "012345678", NULL, "too long path in the unix domain socket" },
    { "no-such-host.invalid:80", NULL, "host not found" },
};

static struct str
text_of(const struct address *a)
{
    static char text[ADDRESS_TEXT_MAX];
    struct writer w = writer_at(text, sizeof(text));

    write_address(&w, a);
    ck_assert(w.ok);
    return writer_str(&w);
}

START_TEST(address_is_what_stands_behind_listen)
{
    struct address a[4];
    unsigned count;
    const char *wrong = address_parse(str_of(addresses[_i].text), a, ARRAY_LEN(a), &count);

    if (addresses[_i].wrong != NULL) {
        ck_assert_ptr_nonnull(wrong);
        ck_assert_str_eq(wrong, addresses[_i].wrong);
        ck_assert_uint_eq(count, 0);
        return;
    }
    ck_assert_msg(wrong == NULL, "%s: %s", addresses[_i].text, wrong);
    ck_assert_uint_eq(count, 1);
    ck_assert(str_eq(text_of(&a[0]), str_of(addresses[_i].address)));
}
END_TEST

START_TEST(name_gives_all_its_addresses_once)
{
    struct address a[8];
    unsigned count;

    ck_assert_ptr_null(address_parse(STR("localhost:8080"), a, ARRAY_LEN(a), &count));
    ck_assert_uint_ge(count, 1);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_uint_eq(address_port(&a[i]), 8080);
        for (unsigned j = 0; j < i; j++)
            ck_assert(!address_eq(&a[i], &a[j]));
    }
    ck_assert_ptr_null(address_parse(STR("localhost:8080"), a, 1, &count));
    ck_assert_uint_eq(count, 1);
}
END_TEST

static struct address
parsed(const char *text)
{
    struct address a;
    unsigned count;

    ck_assert_ptr_null(address_parse(str_of(text), &a, 1, &count));
    return a;
}

static const struct { const char *a, *b; bool equal; } comparisons[] = {
    { "80",             "*:80",             true },
    { "80",             "0.0.0.0:80",       true },
    { "80",             "81",               false },
    { "127.0.0.1:80",   "127.0.0.2:80",     false },
    { "[::]:80",        "80",               false },
    { "[::1]:80",       "[0:0::1]:80",      true },
    { "[::1]:80",       "[::1]:81",         false },
    { "[::1]:80",       "[::2]:80",         false },
    { "unix:/a",        "unix:/a",          true },
    { "unix:/a",        "unix:/ab",         false },
    { "unix:/a",        "unix:/b",          false },
};

START_TEST(addresses_are_equal_by_what_they_mean)
{
    struct address a = parsed(comparisons[_i].a), b = parsed(comparisons[_i].b);

    ck_assert(address_eq(&a, &b) == comparisons[_i].equal);
    ck_assert(address_eq(&b, &a) == comparisons[_i].equal);
}
END_TEST

static const struct { const char *text; bool wildcard; uint16_t port; } ports[] = {
    { "*:80",           true,  80 },
    { "[::]:81",        true,  81 },
    { "127.0.0.1:82",   false, 82 },
    { "[::1]:83",       false, 83 },
    { "unix:/s",        false, 0 },
};

START_TEST(ports_and_wildcards_are_told)
{
    struct address a = parsed(ports[_i].text);

    ck_assert(address_is_wildcard(&a) == ports[_i].wildcard);
    ck_assert_uint_eq(address_port(&a), ports[_i].port);
    address_set_port(&a, 4711);
    ck_assert_uint_eq(address_port(&a), ports[_i].port == 0 ? 0 : 4711);
}
END_TEST

static const struct { const char *address, *peer; uint16_t port; } peers[] = {
    { "1.2.3.4:5000",           "1.2.3.4",          5000 },
    { "255.255.255.255:65535",  "255.255.255.255",  65535 },
    { "[2001:db8::1]:80",       "2001:db8::1",      80 },
    { "[::ffff:1.2.3.4]:80",    "::ffff:1.2.3.4",   80 },
    { "unix:/s",                "unix:",            0 },
};

START_TEST(peer_keeps_what_is_told_of_a_client)
{
    struct address a = parsed(peers[_i].address);
    struct peer peer = peer_of(&a.sa, a.len);
    char text[64];
    struct writer w = writer_at(text, sizeof(text));

    write_peer(&w, &peer);
    ck_assert(str_eq(writer_str(&w), str_of(peers[_i].peer)));
    ck_assert_uint_eq(peer.port, peers[_i].port);
    ck_assert_uint_eq(peer.family, a.sa.sa_family);
}
END_TEST

START_TEST(peer_without_a_name_is_a_unix_socket)
{
    struct sockaddr_storage none = { .ss_family = AF_INET };

    ck_assert_uint_eq(peer_of((struct sockaddr *)&none, 0).family, AF_UNIX);
}
END_TEST

static const struct { const char *text, *peer; unsigned port; } parsed_peers[] = {
    { "1.2.3.4",                "1.2.3.4",          0 },
    { "1.2.3.4:80",             "1.2.3.4",          80 },
    { "255.255.255.255:65535",  "255.255.255.255",  65535 },
    { "::1",                    "::1",              0 },
    { "2001:DB8::1:80",         "2001:db8::1:80",   0 },
    { "::ffff:1.2.3.4",         "::ffff:1.2.3.4",   0 },
    { "[::1]",                  "::1",              0 },
    { "[2001:db8::1]:8080",     "2001:db8::1",      8080 },
    { "",                       NULL, 0 },
    { "unknown",                NULL, 0 },
    { "_hidden",                NULL, 0 },
    { "localhost",              NULL, 0 },
    { "unix:",                  NULL, 0 },
    { "1.2.3",                  NULL, 0 },
    { "1.2.3.4.5",              NULL, 0 },
    { "1.2.3.04",               NULL, 0 },
    { "1.2.3.256",              NULL, 0 },
    { " 1.2.3.4",               NULL, 0 },
    { "1.2.3.4 ",               NULL, 0 },
    { "1.2.3.4:",               NULL, 0 },
    { "1.2.3.4:0",              NULL, 0 },
    { "1.2.3.4:65536",          NULL, 0 },
    { "1.2.3.4:80:",            NULL, 0 },
    { "1.2.3.4:x",              NULL, 0 },
    { ":80",                    NULL, 0 },
    { ":",                      NULL, 0 },
    { "[1.2.3.4]",              NULL, 0 },
    { "[1.2.3.4]:80",           NULL, 0 },
    { "[::1",                   NULL, 0 },
    { "[",                      NULL, 0 },
    { "[]",                     NULL, 0 },
    { "[::1]80",                NULL, 0 },
    { "[::1]:",                 NULL, 0 },
    { "[::1]:0",                NULL, 0 },
    { "[::1]:80]",              NULL, 0 },
    { "[[::1]]",                NULL, 0 },
    { "::1]",                   NULL, 0 },
    { "fe80::1%lo",             NULL, 0 },
    { ":::",                    NULL, 0 },
    { HUNDRED HUNDRED HUNDRED,  NULL, 0 },
};

START_TEST(peer_is_read_from_a_field)
{
    struct peer peer;
    char text[64];
    struct writer w = writer_at(text, sizeof(text));
    bool ok = peer_parse(str_of(parsed_peers[_i].text), &peer);

    ck_assert_msg(ok == (parsed_peers[_i].peer != NULL), "%s", parsed_peers[_i].text);
    if (!ok)
        return;
    write_peer(&w, &peer);
    ck_assert(str_eq(writer_str(&w), str_of(parsed_peers[_i].peer)));
    ck_assert_uint_eq(peer.port, parsed_peers[_i].port);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("net/address");

    unit_add(suite, address_is_what_stands_behind_listen, ARRAY_LEN(addresses));
    unit_add(suite, name_gives_all_its_addresses_once, 1);
    unit_add(suite, addresses_are_equal_by_what_they_mean, ARRAY_LEN(comparisons));
    unit_add(suite, ports_and_wildcards_are_told, ARRAY_LEN(ports));
    unit_add(suite, peer_keeps_what_is_told_of_a_client, ARRAY_LEN(peers));
    unit_add(suite, peer_without_a_name_is_a_unix_socket, 1);
    unit_add(suite, peer_is_read_from_a_field, ARRAY_LEN(parsed_peers));
    return unit_run(suite);
}
