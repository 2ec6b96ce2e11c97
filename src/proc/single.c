/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/single.h"

#include "base/counters.h"
#include "proc/calls.h"
#include "proc/conf_answer.h"
#include "proc/daemon.h"
#include "proc/gather.h"
#include "proc/notify.h"
#include "proc/privileges.h"
#include "proc/rotate.h"
#include "proc/serving.h"
#include "proc/signals.h"
#include "proc/sockets.h"
#include "proc/status.h"
#include "proc/taken_over.h"
#include "proc/tell.h"
#include "proc/title.h"
#include "proc/verdict.h"
#include "proc/walls.h"
#include "proc/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { LIST_BLOCK = 64 << 10 };

static struct counters_segment *segment;
static struct verdict verdict;
static struct control_server control;
static struct rotator rotator;
static bool ignores_hangup;

static void
count_for(struct runtime *rt)
{
    if (rt->setup.http != NULL)
        http_count_hosts(rt->setup.http, segment);
}

/* Counters as with a master, so that all pages that show them are the same. */
static bool
start_counting(struct runtime *rt)
{
    segment = counters_create(1);
    if (segment == NULL) {
        tell(LEVEL_EMERG, errno, "shared memory for the counters cannot be had");
        return false;
    }
    counters_use(segment, 0, rt->generation);
    counters_note_generation(segment, rt->generation);
    count_for(rt);
    return true;
}

/* The new configuration takes the place of the one that serves, or nothing changes. */
static bool
take_next(struct serving *s)
{
    struct runtime *old = serving_runtime(s);
    struct runtime *rt;

    LOG(&process_log, NOTICE, 0, "reconfiguring");
    rt = runtime_read(old->options);
    if (rt == NULL || !walls_hold(rt) || !runtime_open(rt, old, OPEN_AT_RELOAD)) {
        tell(LEVEL_EMERG, 0, "the configuration was not changed");
        runtime_free(rt);
        return false;
    }
    count_for(rt);
    if (!serving_switch(s, rt)) {
        tell(LEVEL_EMERG, 0, "the new configuration cannot be served, it was not changed");
        runtime_give_back(rt, old);
        runtime_free(rt);
        return false;
    }
    counters_note_generation(segment, rt->generation);
    worker_set_environment(rt);
    tell_log(&rt->main->log);
    rotator_take(&rotator, &s->loop.timers, &rt->log_files, &old->log_files);
    stats->generation = rt->generation;
    if (rt->events->worker_connections != old->events->worker_connections)
        tell(LEVEL_WARN, 0, "a change of worker_connections takes effect at the next start");
    if (rt->main->sandbox != old->main->sandbox)
        tell(LEVEL_WARN, 0, "a change of sandbox takes effect at the next start");
    return true;
}

/* ---- logs ---------------------------------------------------------------------------------- */

static bool
rotates(void *data)
{
    (void)data;
    return true;
}

static void
reopen(void *data, struct str path)
{
    struct serving *s = data;

    (void)path;
    serving_reopen_logs(s);
    daemon_follow_log(serving_runtime(s));
}

/* ---- commands ------------------------------------------------------------------------------ */

static void
reload(struct serving *s)
{
    bool ok;

    verdict_begin(&verdict);
    ok = take_next(s);
    if (ok)
        control_server_start(&control, runtime_control_path(serving_runtime(s)));
    verdict_end(&verdict, ok, serving_runtime(s)->generation);
}

static void
on_reload(struct control_client *client, struct str arguments, void *data)
{
    struct serving *s = data;

    if (verdict_ask(&verdict, client, arguments, s->leaving))
        reload(s);
}

static void
on_connections(struct control_client *client, struct str arguments, void *data)
{
    bool json;
    struct arena *arena;

    if (!gather_form(client, arguments, &json))
        return;
    arena = arena_create(LIST_BLOCK, 0);
    gather_answer(client, json, arena != NULL ? serving_list(data, arena) : STR_NONE);
    arena_destroy(arena);
}

static void
on_conf(struct control_client *client, struct str arguments, void *data)
{
    conf_answer(client, arguments, serving_runtime(data));
}

static void
on_upgrade(struct control_client *client, struct str arguments, void *data)
{
    (void)arguments;
    (void)data;
    control_say(client, STR("weir: [error] with \"master_process off\" there is no upgrade\n"));
    control_end(client, false);
}

static const struct control_command commands[] = {
    { STR_INIT("conf"), on_conf },
    { STR_INIT("connections"), on_connections },
    { STR_INIT("reload"), on_reload },
    { STR_INIT("status"), status_answer },
    { STR_INIT("upgrade"), on_upgrade },
    { { NULL, 0 }, NULL }
};

static void
leave(struct serving *s)
{
    if (s->leaving)
        return;
    notify_stopping();
    LOG(&process_log, NOTICE, 0, "gracefully shutting down");
    stats->leaving = 1;
    title_set("worker process is shutting down");
    sockets_all_go(serving_runtime(s));
    serving_leave(s, NULL);
}

/* "weir serve" has nothing to read anew: its terminal is gone, unless nohup(1) started it. */
static void
on_hangup(struct serving *s, const struct loop_signal *signal)
{
    bool stays = !serving_runtime(s)->options->fixed;

    if (s->leaving || (!stays && ignores_hangup)) {
        signal_log(signal, "");
    } else if (stays) {
        signal_log(signal, "reconfiguring");
        reload(s);
    } else {
        signal_log(signal, "exiting");
        loop_stop(&s->loop);
    }
}

static void
on_signal(struct loop *loop, const struct loop_signal *signal)
{
    struct serving *s = loop->data;

    switch (signal->number) {
    case SIGTERM:
    case SIGINT:
        signal_log(signal, "exiting");
        notify_stopping();
        loop_stop(loop);
        break;
    case SIGQUIT:
        signal_log(signal, "shutting down");
        leave(s);
        break;
    case SIGHUP:
        on_hangup(s, signal);
        break;
    case SIGUSR1:
        signal_log(signal, "reopening logs");
        reopen(s, STR_NONE);
        break;
    default:
        signal_log(signal, "");
    }
}

static bool
has_unix_socket(const struct runtime *rt)
{
    const struct link *head = runtime_listeners(rt);

    for (const struct link *l = head->next; l != head; l = l->next)
        if (CONTAINER_OF(l, const struct listener, link)->address.sa.sa_family == AF_UNIX)
            return true;
    return false;
}

/* A Unix socket's file lies in whoever's folder, and is removed at the end. */
static enum privileges
privileges_for(const struct runtime *rt)
{
    if (!rt->options->fixed)
        return PRIVILEGES_ALONE;
    return has_unix_socket(rt) ? PRIVILEGES_WRITE : PRIVILEGES_READ;
}

/* As a worker does, before there is a client or a thread; but the user stays. */
static bool
confine(const struct runtime *rt)
{
    if (!privileges_drop(NULL, privileges_for(rt)))
        return false;
#ifdef WEIR_DEBUG
    taken_over_begin();
#endif
    return walls_enter(rt);
}

static bool
hear_of_refusals(struct loop *loop)
{
#ifdef WEIR_DEBUG
    taken_over_listen(loop);
#endif
    if (calls_listen(loop))
        return true;
    tell(LEVEL_EMERG, errno, "hearing of refused system calls failed");
    return false;
}

int
single_run(struct runtime *rt)
{
    static struct serving s;
    const struct options *options = rt->options;
    struct sigaction hangup;
    bool early, ok;             /* early: the pid file is beyond the walls */

    title_set("worker process");
    ignores_hangup = sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN;
    notify_init();
    early = !walls_keep(rt->main->pid_path.p);
    serving_raise_descriptor_limit(rt);
    if (!worker_set_environment(rt) || !start_counting(rt) || (early && !runtime_settle(rt))
        || !confine(rt)) {
        runtime_free(rt);
        return EXIT_FAILURE;
    }
    if (!serving_start(&s, rt, on_signal))
        return EXIT_FAILURE;
    if (!hear_of_refusals(&s.loop)) {
        serving_stop(&s);
        return EXIT_FAILURE;
    }
    s.loop.data = &s;
    verdict_init(&verdict, segment);
    control_server_init(&control, &s.loop, commands, &s);
    /* Who finds the pid file finds the socket, too. */
    control_server_start(&control, runtime_control_path(rt));
    if (!early && !runtime_settle(rt)) {
        control_server_stop(&control);
        serving_stop(&s);
        return EXIT_FAILURE;
    }
    rotator_init(&rotator, rotates, reopen, &s);
    tell_started();
    walls_tell_missing(rt);
    rotator_take(&rotator, &s.loop.timers, &rt->log_files, NULL);
    daemon_ready();
    verdict_start(rt->generation);
    notify_watchdog(&s.loop);
    ok = loop_run(&s.loop);
    control_server_stop(&control);
    rotator_stop(&rotator);
    if (options->ended != NULL)
        options->ended();
    serving_stop(&s);
    counters_destroy(segment);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
