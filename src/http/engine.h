/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine: one worker's part of the HTTP server, for the files of http/ and its codecs.
 */
#ifndef WEIR_HTTP_ENGINE_H
#define WEIR_HTTP_ENGINE_H

#include "event/loop.h"
#include "http/file_cache.h"
#include "http/http.h"
#include "http/request.h"
#include "http/settings.h"
#include "net/proxy_protocol.h"

enum {
    READ_SIZE = 32768,          /* at most so many bytes are read at a time */
    GATHER_SIZE = 65536,        /* answers to pipelined requests leave together up to here */
    GATHER_FILE = 4096,         /* a file up to here that is not in memory is read behind its
                                   head */
    GATHER_BODY = 32768,        /* a body up to here is copied behind its head and leaves with it
                                   in one send */
    GATHER_SLACK = 16384,       /* room for a head behind a full gather buffer */
    RETIRING_SILENT_MS = 2000,  /* a new connection of a worker that retires may be silent for so
                                   long: its request is on the way */
    HEAD_STARTS = 16            /* kinds of "HTTP/1.1 200 OK … Date … Connection" kept ready */
};

/* The begin of an answer's head, that changes with the second only. */
struct head_start {
    uint32_t key;               /* status, connection, tokens; 0: unused */
    uint32_t len;
    time_t second;
    char bytes[184];
};

/*
 * The last Host that was looked up: most requests ask for the same as the one before. Only for
 * names that are shared with the request's own bytes (lower case).
 */
struct last_host {
    const struct http_address *address;
    const struct http_server *server;
    uint32_t len, name_len;     /* of the field, of the name in it */
    char bytes[64];
};

struct routes;
/* Where paths have led (location.c), by malloc. */
struct routes *routes_create(void);
struct offload;
struct logins;                  /* modules/auth_basic.c */
struct compressor;              /* compress.c */
struct films;                   /* modules/mp4.c */
struct folder_reader;

struct http_worker {
    struct http *http;
    struct loop *loop;
    struct pool *pool;
    bool retiring;              /* answers close their connections, or hand them over */
    const struct http_successor *successor;     /* while retiring; NULL: there is none */
    uint32_t hand_over_next;    /* the slot that is looked at next */
    bool hand_over_missed;      /* one before it could not be sent */
    uint32_t connections;       /* served by this part */
    uint32_t requests_per_turn; /* of one connection; at least 1 */
    bool is_behind;             /* what is fed now came together with an earlier request */
    bool turn_ends;             /* the request being served is the last of its connection's turn */
    struct file_cache *files;
    struct thread_pools *pools;
    struct http_request *free_requests;
    uint32_t free_len;
    char *in;                   /* READ_SIZE: a read goes here first; idle connections own no
                                   buffer */
    char *out;                  /* GATHER_SIZE + GATHER_SLACK: what the connection being served
                                   sends next */
    size_t out_len;
    char *overload_answers[TOKENS_COUNT];       /* by what they say of the server; NULL: not needed
                                                   yet */
    struct head_start head_starts[HEAD_STARTS];
    struct last_host last_host;
    struct routes *routes;      /* NULL: locations are found without regular expressions */
    struct http_listing listing;        /* how to get the list of all connections */
    struct link listing_waiting;        /* of struct listing_wait */
    struct timer listing_limit; /* nobody waits longer for it */
    const struct listing_wait *listing_now;     /* whose request goes on; NULL once taken */
    struct offload *dav_threads;        /* of dav; NULL: none was needed yet */
    struct logins *logins;      /* of auth_basic; NULL: no password came yet */
    struct compressor *compressor;      /* NULL: nothing was compressed yet */
    struct films *films;        /* of mp4; NULL: none was cut yet */
    struct folder_reader *folders;      /* NULL: none was asked for yet */
    struct loop_turn_end turn_end;
    const struct http_trace *trace;     /* of all its requests; NULL: they are served */
};

enum hand_over {
    HAND_OVER_DONE,             /* it is closed here */
    HAND_OVER_NEVER,            /* it is busy, or of a kind that stays */
    HAND_OVER_LATER             /* the successor cannot take it now */
};
/* Hands the connection to the worker's successor. */
enum hand_over h1_hand_over(struct conn *conn);

/* struct listener's on_accept for all HTTP listeners. */
void http_accept(struct conn *conn);
/*
 * The first bytes are to be a header of the PROXY protocol: reads it, keeps what it says, and calls
 * http_start with what follows; or closes. The deadline is the caller's.
 */
void http_read_proxied(struct conn *conn);
/* Whether it is still at that. */
bool http_awaits_proxied(const struct conn *conn);
/*
 * Requests come from now on; the first len bytes of them are there already, in conn->in or, when
 * that is NULL, at p.
 */
void http_start(struct conn *conn, const char *p, size_t len);

/* What a proxy said of the client; NULL: no header was to come in front of the requests. */
static inline struct proxied *
http_proxied_of(const struct conn *conn)
{
    return conn_rare_of(conn);
}

/* What the connection's listener serves. */
static inline struct http_address *
http_address_of(const struct conn *conn)
{
    return conn->listener->owner;
}

/* The settings that hold before and after the location is known. */
static inline const struct location_settings *
http_settings_for(const struct http_request *req)
{
    return req->location != NULL ? req->location->settings : req->server->root->settings;
}

/*
 * Whether a file is looked for: for POST only to tell of one that is missing, which error_page may
 * have something for, before it is refused.
 */
static inline bool
http_seeks_file(const struct http_request *req)
{
    return req->method == METHOD_GET || req->method == METHOD_HEAD || req->method == METHOD_POST;
}

/* The Host field that was looked up last, and was valid. */
static inline struct str
http_last_host(const struct http_worker *worker)
{
    return (struct str){ worker->last_host.bytes, worker->last_host.len };
}

/* A request that waits for the list of all connections. In its arena. */
struct listing_wait {
    struct link link;
    struct http_request *req;
    struct str lines;           /* the list, as long as the handler that is called with it runs */
};
/* http_resume is called when it is there. False: it cannot be had. */
bool http_ask_for_listing(struct http_worker *worker, struct listing_wait *wait);
/* The one of this request, if its list is there, for the handler that runs; NULL: not. */
const struct listing_wait *http_take_listing(struct http_request *req);

/* Runs filters over the answer and hands it to the codec. */
void http_send(struct http_request *req);

/* One of weir's own pages for a status: a short HTML text that lives for ever. */
struct str http_page(unsigned status, enum server_tokens tokens);

/* "weir/0.1.0", "weir", or, with TOKENS_TEXT, "": what is not known without a request. */
struct str http_signature(enum server_tokens tokens);

/*
 * What server_tokens makes the server call itself to this request, at most SIGNATURE_MAX bytes that may
 * stand in a field; "": nothing, there is no field Server.
 */
struct str http_signature_for(struct http_request *req);

#endif
