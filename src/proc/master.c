/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/master.h"

#include "base/clock.h"
#include "base/counters.h"
#include "event/loop.h"
#include "proc/channel.h"
#include "proc/daemon.h"
#include "proc/signals.h"
#include "proc/tell.h"
#include "proc/title.h"
#include "proc/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    COUNTER_BLOCKS = 1024,      /* address space alone until they are used */
    MASTER_EVENTS = 64,
    QUICK_MS = 1000,            /* who dies younger than this died at once */
    RESPAWN_FIRST_MS = 100,
    RESPAWN_MAX_MS = 30000,
    RELOAD_MS = 30000,          /* for new workers to get ready */
    STOP_STEP_MS = 1000,
    STOP_STEPS = 3              /* TERM, TERM, TERM, KILL */
};

/*
 * A worker as the master sees it. Invariants: pid 0 means that it is dead and that `respawn` is
 * armed; runtime NULL means that it was told to leave and is not replaced.
 */
struct child {
    struct link link;           /* in master.children */
    struct master *master;
    struct runtime *runtime;
    pid_t pid;
    struct loop_source channel; /* fd -1: none */
    int block;                  /* of the counters, -1: none */
    unsigned number;
    bool ready;                 /* it serves */
    uint64_t started_ms;
    uint32_t quick_deaths;      /* one after the other */
    struct timer respawn;
};

enum master_state { RUNNING, LEAVING /* when all is answered */, STOPPING /* now */ };

struct master {
    struct loop loop;
    enum master_state state;
    struct runtime *current;    /* serves */
    struct runtime *next;       /* of a reload, until its workers are ready; NULL: none */
    struct counters_segment *counters;
    struct link children;
    bool started;               /* the first workers are ready */
    bool reload_again;          /* asked for while one was under way */
    struct timer reload_limit;
    struct timer stop_step;
    int stop_steps;
    int status;                 /* to exit with */
};

/* ---- children: start ----------------------------------------------------------------------- */

static struct child *
child_of(struct link *link)
{
    return CONTAINER_OF(link, struct child, link);
}

/* In the new process: what is the master's alone is closed. */
static void
leave_master_behind(struct master *m, const struct child *self)
{
    struct runtime *other = self->runtime == m->current ? m->next : m->current;

    daemon_forget();
    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        if (child_of(l)->channel.fd >= 0)
            close(child_of(l)->channel.fd);
    loop_fini(&m->loop);
    tell_log(&self->runtime->main->log);
    if (other == NULL)
        return;
    runtime_keep(self->runtime, other);
    runtime_free(other);
}

static void on_channel(struct loop_source *source, uint32_t events);

/* Takes one end of the line; the other is the worker's. False with errno. */
static bool
open_channel(struct child *c, int *theirs)
{
    int ends[2];

    if (!channel_open(ends))
        return false;
    c->channel = (struct loop_source){ .fd = ends[0], .on_event = on_channel, .data = c };
    if (loop_source_add(&c->master->loop, &c->channel, EPOLLIN)) {
        *theirs = ends[1];
        return true;
    }
    close(ends[0]);
    close(ends[1]);
    c->channel.fd = -1;
    return false;
}

static void
close_channel(struct child *c)
{
    if (c->channel.fd < 0)
        return;
    loop_source_remove(&c->master->loop, &c->channel);
    close(c->channel.fd);
    c->channel.fd = -1;
}

static void
respawn_later(struct child *c, uint64_t delay_ms)
{
    timer_arm(&c->master->loop.timers, &c->respawn, now.mono_ms + delay_ms);
}

/* Doubles with each death that follows at once: 100 ms, 200 ms … 30 s. */
static uint64_t
respawn_delay(const struct child *c)
{
    unsigned doublings = MIN(c->quick_deaths - 2, 9u);

    return MIN((uint64_t)RESPAWN_FIRST_MS << doublings, (uint64_t)RESPAWN_MAX_MS);
}

static void
start_failed(struct child *c, const char *step)
{
    LOG(&process_log, ALERT, errno, "%s failed, no worker process was started", step);
    close_channel(c);
    c->quick_deaths = MAX(c->quick_deaths + 1, 2u);
    respawn_later(c, respawn_delay(c));
}

static void
child_start(struct child *c)
{
    struct master *m = c->master;
    struct worker_start start;
    int end;

    c->ready = false;
    c->started_ms = now.mono_ms;
    if (!open_channel(c, &end)) {
        start_failed(c, "socketpair()");
        return;
    }
    c->block = counters_reserve(m->counters);
    start = (struct worker_start){
        .runtime = c->runtime, .counters = m->counters, .block = c->block, .channel = end,
        .number = c->number, .master = getpid(),
    };
    c->pid = fork();
    if (c->pid == 0) {
        leave_master_behind(m, c);
        worker_run(&start);
    }
    close(end);
    if (c->pid < 0) {
        c->pid = 0;
        if (c->block >= 0)
            counters_retire(m->counters, (unsigned)c->block);
        start_failed(c, "fork()");
        return;
    }
    LOG(&process_log, NOTICE, 0, "start worker process %d", (int)c->pid);
}

static void
on_respawn(struct timer *timer)
{
    child_start(CONTAINER_OF(timer, struct child, respawn));
}

static bool
child_add(struct master *m, struct runtime *rt, unsigned number)
{
    struct child *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return false;
    c->master = m;
    c->runtime = rt;
    c->number = number;
    c->channel.fd = -1;
    c->block = -1;
    timer_init(&c->respawn, on_respawn);
    list_push(&m->children, &c->link);
    child_start(c);
    return true;
}

static void
child_free(struct child *c)
{
    timer_cancel(&c->respawn);
    close_channel(c);
    link_remove(&c->link);
    free(c);
}

static void
start_workers(struct master *m, struct runtime *rt)
{
    LOG(&process_log, NOTICE, 0, "start worker processes");
    for (unsigned i = 0; i < rt->main->worker_processes; i++)
        if (!child_add(m, rt, i))
            LOG(&process_log, ALERT, ENOMEM, "a worker process cannot be started");
}

/* ---- children: end ------------------------------------------------------------------------- */

/* They leave and are not replaced. rt NULL: all; else those of one configuration. */
static void
dismiss(struct master *m, const struct runtime *rt, int signal)
{
    struct link *next;

    for (struct link *l = m->children.next; l != &m->children; l = next) {
        struct child *c = child_of(l);

        next = l->next;
        if (rt != NULL && c->runtime != rt)
            continue;
        c->runtime = NULL;
        if (c->pid == 0)
            child_free(c);
        else if (kill(c->pid, signal) != 0 && errno != ESRCH)
            LOG(&process_log, ALERT, errno, "kill(%d, %d) failed", (int)c->pid, signal);
    }
}

static void
log_exit(pid_t pid, int status)
{
    if (WIFSIGNALED(status))
        LOG(&process_log, ALERT, 0, "worker process %d exited on signal %d%s", (int)pid,
            WTERMSIG(status), WCOREDUMP(status) ? " (core dumped)" : "");
    else if (WEXITSTATUS(status) == EXIT_FATAL)
        LOG(&process_log, ALERT, 0, "worker process %d exited with fatal code %d and cannot be "
            "respawned", (int)pid, EXIT_FATAL);
    else
        LOG(&process_log, NOTICE, 0, "worker process %d exited with code %d", (int)pid,
            WEXITSTATUS(status));
}

static void check_reload(struct master *m);
static void give_up_reload(struct master *m, const char *why);

static bool
has_children_of(struct master *m, const struct runtime *rt)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        if (child_of(l)->runtime == rt)
            return true;
    return false;
}

static bool
all_ready(struct master *m, const struct runtime *rt)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        if (child_of(l)->runtime == rt && !child_of(l)->ready)
            return false;
    return true;
}

static void
start_is_over(struct master *m)
{
    m->started = true;
    daemon_ready();
}

static void
replace(struct child *c, pid_t pid)
{
    bool quick = now.mono_ms - c->started_ms < QUICK_MS;
    uint64_t delay_ms;

    c->quick_deaths = quick ? c->quick_deaths + 1 : 0;
    if (c->quick_deaths < 2) {
        child_start(c);
        return;
    }
    delay_ms = respawn_delay(c);
    LOG(&process_log, WARN, 0, "worker process %d died within %d ms of its start, as did the one "
        "before; the next one starts in %ju ms", (int)pid, QUICK_MS, (uintmax_t)delay_ms);
    if (!c->master->started)
        start_is_over(c->master);
    respawn_later(c, delay_ms);
}

/* Started when all are ready; failed when not one of the first workers could do its work. */
static void
check_start(struct master *m)
{
    if (m->started || m->state != RUNNING || m->next != NULL)
        return;
    if (has_children_of(m, m->current)) {
        if (all_ready(m, m->current))
            start_is_over(m);
        return;
    }
    tell(LEVEL_EMERG, 0, "no worker process could be started");
    m->status = EXIT_FAILURE;
    loop_stop(&m->loop);
}

static void
child_gone(struct child *c, int status)
{
    struct master *m = c->master;
    bool fatal = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FATAL;
    bool was_ready = c->ready;
    pid_t pid = c->pid;

    log_exit(pid, status);
    close_channel(c);
    if (c->block >= 0)
        counters_retire(m->counters, (unsigned)c->block);
    c->block = -1;
    c->pid = 0;
    c->ready = false;
    if (c->runtime != NULL && c->runtime == m->next && !was_ready) {
        child_free(c);
        give_up_reload(m, "a new worker process could not start");
    } else if (c->runtime == NULL || fatal) {
        child_free(c);
        check_start(m);
    } else {
        replace(c, pid);
    }
}

static struct child *
child_find(struct master *m, pid_t pid)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        if (child_of(l)->pid == pid)
            return child_of(l);
    return NULL;
}

static void
reap(struct master *m)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *c = child_find(m, pid);

        if (c != NULL)
            child_gone(c, status);
    }
    if (m->state != RUNNING && list_is_empty(&m->children))
        loop_stop(&m->loop);
}

/* ---- ready --------------------------------------------------------------------------------- */

static void
on_channel(struct loop_source *source, uint32_t events)
{
    struct child *c = source->data;
    struct master *m = c->master;
    struct channel_message message;
    enum channel_result result;

    (void)events;
    while ((result = channel_receive(source->fd, &message)) == CHANNEL_GOT) {
        if (message.fd >= 0)
            close(message.fd);
        if (message.kind == CHANNEL_READY)
            c->ready = true;
    }
    if (result == CHANNEL_CLOSED)
        close_channel(c);
    if (m->state != RUNNING)
        return;
    check_start(m);
    check_reload(m);
}

/* ---- reload -------------------------------------------------------------------------------- */

static void reload(struct master *m);

static void
reload_over(struct master *m)
{
    timer_cancel(&m->reload_limit);
    if (!m->reload_again)
        return;
    m->reload_again = false;
    reload(m);
}

/* The old configuration goes on as if nothing had been asked. */
static void
give_up_reload(struct master *m, const char *why)
{
    struct runtime *rt = m->next;

    if (rt == NULL)
        return;
    LOG(&process_log, EMERG, 0, "%s, the configuration was not changed", why);
    m->next = NULL;
    dismiss(m, rt, SIGTERM);
    runtime_keep(m->current, rt);
    runtime_free(rt);
    check_start(m);
    reload_over(m);
}

static void
on_reload_limit(struct timer *timer)
{
    give_up_reload(CONTAINER_OF(timer, struct master, reload_limit),
                   "new worker processes did not get ready in time");
}

/* The new workers serve: the old ones may go. */
static void
check_reload(struct master *m)
{
    struct runtime *old = m->current;

    if (m->next == NULL || !all_ready(m, m->next))
        return;
    m->current = m->next;
    m->next = NULL;
    dismiss(m, old, SIGQUIT);
    tell_log(&m->current->main->log);
    daemon_follow_log(m->current);
    runtime_keep(m->current, old);
    runtime_free(old);
    start_is_over(m);
    reload_over(m);
}

static void
reload(struct master *m)
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
        return;
    }
    m->next = rt;
    timer_arm(&m->loop.timers, &m->reload_limit, now.mono_ms + RELOAD_MS);
    start_workers(m, rt);
    check_reload(m);
}

/* ---- logs ---------------------------------------------------------------------------------- */

/* Workers must be able to open it themselves when they are asked to. */
static void
give_to_workers(const struct log_file *file, const struct worker_user *user)
{
    struct stat st;

    if (!user->resolved || geteuid() != 0 || fstat(file->fd, &st) != 0 || !S_ISREG(st.st_mode)
        || st.st_uid == user->uid)
        return;
    if (fchown(file->fd, user->uid, (gid_t)-1) != 0)
        LOG(&process_log, EMERG, errno, "chown(\"%s\", %d) failed", file->path.p, (int)user->uid);
}

static void
pass_to_workers(struct master *m, const struct log_file *file)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next) {
        const struct child *c = child_of(l);

        if (c->pid == 0 || c->channel.fd < 0)
            continue;
        /* Who does not read its channel may have time for a signal later. */
        if (!channel_send(c->channel.fd, CHANNEL_LOG_FILE, file->path, file->fd))
            kill(c->pid, SIGUSR1);
    }
}

static void
reopen_logs(struct master *m, struct runtime *rt)
{
    struct link *head = &rt->log_files.head;

    for (struct link *l = head->next; l != head; l = l->next) {
        struct log_file *file = CONTAINER_OF(l, struct log_file, link);

        if (file->is_stderr)
            continue;
        if (!log_file_reopen(file)) {
            LOG(&process_log, EMERG, errno, "open() \"%s\" failed", file->path.p);
            continue;
        }
        give_to_workers(file, &rt->main->user);
        pass_to_workers(m, file);
    }
    daemon_follow_log(rt);
}

static void
reopen_all_logs(struct master *m)
{
    LOG(&process_log, NOTICE, 0, "reopening logs");
    if (m->next != NULL)
        reopen_logs(m, m->next);
    reopen_logs(m, m->current);
}

/* ---- stop ---------------------------------------------------------------------------------- */

static void
forget_reload(struct master *m)
{
    m->reload_again = false;
    timer_cancel(&m->reload_limit);
}

static void
leave(struct master *m)
{
    if (m->state != RUNNING)
        return;
    m->state = LEAVING;
    forget_reload(m);
    if (m->next != NULL) {
        runtime_keep(m->current, m->next);
        runtime_close_listeners(m->next);
    }
    runtime_close_listeners(m->current);
    dismiss(m, NULL, SIGQUIT);
}

/* Again and again, for a worker may be in the middle of its birth; in the end without asking. */
static void
on_stop_step(struct timer *timer)
{
    struct master *m = CONTAINER_OF(timer, struct master, stop_step);

    dismiss(m, NULL, m->stop_steps++ < STOP_STEPS ? SIGTERM : SIGKILL);
    timer_arm(&m->loop.timers, &m->stop_step, now.mono_ms + STOP_STEP_MS);
}

static void
stop(struct master *m)
{
    if (m->state == STOPPING)
        return;
    m->state = STOPPING;
    forget_reload(m);
    on_stop_step(&m->stop_step);
}

/* ---- signals ------------------------------------------------------------------------------- */

static void
retire_workers(struct master *m)
{
    if (m->next != NULL)
        give_up_reload(m, "the workers are to stop");
    dismiss(m, m->current, SIGQUIT);
    start_is_over(m);
}

static void
on_command(struct master *m, const struct loop_signal *signal)
{
    switch (signal->number) {
    case SIGHUP:
        signal_log(signal, "reconfiguring");
        reload(m);
        break;
    case SIGUSR1:
        signal_log(signal, "reopening logs");
        reopen_all_logs(m);
        break;
    case SIGWINCH:
        /* From the kernel it is a window that changed its size. */
        signal_log(signal, signal->from != 0 ? "stopping worker processes" : "");
        if (signal->from != 0)
            retire_workers(m);
        break;
    case SIGUSR2:
        signal_log(signal, "");
        LOG(&process_log, WARN, 0, "upgrading the program while it runs is not available, "
            "SIGUSR2 has no effect");
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
        reap(m);
        break;
    case SIGTERM:
    case SIGINT:
        signal_log(signal, "exiting");
        stop(m);
        break;
    case SIGQUIT:
        signal_log(signal, "shutting down");
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
    if (!loop_init(&m->loop, MASTER_EVENTS) || !loop_signals(&m->loop, &set, on_signal)) {
        tell(LEVEL_EMERG, errno, "the master's event loop cannot start");
        return false;
    }
    m->loop.data = m;
    return runtime_settle(m->current);
}

static void
finish(struct master *m)
{
    while (!list_is_empty(&m->children))
        child_free(child_of(m->children.next));
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
    link_init(&m.children);
    timer_init(&m.reload_limit, on_reload_limit);
    timer_init(&m.stop_step, on_stop_step);
    set_title(arguments);
    if (start(&m)) {
        tell_started();
        start_workers(&m, rt);
        if (!loop_run(&m.loop))
            m.status = EXIT_FAILURE;
        LOG(&process_log, NOTICE, 0, "exit");
    } else {
        m.status = EXIT_FAILURE;
    }
    finish(&m);
    return m.status;
}
