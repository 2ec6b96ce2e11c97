/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool: the connections of a worker. See HACKING.md, "The life of a connection".
 *
 * A worker has worker_connections slots, fixed for its life. They lie in one reservation of address
 * space that the kernel backs page by page as slots are used for the first time, so that slots
 * never used cost nothing, and a slot is found by one addition. A slot never moves; while a
 * connection is idle its slot is all it owns. Slots released during a batch of events join the
 * free list after the batch, and the epoll word carries the slot's generation, so that an event
 * of a connection that is gone is seen to be stale.
 */
#ifndef WEIR_NET_POOL_H
#define WEIR_NET_POOL_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/log.h"
#include "base/vec.h"
#include "event/loop.h"
#include "net/address.h"
#include "net/holders.h"
#include "net/network.h"
#include "net/stream.h"

struct conn;
struct listener;
struct pool;

/* Name, gauge in counters. A slot is in exactly one of these. */
#define CONN_STATES(X)                                                              \
    X(FREE,       free_connections) /* released, or never used */                   \
    X(ACCEPTED,   accepted)         /* has not sent a byte */                       \
    X(READING,    reading)          /* a head or body is being read */              \
    X(PROCESSING, processing)       /* a handler has the request */                 \
    X(WRITING,    writing)          /* an answer waits for the socket */            \
    X(IDLE,       waiting)          /* kept alive, waits for the next request */    \
    X(LINGERING,  lingering)        /* answered for the last time, reads what still comes */
enum conn_state {
#define CONN_STATES_AS_ENUM(name, gauge) CONN_##name,
    CONN_STATES(CONN_STATES_AS_ENUM)
#undef CONN_STATES_AS_ENUM
    CONN_STATE_COUNT
};

/*
 * Which state may follow which: the one place where it is said (bit s of conn_transitions[from]
 * is set when from -> s is allowed). Checked in debug builds (WEIR_DEBUG).
 */
extern const uint8_t conn_transitions[CONN_STATE_COUNT];
/* "reading" … */
const char *conn_state_name(enum conn_state state);

/* Why a connection ended; the counter is closed_<name>. */
#define CLOSE_REASONS(X)                                                            \
    X(NORMAL, normal) X(CLIENT, client) X(ERROR, error) X(TIMEOUT, timeout)         \
    X(IDLE, idle) X(DRAINED, drained) X(SHUTDOWN, shutdown)                         \
    X(BAD_REQUEST, bad_request) X(HANDED_OVER, handed_over) X(SLOW, slow)
enum close_reason {
#define CLOSE_REASONS_AS_ENUM(name, counter) CLOSE_##name,
    CLOSE_REASONS(CLOSE_REASONS_AS_ENUM)
#undef CLOSE_REASONS_AS_ENUM
    CLOSE_REASON_COUNT
};

/* What the protocol on a connection does with it. One table a protocol (h1 now). */
struct conn_ops {
    /* EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLERR, EPOLLHUP */
    void (*on_event)(struct conn *conn, uint32_t events);
    /* conn->deadline_ms has passed; there is no deadline any more until a new one is set. */
    void (*on_timeout)(struct conn *conn);
    /*
     * The slot is about to be released, whatever the reason: free what hangs on it. The
     * descriptor is still open; in, out and the timer are not its concern.
     */
    void (*on_close)(struct conn *conn, enum close_reason reason);
};

/*
 * One slot. Invariants: while FREE fd is -1, no timer is armed, and in, out, request are NULL;
 * while IDLE in, out and request are NULL and `queue` is linked in pool->idle; while the peer is
 * silent (see pool->silent) it is linked there; with a deadline the timer is armed, and not later
 * than it (see conn_deadline).
 */
struct conn {
    int fd;
    uint32_t generation;        /* advanced at take and at release: odd while the slot is taken */
    uint32_t index;             /* of the slot, for the epoll word */
    uint8_t state;              /* enum conn_state; written by conn_state_set alone */
    bool in_epoll : 1;
    bool answered : 1;          /* has had its first answer */
    bool has_rare : 1;          /* see conn_rare */
    uint8_t ends_as : 4;        /* enum close_reason, for its end after the last answer */
    uint16_t interest;          /* EPOLLIN|EPOLLOUT|EPOLLRDHUP as registered with epoll; 0: errors
                                   only */
    struct pool *pool;
    const struct conn_ops *ops; /* NULL until the protocol sets it */
    const struct stream_ops *stream;
    void *stream_state;         /* the stream's (TLS session), NULL for plain */
    struct listener *listener;  /* accepted here */
    void *request;              /* the protocol's, NULL while idle */
    struct buffer *in;          /* read ahead of an incomplete head, borrowed, NULL mostly */
    struct buffer *out;         /* what the socket did not take yet, NULL mostly */
    struct timer timer;
    uint64_t deadline_ms;       /* 0: none; monotonic */
    struct link queue;          /* idle, silent, free list, or released during this batch */
    uint64_t number;            /* *CONN of the log, unique in a worker's life */
    uint64_t since_ms;          /* accepted at */
    union {
        uint64_t idle_since_ms; /* IDLE */
        uint64_t silent_since_ms;       /* in pool->silent, but for LINGERING */
        uint64_t linger_end_ms; /* LINGERING: however much still comes */
    };
    uint32_t requests;          /* served so far */
    uint32_t allowance_ms;      /* the protocol's: how long it may be silent, idle or lingering */
    struct peer peer;
    union {
        uint32_t keep_ms;       /* the protocol's: for so long idle it is neither drained nor shut
                                   down */
        uint32_t linger_since;  /* LINGERING: the lower half of when it began, in ms */
    };
};
_Static_assert(sizeof(struct conn) <= 192, "a slot is at most three cache lines");

/* What becomes of a client for whom there is no room. */
enum overload_action {
    OVERLOAD_WAIT,              /* it waits in the kernel's queue */
    OVERLOAD_REJECT             /* it gets listener->overload_answer */
};

struct overload {
    enum overload_action action;
    uint32_t retry_after_s;     /* what a rejected client is told; 0: nothing */
};

/* How long to wait before accepting is tried again: at first, and at most after doublings. */
struct retry_times {
    uint64_t first_ms, most_ms; /* at least 1; most_ms not below first_ms */
};

/* A part of the slots. */
struct fraction {
    uint32_t num, den;          /* 0, 0: never, not even when none is free */
};

/*
 * When the pool does what: each a directive of events { }, described in weir.conf(5).
 */
struct pool_limits {
    uint32_t worker_connections;        /* for messages: what the conf file calls the size; 0: the
                                           size itself */
    uint32_t workers;           /* that accept from the same listeners; this one included */
    struct fraction drain_when_free, close_when_free;   /* of the slots, at most */
    uint32_t drain_batch;       /* victims at most, at a time; up to DRAIN_BATCH_MAX */
    uint32_t drain_address_share;       /* at least 1 */
    uint64_t drain_idle_ms, drain_silent_ms;
    uint32_t accept_step_back;  /* accepts; 0: never */
    struct retry_times accept_retry;    /* while accepting is paused */
    struct overload overload;
    VEC(struct network) debug;  /* whose clients' requests are logged at level debug */
};
enum { DRAIN_BATCH_MAX = 256 };

/* What holds where the conf file says nothing. */
extern const struct pool_limits pool_default_limits;

struct pool {
    struct loop *loop;
    struct conn *slots;         /* `size` of them; memory behind the first `touched` alone */
    void **rare;                /* one for each slot, memory behind those used alone */
    uint32_t size;              /* slots in all */
    uint32_t touched;           /* slots [0, touched) have been used at least once */
    uint32_t used;              /* neither free nor waiting to become free */
    struct link free;           /* of those touched, last released first */
    struct link released;       /* during this batch */
    struct link idle;           /* least recently used first */
    /*
     * Those that the peer keeps waiting without a request in progress, in the order in which that
     * began: ACCEPTED, READING a head, LINGERING.
     */
    struct link silent;
    uint32_t idle_len, silent_len;
    struct pool_limits limits;
    uint32_t drain_from;        /* so many slots used: few are free, the drain acts */
    uint32_t close_from;        /* likewise: answers close their connections */
    uint64_t drain_again_ms;    /* until then nothing can be drained, as was seen */
    struct holders holders;     /* of all that are not free */
    uint64_t next_number, number_step;  /* of the next connection; 1 and 1 by default */
    struct loop_turn_end turn_end;
    uint64_t drain_warned_s;    /* last "reusing connections" */
    struct loop_work *on_room;  /* posted when slots became free; NULL: nobody asked */
    /* Closes descriptors that are kept only for speed; how many. NULL: there are none. */
    unsigned (*spare_descriptors)(struct pool *pool);
    void *owner;                /* of the protocol above (struct http_worker) */

    /* Below: accept.c's. */
    struct link listeners;      /* by their pool_link */
    uint64_t looked_ms;         /* at the other workers: */
    uint64_t others_load;       /* their connections */
    uint32_t others;            /* how many workers they are */
    uint32_t ahead_most;        /* how many to accept at a time, although ahead of them; 0: not
                                   ahead */
    struct timer rejoin;        /* while the others have their chance */
    bool paused;                /* accepting */
    int reserve_fd;             /* given up to reject a client when descriptors are out; -1: none */
    uint64_t paused_since_us;
    uint32_t pause_backoff_ms;
    struct timer resume;        /* the fallback while paused */
    struct loop_work retry;     /* while paused: something was released */
    uint64_t pause_warned_s;    /* last complaint of accepting */
};

/*
 * size >= 1. The loop's slot events go to this pool from now on, and `stats` shows its gauges: have
 * counters_use() called before. Ignores SIGPIPE in this process, for sendfile(2) cannot be told
 * not to raise it. False with errno when memory is short.
 */
bool pool_init(struct pool *pool, struct loop *loop, uint32_t size,
               const struct pool_limits *limits);
/* Other limits from now on; the number of slots stays. */
void pool_set_limits(struct pool *pool, const struct pool_limits *limits);
/* All connections must be closed before. */
void pool_fini(struct pool *pool);

/*
 * Starts and stops accepting on a listener (EPOLLEXCLUSIVE). A client is served at once after
 * accept4; as many are accepted in a turn as wait in the queue, at most 64, and fewer where other
 * workers listen too. When no slot or descriptor can be had, accepting pauses on all listeners, and
 * clients wait in the backlog; each slot released, and each connection that is old enough to be
 * drained, lets in one who waits. The pause ends when nobody waits any more. With OVERLOAD_REJECT
 * they are told in words instead. False with errno. Unlisten while the descriptor is open; it does
 * nothing to a listener that no pool listens on. (While accepting is paused listener->source is
 * not added: that says nothing about it.)
 */
bool pool_listen(struct pool *pool, struct listener *listener);
void pool_unlisten(struct pool *pool, struct listener *listener);
/*
 * Takes those who wait in the backlog now, before the listener is left. Whether nobody waits any
 * more; false: ask again in a while, there was no room, or they come faster than they are taken.
 * True for a listener that no pool listens on.
 */
bool pool_accept_waiting(struct listener *listener);

/* Where a connection came from: what it is counted as. */
enum conn_origin {
    CONN_NEW,                   /* accepted here: `handled` */
    CONN_ADOPTED                /* another worker handed it over: `adopted_connections` */
};

/*
 * Takes a slot for a descriptor (non-blocking, from then on the slot's): state ACCEPTED, plain
 * stream, not in epoll, no ops yet. For a new one it drains idle connections first when few slots
 * are free; an adopted one closes nobody, for within one process it may be an idle one of this very
 * pool that is handed over. NULL, and the descriptor untouched, when there is no slot.
 */
struct conn *conn_take(struct pool *pool, int fd, const struct peer *peer,
                       enum conn_origin origin);
/*
 * Closes the descriptor and releases the slot; the connection is gone when it returns. Calls
 * ops->on_close. May be called from anything that the loop runs; counts closed_<reason>.
 */
void conn_close(struct conn *conn, enum close_reason reason);

/*
 * The only writer of conn->state: asserts the transition, keeps the gauges and the queues. FREE is
 * for conn_close alone. The state that it has already: nothing happens. READING entered from
 * ACCEPTED or IDLE is the reading of a head; otherwise that of a body, a request in progress.
 */
void conn_state_set(struct conn *conn, enum conn_state state);
/*
 * READING, and of a head that is not whole, whatever was before: since the first call the peer
 * keeps us waiting.
 */
void conn_await_head(struct conn *conn);

/*
 * The connection counts as that peer's in what an address may hold: a proxy has told who the client
 * is. conn->peer stays.
 */
void conn_set_peer(struct conn *conn, const struct peer *peer);

/*
 * Registers for EPOLLIN, EPOLLOUT, EPOLLRDHUP, or 0: errors alone; a system call only if it
 * changes. False, and told, when the kernel has no memory for it.
 */
bool conn_wait(struct conn *conn, uint32_t events);
/*
 * Takes the descriptor out of epoll until conn_wait is called again: for one that somebody else is
 * about to have too, for then close() alone would leave it in.
 */
void conn_unwatch(struct conn *conn);

/*
 * The connection must get on within ms from now (0: no deadline); never called before they have
 * passed, the millisecond that has begun not counted. A later deadline than the armed
 * one is only stored; the timer finds it when it fires: a connection that is used again and again
 * costs no timer work.
 */
void conn_deadline(struct conn *conn, uint64_t ms);

/* Dispatches an event word; counts and drops it when it is stale. Public for the tests. */
void pool_event(void *slots, uint64_t word, uint32_t events);
/* Ends the batch: released slots become free. Runs by itself at the end of each turn. */
void pool_batch_end(struct pool *pool);
uint64_t conn_word(const struct conn *conn);

/*
 * Room for a pointer of the protocol's that few connections need (what a proxy said of the
 * client): NULL after conn_take, the protocol's to free in on_close. It lies beside the slots, so
 * that those who do not need it do not pay for it.
 */
void **conn_rare(struct conn *conn);
/* The same without making room: NULL when it was never set. */
static inline void *
conn_rare_of(const struct conn *conn)
{
    return conn->has_rare ? conn->pool->rare[conn->index] : NULL;
}

/*
 * How many bytes the peer's system has acknowledged since the connection began. False where the
 * kernel does not tell (Unix sockets).
 */
bool conn_acked(const struct conn *conn, uint64_t *bytes);

/* Whether an idle connection is too young to be closed for the server's own sake. */
bool conn_is_kept(const struct conn *conn);

/*
 * Makes room: closes up to limits.drain_batch connections without a request in progress, and at
 * most an eighth of those; returns how many. Their descriptors are free at once, their slots after
 * the batch. In this order:
 *   1. of addresses that hold more than their share, the biggest first: silent ones, then idle
 *      ones;
 *   2. silent ones, the oldest first;
 *   3. idle ones, the longest idle first;
 * each only when it is old enough. While an address that holds more than its share has some that
 * are only too young, the others are not made to pay for it. The work is bounded.
 */
unsigned pool_drain(struct pool *pool);
/* Whether conn_take would find a slot now. Drains as it does for a new connection. */
bool pool_has_room(struct pool *pool);
/* Whether so few slots are free that answers should close their connections. */
static inline bool
pool_is_nearly_full(const struct pool *pool)
{
    return pool->used >= pool->close_from;
}

/* Calls fn for each slot that is not free. fn may close the connection it is given, no other. */
void pool_each(struct pool *pool, void (*fn)(void *ctx, struct conn *conn), void *ctx);

#endif
