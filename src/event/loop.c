/* SPDX-License-Identifier: BSD-2-Clause */
/* loop: one turn of the event loop, and what hangs on it. */
#include "event/loop.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/counters.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

bool
loop_init(struct loop *loop, unsigned max_events)
{
    memset(loop, 0, sizeof(*loop));
    loop->epoll_fd = -1;
    loop->signals.fd = -1;
    link_init(&loop->posted);
    link_init(&loop->turn_ends);
    clock_update();
    timer_wheel_init(&loop->timers, now.mono_ms);

    loop->max_events = MAX(1, MIN(max_events, INT_MAX / sizeof(*loop->events)));
    loop->events = calloc(loop->max_events, sizeof(*loop->events));
    loop->sources = calloc(LOOP_MAX_SOURCES, sizeof(struct loop_source *));
    loop->source_generations = calloc(LOOP_MAX_SOURCES, sizeof(*loop->source_generations));
    if (loop->events == NULL || loop->sources == NULL || loop->source_generations == NULL) {
        loop_fini(loop);
        errno = ENOMEM;
        return false;
    }
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        int err = errno;

        loop_fini(loop);
        errno = err;
        return false;
    }
    return true;
}

static void
close_if_open(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* No EPOLL_CTL_DEL here: a forked child shares its parent's epoll instance. */
void
loop_fini(struct loop *loop)
{
    close_if_open(&loop->signals.fd);
    close_if_open(&loop->epoll_fd);
    free(loop->events);
    free(loop->sources);
    free(loop->source_generations);
    loop->events = NULL;
    loop->sources = NULL;
    loop->source_generations = NULL;
}

bool
loop_add(struct loop *loop, int fd, uint64_t word, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.u64 = word };

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool
loop_modify(struct loop *loop, int fd, uint64_t word, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.u64 = word };

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0;
}

void
loop_remove(struct loop *loop, int fd)
{
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static uint64_t
source_word(const struct loop *loop, uint32_t i)
{
    return (uint64_t)loop->source_generations[i] << 32 | (LOOP_SOURCE_BASE + i);
}

bool
loop_source_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
    uint32_t i = 0;

    assert(!source->added);
    while (i < LOOP_MAX_SOURCES && loop->sources[i] != NULL)
        i++;
    if (i == LOOP_MAX_SOURCES) {
        errno = ENOSPC;
        return false;
    }
    if (!loop_add(loop, source->fd, source_word(loop, i), events))
        return false;
    loop->sources[i] = source;
    source->index = i;
    source->added = true;
    return true;
}

void
loop_source_remove(struct loop *loop, struct loop_source *source)
{
    if (!source->added)
        return;
    loop_remove(loop, source->fd);
    loop->sources[source->index] = NULL;
    loop->source_generations[source->index]++;
    source->added = false;
}

void
loop_post(struct loop *loop, struct loop_work *work)
{
    if (!link_is_linked(&work->link))
        list_push(&loop->posted, &work->link);
}

void
loop_unpost(struct loop_work *work)
{
    link_remove(&work->link);
}

void
loop_at_turn_end(struct loop *loop, struct loop_turn_end *end)
{
    list_push(&loop->turn_ends, &end->link);
}

/* What does not fit into one read is there again in the next turn. */
static void
on_signals_readable(struct loop_source *source, uint32_t events)
{
    struct loop *loop = source->data;
    struct signalfd_siginfo infos[8];
    ssize_t n;

    (void)events;
    n = read(source->fd, infos, sizeof(infos));
    for (ssize_t i = 0; i < n / (ssize_t)sizeof(infos[0]); i++) {
        struct loop_signal signal = {
            .number = (int)infos[i].ssi_signo,
            .from = (pid_t)infos[i].ssi_pid,
        };

        loop->on_signal(loop, &signal);
    }
}

bool
loop_signals(struct loop *loop, const sigset_t *set,
             void (*fn)(struct loop *loop, const struct loop_signal *signal))
{
    int fd;

    if (sigprocmask(SIG_BLOCK, set, NULL) != 0)
        return false;
    fd = signalfd(loop->signals.fd, set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return false;
    loop->on_signal = fn;
    loop->signals.fd = fd;
    if (loop->signals.added)
        return true;
    loop->signals.on_event = on_signals_readable;
    loop->signals.data = loop;
    return loop_source_add(loop, &loop->signals, EPOLLIN);
}

static void
source_event(struct loop *loop, uint64_t word, uint32_t events)
{
    uint32_t i = (uint32_t)word - LOOP_SOURCE_BASE;
    struct loop_source *source;

    if (i >= LOOP_MAX_SOURCES || loop->source_generations[i] != word >> 32
        || loop->sources[i] == NULL) {
        stats->stale_events++;
        return;
    }
    source = loop->sources[i];
    source->on_event(source, events);
}

static void
handle_events(struct loop *loop, int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t word = loop->events[i].data.u64;
        uint32_t events = loop->events[i].events;

        if (LIKELY((uint32_t)word < LOOP_SOURCE_BASE))
            loop->on_slot_event(loop->slots, word, events);
        else
            source_event(loop, word, events);
    }
}

/* Work posted while this runs waits for the next turn: descriptors get theirs in between. */
static unsigned
run_posted(struct loop *loop)
{
    struct link running;
    unsigned ran = 0;

    if (list_is_empty(&loop->posted))
        return 0;
    link_init(&running);
    while (!list_is_empty(&loop->posted)) {
        struct link *link = loop->posted.next;

        link_remove(link);
        list_push(&running, link);
    }
    while (!list_is_empty(&running)) {
        struct loop_work *work = CONTAINER_OF(running.next, struct loop_work, link);

        link_remove(&work->link);
        ran++;
        work->run(work);
    }
    return ran;
}

static void
run_turn_ends(struct loop *loop)
{
    struct link *link, *next;

    for (link = loop->turn_ends.next; link != &loop->turn_ends; link = next) {
        struct loop_turn_end *end = CONTAINER_OF(link, struct loop_turn_end, link);

        next = link->next;
        end->run(end);
    }
}

/*
 * The wheel counts whole milliseconds that have begun, and epoll never wakes before its time: when
 * the wait is over, the tick that was waited for has come, and no turn is spent on nothing.
 */
static int
wait_ms(struct loop *loop, int max_wait_ms)
{
    int64_t timer_ms;

    if (!list_is_empty(&loop->posted))
        return 0;
    timer_ms = timer_wheel_wait(&loop->timers);
    if (timer_ms < 0 || (max_wait_ms >= 0 && max_wait_ms < timer_ms))
        return max_wait_ms;
    return (int)MIN(timer_ms, INT_MAX);
}

int
loop_turn(struct loop *loop, int max_wait_ms)
{
    int count = epoll_wait(loop->epoll_fd, loop->events, (int)loop->max_events,
                           wait_ms(loop, max_wait_ms));
    unsigned happened;

    if (UNLIKELY(count < 0)) {
        if (errno != EINTR) {
            LOG(&process_log, ALERT, errno, "epoll_wait() failed");
            return -1;
        }
        count = 0;
    }
    clock_update();
    handle_events(loop, count);
    happened = (unsigned)count;
    happened += run_posted(loop);
    happened += timer_wheel_advance(&loop->timers, now.mono_ms);
    if (happened > 0)
        run_turn_ends(loop);
    return count;
}

bool
loop_run(struct loop *loop)
{
    while (!loop->stopped) {
        if (loop_turn(loop, -1) < 0)
            return false;
    }
    return true;
}

void
loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
