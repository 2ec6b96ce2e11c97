/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor_network: the addresses that are listened on, and the queues of the kernel before them. */
#include "proc/doctor_parts.h"
#include "proc/doctor_proc.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- addresses ----------------------------------------------------------------------------- */

static const struct listener *
listener_of(const struct link *link)
{
    return CONTAINER_OF(link, const struct listener, link);
}

/* Binds, and lets go at once: nobody can connect meanwhile. An errno value; 0: it can be had. */
static int
try_address(const struct listener *l)
{
    int on = 1, off = 0, err = 0;
    int fd = socket(l->address.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (l->options.reuseport == 1)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (l->address.sa.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, l->options.ipv6only == 0 ? &off : &on,
                   sizeof(on));
    if (bind(fd, &l->address.sa, l->address.len) != 0)
        err = errno;
    close(fd);
    return err;
}

static void
tell_rights(struct doctor *d, const struct listener *l)
{
    uint64_t first = 1024;

    (void)proc_number("/proc/sys/net/ipv4/ip_unprivileged_port_start", &first);
    if (!d->starter_is_us)      /* what he may do is not known; root may, mostly */
        return;
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_ERROR, .about = l->text,
        .text = doctor_text(d, "%s may not bind port %u: it is below %ju, and CAP_NET_BIND_SERVICE "
                            "is not there", d->starter.name, address_port(&l->address),
                            (uintmax_t)first),
        .why = STR("the server does not start"),
        .mend = doctor_text(d, "sysctl -w net.ipv4.ip_unprivileged_port_start=%u    # or start as "
                            "root, or AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit, or a "
                            "port from %ju on", address_port(&l->address), (uintmax_t)first),
    });
}

/* Whether the running server has it; one that we may not look into is believed to. */
static bool
is_ours(struct doctor *d, const struct listener *l)
{
    struct proc_listener holder;

    for (unsigned n = 0; d->running != 0 && proc_find_listener(d->arena, &l->address, n, &holder);
         n++)
        if (proc_has_socket(d->running, holder.inode) != 0)
            return true;
    return false;
}

/* By a unit of type socket: what it holds is handed over at the start. */
static void
tell_activated(struct doctor *d, const struct listener *l)
{
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_NOTICE, .about = l->text,
        .text = STR("systemd listens there: it hands the socket over if it does so for this "
                    "server"),
        .mend = STR("systemctl list-sockets"),
    });
}

static void
tell_taken(struct doctor *d, const struct listener *l)
{
    struct proc_listener holder;
    char name[64] = "";
    pid_t pid = 0;
    struct str who, mend;

    if (is_ours(d, l))
        return;
    if (proc_find_listener(d->arena, &l->address, 0, &holder))
        pid = proc_socket_owner(holder.inode, name);
    if (pid == 1) {
        tell_activated(d, l);
        return;
    }
    who = pid != 0 ? doctor_text(d, "process %d (%s)", (int)pid, name)
        : STR("another process (root can tell which)");
    mend = pid != 0 ? doctor_text(d, "ps -fp %d", (int)pid)
        : doctor_text(d, "ss -ltnp 'sport = :%u'    # as root", address_port(&l->address));
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_ERROR, .about = l->text,
        .text = doctor_text(d, "%.*s listens there", STR_ARG(who)),
        .why = STR("the server does not start: bind() fails with \"Address already in use\""),
        .mend = mend,
    });
}

static void
tell_missing(struct doctor *d, const struct listener *l)
{
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_ERROR, .about = l->text,
        .text = STR("this machine has no such address"),
        .why = STR("the server does not start: bind() fails with \"Cannot assign requested "
                   "address\""),
        .mend = doctor_text(d, "listen %u;    # all addresses; \"ip addr\" lists those there are",
                            address_port(&l->address)),
    });
}

/* Its file is made anew at each start. */
static void
check_unix(struct doctor *d, const struct listener *l)
{
    struct str folder = doctor_folder_of(d, l->text.p + sizeof("unix:") - 1);
    int err = doctor_starter_may(d, folder.p, W_OK | X_OK);

    if (err == 0 || d->running != 0)
        return;
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_ERROR, .about = l->text,
        .text = err == ENOENT ? doctor_text(d, "there is no folder %s", folder.p)
            : doctor_text(d, "%s cannot make it in %s (%d: %s)", d->starter.name, folder.p, err,
                          strerror(err)),
        .why = STR("the server does not start"),
        .mend = err == ENOENT ? doctor_text(d, "mkdir -p %s", doctor_shell(d, folder.p))
            : doctor_text(d, "chown %s %s", d->starter.name, doctor_shell(d, folder.p)),
    });
}

static void
check_one(struct doctor *d, const struct listener *l)
{
    bool is_unix = l->address.sa.sa_family == AF_UNIX;
    int err = is_unix ? 0 : try_address(l);

    if (is_unix && str_starts(l->text, STR("unix:/")))
        check_unix(d, l);

    switch (err) {
    case 0:             return;
    case EACCES:
    case EPERM:         tell_rights(d, l);  return;
    case EADDRINUSE:    tell_taken(d, l);   return;
    case EADDRNOTAVAIL: tell_missing(d, l); return;
    default:            break;
    }
    doctor_add(d, &(struct doctor_finding){
        .level = err == EAFNOSUPPORT ? DOCTOR_ERROR : DOCTOR_WARNING, .about = l->text,
        .text = doctor_text(d, "it cannot be bound (%d: %s)", err, strerror(err)),
        .why = err == EAFNOSUPPORT ? STR("the kernel has no IPv6, and the server does not start")
                                   : STR_NONE,
    });
}

static void
check_addresses(struct doctor *d)
{
    const struct link *head = runtime_listeners(d->rt);
    unsigned n = 0;

    for (const struct link *l = head->next; l != head; l = l->next, n++)
        check_one(d, listener_of(l));
    if (d->worst == DOCTOR_FINE)
        doctor_fine(d, n == 1 ? "the address can be had" : "all %u addresses can be had", n);
}

/* ---- IPv6 ---------------------------------------------------------------------------------- */

static bool
has_global_ipv6(struct doctor *d)
{
    struct str text = proc_read(d->arena, "/proc/net/if_inet6");

    while (text.len > 0) {      /* address, index, prefix, scope, flags, device */
        struct str line = proc_line(&text);

        for (unsigned i = 0; i < 3; i++)
            proc_word(&line);
        if (str_eq(proc_word(&line), STR("00")))
            return true;
    }
    return false;
}

static bool
listens_on_ipv6(const struct link *head, uint16_t port)
{
    for (const struct link *l = head->next; l != head; l = l->next)
        if (listener_of(l)->address.sa.sa_family == AF_INET6
            && address_port(&listener_of(l)->address) == port)
            return true;
    return false;
}

static void
check_ipv6(struct doctor *d)
{
    const struct link *head = runtime_listeners(d->rt);

    if (!has_global_ipv6(d))
        return;
    for (const struct link *l = head->next; l != head; l = l->next) {
        const struct address *a = &listener_of(l)->address;

        if (a->sa.sa_family != AF_INET || !address_is_wildcard(a)
            || listens_on_ipv6(head, address_port(a)))
            continue;
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_NOTICE, .about = listener_of(l)->text,
            .text = STR("clients that come by IPv6 find nobody, and this machine has an address "
                        "for them"),
            .mend = doctor_text(d, "listen [::]:%u;", address_port(a)),
        });
    }
}

/* ---- queues -------------------------------------------------------------------------------- */

static void
check_backlog(struct doctor *d)
{
    const struct link *head = runtime_listeners(d->rt);
    uint64_t most;

    if (!proc_number("/proc/sys/net/core/somaxconn", &most))
        return;
    for (const struct link *l = head->next; l != head; l = l->next) {
        int backlog = listener_of(l)->options.backlog;

        if (backlog < 0 || (uint64_t)backlog <= most)
            continue;
        doctor_add(d, &(struct doctor_finding){
            .level = backlog == listen_defaults.backlog ? DOCTOR_NOTICE : DOCTOR_WARNING,
            .about = listener_of(l)->text,
            .text = doctor_text(d, "backlog=%d, and the kernel cuts it to %ju "
                                "(net.core.somaxconn)", backlog, (uintmax_t)most),
            .why = STR("in a burst the handshakes of more clients are dropped, and each waits a "
                       "second"),
            .mend = doctor_text(d, "sysctl -w net.core.somaxconn=%d    # and in /etc/sysctl.d, to "
                                "stay", backlog),
        });
    }
    if (d->worst == DOCTOR_FINE)
        doctor_fine(d, "the kernel lets %ju clients wait in a queue (net.core.somaxconn)",
                    (uintmax_t)most);
}

/* With cookies a full queue of half-open connections loses nobody. */
static void
check_half_open(struct doctor *d)
{
    const struct link *head = runtime_listeners(d->rt);
    uint64_t most, cookies;

    if (!proc_number("/proc/sys/net/ipv4/tcp_max_syn_backlog", &most)
        || !proc_number("/proc/sys/net/ipv4/tcp_syncookies", &cookies) || cookies != 0)
        return;
    for (const struct link *l = head->next; l != head; l = l->next) {
        int backlog = listener_of(l)->options.backlog;

        if (listener_of(l)->address.sa.sa_family == AF_UNIX || backlog < 0
            || (uint64_t)backlog <= most)
            continue;
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_NOTICE, .about = STR("net.ipv4.tcp_syncookies"),
            .text = doctor_text(d, "off, and %ju handshakes may be half done at a time "
                                "(net.ipv4.tcp_max_syn_backlog)", (uintmax_t)most),
            .why = STR("a flood of handshakes that nobody ends keeps everybody out"),
            .mend = STR("sysctl -w net.ipv4.tcp_syncookies=1"),
        });
        return;
    }
}

static const struct doctor_check checks[] = {
    { "addresses", check_addresses, "those of the running server, or root's to bind" },
    { "ipv6", check_ipv6, "nobody who comes by IPv6 is left out" },
    { "backlog", check_backlog, "the queue's limit could not be read" },
    { "handshakes", check_half_open, "half-open connections keep nobody out" },
};
const struct doctor_group doctor_network = DOCTOR_GROUP("network", checks);
