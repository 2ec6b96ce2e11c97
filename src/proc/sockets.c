/* SPDX-License-Identifier: BSD-2-Clause */
/* sockets: opening, sharing, holding and closing the listening sockets of configurations. */
#include "proc/sockets.h"

#include "base/clock.h"
#include "net/address.h"
#include "proc/tell.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

enum {
    BIND_TRIES = 5,
    BIND_PAUSE_MS = 500,
    HOLD_MS = 1000              /* shorter than retiring workers go on to accept, see serving.c */
};

static struct listener *
listener_of(struct link *link)
{
    return CONTAINER_OF(link, struct listener, link);
}

/* ---- what is open -------------------------------------------------------------------------- */

/* Sockets that are open when a configuration comes: whose list they are in does not matter. */
struct open_sockets {
    VEC(struct listener *) list;
};

static bool
add_open(struct arena *arena, struct open_sockets *open, struct link *head)
{
    for (struct link *l = head->next; l != head; l = l->next) {
        struct listener **place;

        if (listener_of(l)->fd < 0)
            continue;
        if ((place = VEC_ADD(arena, &open->list)) == NULL)
            return false;
        *place = listener_of(l);
    }
    return true;
}

static bool
find_open(struct runtime *rt, struct runtime *old, struct open_sockets *open)
{
    if (old != NULL)
        return add_open(rt->arena, open, runtime_listeners(old))
            && add_open(rt->arena, open, &old->held);
    return rt->options->inherited == NULL || add_open(rt->arena, open, rt->options->inherited);
}

static unsigned
count_at(const struct open_sockets *open, const struct address *address)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < open->list.len; i++)
        n += address_eq(&open->list.items[i]->address, address);
    return n;
}

/* The n-th at the address, or NULL. */
static struct listener *
nth_at(const struct open_sockets *open, const struct address *address, unsigned n)
{
    for (uint32_t i = 0; i < open->list.len; i++)
        if (address_eq(&open->list.items[i]->address, address) && n-- == 0)
            return open->list.items[i];
    return NULL;
}

static struct listener *
find_fd(struct link *head, int fd)
{
    for (struct link *l = head->next; l != head; l = l->next)
        if (listener_of(l)->fd == fd)
            return listener_of(l);
    return NULL;
}

/* ---- addresses ----------------------------------------------------------------------------- */

static bool
same_port(const struct address *a, const struct address *b)
{
    return a->sa.sa_family != AF_UNIX && b->sa.sa_family != AF_UNIX
        && address_port(a) == address_port(b);
}

/* Cannot both be bound in the usual way: 127.0.0.1:80 and *:80, or twice the same. */
static bool
overlap(const struct address *a, const struct address *b)
{
    return same_port(a, b)
        && (address_is_wildcard(a) || address_is_wildcard(b) || address_eq(a, b));
}

/* ---- shards -------------------------------------------------------------------------------- */

/* Each worker has one with reuseport. */
static unsigned
shards_wanted(const struct runtime *rt, const struct listener *listener)
{
    if (!listener->options.reuseport || listener->address.sa.sa_family == AF_UNIX
        || !rt->main->master_process)
        return 1;
    return rt->main->worker_processes;
}

/* Not open, and in no list. NULL when memory is short. */
static struct listener *
clone_of(struct arena *arena, const struct listener *listener)
{
    struct listener *clone = ARENA_NEW(arena, struct listener);

    if (clone == NULL)
        return NULL;
    clone->address = listener->address;
    clone->text = listener->text;
    clone->options = listener->options;
    clone->owner = listener->owner;
    clone->on_accept = listener->on_accept;
    clone->overload_answer = listener->overload_answer;
    clone->fd = -1;
    link_init(&clone->link);
    return clone;
}

/*
 * As many as are wanted, and no fewer than there are: a socket that is closed while its address
 * stays would take its backlog with it.
 */
static bool
add_shards(struct runtime *rt, const struct open_sockets *open)
{
    struct link *head = runtime_listeners(rt), *last = head->prev, *l = head;

    while (l != last) {
        const struct listener *listener = listener_of(l = l->next);
        unsigned n = MAX(shards_wanted(rt, listener), count_at(open, &listener->address));

        for (unsigned shard = 1; shard < n; shard++) {
            struct listener *clone = clone_of(rt->arena, listener);

            if (clone == NULL)
                return false;
            clone->shard = shard;
            list_push(head, &clone->link);
        }
    }
    return true;
}

/* ---- taking over --------------------------------------------------------------------------- */

static void
check_ipv6only(const struct listener *listener)
{
    int wanted = listener->options.ipv6only, is = -1;
    socklen_t len = sizeof(is);

    if (listener->address.sa.sa_family != AF_INET6 || wanted < 0 || listener->shard > 0
        || getsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &is, &len) != 0 || is == wanted)
        return;
    tell(LEVEL_WARN, 0, "ipv6only of %.*s cannot change while it is open, it stays \"%s\" until "
         "weir is stopped and started again", STR_ARG(listener->text), is ? "on" : "off");
}

static void
take_same(struct runtime *rt, const struct open_sockets *open)
{
    struct link *head = runtime_listeners(rt);

    for (struct link *l = head->next; l != head; l = l->next) {
        struct listener *mine = listener_of(l);
        const struct listener *there = nth_at(open, &mine->address, mine->shard);

        if (there == NULL)
            continue;
        mine->fd = there->fd;
        mine->file = there->file;
        check_ipv6only(mine);
    }
}

static const struct listener *
find_cover(struct runtime *rt, const struct address *address)
{
    struct link *head = runtime_listeners(rt);

    for (struct link *l = head->next; l != head; l = l->next)
        if (listener_covers(listener_of(l), address))
            return listener_of(l);
    return NULL;
}

/*
 * From 127.0.0.1:80 to *:80 the old socket stays open, for the kernel goes on to prefer it: it is
 * served as a part of the new one.
 */
static bool
take_covered(struct runtime *rt, const struct open_sockets *open)
{
    for (uint32_t i = 0; i < open->list.len; i++) {
        const struct listener *there = open->list.items[i], *cover;
        struct listener *mine;

        if (find_fd(runtime_listeners(rt), there->fd) != NULL
            || (cover = find_cover(rt, &there->address)) == NULL)
            continue;
        mine = clone_of(rt->arena, cover);
        if (mine == NULL)
            return false;
        mine->address = there->address;
        mine->text = arena_str(rt->arena, there->text);
        mine->options.reuseport = cover->options.reuseport && there->options.reuseport;
        mine->shard = there->shard;
        mine->fd = there->fd;
        list_push(runtime_listeners(rt), &mine->link);
    }
    return !arena_failed(rt->arena);
}

/* ---- opening ------------------------------------------------------------------------------- */

static void
set_reuseport(const struct listener *listener, int value)
{
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof(value));
}

static bool
has_reuseport(const struct listener *listener)
{
    socklen_t len = sizeof(int);
    int value = 0;

    return getsockopt(listener->fd, SOL_SOCKET, SO_REUSEPORT, &value, &len) == 0 && value != 0;
}

/* How many of those in the way are willing to share the port now. */
static unsigned
mark(const struct open_sockets *open, const struct address *address)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < open->list.len; i++) {
        struct listener *there = open->list.items[i];

        if (!overlap(&there->address, address))
            continue;
        n++;
        if (has_reuseport(there))
            continue;
        set_reuseport(there, 1);
        there->marked = true;
    }
    return n;
}

/* Beside sockets of ours that are in the way: all must be marked as willing to share the port. */
static bool
open_beside(struct listener *listener, const struct open_sockets *open, const char **step)
{
    int reuseport = listener->options.reuseport;
    bool ok;

    if (mark(open, &listener->address) == 0) {
        errno = EADDRINUSE;
        return false;
    }
    listener->options.reuseport = 1;
    ok = listener_open(listener, step);
    listener->options.reuseport = reuseport;
    return ok;
}

enum opened { OPENED, IN_USE, REFUSED };

static enum opened
open_one(struct listener *listener, const struct open_sockets *open, enum runtime_opening how)
{
    const char *step = "";
    bool in_use;

    if (listener_open(listener, &step)
        || (errno == EADDRINUSE && open_beside(listener, open, &step)))
        return OPENED;
    in_use = errno == EADDRINUSE;
    tell(in_use && how == OPEN_AND_TRY_AGAIN ? LEVEL_NOTICE : LEVEL_EMERG, errno,
         "%s to %.*s failed", step, STR_ARG(listener->text));
    return in_use ? IN_USE : REFUSED;
}

/* Tries all that are not open yet. */
static enum opened
open_round(struct runtime *rt, const struct open_sockets *open, enum runtime_opening how)
{
    struct link *head = runtime_listeners(rt);
    enum opened worst = OPENED;

    for (struct link *l = head->next; l != head; l = l->next)
        if (listener_of(l)->fd < 0) {
            enum opened one = open_one(listener_of(l), open, how);

            worst = MAX(worst, one);
        }
    return worst;
}

static bool
open_rest(struct runtime *rt, const struct open_sockets *open, enum runtime_opening how)
{
    const struct timespec pause = { .tv_nsec = BIND_PAUSE_MS * 1000000L };
    enum opened result = open_round(rt, open, how);

    for (int i = 1; how == OPEN_AT_START && i < BIND_TRIES && result == IN_USE; i++) {
        tell(LEVEL_NOTICE, 0, "try again to bind() after %dms", BIND_PAUSE_MS);
        nanosleep(&pause, NULL);
        result = open_round(rt, open, how);
    }
    rt->address_in_use = result == IN_USE;
    if (result == IN_USE && how != OPEN_AND_TRY_AGAIN)
        tell(LEVEL_EMERG, 0, "still could not bind()");
    return result == OPENED;
}

/*
 * Sockets that share an address share its port for good; others are nobody's to share, so that a
 * second server is told that the address is taken.
 */
static void
settle_reuseport(struct runtime *rt)
{
    struct link *head = runtime_listeners(rt);
    struct open_sockets all = { .list = { .len = 0 } };

    if (!add_open(rt->arena, &all, head))
        return;
    for (uint32_t i = 0; i < all.list.len; i++) {
        const struct listener *l = all.list.items[i];
        bool wanted = l->address.sa.sa_family != AF_UNIX
            && (l->options.reuseport || count_at(&all, &l->address) > 1);

        if (has_reuseport(l) != wanted)
            set_reuseport(l, wanted);
    }
}

/* Those that were given to the process: they are rt's now, or nobody's. */
static void
settle_inherited(struct runtime *rt)
{
    struct link *head = rt->options->inherited;

    if (head == NULL)
        return;
    for (struct link *l = head->next; l != head; l = l->next) {
        struct listener *given = listener_of(l);
        struct listener *mine = given->fd >= 0 ? find_fd(runtime_listeners(rt), given->fd) : NULL;

        if (given->fd < 0)
            continue;
        if (mine != NULL) {
            listener_configure(mine, NULL);
            given->fd = -1;
            continue;
        }
        tell(LEVEL_WARN, 0, "no \"listen\" wants the inherited socket %.*s, it is closed",
             STR_ARG(given->text));
        listener_close(given);
    }
}

bool
sockets_open(struct runtime *rt, struct runtime *old, enum runtime_opening how)
{
    struct open_sockets open = { .list = { .len = 0 } };

    if (!find_open(rt, old, &open) || !add_shards(rt, &open)) {
        tell(LEVEL_EMERG, ENOMEM, "the listening sockets cannot be opened");
        return false;
    }
    take_same(rt, &open);
    if (!take_covered(rt, &open)) {
        tell(LEVEL_EMERG, ENOMEM, "the listening sockets cannot be opened");
        return false;
    }
    if (!open_rest(rt, &open, how))
        return false;
    if (old == NULL) {
        settle_inherited(rt);
        settle_reuseport(rt);
    }
    return true;
}

/* ---- from one configuration to the next ---------------------------------------------------- */

/* Some of those who come to the one may come to the other as well. */
static bool
share_clients(const struct listener *a, const struct listener *b)
{
    return listener_covers(a, &b->address) || listener_covers(b, &a->address);
}

static enum listener_fate
fate_of(struct runtime *rt, const struct listener *listener)
{
    struct link *head = runtime_listeners(rt);

    for (struct link *l = head->next; l != head; l = l->next)
        if (share_clients(listener_of(l), listener))
            return FATE_FADES;
    return FATE_GOES;
}

static void
part(struct runtime *rt, struct link *head)
{
    for (struct link *l = head->next; l != head; l = l->next) {
        struct listener *old = listener_of(l);
        struct listener *mine = old->fd >= 0 ? find_fd(runtime_listeners(rt), old->fd) : NULL;

        old->fate = mine != NULL ? FATE_STAYS : fate_of(rt, old);
        if (mine != NULL)
            listener_configure(mine, &old->options);
    }
}

void
sockets_commit(struct runtime *rt, struct runtime *old)
{
    part(rt, runtime_listeners(old));
    part(rt, &old->held);
    settle_reuseport(rt);
}

static void
unmark(struct link *head)
{
    for (struct link *l = head->next; l != head; l = l->next) {
        struct listener *listener = listener_of(l);

        if (listener->marked && listener->fd >= 0)
            set_reuseport(listener, 0);
        listener->marked = false;
    }
}

void
sockets_give_back(struct runtime *rt, struct runtime *old)
{
    struct link *head = runtime_listeners(rt);

    for (struct link *l = head->next; l != head; l = l->next) {
        struct listener *mine = listener_of(l);
        bool shared = mine->fd >= 0 && (find_fd(runtime_listeners(old), mine->fd) != NULL
                                        || find_fd(&old->held, mine->fd) != NULL);

        mine->fate = shared ? FATE_STAYS : fate_of(old, mine);
    }
    unmark(runtime_listeners(old));
    unmark(&old->held);
    sockets_keep(old, rt);
}

static void
forget_shared(struct runtime *to, struct link *head)
{
    for (struct link *l = head->next; l != head; l = l->next) {
        struct listener *mine = listener_of(l);

        if (mine->fd >= 0 && (find_fd(runtime_listeners(to), mine->fd) != NULL
                              || find_fd(&to->held, mine->fd) != NULL))
            mine->fd = -1;
    }
}

void
sockets_keep(struct runtime *to, struct runtime *from)
{
    forget_shared(to, runtime_listeners(from));
    forget_shared(to, &from->held);
}

/* ---- holding ------------------------------------------------------------------------------- */

/* One that cannot be held for want of memory is closed with its configuration. */
static void
hold(struct runtime *rt, struct listener *listener, uint64_t until_ms)
{
    struct listener *held = clone_of(rt->arena, listener);

    if (held == NULL)
        return;
    held->text = arena_str(rt->arena, listener->text);
    held->shard = listener->shard;
    held->fd = listener->fd;
    held->closes_ms = until_ms;
    list_push(&rt->held, &held->link);
    listener->fd = -1;
}

void
sockets_hold(struct runtime *rt, struct runtime *old)
{
    struct link *head = runtime_listeners(old);

    for (struct link *l = head->next; l != head; l = l->next)
        if (listener_of(l)->fd >= 0 && listener_of(l)->fate == FATE_FADES)
            hold(rt, listener_of(l), now.mono_ms + HOLD_MS);
    /* Whatever rt listens on: those who go on to accept there are not told anything new. */
    head = &old->held;
    for (struct link *l = head->next; l != head; l = l->next)
        if (listener_of(l)->fd >= 0 && listener_of(l)->fate != FATE_STAYS)
            hold(rt, listener_of(l), listener_of(l)->closes_ms);
}

uint64_t
sockets_release_held(struct runtime *rt)
{
    struct link *head = &rt->held, *next;
    uint64_t due = 0;

    for (struct link *l = head->next; l != head; l = next) {
        struct listener *held = listener_of(l);

        next = l->next;
        if (held->closes_ms <= now.mono_ms) {
            listener_close(held);
            link_remove(l);
        } else if (due == 0 || held->closes_ms < due) {
            due = held->closes_ms;
        }
    }
    return due;
}

/* ---- in the workers ------------------------------------------------------------------------ */

void
sockets_all_go(struct runtime *rt)
{
    struct link *head = runtime_listeners(rt);

    for (struct link *l = head->next; l != head; l = l->next)
        listener_of(l)->fate = FATE_GOES;
}

static const char fate_letters[] = {
    [FATE_STAYS] = 's', [FATE_FADES] = 'f', [FATE_GOES] = 'g',
};

void
write_fates(struct writer *w, const struct runtime *rt)
{
    struct link *head = runtime_listeners(rt);

    for (struct link *l = head->next; l != head; l = l->next)
        write_char(w, fate_letters[listener_of(l)->fate]);
}

static const char *
fate_letter(char c)
{
    return memchr(fate_letters, c, sizeof(fate_letters));
}

bool
sockets_read_fates(struct runtime *rt, struct str text)
{
    struct link *head = runtime_listeners(rt), *l = head->next;

    for (size_t i = 0; i < text.len; i++, l = l->next)
        if (l == head || fate_letter(text.p[i]) == NULL)
            return false;
    if (l != head)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        l = l->next;
        listener_of(l)->fate = (enum listener_fate)(fate_letter(text.p[i]) - fate_letters);
    }
    return true;
}

static void
close_list(struct link *head)
{
    for (struct link *l = head->next; l != head; l = l->next)
        listener_close(listener_of(l));
}

void
sockets_take_part(struct runtime *rt, unsigned number)
{
    struct link *head = runtime_listeners(rt);

    close_list(&rt->held);
    for (struct link *l = head->next; l != head; l = l->next) {
        struct listener *listener = listener_of(l);

        if (shards_wanted(rt, listener) > 1
            && listener->shard % rt->main->worker_processes != number)
            listener_close(listener);
    }
}

/* ---- closing ------------------------------------------------------------------------------- */

void
sockets_close_one(struct runtime *rt, struct listener *listener)
{
    if (listener->fd >= 0 && rt->cleaner == getpid() && !rt->shares_sockets)
        listener_unlink(listener);
    listener_close(listener);
}

void
sockets_close(struct runtime *rt)
{
    struct link *head = runtime_listeners(rt);

    for (struct link *l = head->next; l != head; l = l->next)
        sockets_close_one(rt, listener_of(l));
    close_list(&rt->held);
}
