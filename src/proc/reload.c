/* SPDX-License-Identifier: BSD-2-Clause */
/* reload: from one configuration to the next, or not at all. */
#include "proc/master_parts.h"

#include "base/clock.h"
#include "proc/daemon.h"
#include "proc/sockets.h"
#include "proc/tell.h"

enum {
    RELOAD_MS = 30000,          /* for new workers to get ready */
    BIND_TRIES = 10,
    BIND_PAUSE_MS = 300
};

static void
reload_over(struct master *m, bool ok)
{
    timer_cancel(&m->reload_limit);
    timer_cancel(&m->reload_retry);
    if (m->started && !m->serves)
        upgrade_tell(m, UPGRADE_RESTS);
    verdict_end(&m->verdict, ok, m->current->generation);
    if (!m->reload_again)
        return;
    m->reload_again = false;
    reload_begin(m);
}

void
reload_on_release(struct timer *timer)
{
    struct master *m = CONTAINER_OF(timer, struct master, release_held);
    uint64_t next;

    /* The next configuration may have taken some over: they are let go when it is known whether it
       serves. */
    if (m->next != NULL)
        return;
    next = sockets_release_held(m->current);
    if (next != 0)
        timer_arm(&m->loop.timers, timer, next);
}

void
reload_give_up(struct master *m, const char *why)
{
    struct runtime *rt = m->next;

    if (rt == NULL && !timer_is_armed(&m->reload_retry))
        return;
    tell(LEVEL_EMERG, 0, "%s, the configuration was not changed", why);
    if (rt == NULL) {
        reload_over(m, false);
        return;
    }
    m->next = NULL;
    runtime_give_back(rt, m->current);
    sockets_close(rt);
    children_retire(m, rt);
    runtime_free(rt);
    reload_on_release(&m->release_held);
    start_check(m);
    reload_over(m, false);
}

void
reload_on_limit(struct timer *timer)
{
    reload_give_up(CONTAINER_OF(timer, struct master, reload_limit),
                   "new worker processes did not get ready in time");
}

/*
 * The master lets go first, so that the workers that leave are the last to look into the backlog
 * of a socket that goes.
 */
static void
retire(struct master *m, struct runtime *old)
{
    sockets_commit(m->current, old);
    sockets_hold(m->current, old);
    runtime_keep(m->current, old);
    sockets_close(old);
    reload_on_release(&m->release_held);
    children_retire(m, old);
}

void
reload_check(struct master *m)
{
    struct runtime *old = m->current;

    if (m->next == NULL || !children_ready(m, m->next))
        return;
    m->current = m->next;
    m->next = NULL;
    counters_note_generation(m->counters, m->current->generation);
    LOG(&process_log, NOTICE, 0, "generation %ju serves, generation %ju is shutting down",
        (uintmax_t)m->current->generation, (uintmax_t)old->generation);
    m->serves = true;
    old->shares_sockets = m->upgrade.line.fd >= 0;
    retire(m, old);
    upgrade_tell(m, UPGRADE_SERVES);
    leaving_limit(m);
    tell_log(&m->current->main->log);
    daemon_follow_log(m->current);
    rotation_take(m, old);
    runtime_free(old);
    start_done(m);
    control_server_start(&m->control, runtime_control_path(m->current));
    reload_over(m, true);
}

/* False: it was not read, or not opened, and will not be. */
static bool
read_and_open(struct master *m, struct runtime **opened)
{
    struct runtime *rt = runtime_read(m->current->options);
    bool may_wait = children_leave(m) && ++m->reload_tries < BIND_TRIES, waits;

    *opened = NULL;
    if (rt == NULL)
        return false;
    if (runtime_open(rt, m->current, may_wait ? OPEN_AND_TRY_AGAIN : OPEN_AT_RELOAD)) {
        *opened = rt;
        return true;
    }
    waits = may_wait && rt->address_in_use;
    runtime_free(rt);
    return waits;
}

/*
 * An address that the configuration before the present one had, and this one has not, is listened
 * on until the last of the workers that leave has looked into its backlog: for that a reload waits.
 */
static void
reload_try(struct master *m)
{
    struct runtime *rt;

    if (!read_and_open(m, &rt)) {
        tell(LEVEL_EMERG, 0, "the configuration was not changed");
        reload_over(m, false);
        return;
    }
    if (rt == NULL) {
        LOG(&process_log, NOTICE, 0, "workers that leave may have it, try again to bind() after "
            "%dms", BIND_PAUSE_MS);
        timer_arm(&m->loop.timers, &m->reload_retry, now.mono_ms + BIND_PAUSE_MS);
        return;
    }
    m->next = rt;
    timer_arm(&m->loop.timers, &m->reload_limit, now.mono_ms + RELOAD_MS);
    if (!children_start(m, rt))
        reload_give_up(m, "there are no worker processes for it");
    else if (!children_born(m, rt))     /* the old ones serve: nobody waits for better times */
        reload_give_up(m, "a new worker process could not be started");
    else
        reload_check(m);
}

void
reload_on_retry(struct timer *timer)
{
    reload_try(CONTAINER_OF(timer, struct master, reload_retry));
}

void
reload_begin(struct master *m)
{
    if (m->next != NULL || timer_is_armed(&m->reload_retry)) {
        m->reload_again = true;
        return;
    }
    verdict_begin(&m->verdict);
    LOG(&process_log, NOTICE, 0, "reconfiguring");
    m->reload_tries = 0;
    if (m->started && !m->serves)
        upgrade_tell(m, UPGRADE_STARTS);
    reload_try(m);
}

void
reload_forget(struct master *m)
{
    m->reload_again = false;
    timer_cancel(&m->reload_limit);
    timer_cancel(&m->reload_retry);
    verdict_forget(&m->verdict);
}
