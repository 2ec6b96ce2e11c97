/* SPDX-License-Identifier: BSD-2-Clause */
/* loop: sources, stale events, posted work, the order of a turn, signals. */
#include "unit.h"
#include "event/loop.h"
#include "base/clock.h"
#include "base/counters.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

static struct loop loop;
static char trace[64];          /* a letter for each thing that happened */

static void
note(char what)
{
    size_t len = strlen(trace);

    ck_assert_uint_lt(len, sizeof(trace) - 1);
    trace[len] = what;
    trace[len + 1] = '\0';
}

static void
start(void)
{
    trace[0] = '\0';
    stats->stale_events = 0;
    ck_assert(loop_init(&loop, 16));
}

/* A source that is always readable: its letter is in data. */
static struct loop_source
ready_source(void (*on_event)(struct loop_source *source, uint32_t events), const char *letter)
{
    int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    return (struct loop_source){
        .fd = fd, .on_event = on_event, .data = (void *)(uintptr_t)letter,
    };
}

static void
note_and_remove(struct loop_source *source, uint32_t events)
{
    ck_assert(events & EPOLLIN);
    note(*(const char *)source->data);
    loop_source_remove(&loop, source);
    close(source->fd);
}

START_TEST(event_of_a_source_calls_its_function)
{
    struct loop_source source;

    start();
    source = ready_source(note_and_remove, "a");
    ck_assert(loop_source_add(&loop, &source, EPOLLIN));
    ck_assert_int_eq(loop_turn(&loop, -1), 1);
    ck_assert_str_eq(trace, "a");
    ck_assert(!source.added);
    ck_assert_int_eq(loop_turn(&loop, 0), 0);
    loop_fini(&loop);
}
END_TEST

static struct loop_source pair[2];

/* Whoever comes first silences the other, whose event waits in the same batch. */
static void
remove_the_other(struct loop_source *source, uint32_t events)
{
    struct loop_source *other = source == &pair[0] ? &pair[1] : &pair[0];

    (void)events;
    note('x');
    loop_source_remove(&loop, source);
    loop_source_remove(&loop, other);
}

/* Now the word of the event that waits names a place that is taken again. */
static void
put_back_both(struct loop_source *source, uint32_t events)
{
    struct loop_source *other = source == &pair[0] ? &pair[1] : &pair[0];

    remove_the_other(source, events);
    ck_assert(loop_source_add(&loop, source, EPOLLIN));
    ck_assert(loop_source_add(&loop, other, EPOLLIN));
}

static void
start_pair(void (*on_event)(struct loop_source *source, uint32_t events))
{
    start();
    for (unsigned i = 0; i < 2; i++) {
        pair[i] = ready_source(on_event, "");
        ck_assert(loop_source_add(&loop, &pair[i], EPOLLIN));
    }
}

static void
end_pair(void)
{
    close(pair[0].fd);
    close(pair[1].fd);
    loop_fini(&loop);
}

START_TEST(events_of_a_removed_source_are_stale)
{
    start_pair(remove_the_other);
    ck_assert_int_eq(loop_turn(&loop, -1), 2);
    ck_assert_str_eq(trace, "x");
    ck_assert_uint_eq(stats->stale_events, 1);
    end_pair();
}
END_TEST

START_TEST(source_added_anew_does_not_get_its_old_event)
{
    start_pair(put_back_both);
    ck_assert_int_eq(loop_turn(&loop, -1), 2);
    ck_assert_str_eq(trace, "x");
    ck_assert_uint_eq(stats->stale_events, 1);
    ck_assert_int_eq(loop_turn(&loop, -1), 2);
    ck_assert_str_eq(trace, "xx");
    ck_assert_uint_eq(stats->stale_events, 2);
    end_pair();
}
END_TEST

static struct loop_work works[3];

static void
note_work(struct loop_work *work)
{
    note((char)('0' + (work - works)));
}

static void
note_and_post_again(struct loop_work *work)
{
    note_work(work);
    loop_post(&loop, work);
}

static void
note_and_unpost_next(struct loop_work *work)
{
    note_work(work);
    loop_unpost(work + 1);
}

static void
post_all(void (*first)(struct loop_work *work))
{
    for (unsigned i = 0; i < ARRAY_LEN(works); i++) {
        loop_work_init(&works[i], i == 0 ? first : note_work);
        loop_post(&loop, &works[i]);
    }
}

START_TEST(posted_work_runs_once_in_order)
{
    start();
    post_all(note_work);
    loop_post(&loop, &works[0]);
    ck_assert_int_eq(loop_turn(&loop, -1), 0);
    ck_assert_str_eq(trace, "012");
    loop_fini(&loop);
}
END_TEST

START_TEST(work_posted_by_work_waits_for_the_next_turn)
{
    start();
    post_all(note_and_post_again);
    loop_turn(&loop, -1);
    ck_assert_str_eq(trace, "012");
    loop_turn(&loop, -1);
    ck_assert_str_eq(trace, "0120");
    loop_unpost(&works[0]);
    loop_turn(&loop, 0);
    ck_assert_str_eq(trace, "0120");
    loop_fini(&loop);
}
END_TEST

START_TEST(work_can_be_unposted_by_work_of_its_turn)
{
    start();
    post_all(note_and_unpost_next);
    loop_turn(&loop, -1);
    ck_assert_str_eq(trace, "02");
    loop_fini(&loop);
}
END_TEST

static void
note_end(struct loop_turn_end *end)
{
    (void)end;
    note('e');
}

static void
note_last_end(struct loop_turn_end *end)
{
    (void)end;
    note('.');
}

static void
note_timer(struct timer *timer)
{
    (void)timer;
    note('t');
}

static void
note_and_post(struct loop_source *source, uint32_t events)
{
    note_and_remove(source, events);
    loop_post(&loop, &works[0]);
}

START_TEST(turn_is_events_work_timers_ends)
{
    struct loop_turn_end ends[2] = { { .run = note_end }, { .run = note_last_end } };
    struct loop_source source;
    struct timer timer;

    start();
    loop_at_turn_end(&loop, &ends[0]);
    loop_at_turn_end(&loop, &ends[1]);
    loop_turn(&loop, 0);
    ck_assert_str_eq(trace, "");                /* nothing happened: no end either */
    timer_init(&timer, note_timer);
    timer_arm(&loop.timers, &timer, 0);
    loop_work_init(&works[0], note_work);
    source = ready_source(note_and_post, "a");
    ck_assert(loop_source_add(&loop, &source, EPOLLIN));
    loop_turn(&loop, -1);
    ck_assert_str_eq(trace, "a0te.");
    loop_fini(&loop);
}
END_TEST

static uint64_t
monotonic_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

START_TEST(wait_for_a_timer_is_neither_short_nor_busy)
{
    struct timer timer;
    uint64_t before_us;
    unsigned turns = 0;

    start();
    timer_init(&timer, note_timer);
    before_us = monotonic_us();
    clock_update();
    timer_arm(&loop.timers, &timer, now.mono_ms + 60);
    while (trace[0] == '\0') {
        ck_assert_int_eq(loop_turn(&loop, -1), 0);
        turns++;
    }
    /* The clock's tick had begun before: up to one of the 60 is over already. */
    ck_assert_uint_ge(monotonic_us() - before_us, 59000);
    ck_assert_uint_le(turns, TIMER_LEVELS + 1);
    loop_fini(&loop);
}
END_TEST

static uint64_t slot_word;
static uint32_t slot_events;

static void
on_slot_event(void *slots, uint64_t word, uint32_t events)
{
    ck_assert_ptr_eq(slots, trace);
    slot_word = word;
    slot_events = events;
    note('s');
}

START_TEST(words_of_slots_go_to_their_table)
{
    static const uint64_t word = UINT64_C(0xdeadbeef) << 32 | 0xfffeffff;
    int fd;

    start();
    fd = eventfd(0, EFD_CLOEXEC);
    loop.on_slot_event = on_slot_event;
    loop.slots = trace;
    ck_assert(loop_add(&loop, fd, word, EPOLLIN | EPOLLOUT));
    loop_turn(&loop, -1);
    ck_assert_uint_eq(slot_word, word);
    ck_assert_uint_eq(slot_events, EPOLLOUT);
    ck_assert(loop_modify(&loop, fd, word + 1, EPOLLIN));
    ck_assert_int_eq(loop_turn(&loop, 0), 0);
    loop_remove(&loop, fd);
    ck_assert(!loop_modify(&loop, fd, word, EPOLLIN));
    ck_assert_int_eq(errno, ENOENT);
    close(fd);
    loop_fini(&loop);
}
END_TEST

static int last_signal;
static pid_t last_sender;

static void
on_signal(struct loop *of, const struct loop_signal *signal)
{
    ck_assert_ptr_eq(of, &loop);
    last_signal = signal->number;
    last_sender = signal->from;
    note('s');
}

START_TEST(signals_arrive_as_events_with_their_sender)
{
    static const int numbers[] = { SIGUSR1, SIGHUP, SIGTERM };
    sigset_t set;

    start();
    sigemptyset(&set);
    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++) {
        sigaddset(&set, numbers[i]);
        ck_assert(loop_signals(&loop, &set, on_signal));    /* the set may grow */
    }
    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++) {
        kill(getpid(), numbers[i]);
        ck_assert_int_eq(loop_turn(&loop, -1), 1);
        ck_assert_int_eq(last_signal, numbers[i]);
        ck_assert_int_eq(last_sender, getpid());
    }
    ck_assert_str_eq(trace, "sss");
    loop_fini(&loop);
}
END_TEST

START_TEST(more_signals_than_one_read_takes_all_arrive)
{
    sigset_t set;

    start();
    sigemptyset(&set);
    for (int i = 0; i < 12; i++)
        sigaddset(&set, SIGRTMIN + i);
    ck_assert(loop_signals(&loop, &set, on_signal));
    for (int i = 0; i < 12; i++)
        kill(getpid(), SIGRTMIN + i);
    while (loop_turn(&loop, 0) > 0)
        ;
    ck_assert_uint_eq(strlen(trace), 12);
    loop_fini(&loop);
}
END_TEST

static void
on_alarm(int number)
{
    (void)number;
}

START_TEST(interrupted_wait_is_a_turn_without_events)
{
    struct sigaction action = { .sa_handler = on_alarm };
    struct itimerval every = { { 0, 2000 }, { 0, 2000 } }, never = { { 0, 0 }, { 0, 0 } };

    start();
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(loop_turn(&loop, 20000), 0);
    setitimer(ITIMER_REAL, &never, NULL);
    loop_fini(&loop);
}
END_TEST

static void
stop(struct loop_work *work)
{
    note_work(work);
    loop_stop(&loop);
}

START_TEST(run_ends_with_the_turn_in_which_it_is_stopped)
{
    start();
    post_all(stop);
    ck_assert(loop_run(&loop));
    ck_assert_str_eq(trace, "012");
    loop_fini(&loop);
}
END_TEST

START_TEST(broken_epoll_ends_the_run)
{
    start();
    close(loop.epoll_fd);
    loop.epoll_fd = -1;
    ck_assert(!loop_run(&loop));
    loop_fini(&loop);
}
END_TEST

START_TEST(failed_init_leaves_nothing_to_undo)
{
    struct rlimit old, none;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = (struct rlimit){ .rlim_cur = 0, .rlim_max = old.rlim_max };
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert(!loop_init(&loop, 16));
    ck_assert_int_eq(errno, EMFILE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    loop_fini(&loop);
    ck_assert_int_eq(loop.epoll_fd, -1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("event/loop");

    unit_add(suite, event_of_a_source_calls_its_function, 1);
    unit_add(suite, events_of_a_removed_source_are_stale, 1);
    unit_add(suite, source_added_anew_does_not_get_its_old_event, 1);
    unit_add(suite, posted_work_runs_once_in_order, 1);
    unit_add(suite, work_posted_by_work_waits_for_the_next_turn, 1);
    unit_add(suite, work_can_be_unposted_by_work_of_its_turn, 1);
    unit_add(suite, turn_is_events_work_timers_ends, 1);
    unit_add(suite, wait_for_a_timer_is_neither_short_nor_busy, 1);
    unit_add(suite, words_of_slots_go_to_their_table, 1);
    unit_add(suite, signals_arrive_as_events_with_their_sender, 1);
    unit_add(suite, more_signals_than_one_read_takes_all_arrive, 1);
    unit_add(suite, interrupted_wait_is_a_turn_without_events, 1);
    unit_add(suite, run_ends_with_the_turn_in_which_it_is_stopped, 1);
    unit_add(suite, broken_epoll_ends_the_run, 1);
    unit_add(suite, failed_init_leaves_nothing_to_undo, 1);
    return unit_run(suite);
}
