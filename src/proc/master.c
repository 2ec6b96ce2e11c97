/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/master.h"

#include "base/clock.h"
#include "proc/master_parts.h"
#include "proc/notify.h"
#include "proc/signals.h"
#include "proc/sockets.h"
#include "proc/tell.h"
#include "proc/title.h"
#include "proc/walls.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    COUNTER_BLOCKS = 1024,      /* address space alone until they are used */
    MASTER_EVENTS = 64,
    STOP_STEP_MS = 1000,
    STOP_STEPS = 3              /* TERM, TERM, TERM, KILL */
};

/* ---- stop ---------------------------------------------------------------------------------- */

/* When the other master serves, the service goes on. */
static void
tell_stopping(const struct master *m)
{
    if (!m->upgrade.other_is_up)
        notify_stopping();
    else if (m->upgrade.is_new)
        notify_main_pid(getppid());
}

static void
leave(struct master *m)
{
    if (m->state != RUNNING)
        return;
    m->state = LEAVING;
    tell_stopping(m);
    reload_forget(m);
    upgrade_refuse(m);
    if (m->next != NULL) {
        runtime_keep(m->current, m->next);
        sockets_all_go(m->next);
        sockets_close(m->next);
    }
    m->serves = false;
    m->current->shares_sockets = m->upgrade.line.fd >= 0;
    sockets_all_go(m->current);
    sockets_close(m->current);
    upgrade_tell(m, UPGRADE_LEAVES);
    if (upgrade_can_take_over(m))
        children_retire(m, NULL);
    else
        children_dismiss(m, NULL, SIGQUIT);
    forward_begin(m);
    if (list_is_empty(&m->children))
        loop_stop(&m->loop);
}

/* Again and again, for a worker may be in the middle of its birth; in the end without asking. */
static void
on_stop_step(struct timer *timer)
{
    struct master *m = CONTAINER_OF(timer, struct master, stop_step);

    children_dismiss(m, NULL, m->stop_steps++ < STOP_STEPS ? SIGTERM : SIGKILL);
    timer_arm(&m->loop.timers, &m->stop_step, now.mono_ms + STOP_STEP_MS);
}

static void
stop(struct master *m)
{
    if (m->state == STOPPING)
        return;
    if (m->state == RUNNING)
        tell_stopping(m);
    m->state = STOPPING;
    reload_forget(m);
    upgrade_refuse(m);
    on_stop_step(&m->stop_step);
}

/* ---- signals ------------------------------------------------------------------------------- */

static void
retire_workers(struct master *m)
{
    reload_give_up(m, "the workers are to stop");
    m->serves = false;
    upgrade_tell(m, UPGRADE_RESTS);
    children_retire(m, m->current);
    forward_begin(m);
    start_done(m);
}

void
master_signal(struct master *m, int signal)
{
    if (signal == SIGQUIT)
        leave(m);
    else
        retire_workers(m);
}

/*
 * In the midst of an upgrade, when the workers were told to stop, SIGHUP goes back: they are
 * started again as they were.
 */
static void
begin_again(struct master *m, const struct loop_signal *signal)
{
    upgrade_stay(m);
    if (m->upgrade.program != 0 && !m->serves) {
        signal_log(signal, "starting worker processes");
        upgrade_tell(m, UPGRADE_STARTS);
        children_restart(m);
        return;
    }
    signal_log(signal, "reconfiguring");
    reload_begin(m);
}

static void
on_command(struct master *m, const struct loop_signal *signal)
{
    switch (signal->number) {
    case SIGHUP:
        begin_again(m, signal);
        break;
    case SIGUSR1:
        signal_log(signal, "reopening logs");
        reopen_logs(m);
        break;
    case SIGWINCH:
        /* From the kernel it is a window that changed its size. */
        signal_log(signal, signal->from != 0 ? "stopping worker processes" : "");
        if (signal->from != 0 && !upgrade_wait(m, SIGWINCH))
            retire_workers(m);
        break;
    case SIGUSR2:
        signal_log(signal, "changing binary");
        upgrade_begin(m);
        break;
    default:
        signal_log(signal, "");
    }
}

static void
on_signal(struct loop *loop, const struct loop_signal *signal)
{
    struct master *m = loop->data;

    switch (signal->number) {
    case SIGCHLD:
        children_reap(m);
        break;
    case SIGTERM:
    case SIGINT:
        signal_log(signal, "exiting");
        stop(m);
        break;
    case SIGQUIT:
        signal_log(signal, "shutting down");
        if (m->state != RUNNING || !upgrade_wait(m, SIGQUIT))
            leave(m);
        break;
    default:
        if (m->state == RUNNING)
            on_command(m, signal);
        else
            signal_log(signal, "");
    }
    if (m->state != RUNNING && list_is_empty(&m->children))
        loop_stop(loop);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void
set_title(char *const *arguments)
{
    char text[2048];
    struct writer w = writer_at(text, sizeof(text) - 1);

    write_str(&w, STR("master process"));
    for (; *arguments != NULL; arguments++) {
        write_char(&w, ' ');
        write_str(&w, str_of(*arguments));
    }
    *w.p = '\0';
    title_set(text);
}

static bool
start(struct master *m)
{
    sigset_t set;

    signals_set(&set);
    m->counters = counters_create(COUNTER_BLOCKS);
    if (m->counters == NULL) {
        tell(LEVEL_EMERG, errno, "shared memory for the counters cannot be had");
        return false;
    }
    m->verdict.counters = m->counters;
    counters_note_generation(m->counters, m->current->generation);
    if (!handover_open(&m->queue)) {
        tell(LEVEL_EMERG, errno, "socketpair() failed");
        return false;
    }
    if (!loop_init(&m->loop, MASTER_EVENTS) || !loop_signals(&m->loop, &set, on_signal)) {
        tell(LEVEL_EMERG, errno, "the master's event loop cannot start");
        return false;
    }
    m->loop.data = m;
    upgrade_join(m);
    /* Who finds the pid file finds the socket, too. */
    control_server_start(&m->control, runtime_control_path(m->current));
    if (!runtime_settle(m->current))
        return false;
    notify_init();
    notify_watchdog(&m->loop);
    return true;
}

/*
 * The queue goes with the process: what lies in it is whatever a worker wanted, and to close the last
 * descriptor of a socket may take as long as the worker wanted (SO_LINGER), but for one who exits.
 */
static void
finish(struct master *m)
{
    while (!list_is_empty(&m->children))
        child_free(child_of(m->children.next));
    m->current->shares_sockets = m->upgrade.line.fd >= 0;
    forward_finish(m);
    upgrade_fini(m);
    gather_fini(m);
    rotator_stop(&m->rotator);
    reopen_forget(m);
    control_server_stop(&m->control);
    loop_fini(&m->loop);
    if (m->next != NULL)
        runtime_keep(m->current, m->next);
    runtime_free(m->next);
    runtime_free(m->current);
    if (m->counters != NULL)
        counters_destroy(m->counters);
}

int
master_run(struct runtime *rt, char *const *arguments)
{
    static struct master m;

    m = (struct master){ .current = rt, .status = EXIT_SUCCESS, .loop = { .epoll_fd = -1 } };
    m.loop.signals.fd = -1;
    m.queue = (struct handover_queue){ -1, -1 };
    link_init(&m.children);
    timer_init(&m.reload_limit, reload_on_limit);
    timer_init(&m.reload_retry, reload_on_retry);
    timer_init(&m.release_held, reload_on_release);
    timer_init(&m.stop_step, on_stop_step);
    verdict_init(&m.verdict, NULL);
    control_server_init(&m.control, &m.loop, master_commands, &m);
    upgrade_init(&m, arguments);
    gather_init(&m);
    forward_init(&m);
    reopen_init(&m);
    set_title(arguments);
    if (start(&m)) {
        tell_started();
        walls_tell_missing(rt);
        rotation_take(&m, NULL);
        if (!children_start(&m, rt))
            start_check(&m);
        if (!loop_run(&m.loop))
            m.status = EXIT_FAILURE;
        LOG(&process_log, NOTICE, 0, "exit");
    } else {
        m.status = EXIT_FAILURE;
    }
    finish(&m);
    return m.status;
}
