/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/worker.h"

#include "proc/calls.h"
#include "proc/channel.h"
#include "proc/environment.h"
#include "proc/gather.h"
#include "proc/privileges.h"
#include "proc/serving.h"
#include "proc/signals.h"
#include "proc/sockets.h"
#include "proc/taken_over.h"
#include "proc/tell.h"
#include "proc/title.h"
#include "proc/walls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
enum { UNDER_SANITIZER = 1 };
#else
enum { UNDER_SANITIZER = 0 };
#endif

enum { LIST_BLOCK = 64 << 10 };

struct worker {
    struct serving serving;
    struct handover_queue queue;
    pid_t master;
    struct loop_source channel; /* what the master says */
    int tell;                   /* where it hears */
    int spare;                  /* a descriptor that gives way to one the master sends; -1: none */
};

/* ---- becoming a worker --------------------------------------------------------------------- */

/* Limits that a worker can live without: a failure is told and no more. */
static void
set_limits(const struct main_settings *s)
{
    const struct rlimit files = { s->rlimit_nofile, s->rlimit_nofile };
    const struct rlimit core = { s->rlimit_core.bytes, s->rlimit_core.bytes };

    if (s->priority != 0 && setpriority(PRIO_PROCESS, 0, s->priority) != 0)
        LOG(&process_log, ALERT, errno, "setpriority(%d) failed", s->priority);
    if (s->rlimit_nofile != 0 && setrlimit(RLIMIT_NOFILE, &files) != 0)
        LOG(&process_log, ALERT, errno, "setrlimit(RLIMIT_NOFILE, %u) failed", s->rlimit_nofile);
    if (s->rlimit_core.given && setrlimit(RLIMIT_CORE, &core) != 0)
        LOG(&process_log, ALERT, errno, "setrlimit(RLIMIT_CORE, %ju) failed",
            (uintmax_t)s->rlimit_core.bytes);
}

static void
set_affinity(const struct cpu_affinity *affinity, unsigned number)
{
    const cpu_set_t *mask;

    if (affinity->count == 0)
        return;
    mask = &affinity->masks[affinity->automatic ? number % affinity->count
                                                : MIN(number, affinity->count - 1)];
    if (sched_setaffinity(0, sizeof(*mask), mask) != 0)
        LOG(&process_log, ALERT, errno, "sched_setaffinity() failed");
}

/*
 * Nobody may look into a worker's memory, unless a core file is wanted (or a leak checker has
 * to).
 */
static void
set_dumpable(const struct main_settings *s)
{
    bool dumpable = s->rlimit_core.given || UNDER_SANITIZER;

    if (prctl(PR_SET_DUMPABLE, dumpable ? 1 : 0) != 0)
        LOG(&process_log, ALERT, errno, "prctl(PR_SET_DUMPABLE) failed");
}

/*
 * A worker does not outlive its master. The kernel forgets this when the user changes: so it is
 * set after that.
 */
static bool
follow_master(pid_t master)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        LOG(&process_log, ALERT, errno, "prctl(PR_SET_PDEATHSIG) failed");
    return getppid() == master;
}

static bool
enter_directory(struct str path)
{
    if (!str_is_set(path) || chdir(path.p) == 0)
        return true;
    tell(LEVEL_EMERG, errno, "chdir(\"%s\") failed", path.p);
    return false;
}

bool
worker_set_environment(struct runtime *rt)
{
    const struct env_names *env = &rt->main->env;
    char **made = environment_make(rt->arena, env->list.items, env->list.len, title_environ());

    if (made == NULL) {
        tell(LEVEL_EMERG, ENOMEM, "the environment cannot be set");
        return false;
    }
    environ = made;
    return true;
}

static void
set_title(const char *text, const struct runtime *rt)
{
    char title[128];
    struct writer w = writer_at(title, sizeof(title));

    write_fmt(&w, "%s (generation %ju)", text, (uintmax_t)rt->generation);
    title_set(writer_cstr(&w));
}

static bool
become_worker(const struct worker_start *start)
{
    const struct main_settings *s = start->runtime->main;
    sigset_t set;

    /* What was sent since the fork waits until the loop listens. */
    signals_set(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    sockets_take_part(start->runtime, start->number);
    set_limits(s);
    serving_raise_descriptor_limit(start->runtime);
    set_affinity(&s->affinity, start->number);
    if (!privileges_drop(&s->user, PRIVILEGES_WRITE))
        return false;
    set_dumpable(s);
    if (!follow_master(start->master) || !enter_directory(s->working_directory)
        || !worker_set_environment(start->runtime))
        return false;
    if (start->block >= 0)
        counters_use(start->counters, (unsigned)start->block, start->runtime->generation);
#ifdef WEIR_DEBUG
    taken_over_begin();
#endif
    if (!walls_enter(start->runtime))
        return false;
    set_title("worker process", start->runtime);    /* whoever sees one sees what it is confined to */
    return true;
}

/* A worker has as many clients as it has descriptors: what the master sends needs one, too. */
static void
keep_spare(struct worker *w)
{
    if (w->spare < 0)
        w->spare = fcntl(w->channel.fd, F_DUPFD_CLOEXEC, 0);
}

/* ---- serving ------------------------------------------------------------------------------- */

static void
leave(struct worker *w, struct successor *successor)
{
    if (!w->serving.leaving) {
        LOG(&process_log, NOTICE, 0, "gracefully shutting down");
        stats->leaving = 1;
        set_title("worker process is shutting down", serving_runtime(&w->serving));
    }
    serving_leave(&w->serving, successor);
}

/* A file in memory takes what it is given at once. */
static void
write_list(struct worker *w, int file)
{
    struct arena *arena = arena_create(LIST_BLOCK, 0);
    struct str text;

    if (arena != NULL) {
        text = serving_list(&w->serving, arena);
        if (str_is_set(text) && write(file, text.p, text.len) != (ssize_t)text.len)
            LOG(&process_log, ERR, errno, "writing the list of connections failed");
        arena_destroy(arena);
    }
    close(file);
    channel_say(w->tell, CHANNEL_LISTED, STR_NONE);
}

static void
read_list(struct worker *w, int file)
{
    struct arena *arena = arena_create(LIST_BLOCK, 0);
    struct str text = STR_NONE;

    if (arena != NULL && file >= 0)
        gather_read(arena, file, &text);
    if (file >= 0)
        close(file);
    serving_listed(&w->serving, text);
    if (arena != NULL)
        arena_destroy(arena);
}

static void
obey(struct worker *w, const struct channel_message *message)
{
    switch (message->kind) {
    case CHANNEL_LOG_FILE:
        if (message->fd >= 0)
            serving_replace_log(&w->serving, message->text, message->fd);
        return;
    case CHANNEL_RETIRE:
        if (!message->fd_lost || !w->serving.leaving)   /* then those who were named before go on */
            leave(w, message->fd >= 0 ? successor_create(message->text, message->fd) : NULL);
        return;
    case CHANNEL_LIST:
        if (message->fd >= 0)
            write_list(w, message->fd);
        return;
    case CHANNEL_LISTED:
        read_list(w, message->fd);
        return;
    case CHANNEL_FATES:
        if (!sockets_read_fates(serving_runtime(&w->serving), message->text))
            LOG(&process_log, ALERT, 0, "the master speaks of other listening sockets");
        break;
    case CHANNEL_REOPEN:
        serving_flush_logs(&w->serving);
        break;
    case CHANNEL_READY:
    case CHANNEL_FAILED:
    case CHANNEL_MASTER:
        break;
    }
    if (message->fd >= 0)
        close(message->fd);
}

/* The spare descriptor is there again as soon as one is free. */
static enum channel_result
receive(struct worker *w, struct channel_message *message)
{
    if (w->spare >= 0)
        close(w->spare);
    w->spare = -1;
    return channel_receive(w->channel.fd, message);
}

static void
read_channel(struct worker *w)
{
    static struct channel_message message;
    enum channel_result result;

    while ((result = receive(w, &message)) == CHANNEL_GOT) {
        obey(w, &message);
        keep_spare(w);
    }
    keep_spare(w);
    if (result != CHANNEL_CLOSED)
        return;
    /* Only the master holds the other end: nobody may go on without it. */
    loop_source_remove(&w->serving.loop, &w->channel);
    LOG(&process_log, NOTICE, 0, "the master is gone, exiting");
    loop_stop(&w->serving.loop);
}

static void
on_channel(struct loop_source *source, uint32_t events)
{
    (void)events;
    read_channel(source->data);
}

/*
 * The other workers of this configuration: they go on when the operator ends this one alone. NULL,
 * logged, when memory or descriptors are short; where clients have taken them all there is the
 * spare one.
 */
static struct successor *
siblings(struct worker *w)
{
    static char addresses[CHANNEL_TEXT_MAX];
    size_t len = successor_encode(serving_runtime(&w->serving), addresses, sizeof(addresses));
    int out;

    if (w->spare >= 0)
        close(w->spare);
    w->spare = -1;
    out = fcntl(w->queue.out, F_DUPFD_CLOEXEC, 0);
    if (out < 0)
        LOG(&process_log, ALERT, errno, "connections cannot be handed over");
    return out >= 0 ? successor_create((struct str){ addresses, len }, out) : NULL;
}

/* The master says in words who goes on (CHANNEL_RETIRE): its signal means that nobody does. */
static void
leave_by_signal(struct worker *w, const struct loop_signal *signal)
{
    signal_log(signal, "shutting down");
    read_channel(w);            /* what the master said before it sent the signal */
    if (signal->from == w->master || signal->from == 0)
        leave(w, NULL);
    else if (!w->serving.leaving)
        leave(w, siblings(w));
}

/* The master opens them, for all workers: they lie beyond the walls. */
static void
ask_for_logs(struct worker *w)
{
    if (!channel_say(w->tell, CHANNEL_REOPEN, STR_NONE))
        LOG(&process_log, ERR, errno, "the master cannot be asked to open the logs anew; send it "
            "SIGUSR1");
}

static void
on_signal(struct loop *loop, const struct loop_signal *signal)
{
    struct worker *w = loop->data;

    switch (signal->number) {
    case SIGTERM:
    case SIGINT:
        signal_log(signal, "exiting");
        loop_stop(loop);
        break;
    case SIGQUIT:
        leave_by_signal(w, signal);
        break;
    case SIGWINCH:
        /* From the kernel it is a window that changed its size. */
        if (signal->from != 0)
            leave_by_signal(w, signal);
        else
            signal_log(signal, "");
        break;
    case SIGUSR1:
        signal_log(signal, "reopening logs");
        ask_for_logs(w);
        break;
    default:
        signal_log(signal, "");
    }
}

static bool
ask_for_list(void *ctx)
{
    const struct worker *w = ctx;

    return channel_say(w->tell, CHANNEL_LIST, STR_NONE);
}

static bool
open_channel(struct worker *w, int fd)
{
    w->channel = (struct loop_source){ .fd = fd, .on_event = on_channel, .data = w };
    if (loop_source_add(&w->serving.loop, &w->channel, EPOLLIN)
        && channel_say(w->tell, CHANNEL_READY, STR_NONE)) {
        keep_spare(w);
        return true;
    }
    if (errno == EPIPE || errno == ECONNRESET)  /* killed meanwhile: that is no fault of this
                                                   process */
        LOG(&process_log, NOTICE, 0, "the master is gone, exiting");
    else
        LOG(&process_log, EMERG, errno, "the channel to the master failed");
    return false;
}

/* Whoever asked for a reload hears the reason from the master. */
static bool
begin(struct worker *w, const struct worker_start *start)
{
    char bytes[LOG_LINE_MAX];
    struct writer said = writer_at(bytes, sizeof(bytes));
    bool ok;

    tell_copy(&said);
    ok = become_worker(start) && serving_start(&w->serving, start->runtime, on_signal);
    tell_copy(NULL);
    if (!ok)
        channel_say(start->tell, CHANNEL_FAILED,
                    (struct str){ bytes, (size_t)(said.p - said.start) });
    return ok;
}

_Noreturn void
worker_run(const struct worker_start *start)
{
    static struct worker w;
    bool ok;

    if (!begin(&w, start))
        exit(EXIT_FATAL);
    w.serving.loop.data = &w;
    w.queue = start->queue;
    w.master = start->master;
    w.tell = start->tell;
    w.spare = -1;
    serving_can_list(&w.serving, &(struct http_listing){ ask_for_list, &w });
    if (!calls_listen(&w.serving.loop)) {
        LOG(&process_log, EMERG, errno, "hearing of refused system calls failed");
        exit(EXIT_FATAL);
    }
#ifdef WEIR_DEBUG
    taken_over_listen(&w.serving.loop);
#endif
    if (!serving_adopt(&w.serving, w.queue.in) || !open_channel(&w, start->hear))
        exit(EXIT_FATAL);
    ok = loop_run(&w.serving.loop);
    serving_stop(&w.serving);
    close(start->hear);
    close(start->tell);
    if (w.spare >= 0)
        close(w.spare);
    exit(ok ? EXIT_SUCCESS : EXIT_FAILURE);
}
