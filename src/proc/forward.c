/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forward: what waits in the hand-over queue of a master whose workers do not serve any more goes
 * on to the other master's queue. Its workers may have written there just before they heard of
 * that.
 */
#include "proc/master_parts.h"

#include "base/clock.h"

#include <time.h>
#include <unistd.h>

enum {
    RETRY_MS = 10,
    TURN = 64,                  /* connections for one event */
    LAST_TRIES = 100            /* at the end, RETRY_MS apart */
};

/* One may be on its way between the two queues: it is sent before the next is received. */
static struct handed_over held = { .fd = -1 };

void
forward_forget(void)
{
    if (held.fd >= 0)
        close(held.fd);
    held.fd = -1;
}

enum forwarded { FORWARDED, NONE_WAITS, NO_ROOM };

/* What it is good for is for the receiver to say: here nothing is looked at. */
static enum forwarded
receive_next(const struct master *m)
{
    switch (handover_receive(m->queue.in, &held)) {
    case HANDOVER_GOT:
        return FORWARDED;
    case HANDOVER_NO_DESCRIPTOR:
        return NO_ROOM;
    case HANDOVER_MALFORMED:
    case HANDOVER_EMPTY:
    case HANDOVER_CLOSED:
        return NONE_WAITS;
    }
    return NONE_WAITS;
}

static enum forwarded
forward_one(const struct master *m)
{
    enum forwarded result = FORWARDED;

    if (held.fd < 0 && (result = receive_next(m)) != FORWARDED) {
        held.fd = -1;
        return result;
    }
    switch (handover_send(m->upgrade.other_queue, held.fd, &held.carried)) {
    case HANDOVER_SENT:
    case HANDOVER_BROKEN:
        forward_forget();
        return FORWARDED;
    case HANDOVER_FULL:
    case HANDOVER_BUSY:
        return NO_ROOM;
    }
    return NO_ROOM;
}

static bool
may_forward(const struct master *m)
{
    return !m->serves && upgrade_can_take_over(m);
}

static void
later(struct master *m)
{
    timer_arm(&m->loop.timers, &m->forward_retry, now.mono_ms + RETRY_MS);
}

static void
on_queue(struct loop_source *source, uint32_t events)
{
    struct master *m = source->data;
    enum forwarded result = may_forward(m) ? FORWARDED : NO_ROOM;

    (void)events;
    for (int i = 0; i < TURN && result == FORWARDED; i++)
        result = forward_one(m);
    if (result != NO_ROOM)
        return;
    loop_source_remove(&m->loop, source);
    later(m);
}

void
forward_begin(struct master *m)
{
    if (m->forward.added || !may_forward(m))
        return;
    m->forward = (struct loop_source){ .fd = m->queue.in, .on_event = on_queue, .data = m };
    if (!loop_source_add(&m->loop, &m->forward, EPOLLIN))
        later(m);
}

static void
on_retry(struct timer *timer)
{
    struct master *m = CONTAINER_OF(timer, struct master, forward_retry);

    /* They serve again, and take it themselves. */
    if (!may_forward(m) && held.fd >= 0
        && handover_send(m->queue.out, held.fd, &held.carried) == HANDOVER_SENT)
        forward_forget();
    forward_begin(m);
}

void
forward_init(struct master *m)
{
    timer_init(&m->forward_retry, on_retry);
}

void
forward_finish(struct master *m)
{
    const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };
    enum forwarded result = may_forward(m) ? FORWARDED : NONE_WAITS;

    for (int tries = 0; result != NONE_WAITS && tries < LAST_TRIES; tries += result == NO_ROOM) {
        if (result == NO_ROOM)
            nanosleep(&pause, NULL);
        result = forward_one(m);
    }
    forward_forget();
    timer_cancel(&m->forward_retry);
    if (m->forward.added)
        loop_source_remove(&m->loop, &m->forward);
}
