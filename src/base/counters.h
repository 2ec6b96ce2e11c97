/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters: what each worker did and is doing, in memory shared with the master and all workers.
 *
 * The master maps the segment before it forks; each worker owns one block, and beside it a row of
 * numbers for each host, and is their only writer, so that counting costs a plain add. Readers of
 * other processes see each number whole (64 bits, relaxed), not all of one instant. The master has
 * a block of its own, and folds what a worker that is gone has counted into that of the departed:
 * for a reader no counter ever goes back.
 */
#ifndef WEIR_BASE_COUNTERS_H
#define WEIR_BASE_COUNTERS_H

#include "base/str.h"
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
    X(reusable_connections,       GAUGE,   "Idle or silent connections, closed to make room when old enough")       \
    X(rejected_no_slot,           COUNTER, "Accepted connections closed because no slot was free")                  \
    X(rejected_no_memory,         COUNTER, "Accepted connections closed because memory was short")                  \
    X(rejected_overload,          COUNTER, "Accepted connections told that there is no room (overload reject)")     \
    X(drained_connections,        COUNTER, "Idle or silent connections closed to make room")                        \
    X(drained_silent,             COUNTER, "Of these, silent ones: without a request, or with half a head")         \
    X(drained_over_share,         COUNTER, "Of these, those of an address that held more than its share")           \
    X(regex_given_up,             COUNTER, "Matches of regular expressions given up at regex_match_limit")          \
    X(closes_when_full,           COUNTER, "Answers that closed their connection because few slots were free")      \
    X(idle_kicks,                 COUNTER, "Keep-alive connections closed by keepalive_timeout")                    \
    X(handed_over_connections,    COUNTER, "Connections handed to another worker at reload")                        \
    X(lost_connections,           COUNTER, "Connections handed over that could not be served here")                 \
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
    X(closed_slow,                COUNTER, "Connections closed because the client was below client_min_rate")       \
    X(proxy_protocol_errors,      COUNTER, "Connections closed for the lack of a valid PROXY protocol header")       \
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
    X(hidden_refused,             COUNTER, "Requests for hidden names, as if these were not there (serve_hidden)")    \
    X(log_lines_lost,             COUNTER, "Log writes that failed")                                                \
    X(file_cache_hits,            COUNTER, "Files answered from the open-file cache")                               \
    X(file_cache_misses,          COUNTER, "Files that had to be opened")                                           \
    X(thread_reads,               COUNTER, "Reads of files that threads did, so that nobody waits for a disk")        \
    X(thread_reads_refused,       COUNTER, "Reads of files that a worker waited for, as no thread could do them")   \
    X(compressed_cached,          COUNTER, "Answers whose compressed body was kept (compress_cache)")               \
    X(compressed_whole,           COUNTER, "Bodies compressed in one go")                                           \
    X(compressed_streams,         COUNTER, "Bodies compressed while they were sent")                                \
    X(compress_refused,           COUNTER, "Answers sent as they are because compress_memory was used up")          \
    X(sandbox_refused,            COUNTER, "Files and system calls that the sandbox refused a worker")              \
    X(limit_req_passed,           COUNTER, "Requests within the limits of limit_req")                               \
    X(limit_req_delayed,          COUNTER, "Requests delayed by limit_req")                                         \
    X(limit_req_rejected,         COUNTER, "Requests refused by limit_req")                                         \
    X(limit_req_delayed_dry_run,  COUNTER, "Requests limit_req would have delayed")                                 \
    X(limit_req_rejected_dry_run, COUNTER, "Requests limit_req would have refused")                                 \
    X(limit_conn_passed,          COUNTER, "Requests within the limits of limit_conn")                              \
    X(limit_conn_rejected,        COUNTER, "Requests refused by limit_conn")                                        \
    X(limit_conn_rejected_dry_run, COUNTER, "Requests limit_conn would have refused")                               \
    X(auth_basic_hashed,          COUNTER, "Passwords compared with a hash, of unknown users too")                  \
    X(auth_basic_remembered,      COUNTER, "Passwords that auth_basic_cache knew to be right")                      \
    X(auth_basic_rejected,        COUNTER, "Requests refused because too many passwords waited")                     \
    X(autoindex_read,             COUNTER, "Folders read to be listed, or to pick a file of them")                   \
    X(autoindex_shared,           COUNTER, "Requests for which a folder was read together with another")             \
    X(autoindex_rejected,         COUNTER, "Requests for lists refused by autoindex_limit, _memory or _threads")

/* The same for the master's block. Times are seconds since 1970, 0: never. */
#define MASTER_COUNTERS(X)                                                                                          \
    X(start_time_s,               GAUGE,   "When the server started, in seconds since 1970")                        \
    X(generation,                 GAUGE,   "Number of the configuration that serves")                               \
    X(reloads_ok,                 COUNTER, "Reloads after which the new configuration serves")                      \
    X(reloads_failed,             COUNTER, "Reloads that left the configuration as it was")                         \
    X(last_reload_time_s,         GAUGE,   "When the last reload ended, in seconds since 1970")                     \
    X(last_reload_ok,             GAUGE,   "1 when the last reload took effect, 0 when not")                        \
    X(workers_respawned,          COUNTER, "Workers started in the place of one that died")                         \
    X(workers_killed,             COUNTER, "Workers that died on a signal")                                         \
    X(generations_ended,          COUNTER, "Old configurations whose workers had to end (worker_generations)")      \
    X(log_rotations,              COUNTER, "Logs that weir has rotated (rotate=)")                                  \
    X(log_rotations_failed,       COUNTER, "Attempts to rotate a log that failed")

enum counter_kind { COUNTER, GAUGE };

/* One worker's block. Whole cache lines, so that workers do not disturb one another. */
struct counters {
#define COUNTERS_AS_FIELD(name, kind, text) uint64_t name;
    COUNTERS(COUNTERS_AS_FIELD)
#undef COUNTERS_AS_FIELD
    /*
     * While accepting is paused time_in_listen_disabled_us holds, modulo 2^64, the sum minus the
     * monotonic time at which the pause began: below zero. counters_copy and counters_sum add the
     * present time to it.
     */
    uint64_t leaving;           /* 1 once the worker finishes what it has, and accepts no more */
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

/* The same for struct counters_master. */
extern const struct counter_info master_infos[];
extern const unsigned master_info_count;

/* Upper bounds of the buckets that request durations are counted in, in microseconds. */
#define LATENCY_BOUNDS_US(X)                                                                    \
    X(100) X(250) X(500) X(1000) X(2500) X(5000) X(10000) X(25000) X(50000) X(100000) X(250000) \
    X(500000) X(1000000) X(2500000) X(5000000) X(10000000)
enum {
    LATENCY_BOUNDS = 16,
    LATENCY_BUCKETS = LATENCY_BOUNDS + 1,       /* the last has no bound */
    STATUS_CLASSES = 5,
    HOSTS_MAX = 1000,           /* hosts with a row of their own; all others share one more */
    HOST_NAME_MAX_LEN = 255
};
extern const uint32_t latency_bounds_us[LATENCY_BOUNDS];

/* What one worker did for one host. Whole cache lines. */
struct host_stats {
    uint64_t latency[LATENCY_BUCKETS];  /* answers by duration, each in the first bucket it fits */
    uint64_t latency_sum_us;
    uint64_t bytes_sent;
    uint64_t responses[STATUS_CLASSES]; /* [1] is 2xx */
} __attribute__((aligned(64)));

/* A consistent copy of what the master says of itself. */
struct counters_master {
#define COUNTERS_AS_FIELD(name, kind, text) uint64_t name;
    MASTER_COUNTERS(COUNTERS_AS_FIELD)
#undef COUNTERS_AS_FIELD
    uint32_t verdict_len;
    char verdict[2000];         /* of the last reload: what was said to whoever asked for it */
};

/* This process's own block; a private one until counters_use() is called. Never NULL. */
extern struct counters *stats;
/* This process's own rows, by counters_host(): HOSTS_MAX + 1 of them. Never NULL. */
extern struct host_stats *stats_by_host;

struct counters_segment;

/* ---- the master ---------------------------------------------------------------------------- */

/*
 * Maps shared memory for `blocks` workers and notes that the server starts. NULL with errno when
 * it cannot. The master does this before it forks.
 */
struct counters_segment *counters_create(unsigned blocks);
void counters_destroy(struct counters_segment *segment);

/*
 * A block that no worker uses, reserved for one: the master, before it forks the worker that will
 * use it, so that it does not give the same block to the next one meanwhile. -1: there is none.
 * counters_retire() frees it, also when the worker never came to use it.
 */
int counters_reserve(struct counters_segment *segment);
/* A block that no worker uses and that is not reserved, or -1. */
int counters_free_block(const struct counters_segment *segment);

/*
 * The master, after worker i is gone: adds its counters (not its gauges) to the block of the
 * departed and frees the block.
 */
void counters_retire(struct counters_segment *segment, unsigned i);

/*
 * The row of the host of that name ("": "_"), the same as long as the segment lives. Names beyond
 * HOSTS_MAX share the row of "other"; of a longer name HOST_NAME_MAX_LEN bytes count. By the one
 * who reads the configuration, before it forks.
 */
unsigned counters_host(struct counters_segment *segment, struct str name);

/* That configuration serves now. */
void counters_note_generation(struct counters_segment *segment, uint64_t generation);
/*
 * A reload is over. text: what is said of it to whoever asked; what does not fit into the verdict
 * is cut.
 */
void counters_note_reload(struct counters_segment *segment, bool ok, struct str text);
/* A worker died on a signal; one was started in the place of one that died. */
void counters_note_killed(struct counters_segment *segment);
/* The workers of an old configuration had to end, because too many were still shutting down. */
void counters_note_ended(struct counters_segment *segment);
void counters_note_respawn(struct counters_segment *segment);
/* A log was rotated, or could not be. */
void counters_note_rotation(struct counters_segment *segment, bool ok);

/* ---- a worker ------------------------------------------------------------------------------ */

/*
 * Block i becomes this process's own, fresh but for what must outlive a worker (see
 * counters_retire).
 */
void counters_use(struct counters_segment *segment, unsigned i, uint64_t generation);

/* A request of that row's host was answered after so many microseconds. */
void counters_answered(unsigned host, uint64_t us, uint64_t bytes, unsigned status);

/* ---- readers ------------------------------------------------------------------------------- */

/* The segment that this process made or was born with; NULL: there is none. */
struct counters_segment *counters_shared(void);

/* Blocks there are, and those below which all lie that were ever used. */
unsigned counters_blocks(const struct counters_segment *segment);
unsigned counters_used_blocks(const struct counters_segment *segment);
const struct counters *counters_block(const struct counters_segment *segment, unsigned i);
/* The block as it is now. False: no worker has it. */
bool counters_copy(const struct counters_segment *segment, unsigned i, struct counters *copy);
/* Sum over all living workers and the departed. */
void counters_sum(const struct counters_segment *segment, struct counters *sum);

/*
 * Open connections of a worker of that generation, on average over those that do not leave. 0: there
 * are none.
 */
uint64_t counters_mean_connections(const struct counters_segment *segment, uint64_t generation);

/* What the workers that do not leave can take over. */
struct counters_room {
    uint64_t slots, free;
};
struct counters_room counters_room(const struct counters_segment *segment);

/* Hosts that have a row; one more, "other", once there are names beyond. */
unsigned counters_hosts(const struct counters_segment *segment);
struct str counters_host_name(const struct counters_segment *segment, unsigned host);
/* Sum over all living workers and the departed. */
void counters_host_sum(const struct counters_segment *segment, unsigned host,
                       struct host_stats *sum);
/* Answers in it. */
uint64_t host_stats_count(const struct host_stats *host);
/*
 * How many microseconds permille/1000 of the answers took at most: by straight lines within the
 * buckets, and the last bound for what lies beyond it. 0: no answers.
 */
double host_stats_quantile_us(const struct host_stats *host, unsigned permille);

void counters_master(const struct counters_segment *segment, struct counters_master *copy);
/* Former configurations that still have workers. */
unsigned counters_old_generations(const struct counters_segment *segment);

/* The number that `info` describes, of a copy. */
uint64_t counter_value(const void *copy, const struct counter_info *info);

#endif
