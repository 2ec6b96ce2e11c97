/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * master_parts: what the files of the master share: master.c (signals, stop), children.c (workers
 * from fork to burial), leaving.c (those who are to finish), forward.c, reload.c, commands.c,
 * reopen.c and upgrade.c. Nobody else includes this.
 */
#ifndef WEIR_PROC_MASTER_PARTS_H
#define WEIR_PROC_MASTER_PARTS_H

#include "base/counters.h"
#include "event/loop.h"
#include "proc/control_server.h"
#include "proc/gather.h"
#include "proc/handover.h"
#include "proc/rotate.h"
#include "proc/runtime.h"
#include "proc/upgrade.h"
#include "proc/verdict.h"

/*
 * A worker as the master sees it. Invariants: pid 0 means that it is dead and that `respawn` is
 * armed; runtime NULL means that it was told to leave and is not replaced.
 */
struct child {
    struct link link;           /* in master.children */
    struct master *master;
    struct runtime *runtime;
    pid_t pid;
    struct loop_source channel; /* what it says; fd -1: none */
    int tell;                   /* where it hears; -1: none, as above */
    int block;                  /* of the counters, -1: none */
    unsigned number;
    uint64_t generation;        /* of its configuration, known when runtime is NULL, too */
    bool ready;                 /* it serves */
    bool lists;                 /* it writes a list of its connections */
    bool wants_list;            /* it wants that of all workers */
    bool logs_due;              /* it has yet to get the logs that were opened anew */
    bool retired;               /* it was told who goes on; wants to know if that changes */
    uint64_t started_ms;
    uint32_t quick_deaths;      /* one after the other */
    struct timer respawn;
    struct timer overdue;       /* it was told to finish, and must be gone then */
    bool told_now;              /* it was told not to finish, but to end */
};

enum master_state { RUNNING, LEAVING /* when all is answered */, STOPPING /* now */ };

struct master {
    struct loop loop;
    enum master_state state;
    struct runtime *current;    /* serves */
    struct runtime *next;       /* of a reload, until its workers are ready; NULL: none */
    struct counters_segment *counters;
    struct handover_queue queue;        /* of connections that change their worker */
    struct link children;
    struct upgrade upgrade;
    struct loop_source forward; /* the queue, while the other master is to have what is in it */
    struct timer forward_retry;
    bool started;               /* the first workers are ready */
    bool serves;                /* its workers do: connections may be handed to them */
    bool reload_again;          /* asked for while one was under way */
    struct timer reload_retry;  /* an address was in use: the reload under way waits for it */
    unsigned reload_tries;
    struct timer reload_limit;
    struct timer release_held;  /* sockets of the configuration before */
    struct control_server control;
    struct verdict verdict;
    struct gather gather;
    struct rotator rotator;
    struct timer logs_due;      /* some child's are */
    struct timer reopen;        /* a worker has asked for it */
    uint64_t reopened_ms;       /* when one was heard last */
    struct timer stop_step;
    int stop_steps;
    int status;                 /* to exit with */
};

static inline struct child *
child_of(struct link *link)
{
    return CONTAINER_OF(link, struct child, link);
}

/* ---- master.c ------------------------------------------------------------------------------ */

/* Does what SIGQUIT or SIGWINCH asks for. */
void master_signal(struct master *m, int signal);

/* ---- children.c ---------------------------------------------------------------------------- */

/*
 * Forks the workers of a configuration that has none; those that cannot be forked now are tried
 * again later. False, and told, when there is no memory for them: none is there then.
 */
bool children_start(struct master *m, struct runtime *rt);
/* They leave and are not replaced. rt NULL: all; else those of one configuration. */
void children_dismiss(struct master *m, const struct runtime *rt, int signal);
/*
 * The same, and what connections they have goes to those who serve now: the current workers, or
 * those of the other master; when nobody serves it is a dismissal with SIGQUIT.
 */
void children_retire(struct master *m, const struct runtime *rt);
/* Those who retire already hear who goes on now. */
void children_tell_successor(struct master *m);
/* The workers of the current configuration, if there are none any more. */
void children_restart(struct master *m);
/* Whether all workers of the configuration could be forked. */
bool children_born(struct master *m, const struct runtime *rt);
/* Whether some that were told to leave are still there. */
bool children_leave(struct master *m);
/* Whether all workers of the configuration serve. */
bool children_ready(struct master *m, const struct runtime *rt);
/* Buries the dead, and replaces those who are missed. */
void children_reap(struct master *m);
void child_free(struct child *c);

/* Started when all are ready; failed when not one of the first workers could do its work. */
void start_check(struct master *m);
/* Whoever waits for the start is told. */
void start_done(struct master *m);

/* ---- leaving.c ----------------------------------------------------------------------------- */

void leaving_init(struct child *c);
/* The worker is told to finish: it is not replaced, and killed when it takes too long. */
void leaving_begin(struct child *c);
/* After a reload: at most worker_generations old ones may go on. */
void leaving_limit(struct master *m);

/* ---- forward.c ----------------------------------------------------------------------------- */

void forward_init(struct master *m);
/* When the other master serves and this one does not: its queue has what waits in this one's. */
void forward_begin(struct master *m);
/* The workers are gone: the rest of it. Takes a second at most. */
void forward_finish(struct master *m);
/* In a worker: what is on its way is not its own. */
void forward_forget(void);

/* ---- reload.c ------------------------------------------------------------------------------ */

void reload_begin(struct master *m);
/* The new workers serve: the old ones may go. */
void reload_check(struct master *m);
/* The old configuration goes on as if nothing had been asked. Nothing when none is under way. */
void reload_give_up(struct master *m, const char *why);
/* A stop is coming: no more of it. */
void reload_forget(struct master *m);
void reload_on_limit(struct timer *timer);
void reload_on_retry(struct timer *timer);
/* Closes sockets that were held long enough after a reload. */
void reload_on_release(struct timer *timer);

/* ---- commands.c ---------------------------------------------------------------------------- */

/* data: the master. */
extern const struct control_command master_commands[];

/* ---- reopen.c ------------------------------------------------------------------------------ */

/* Opens all log files anew and gives the descriptors to the workers. */
void reopen_logs(struct master *m);
/* The same because a worker asks for it: once a second at most, however often it does. */
void reopen_logs_for(struct child *c);

void reopen_init(struct master *m);
/* A stop is coming: no more of it. */
void reopen_forget(struct master *m);
/* Once the current configuration serves, and `before` (NULL: none) not any more. */
void rotation_take(struct master *m, const struct runtime *before);

#endif
