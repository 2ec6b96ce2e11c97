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
#include <stdlib.h>
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
 * What all processes write to: one of the workers may be somebody else's, so no number in here says
 * where anything lies, and each is bounded when it is read. Invariants, as long as none is: a
 * sequence number is odd while the master writes what it guards; names below `hosts` never change.
 */
struct shared {
    unsigned used;                      /* no block from here on was ever used */
    uint32_t folding;                   /* sequence number of blocks and rows */
    uint32_t speaking;                  /* sequence number of `master` */
    struct counters_master master;
    uint32_t hosts;                     /* names that have a row of their own, and "other" */
    struct host_name names[HOSTS_MAX];
    struct counters block[];            /* [blocks] is that of the departed */
};

/* Each process has its own, of the master's. */
struct counters_segment {
    unsigned blocks;
    size_t size;                        /* of the mapping */
    size_t rows_offset, rows_size;      /* of the first block's rows; of one block's */
    pid_t writer;                       /* of what the sequence numbers guard */
    struct shared *in;
};

static struct counters private_block;
static struct host_stats private_rows[HOSTS_MAX + 1];
static struct counters_segment *known;
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

/*
 * For loops of READ_TRIES: true as long as what was read since `before` is not of one piece. The one
 * who writes is never in the middle of it, whatever others have made of the number.
 */
static bool
is_torn(const struct counters_segment *segment, const uint32_t *sequence, uint32_t before)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if ((before & 1) == 0 && __atomic_load_n(sequence, __ATOMIC_RELAXED) == before)
        return false;
    if (segment->writer == getpid())
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
    const char *start = (const char *)segment->in;

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
    struct counters_segment *segment = calloc(1, sizeof(*segment));
    void *mapping;

    if (segment == NULL)
        return NULL;
    segment->blocks = blocks;
    segment->rows_offset = whole_pages(sizeof(struct shared)
                                       + ((size_t)blocks + 1) * sizeof(struct counters));
    segment->rows_size = whole_pages((HOSTS_MAX + 1) * sizeof(struct host_stats));
    segment->size = segment->rows_offset + ((size_t)blocks + 1) * segment->rows_size;
    segment->writer = getpid();
    mapping = mmap(NULL, segment->size, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) {
        free(segment);
        return NULL;
    }
    segment->in = mapping;
    segment->in->master.start_time_s = (uint64_t)now.wall_s;
    known = segment;
    return segment;
}

void
counters_destroy(struct counters_segment *segment)
{
    if (segment == NULL)
        return;
    if (stats >= segment->in->block && stats < segment->in->block + segment->blocks) {
        stats = &private_block;
        stats_by_host = private_rows;
    }
    if (known == segment)
        known = NULL;
    munmap(segment->in, segment->size);
    free(segment);
}

struct counters_segment *
counters_shared(void)
{
    return known;
}

/* ---- the master ---------------------------------------------------------------------------- */

int
counters_free_block(const struct counters_segment *segment)
{
    for (unsigned i = 0; i < segment->blocks; i++) {
        if (owner(&segment->in->block[i]) == 0)
            return (int)i;
    }
    return -1;
}

static void
note_use(struct counters_segment *segment, unsigned i)
{
    if (i >= segment->in->used)
        __atomic_store_n(&segment->in->used, i + 1, __ATOMIC_RELEASE);
}

int
counters_reserve(struct counters_segment *segment)
{
    int i = counters_free_block(segment);

    if (i >= 0) {
        set_owner(&segment->in->block[i], RESERVED);
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
    struct counters *gone = &segment->in->block[i];

    write_begin(&segment->in->folding);
    fold_block(&segment->in->block[segment->blocks], gone);
    if (owner(gone) != RESERVED)
        fold_rows(rows(segment, segment->blocks), rows(segment, i), counters_hosts(segment));
    set_owner(gone, 0);
    write_end(&segment->in->folding);
}

static struct str
host_name(const struct counters_segment *segment, unsigned i)
{
    return (struct str){ segment->in->names[i].bytes, segment->in->names[i].len };
}

/* The row with a name of its own, or -1. */
static int
find_host(const struct counters_segment *segment, struct str name)
{
    unsigned named = MIN(counters_hosts(segment), (unsigned)HOSTS_MAX);

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
    __atomic_store_n(&segment->in->hosts, HOSTS_MAX + 1, __ATOMIC_RELEASE);
    return HOSTS_MAX;
}

unsigned
counters_host(struct counters_segment *segment, struct str name)
{
    unsigned hosts = counters_hosts(segment);
    struct host_name *place;
    int row;

    if (name.len == 0)
        name = STR("_");
    name.len = MIN(name.len, (size_t)HOST_NAME_MAX_LEN);
    if ((row = find_host(segment, name)) >= 0)
        return (unsigned)row;
    if (hosts >= HOSTS_MAX)
        return other_row(segment);
    place = &segment->in->names[hosts];
    place->len = (uint8_t)name.len;
    memcpy(place->bytes, name.p, name.len);
    __atomic_store_n(&segment->in->hosts, hosts + 1, __ATOMIC_RELEASE);
    return hosts;
}

void
counters_note_generation(struct counters_segment *segment, uint64_t generation)
{
    store(&segment->in->master.generation, generation);
}

void
counters_note_reload(struct counters_segment *segment, bool ok, struct str text)
{
    struct counters_master *master = &segment->in->master;
    uint64_t *count = ok ? &master->reloads_ok : &master->reloads_failed;
    uint32_t len = (uint32_t)MIN(text.len, sizeof(master->verdict));

    write_begin(&segment->in->speaking);
    store(count, *count + 1);
    store(&master->last_reload_time_s, (uint64_t)now.wall_s);
    store(&master->last_reload_ok, ok);
    __atomic_store_n(&master->verdict_len, len, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < len; i++)
        __atomic_store_n(&master->verdict[i], text.p[i], __ATOMIC_RELAXED);
    write_end(&segment->in->speaking);
}

void
counters_note_killed(struct counters_segment *segment)
{
    store(&segment->in->master.workers_killed, segment->in->master.workers_killed + 1);
}

void
counters_note_ended(struct counters_segment *segment)
{
    store(&segment->in->master.generations_ended, segment->in->master.generations_ended + 1);
}

void
counters_note_respawn(struct counters_segment *segment)
{
    store(&segment->in->master.workers_respawned, segment->in->master.workers_respawned + 1);
}

void
counters_note_rotation(struct counters_segment *segment, bool ok)
{
    struct counters_master *master = &segment->in->master;

    if (ok)
        store(&master->log_rotations, master->log_rotations + 1);
    else
        store(&master->log_rotations_failed, master->log_rotations_failed + 1);
}

/* ---- a worker ------------------------------------------------------------------------------ */

void
counters_use(struct counters_segment *segment, unsigned i, uint64_t generation)
{
    struct counters *block = &segment->in->block[i];

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
    unsigned used = __atomic_load_n(&segment->in->used, __ATOMIC_ACQUIRE);

    return MIN(used, segment->blocks);
}

const struct counters *
counters_block(const struct counters_segment *segment, unsigned i)
{
    return &segment->in->block[i];
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
        before = read_begin(&segment->in->folding);
        read_block(&segment->in->block[i], copy);
    } while (is_torn(segment, &segment->in->folding, before) && --tries > 0);
    return copy->pid > 0;
}

static void
sum_once(const struct counters_segment *segment, struct counters *sum)
{
    struct counters one;

    memset(sum, 0, sizeof(*sum));
    read_block(&segment->in->block[segment->blocks], sum);
    for (unsigned i = 0, used = counters_used_blocks(segment); i < used; i++) {
        read_block(&segment->in->block[i], &one);
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
        before = read_begin(&segment->in->folding);
        sum_once(segment, sum);
    } while (is_torn(segment, &segment->in->folding, before) && --tries > 0);
}

uint64_t
counters_mean_connections(const struct counters_segment *segment, uint64_t generation)
{
    unsigned used = counters_used_blocks(segment);
    uint64_t sum = 0, workers = 0;

    for (unsigned i = 0; i < used; i++) {
        const struct counters *block = &segment->in->block[i];

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
        const struct counters *block = &segment->in->block[i];

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
    uint32_t hosts = __atomic_load_n(&segment->in->hosts, __ATOMIC_ACQUIRE);

    return MIN(hosts, (uint32_t)HOSTS_MAX + 1);
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
    for (unsigned i = 0, used = counters_used_blocks(segment); i < used; i++)
        if (owner(&segment->in->block[i]) > 0)
            add_row(sum, &rows(segment, i)[host]);
}

void
counters_host_sum(const struct counters_segment *segment, unsigned host, struct host_stats *sum)
{
    uint32_t before;
    int tries = READ_TRIES;

    do {
        before = read_begin(&segment->in->folding);
        sum_rows_once(segment, host, sum);
    } while (is_torn(segment, &segment->in->folding, before) && --tries > 0);
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
    uint32_t len = __atomic_load_n(&master->verdict_len, __ATOMIC_RELAXED);

    for (unsigned i = 0; i < master_info_count; i++)
        *(uint64_t *)(void *)((char *)copy + master_infos[i].offset)
            = counter_value(master, &master_infos[i]);
    copy->verdict_len = MIN(len, (uint32_t)sizeof(copy->verdict));
    for (uint32_t i = 0; i < copy->verdict_len; i++)
        copy->verdict[i] = __atomic_load_n(&master->verdict[i], __ATOMIC_RELAXED);
}

void
counters_master(const struct counters_segment *segment, struct counters_master *copy)
{
    uint32_t before;
    int tries = READ_TRIES;

    do {
        before = read_begin(&segment->in->speaking);
        read_master(&segment->in->master, copy);
    } while (is_torn(segment, &segment->in->speaking, before) && --tries > 0);
}

/* Each generation is counted at the first of its blocks. */
unsigned
counters_old_generations(const struct counters_segment *segment)
{
    uint64_t current = load(&segment->in->master.generation);
    unsigned used = counters_used_blocks(segment), n = 0;

    for (unsigned i = 0; i < used; i++) {
        uint64_t generation = load(&segment->in->block[i].generation);
        unsigned k = 0;

        if (owner(&segment->in->block[i]) <= 0 || generation >= current)
            continue;
        while (k < i && load(&segment->in->block[k].generation) != generation)
            k++;
        n += k == i;
    }
    return n;
}
