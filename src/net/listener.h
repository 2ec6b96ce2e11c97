/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener: a listening socket. The master opens them, workers inherit them; a reload keeps those
 * whose address stays. An address may have several, its shards: see HACKING.md, "Listening sockets
 * over reloads".
 */
#ifndef WEIR_NET_LISTENER_H
#define WEIR_NET_LISTENER_H

#include "base/log.h"
#include "event/loop.h"
#include "net/address.h"
#include <time.h>

struct conn;
struct pool;

/* Set by the conf file; -1 means: leave it to the system. */
struct listen_options {
    int backlog;                /* default 4096 */
    int rcvbuf, sndbuf;         /* bytes */
    int fastopen;               /* queue length */
    int ipv6only;               /* 1 default, 0 */
    int deferred;               /* 1 default: the kernel keeps a connection until its first bytes
                                   are there, or a second has passed (TCP_DEFER_ACCEPT) */
    int nodelay;                /* 1 default: TCP_NODELAY, inherited by accepted sockets */
    int reuseport;              /* 0 default, 1 */
    int so_keepalive;           /* SO_KEEPALIVE 0, 1; the kernel's probes of a silent peer */
    int keepidle, keepintvl;    /* seconds */
    int keepcnt;
    int multipath;              /* 0 default, 1: Multipath TCP */
    int mode;                   /* of a Unix socket's file, 0 to 0777; -1: 0666 */
    int uid, gid;               /* its owner and group */
};

/* What holds where the conf file says nothing. */
extern const struct listen_options listen_defaults;

/* What becomes of an open listener when the process that listens on it leaves it. */
enum listener_fate {
    FATE_STAYS,                 /* others go on with it: it is left at once */
    FATE_FADES,                 /* new clients come to another socket: whoever is on the way to this
                                   one is waited for */
    FATE_GOES                   /* nobody will listen there: those in the backlog are answered */
};

/* The file that bind() made of a Unix socket's path, as told from one made later by others. */
struct listener_file {
    dev_t device;
    ino_t inode;                /* 0: none that is ours to remove */
    struct timespec made;
};

struct listener {
    struct link link;           /* the owner's list */
    struct address address;
    unsigned shard;             /* which of the sockets at this address, from 0 */
    struct str text;            /* the address as text, for messages; NUL-terminated */
    struct listen_options options;
    int fd;                     /* -1: not open */
    struct listener_file file;

    /* Below: the master's, see proc/sockets.h. */
    enum listener_fate fate;
    bool marked;                /* SO_REUSEPORT was put on it for the time of a reload */
    uint64_t closes_ms;         /* monotonic: when a held one is given up */

    /* Below: a worker's, meaningless in the master. */
    struct link pool_link;      /* the pool's list */
    struct loop_source source;
    struct pool *pool;          /* that listens on it, or NULL */
    uint32_t accepts;           /* since it stepped back last (accept_step_back) */
    struct str overload_answer; /* what a client gets for whom there is no room; may be empty */
    void *owner;                /* of the protocol above: what is served here */
    /* A connection was accepted, its slot is in state ACCEPTED: the protocol takes over. */
    void (*on_accept)(struct conn *conn);
};

/*
 * Opens, binds and listens: non-blocking, close-on-exec, SO_REUSEADDR. A Unix socket's file that
 * nobody answers on is replaced; the new one has its mode and owner before anybody can connect. A
 * port 0 becomes the one that the kernel chose. False with errno; the failed step ("socket()",
 * "bind()", "listen()" …) in *step. EEXIST: the path is a file that is no socket.
 */
bool listener_open(struct listener *listener, const char **step);
/*
 * Applies the options that may change while it is open (all but ipv6only, reuseport and multipath).
 * `before`: those that it has had so far, so that one that is no longer given returns to the
 * system's default; NULL: not known. Failures are logged as alerts and do no harm.
 */
void listener_configure(struct listener *listener, const struct listen_options *before);
/* Whether those who come to `local` are its clients; a socket of [::] may take IPv4 clients too. */
bool listener_covers(const struct listener *listener, const struct address *local);
/* For an inherited Unix socket: its file, as it is now, is the one that is ours to remove. */
void listener_note_file(struct listener *listener);
/* Closes this process's descriptor; others keep theirs. */
void listener_close(struct listener *listener);
/*
 * Removes a Unix socket's file: for the last owner of the address alone. A file that another
 * process has put there meanwhile stays.
 */
void listener_unlink(const struct listener *listener);

#endif
