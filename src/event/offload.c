/* SPDX-License-Identifier: BSD-2-Clause */
#include "event/offload.h"
#include "base/compiler.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { STACK_SIZE = 1 << 20, LESS_URGENT = 5, LAST_WAIT_S = 2 };

enum job_state {
    JOB_FREE,                   /* its owner's */
    JOB_WAITING,                /* in `waiting` */
    JOB_RUNNING,                /* a thread has it */
    JOB_FORGOTTEN,              /* a thread has it, and drops it */
    JOB_DONE                    /* in `done` */
};

/* Below the lock: all but loop and the source, which are the loop's thread's. */
struct offload {
    struct loop *loop;
    struct loop_source source;  /* eventfd: something is in `done` */
    pthread_mutex_t lock;
    pthread_cond_t work, gone;  /* a job waits, or the end has come; a thread has ended */
    struct link waiting, done;  /* of jobs */
    unsigned jobs, jobs_max;    /* that wait, or that threads have */
    unsigned threads, threads_max;
    bool ends;                  /* threads end when they are through with what they do */
    bool abandoned;             /* the last thread frees all */
};

static void
free_offload(struct offload *offload)
{
    pthread_cond_destroy(&offload->work);
    pthread_cond_destroy(&offload->gone);
    pthread_mutex_destroy(&offload->lock);
    free(offload);
}

static struct offload_job *
take_first(struct link *list)
{
    struct offload_job *job = CONTAINER_OF(list->next, struct offload_job, link);

    link_remove(&job->link);
    return job;
}

/* ---- threads ------------------------------------------------------------------------------- */

/* NULL: the end has come. */
static struct offload_job *
wait_for_job(struct offload *offload)
{
    struct offload_job *job;

    while (list_is_empty(&offload->waiting) && !offload->ends)
        pthread_cond_wait(&offload->work, &offload->lock);
    if (offload->ends)
        return NULL;
    job = take_first(&offload->waiting);
    job->state = JOB_RUNNING;
    return job;
}

/* An eventfd is full after 2^64 - 2 of these: none can fail. */
static void
wake_loop(const struct offload *offload)
{
    int result = eventfd_write(offload->source.fd, 1);

    assert(result == 0);
    (void)result;
}

/* Unlocked while the work is done, and while what was forgotten is dropped. */
static void
run_job(struct offload *offload, struct offload_job *job)
{
    pthread_mutex_unlock(&offload->lock);
    job->run(job);
    pthread_mutex_lock(&offload->lock);
    offload->jobs--;
    if (job->state == JOB_RUNNING) {
        job->state = JOB_DONE;
        list_push(&offload->done, &job->link);
        wake_loop(offload);
        return;
    }
    pthread_mutex_unlock(&offload->lock);
    job->drop(job);
    pthread_mutex_lock(&offload->lock);
}

static void *
run_thread(void *arg)
{
    struct offload *offload = arg;
    struct offload_job *job;
    bool last;

    /* Of this thread alone, as Linux has it; where it may not be, it is as urgent as the loop. */
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + LESS_URGENT);
    pthread_mutex_lock(&offload->lock);
    while ((job = wait_for_job(offload)) != NULL)
        run_job(offload, job);
    offload->threads--;
    last = offload->threads == 0 && offload->abandoned;
    pthread_cond_signal(&offload->gone);
    pthread_mutex_unlock(&offload->lock);
    if (last)
        free_offload(offload);
    return NULL;
}

/* An errno value, or 0. Signals are for the loop's thread: this one has them all blocked. */
static int
start_thread(struct offload *offload)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, old;
    int err;

    sigfillset(&all);
    sigdelset(&all, SIGSYS);    /* a system call that is refused comes as one, to who has made it */
    if ((err = pthread_attr_init(&attr)) != 0)
        return err;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&thread, &attr, run_thread, offload);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return err;
}

/* ---- the loop's side ----------------------------------------------------------------------- */

/* One that is done, its owner's from now on; NULL: there is none. */
static struct offload_job *
take_done(struct offload *offload)
{
    struct offload_job *job = NULL;

    pthread_mutex_lock(&offload->lock);
    if (!list_is_empty(&offload->done)) {
        job = take_first(&offload->done);
        job->state = JOB_FREE;
    }
    pthread_mutex_unlock(&offload->lock);
    return job;
}

static unsigned
count_done(struct offload *offload)
{
    unsigned count = 0;

    pthread_mutex_lock(&offload->lock);
    for (const struct link *at = offload->done.next; at != &offload->done; at = at->next)
        count++;
    pthread_mutex_unlock(&offload->lock);
    return count;
}

/*
 * done() may forget others and put new ones: whatever ends meanwhile wakes the loop again, for each
 * end is an edge. So nothing is read of the eventfd.
 */
static void
on_done(struct loop_source *source, uint32_t events)
{
    struct offload *offload = source->data;
    struct offload_job *job;
    unsigned count = count_done(offload);

    (void)events;
    while (count-- > 0 && (job = take_done(offload)) != NULL)
        job->done(job);
}

struct offload *
offload_create(struct loop *loop, unsigned threads, unsigned waiting)
{
    struct offload *offload = calloc(1, sizeof(*offload));

    if (offload == NULL)
        return NULL;
    offload->loop = loop;
    offload->threads_max = threads;
    offload->jobs_max = threads + waiting;
    link_init(&offload->waiting);
    link_init(&offload->done);
    pthread_mutex_init(&offload->lock, NULL);
    pthread_cond_init(&offload->work, NULL);
    pthread_cond_init(&offload->gone, NULL);
    offload->source.on_event = on_done;
    offload->source.data = offload;
    offload->source.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (offload->source.fd >= 0 && loop_source_add(loop, &offload->source, EPOLLIN | EPOLLET))
        return offload;
    if (offload->source.fd >= 0)
        close(offload->source.fd);
    free_offload(offload);
    return NULL;
}

/* Locked. False: nobody will ever run it. */
static bool
have_thread(struct offload *offload)
{
    int err;

    if (offload->jobs < offload->threads || offload->threads == offload->threads_max)
        return true;
    offload->threads++;
    if ((err = start_thread(offload)) == 0)
        return true;
    offload->threads--;
    errno = err;
    return offload->threads > 0;
}

enum offload_put
offload_put(struct offload *offload, struct offload_job *job)
{
    enum offload_put put = OFFLOAD_FULL;

    assert(job->state == JOB_FREE);
    pthread_mutex_lock(&offload->lock);
    if (offload->jobs < offload->jobs_max)
        put = have_thread(offload) ? OFFLOAD_TAKEN : OFFLOAD_FAILED;
    if (put == OFFLOAD_TAKEN) {
        job->state = JOB_WAITING;
        list_push(&offload->waiting, &job->link);
        offload->jobs++;
        pthread_cond_signal(&offload->work);
    }
    pthread_mutex_unlock(&offload->lock);
    return put;
}

void
offload_forget(struct offload *offload, struct offload_job *job)
{
    bool ours = true;

    pthread_mutex_lock(&offload->lock);
    assert(job->state != JOB_FREE && job->state != JOB_FORGOTTEN);
    if (job->state == JOB_RUNNING) {
        job->state = JOB_FORGOTTEN;
        ours = false;
    } else {
        offload->jobs -= job->state == JOB_WAITING;
        link_remove(&job->link);
        job->state = JOB_FREE;
    }
    pthread_mutex_unlock(&offload->lock);
    if (ours)
        job->drop(job);
}

void
offload_destroy(struct offload *offload)
{
    struct timespec until;
    bool last;

    if (offload == NULL)
        return;
    loop_source_remove(offload->loop, &offload->source);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LAST_WAIT_S;
    pthread_mutex_lock(&offload->lock);
    assert(list_is_empty(&offload->waiting) && list_is_empty(&offload->done));
    offload->ends = true;
    pthread_cond_broadcast(&offload->work);
    while (offload->threads > 0
           && pthread_cond_timedwait(&offload->gone, &offload->lock, &until) == 0)
        ;
    close(offload->source.fd);  /* all that is still running is forgotten: nobody writes to it */
    last = offload->threads == 0;
    offload->abandoned = !last;
    pthread_mutex_unlock(&offload->lock);
    if (last)
        free_offload(offload);
}
