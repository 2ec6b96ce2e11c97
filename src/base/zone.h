/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone: a table of small values by key, in memory that the master and all workers share.
 *
 * Its size is fixed: the master maps it before it forks, and nothing is allocated afterwards. A key
 * is stored as a 128-bit hash with a secret of the table's own, so that all entries are of one size
 * and nobody can choose collisions. When the table is full, the entry that was used least recently
 * makes room.
 *
 * One lock guards it all. A process that dies while it holds the lock harms nobody: the next one
 * that wants it puts chains and order together again from the entries themselves, and goes on.
 * Between zone_lock and zone_unlock nothing is to be logged, allocated or waited for.
 *
 * A struct zone is a table as one configuration knows it. A reload that declares the same one again
 * goes on with its memory (zone_open), which is unmapped with the last struct zone that has it open
 * in this process.
 */
#ifndef WEIR_BASE_ZONE_H
#define WEIR_BASE_ZONE_H

#include "base/arena.h"
#include "base/list.h"

enum { ZONE_MIN_BYTES = 32768 };

/* What a table is for. */
struct zone_kind {
    const char *name;           /* of the directive that declares it */
    uint32_t value_size;        /* bytes of a value, a multiple of 8 */
    /*
     * Whether the value may be thrown out of a full table; called with the lock held. NULL: any may
     * be.
     */
    bool (*may_go)(const void *value);
};

struct zone_mapping;            /* this process's view of the shared memory */

struct zone {
    struct link link;           /* in a struct zones */
    struct str name;
    struct str key;             /* what is counted by, as written in the conf file */
    const struct zone_kind *kind;
    uint64_t size;              /* bytes, as declared */
    void *owner;                /* of who declared it */
    struct zone_mapping *mapping;       /* NULL: not open */
    bool repaired;              /* to be told at zone_unlock */
};

/* All of one configuration. */
struct zones {
    struct link head;
    struct arena *arena;
};

void zones_init(struct zones *zones, struct arena *arena);
/* NULL: there is none of that name. */
struct zone *zones_find(const struct zones *zones, struct str name);
/*
 * A new one, not open yet; name and key must live as long as the arena. NULL when memory is short.
 */
struct zone *zone_declare(struct zones *zones, const struct zone_kind *kind, struct str name,
                          struct str key, uint64_t size);

/*
 * Goes on with the memory of the zone in `old` (NULL: none) that is of the same name, kind, key and
 * size, and else maps it anew. To be called before the fork of those who shall share it. False with
 * errno.
 */
bool zone_open(struct zone *zone, const struct zones *old);
/* Unmaps what no other zone of this process has open. */
void zones_close(struct zones *zones);

/* The stored form of a key. */
struct zone_key {
    uint64_t hash[2];
};
struct zone_key zone_key(const struct zone *zone, struct str text);

/* False, not locked, when the lock is beyond repair: the table is not to be touched. */
bool zone_lock(struct zone *zone);
/* Logs when zone_lock has found the table left behind by one who died. */
void zone_unlock(struct zone *zone);

/*
 * All below: with the lock held. Values are aligned to 8 bytes; a pointer to one is good until the
 * lock is released, it is removed, or zone_add makes room.
 */

/* The first value of that key, and the next one with the same key behind it; NULL: there is none. */
void *zone_find(const struct zone *zone, struct zone_key key);
void *zone_next(const struct zone *zone, const void *value);
/* Makes it the one that was used last. */
void zone_touch(struct zone *zone, void *value);
/*
 * A new value, all zero, used last, beside others of the same key if there are any. NULL: the table
 * is full, and of those that were used least recently none may go.
 */
void *zone_add(struct zone *zone, struct zone_key key);
void zone_remove(struct zone *zone, void *value);

/* How many values there are, and may be. */
uint32_t zone_used(const struct zone *zone);
uint32_t zone_capacity(const struct zone *zone);

#endif
