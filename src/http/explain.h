/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain: a request that goes its way through the server and is told of, step by step, instead of
 * being served.
 *
 * Codec, handlers and filters are those that serve; only the stream beneath them is none: it keeps
 * what would have been sent. Nothing is listened on, and no process but this one is asked or told.
 */
#ifndef WEIR_HTTP_EXPLAIN_H
#define WEIR_HTTP_EXPLAIN_H

#include "http/http.h"
#include "http/request.h"

/* Who asks for what, and where. */
struct http_asked {
    struct str head;            /* as a client would send it, whole */
    struct str host;            /* of the URL; not set: a path alone was given */
    uint16_t port;              /* of the URL; 0: a path alone was given */
    struct address local;       /* where the client comes to; len 0: as host and port tell */
    struct peer client;         /* family AF_UNSPEC: this machine */
};

/* What came of it. Texts are in the arena that was given. */
struct http_explained {
    bool listened;              /* there is an address for it */
    bool answered;              /* false: nothing came in time */
    unsigned status;
    struct str head;            /* of the answer; "" when it is closed without one */
    uint64_t body_bytes;
    bool own_page;              /* the body is one of weir's own */
};

/* trace is told the steps. False: told in the log, memory or descriptors are short. */
bool http_explain(struct http *http, const struct http_asked *asked,
                  const struct http_trace *trace, struct http_explained *explained);

/* "*:80, 127.0.0.1:8080": what it listens on. */
void write_http_addresses(struct writer *w, const struct http *http);

#endif
