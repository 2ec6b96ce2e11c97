/* SPDX-License-Identifier: BSD-2-Clause */
/* holders: who counts as one, how many each has, and who is looked at first. */
#include "unit.h"
#include "net/holders.h"

#include <arpa/inet.h>
#include <string.h>

static struct holders holders;

static struct peer
peer_at(const char *text)
{
    struct peer peer = { .family = AF_UNIX };

    if (inet_pton(AF_INET, text, peer.ip) == 1)
        peer.family = AF_INET;
    else if (inet_pton(AF_INET6, text, peer.ip) == 1)
        peer.family = AF_INET6;
    return peer;
}

static void
add(uint32_t slot, const char *text)
{
    struct peer peer = peer_at(text);

    peer.port = (uint16_t)(1000 + slot);
    holders_add(&holders, slot, &peer);
}

static const struct { const char *a, *b; bool same; } pairs[] = {
    { "192.0.2.1",          "192.0.2.1",            true },
    { "192.0.2.1",          "192.0.2.2",            false },
    { "192.0.2.1",          "193.0.2.1",            false },
    { "2001:db8::1",        "2001:db8::1",          true },
    { "2001:db8::1",        "2001:db8::ffff:0:0:2", true },     /* one /64 */
    { "2001:db8:0:1::1",    "2001:db8:0:2::1",      false },
    { "::ffff:192.0.2.1",   "192.0.2.1",            true },     /* one client, two families */
    { "::ffff:192.0.2.1",   "::ffff:192.0.2.2",     false },
    { "::ffff:192.0.2.1",   "::1",                  false },
    { "c000:201::",         "192.0.2.1",            false },    /* the same first bytes */
    { "0.0.0.0",            "::",                   false },
    { "unix",               "unix",                 true },
    { "unix",               "0.0.0.0",              false },
    { "unix",               "::",                   false },
};

START_TEST(address_is_reduced_to_who_holds)
{
    ck_assert(holders_init(&holders, 2));
    add(0, pairs[_i].a);
    add(1, pairs[_i].b);
    ck_assert_uint_eq(holders.len, pairs[_i].same ? 1 : 2);
    ck_assert_uint_eq(holders_count(&holders, 0), pairs[_i].same ? 2 : 1);
    holders_remove(&holders, 0);
    ck_assert_uint_eq(holders_count(&holders, 1), 1);
    holders_remove(&holders, 1);
    ck_assert_uint_eq(holders.len, 0);
    holders_fini(&holders);
}
END_TEST

enum { SLOTS = 300, ADDRESSES = 40 };

static struct peer
numbered(unsigned n)
{
    return (struct peer){ .family = AF_INET, .ip = { 10, 1, 0, (uint8_t)n } };
}

/* Against a plain count of each address. */
START_TEST(counts_are_right_whatever_comes_and_goes)
{
    int who[SLOTS];
    uint32_t count[ADDRESSES] = { 0 }, len;

    ck_assert(holders_init(&holders, SLOTS));
    memset(who, -1, sizeof(who));
    srand(1);
    for (unsigned i = 0; i < 50000; i++) {
        unsigned slot = (unsigned)rand() % SLOTS, n = (unsigned)rand() % ADDRESSES;
        struct peer peer = numbered(n / (1 + n % 7));

        n /= 1 + n % 7;
        if (who[slot] >= 0) {
            ck_assert_uint_eq(holders_count(&holders, slot), count[who[slot]]);
            holders_remove(&holders, slot);
            count[who[slot]]--;
            who[slot] = -1;
        } else {
            holders_add(&holders, slot, &peer);
            who[slot] = (int)n;
            ck_assert_uint_eq(holders_count(&holders, slot), ++count[n]);
        }
        len = 0;
        for (unsigned k = 0; k < ADDRESSES; k++)
            len += count[k] > 0;
        ck_assert_uint_eq(holders.len, len);
    }
    holders_fini(&holders);
}
END_TEST

static struct {
    uint32_t shown[4096];
    unsigned len, enough;
    bool removes;
} looks;

static enum holders_look
look(void *ctx, uint32_t slot)
{
    (void)ctx;
    looks.shown[looks.len++] = slot;
    if (looks.removes)
        holders_remove(&holders, slot);
    return looks.len == looks.enough ? HOLDERS_ENOUGH : HOLDERS_NEXT;
}

static unsigned
scan(uint32_t share, unsigned each, unsigned most)
{
    const struct holders_scan s = { share, each, most, look, NULL };

    looks.len = 0;
    holders_scan(&holders, &s);
    return looks.len;
}

/* Slots [first, first + n) for one address. */
static void
fill(unsigned first, unsigned n, unsigned who)
{
    struct peer peer = numbered(who);

    for (unsigned i = 0; i < n; i++)
        holders_add(&holders, first + i, &peer);
}

static void
start(uint32_t slots)
{
    memset(&looks, 0, sizeof(looks));
    ck_assert(holders_init(&holders, slots));
}

START_TEST(biggest_is_shown_first_and_who_has_no_more_than_its_share_not_at_all)
{
    start(400);
    fill(0, 10, 1);
    fill(10, 200, 2);
    fill(210, 8, 3);
    fill(218, 40, 4);
    ck_assert_uint_eq(scan(8, 1000, 1000), 250);
    for (unsigned i = 0; i < 200; i++)
        ck_assert_uint_eq(looks.shown[i], 10 + i);      /* the oldest first */
    for (unsigned i = 0; i < 40; i++)
        ck_assert_uint_eq(looks.shown[200 + i], 218 + i);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_uint_eq(looks.shown[240 + i], i);
    ck_assert_uint_eq(scan(200, 1000, 1000), 0);
    ck_assert_uint_eq(scan(199, 1000, 1000), 200);
    holders_fini(&holders);
}
END_TEST

START_TEST(scan_goes_on_where_the_last_one_stopped)
{
    start(100);
    fill(0, 100, 1);
    for (unsigned round = 0; round < 5; round++) {
        ck_assert_uint_eq(scan(1, 30, 1000), 30);
        for (unsigned i = 0; i < 30; i++)
            ck_assert_uint_eq(looks.shown[i], (round * 30 + i) % 100);
    }
    looks.enough = 7;
    ck_assert_uint_eq(scan(1, 30, 1000), 7);
    holders_fini(&holders);
}
END_TEST

START_TEST(scan_is_bounded)
{
    start(4000);
    for (unsigned n = 0; n < 200; n++)
        fill(20 * n, 20, n);
    ck_assert_uint_eq(scan(8, 5, 128), 128);
    ck_assert_uint_eq(scan(8, 64, 128), 128);
    ck_assert_uint_eq(scan(19, 1, 4000), 200);
    ck_assert_uint_eq(scan(20, 64, 4000), 0);
    holders_fini(&holders);
}
END_TEST

START_TEST(what_is_removed_brings_its_holder_down_to_its_share)
{
    start(400);
    fill(0, 100, 1);
    fill(100, 30, 2);
    fill(130, 30, 3);
    looks.removes = true;
    while (scan(8, 64, 256) > 0)
        ;
    ck_assert_uint_eq(holders.len, 3);
    ck_assert_uint_eq(holders_count(&holders, 99), 8);
    ck_assert_uint_eq(holders_count(&holders, 129), 8);
    ck_assert_uint_eq(holders_count(&holders, 159), 8);
    holders_fini(&holders);
}
END_TEST

START_TEST(many_holders_need_no_more_than_the_slots)
{
    start(5000);
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 5000; i++) {
            struct peer peer = { .family = AF_INET };

            memcpy(peer.ip, &(uint32_t){ i * 2654435761u + round }, 4);
            holders_add(&holders, i, &peer);
        }
        ck_assert_uint_eq(holders.len, 5000);
        ck_assert_uint_eq(holders.touched, 5000);
        for (uint32_t i = 0; i < 5000; i++)
            holders_remove(&holders, i);
        ck_assert_uint_eq(holders.len, 0);
    }
    holders_fini(&holders);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("net/holders");

    unit_add(suite, address_is_reduced_to_who_holds, ARRAY_LEN(pairs));
    unit_add(suite, counts_are_right_whatever_comes_and_goes, 1);
    unit_add(suite, biggest_is_shown_first_and_who_has_no_more_than_its_share_not_at_all, 1);
    unit_add(suite, scan_goes_on_where_the_last_one_stopped, 1);
    unit_add(suite, scan_is_bounded, 1);
    unit_add(suite, what_is_removed_brings_its_holder_down_to_its_share, 1);
    unit_add(suite, many_holders_need_no_more_than_the_slots, 1);
    return unit_run(suite);
}
