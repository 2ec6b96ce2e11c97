/* SPDX-License-Identifier: BSD-2-Clause */
/* networks: the first of many blocks that has an address. */
#include "unit.h"
#include "net/networks.h"
#include <stdio.h>

enum { LIST_MAX = 8 };

static const struct { const char *list[LIST_MAX]; const char *peer; int32_t first; } cases[] = {
    { { NULL },                                         "192.0.2.1", -1 },
    { { "192.0.2.1" },                                  "192.0.2.1", 0 },
    { { "192.0.2.1" },                                  "192.0.2.0", -1 },
    { { "192.0.2.1" },                                  "192.0.2.2", -1 },
    { { "192.0.2.0/24", "192.0.2.1" },                  "192.0.2.1", 0 },
    { { "192.0.2.1", "192.0.2.0/24" },                  "192.0.2.1", 0 },
    { { "192.0.2.1", "192.0.2.0/24" },                  "192.0.2.0", 1 },
    { { "192.0.2.1", "192.0.2.0/24" },                  "192.0.2.2", 1 },
    { { "192.0.2.1", "192.0.2.0/24" },                  "192.0.2.255", 1 },
    { { "192.0.2.1", "192.0.2.0/24" },                  "192.0.3.0", -1 },
    { { "10.0.0.0/8", "10.0.0.0/8", "0.0.0.0/0" },      "10.1.2.3", 0 },
    { { "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/8" },      "10.1.2.3", 0 },
    { { "0.0.0.0/0", "10.0.0.0/8" },                    "255.255.255.255", 0 },
    { { "10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0" },     "10.1.2.3", 0 },
    { { "10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8" },   "10.1.2.3", 0 },
    { { "10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8" },   "10.1.3.3", 1 },
    { { "10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8" },   "10.2.0.0", 2 },
    { { "10.1.255.0/24", "10.1.0.0/16", "10.0.0.0/8" }, "10.2.0.0", 2 },    /* two end at once */
    { { "10.0.0.0/16", "10.0.0.0/8" },                  "10.0.255.255", 0 },
    { { "10.0.0.0/16", "10.0.0.0/8" },                  "10.1.0.0", 1 },
    { { "255.255.255.255", "128.0.0.0/1" },             "255.255.255.255", 0 },
    { { "255.255.255.255", "128.0.0.0/1" },             "128.0.0.0", 1 },
    { { "255.255.255.255", "128.0.0.0/1" },             "127.255.255.255", -1 },
    { { "::1", "2001:db8::/32" },                       "2001:db8:ffff::1", 1 },
    { { "::1", "2001:db8::/32" },                       "2001:db9::", -1 },
    { { "::1", "2001:db8::/32" },                       "::1", 0 },
    { { "::/0", "0.0.0.0/0" },                          "1.2.3.4", 1 },
    { { "0.0.0.0/0", "::/0" },                          "::1", 1 },
    { { "::/0", "0.0.0.0/0" },                          "::ffff:1.2.3.4", 0 },      /* in both */
    { { "1.2.3.4", "::/0" },                            "::ffff:1.2.3.4", 0 },
    { { "1.2.3.5", "::/0" },                            "::ffff:1.2.3.4", 1 },
    { { "1.2.3.4" },                                    "::ffff:1.2.3.4", 0 },
    { { "1.2.3.4", "unix:" },                           "unix:", 1 },
    { { "unix:", "unix:" },                             "unix:", 0 },
    { { "0.0.0.0/0", "::/0" },                          "unix:", -1 },
};

static struct peer
peer_in(const char *text)
{
    struct peer peer = { .family = AF_UNIX };

    if (strcmp(text, "unix:") != 0)
        ck_assert(peer_parse_ip(str_of(text), &peer));
    return peer;
}

START_TEST(first_block_in_the_list_is_found)
{
    struct arena *arena = arena_create(4096, 0);
    struct network list[LIST_MAX];
    struct peer peer = peer_in(cases[_i].peer);
    uint32_t len = 0;
    bool low;

    for (; len < LIST_MAX && cases[_i].list[len] != NULL; len++)
        ck_assert(network_parse(str_of(cases[_i].list[len]), &list[len], &low));
    ck_assert_int_eq(networks_find(networks_build(arena, list, len), &peer), cases[_i].first);
    arena_destroy(arena);
}
END_TEST

static int32_t
first_by_looking_at_each(const struct network *list, uint32_t len, const struct peer *peer)
{
    for (uint32_t i = 0; i < len; i++)
        if (network_has(&list[i], peer))
            return (int32_t)i;
    return -1;
}

/* Few bits, so that blocks hold one another often. */
static void
make_block(struct network *network)
{
    char text[64];
    bool low;

    if (rand() % 2 == 0)
        snprintf(text, sizeof(text), "%d.%d.0.0/%d", rand() % 4, rand() % 4, rand() % 33);
    else
        snprintf(text, sizeof(text), "%x:%x::/%d", rand() % 3, rand() % 3, rand() % 129);
    ck_assert(network_parse(str_of(text), network, &low));
}

static struct peer
make_peer(void)
{
    char text[64];

    switch (rand() % 3) {
    case 0:  snprintf(text, sizeof(text), "%d.%d.%d.0", rand() % 5, rand() % 5, rand() % 2); break;
    case 1:  snprintf(text, sizeof(text), "%x:%x::%x", rand() % 4, rand() % 4, rand() % 2); break;
    default: snprintf(text, sizeof(text), "::ffff:%d.%d.0.0", rand() % 5, rand() % 5); break;
    }
    return peer_in(text);
}

START_TEST(search_finds_what_looking_at_each_finds)
{
    enum { LEN = 60 };
    struct arena *arena = arena_create(4096, 0);
    struct networks *networks;
    struct network list[LEN];

    srand((unsigned)_i);
    for (unsigned i = 0; i < LEN; i++)
        make_block(&list[i]);
    networks = networks_build(arena, list, LEN);
    for (unsigned i = 0; i < 500; i++) {
        struct peer peer = make_peer();

        ck_assert_int_eq(networks_find(networks, &peer),
                         first_by_looking_at_each(list, LEN, &peer));
    }
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("net/networks");

    unit_add(suite, first_block_in_the_list_is_found, ARRAY_LEN(cases));
    unit_add(suite, search_finds_what_looking_at_each_finds, 50);
    return unit_run(suite);
}
