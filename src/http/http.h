/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http: what the rooms above may know of the HTTP server: its conf tables, its listeners, its life
 * in a worker.
 */
#ifndef WEIR_HTTP_HTTP_H
#define WEIR_HTTP_HTTP_H

#include "conf/conf.h"
#include "net/listener.h"
#include "net/pool.h"
#include "net/proxy_protocol.h"

struct http;                    /* an http { } block, applied; immutable; in the runtime's arena */
struct counters_segment;
struct thread_pool;
struct http_worker;             /* one worker's part: caches, scratch buffers */

/*
 * The tables of all of http/ for conf_create, NULL-terminated; the first is the one with "http"
 * itself. NULL when memory is short.
 */
const struct conf_module *const *http_conf_modules(void);

/*
 * What a whole run yields to the http room, and takes from it: conf->owner points to a struct that
 * begins with this.
 */
struct http_setup {
    struct http *http;          /* set while the block is applied; NULL: there is no http block */
    struct log_files *log_files;        /* where access and error logs are registered; opened by
                                           the caller afterwards */
    struct zones *zones;        /* where zones in shared memory are declared; opened by the caller
                                   afterwards */
    bool is_test;               /* it is looked at, and not served */
    bool no_jit;                /* pcre_jit off: regular expressions are interpreted */
    struct thread_pool *thread_pools;   /* a list in the arena; "default" is added when it is not
                                           there */
    struct log *log;            /* of main level: what error_log in http inherits */
    struct http_folder *folders;        /* that are to be there for the workers to write in; made
                                           by the caller afterwards */
    struct http_grants *grants; /* what the workers open; NULL: nothing */
    bool has_walls;             /* the workers will be confined to it */
};

enum http_access {
    HTTP_READS,
    HTTP_WRITES,                /* and reads */
    HTTP_LOGS                   /* appends to files, and makes them */
};

/* Called for each path that the workers open, and all below it; until it returns false. */
typedef bool (*http_grant_fn)(void *ctx, struct str path, enum http_access access);
/* Paths are absolute and NUL-terminated. A path is told of once for each kind of access. */
bool http_grants_each(const struct http_setup *setup, http_grant_fn fn, void *ctx);

struct http_folder {
    struct str path;            /* absolute, NUL-terminated */
    struct http_folder *next;
};

/* While the configuration is read: adds one. False: memory is short, and that was noted. */
bool http_want_folder(struct conf *conf, struct str path);

/*
 * The listening sockets it wants: struct listener, linked by .link; on_accept and owner are filled
 * in, fd is -1.
 */
struct link *http_listeners(struct http *http);

/* Whether the connection was accepted for this configuration. */
bool http_serves(const struct http *http, const struct conn *conn);

/* The names of all modules compiled in, for -V: "http_static http_index …". */
void write_http_modules(struct writer *w);
/* The name of this machine, lower case: $hostname. */
struct str http_hostname(void);
/* Whether a directive of that name was compiled in. */
bool http_has_directive(struct str name);

/*
 * Gives each server the row of the segment that its name has: by the process that reads the
 * configuration, before it forks those who serve.
 */
void http_count_hosts(struct http *http, struct counters_segment *segment);

/*
 * In a worker, once pool and loop are there. NULL when memory is short. The listeners are to be
 * given to pool_listen afterwards. A second configuration may be started in the same process
 * (master_process off, reload): each has its own struct http_worker. requests_per_turn: so many of
 * one connection are served for one event, then it is the others' turn; at least 1.
 */
struct http_worker *http_worker_start(struct http *http, struct loop *loop, struct pool *pool,
                                      uint32_t requests_per_turn);

/*
 * A connection on its way from one worker to another: between two requests, or with the begin of
 * one. Times are those of CLOCK_MONOTONIC, which all processes share.
 */
struct http_carried {
    struct address local;       /* the address that the client came to */
    struct peer peer;
    uint64_t since_ms;          /* accepted at */
    uint64_t waiting_ms;        /* it waits since: idle, silent, or with half a head */
    uint32_t requests;          /* served so far */
    uint32_t allowance_ms, keep_ms;     /* as in struct conn */
    bool answered;
    bool awaits_proxied;        /* a header of the PROXY protocol has still to come; `ahead` is its
                                   begin */
    bool counted;               /* it counts as the client's whom the proxy spoke for */
    struct str ahead;           /* what was read and is not served yet */
    struct str proxied;         /* what a proxy said of the client (proxied_encode); "": nothing */
};
enum { HTTP_CARRIED_MAX = 65536 };      /* bytes of `ahead` */

/* Who goes on with the connections of a worker that ends, or of an old configuration. */
struct http_successor {
    /* Whether it serves clients who came to that address. */
    bool (*covers)(void *ctx, const struct address *local);
    /*
     * Gives it the connection. The descriptor stays the caller's to close. False: not now; the
     * one who made the successor calls http_worker_hand_over when it is worth another attempt.
     */
    bool (*send)(void *ctx, int fd, const struct http_carried *carried);
    void *ctx;
};

/*
 * This configuration ends. With a successor, which must stay until the worker stops or another is
 * given, connections are handed over: those between two requests by http_worker_hand_over, the
 * others after their answer; a client at an address that the successor does not serve gets one
 * more answer, with "Connection: close". Without one (NULL) answers carry "Connection: close", and
 * idle connections are closed. Requests in progress go on. May be called again.
 */
void http_worker_retire(struct http_worker *worker, const struct http_successor *successor);

/*
 * Hands over what can be now, a bounded number; false: there is more, call again once the
 * successor can take it.
 */
bool http_worker_hand_over(struct http_worker *worker);

enum http_adopted {
    HTTP_ADOPTED,               /* the descriptor is the connection's */
    HTTP_NO_ROOM,               /* no slot: the descriptor is untouched */
    HTTP_NO_ADDRESS             /* the configuration does not listen there; the same */
};

/* Goes on with a connection that another worker had. */
enum http_adopted http_adopt(struct http_worker *worker, int fd,
                             const struct http_carried *carried);

/* Whether the configuration listens on an address that covers this one. */
bool http_covers(const struct http *http, const struct address *local);

/*
 * The list of all workers' connections (net/listing.h), which only the rooms above can bring
 * together.
 */
struct http_listing {
    /* Has http_worker_listed called, later; false: it cannot. */
    bool (*ask)(void *ctx);
    void *ctx;
};
void http_worker_can_list(struct http_worker *worker, const struct http_listing *listing);
/* It is there; not set: it cannot be had. Nothing when nobody waits. */
void http_worker_listed(struct http_worker *worker, struct str lines);

/* Connections that this worker part still serves. */
uint32_t http_worker_connections(const struct http_worker *worker);

/* All connections are gone: writes what is buffered in logs and frees all. */
void http_worker_stop(struct http_worker *worker);

/*
 * Log files were reopened: what is buffered goes to the old ones first (call before the descriptors
 * are replaced).
 */
void http_worker_flush_logs(struct http_worker *worker);

#endif
