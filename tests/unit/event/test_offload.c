/* SPDX-License-Identifier: BSD-2-Clause */
/* offload: jobs, threads, and those that nobody waits for any more. */
#include "unit.h"
#include "base/counters.h"
#include "event/offload.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static struct loop loop;
static struct offload *offload;

/* Threads wait in run() until the gate is open. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opens = PTHREAD_COND_INITIALIZER;
static bool gate_is_open;
static atomic_int running, ran, dropped;
static int done;

struct test_job {
    struct offload_job job;
    int number, square;
    pthread_t by;
    bool signals_blocked;
};

static void
run(struct offload_job *job)
{
    struct test_job *t = CONTAINER_OF(job, struct test_job, job);
    sigset_t set;

    atomic_fetch_add(&running, 1);
    pthread_mutex_lock(&gate_lock);
    while (!gate_is_open)
        pthread_cond_wait(&gate_opens, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
    t->by = pthread_self();
    t->square = t->number * t->number;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    t->signals_blocked = sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGCHLD) == 1;
    atomic_fetch_sub(&running, 1);
    atomic_fetch_add(&ran, 1);
}

static void
on_done(struct offload_job *job)
{
    struct test_job *t = CONTAINER_OF(job, struct test_job, job);

    ck_assert_int_eq(t->square, t->number * t->number);
    ck_assert(!pthread_equal(t->by, pthread_self()));
    ck_assert(t->signals_blocked);
    done++;
    free(t);
}

static void
drop(struct offload_job *job)
{
    atomic_fetch_add(&dropped, 1);
    free(CONTAINER_OF(job, struct test_job, job));
}

static void
set_gate(bool open)
{
    pthread_mutex_lock(&gate_lock);
    gate_is_open = open;
    pthread_cond_broadcast(&gate_opens);
    pthread_mutex_unlock(&gate_lock);
}

static void
start(unsigned threads, unsigned waiting)
{
    ck_assert(loop_init(&loop, 16));
    offload = offload_create(&loop, threads, waiting);
    ck_assert_ptr_nonnull(offload);
    set_gate(true);
}

static void
end(void)
{
    offload_destroy(offload);
    loop_fini(&loop);
}

static struct test_job *
make(int number)
{
    struct test_job *t = calloc(1, sizeof(*t));

    ck_assert_ptr_nonnull(t);
    link_init(&t->job.link);
    t->number = number;
    t->job.run = run;
    t->job.done = on_done;
    t->job.drop = drop;
    return t;
}

static struct test_job *
put(int number)
{
    struct test_job *t = make(number);

    ck_assert_int_eq(offload_put(offload, &t->job), OFFLOAD_TAKEN);
    return t;
}

static void
turn_until_done(int count)
{
    while (done < count)
        ck_assert_int_ge(loop_turn(&loop, 1000), 0);
}

static void
wait_for(atomic_int *number, int value)
{
    while (atomic_load(number) != value)
        usleep(100);
}

START_TEST(all_jobs_are_done_by_other_threads)
{
    start(3, 1000);
    for (int i = 0; i < 500; i++)
        put(i);
    turn_until_done(500);
    end();
}
END_TEST

START_TEST(no_more_threads_run_than_may)
{
    start(2, 100);
    set_gate(false);
    for (int i = 0; i < 10; i++)
        put(i);
    wait_for(&running, 2);
    ck_assert_int_eq(atomic_load(&ran), 0);
    ck_assert_int_le(loop_turn(&loop, 0), 0);
    set_gate(true);
    turn_until_done(10);
    end();
}
END_TEST

static const struct { unsigned threads, waiting; } sizes[] = { { 1, 0 }, { 1, 3 }, { 2, 0 }, { 2, 5 } };

START_TEST(what_does_not_fit_is_refused_until_there_is_room)
{
    int fit = (int)(sizes[_i].threads + sizes[_i].waiting);
    struct test_job *more = make(7);

    start(sizes[_i].threads, sizes[_i].waiting);
    set_gate(false);
    for (int i = 0; i < fit; i++)
        put(i);
    ck_assert_int_eq(offload_put(offload, &more->job), OFFLOAD_FULL);
    set_gate(true);
    turn_until_done(fit);
    ck_assert_int_eq(offload_put(offload, &more->job), OFFLOAD_TAKEN);
    turn_until_done(fit + 1);
    end();
}
END_TEST

START_TEST(forgotten_while_it_waits_makes_room_and_is_not_run)
{
    struct test_job *waiting;

    start(1, 1);
    set_gate(false);
    put(1);
    wait_for(&running, 1);
    waiting = put(2);
    offload_forget(offload, &waiting->job);
    ck_assert_int_eq(atomic_load(&dropped), 1);
    put(3);
    set_gate(true);
    turn_until_done(2);
    ck_assert_int_eq(atomic_load(&ran), 2);
    end();
}
END_TEST

START_TEST(forgotten_while_it_runs_is_dropped_by_its_thread)
{
    struct test_job *t;

    start(1, 0);
    set_gate(false);
    t = put(1);
    wait_for(&running, 1);
    offload_forget(offload, &t->job);
    ck_assert_int_eq(atomic_load(&dropped), 0);
    set_gate(true);
    wait_for(&dropped, 1);
    ck_assert_int_le(loop_turn(&loop, 0), 0);
    ck_assert_int_eq(done, 0);
    end();
}
END_TEST

START_TEST(forgotten_when_it_is_done_is_not_told_of)
{
    struct test_job *t;

    start(1, 2);
    t = put(1);
    wait_for(&ran, 1);
    put(2);
    wait_for(&ran, 2);          /* one thread: the first is in the list of the done */
    offload_forget(offload, &t->job);
    ck_assert_int_eq(atomic_load(&dropped), 1);
    turn_until_done(1);
    ck_assert_int_eq(done, 1);
    end();
}
END_TEST

static void
put_another(struct offload_job *job)
{
    struct test_job *t = CONTAINER_OF(job, struct test_job, job);

    done++;
    if (t->number > 0)
        put(t->number - 1)->job.done = put_another;
    free(t);
}

START_TEST(done_may_put_more)
{
    start(2, 10);
    put(20)->job.done = put_another;
    turn_until_done(21);
    end();
}
END_TEST

START_TEST(end_waits_for_what_still_runs)
{
    start(2, 10);
    for (int i = 0; i < 2; i++)
        offload_forget(offload, &put(i)->job);
    end();
    ck_assert_int_eq(atomic_load(&dropped), 2);
}
END_TEST

START_TEST(end_without_a_job_needs_no_thread)
{
    start(2, 10);
    end();
    offload_destroy(NULL);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("event/offload");

    unit_add(suite, all_jobs_are_done_by_other_threads, 1);
    unit_add(suite, no_more_threads_run_than_may, 1);
    unit_add(suite, what_does_not_fit_is_refused_until_there_is_room, ARRAY_LEN(sizes));
    unit_add(suite, forgotten_while_it_waits_makes_room_and_is_not_run, 1);
    unit_add(suite, forgotten_while_it_runs_is_dropped_by_its_thread, 1);
    unit_add(suite, forgotten_when_it_is_done_is_not_told_of, 1);
    unit_add(suite, done_may_put_more, 1);
    unit_add(suite, end_waits_for_what_still_runs, 1);
    unit_add(suite, end_without_a_job_needs_no_thread, 1);
    return unit_run(suite);
}
