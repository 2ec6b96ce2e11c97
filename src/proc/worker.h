/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker: the process that serves clients, from its birth by fork to its exit.
 */
#ifndef WEIR_PROC_WORKER_H
#define WEIR_PROC_WORKER_H

#include "base/counters.h"
#include "proc/handover.h"
#include "proc/runtime.h"

/*
 * A worker that ends with this could not have done better at a second attempt: it is not
 * replaced.
 */
enum { EXIT_FATAL = 2 };

struct worker_start {
    struct runtime *runtime;
    struct counters_segment *counters;
    int block;                  /* its counters; -1: none was free, it counts for itself */
    int hear, tell;             /* its ends of the channel */
    struct handover_queue queue;        /* connections come out of it, and may go into it */
    unsigned number;            /* among the workers of this configuration, from 0 */
    pid_t master;
};

/*
 * To be called in the child, once all that is the master's alone has been closed there. Gives up
 * all privileges that it has, then serves.
 */
_Noreturn void worker_run(const struct worker_start *start);

/*
 * The environment of one who serves clients: TZ and what "env" names. False when memory is short.
 */
bool worker_set_environment(struct runtime *rt);

#endif
