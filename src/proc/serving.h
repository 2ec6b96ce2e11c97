/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serving: the half of a process that answers clients: a loop, a pool of connections, and a
 * configuration to serve. A worker is this and little more; without a master the only process is
 * this too, and may change its configuration on the way.
 */
#ifndef WEIR_PROC_SERVING_H
#define WEIR_PROC_SERVING_H

#include "event/loop.h"
#include "net/pool.h"
#include "proc/handover.h"
#include "proc/runtime.h"

struct served;                  /* one configuration and its connections */

struct serving {
    struct loop loop;
    struct pool pool;
    struct served *current;
    struct link retired;        /* of struct served: finish the connections they have */
    struct timer sweep;         /* looks which of the retired are through, or are out of time */
    struct loop_turn_end turn_end;
    bool leaving;               /* the loop ends with the last connection */
    struct http_listing listing;        /* for the http parts */
    struct loop_work list_own;  /* the list of a process that is alone */

    /* Connections that others hand over to this process. */
    struct loop_source adopt;   /* the queue; fd -1: none */
    struct loop_work adopt_again;       /* there is room again */
    struct timer adopt_retry;   /* for what nobody tells of */
    unsigned adopt_steps;       /* back from the queue, without having seen it empty */

    /* Connections that this process, or a configuration of it that has ended, hands over. */
    struct http_successor to;   /* how; for the retired ones */
    struct successor *successor;        /* another process; NULL: the current configuration */
    struct loop_source hand_over;       /* its queue, while it is full */
    struct timer hand_over_retry;
};

/*
 * As many descriptors as there may be connections, as far as the hard limit lets this process; told
 * where that is not enough. Before serving_start, and before the walls, which forbid it.
 */
void serving_raise_descriptor_limit(const struct runtime *rt);

/*
 * Takes rt over (runtime_free is called when it is through, also when this fails). on_signal as
 * in loop.h. The loop's `data` is free for the caller. False, logged.
 */
bool serving_start(struct serving *s, struct runtime *rt,
                   void (*on_signal)(struct loop *loop, const struct loop_signal *signal));

struct runtime *serving_runtime(const struct serving *s);

/*
 * Serves rt from now on; it has been opened beside the current one. That one goes on until the
 * last of its connections is closed. False, logged, with the current one serving as before, and
 * rt still the caller's.
 */
bool serving_switch(struct serving *s, struct runtime *rt);

/* The connections of this process (net/listing.h), in the arena; not set: no memory. */
struct str serving_list(struct serving *s, struct arena *arena);
/* How the list of all workers' connections is got; before this it is that of this process. */
void serving_can_list(struct serving *s, const struct http_listing *listing);
/* It is there; not set: it cannot be had. */
void serving_listed(struct serving *s, struct str lines);

/*
 * From now on takes connections out of the queue, whose descriptor stays the caller's. False,
 * logged.
 */
bool serving_adopt(struct serving *s, int queue_in);

/*
 * Leaves the listeners as their fates say: those that others go on with at once, the others when
 * nobody waits there any more. The loop stops when all connections are through, or at
 * worker_shutdown_timeout. successor: takes over what can be handed over (it is this function's
 * from now on); NULL: nobody does, and idle connections are closed. May be called again with
 * another successor.
 */
void serving_leave(struct serving *s, struct successor *successor);

/* Writes what is gathered for logs, and closes those whose names hold variables. */
void serving_flush_logs(struct serving *s);
/* Opens all log files anew, here. */
void serving_reopen_logs(struct serving *s);
/* The log file of that path was opened anew elsewhere; the descriptor is taken over. */
void serving_replace_log(struct serving *s, struct str path, int fd);

/* Says "exiting", closes what is still open, says "exit" and frees all. */
void serving_stop(struct serving *s);

#endif
