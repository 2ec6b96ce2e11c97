/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/zone.h"
#include "base/compiler.h"
#include "base/log.h"
#include "base/siphash.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

enum {
    LOOKS = 64                  /* at so many old entries for one that may go */
};

/* Where an entry is: its index + 1. Zero is nowhere, so that fresh memory is an empty table. */
typedef uint32_t place;

/*
 * Invariant: an entry with a stamp is in use and whole, one without is free. The stamp is written
 * last when an entry is made, and erased first when it goes: so much is true even when its writer
 * was killed in between, and all the rest can be made of it.
 */
struct entry {
    struct zone_key key;
    uint64_t stamp;             /* when it was used, by the table's own count of uses */
    place next;                 /* in its chain, or of those that are free */
    place older, newer;         /* in the order of use */
    uint32_t unused;
    unsigned char value[];
};

struct table {
    pthread_mutex_t lock;
    uint64_t secret[2];
    uint64_t uses;              /* the newest entry's stamp */
    uint32_t value_size;
    uint32_t capacity;          /* entries */
    uint32_t touched;           /* entries [0, touched) have been used at least once */
    uint32_t used;
    uint32_t mask;              /* chains - 1 */
    place free;
    place oldest, newest;
    place chains[];             /* mask + 1; the entries are behind them */
};
_Static_assert(offsetof(struct table, chains) % 8 == 0, "entries are aligned to 8 bytes");
_Static_assert(offsetof(struct entry, value) % 8 == 0, "and so are values");

struct zone_mapping {
    struct table *table;
    size_t size;
    unsigned users;             /* struct zone of this process that have it open */
};

/* ---- entries ------------------------------------------------------------------------------- */

static struct table *
table_of(const struct zone *zone)
{
    return zone->mapping->table;
}

static size_t
entry_size(const struct table *t)
{
    return sizeof(struct entry) + t->value_size;
}

static struct entry *
at(const struct table *t, place where)
{
    char *first = (char *)(uintptr_t)(t->chains + t->mask + 1);

    return (struct entry *)(void *)(first + (where - 1) * entry_size(t));
}

static place
place_of(const struct table *t, const struct entry *e)
{
    return (place)((size_t)((const char *)e - (const char *)at(t, 1)) / entry_size(t)) + 1;
}

static struct entry *
entry_of(const void *value)
{
    return CONTAINER_OF((uintptr_t)value, struct entry, value);
}

static place *
chain_of(struct table *t, struct zone_key key)
{
    return &t->chains[key.hash[0] & t->mask];
}

static void
set_stamp(struct entry *e, uint64_t stamp)
{
    __atomic_store_n(&e->stamp, stamp, __ATOMIC_SEQ_CST);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* ---- chains and order ---------------------------------------------------------------------- */

static void
chain_add(struct table *t, struct entry *e)
{
    place *chain = chain_of(t, e->key);

    e->next = *chain;
    *chain = place_of(t, e);
}

static void
chain_remove(struct table *t, const struct entry *e)
{
    place *link = chain_of(t, e->key), self = place_of(t, e);

    while (*link != self)
        link = &at(t, *link)->next;
    *link = e->next;
}

static void
order_add(struct table *t, struct entry *e)
{
    place self = place_of(t, e);

    e->older = t->newest;
    e->newer = 0;
    if (t->newest != 0)
        at(t, t->newest)->newer = self;
    else
        t->oldest = self;
    t->newest = self;
}

static void
order_remove(struct table *t, const struct entry *e)
{
    if (e->older != 0)
        at(t, e->older)->newer = e->newer;
    else
        t->oldest = e->newer;
    if (e->newer != 0)
        at(t, e->newer)->older = e->older;
    else
        t->newest = e->older;
}

static void
free_add(struct table *t, struct entry *e)
{
    e->next = t->free;
    t->free = place_of(t, e);
}

static void
entry_remove(struct table *t, struct entry *e)
{
    set_stamp(e, 0);
    chain_remove(t, e);
    order_remove(t, e);
    free_add(t, e);
    t->used--;
}

static void
entry_touch(struct table *t, struct entry *e)
{
    order_remove(t, e);
    order_add(t, e);
    set_stamp(e, ++t->uses);
}

/* ---- repair -------------------------------------------------------------------------------- */

/* Merges two lists that are linked by `newer`, the oldest first. */
static place
merge(const struct table *t, place a, place b)
{
    place first = 0, *end = &first;

    while (a != 0 && b != 0) {
        place *least = at(t, a)->stamp <= at(t, b)->stamp ? &a : &b;

        *end = *least;
        end = &at(t, *least)->newer;
        *least = *end;
    }
    *end = a != 0 ? a : b;
    return first;
}

/*
 * The entries in use, linked by `newer` in the order of their stamps; those free are put on the
 * free list. sorted[i] holds 2^i entries or none, as the bits of a number that is counted up.
 */
static place
sort_all(struct table *t)
{
    place sorted[33] = { 0 }, all = 0;

    for (place i = 1; i <= t->touched; i++) {
        struct entry *e = at(t, i);
        place run = i;
        unsigned bit = 0;

        if (e->stamp == 0) {
            free_add(t, e);
            continue;
        }
        e->newer = 0;
        for (; sorted[bit] != 0; bit++) {
            run = merge(t, sorted[bit], run);
            sorted[bit] = 0;
        }
        sorted[bit] = run;
    }
    for (unsigned bit = 0; bit < ARRAY_LEN(sorted); bit++)
        all = merge(t, sorted[bit], all);
    return all;
}

/* All that links entries is made anew of the entries. Killed within, it is simply begun again. */
static COLD void
repair(struct table *t)
{
    memset(t->chains, 0, (t->mask + (size_t)1) * sizeof(place));
    t->free = t->oldest = t->newest = 0;
    t->used = 0;
    for (place i = sort_all(t), newer; i != 0; i = newer) {
        struct entry *e = at(t, i);

        newer = e->newer;
        chain_add(t, e);
        order_add(t, e);
        t->uses = MAX(t->uses, e->stamp);
        t->used++;
    }
}

/* ---- the lock ------------------------------------------------------------------------------ */

bool
zone_lock(struct zone *zone)
{
    struct table *t = table_of(zone);
    int error = pthread_mutex_lock(&t->lock);

    if (LIKELY(error == 0))
        return true;
    if (error != EOWNERDEAD)
        return false;
    repair(t);
    pthread_mutex_consistent(&t->lock);
    zone->repaired = true;
    return true;
}

void
zone_unlock(struct zone *zone)
{
    struct table *t = table_of(zone);
    uint32_t used = t->used;

    pthread_mutex_unlock(&t->lock);
    if (LIKELY(!zone->repaired))
        return;
    zone->repaired = false;
    LOG(&process_log, WARN, 0, "a process died while it changed zone \"%.*s\", its %u entries were "
        "put in order", STR_ARG(zone->name), used);
}

/* ---- values -------------------------------------------------------------------------------- */

struct zone_key
zone_key(const struct zone *zone, struct str text)
{
    struct zone_key key = { { 0 } };

    siphash128(table_of(zone)->secret, text, key.hash);
    return key;
}

static bool
same_key(const struct entry *e, struct zone_key key)
{
    return e->key.hash[0] == key.hash[0] && e->key.hash[1] == key.hash[1];
}

static void *
find_from(const struct table *t, place where, struct zone_key key)
{
    while (where != 0 && !same_key(at(t, where), key))
        where = at(t, where)->next;
    return where != 0 ? at(t, where)->value : NULL;
}

void *
zone_find(const struct zone *zone, struct zone_key key)
{
    struct table *t = table_of(zone);

    return find_from(t, *chain_of(t, key), key);
}

void *
zone_next(const struct zone *zone, const void *value)
{
    const struct entry *e = entry_of(value);

    return find_from(table_of(zone), e->next, e->key);
}

void
zone_touch(struct zone *zone, void *value)
{
    entry_touch(table_of(zone), entry_of(value));
}

/* Those that must stay have been looked at: others come first the next time. */
static bool
make_room(struct zone *zone)
{
    struct table *t = table_of(zone);

    for (unsigned i = 0; i < LOOKS && t->oldest != 0; i++) {
        struct entry *e = at(t, t->oldest);

        if (zone->kind->may_go == NULL || zone->kind->may_go(e->value)) {
            entry_remove(t, e);
            return true;
        }
        entry_touch(t, e);
    }
    return false;
}

static struct entry *
take_free(struct zone *zone)
{
    struct table *t = table_of(zone);
    struct entry *e;

    if (t->free == 0 && t->touched < t->capacity)
        return at(t, ++t->touched);
    if (t->free == 0 && !make_room(zone))
        return NULL;
    e = at(t, t->free);
    t->free = e->next;
    return e;
}

void *
zone_add(struct zone *zone, struct zone_key key)
{
    struct table *t = table_of(zone);
    struct entry *e = take_free(zone);

    if (e == NULL)
        return NULL;
    e->key = key;
    memset(e->value, 0, t->value_size);
    chain_add(t, e);
    order_add(t, e);
    t->used++;
    set_stamp(e, ++t->uses);
    return e->value;
}

void
zone_remove(struct zone *zone, void *value)
{
    entry_remove(table_of(zone), entry_of(value));
}

uint32_t
zone_used(const struct zone *zone)
{
    return table_of(zone)->used;
}

uint32_t
zone_capacity(const struct zone *zone)
{
    return table_of(zone)->capacity;
}

/* ---- memory -------------------------------------------------------------------------------- */

static bool
init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;
    int error;

    if ((error = pthread_mutexattr_init(&attributes)) != 0) {
        errno = error;
        return false;
    }
    if ((error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED)) == 0
        && (error = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST)) == 0)
        error = pthread_mutex_init(lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    errno = error;
    return error == 0;
}

/* A chain for each entry or two; what the chains leave is for the entries. */
static void
lay_out(struct table *t, size_t size, uint32_t value_size)
{
    size_t room = size - sizeof(*t), entries;
    uint32_t chains = 1;

    t->value_size = value_size;
    entries = room / (entry_size(t) + sizeof(place));
    while (chains < UINT32_MAX / 2 && (size_t)chains * 2 <= entries)
        chains *= 2;
    t->mask = chains - 1;
    entries = (room - chains * sizeof(place)) / entry_size(t);
    t->capacity = (uint32_t)MIN(entries, (size_t)UINT32_MAX - 1);
}

static struct table *
table_create(size_t size, uint32_t value_size)
{
    struct table *t = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (t == MAP_FAILED)
        return NULL;
    lay_out(t, size, value_size);
    if (getrandom(t->secret, sizeof(t->secret), 0) == (ssize_t)sizeof(t->secret)
        && init_lock(&t->lock))
        return t;
    munmap(t, size);
    return NULL;
}

static struct zone_mapping *
mapping_create(const struct zone *zone)
{
    struct zone_mapping *mapping = calloc(1, sizeof(*mapping));

    if (mapping == NULL)
        return NULL;
    mapping->size = (size_t)zone->size;
    mapping->table = table_create(mapping->size, zone->kind->value_size);
    if (mapping->table != NULL)
        return mapping;
    free(mapping);
    return NULL;
}

bool
zone_open(struct zone *zone, const struct zones *old)
{
    const struct zone *before = old != NULL ? zones_find(old, zone->name) : NULL;

    if (before != NULL && before->mapping != NULL && before->kind == zone->kind
        && before->size == zone->size && str_eq(before->key, zone->key))
        zone->mapping = before->mapping;
    else
        zone->mapping = mapping_create(zone);
    if (zone->mapping == NULL)
        return false;
    zone->mapping->users++;
    return true;
}

static void
zone_close(struct zone *zone)
{
    struct zone_mapping *mapping = zone->mapping;

    zone->mapping = NULL;
    if (mapping == NULL || --mapping->users > 0)
        return;
    munmap(mapping->table, mapping->size);
    free(mapping);
}

/* ---- the list ------------------------------------------------------------------------------ */

void
zones_init(struct zones *zones, struct arena *arena)
{
    link_init(&zones->head);
    zones->arena = arena;
}

struct zone *
zones_find(const struct zones *zones, struct str name)
{
    for (struct link *l = zones->head.next; l != &zones->head; l = l->next) {
        struct zone *zone = CONTAINER_OF(l, struct zone, link);

        if (str_eq(zone->name, name))
            return zone;
    }
    return NULL;
}

struct zone *
zone_declare(struct zones *zones, const struct zone_kind *kind, struct str name, struct str key,
             uint64_t size)
{
    struct zone *zone = ARENA_NEW(zones->arena, struct zone);

    if (zone == NULL)
        return NULL;
    zone->name = name;
    zone->key = key;
    zone->kind = kind;
    zone->size = size;
    link_init(&zone->link);
    list_push(&zones->head, &zone->link);
    return zone;
}

void
zones_close(struct zones *zones)
{
    for (struct link *l = zones->head.next; l != &zones->head; l = l->next)
        zone_close(CONTAINER_OF(l, struct zone, link));
}
