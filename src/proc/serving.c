/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/serving.h"

#include "base/clock.h"
#include "base/counters.h"
#include "net/listing.h"
#include "proc/gather.h"
#include "proc/signals.h"
#include "proc/sockets.h"
#include "proc/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    SWEEP_MS = 100,
    FADE_MS = 1500,             /* longer than TCP_DEFER_ACCEPT keeps a silent client, and than the
                                   master holds the socket, see sockets.c */
    OTHER_SLOTS = 1,            /* of worker_connections: the channel to the master */
    LIST_BLOCK = 64 << 10,
    ADOPT_TURN = 4,             /* connections that are adopted for one event */
    ADOPT_SLACK = 8,            /* connections above the mean that are no reason to wait */
    ADOPT_STEP_MS = 1,          /* that who has more than the others leaves to them */
    ADOPT_STEPS = 50,           /* so often: then the others may be stuck, and the clients wait */
    ROOM_RETRY_MS = 100,        /* how often we look whether those who go on have room */
    RETRY_MS = 10               /* where nothing tells that another attempt is worth while */
};

struct served {
    struct link link;           /* in serving.retired */
    struct runtime *runtime;
    struct http_worker *http;   /* NULL: the configuration has no http */
    uint64_t deadline_ms;       /* of a retired one; 0: none */
    uint64_t faded_ms;          /* of a retired one: from then on no socket fades any more */
    bool listens;               /* some of its sockets are open */
};

/* ---- the list of connections --------------------------------------------------------------- */

static bool
list_own_soon(void *ctx)
{
    struct serving *s = ctx;

    loop_post(&s->loop, &s->list_own);
    return true;
}

struct str
serving_list(struct serving *s, struct arena *arena)
{
    struct writer w = writer_in(arena);

    write_connections(&w, &s->pool, GATHER_MOST);
    return writer_str(&w);
}

static void
on_list_own(struct loop_work *work)
{
    struct serving *s = CONTAINER_OF(work, struct serving, list_own);
    struct arena *arena = arena_create(LIST_BLOCK, 0);

    serving_listed(s, arena != NULL ? serving_list(s, arena) : STR_NONE);
    arena_destroy(arena);
}

void
serving_can_list(struct serving *s, const struct http_listing *listing)
{
    s->listing = *listing;
    if (s->current->http != NULL)
        http_worker_can_list(s->current->http, listing);
}

void
serving_listed(struct serving *s, struct str lines)
{
    if (s->current->http != NULL)
        http_worker_listed(s->current->http, lines);
    for (struct link *l = s->retired.next; l != &s->retired; l = l->next) {
        struct served *served = CONTAINER_OF(l, struct served, link);

        if (served->http != NULL && served != s->current)
            http_worker_listed(served->http, lines);
    }
}

/* ---- one configuration --------------------------------------------------------------------- */

static struct pool_limits
limits_of(const struct runtime *rt)
{
    struct pool_limits limits = rt->events->limits;

    limits.worker_connections = rt->events->worker_connections;
    limits.workers = rt->main->master_process ? rt->main->worker_processes : 1;
    return limits;
}

static void
set_limits(struct serving *s, const struct runtime *rt)
{
    struct pool_limits limits = limits_of(rt);

    pool_set_limits(&s->pool, &limits);
}

static void
listen_no_more(struct serving *s, struct runtime *rt)
{
    struct link *head = runtime_listeners(rt);

    for (struct link *l = head->next; l != head; l = l->next) {
        pool_unlisten(&s->pool, CONTAINER_OF(l, struct listener, link));
    }
}

static bool
listen_to_all(struct serving *s, struct runtime *rt)
{
    struct link *head = runtime_listeners(rt);

    for (struct link *l = head->next; l != head; l = l->next) {
        struct listener *listener = CONTAINER_OF(l, struct listener, link);

        if (listener->fd < 0 || pool_listen(&s->pool, listener))
            continue;
        tell(LEVEL_EMERG, errno, "listening on %.*s failed", STR_ARG(listener->text));
        listen_no_more(s, rt);
        return false;
    }
    return true;
}

/* Not listening yet. NULL, told, with rt still the caller's. */
static struct served *
served_create(struct serving *s, struct runtime *rt)
{
    struct served *served = calloc(1, sizeof(*served));

    if (served == NULL) {
        tell(LEVEL_EMERG, ENOMEM, "serving the configuration failed");
        return NULL;
    }
    link_init(&served->link);
    served->runtime = rt;
    if (rt->setup.http == NULL)
        return served;
    served->http = http_worker_start(rt->setup.http, &s->loop, &s->pool,
                                     rt->events->requests_per_turn);
    if (served->http != NULL) {
        http_worker_can_list(served->http, &s->listing);
        return served;
    }
    tell(LEVEL_EMERG, 0, "the http part cannot start: out of memory");
    free(served);
    return NULL;
}

/* Its connections are closed, and its runtime is somebody else's. */
static void
served_free(struct served *served)
{
    if (served->http != NULL)
        http_worker_stop(served->http);
    free(served);
}

static bool
accepted_by(const struct runtime *rt, const struct conn *conn)
{
    return rt->setup.http != NULL && http_serves(rt->setup.http, conn);
}

struct closing {
    const struct runtime *runtime;      /* whose connections; NULL: all */
    unsigned count;
};

static void
close_one(void *ctx, struct conn *conn)
{
    struct closing *closing = ctx;

    if (closing->runtime != NULL && !accepted_by(closing->runtime, conn))
        return;
    closing->count++;
    conn_close(conn, CLOSE_SHUTDOWN);
}

static void
close_connections(struct serving *s, const struct runtime *rt)
{
    struct closing closing = { .runtime = rt };

    pool_each(&s->pool, close_one, &closing);
    if (closing.count > 0)
        LOG(&process_log, NOTICE, 0, "%u connections closed that were still open", closing.count);
}

static bool
is_through(const struct served *served)
{
    return !served->listens
        && (served->http == NULL || http_worker_connections(served->http) == 0);
}

/* ---- adopting ------------------------------------------------------------------------------ */

/* What waits in the queue goes on waiting there, for others or for room. */
static void
adopt_later(struct serving *s)
{
    loop_source_remove(&s->loop, &s->adopt);
    s->pool.on_room = &s->adopt_again;
    timer_arm(&s->loop.timers, &s->adopt_retry, now.mono_ms + RETRY_MS);
}

static void
adopt_resume(struct serving *s)
{
    s->pool.on_room = NULL;
    timer_cancel(&s->adopt_retry);
    if (s->leaving || s->adopt.added)
        return;
    if (!loop_source_add(&s->loop, &s->adopt, EPOLLIN))
        adopt_later(s);
}

static void
on_adopt_again(struct loop_work *work)
{
    adopt_resume(CONTAINER_OF(work, struct serving, adopt_again));
}

static void
on_adopt_retry(struct timer *timer)
{
    adopt_resume(CONTAINER_OF(timer, struct serving, adopt_retry));
}

static void
adopt(struct serving *s, const struct handed_over *m)
{
    struct http_worker *http = s->current->http;

    if (http != NULL && http_adopt(http, m->fd, &m->carried) == HTTP_ADOPTED)
        return;
    stats->lost_connections++;
    close(m->fd);
    LOG(&process_log, WARN, 0, "a connection that was handed over cannot be served here, closed");
}

/* There is room for a connection before it is taken out of the queue. */
static bool
adopt_one(struct serving *s)
{
    static struct handed_over m;

    if (!pool_has_room(&s->pool)) {
        adopt_later(s);
        return false;
    }
    switch (handover_receive(s->adopt.fd, &m)) {
    case HANDOVER_GOT:
        adopt(s, &m);
        return true;
    case HANDOVER_MALFORMED:
        stats->lost_connections++;
        LOG(&process_log, ALERT, 0, "a malformed message in the hand-over queue, ignored");
        return true;
    case HANDOVER_NO_DESCRIPTOR:
        adopt_later(s);
        return false;
    case HANDOVER_EMPTY:
        s->adopt_steps = 0;
        return false;
    case HANDOVER_CLOSED:
        loop_source_remove(&s->loop, &s->adopt);
        return false;
    }
    return false;
}

/* Whether the others should have the next ones. */
static bool
has_enough(const struct serving *s)
{
    const struct counters_segment *segment = counters_shared();
    uint64_t mean = segment != NULL ? counters_mean_connections(segment, stats->generation) : 0;

    return mean > 0 && s->pool.used > mean + mean / 16 + ADOPT_SLACK;
}

/* All who adopt are woken, and whoever has more than the others steps back for a moment. */
static void
on_adopt(struct loop_source *source, uint32_t events)
{
    struct serving *s = source->data;

    (void)events;
    if (s->adopt_steps < ADOPT_STEPS && has_enough(s)) {
        s->adopt_steps++;
        loop_source_remove(&s->loop, &s->adopt);
        timer_arm(&s->loop.timers, &s->adopt_retry, now.mono_ms + ADOPT_STEP_MS);
        return;
    }
    for (unsigned i = 0; i < ADOPT_TURN && adopt_one(s); i++)
        continue;
}

bool
serving_adopt(struct serving *s, int queue_in)
{
    s->adopt = (struct loop_source){ .fd = queue_in, .on_event = on_adopt, .data = s };
    if (loop_source_add(&s->loop, &s->adopt, EPOLLIN))
        return true;
    LOG(&process_log, EMERG, errno, "listening to the hand-over queue failed");
    return false;
}

static void
adopt_no_more(struct serving *s)
{
    if (s->adopt.fd >= 0)
        loop_source_remove(&s->loop, &s->adopt);
    s->pool.on_room = NULL;
    loop_unpost(&s->adopt_again);
    timer_cancel(&s->adopt_retry);
}

/* ---- handing over -------------------------------------------------------------------------- */

static void
hand_over_some(struct serving *s)
{
    bool all = true;

    for (struct link *l = s->retired.next; l != &s->retired; l = l->next) {
        struct served *served = CONTAINER_OF(l, struct served, link);

        if (served->http != NULL && !http_worker_hand_over(served->http))
            all = false;
    }
    if (!all && !s->hand_over.added && !timer_is_armed(&s->hand_over_retry))
        timer_arm(&s->loop.timers, &s->hand_over_retry, now.mono_ms);
}

static void
on_hand_over_retry(struct timer *timer)
{
    hand_over_some(CONTAINER_OF(timer, struct serving, hand_over_retry));
}

static void
on_queue_writable(struct loop_source *source, uint32_t events)
{
    struct serving *s = source->data;

    (void)events;
    loop_source_remove(&s->loop, source);
    hand_over_some(s);
}

static void
wait_for_queue(struct serving *s)
{
    if (s->hand_over.added)
        return;
    s->hand_over = (struct loop_source){
        .fd = s->successor->out, .on_event = on_queue_writable, .data = s,
    };
    if (!loop_source_add(&s->loop, &s->hand_over, EPOLLOUT))
        timer_arm(&s->loop.timers, &s->hand_over_retry, now.mono_ms + RETRY_MS);
}

static bool
process_covers(void *ctx, const struct address *local)
{
    const struct serving *s = ctx;

    return s->successor->out >= 0 && successor_covers(s->successor, local);
}

/*
 * Those who go on are not to close their own clients to make room: what they cannot take stays
 * here, and is served here.
 */
static bool
successor_has_room(const struct successor *successor)
{
    const struct counters_segment *segment = counters_shared();
    struct counters_room room;

    if (segment == NULL)
        return true;
    room = counters_room(segment);
    return room.slots == 0
        || room.free > handover_under_way(successor->out) + room.slots / 8;
}

static bool
process_send(void *ctx, int fd, const struct http_carried *carried)
{
    struct serving *s = ctx;

    if (!successor_has_room(s->successor)) {
        timer_arm(&s->loop.timers, &s->hand_over_retry, now.mono_ms + ROOM_RETRY_MS);
        return false;
    }
    switch (handover_send(s->successor->out, fd, carried)) {
    case HANDOVER_SENT:
        return true;
    case HANDOVER_FULL:
        wait_for_queue(s);
        return false;
    case HANDOVER_BUSY:
        timer_arm(&s->loop.timers, &s->hand_over_retry, now.mono_ms + RETRY_MS);
        return false;
    case HANDOVER_BROKEN:
        LOG(&process_log, ERR, errno, "handing connections over failed, they are served here");
        loop_source_remove(&s->loop, &s->hand_over);
        close(s->successor->out);
        s->successor->out = -1;
        return false;
    }
    return false;
}

/* Within one process: the current configuration goes on with what the retired ones had. */
static bool
own_covers(void *ctx, const struct address *local)
{
    const struct serving *s = ctx;

    return s->current->http != NULL && http_covers(s->current->runtime->setup.http, local);
}

static bool
own_send(void *ctx, int fd, const struct http_carried *carried)
{
    struct serving *s = ctx;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (own >= 0 && http_adopt(s->current->http, own, carried) == HTTP_ADOPTED)
        return true;
    if (own >= 0)
        close(own);
    timer_arm(&s->loop.timers, &s->hand_over_retry, now.mono_ms + RETRY_MS);
    return false;
}

static void
forget_successor(struct serving *s)
{
    if (s->hand_over.added)
        loop_source_remove(&s->loop, &s->hand_over);
    timer_cancel(&s->hand_over_retry);
    successor_free(s->successor);
    s->successor = NULL;
}

/* ---- retiring ------------------------------------------------------------------------------ */

static void
sweep_later(struct serving *s)
{
    if (!list_is_empty(&s->retired) && !timer_is_armed(&s->sweep))
        timer_arm(&s->loop.timers, &s->sweep, now.mono_ms + SWEEP_MS);
}

/* Whether this process has looked into the backlog for the last time. */
static bool
is_left(const struct served *served, struct listener *listener)
{
    switch (listener->fate) {
    case FATE_STAYS: return true;
    case FATE_FADES: return now.mono_ms >= served->faded_ms && pool_accept_waiting(listener);
    case FATE_GOES:  return pool_accept_waiting(listener);
    }
    return true;
}

/* Closes the listeners that are left; `at_once`: all. */
static void
leave_listeners(struct serving *s, struct served *served, bool at_once)
{
    struct runtime *rt = served->runtime;
    struct link *head = runtime_listeners(rt);

    served->listens = false;
    for (struct link *l = head->next; l != head; l = l->next) {
        struct listener *listener = CONTAINER_OF(l, struct listener, link);

        if (listener->fd < 0)
            continue;
        if (!at_once && !is_left(served, listener)) {
            served->listens = true;
            continue;
        }
        pool_unlisten(&s->pool, listener);
        sockets_close_one(rt, listener);
    }
}

static void
retire(struct serving *s, struct served *served)
{
    uint64_t timeout_ms = served->runtime->main->shutdown_timeout_ms;

    served->deadline_ms = timeout_ms > 0 ? now.mono_ms + timeout_ms : 0;
    served->faded_ms = now.mono_ms + FADE_MS;
    list_push(&s->retired, &served->link);
    if (served->http != NULL)
        http_worker_retire(served->http, s->to.send != NULL ? &s->to : NULL);
    leave_listeners(s, served, false);
    sweep_later(s);
}

static void
on_sweep(struct timer *timer)
{
    struct serving *s = CONTAINER_OF(timer, struct serving, sweep);
    struct link *next;

    for (struct link *l = s->retired.next; l != &s->retired; l = next) {
        struct served *served = CONTAINER_OF(l, struct served, link);
        struct runtime *rt = served->runtime;

        next = l->next;
        if (served->deadline_ms != 0 && now.mono_ms >= served->deadline_ms) {
            leave_listeners(s, served, true);
            close_connections(s, rt);
        } else if (served->listens) {
            leave_listeners(s, served, false);
            hand_over_some(s);
        }
        if (s->leaving || !is_through(served))
            continue;
        link_remove(&served->link);
        served_free(served);
        runtime_free(rt);
    }
    sweep_later(s);
}

static void
on_turn_end(struct loop_turn_end *end)
{
    struct serving *s = CONTAINER_OF(end, struct serving, turn_end);

    if (s->leaving && !s->current->listens && s->pool.used == 0)
        loop_stop(&s->loop);
}

/* The successor is another one now. */
static void
follow(struct serving *s, struct successor *successor)
{
    forget_successor(s);
    s->successor = successor;
    s->to = (struct http_successor){ 0 };
    if (successor != NULL)
        s->to = (struct http_successor){ process_covers, process_send, s };
    for (struct link *l = s->retired.next; l != &s->retired; l = l->next) {
        struct served *served = CONTAINER_OF(l, struct served, link);

        if (served->http != NULL)
            http_worker_retire(served->http, successor != NULL ? &s->to : NULL);
    }
}

void
serving_leave(struct serving *s, struct successor *successor)
{
    follow(s, successor);
    if (!s->leaving) {
        s->leaving = true;
        adopt_no_more(s);
        retire(s, s->current);
    }
    hand_over_some(s);
}

bool
serving_switch(struct serving *s, struct runtime *rt)
{
    struct runtime *old = s->current->runtime;
    struct served *served, *before = s->current;

    set_limits(s, rt);
    served = served_create(s, rt);
    if (served == NULL) {
        set_limits(s, old);
        return false;
    }
    /* A shared descriptor can be in the loop but once. */
    listen_no_more(s, old);
    if (!listen_to_all(s, rt)) {
        served_free(served);
        set_limits(s, old);
        listen_to_all(s, old);
        return false;
    }
    sockets_commit(rt, old);
    runtime_keep(rt, old);
    listen_to_all(s, old);      /* on what is not shared, until it is left */
    s->to = (struct http_successor){ own_covers, own_send, s };
    s->current = served;
    retire(s, before);
    hand_over_some(s);
    return true;
}

/* ---- the whole ----------------------------------------------------------------------------- */

void
serving_raise_descriptor_limit(const struct runtime *rt)
{
    struct rlimit limit;
    uint64_t wanted = rt->events->worker_connections + 64;

    if (rt->main->rlimit_nofile != 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = MIN((rlim_t)wanted, limit.rlim_max);
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur < rt->events->worker_connections)
        tell(LEVEL_WARN, 0, "%u worker_connections exceed open file resource limit: %ju",
             rt->events->worker_connections, (uintmax_t)limit.rlim_cur);
}

static bool
start_loop(struct serving *s, const struct runtime *rt,
           void (*on_signal)(struct loop *loop, const struct loop_signal *signal))
{
    uint32_t others = rt->listener_count + OTHER_SLOTS;
    uint32_t slots = rt->events->worker_connections;
    struct pool_limits limits = limits_of(rt);
    sigset_t set;

    signals_set(&set);
    if (!loop_init(&s->loop, rt->events->epoll_events)) {
        tell(LEVEL_EMERG, errno, "epoll_create() failed");
        return false;
    }
    if (!loop_signals(&s->loop, &set, on_signal)) {
        tell(LEVEL_EMERG, errno, "signalfd() failed");
    } else if (!pool_init(&s->pool, &s->loop, slots > others ? slots - others : 1,
                          &limits)) {
        tell(LEVEL_EMERG, ENOMEM, "%u worker_connections cannot be had", slots);
    } else {
        return true;
    }
    loop_fini(&s->loop);
    return false;
}

bool
serving_start(struct serving *s, struct runtime *rt,
              void (*on_signal)(struct loop *loop, const struct loop_signal *signal))
{
    memset(s, 0, sizeof(*s));
    link_init(&s->retired);
    timer_init(&s->sweep, on_sweep);
    s->listing = (struct http_listing){ list_own_soon, s };
    loop_work_init(&s->list_own, on_list_own);
    timer_init(&s->adopt_retry, on_adopt_retry);
    timer_init(&s->hand_over_retry, on_hand_over_retry);
    loop_work_init(&s->adopt_again, on_adopt_again);
    s->adopt.fd = -1;
    if (!start_loop(s, rt, on_signal)) {
        runtime_free(rt);
        return false;
    }
    s->turn_end.run = on_turn_end;
    loop_at_turn_end(&s->loop, &s->turn_end);
    s->current = served_create(s, rt);
    if (s->current != NULL && listen_to_all(s, rt))
        return true;
    if (s->current != NULL)
        served_free(s->current);
    pool_fini(&s->pool);
    loop_fini(&s->loop);
    runtime_free(rt);
    return false;
}

struct runtime *
serving_runtime(const struct serving *s)
{
    return s->current->runtime;
}

void
serving_stop(struct serving *s)
{
    struct runtime *last = s->current->runtime;

    LOG(&process_log, NOTICE, 0, "exiting");
    listen_no_more(s, last);
    adopt_no_more(s);
    for (struct link *l = s->retired.next; l != &s->retired; l = l->next)
        leave_listeners(s, CONTAINER_OF(l, struct served, link), true);
    close_connections(s, NULL);
    pool_batch_end(&s->pool);
    timer_cancel(&s->sweep);
    forget_successor(s);
    if (!s->leaving)
        served_free(s->current);
    while (!list_is_empty(&s->retired)) {
        struct served *served = CONTAINER_OF(s->retired.next, struct served, link);
        struct runtime *rt = served->runtime;

        link_remove(&served->link);
        served_free(served);
        if (rt != last)
            runtime_free(rt);
    }
    pool_fini(&s->pool);
    loop_fini(&s->loop);
    LOG(&process_log, NOTICE, 0, "exit");
    runtime_free(last);
}

/* ---- logs ---------------------------------------------------------------------------------- */

void
serving_flush_logs(struct serving *s)
{
    if (s->current->http != NULL)
        http_worker_flush_logs(s->current->http);
    for (struct link *l = s->retired.next; l != &s->retired; l = l->next) {
        struct served *served = CONTAINER_OF(l, struct served, link);

        if (served->http != NULL)
            http_worker_flush_logs(served->http);
    }
}

static void
reopen_logs_of(struct runtime *rt)
{
    struct link *head = &rt->log_files.head;
    struct log_refusal why;

    for (struct link *l = head->next; l != head; l = l->next)
        if (!log_file_reopen(CONTAINER_OF(l, struct log_file, link), &why))
            LOG(&process_log, ERR, why.err, "%s; the file that was open goes on to be written",
                why.text);
}

void
serving_reopen_logs(struct serving *s)
{
    serving_flush_logs(s);
    reopen_logs_of(s->current->runtime);
    for (struct link *l = s->retired.next; l != &s->retired; l = l->next) {
        struct served *served = CONTAINER_OF(l, struct served, link);

        if (served->runtime != s->current->runtime)
            reopen_logs_of(served->runtime);
    }
}

void
serving_replace_log(struct serving *s, struct str path, int fd)
{
    struct link *head = &s->current->runtime->log_files.head;

    serving_flush_logs(s);
    for (struct link *l = head->next; l != head; l = l->next) {
        struct log_file *file = CONTAINER_OF(l, struct log_file, link);

        if (!str_eq(file->path, path) || file->kind != LOG_FILE)
            continue;
        log_file_replace(file, fd);
        return;
    }
    close(fd);
}
