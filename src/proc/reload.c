/* SPDX-License-Identifier: BSD-2-Clause */
/* reload: from one configuration to the next, or not at all. */
#include "proc/master_parts.h"

#include "base/clock.h"
#include "proc/daemon.h"
#include "proc/tell.h"

enum { RELOAD_MS = 30000 };     /* for new workers to get ready */

static void
reload_over(struct master *m)
{
    timer_cancel(&m->reload_limit);
    if (!m->reload_again)
        return;
    m->reload_again = false;
    reload_begin(m);
}

void
reload_give_up(struct master *m, const char *why)
{
    struct runtime *rt = m->next;

    if (rt == NULL)
        return;
    LOG(&process_log, EMERG, 0, "%s, the configuration was not changed", why);
    counters_note_reload(m->counters, false, str_of(why));
    m->next = NULL;
    children_retire(m, rt);
    runtime_keep(m->current, rt);
    runtime_free(rt);
    start_check(m);
    reload_over(m);
}

void
reload_on_limit(struct timer *timer)
{
    reload_give_up(CONTAINER_OF(timer, struct master, reload_limit),
                   "new worker processes did not get ready in time");
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
    counters_note_reload(m->counters, true, STR("the new configuration serves"));
    children_retire(m, old);
    tell_log(&m->current->main->log);
    daemon_follow_log(m->current);
    runtime_keep(m->current, old);
    runtime_free(old);
    start_done(m);
    reload_over(m);
}

void
reload_begin(struct master *m)
{
    struct runtime *rt;

    if (m->next != NULL) {
        m->reload_again = true;
        return;
    }
    LOG(&process_log, NOTICE, 0, "reconfiguring");
    rt = runtime_read(m->current->options);
    if (rt == NULL || !runtime_open(rt, m->current, OPEN_AT_RELOAD)) {
        runtime_free(rt);
        LOG(&process_log, EMERG, 0, "the configuration was not changed");
        counters_note_reload(m->counters, false, STR("the configuration was not changed"));
        return;
    }
    m->next = rt;
    timer_arm(&m->loop.timers, &m->reload_limit, now.mono_ms + RELOAD_MS);
    children_start(m, rt);
    reload_check(m);
}

void
reload_forget(struct master *m)
{
    m->reload_again = false;
    timer_cancel(&m->reload_limit);
}
