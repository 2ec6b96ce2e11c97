/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * offload: work that takes long, done by threads, so that the loop goes on meanwhile.
 *
 * A few threads, started when they are first needed, take jobs from a queue with a limit. A job
 * owns all that its work needs: the thread touches nothing else, no request and no configuration.
 * When it is done, the loop hears of it and calls the job's done(); or nobody does, as the one who
 * asked has forgotten it meanwhile.
 *
 * Threads block all signals, and are a little less urgent than the loop.
 */
#ifndef WEIR_EVENT_OFFLOAD_H
#define WEIR_EVENT_OFFLOAD_H

#include "event/loop.h"

struct offload;

struct offload_job {
    struct link link;           /* private to offload.c, as the state is */
    uint8_t state;
    void (*run)(struct offload_job *job);       /* by a thread */
    /* By the loop, once; from then on the job is again its owner's. */
    void (*done)(struct offload_job *job);
    /* It was forgotten: wipes and frees it. By any thread. */
    void (*drop)(struct offload_job *job);
};

enum offload_put {
    OFFLOAD_TAKEN,
    OFFLOAD_FULL,               /* as many jobs wait as may */
    OFFLOAD_FAILED              /* no thread can be started; errno tells */
};

/* At most so many threads; at most so many jobs that wait for one. NULL with errno. */
struct offload *offload_create(struct loop *loop, unsigned threads, unsigned waiting);

/* The three functions are set. Unless it is taken, the job stays the caller's. */
enum offload_put offload_put(struct offload *offload, struct offload_job *job);

/*
 * Nobody waits for the job any more, that was taken and is not done: it is dropped, now or when a
 * thread is through with it.
 */
void offload_forget(struct offload *offload, struct offload_job *job);

/*
 * All jobs were forgotten or are done. Waits for threads that still work, 2 seconds at most; the
 * memory goes when the last one ends. NULL is allowed.
 */
void offload_destroy(struct offload *offload);

#endif
