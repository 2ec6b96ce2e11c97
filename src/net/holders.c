/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/holders.h"
#include "base/compiler.h"
#include "base/reserve.h"
#include "base/str.h"

#include <assert.h>
#include <string.h>

/* What an address is reduced to. */
struct key {
    uint64_t ip;                /* as many bytes of it as count */
    uint64_t family;
};

struct holder {
    struct key key;
    uint32_t count;             /* at least 1; 0: on the free list */
    uint32_t hand;              /* slot, the next to be shown */
    uint32_t next_same;         /* in the bucket */
    uint32_t prev, next;        /* ring of the class */
};

/* A connection's place among those of its holder: a ring of slots. */
struct seat {
    uint32_t prev, next;
    uint32_t holder;            /* + 1; 0: none */
};

static struct holder *
holder_at(const struct holders *holders, uint32_t id)
{
    return &holders->table[id - 1];
}

static uint32_t
bucket_count(uint32_t slots)
{
    uint32_t n = 1;

    while (n < slots && n < UINT32_C(1) << 31)
        n *= 2;
    return n;
}

bool
holders_init(struct holders *holders, uint32_t slots)
{
    uint32_t buckets = bucket_count(slots);

    memset(holders, 0, sizeof(*holders));
    holders->slots = slots;
    holders->mask = buckets - 1;
    holders->buckets = reserve(buckets * sizeof(*holders->buckets));
    holders->table = reserve(slots * sizeof(*holders->table));
    holders->seats = reserve(slots * sizeof(*holders->seats));
    if (holders->buckets != NULL && holders->table != NULL && holders->seats != NULL)
        return true;
    holders_fini(holders);
    return false;
}

void
holders_fini(struct holders *holders)
{
    unreserve(holders->buckets, ((size_t)holders->mask + 1) * sizeof(*holders->buckets));
    unreserve(holders->table, holders->slots * sizeof(*holders->table));
    unreserve(holders->seats, holders->slots * sizeof(*holders->seats));
    memset(holders, 0, sizeof(*holders));
}

/* ---- addresses ----------------------------------------------------------------------------- */

/* ::ffff:192.0.2.1 is 192.0.2.1, who came to a socket that serves both families. */
static struct key
key_of(const struct peer *peer)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    struct key key = { .family = peer->family };

    if (peer->family == AF_INET) {
        memcpy(&key.ip, peer->ip, 4);
    } else if (peer->family == AF_INET6 && memcmp(peer->ip, mapped, sizeof(mapped)) == 0) {
        key.family = AF_INET;
        memcpy(&key.ip, peer->ip + sizeof(mapped), 4);
    } else if (peer->family == AF_INET6) {
        memcpy(&key.ip, peer->ip, sizeof(key.ip));
    }
    return key;
}

/* Where the id of the address stands, or would. */
static uint32_t *
find(const struct holders *holders, const struct key *key)
{
    uint64_t hash = str_hash((struct str){ (const char *)key, sizeof(*key) });
    uint32_t *place = &holders->buckets[hash & holders->mask];

    while (*place != 0) {
        struct holder *holder = holder_at(holders, *place);

        if (holder->key.ip == key->ip && holder->key.family == key->family)
            break;
        place = &holder->next_same;
    }
    return place;
}

/* ---- classes ------------------------------------------------------------------------------- */

static unsigned
class_of(uint32_t count)
{
    return 31u - (unsigned)__builtin_clz(count);
}

static void
enter_class(struct holders *holders, uint32_t id)
{
    struct holder *holder = holder_at(holders, id);
    unsigned class = class_of(holder->count);
    uint32_t first = holders->classes[class];

    holders->class_len[class]++;
    if (first == 0) {
        holder->prev = holder->next = id;
        holders->classes[class] = id;
        return;
    }
    holder->next = first;               /* last in the ring */
    holder->prev = holder_at(holders, first)->prev;
    holder_at(holders, holder->prev)->next = id;
    holder_at(holders, first)->prev = id;
}

static void
leave_class(struct holders *holders, uint32_t id)
{
    struct holder *holder = holder_at(holders, id);
    unsigned class = class_of(holder->count);

    holders->class_len[class]--;
    if (holders->class_len[class] == 0) {
        holders->classes[class] = 0;
        return;
    }
    holder_at(holders, holder->prev)->next = holder->next;
    holder_at(holders, holder->next)->prev = holder->prev;
    if (holders->classes[class] == id)
        holders->classes[class] = holder->next;
}

static void
set_count(struct holders *holders, uint32_t id, uint32_t count)
{
    struct holder *holder = holder_at(holders, id);

    if (class_of(count) == class_of(holder->count)) {
        holder->count = count;
        return;
    }
    leave_class(holders, id);
    holder->count = count;
    enter_class(holders, id);
}

/* ---- coming and going ---------------------------------------------------------------------- */

/* There is always room: each holder has a connection. */
static uint32_t
create_holder(struct holders *holders, const struct key *key)
{
    uint32_t id = holders->free;
    struct holder *holder;

    if (id != 0)
        holders->free = holder_at(holders, id)->next_same;
    else
        id = ++holders->touched;
    holder = holder_at(holders, id);
    *holder = (struct holder){ .key = *key, .count = 1 };
    holders->len++;
    enter_class(holders, id);
    return id;
}

static void
destroy_holder(struct holders *holders, uint32_t id)
{
    struct holder *holder = holder_at(holders, id);

    *find(holders, &holder->key) = holder->next_same;
    leave_class(holders, id);
    holder->count = 0;
    holder->next_same = holders->free;
    holders->free = id;
    holders->len--;
}

/* The newcomer is the last that the hand comes to. */
void
holders_add(struct holders *holders, uint32_t slot, const struct peer *peer)
{
    struct key key = key_of(peer);
    uint32_t *place = find(holders, &key), id = *place;
    struct seat *seat = &holders->seats[slot], *hand;
    struct holder *holder;

    assert(seat->holder == 0);
    if (id == 0) {
        *place = id = create_holder(holders, &key);
        holder_at(holders, id)->hand = slot;
        *seat = (struct seat){ slot, slot, id };
        return;
    }
    holder = holder_at(holders, id);
    hand = &holders->seats[holder->hand];
    *seat = (struct seat){ .prev = hand->prev, .next = holder->hand, .holder = id };
    holders->seats[hand->prev].next = slot;
    hand->prev = slot;
    set_count(holders, id, holder->count + 1);
}

void
holders_remove(struct holders *holders, uint32_t slot)
{
    struct seat *seat = &holders->seats[slot];
    uint32_t id = seat->holder;
    struct holder *holder = holder_at(holders, id);

    assert(id != 0);
    seat->holder = 0;
    if (holder->count == 1) {
        destroy_holder(holders, id);
        return;
    }
    holders->seats[seat->prev].next = seat->next;
    holders->seats[seat->next].prev = seat->prev;
    if (holder->hand == slot)
        holder->hand = seat->next;
    set_count(holders, id, holder->count - 1);
}

uint32_t
holders_count(const struct holders *holders, uint32_t slot)
{
    return holder_at(holders, holders->seats[slot].holder)->count;
}

/* ---- scans --------------------------------------------------------------------------------- */

/* False: it was enough. Counts the looks in *left. */
static bool
scan_holder(struct holders *holders, uint32_t id, const struct holders_scan *scan, unsigned *left)
{
    struct holder *holder = holder_at(holders, id);
    unsigned looks = MIN(MIN(holder->count, scan->each), *left);

    *left -= looks;
    for (; looks > 0 && holder->count > scan->share; looks--) {
        uint32_t slot = holder->hand;

        holder->hand = holders->seats[slot].next;
        if (scan->look(scan->ctx, slot) == HOLDERS_ENOUGH)
            return false;
    }
    return true;
}

/* Those of one class. One that sinks into a lower class meanwhile may be met there again. */
static bool
scan_class(struct holders *holders, unsigned class, const struct holders_scan *scan,
           unsigned *left)
{
    for (uint32_t n = holders->class_len[class]; n > 0 && *left > 0; n--) {
        uint32_t id = holders->classes[class];

        if (id == 0)
            return true;
        holders->classes[class] = holder_at(holders, id)->next;
        if (holder_at(holders, id)->count <= scan->share)
            --*left;
        else if (!scan_holder(holders, id, scan, left))
            return false;
    }
    return true;
}

void
holders_scan(struct holders *holders, const struct holders_scan *scan)
{
    unsigned left = scan->most;

    for (unsigned class = HOLDER_CLASSES; class-- > class_of(scan->share) && left > 0;)
        if (!scan_class(holders, class, scan, &left))
            return;
}
