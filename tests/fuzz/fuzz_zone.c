/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_zone: any order of what processes do with a table that they share, beside a plain list: what
 * is found is what was added and not removed, and who makes room is who was used least recently.
 *
 * Two bytes are a step: what is done, and with which key.
 */
#include "fuzz.h"

#include "base/zone.h"

enum { MOST = 4096, STEPS_MAX = 2000, BATCH = 40 };

/* The table's values; the list has them by use, the last used at its end. */
struct value {
    uint64_t id, key;
};

static const struct zone_kind kind = { .name = "fuzz", .value_size = sizeof(struct value) };

static struct value list[MOST];
static uint32_t len;
static uint64_t next_id;

static struct zone_key
key_of(const struct zone *zone, uint64_t key)
{
    return zone_key(zone, (struct str){ (const char *)&key, sizeof(key) });
}

static void
take_out(uint32_t i)
{
    memmove(&list[i], &list[i + 1], (len - i - 1) * sizeof(list[0]));
    len--;
}

static uint32_t
index_of(const struct value *value)
{
    for (uint32_t i = 0; i < len; i++)
        if (list[i].id == value->id) {
            require(list[i].key == value->key);
            return i;
        }
    require(false);
    return 0;
}

static void
add(struct zone *zone, uint64_t key)
{
    bool full = zone_used(zone) == zone_capacity(zone);
    struct value *value = zone_add(zone, key_of(zone, key));

    require(value != NULL && value->id == 0 && value->key == 0);
    if (full)
        take_out(0);
    *value = (struct value){ ++next_id, key };
    require(len < MOST);
    list[len++] = *value;
}

/* The values of a key are all that the list has. Gives the first. */
static struct value *
find(struct zone *zone, uint64_t key)
{
    struct value *first = zone_find(zone, key_of(zone, key));
    uint32_t found = 0, listed = 0;

    for (struct value *v = first; v != NULL; v = zone_next(zone, v), found++) {
        require(v->key == key && (uintptr_t)v % 8 == 0);
        index_of(v);
    }
    for (uint32_t i = 0; i < len; i++)
        listed += list[i].key == key;
    require(found == listed);
    return first;
}

static void
step(struct zone *zone, unsigned what, uint64_t key)
{
    struct value *value = find(zone, key), copy;
    uint32_t i;

    switch (what % 8) {
    case 0:
        for (unsigned n = 0; n < BATCH; n++)
            add(zone, key + n);
        break;
    case 1:
    case 2:
        add(zone, key);
        break;
    case 3:
    case 4:
        if (value == NULL)
            break;
        i = index_of(value);
        copy = list[i];
        zone_touch(zone, value);
        take_out(i);
        list[len++] = copy;
        break;
    case 5:
        if (value == NULL)
            break;
        take_out(index_of(value));
        zone_remove(zone, value);
        break;
    case 6:                             /* all of the key */
        while ((value = zone_find(zone, key_of(zone, key))) != NULL) {
            take_out(index_of(value));
            zone_remove(zone, value);
        }
        break;
    default:
        break;
    }
    require(zone_used(zone) == len && len <= zone_capacity(zone));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1024, 0);
    struct zones zones;
    struct zone *zone;

    require(arena != NULL);
    len = 0;
    zones_init(&zones, arena);
    zone = zone_declare(&zones, &kind, STR("z"), STR("$k"), ZONE_MIN_BYTES);
    require(zone != NULL && zone_open(zone, NULL));
    require(zone_lock(zone));
    for (size_t i = 0; i + 1 < size && i < STEPS_MAX; i += 2)
        step(zone, data[i], data[i + 1]);
    zone_unlock(zone);
    zones_close(&zones);
    arena_destroy(arena);
    return 0;
}
