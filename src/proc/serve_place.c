/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/serve_place.h"

#include "proc/serve_conf.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

enum { FIRST_PORT = 8080, PORTS_TRIED = 100, ADDRESSES_MAX = 16 };

/* ---- where to listen ----------------------------------------------------------------------- */

/* False when the address cannot be had. */
static bool
hold(struct serve_place *place, unsigned i, struct str text)
{
    struct listener *held = &place->held[i];
    const char *step;
    unsigned count;

    *held = (struct listener){ .text = text, .fd = -1 };
    held->options = listen_defaults;
    if (!str_is_set(text) || address_parse(text, &held->address, 1, &count) != NULL
        || !listener_open(held, &step))
        return false;
    list_push(&place->inherited, &held->link);
    place->listen[i] = text;
    return true;
}

static void
write_url(struct serve_place *place, const struct address *address)
{
    struct writer w = writer_at(place->url, sizeof(place->url) - 1);
    uint16_t port;

    if (address->sa.sa_family == AF_UNIX) {
        write_address(&w, address);
        *w.p = '\0';
        return;
    }
    port = address_port(address);
    write_str(&w, STR("http://"));
    if (address_is_wildcard(address)) {
        write_str(&w, STR("localhost:"));
        write_uint(&w, port);
    } else {
        write_address(&w, address);
    }
    write_char(&w, '/');
    *w.p = '\0';
}

static bool
given_place(struct arena *arena, const char *text, struct serve_place *place)
{
    struct address addresses[ADDRESSES_MAX];
    unsigned count = 0;
    const char *wrong = address_parse(str_of(text), addresses, ADDRESSES_MAX, &count);
    struct writer w = writer_in(arena);

    if (wrong == NULL && count == 0)
        wrong = "no address";
    if (wrong != NULL) {
        console("%s in \"--listen %s\"", wrong, text);
        return false;
    }
    write_quoted(&w, str_of(text));
    place->listen[0] = writer_str(&w);
    write_url(place, &addresses[0]);
    return true;
}

/* For a conf file that is shown: nothing is opened. */
static bool
show_port(struct arena *arena, const struct serve *serve, struct serve_place *place)
{
    unsigned port = serve->port != 0 ? serve->port : FIRST_PORT;

    place->listen[0] = arena_fmt(arena, serve->is_public ? "%u" : "127.0.0.1:%u", port);
    if (access("/proc/net/if_inet6", F_OK) == 0)
        place->listen[1] = arena_fmt(arena, serve->is_public ? "[::]:%u" : "[::1]:%u", port);
    return true;
}

/* On this machine alone, unless it is to be for the network. */
static bool
hold_port(struct arena *arena, bool is_public, unsigned port, struct serve_place *place)
{
    if (!hold(place, 0, arena_fmt(arena, "%s:%u", is_public ? "0.0.0.0" : "127.0.0.1", port)))
        return false;
    hold(place, 1, arena_fmt(arena, "%s:%u", is_public ? "[::]" : "[::1]", port));
    place->port = port;         /* the second only where there is IPv6 */
    snprintf(place->url, sizeof(place->url), "http://localhost:%u/", port);
    return true;
}

static bool
free_place(struct arena *arena, bool is_public, struct serve_place *place)
{
    for (unsigned port = FIRST_PORT; port < FIRST_PORT + PORTS_TRIED; port++)
        if (hold_port(arena, is_public, port, place))
            return true;
    console("no port from %d to %d is free, choose one with --port", FIRST_PORT,
            FIRST_PORT + PORTS_TRIED - 1);
    return false;
}

bool
serve_place_find(struct arena *arena, const struct serve *serve, struct serve_place *place)
{
    *place = (struct serve_place){ .held = { { .fd = -1 }, { .fd = -1 } } };
    link_init(&place->inherited);
    if (serve->listen != NULL)
        return given_place(arena, serve->listen, place);
    if (serve->print_conf)
        return show_port(arena, serve, place);
    if (serve->port == 0)
        return free_place(arena, serve->is_public, place);
    if (hold_port(arena, serve->is_public, serve->port, place))
        return true;
    console("port %u cannot be had (%d: %s)%s", serve->port, errno, strerror(errno),
            errno == EACCES ? ", only root may listen on ports below 1024" : "");
    return false;
}

void
serve_place_give_back(struct serve_place *place)
{
    for (size_t i = 0; i < ARRAY_LEN(place->held); i++)
        listener_close(&place->held[i]);
}

/* ---- the network --------------------------------------------------------------------------- */

static bool
is_worth_telling(const struct ifaddrs *one)
{
    const struct sockaddr_in6 *in6;

    if (one->ifa_addr == NULL || (one->ifa_flags & IFF_UP) == 0
        || (one->ifa_flags & IFF_LOOPBACK) != 0)
        return false;
    if (one->ifa_addr->sa_family == AF_INET)
        return true;
    if (one->ifa_addr->sa_family != AF_INET6)
        return false;
    in6 = (const struct sockaddr_in6 *)(const void *)one->ifa_addr;
    return !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr);
}

void
write_network_urls(struct writer *w, struct str before_each, unsigned port)
{
    struct ifaddrs *all, *one;
    char text[INET6_ADDRSTRLEN];

    if (getifaddrs(&all) != 0)
        return;
    for (one = all; one != NULL; one = one->ifa_next) {
        bool v6 = one->ifa_addr != NULL && one->ifa_addr->sa_family == AF_INET6;

        if (!is_worth_telling(one)
            || getnameinfo(one->ifa_addr, v6 ? sizeof(struct sockaddr_in6)
                                             : sizeof(struct sockaddr_in),
                           text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
            continue;
        write_str(w, before_each);
        write_fmt(w, v6 ? "http://[%s]:%u/" : "http://%s:%u/", text, port);
    }
    freeifaddrs(all);
}
