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

static bool
is_listening(int fd)
{
    int listens = 0;
    socklen_t len = sizeof(listens);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens != 0;
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

struct link *
inherit_listeners(struct arena *arena)
{
    const char *value = getenv(UPGRADE_LISTEN_VARIABLE);
    struct link *head = value != NULL ? ARENA_NEW(arena, struct link) : NULL;
    struct str rest;

    if (head == NULL)
        return NULL;
    link_init(head);
    for (rest = str_of(value); rest.len > 0;) {
        ptrdiff_t end = str_find(rest, ';', 0);
        struct str number = { rest.p, end < 0 ? rest.len : (size_t)end };
        uint64_t fd;

        rest = str_from(rest, number.len + (end < 0 ? 0 : 1));
        if (!str_to_uint(number, INT_MAX, &fd) || !take(arena, head, (int)fd))
            tell(LEVEL_WARN, 0, "no listening socket \"%.*s\" in the environment variable "
                 UPGRADE_LISTEN_VARIABLE ", ignored", STR_ARG(number));
    }
    unsetenv(UPGRADE_LISTEN_VARIABLE);
    return head;
}
