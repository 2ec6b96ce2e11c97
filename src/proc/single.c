/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/single.h"

#include "base/counters.h"
#include "proc/daemon.h"
#include "proc/notify.h"
#include "proc/serving.h"
#include "proc/signals.h"
#include "proc/tell.h"
#include "proc/title.h"
#include "proc/worker.h"

#include <errno.h>
#include <stdlib.h>

static struct counters_segment *segment;

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

static void
tell_manager(const struct runtime *rt, const char *outcome)
{
    char text[128];
    struct writer w = writer_at(text, sizeof(text));

    write_fmt(&w, "generation %ju serves%s", (uintmax_t)rt->generation, outcome);
    notify_ready(writer_str(&w));
}

/* The new configuration takes the place of the one that serves, or nothing changes. */
static bool
take_next(struct serving *s)
{
    struct runtime *old = serving_runtime(s);
    struct runtime *rt;

    LOG(&process_log, NOTICE, 0, "reconfiguring");
    rt = runtime_read(old->options);
    if (rt == NULL || !runtime_open(rt, old, OPEN_AT_RELOAD)) {
        LOG(&process_log, EMERG, 0, "the configuration was not changed");
        counters_note_reload(segment, false, STR("the configuration was not changed"));
        runtime_free(rt);
        return false;
    }
    count_for(rt);
    if (!serving_switch(s, rt)) {
        counters_note_reload(segment, false, STR("the new configuration cannot be served"));
        runtime_keep(old, rt);
        runtime_free(rt);
        return false;
    }
    counters_note_generation(segment, rt->generation);
    counters_note_reload(segment, true, STR("the new configuration serves"));
    worker_set_environment(rt);
    tell_log(&rt->main->log);
    stats->generation = rt->generation;
    if (rt->events->worker_connections != old->events->worker_connections)
        LOG(&process_log, WARN, 0, "a change of worker_connections takes effect at the next start");
    return true;
}

static void
reload(struct serving *s)
{
    bool ok;

    notify_reloading();
    ok = take_next(s);
    tell_manager(serving_runtime(s), ok ? "" : ", the reload failed");
}

static void
leave(struct serving *s)
{
    if (s->leaving)
        return;
    notify_stopping();
    LOG(&process_log, NOTICE, 0, "gracefully shutting down");
    stats->leaving = 1;
    title_set("worker process is shutting down");
    serving_leave(s, NULL);
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
    notify_init();
    if (!worker_set_environment(rt) || !start_counting(rt) || !runtime_settle(rt)) {
        runtime_free(rt);
        return EXIT_FAILURE;
    }
    if (!serving_start(&s, rt, on_signal))
        return EXIT_FAILURE;
    s.loop.data = &s;
    tell_started();
    daemon_ready();
    tell_manager(rt, "");
    notify_watchdog(&s.loop);
    ok = loop_run(&s.loop);
    serving_stop(&s);
    counters_destroy(segment);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
