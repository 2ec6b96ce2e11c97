/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_forwarded: the first line is a list of blocks that are trusted, the others are fields. Whom
 * these name is whom a plain reading of the one list names, which they make together; and the many
 * blocks of "allow" and "deny" are found as in their order.
 */
#include "fuzz.h"
#include "no_names.h"

#include "base/arena.h"
#include "http/forwarded.h"
#include "net/networks.h"

enum { BLOCKS_MAX = 32, FIELDS_MAX = 32, ITEMS_MAX = 256 };

static const struct str name = STR_INIT("X-Forwarded-For");

static struct network blocks[BLOCKS_MAX];
static struct http_field fields[FIELDS_MAX];
static struct str items[ITEMS_MAX];

static uint32_t
read_blocks(struct str line)
{
    uint32_t len = 0;
    bool low;

    while (line.len > 0 && len < BLOCKS_MAX) {
        ptrdiff_t end = str_find(line, ' ', 0);
        struct str word = { line.p, end < 0 ? line.len : (size_t)end };

        line = str_from(line, word.len + 1);
        len += network_parse(word, &blocks[len], &low);
    }
    return len;
}

/* A field whose line begins with "-" is another's. */
static uint32_t
read_fields(struct str rest)
{
    uint32_t len = 0;

    while (rest.len > 0 && len < FIELDS_MAX) {
        struct str line = take_line(&rest);
        bool other = str_starts(line, STR("-"));

        fields[len].name = other ? STR("Via") : len % 2 == 0 ? name : STR("x-forwarded-for");
        fields[len].value = str_from(line, other);
        len++;
    }
    return len;
}

/* All that is in the fields of that name, from the first to the last; false: too many. */
static bool
list_items(uint32_t fields_len, uint32_t *items_len)
{
    *items_len = 0;
    for (uint32_t i = 0; i < fields_len; i++) {
        struct str value = fields[i].value;

        if (!str_ieq(fields[i].name, name))
            continue;
        for (size_t at = 0; at <= value.len; ) {
            ptrdiff_t end = str_find(value, ',', at);
            size_t stop = end < 0 ? value.len : (size_t)end;
            struct str item = str_trim((struct str){ value.p + at, stop - at });

            at = stop + 1;
            if (item.len == 0)
                continue;
            if (*items_len == ITEMS_MAX)
                return false;
            items[(*items_len)++] = item;
        }
    }
    return true;
}

static bool
plain_find(const struct forwarded_trust *trust, uint32_t items_len, struct peer *client)
{
    bool found = false;
    struct peer next;

    while (items_len > 0 && peer_parse(items[items_len - 1], &next)) {
        *client = next;
        found = true;
        items_len--;
        if (!trust->recursive || !forwarded_trusts(trust, client))
            break;
    }
    return found;
}

static void
require_same(const struct peer *a, const struct peer *b)
{
    require(a->family == b->family && a->port == b->port);
    require(memcmp(a->ip, b->ip, sizeof(a->ip)) == 0);
}

static void
try_fields(uint32_t blocks_len, uint32_t fields_len)
{
    const struct http_request req = { .fields = fields, .fields_len = fields_len };
    struct forwarded_trust trust = { .proxies = { .items = blocks, .len = blocks_len } };
    uint32_t items_len;

    if (!list_items(fields_len, &items_len))
        return;
    for (unsigned i = 0; i < 2; i++) {
        struct peer client = { .port = 1 }, plain = client;

        trust.recursive = i == 1;
        require(forwarded_find(&req, &trust, name, &client)
                == plain_find(&trust, items_len, &plain));
        require_same(&client, &plain);
    }
}

static void
look_for(const struct networks *networks, uint32_t len, const struct peer *peer)
{
    int32_t first = -1;

    for (uint32_t i = 0; i < len && first < 0; i++)
        if (network_has(&blocks[i], peer))
            first = (int32_t)i;
    require(networks_find(networks, peer) == first);
}

/* The ends of the block, and who lies just beyond them. */
static void
look_around(const struct networks *networks, uint32_t len, const struct network *block)
{
    unsigned end = block->family == AF_INET ? 4 : 16;
    struct peer peer = { .family = block->family };

    memcpy(peer.ip, block->ip, sizeof(peer.ip));
    look_for(networks, len, &peer);
    peer.ip[end - 1]--;
    look_for(networks, len, &peer);
    memcpy(peer.ip, block->ip, sizeof(peer.ip));
    for (unsigned bit = block->bits; bit < 8 * end; bit++)
        peer.ip[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    look_for(networks, len, &peer);
    peer.ip[end - 1]++;
    look_for(networks, len, &peer);
}

static void
try_blocks(struct arena *arena, uint32_t len, uint32_t items_len)
{
    const struct networks *networks = networks_build(arena, blocks, len);
    struct peer peer = { .family = AF_UNIX };

    require(networks != NULL);
    look_for(networks, len, &peer);
    for (uint32_t i = 0; i < len; i++)
        if (blocks[i].family != AF_UNIX)
            look_around(networks, len, &blocks[i]);
    for (uint32_t i = 0; i < items_len; i++)
        if (peer_parse(items[i], &peer))
            look_for(networks, len, &peer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, MIN(size, 4096) };
    struct arena *arena = arena_create(4096, 0);
    uint32_t blocks_len = read_blocks(take_line(&rest)), fields_len = read_fields(rest);
    uint32_t items_len;

    require(arena != NULL);
    try_fields(blocks_len, fields_len);
    list_items(fields_len, &items_len);
    try_blocks(arena, blocks_len, items_len);
    arena_destroy(arena);
    return 0;
}
