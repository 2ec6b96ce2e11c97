/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/inherit.h"

#include "net/listener.h"
#include "proc/tell.h"
#include "proc/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACTIVATED_FIRST = 3, ACTIVATED_MAX = 4096 };

static bool
is_listening(int fd)
{
    int listens = 0, type = 0;
    socklen_t len = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens != 0
        && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

/* As the conf file would name it. */
static bool
address_of_socket(struct arena *arena, int fd, struct address *address)
{
    struct str path;
    unsigned count;

    memset(address, 0, sizeof(*address));
    address->len = sizeof(address->un);
    if (getsockname(fd, &address->sa, &address->len) != 0)
        return false;
    if (address->sa.sa_family != AF_UNIX)
        return address->sa.sa_family == AF_INET || address->sa.sa_family == AF_INET6;
    path = arena_fmt(arena, "unix:%s", address->un.sun_path);
    return str_is_set(path) && address_parse(path, address, 1, &count) == NULL;
}

/* One that is named twice would be closed twice. */
static bool
is_taken(const struct link *head, int fd)
{
    for (const struct link *l = head->next; l != head; l = l->next)
        if (CONTAINER_OF(l, struct listener, link)->fd == fd)
            return true;
    return false;
}

static bool
take(struct arena *arena, struct link *head, int fd)
{
    struct listener *listener;
    struct address address;
    struct writer w;

    if (!is_listening(fd) || !address_of_socket(arena, fd, &address))
        return false;
    listener = ARENA_NEW(arena, struct listener);
    w = writer_in(arena);
    write_address(&w, &address);
    if (listener == NULL || !w.ok)
        return false;
    *listener = (struct listener){
        .address = address, .text = writer_str(&w), .options = listen_defaults, .fd = fd,
    };
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    listener_note_file(listener);
    link_init(&listener->link);
    list_push(head, &listener->link);
    return true;
}

/* The file of the one that was taken last is not ours to remove. */
static void
leave_file(struct link *head)
{
    CONTAINER_OF(head->prev, struct listener, link)->file.inode = 0;
}

/* WEIR_LISTEN="5;6;7f;" of a master that is to be replaced. */
static void
take_listed(struct arena *arena, struct link *head, struct str rest)
{
    while (rest.len > 0) {
        ptrdiff_t end = str_find(rest, ';', 0);
        struct str number = { rest.p, end < 0 ? rest.len : (size_t)end };
        bool foreign = number.len > 0 && number.p[number.len - 1] == UPGRADE_FOREIGN_FILE;
        struct str digits = { number.p, number.len - foreign };
        uint64_t fd;

        rest = str_from(rest, number.len + (end < 0 ? 0 : 1));
        if (!str_to_uint(digits, INT_MAX, &fd))
            fd = INT_MAX;               /* no descriptor's number */
        if (is_taken(head, (int)fd))
            continue;
        if (take(arena, head, (int)fd)) {
            if (foreign)
                leave_file(head);
            continue;
        }
        tell(LEVEL_WARN, 0, "no listening socket \"%.*s\" in the environment variable "
             UPGRADE_LISTEN_VARIABLE ", ignored", STR_ARG(number));
    }
}

static bool
number_in(const char *variable, uint64_t most, uint64_t *number)
{
    const char *text = getenv(variable);

    return text != NULL && str_to_uint(str_of(text), most, number);
}

/* The n-th of "a:b:c". */
static struct str
nth_name(struct str names, unsigned n)
{
    for (;;) {
        ptrdiff_t end = str_find(names, ':', 0);

        if (n-- == 0)
            return (struct str){ names.p, end < 0 ? names.len : (size_t)end };
        if (end < 0)
            return STR_NONE;
        names = str_from(names, (size_t)end + 1);
    }
}

/*
 * sd_listen_fds(3): from descriptor 3 on. The files of Unix sockets are the service manager's, and
 * stay when this process ends.
 */
static void
take_activated(struct arena *arena, struct link *head)
{
    const char *names = getenv("LISTEN_FDNAMES");
    uint64_t pid, count;

    if (!number_in("LISTEN_PID", INT_MAX, &pid) || (pid_t)pid != getpid()
        || !number_in("LISTEN_FDS", ACTIVATED_MAX, &count))
        return;
    for (unsigned i = 0; i < count; i++) {
        int fd = ACTIVATED_FIRST + (int)i;
        struct str name = names != NULL ? nth_name(str_of(names), i) : STR_NONE;

        if (is_taken(head, fd))
            continue;
        if (take(arena, head, fd)) {
            leave_file(head);
            continue;
        }
        tell(LEVEL_WARN, 0, "descriptor %d (\"%.*s\") of LISTEN_FDS is no listening stream socket, "
             "it is closed", fd, STR_ARG(name));
        close(fd);
    }
}

struct link *
inherit_listeners(struct arena *arena)
{
    const char *listed = getenv(UPGRADE_LISTEN_VARIABLE);
    struct link *head;

    if (listed == NULL && getenv("LISTEN_FDS") == NULL)
        return NULL;
    head = ARENA_NEW(arena, struct link);
    if (head == NULL)
        return NULL;
    link_init(head);
    if (listed != NULL)
        take_listed(arena, head, str_of(listed));
    take_activated(arena, head);
    unsetenv(UPGRADE_LISTEN_VARIABLE);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return head;
}
