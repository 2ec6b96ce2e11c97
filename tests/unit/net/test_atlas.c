/* SPDX-License-Identifier: BSD-2-Clause */
/* atlas: the narrowest area that has an address. */
#include "unit.h"
#include "base/writer.h"
#include "net/atlas.h"
#include <stdlib.h>

enum { AREAS_MAX = 8, TOLD_MAX = 200 };

/* "-AREA" takes it out again; their numbers are those of their places, from 1. */
static const struct { const char *areas[AREAS_MAX]; const char *peer; uint32_t number; } cases[] = {
    { { NULL },                                         "192.0.2.1", 0 },
    { { "192.0.2.1" },                                  "192.0.2.1", 1 },
    { { "192.0.2.1" },                                  "192.0.2.0", 0 },
    { { "192.0.2.1" },                                  "192.0.2.2", 0 },
    { { "192.0.2.1", "192.0.2.0/24" },                  "192.0.2.1", 1 },
    { { "192.0.2.0/24", "192.0.2.1" },                  "192.0.2.1", 2 },
    { { "192.0.2.0/24", "192.0.2.1" },                  "192.0.2.0", 1 },
    { { "192.0.2.0/24", "192.0.2.1" },                  "192.0.2.2", 1 },
    { { "192.0.2.0/24", "192.0.2.1" },                  "192.0.3.0", 0 },
    { { "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16" },     "10.0.0.0", 3 },
    { { "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16" },     "10.1.0.0", 2 },
    { { "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16" },     "11.0.0.0", 1 },
    { { "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16" },     "9.255.255.255", 1 },
    { { "10.255.0.0/16", "10.0.0.0/8" },                "11.0.0.0", 0 },    /* two end at once */
    { { "10.0.0.0/8", "10.0.0.0/8" },                   "10.0.0.0", 2 },    /* the last counts */
    { { "255.255.255.255", "128.0.0.0/1" },             "255.255.255.255", 1 },
    { { "255.255.255.255", "128.0.0.0/1" },             "0.0.0.0", 0 },
    { { "0.0.0.0-255.255.255.255" },                    "255.255.255.255", 1 },
    { { "0.0.0.0-255.255.255.255" },                    "0.0.0.0", 1 },
    { { "1.0.0.0-1.0.0.9", "1.0.0.3-1.0.0.5" },         "1.0.0.2", 1 },
    { { "1.0.0.0-1.0.0.9", "1.0.0.3-1.0.0.5" },         "1.0.0.3", 2 },
    { { "1.0.0.0-1.0.0.9", "1.0.0.3-1.0.0.5" },         "1.0.0.5", 2 },
    { { "1.0.0.0-1.0.0.9", "1.0.0.3-1.0.0.5" },         "1.0.0.6", 1 },
    { { "1.0.0.0-1.0.0.9", "1.0.0.3-1.0.0.5" },         "1.0.0.9", 1 },
    { { "1.0.0.0-1.0.0.9", "1.0.0.3-1.0.0.5" },         "1.0.0.10", 0 },
    { { "1.0.0.0-1.0.0.9", "1.0.0.0-1.0.0.5" },         "1.0.0.0", 2 },
    { { "1.0.0.5-1.0.0.9", "1.0.0.0-1.0.0.9" },         "1.0.0.9", 1 },
    { { "1.0.0.0-1.0.0.4", "1.0.0.5-1.0.0.9" },         "1.0.0.4", 1 },
    { { "1.0.0.0-1.0.0.4", "1.0.0.5-1.0.0.9" },         "1.0.0.5", 2 },
    { { "1.0.0.0-1.0.0.5", "1.0.0.5-1.0.0.9" },         "1.0.0.6", 0 },     /* across: the second is
                                                                               not taken */
    { { "::1", "2001:db8::/32" },                       "2001:db8:ffff::1", 2 },
    { { "::1", "2001:db8::/32" },                       "2001:db9::", 0 },
    { { "::1", "2001:db8::/32" },                       "::1", 1 },
    { { "::2-::8" },                                    "::9", 0 },
    { { "::2-::8" },                                    "::8", 1 },
    { { "::/0" },                                       "ffff:ffff:ffff:ffff::ffff", 1 },
    { { "ffff::/16" },                                  "ffff:ffff:ffff:ffff::ffff", 1 },
    { { "::/0" },                                       "1.2.3.4", 0 },
    { { "::/0" },                                       "::ffff:1.2.3.4", 0 },
    { { "0.0.0.0/0" },                                  "::1", 0 },
    { { "1.2.3.4" },                                    "::ffff:1.2.3.4", 1 },
    { { "::ffff:1.2.3.0/120" },                         "1.2.3.9", 1 },
    { { "::ffff:1.2.3.0/120" },                         "1.2.4.0", 0 },
    { { "10.0.0.0/8", "10.1.0.0/16", "-10.1.0.0/16" },  "10.1.0.0", 1 },
    { { "10.0.0.0/8", "-10.0.0.0/8" },                  "10.1.0.0", 0 },
    { { "-10.0.0.0/8", "10.0.0.0/8" },                  "10.1.0.0", 2 },
    { { "10.0.0.0/8", "-10.1.0.0/16" },                 "10.1.0.0", 1 },
    { { "10.0.0.0/8", "-10.0.0.0/8", "10.0.0.0/8" },    "10.1.0.0", 3 },
    { { "0.0.0.0/0", "::/0" },                          "unix:", 0 },
};

static struct peer
peer_in(const char *text)
{
    struct peer peer = { .family = AF_UNIX };

    if (strcmp(text, "unix:") != 0)
        ck_assert(peer_parse_ip(str_of(text), &peer));
    return peer;
}

static struct atlas_range
range_in(const char *text)
{
    struct atlas_range range;
    struct network network;
    bool low;

    if (strchr(text, '-') != NULL) {
        ck_assert(atlas_range_parse(str_of(text), &range));
        return range;
    }
    ck_assert(network_parse(str_of(text), &network, &low));
    return atlas_range_of(&network);
}

static void
tell(void *ctx, enum atlas_mistake mistake, struct atlas_name area, struct atlas_name other)
{
    static const char *const texts[] = { "twice", "not there", "across" };

    write_fmt(ctx, "%s %s", texts[mistake], (const char *)area.tag);
    write_fmt(ctx, other.tag != NULL ? " %s;" : ";", (const char *)other.tag);
}

static const struct atlas *
atlas_in(struct arena *arena, const char *const *areas, const struct atlas_reader *reader)
{
    struct atlas_draft *draft = atlas_begin(arena);

    for (uint32_t i = 0; i < AREAS_MAX && areas[i] != NULL; i++) {
        bool out = areas[i][0] == '-';
        struct atlas_range range = range_in(areas[i] + out);

        ck_assert(out ? atlas_remove(draft, &range, areas[i])
                      : atlas_add(draft, &range, (struct atlas_name){ areas[i], i + 1 }));
    }
    return atlas_finish(draft, arena, reader);
}

START_TEST(narrowest_area_counts)
{
    struct arena *arena = arena_create(4096, 0);
    struct writer w = writer_in(arena);
    struct atlas_reader reader = { .tell = tell, .ctx = &w };
    struct peer peer = peer_in(cases[_i].peer);
    const struct atlas *atlas = atlas_in(arena, cases[_i].areas, &reader);

    ck_assert_uint_eq(atlas_find(atlas, &peer), cases[_i].number);
    arena_destroy(arena);
}
END_TEST

START_TEST(what_is_taken_out_may_leave_a_hole)
{
    static const char *const areas[AREAS_MAX] = { "1.0.0.0-1.0.0.9", "1.0.0.3-1.0.0.5",
                                                  "-1.0.0.3-1.0.0.5" };
    struct arena *arena = arena_create(4096, 0);
    struct writer w = writer_in(arena);
    struct atlas_reader reader = { .tell = tell, .ctx = &w, .leaves_holes = true };
    const struct atlas *atlas = atlas_in(arena, areas, &reader);
    struct peer in = peer_in("1.0.0.4"), beside = peer_in("1.0.0.6");

    ck_assert_uint_eq(atlas_find(atlas, &in), 0);
    ck_assert_uint_eq(atlas_find(atlas, &beside), 1);
    ck_assert_ptr_nonnull(writer_cstr(&w));
    arena_destroy(arena);
}
END_TEST

static const struct { const char *areas[AREAS_MAX]; const char *told; } mistakes[] = {
    { { "10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8" }, "" },
    { { "1.0.0.1", "1.0.0.1/32" }, "twice 1.0.0.1/32 1.0.0.1;" },
    { { "-1.0.0.1", "1.0.0.1" }, "not there -1.0.0.1;" },
    { { "1.0.0.1", "-1.0.0.1", "-1.0.0.1/32" }, "not there -1.0.0.1/32 -1.0.0.1;" },
    { { "1.0.0.0/24", "-1.0.0.1" }, "not there -1.0.0.1;" },
    { { "1.0.0.0-1.0.0.9", "1.0.0.5-1.0.0.12" }, "across 1.0.0.5-1.0.0.12 1.0.0.0-1.0.0.9;" },
    { { "1.0.0.5-1.0.0.12", "1.0.0.0-1.0.0.9" }, "across 1.0.0.0-1.0.0.9 1.0.0.5-1.0.0.12;" },
    { { "1.0.0.0-1.0.0.9", "1.0.0.9-1.0.0.12" }, "across 1.0.0.9-1.0.0.12 1.0.0.0-1.0.0.9;" },
    { { "1.0.0.0-1.0.0.9", "1.0.0.10-1.0.0.12" }, "" },
};

START_TEST(mistakes_are_told)
{
    char text[TOLD_MAX];
    struct arena *arena = arena_create(4096, 0);
    struct writer w = writer_at(text, sizeof(text));
    struct atlas_reader reader = { .tell = tell, .ctx = &w };

    ck_assert_ptr_nonnull(atlas_in(arena, mistakes[_i].areas, &reader));
    ck_assert_str_eq(writer_cstr(&w), mistakes[_i].told);
    arena_destroy(arena);
}
END_TEST

static const struct { const char *text; bool is_good; } ranges[] = {
    { "1.2.3.4-1.2.3.4", true },
    { "1.2.3.4-1.2.3.5", true },
    { "::1-::2", true },
    { "1.2.3.4-1.2.3.3", false },
    { "::2-::1", false },
    { "1.2.3.4", false },
    { "1.2.3.0/24", false },
    { "1.2.3.4-", false },
    { "-1.2.3.4", false },
    { "-", false },
    { "", false },
    { "1.2.3.4-1.2.3.5-1.2.3.6", false },
    { "1.2.3.4-::1", false },
    { "::1-1.2.3.4", false },
    { "1.2.3.4-1.2.3.300", false },
};

START_TEST(range_has_two_addresses_in_order)
{
    struct atlas_range range;

    ck_assert(atlas_range_parse(str_of(ranges[_i].text), &range) == ranges[_i].is_good);
}
END_TEST

/* Beside a search through all areas: the narrowest that has the address. */
START_TEST(random_areas_are_found_as_one_by_one)
{
    enum { COUNT = 300, TRIES = 2000 };
    struct arena *arena = arena_create(65536, 0);
    struct network list[COUNT];
    struct atlas_draft *draft = atlas_begin(arena);
    struct atlas_reader reader = { .tell = tell };
    char told[TOLD_MAX];
    struct writer w = writer_at(told, sizeof(told));
    const struct atlas *atlas;

    srand(7);
    reader.ctx = &w;
    for (uint32_t i = 0; i < COUNT; i++) {
        struct atlas_range range;
        char text[64];
        struct writer t = writer_at(text, sizeof(text));
        bool low;

        write_fmt(&t, "%d.%d.%d.%d/%d", rand() % 3, rand() % 4, rand() % 4, rand() % 4,
                  rand() % 33);
        ck_assert(network_parse(writer_str(&t), &list[i], &low));
        range = atlas_range_of(&list[i]);
        ck_assert(atlas_add(draft, &range, (struct atlas_name){ "", i + 1 }));
    }
    atlas = atlas_finish(draft, arena, &reader);
    for (int n = 0; n < TRIES; n++) {
        struct peer peer = { .family = AF_INET,
                             .ip = { (uint8_t)(rand() % 4), (uint8_t)(rand() % 5),
                                     (uint8_t)(rand() % 5), (uint8_t)(rand() % 5) } };
        uint32_t best = 0;

        for (uint32_t i = 0; i < COUNT; i++)
            if (network_has(&list[i], &peer)
                && (best == 0 || list[i].bits >= list[best - 1].bits))
                best = i + 1;
        ck_assert_uint_eq(atlas_find(atlas, &peer), best);
    }
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("net/atlas");

    unit_add(suite, narrowest_area_counts, ARRAY_LEN(cases));
    unit_add(suite, what_is_taken_out_may_leave_a_hole, 1);
    unit_add(suite, mistakes_are_told, ARRAY_LEN(mistakes));
    unit_add(suite, range_has_two_addresses_in_order, ARRAY_LEN(ranges));
    unit_add(suite, random_areas_are_found_as_one_by_one, 1);
    return unit_run(suite);
}
