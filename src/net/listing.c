/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/listing.h"
#include "base/clock.h"
#include "base/counters.h"
#include "net/listener.h"

#include <netinet/in.h>
#include <linux/tcp.h>
#include <unistd.h>

struct listing {
    struct writer *w;
    unsigned most, count;
    bool idle;                  /* lists these now, or the others */
};

static void
write_peer_and_port(struct writer *w, const struct peer *peer)
{
    if (peer->family == AF_INET6)
        write_char(w, '[');
    write_peer(w, peer);
    if (peer->family == AF_INET6)
        write_char(w, ']');
    if (peer->family == AF_UNIX)
        return;
    write_char(w, ':');
    write_uint(w, peer->port);
}

static void
write_local(struct writer *w, const struct conn *conn)
{
    struct address local;

    local.len = sizeof(local.un);
    if (conn->listener == NULL || !address_is_wildcard(&conn->listener->address)
        || getsockname(conn->fd, &local.sa, &local.len) != 0) {
        if (conn->listener != NULL)
            write_str(w, conn->listener->text);
        return;
    }
    write_address(w, &local);
}

static void
write_number(struct writer *w, uint64_t number)
{
    write_char(w, '\t');
    write_uint(w, number);
}

static void
write_bytes_moved(struct writer *w, const struct conn *conn)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    memset(&info, 0, sizeof(info));
    if (conn->peer.family != AF_UNIX)
        getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    write_number(w, info.tcpi_bytes_received);
    write_number(w, info.tcpi_bytes_acked);
}

/* How long nothing was asked for, or came. */
static uint64_t
quiet_ms(const struct conn *conn)
{
    switch ((enum conn_state)conn->state) {
    case CONN_IDLE:
        return now.mono_ms - conn->idle_since_ms;
    case CONN_ACCEPTED:
        return now.mono_ms - conn->since_ms;
    case CONN_READING:
    case CONN_PROCESSING:
    case CONN_WRITING:
    case CONN_LINGERING:
    case CONN_FREE:
    case CONN_STATE_COUNT:
        break;
    }
    return 0;
}

static void
list_one(void *ctx, struct conn *conn)
{
    struct listing *listing = ctx;
    struct writer *w = listing->w;

    if ((conn->state == CONN_IDLE) != listing->idle || listing->count++ >= listing->most)
        return;
    write_int(w, getpid());
    write_number(w, stats->generation);
    write_number(w, conn->number);
    write_char(w, '\t');
    write_str(w, str_of(conn_state_name(conn->state)));
    write_char(w, '\t');
    write_peer_and_port(w, &conn->peer);
    write_char(w, '\t');
    write_local(w, conn);
    write_number(w, now.mono_ms - conn->since_ms);
    write_number(w, quiet_ms(conn));
    write_number(w, conn->requests);
    write_bytes_moved(w, conn);
    write_char(w, '\n');
}

void
write_connections(struct writer *w, struct pool *pool, unsigned most)
{
    struct listing listing = { .w = w, .most = most };

    pool_each(pool, list_one, &listing);
    listing.idle = true;
    pool_each(pool, list_one, &listing);
    if (listing.count <= most)
        return;
    write_fmt(w, "more\t%d", (int)getpid());
    write_number(w, listing.count - most);
    write_char(w, '\n');
}
