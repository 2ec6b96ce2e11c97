/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters: what each worker did and is doing, in memory shared with the master and all workers.
 *
 * The master maps the segment before it forks; each worker owns one block and is its only writer,
 * so that counting costs a plain add. Readers of other processes see each number whole (64 bits,
 * relaxed), not all of one instant.
 */
#ifndef WEIR_BASE_COUNTERS_H
#define WEIR_BASE_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Name, kind (counter: only grows; gauge: goes up and down), what it counts. The names are those of
 * the status page and, after "weir_", of the metrics.
 */
#define COUNTERS(X)                                                                                                 \
    X(curr_connections,           GAUGE,   "Client connections open now")                                           \
    X(total_connections,          COUNTER, "Connections accepted from the kernel")                                  \
    X(handled,                    COUNTER, "Accepted connections that got a slot")                                  \
    X(max_connections,            GAUGE,   "Slots for connections (worker_connections)")                            \
    X(free_connections,           GAUGE,   "Slots that are free")                                                   \
    X(reusable_connections,       GAUGE,   "Connections in the idle queue")                                         \
    X(rejected_no_slot,           COUNTER, "Accepted connections closed because no slot was free")                  \
    X(rejected_no_memory,         COUNTER, "Accepted connections closed because memory was short")                  \
    X(drained_connections,        COUNTER, "Idle connections closed to make room")                                  \
    X(idle_kicks,                 COUNTER, "Keep-alive connections closed by keepalive_timeout")                    \
    X(handed_over_connections,    COUNTER, "Connections handed to another worker at reload")                        \
    X(adopted_connections,        COUNTER, "Connections that another worker handed to this one")                    \
    X(closed_normal,              COUNTER, "Connections closed after their last answer")                            \
    X(closed_client,              COUNTER, "Connections closed by the client")                                      \
    X(closed_error,               COUNTER, "Connections closed by an error on the socket")                          \
    X(closed_timeout,             COUNTER, "Connections closed by a header, body, send or linger timeout")          \
    X(closed_idle,                COUNTER, "Connections closed by keepalive_timeout")                               \
    X(closed_drained,             COUNTER, "Connections closed to make room")                                       \
    X(closed_shutdown,            COUNTER, "Connections closed because the worker ends")                            \
    X(closed_bad_request,         COUNTER, "Connections closed after a malformed request")                          \
    X(closed_handed_over,         COUNTER, "Connections closed here because another worker has them")               \
    X(stale_events,               COUNTER, "Events of a connection that was already gone")                          \
    X(accepting_conns,            GAUGE,   "1 while the worker accepts, 0 while accepting is paused")               \
    X(listen_disabled_num,        COUNTER, "Times that accepting was paused")                                       \
    X(time_in_listen_disabled_us, COUNTER, "Microseconds during which accepting was paused")                        \
    X(conn_yields,                COUNTER, "Turns that ended because one connection had had its share")             \
    X(requests,                   COUNTER, "Requests whose head was read")                                          \
    X(responses_1xx,              COUNTER, "Interim answers sent")                                                  \
    X(responses_2xx,              COUNTER, "Answers with status 2xx")                                               \
    X(responses_3xx,              COUNTER, "Answers with status 3xx")                                               \
    X(responses_4xx,              COUNTER, "Answers with status 4xx")                                               \
    X(responses_5xx,              COUNTER, "Answers with status 5xx")                                               \
    X(bytes_received,             COUNTER, "Bytes read from clients")                                               \
    X(bytes_sent,                 COUNTER, "Bytes written to clients")                                              \
    X(accepted,                   GAUGE,   "Connections that have not sent a byte yet")                             \
    X(reading,                    GAUGE,   "Connections whose request is being read")                               \
    X(processing,                 GAUGE,   "Connections whose request is being processed")                          \
    X(writing,                    GAUGE,   "Connections to which an answer is being written")                       \
    X(waiting,                    GAUGE,   "Idle keep-alive connections")                                           \
    X(lingering,                  GAUGE,   "Connections that are closed once the client stops sending")             \
    X(log_lines_lost,             COUNTER, "Log writes that failed")                                                \
    X(file_cache_hits,            COUNTER, "Files answered from the open-file cache")                               \
    X(file_cache_misses,          COUNTER, "Files that had to be opened")

enum counter_kind { COUNTER, GAUGE };

/* One worker's block. Whole cache lines, so that workers do not disturb one another. */
struct counters {
#define COUNTERS_AS_FIELD(name, kind, text) uint64_t name;
    COUNTERS(COUNTERS_AS_FIELD)
#undef COUNTERS_AS_FIELD
    int64_t pid;                /* of the worker, 0 while the block is free, -1 while it is
                                   reserved */
    uint64_t generation;        /* of its configuration */
    uint64_t start_time_s;      /* wall clock */
} __attribute__((aligned(128)));

struct counter_info {
    const char *name, *text;
    enum counter_kind kind;
    uint16_t offset;            /* in struct counters */
};
extern const struct counter_info counter_infos[];
extern const unsigned counter_count;

/* This process's own block; a private one until counters_use() is called. Never NULL. */
extern struct counters *stats;

struct counters_segment;

/*
 * Maps shared memory for `blocks` workers. NULL with errno when it cannot. The master does this
 * before it forks.
 */
struct counters_segment *counters_create(unsigned blocks);
void counters_destroy(struct counters_segment *segment);

/*
 * Block i becomes this process's own, fresh but for what must outlive a worker (see
 * counters_retire).
 */
void counters_use(struct counters_segment *segment, unsigned i, uint64_t generation);
/*
 * The master, after worker i is gone: adds its counters (not its gauges) to the block of the
 * departed and frees the block.
 */
void counters_retire(struct counters_segment *segment, unsigned i);
/* A block that no worker uses and that is not reserved, or -1. */
int counters_free_block(const struct counters_segment *segment);
/*
 * The same, and reserves it: the master, before it forks the worker that will use it, so that it
 * does not give the same block to the next one meanwhile. counters_retire() frees it, also when the
 * worker never came to use it.
 */
int counters_reserve(struct counters_segment *segment);

unsigned counters_blocks(const struct counters_segment *segment);
const struct counters *counters_block(const struct counters_segment *segment, unsigned i);
/* Sum over all living workers and the departed. */
void counters_sum(const struct counters_segment *segment, struct counters *sum);

#endif
