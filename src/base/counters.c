/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters: a shared mapping of one block for each worker, and one more for what the departed have
 * counted.
 */
#include "base/counters.h"
#include "base/clock.h"
#include "base/compiler.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A block that is reserved for a worker that has not started to count. */
enum { RESERVED = -1 };

struct counters_segment {
    unsigned blocks;
    size_t size;                        /* of the mapping */
    struct counters block[];            /* [blocks] is that of the departed */
};

static struct counters private_block;
struct counters *stats = &private_block;

const struct counter_info counter_infos[] = {
#define COUNTERS_AS_INFO(name, kind, text) { #name, text, kind, offsetof(struct counters, name) },
    COUNTERS(COUNTERS_AS_INFO)
#undef COUNTERS_AS_INFO
};
const unsigned counter_count = ARRAY_LEN(counter_infos);

struct counters_segment *
counters_create(unsigned blocks)
{
    size_t size = sizeof(struct counters_segment) + ((size_t)blocks + 1) * sizeof(struct counters);
    struct counters_segment *segment;

    segment = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (segment == MAP_FAILED)
        return NULL;
    segment->blocks = blocks;
    segment->size = size;
    return segment;
}

void
counters_destroy(struct counters_segment *segment)
{
    if (segment == NULL)
        return;
    if (stats >= segment->block && stats < segment->block + segment->blocks)
        stats = &private_block;
    munmap(segment, segment->size);
}

/* The number that `info` describes. */
static uint64_t *
field(struct counters *block, const struct counter_info *info)
{
    return (uint64_t *)(void *)((char *)block + info->offset);
}

static uint64_t
read_field(const struct counters *block, const struct counter_info *info)
{
    const uint64_t *p = (const uint64_t *)(const void *)((const char *)block + info->offset);

    return __atomic_load_n(p, __ATOMIC_RELAXED);
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

/* All but the owner. */
static void
clear(struct counters *block)
{
    for (unsigned i = 0; i < counter_count; i++)
        __atomic_store_n(field(block, &counter_infos[i]), 0, __ATOMIC_RELAXED);
    block->generation = 0;
    block->start_time_s = 0;
}

void
counters_use(struct counters_segment *segment, unsigned i, uint64_t generation)
{
    struct counters *block = &segment->block[i];

    clear(block);
    block->generation = generation;
    block->start_time_s = (uint64_t)now.wall_s;
    set_owner(block, getpid());
    stats = block;
}

void
counters_retire(struct counters_segment *segment, unsigned i)
{
    struct counters *gone = &segment->block[i], *departed = &segment->block[segment->blocks];

    for (unsigned k = 0; k < counter_count; k++) {
        const struct counter_info *info = &counter_infos[k];
        uint64_t sum = read_field(departed, info) + read_field(gone, info);

        if (info->kind == COUNTER)
            __atomic_store_n(field(departed, info), sum, __ATOMIC_RELAXED);
    }
    clear(gone);
    set_owner(gone, 0);
}

int
counters_free_block(const struct counters_segment *segment)
{
    for (unsigned i = 0; i < segment->blocks; i++) {
        if (owner(&segment->block[i]) == 0)
            return (int)i;
    }
    return -1;
}

int
counters_reserve(struct counters_segment *segment)
{
    int i = counters_free_block(segment);

    if (i >= 0)
        set_owner(&segment->block[i], RESERVED);
    return i;
}

unsigned
counters_blocks(const struct counters_segment *segment)
{
    return segment->blocks;
}

const struct counters *
counters_block(const struct counters_segment *segment, unsigned i)
{
    return &segment->block[i];
}

void
counters_sum(const struct counters_segment *segment, struct counters *sum)
{
    memset(sum, 0, sizeof(*sum));
    for (unsigned i = 0; i <= segment->blocks; i++) {
        for (unsigned k = 0; k < counter_count; k++)
            *field(sum, &counter_infos[k]) += read_field(&segment->block[i], &counter_infos[k]);
    }
}
