/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leaving: workers that were told to finish what they have, and that nobody waits for without
 * bounds: neither for one that does not end in its time, nor for too many generations of them.
 */
#include "proc/master_parts.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>

enum { MARGIN_MS = 5000 };      /* beyond worker_shutdown_timeout, which the worker itself keeps */

static void
send_signal(const struct child *c, int signal)
{
    if (c->pid != 0 && kill(c->pid, signal) != 0 && errno != ESRCH)
        LOG(&process_log, ALERT, errno, "kill(%d, %d) failed", (int)c->pid, signal);
}

static void
on_overdue(struct timer *timer)
{
    struct child *c = CONTAINER_OF(timer, struct child, overdue);

    LOG(&process_log, ALERT, 0, "worker process %d (generation %ju) did not end within "
        "worker_shutdown_timeout, killing it", (int)c->pid, (uintmax_t)c->generation);
    send_signal(c, SIGKILL);
}

void
leaving_init(struct child *c)
{
    timer_init(&c->overdue, on_overdue);
}

void
leaving_begin(struct child *c)
{
    uint64_t timeout_ms = c->runtime != NULL ? c->runtime->main->shutdown_timeout_ms : 0;

    if (timeout_ms != 0)
        timer_arm(&c->master->loop.timers, &c->overdue, now.mono_ms + timeout_ms + MARGIN_MS);
    c->runtime = NULL;
}

/* The oldest generation above `floor` of which a worker still finishes its requests; 0: none. */
static uint64_t
next_generation(struct master *m, uint64_t floor)
{
    uint64_t next = 0;

    for (struct link *l = m->children.next; l != &m->children; l = l->next) {
        const struct child *c = child_of(l);

        if (c->runtime == NULL && c->pid != 0 && !c->told_now && c->generation > floor
            && (next == 0 || c->generation < next))
            next = c->generation;
    }
    return next;
}

static unsigned
count_generations(struct master *m)
{
    unsigned n = 0;

    for (uint64_t g = next_generation(m, 0); g != 0; g = next_generation(m, g))
        n++;
    return n;
}

static void
end_now(struct master *m, uint64_t generation)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next) {
        struct child *c = child_of(l);

        if (c->runtime != NULL || c->generation != generation)
            continue;
        send_signal(c, SIGTERM);
        c->told_now = true;
    }
}

/* They had from one reload to the next to obey. */
static void
kill_the_deaf(struct master *m)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        if (child_of(l)->told_now)
            send_signal(child_of(l), SIGKILL);
}

void
leaving_limit(struct master *m)
{
    unsigned max = m->current->main->worker_generations;

    kill_the_deaf(m);
    for (unsigned n = count_generations(m); n > max; n--) {
        uint64_t oldest = next_generation(m, 0);

        LOG(&process_log, WARN, 0, "%u old generations are shutting down, generation %ju has to "
            "end now (worker_generations is %u)", n, (uintmax_t)oldest, max);
        counters_note_ended(m->counters);
        end_now(m, oldest);
    }
}
