/* SPDX-License-Identifier: BSD-2-Clause */
/* network: blocks of addresses, and who is in them. */
#include "unit.h"
#include "net/network.h"

static const struct { const char *text; bool ok, low; } texts[] = {
    { "192.0.2.1",              true,  false },
    { "192.0.2.0/24",           true,  false },
    { "192.0.2.1/24",           true,  true },
    { "192.0.2.1/32",           true,  false },
    { "0.0.0.0/0",              true,  false },
    { "255.0.0.0/0",            true,  true },
    { "192.0.2.128/25",         true,  false },
    { "192.0.2.64/25",          true,  true },
    { "2001:db8::/32",          true,  false },
    { "2001:db8::1/32",         true,  true },
    { "2001:db8::1/128",        true,  false },
    { "::/0",                   true,  false },
    { "unix:",                  true,  false },
    { "192.0.2.1/33",           false, false },
    { "::1/129",                false, false },
    { "192.0.2.1/",             false, false },
    { "192.0.2.1/+1",           false, false },
    { "192.0.2.1/8/8",          false, false },
    { "192.0.2/24",             false, false },
    { "192.0.2.1:80",           false, false },
    { "[::1]",                  false, false },
    { "unix:/a",                false, false },
    { "unix:/8",                false, false },
    { "/8",                     false, false },
    { "",                       false, false },
    { "localhost",              false, false },
};

START_TEST(block_is_an_address_and_its_bits)
{
    struct network network;
    bool low;

    ck_assert(network_parse(str_of(texts[_i].text), &network, &low) == texts[_i].ok);
    ck_assert(low == texts[_i].low);
}
END_TEST

static const struct { const char *network, *peer; bool has; } members[] = {
    { "192.0.2.1",          "192.0.2.1",            true },
    { "192.0.2.1",          "192.0.2.2",            false },
    { "192.0.2.0/24",       "192.0.2.255",          true },
    { "192.0.2.77/24",      "192.0.2.3",            true },
    { "192.0.2.0/24",       "192.0.3.0",            false },
    { "192.0.2.0/23",       "192.0.3.255",          true },
    { "192.0.2.0/23",       "192.0.4.0",            false },
    { "192.0.2.128/25",     "192.0.2.127",          false },
    { "192.0.2.128/25",     "192.0.2.128",          true },
    { "10.0.0.0/9",         "10.127.0.1",           true },
    { "10.0.0.0/9",         "10.128.0.1",           false },
    { "0.0.0.0/0",          "255.1.2.3",            true },
    { "0.0.0.0/0",          "::1",                  false },
    { "::/0",               "1.2.3.4",              false },
    { "::/0",               "ffff::",               true },
    { "2001:db8::/33",      "2001:db8:7fff::1",     true },
    { "2001:db8::/33",      "2001:db8:8000::1",     false },
    { "2001:db8::1",        "2001:db8::1",          true },
    { "2001:db8::1",        "2001:db8::3",          false },
    { "192.0.2.0/24",       "::ffff:192.0.2.9",     true },
    { "192.0.2.0/24",       "::ffff:192.0.3.9",     false },
    { "::ffff:0:0/96",      "::ffff:192.0.3.9",     true },
    { "192.0.2.0/24",       "::192.0.2.9",          false },
    { "unix:",              "1.2.3.4",              false },
    { "0.0.0.0/0",          NULL,                   false },
    { "unix:",              NULL,                   true },
};

START_TEST(address_is_in_its_block_alone)
{
    struct peer peer = { .family = AF_UNIX };
    struct network network;
    bool low;

    ck_assert(network_parse(str_of(members[_i].network), &network, &low));
    if (members[_i].peer != NULL)
        ck_assert(peer_parse(str_of(members[_i].peer), &peer));
    ck_assert(network_has(&network, &peer) == members[_i].has);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("net/network");

    unit_add(suite, block_is_an_address_and_its_bits, ARRAY_LEN(texts));
    unit_add(suite, address_is_in_its_block_alone, ARRAY_LEN(members));
    return unit_run(suite);
}
