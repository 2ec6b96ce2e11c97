/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters: a shared mapping of one block for each worker, and one more for what the departed have
 * counted; behind them, for each block, a row for each host.
 *
 * Memory is backed page by page at the first touch, and reading is a touch: so nobody reads blocks
 * and rows that were never used.
 */
#include "base/counters.h"
#include "base/clock.h"
#include "base/compiler.h"
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    RESERVED = -1,              /* the owner of a block whose worker has not started to count */
    READ_TRIES = 1000,          /* then the writer is dead: a torn reading is better than none */
    PAGE = 4096
};

struct host_name {
    uint8_t len;
    char bytes[HOST_NAME_MAX_LEN];
};

/*
 * Invariants: a sequence number is odd while the master writes what it guards; names below
 * `hosts` never change.
 */
struct counters_segment {
    unsigned blocks;
    unsigned used;                      /* no block from here on was ever used */
    size_t size;                        /* of the mapping */
    size_t rows_offset, rows_size;      /* of the first block's rows; of one block's */
    uint32_t folding;                   /* sequence number of blocks and rows */
    uint32_t speaking;                  /* sequence number of `master` */
    struct counters_master master;
    uint32_t hosts;                     /* names that have a row of their own, and "other" */
    struct host_name names[HOSTS_MAX];
    struct counters block[];            /* [blocks] is that of the departed */
};

static struct counters private_block;
static struct host_stats private_rows[HOSTS_MAX + 1];
static struct counters_segment *shared;
struct counters *stats = &private_block;
struct host_stats *stats_by_host = private_rows;

_Static_assert(sizeof(struct host_stats) % 64 == 0, "a row is whole cache lines");

const struct counter_info counter_infos[] = {
#define COUNTERS_AS_INFO(name, kind, text) { #name, text, kind, offsetof(struct counters, name) },
    COUNTERS(COUNTERS_AS_INFO)
#undef COUNTERS_AS_INFO
};
const unsigned counter_count = ARRAY_LEN(counter_infos);

const struct counter_info master_infos[] = {
#define COUNTERS_AS_INFO(name, kind, text)                                                      \
    { #name, text, kind, offsetof(struct counters_master, name) },
    MASTER_COUNTERS(COUNTERS_AS_INFO)
#undef COUNTERS_AS_INFO
};
const unsigned master_info_count = ARRAY_LEN(master_infos);

const uint32_t latency_bounds_us[LATENCY_BOUNDS] = {
#define AS_BOUND(us) us,
    LATENCY_BOUNDS_US(AS_BOUND)
#undef AS_BOUND
};

/* ---- numbers ------------------------------------------------------------------------------- */

static uint64_t
load(const uint64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void
store(uint64_t *p, uint64_t value)
{
    __atomic_store_n(p, value, __ATOMIC_RELAXED);
}

/* The number that `info` describes. */
static uint64_t *
field(struct counters *block, const struct counter_info *info)
{
    return (uint64_t *)(void *)((char *)block + info->offset);
}

uint64_t
counter_value(const void *copy, const struct counter_info *info)
{
    return load((const uint64_t *)(const void *)((const char *)copy + info->offset));
}

/* What stands below zero is a pause that has not ended: see struct counters. */
static uint64_t
whole_pause(uint64_t value)
{
    if ((int64_t)value >= 0)
        return value;
    value += clock_mono_us();
    return (int64_t)value >= 0 ? value : 0;
}

static int64_t
owner(const struct counters *block)
{
    return __atomic_load_n(&block->pid, __ATOMIC_ACQUIRE);
}

static void
set_owner(struct counters *block, int64_t pid)
{
    __atomic_store_n(&block->pid, pid, __ATOMIC_RELEASE);
}

/* ---- sequence numbers ---------------------------------------------------------------------- */

static void
write_begin(uint32_t *sequence)
{
    __atomic_store_n(sequence, *sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void
write_end(uint32_t *sequence)
{
    __atomic_store_n(sequence, *sequence + 1, __ATOMIC_RELEASE);
}

/* For loops of READ_TRIES: true as long as what was read since `before` is not of one piece. */
static bool
is_torn(const uint32_t *sequence, uint32_t before)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if ((before & 1) == 0 && __atomic_load_n(sequence, __ATOMIC_RELAXED) == before)
        return false;
    sched_yield();
    return true;
}

static uint32_t
read_begin(const uint32_t *sequence)
{
    return __atomic_load_n(sequence, __ATOMIC_ACQUIRE);
}

/* ---- the segment --------------------------------------------------------------------------- */

static struct host_stats *
rows(const struct counters_segment *segment, unsigned block)
{
    const char *start = (const char *)segment;

    return (struct host_stats *)(uintptr_t)(start + segment->rows_offset
                                            + block * segment->rows_size);
}

static size_t
whole_pages(size_t bytes)
{
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

struct counters_segment *
counters_create(unsigned blocks)
{
    size_t rows_offset = whole_pages(sizeof(struct counters_segment)
                                     + ((size_t)blocks + 1) * sizeof(struct counters));
    size_t rows_size = whole_pages((HOSTS_MAX + 1) * sizeof(struct host_stats));
    size_t size = rows_offset + ((size_t)blocks + 1) * rows_size;
    struct counters_segment *segment;

    segment = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (segment == MAP_FAILED)
        return NULL;
    segment->blocks = blocks;
    segment->size = size;
    segment->rows_offset = rows_offset;
    segment->rows_size = rows_size;
    segment->master.start_time_s = (uint64_t)now.wall_s;
    shared = segment;
    return segment;
}

void
counters_destroy(struct counters_segment *segment)
{
    if (segment == NULL)
        return;
    if (stats >= segment->block && stats < segment->block + segment->blocks) {
        stats = &private_block;
        stats_by_host = private_rows;
    }
    if (shared == segment)
        shared = NULL;
    munmap(segment, segment->size);
}

struct counters_segment *
counters_shared(void)
{
    return shared;
}

/* ---- the master ---------------------------------------------------------------------------- */

int
counters_free_block(const struct counters_segment *segment)
{
    for (unsigned i = 0; i < segment->blocks; i++) {
        if (owner(&segment->block[i]) == 0)
            return (int)i;
    }
    return -1;
}

static void
note_use(struct counters_segment *segment, unsigned i)
{
    if (i >= segment->used)
        __atomic_store_n(&segment->used, i + 1, __ATOMIC_RELEASE);
}

int
counters_reserve(struct counters_segment *segment)
{
    int i = counters_free_block(segment);

    if (i >= 0) {
        set_owner(&segment->block[i], RESERVED);
        note_use(segment, (unsigned)i);
    }
    return i;
}

/* All but the owner. */
static void
clear(struct counters *block)
{
    for (unsigned i = 0; i < counter_count; i++)
        store(field(block, &counter_infos[i]), 0);
    store(&block->generation, 0);
    store(&block->start_time_s, 0);
    store(&block->leaving, 0);
}

static void
fold_block(struct counters *departed, struct counters *gone)
{
    store(&gone->time_in_listen_disabled_us, whole_pause(gone->time_in_listen_disabled_us));
    for (unsigned k = 0; k < counter_count; k++) {
        const struct counter_info *info = &counter_infos[k];

        if (info->kind == COUNTER)
            store(field(departed, info),
                  counter_value(departed, info) + counter_value(gone, info));
    }
    clear(gone);
}

/* A row is nothing but 64-bit counters, and padding behind them. */
enum { ROW_NUMBERS = offsetof(struct host_stats, responses) / 8 + STATUS_CLASSES };

static uint64_t *
numbers(struct host_stats *row)
{
    return (uint64_t *)(void *)row;
}

static void
fold_rows(struct host_stats *departed, struct host_stats *gone, unsigned hosts)
{
    for (unsigned i = 0; i < hosts; i++) {
        uint64_t *to = numbers(&departed[i]), *from = numbers(&gone[i]);

        if (host_stats_count(&gone[i]) == 0)
            continue;
        for (unsigned k = 0; k < ROW_NUMBERS; k++) {
            store(to + k, load(to + k) + load(from + k));
            store(from + k, 0);
        }
    }
}

void
counters_retire(struct counters_segment *segment, unsigned i)
{
    struct counters *gone = &segment->block[i];

    write_begin(&segment->folding);
    fold_block(&segment->block[segment->blocks], gone);
    if (owner(gone) != RESERVED)
        fold_rows(rows(segment, segment->blocks), rows(segment, i), segment->hosts);
    set_owner(gone, 0);
    write_end(&segment->folding);
}

static struct str
host_name(const struct counters_segment *segment, unsigned i)
{
    return (struct str){ segment->names[i].bytes, segment->names[i].len };
}

/* The row with a name of its own, or -1. */
static int
find_host(const struct counters_segment *segment, struct str name)
{
    unsigned named = MIN(segment->hosts, (uint32_t)HOSTS_MAX);

    for (unsigned i = 0; i < named; i++)
        if (str_eq(host_name(segment, i), name))
            return (int)i;
    return -1;
}

/* For names beyond the limit; should a host be called so, they are counted as its own. */
static unsigned
other_row(struct counters_segment *segment)
{
    int row = find_host(segment, STR("other"));

    if (row >= 0)
        return (unsigned)row;
    __atomic_store_n(&segment->hosts, HOSTS_MAX + 1, __ATOMIC_RELEASE);
    return HOSTS_MAX;
}

unsigned
counters_host(struct counters_segment *segment, struct str name)
{
    struct host_name *place;
    int row;

    if (name.len == 0)
        name = STR("_");
    name.len = MIN(name.len, (size_t)HOST_NAME_MAX_LEN);
    if ((row = find_host(segment, name)) >= 0)
        return (unsigned)row;
    if (segment->hosts >= HOSTS_MAX)
        return other_row(segment);
    place = &segment->names[segment->hosts];
    place->len = (uint8_t)name.len;
    memcpy(place->bytes, name.p, name.len);
    __atomic_store_n(&segment->hosts, segment->hosts + 1, __ATOMIC_RELEASE);
    return segment->hosts - 1;
}

void
counters_note_generation(struct counters_segment *segment, uint64_t generation)
{
    store(&segment->master.generation, generation);
}

void
counters_note_reload(struct counters_segment *segment, bool ok, struct str text)
{
    struct counters_master *master = &segment->master;
    uint64_t *count = ok ? &master->reloads_ok : &master->reloads_failed;
    uint32_t len = (uint32_t)MIN(text.len, sizeof(master->verdict));

    write_begin(&segment->speaking);
    store(count, *count + 1);
    store(&master->last_reload_time_s, (uint64_t)now.wall_s);
    store(&master->last_reload_ok, ok);
    __atomic_store_n(&master->verdict_len, len, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < len; i++)
        __atomic_store_n(&master->verdict[i], text.p[i], __ATOMIC_RELAXED);
    write_end(&segment->speaking);
}

void
counters_note_killed(struct counters_segment *segment)
{
    store(&segment->master.workers_killed, segment->master.workers_killed + 1);
}

void
counters_note_ended(struct counters_segment *segment)
{
    store(&segment->master.generations_ended, segment->master.generations_ended + 1);
}

void
counters_note_respawn(struct counters_segment *segment)
{
    store(&segment->master.workers_respawned, segment->master.workers_respawned + 1);
}

void
counters_note_rotation(struct counters_segment *segment, bool ok)
{
    struct counters_master *master = &segment->master;

    if (ok)
        store(&master->log_rotations, master->log_rotations + 1);
    else
        store(&master->log_rotations_failed, master->log_rotations_failed + 1);
}

/* ---- a worker ------------------------------------------------------------------------------ */

void
counters_use(struct counters_segment *segment, unsigned i, uint64_t generation)
{
    struct counters *block = &segment->block[i];

    clear(block);
    block->generation = generation;
    block->start_time_s = (uint64_t)now.wall_s;
    note_use(segment, i);
    set_owner(block, getpid());
    stats = block;
    stats_by_host = rows(segment, i);
}

void
counters_answered(unsigned host, uint64_t us, uint64_t bytes, unsigned status)
{
    struct host_stats *row = &stats_by_host[host];
    unsigned bucket = 0;

    while (bucket < LATENCY_BOUNDS && us > latency_bounds_us[bucket])
        bucket++;
    row->latency[bucket]++;
    row->latency_sum_us += us;
    row->bytes_sent += bytes;
    if (LIKELY(status < 600))
        row->responses[(status / 100 - 1) % STATUS_CLASSES]++;
}

/* ---- readers ------------------------------------------------------------------------------- */

unsigned
counters_blocks(const struct counters_segment *segment)
{
    return segment->blocks;
}

unsigned
counters_used_blocks(const struct counters_segment *segment)
{
    return __atomic_load_n(&segment->used, __ATOMIC_ACQUIRE);
}

const struct counters *
counters_block(const struct counters_segment *segment, unsigned i)
{
    return &segment->block[i];
}

static void
read_block(const struct counters *block, struct counters *copy)
{
    for (unsigned k = 0; k < counter_count; k++)
        *field(copy, &counter_infos[k]) = counter_value(block, &counter_infos[k]);
    copy->time_in_listen_disabled_us = whole_pause(copy->time_in_listen_disabled_us);
    copy->leaving = load(&block->leaving);
    copy->pid = owner(block);
    copy->generation = load(&block->generation);
    copy->start_time_s = load(&block->start_time_s);
}

bool
counters_copy(const struct counters_segment *segment, unsigned i, struct counters *copy)
{
    uint32_t before;
    int tries = READ_TRIES;

    do {
        before = read_begin(&segment->folding);
        read_block(&segment->block[i], copy);
    } while (is_torn(&segment->folding, before) && --tries > 0);
    return copy->pid > 0;
}

static void
sum_once(const struct counters_segment *segment, struct counters *sum)
{
    struct counters one;

    memset(sum, 0, sizeof(*sum));
    read_block(&segment->block[segment->blocks], sum);
    for (unsigned i = 0; i < counters_used_blocks(segment); i++) {
        read_block(&segment->block[i], &one);
        for (unsigned k = 0; k < counter_count; k++)
            *field(sum, &counter_infos[k]) += counter_value(&one, &counter_infos[k]);
    }
}

void
counters_sum(const struct counters_segment *segment, struct counters *sum)
{
    uint32_t before;
    int tries = READ_TRIES;

    do {
        before = read_begin(&segment->folding);
        sum_once(segment, sum);
    } while (is_torn(&segment->folding, before) && --tries > 0);
}

uint64_t
counters_mean_connections(const struct counters_segment *segment, uint64_t generation)
{
    unsigned used = counters_used_blocks(segment);
    uint64_t sum = 0, workers = 0;

    for (unsigned i = 0; i < used; i++) {
        const struct counters *block = &segment->block[i];

        if (owner(block) <= 0 || load(&block->generation) != generation
            || load(&block->leaving) != 0)
            continue;
        sum += load(&block->curr_connections);
        workers++;
    }
    return workers > 0 ? sum / workers : 0;
}

struct counters_room
counters_room(const struct counters_segment *segment)
{
    unsigned used = counters_used_blocks(segment);
    struct counters_room room = { 0 };

    for (unsigned i = 0; i < used; i++) {
        const struct counters *block = &segment->block[i];

        if (owner(block) <= 0 || load(&block->leaving) != 0)
            continue;
        room.slots += load(&block->max_connections);
        room.free += load(&block->free_connections);
    }
    return room;
}

unsigned
counters_hosts(const struct counters_segment *segment)
{
    return __atomic_load_n(&segment->hosts, __ATOMIC_ACQUIRE);
}

struct str
counters_host_name(const struct counters_segment *segment, unsigned host)
{
    return host < HOSTS_MAX ? host_name(segment, host) : STR("other");
}

static void
add_row(struct host_stats *sum, const struct host_stats *row)
{
    uint64_t *to = numbers(sum);
    const uint64_t *from = (const uint64_t *)(const void *)row;

    for (unsigned k = 0; k < ROW_NUMBERS; k++)
        to[k] += load(from + k);
}

static void
sum_rows_once(const struct counters_segment *segment, unsigned host, struct host_stats *sum)
{
    memset(sum, 0, sizeof(*sum));
    add_row(sum, &rows(segment, segment->blocks)[host]);
    for (unsigned i = 0; i < counters_used_blocks(segment); i++)
        if (owner(&segment->block[i]) > 0)
            add_row(sum, &rows(segment, i)[host]);
}

void
counters_host_sum(const struct counters_segment *segment, unsigned host, struct host_stats *sum)
{
    uint32_t before;
    int tries = READ_TRIES;

    do {
        before = read_begin(&segment->folding);
        sum_rows_once(segment, host, sum);
    } while (is_torn(&segment->folding, before) && --tries > 0);
}

uint64_t
host_stats_count(const struct host_stats *host)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        n += load(&host->latency[i]);
    return n;
}

double
host_stats_quantile_us(const struct host_stats *host, unsigned permille)
{
    double rank = (double)host_stats_count(host) * permille / 1000, below = 0;

    for (unsigned i = 0; i < LATENCY_BOUNDS; i++) {
        double low = i > 0 ? latency_bounds_us[i - 1] : 0, n = (double)host->latency[i];

        if (n > 0 && below + n >= rank)
            return low + (latency_bounds_us[i] - low) * (rank - below) / n;
        below += n;
    }
    return rank > 0 ? latency_bounds_us[LATENCY_BOUNDS - 1] : 0;
}

static void
read_master(const struct counters_master *master, struct counters_master *copy)
{
    for (unsigned i = 0; i < master_info_count; i++)
        *(uint64_t *)(void *)((char *)copy + master_infos[i].offset)
            = counter_value(master, &master_infos[i]);
    copy->verdict_len = __atomic_load_n(&master->verdict_len, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < copy->verdict_len; i++)
        copy->verdict[i] = __atomic_load_n(&master->verdict[i], __ATOMIC_RELAXED);
}

void
counters_master(const struct counters_segment *segment, struct counters_master *copy)
{
    uint32_t before;
    int tries = READ_TRIES;

    do {
        before = read_begin(&segment->speaking);
        read_master(&segment->master, copy);
    } while (is_torn(&segment->speaking, before) && --tries > 0);
}

/* Each generation is counted at the first of its blocks. */
unsigned
counters_old_generations(const struct counters_segment *segment)
{
    uint64_t current = load(&segment->master.generation);
    unsigned used = counters_used_blocks(segment), n = 0;

    for (unsigned i = 0; i < used; i++) {
        uint64_t generation = load(&segment->block[i].generation);
        unsigned k = 0;

        if (owner(&segment->block[i]) <= 0 || generation >= current)
            continue;
        while (k < i && load(&segment->block[k].generation) != generation)
            k++;
        n += k == i;
    }
    return n;
}
