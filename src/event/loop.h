/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop: waits for descriptors, timers and posted work, and turns them into calls of functions.
 *
 * Level-triggered epoll. Each descriptor is registered with a 64-bit word, 32-bit index below,
 * 32-bit generation above, that epoll gives back with its events. Two kinds of owners share the
 * loop:
 *   - a table with slots of its own (the connection pool) registers with loop_add() and words whose
 *     index is below LOOP_SOURCE_BASE; all their events go to loop->on_slot_event, which checks the
 *     generation itself;
 *   - everything else (listeners, signals, channels) is a struct loop_source.
 * One turn: wait, read the clock, handle the events, then posted work, then timers, then the
 * end-of-turn functions.
 */
#ifndef WEIR_EVENT_LOOP_H
#define WEIR_EVENT_LOOP_H

#include "event/timer.h"
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>

struct loop;

enum { LOOP_MAX_SOURCES = 4096 };
static const uint32_t LOOP_SOURCE_BASE = 0xffff0000u;   /* words from this index on are sources */

/*
 * A descriptor with a function of its own. The struct belongs to the caller and must stay while
 * it is added; zero it before its first use.
 */
struct loop_source {
    int fd;
    uint32_t index;             /* private to loop.c */
    bool added;
    void (*on_event)(struct loop_source *source, uint32_t events);
    void *data;                 /* the owner's */
};

/*
 * Work for later in this turn, or for the next when it is posted from posted work or later in the
 * turn than that. In a list once at most.
 */
struct loop_work {
    struct link link;
    void (*run)(struct loop_work *work);
};

/* What a signal brought along. */
struct loop_signal {
    int number;
    pid_t from;                 /* SIGCHLD: the child; otherwise 0 when the kernel sent it */
};

struct loop {
    int epoll_fd;
    struct timer_wheel timers;
    bool stopped;               /* loop_run returns after this turn */
    void (*on_slot_event)(void *slots, uint64_t word, uint32_t events);
    void *slots;
    struct link posted;
    struct link turn_ends;      /* of struct loop_turn_end */
    struct loop_source **sources;
    uint32_t *source_generations;
    struct epoll_event *events;
    unsigned max_events;
    struct loop_source signals; /* signalfd */
    void (*on_signal)(struct loop *loop, const struct loop_signal *signal);
    void *data;                 /* the owner's (master or worker) */
};

/* Called at the end of each turn in which something happened, in order of registration. */
struct loop_turn_end {
    struct link link;
    void (*run)(struct loop_turn_end *end);
};

/*
 * max_events: at most so many events are taken in one turn (epoll_events, default 512). False with
 * errno when it cannot.
 */
bool loop_init(struct loop *loop, unsigned max_events);
/*
 * Closes what the loop itself opened; sources and slots belong to others. Safe on a loop that
 * failed to init, and in a forked child: it leaves the parent's registrations alone.
 */
void loop_fini(struct loop *loop);

/* events: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLEXCLUSIVE, EPOLLET … False with errno. */
bool loop_add(struct loop *loop, int fd, uint64_t word, uint32_t events);
bool loop_modify(struct loop *loop, int fd, uint64_t word, uint32_t events);
/* Needed only for a descriptor that stays open elsewhere: close() removes the others. */
void loop_remove(struct loop *loop, int fd);

/* False with errno; ENOSPC too when LOOP_MAX_SOURCES are added already. */
bool loop_source_add(struct loop *loop, struct loop_source *source, uint32_t events);
/*
 * Events of the source that still wait in this batch are dropped (and counted as stale). To be
 * called while the descriptor is open; does nothing to a source that is not added.
 */
void loop_source_remove(struct loop *loop, struct loop_source *source);

static inline void
loop_work_init(struct loop_work *work, void (*run)(struct loop_work *work))
{
    link_init(&work->link);
    work->run = run;
}

/* Work that is posted already stays where it is. */
void loop_post(struct loop *loop, struct loop_work *work);
void loop_unpost(struct loop_work *work);
void loop_at_turn_end(struct loop *loop, struct loop_turn_end *end);

/*
 * Blocks these signals in the process and delivers them as events to fn(loop, signal). Called
 * again, it replaces the set and the function. False with errno.
 */
bool loop_signals(struct loop *loop, const sigset_t *set,
                  void (*fn)(struct loop *loop, const struct loop_signal *signal));

/*
 * One turn. Waits at most max_wait_ms (-1: as long as it takes). Returns the number of events
 * handled, -1 when epoll failed for good.
 */
int loop_turn(struct loop *loop, int max_wait_ms);
/* Turns until loop_stop. False when epoll failed for good. */
bool loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
