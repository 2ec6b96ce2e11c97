/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/single.h"

#include "base/counters.h"
#include "proc/daemon.h"
#include "proc/serving.h"
#include "proc/signals.h"
#include "proc/tell.h"
#include "proc/title.h"
#include "proc/worker.h"

#include <stdlib.h>

/* The new configuration takes the place of the one that serves, or nothing changes. */
static void
reload(struct serving *s)
{
    struct runtime *old = serving_runtime(s);
    struct runtime *rt;

    LOG(&process_log, NOTICE, 0, "reconfiguring");
    rt = runtime_read(old->options);
    if (rt == NULL || !runtime_open(rt, old, OPEN_AT_RELOAD)) {
        LOG(&process_log, EMERG, 0, "the configuration was not changed");
        runtime_free(rt);
        return;
    }
    if (!serving_switch(s, rt)) {
        runtime_keep(old, rt);
        runtime_free(rt);
        return;
    }
    worker_set_environment(rt);
    tell_log(&rt->main->log);
    stats->generation = rt->generation;
    if (rt->events->worker_connections != old->events->worker_connections)
        LOG(&process_log, WARN, 0, "a change of worker_connections takes effect at the next start");
}

static void
leave(struct serving *s)
{
    if (s->leaving)
        return;
    LOG(&process_log, NOTICE, 0, "gracefully shutting down");
    title_set("worker process is shutting down");
    serving_leave(s);
}

static void
on_signal(struct loop *loop, const struct loop_signal *signal)
{
    struct serving *s = loop->data;

    switch (signal->number) {
    case SIGTERM:
    case SIGINT:
        signal_log(signal, "exiting");
        loop_stop(loop);
        break;
    case SIGQUIT:
        signal_log(signal, "shutting down");
        leave(s);
        break;
    case SIGHUP:
        signal_log(signal, s->leaving ? "" : "reconfiguring");
        if (!s->leaving)
            reload(s);
        break;
    case SIGUSR1:
        signal_log(signal, "reopening logs");
        serving_reopen_logs(s);
        daemon_follow_log(serving_runtime(s));
        break;
    default:
        signal_log(signal, "");
    }
}

int
single_run(struct runtime *rt)
{
    static struct serving s;
    bool ok;

    title_set("worker process");
    if (!worker_set_environment(rt) || !runtime_settle(rt)) {
        runtime_free(rt);
        return EXIT_FAILURE;
    }
    if (!serving_start(&s, rt, on_signal))
        return EXIT_FAILURE;
    s.loop.data = &s;
    stats->generation = rt->generation;
    tell_started();
    daemon_ready();
    ok = loop_run(&s.loop);
    serving_stop(&s);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
