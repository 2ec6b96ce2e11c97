/* SPDX-License-Identifier: BSD-2-Clause */
/* children: workers as the master sees them, from fork to burial. */
#include "proc/master_parts.h"

#include "base/clock.h"
#include "proc/channel.h"
#include "proc/daemon.h"
#include "proc/sockets.h"
#include "proc/tell.h"
#include "proc/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    QUICK_MS = 1000,            /* who dies younger than this died at once */
    RESPAWN_FIRST_MS = 100,
    RESPAWN_MAX_MS = 30000,
    HEAR_TURN = 64,             /* messages of a worker for one event: more than its pipe holds */
    START_TRIES = 5             /* before the first start counts as failed: three seconds */
};

/* ---- children: start ----------------------------------------------------------------------- */

/* In the new process: what is the master's alone is closed. */
static void
leave_master_behind(struct master *m, const struct child *self)
{
    struct runtime *other = self->runtime == m->current ? m->next : m->current;

    daemon_forget();
    tell_copy(NULL);
    control_server_forget(&m->control);
    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        if (child_of(l)->channel.fd >= 0) {
            close(child_of(l)->channel.fd);
            close(child_of(l)->tell);
        }
    upgrade_forget(m);
    forward_forget();
    if (m->gather.file >= 0)
        close(m->gather.file);
    loop_fini(&m->loop);
    tell_log(&self->runtime->main->log);
    if (other == NULL)
        return;
    runtime_keep(self->runtime, other);
    runtime_free(other);
}

static void on_channel(struct loop_source *source, uint32_t events);

/* Takes the master's end of the line; the other is the worker's. False with errno. */
static bool
open_channel(struct child *c, struct channel_ends *ends)
{
    int err;

    if (!channel_open_to_worker(ends))
        return false;
    c->channel = (struct loop_source){ .fd = ends->master.hear, .on_event = on_channel, .data = c };
    c->tell = ends->master.tell;
    if (loop_source_add(&c->master->loop, &c->channel, EPOLLIN))
        return true;
    err = errno;
    close(ends->master.hear);
    close(ends->master.tell);
    close(ends->worker.hear);
    close(ends->worker.tell);
    c->channel.fd = c->tell = -1;
    errno = err;
    return false;
}

static void
close_channel(struct child *c)
{
    if (c->channel.fd < 0)
        return;
    loop_source_remove(&c->master->loop, &c->channel);
    close(c->channel.fd);
    close(c->tell);
    c->channel.fd = c->tell = -1;
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
    tell(LEVEL_ALERT, errno, "%s failed, no worker process was started", step);
    close_channel(c);
    c->quick_deaths = MAX(c->quick_deaths + 1, 2u);
    respawn_later(c, respawn_delay(c));
}

static void
child_start(struct child *c)
{
    struct master *m = c->master;
    struct worker_start start;
    struct channel_ends ends;

    c->ready = false;
    c->logs_due = false;
    c->started_ms = now.mono_ms;
    if (!open_channel(c, &ends)) {
        start_failed(c, "opening a channel");
        return;
    }
    c->block = counters_reserve(m->counters);
    start = (struct worker_start){
        .runtime = c->runtime, .counters = m->counters, .block = c->block,
        .hear = ends.worker.hear, .tell = ends.worker.tell, .queue = m->queue, .number = c->number, .master = getpid(),
    };
    c->pid = fork();
    if (c->pid == 0) {
        leave_master_behind(m, c);
        worker_run(&start);
    }
    close(ends.worker.hear);
    close(ends.worker.tell);
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
    struct child *c = CONTAINER_OF(timer, struct child, respawn);
    struct master *m = c->master;

    if (m->started || c->quick_deaths <= START_TRIES) {
        child_start(c);
        return;
    }
    child_free(c);
    start_check(m);
}

/* Not yet started. */
static bool
child_add(struct master *m, struct runtime *rt, unsigned number)
{
    struct child *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        tell(LEVEL_EMERG, ENOMEM, "worker process %u cannot be started", number);
        return false;
    }
    c->master = m;
    c->runtime = rt;
    c->generation = rt->generation;
    c->number = number;
    c->channel.fd = c->tell = -1;
    c->block = -1;
    timer_init(&c->respawn, on_respawn);
    leaving_init(c);
    list_push(&m->children, &c->link);
    return true;
}

void
child_free(struct child *c)
{
    timer_cancel(&c->respawn);
    timer_cancel(&c->overdue);
    close_channel(c);
    link_remove(&c->link);
    free(c);
}

static void
free_children_of(struct master *m, const struct runtime *rt)
{
    struct link *l, *next;

    for (l = m->children.next; l != &m->children; l = next) {
        next = l->next;
        if (child_of(l)->runtime == rt)
            child_free(child_of(l));
    }
}

/* A configuration has all its workers, or none. */
static bool
add_children(struct master *m, struct runtime *rt)
{
    for (unsigned i = 0; i < rt->main->worker_processes; i++) {
        if (!child_add(m, rt, i)) {
            free_children_of(m, rt);
            return false;
        }
    }
    return true;
}

bool
children_start(struct master *m, struct runtime *rt)
{
    LOG(&process_log, NOTICE, 0, "start worker processes");
    if (rt->setup.http != NULL)
        http_count_hosts(rt->setup.http, m->counters);
    loaded_keep(rt->loaded);
    if (!add_children(m, rt))
        return false;
    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        if (child_of(l)->runtime == rt)
            child_start(child_of(l));
    return true;
}

/* ---- children: end ------------------------------------------------------------------------- */

/* Before it is told to leave. */
static void
tell_fates(const struct child *c)
{
    static char text[CHANNEL_TEXT_MAX];
    struct writer w = writer_at(text, sizeof(text));

    write_fates(&w, c->runtime);
    if (!w.ok || !channel_send(c->tell, CHANNEL_FATES, writer_str(&w), -1))
        LOG(&process_log, WARN, w.ok ? errno : 0, "worker process %d cannot be told which "
            "listening sockets go", (int)c->pid);
}

/* No signal reaches it: without a master it ends. */
static void
cannot_tell(struct child *c, int signal)
{
    LOG(&process_log, ALERT, errno, "kill(%d, %d) failed", (int)c->pid, signal);
    close_channel(c);
}

void
children_dismiss(struct master *m, const struct runtime *rt, int signal)
{
    struct link *next;

    for (struct link *l = m->children.next; l != &m->children; l = next) {
        struct child *c = child_of(l);

        next = l->next;
        if (rt != NULL && c->runtime != rt)
            continue;
        if (signal == SIGQUIT && c->runtime != NULL && c->channel.fd >= 0)
            tell_fates(c);
        leaving_begin(c);
        if (c->pid == 0)
            child_free(c);
        else if (kill(c->pid, signal) != 0)
            cannot_tell(c, signal);
    }
}

/* Who goes on with the connections of those who leave. */
struct successor_told {
    struct str addresses;       /* as successor_encode writes them */
    int queue;                  /* -1: nobody does */
};

static struct successor_told
who_goes_on(struct master *m)
{
    static char addresses[CHANNEL_TEXT_MAX];
    size_t len;

    if (m->serves) {
        len = successor_encode(m->current, addresses, sizeof(addresses));
        return (struct successor_told){ { addresses, len }, m->queue.out };
    }
    if (upgrade_can_take_over(m))
        return (struct successor_told){ { m->upgrade.addresses, m->upgrade.addresses_len },
                                        m->upgrade.other_queue };
    return (struct successor_told){ STR_NONE, -1 };
}

/*
 * A worker whose channel does not work any more is told by the signal. Who has not said yet that it
 * is ready may have its first clients all the same.
 */
static void
tell_one(struct child *c, const struct successor_told *to)
{
    if (to->queue >= 0 && c->channel.fd >= 0
        && channel_send(c->tell, CHANNEL_RETIRE, to->addresses, to->queue))
        c->retired = true;
    else if (!c->retired && kill(c->pid, SIGQUIT) != 0)
        cannot_tell(c, SIGQUIT);
}

void
children_tell_successor(struct master *m)
{
    struct successor_told to = who_goes_on(m);

    if (to.queue < 0)
        return;
    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        if (child_of(l)->retired && child_of(l)->pid != 0)
            tell_one(child_of(l), &to);
}

void
children_retire(struct master *m, const struct runtime *rt)
{
    struct successor_told to = who_goes_on(m);
    struct link *next;

    children_tell_successor(m);
    for (struct link *l = m->children.next; l != &m->children; l = next) {
        struct child *c = child_of(l);

        next = l->next;
        if ((rt != NULL && c->runtime != rt) || c->retired)
            continue;
        if (c->runtime != NULL && c->channel.fd >= 0)
            tell_fates(c);
        leaving_begin(c);
        if (c->pid == 0)
            child_free(c);
        else
            tell_one(c, &to);
    }
}

/* fatal: as EXIT_FATAL, and nobody has served this configuration yet. */
static void
log_exit(pid_t pid, int status, bool fatal)
{
    if (WIFSIGNALED(status))
        LOG(&process_log, ALERT, 0, "worker process %d exited on signal %d%s", (int)pid,
            WTERMSIG(status), WCOREDUMP(status) ? " (core dumped)" : "");
    else if (fatal)
        LOG(&process_log, ALERT, 0, "worker process %d exited with fatal code %d and cannot be "
            "respawned", (int)pid, EXIT_FATAL);
    else
        LOG(&process_log, NOTICE, 0, "worker process %d exited with code %d", (int)pid,
            WEXITSTATUS(status));
}

static bool
has_children_of(struct master *m, const struct runtime *rt)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        if (child_of(l)->runtime == rt)
            return true;
    return false;
}

bool
children_leave(struct master *m)
{
    return has_children_of(m, NULL);
}

bool
children_born(struct master *m, const struct runtime *rt)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        if (child_of(l)->runtime == rt && child_of(l)->pid == 0)
            return false;
    return true;
}

bool
children_ready(struct master *m, const struct runtime *rt)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        if (child_of(l)->runtime == rt && !child_of(l)->ready)
            return false;
    return true;
}

void
start_done(struct master *m)
{
    if (!m->started)
        verdict_start(m->current->generation);
    m->started = true;
    daemon_ready();
}

static void
replace(struct child *c, pid_t pid)
{
    bool quick = now.mono_ms - c->started_ms < QUICK_MS;
    uint64_t delay_ms;

    c->quick_deaths = quick ? c->quick_deaths + 1 : 0;
    counters_note_respawn(c->master->counters);
    if (c->quick_deaths < 2) {
        child_start(c);
        return;
    }
    delay_ms = respawn_delay(c);
    LOG(&process_log, WARN, 0, "worker process %d died within %d ms of its start, as did the one "
        "before; the next one starts in %ju ms", (int)pid, QUICK_MS, (uintmax_t)delay_ms);
    if (!c->master->started)
        start_done(c->master);
    respawn_later(c, delay_ms);
}

static void
serve(struct master *m)
{
    m->serves = true;
    upgrade_tell(m, UPGRADE_SERVES);
    children_tell_successor(m);
}

void
children_restart(struct master *m)
{
    if (m->next == NULL && !has_children_of(m, m->current))
        (void)children_start(m, m->current);
}

void
start_check(struct master *m)
{
    if (m->state != RUNNING || m->next != NULL)
        return;
    if (has_children_of(m, m->current)) {
        if (!children_ready(m, m->current))
            return;
        if (!m->started)
            start_done(m);
        if (!m->serves)
            serve(m);
        return;
    }
    if (m->started)
        return;
    tell(LEVEL_EMERG, 0, "no worker process could be started");
    m->status = EXIT_FAILURE;
    loop_stop(&m->loop);
}

/* ---- what they say ------------------------------------------------------------------------- */

static void
hear(struct child *c, const struct channel_message *message)
{
    switch (message->kind) {
    case CHANNEL_READY:
        c->ready = true;
        return;
    case CHANNEL_FAILED:
        /* Who is ready has been in touch with clients: nobody believes its words. */
        if (!c->ready && c->runtime != NULL && c->runtime == c->master->next)
            tell_passed_on(message->text);
        return;
    case CHANNEL_LIST:
        gather_for_child(c);
        return;
    case CHANNEL_LISTED:
        gather_listed(c);
        return;
    case CHANNEL_REOPEN:
        reopen_logs_for(c);
        return;
    case CHANNEL_LOG_FILE:
    case CHANNEL_RETIRE:
    case CHANNEL_FATES:
    case CHANNEL_MASTER:
        return;
    }
}

/* Whoever does not stop talking is listened to again when the others were. */
static void
read_channel(struct child *c)
{
    static struct channel_message message;
    enum channel_result result = CHANNEL_EMPTY;

    for (int i = 0; i < HEAR_TURN && c->channel.fd >= 0; i++) {
        result = channel_hear(c->channel.fd, &message);
        if (result != CHANNEL_GOT)
            break;
        hear(c, &message);
    }
    if (result == CHANNEL_CLOSED)
        close_channel(c);
}

/* ---- children: death ----------------------------------------------------------------------- */

static void
child_gone(struct child *c, int status)
{
    struct master *m = c->master;
    /* What kept a worker from its work will not last where others have worked before. */
    bool fatal = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FATAL
                 && (!m->started || c->runtime == NULL || c->runtime == m->next);
    pid_t pid = c->pid;
    bool was_ready;

    log_exit(pid, status, fatal);
    read_channel(c);            /* its last words */
    was_ready = c->ready;
    if (WIFSIGNALED(status))
        counters_note_killed(m->counters);
    close_channel(c);
    if (c->block >= 0)
        counters_retire(m->counters, (unsigned)c->block);
    c->block = -1;
    c->pid = 0;
    c->ready = false;
    c->wants_list = false;
    gather_listed(c);
    if (c->runtime != NULL && c->runtime == m->next && !was_ready) {
        child_free(c);
        reload_give_up(m, "a new worker process could not start");
    } else if (c->runtime == NULL || fatal) {
        child_free(c);
        start_check(m);
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

void
children_reap(struct master *m)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0 || (pid < 0 && errno == EINTR)) {
        struct child *c = pid > 0 ? child_find(m, pid) : NULL;

        if (pid < 0)
            continue;
        if (c != NULL)
            child_gone(c, status);
        else
            upgrade_child_gone(m, pid, status);
    }
    if (m->state != RUNNING && list_is_empty(&m->children))
        loop_stop(&m->loop);
}

static void
on_channel(struct loop_source *source, uint32_t events)
{
    struct child *c = source->data;
    struct master *m = c->master;

    (void)events;
    read_channel(c);
    if (m->state != RUNNING)
        return;
    start_check(m);
    reload_check(m);
}
