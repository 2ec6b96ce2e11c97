/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * request: one request and its answer, from the parsed head to the log line.
 *
 * A request lives in its own arena and is taken from the worker's store when the first byte of its
 * head arrives; it goes back when the answer is out and logged. All text in it points into that
 * arena, so it is good for the whole life of the request. No code above a codec knows which version
 * of HTTP brought it.
 */
#ifndef WEIR_HTTP_REQUEST_H
#define WEIR_HTTP_REQUEST_H

#include "base/arena.h"
#include "base/log.h"
#include "http/body.h"
#include "http/status.h"
#include "http/uri.h"
#include "net/pool.h"
#include <sys/types.h>
#include <time.h>

struct http_worker;
struct http_server;
struct http_location;
struct http_request;
struct http_subrequest;
struct http_trace;
struct http_login;
struct login_check;
struct ssi_state;
struct http_value;
struct http_text;
struct compressed;
struct conf_mark;
struct file;
struct request_body;
struct dav_request;

/* ---- methods and fields -------------------------------------------------------------------- */

/* Those that some handler may treat by name; any other token is METHOD_OTHER. */
#define HTTP_METHODS(X)                                                                     \
    X(GET) X(HEAD) X(POST) X(PUT) X(DELETE) X(OPTIONS) X(TRACE) X(CONNECT) X(PATCH)         \
    X(MKCOL) X(COPY) X(MOVE) X(PROPFIND) X(PROPPATCH) X(LOCK) X(UNLOCK)
enum http_method {
    METHOD_OTHER,
#define HTTP_METHOD_AS_ENUM(name) METHOD_##name,
    HTTP_METHODS(HTTP_METHOD_AS_ENUM)
#undef HTTP_METHOD_AS_ENUM
};

/* Request fields that the server itself reads. */
#define HTTP_KNOWN_FIELDS(X)                            \
    X(HOST,                "host")                      \
    X(CONNECTION,          "connection")                \
    X(USER_AGENT,          "user-agent")                \
    X(REFERER,             "referer")                   \
    X(RANGE,               "range")                     \
    X(IF_RANGE,            "if-range")                  \
    X(IF_MATCH,            "if-match")                  \
    X(IF_NONE_MATCH,       "if-none-match")             \
    X(IF_MODIFIED_SINCE,   "if-modified-since")         \
    X(IF_UNMODIFIED_SINCE, "if-unmodified-since")       \
    X(EXPECT,              "expect")                    \
    X(CONTENT_LENGTH,      "content-length")            \
    X(CONTENT_TYPE,        "content-type")              \
    X(TRANSFER_ENCODING,   "transfer-encoding")         \
    X(ACCEPT_ENCODING,     "accept-encoding")           \
    X(AUTHORIZATION,       "authorization")             \
    X(COOKIE,              "cookie")
enum http_known_field {
#define HTTP_FIELD_AS_ENUM(name, text) FIELD_##name,
    HTTP_KNOWN_FIELDS(HTTP_FIELD_AS_ENUM)
#undef HTTP_FIELD_AS_ENUM
    FIELD_KNOWN_COUNT
};

struct http_field {
    struct str name, value;
};

/* ---- the answer ---------------------------------------------------------------------------- */

/*
 * Fields that were encoded in advance: content-type, content-encoding, content-length,
 * last-modified, etag, accept-ranges as HTTP/1 bytes with the empty line behind them. They say the same as the typed
 * fields of the answer; whoever changes one of those sets ready to NULL, but for content-type:
 * see http_content_type_set.
 */
struct http_ready {
    struct str h1;
    uint32_t type_len;          /* bytes of h1, the first, that are the line of content-type */
};

/* Fields that never change, and are known to be sound: kept encoded, too. */
struct http_block {
    struct http_field *fields;
    uint32_t len;
    struct str h1;              /* their lines */
};

/* Is called when the body is over; adds trailers by http_trailer_add. */
struct http_trailer_hook {
    void (*add)(struct http_request *req, const void *data);
    const void *data;
    struct http_trailer_hook *next;
};

struct http_response {
    unsigned status;            /* 0: none yet */
    bool special;               /* made by http_fail: error_page may take it over */
    bool accept_ranges;         /* a range of it may be asked for: say so, and the range filter
                                   may act */
    bool no_body;               /* the status or method forbids a body: nothing of it is sent */
    bool started;               /* the head is on its way */
    bool chunked;               /* the codec does not say the length beforehand */
    bool type_changed;          /* content_type is not the one that ready says */
    bool not_modified;          /* 304 in the place of a 200, whose fields and body are still here
                                   for the filters, until http_send */
    uint8_t content_encoding;   /* enum encoding: of the body's bytes */
    struct str content_type;    /* STR_NONE: none */
    int64_t content_length;     /* -1: not known before the end */
    time_t last_modified;       /* -1: none */
    struct str last_modified_text;      /* its HTTP date, or STR_NONE: made when needed */
    struct str etag;            /* with quotes, STR_NONE: none */
    struct str location;        /* STR_NONE: none; a path or an absolute URI, made absolute by
                                   the encoder as the conf says */
    struct http_field *fields;  /* others, in order */
    uint32_t fields_len, fields_cap;
    const struct http_block *block;     /* the first block->len of them are its own; NULL: none */
    struct http_trailer_hook *trailer_hooks;    /* NULL: no trailers */
    struct http_field *trailers;        /* once the hooks have run */
    uint32_t trailers_len, trailers_cap;
    const struct http_ready *ready, *ready_not_modified;
    struct file *file;          /* the body is exactly this file; NULL: or it is not known */
    struct body_part *body;     /* what is still to be sent; NULL: nothing */
    struct body_part first;     /* room for the usual single part */
    uint64_t head_bytes;        /* of the head, as encoded */
    uint64_t body_bytes;        /* handed to the stream or gathered so far */
};

/* ---- the request --------------------------------------------------------------------------- */

/* What the groups of the regular expression that matched last hold: $1, $2 … */
struct http_captures {
    struct str subject;
    const size_t *offsets;      /* pairs: begin and end; [0] is the whole match */
    uint32_t count;             /* pairs */
};

/* What a codec does for the rooms above it. */
struct http_codec {
    /* The answer is ready in req->response, filters have run: send it, then finish the request. */
    void (*respond)(struct http_request *req);
    /*
     * Sends an interim answer (1xx) with these fields, which are sound: at once when a handler waits
     * then, else with the answer. NULL: there are none.
     */
    void (*interim)(struct http_request *req, unsigned status, const struct http_field *fields,
                    uint32_t len);
    /* Closes without an answer (444, 499). */
    void (*abandon)(struct http_request *req);
    /* A handler that had to wait has gone on, and may have answered. */
    void (*resumed)(struct http_request *req);
    /* A handler waits for the body of the request (request_body.h), which comes from now on. */
    void (*want_body)(struct http_request *req);
    /* The body goes on that had to wait for one of its sources. */
    void (*body_resumed)(struct http_request *req);
};

struct http_request {
    struct arena *arena;
    struct conn *conn;
    const struct peer *peer;    /* the client: the connection's, or whom a proxy that is trusted
                                   names (realip) */
    struct http_worker *worker;
    const struct http_codec *codec;
    void *codec_state;          /* struct h1_request */
    const struct http_server *server;
    const struct http_location *location;       /* NULL until it is found; then never again */
    struct log_context log;

    /* as sent */
    struct str request_line;
    struct str method_name;
    struct str target;
    struct str protocol;        /* "HTTP/1.1" */
    enum http_method method;
    uint8_t version;            /* 10, 11, 20 */
    struct http_field *fields;
    uint32_t fields_len;
    struct str known[FIELD_KNOWN_COUNT];        /* the first of each; STR_NONE: not sent */

    struct uri uri;             /* as sent */
    struct str host;            /* lower case, without port; "" when none was sent */
    struct str path;            /* current: changed by internal redirects */
    struct str args;            /* current; STR_NONE: no "?" */

    /* body */
    bool has_body;              /* a body follows the head */
    bool wants_continue;        /* Expect: 100-continue that is still unanswered */
    int64_t content_length;     /* of the request, -1: none or chunked */
    struct request_body *body;  /* see request_body.h; NULL: no handler has asked for it */

    bool pipelined;             /* it came together with the end of the request before it */
    bool keepalive;             /* the connection may serve another one after this */
    bool at_server;             /* the server's own rewrite handlers run */
    bool is_dotted;             /* the path has names that begin with a dot; see path.h */
    bool was_hidden;            /* for one of them a file was said not to be there */
    uint8_t dots_written;       /* so many of them the conf file has written itself, not the client */
    bool internal;              /* reached its current place by an internal redirect */
    bool asks_rate;             /* limit_rate is being put together */
    bool early_hints_sent;      /* 103 */
    bool error_page_done;       /* one was followed where recursive_error_pages is off */
    bool searches;              /* elsewhere: by the path alone, the server's handlers ran */
    bool varies_by_encoding;    /* see http_encoding_varies */
    bool match_failed;          /* a regular expression was given up: the answer is 500 */
    bool has_limit_rate;        /* "set $limit_rate": limit_rate below counts */
    uint8_t variable_depth;     /* variables that are being made of variables */
    bool refused;               /* malformed: answered without looking at hosts and locations'
                                   handlers */
    unsigned status_override;   /* by error_page "=code": replaces the status of the answer; 0:
                                   none */
    unsigned error_status;      /* the status that error_page stands in for, 0: none */
    uint8_t limit_req_status, limit_conn_status;        /* enum limit_status */
    bool was_allowed;           /* where it is now: an access handler said HTTP_ALLOWED */
    bool access_delayed, access_answered;       /* auth_delay was waited for; 401 waits for it */
    uint16_t access_step;       /* the next of a group of access handlers */
    uint16_t access_status;     /* 401 or 403, which one of them has said; 0: none */
    const struct http_login *login;     /* see login.h; NULL: it was not read yet */
    struct dav_request *dav;    /* of modules/dav.c; NULL: it does not answer the request */
    struct login_check *login_check;    /* of auth_basic; NULL: no password was compared slowly */
    unsigned log_status;        /* logged instead of the answer's status (494, 499), 0: none */
    uint32_t redirects;         /* internal ones so far */
    const struct http_location *next_place;     /* elsewhere: there; NULL: by the path */
    uint32_t step;              /* next entry of the location's handlers */

    uint64_t start_us;          /* monotonic, first byte of the head */
    uint64_t start_wall_ms;
    uint64_t received_bytes;    /* head and body ($request_length) */
    struct str filename;        /* of the file that is served or was looked for; STR_NONE: none */
    struct http_field error_field;      /* goes with 401 (WWW-Authenticate), 405 (Allow), 416
                                           (Content-Range), 429 and 503 (Retry-After), on
                                           whatever page; name STR_NONE: none */
    struct str id;              /* $request_id once it was asked for */
    uint64_t limit_rate;        /* bytes a second */
    struct http_value *values;  /* of what the conf file defines; NULL: none was asked for yet */
    struct http_captures captures;
    const struct http_trace *trace;     /* who is told each step; NULL: nobody */

    /* A request below another (subrequest.h) shares its client and fields. */
    struct http_request *parent;        /* NULL: the client's own */
    struct http_subrequest *below;      /* the handler waits for it; NULL: for none */
    struct ssi_state *ssi;      /* see ssi_state.h; NULL: its answer has no commands */
    uint32_t subrequests;       /* of the client's own: those that were made below it */

    struct file_wait *file_wait;        /* file_read.c; NULL: no thread was needed to read */
    struct file *file;          /* the first that was opened for it; given back at its end */
    const struct compressed *compressed;        /* what came of it; NULL: it was not */
    struct http_response response;
    struct http_request *next_free;     /* in the worker's store */
};

/* What a handler of a phase says. */
enum http_next {
    HTTP_PASS,                  /* not mine: the next handler */
    HTTP_ALLOWED,               /* for access handlers: the client may (see access.h); the next
                                   handler */
    HTTP_AGAIN,                 /* waits; http_resume(req) goes on */
    HTTP_DONE,                  /* req->response holds the answer */
    HTTP_ELSEWHERE,             /* http_redirect_internal or one of its kin was called: go there */
    HTTP_MOVED                  /* by a handler of PHASE_REWRITE: req->location is another now */
};

/* A request from the worker's store, fields zero, its arena empty; NULL when memory is short. */
struct http_request *http_request_take(struct http_worker *worker, struct conn *conn,
                                       const struct http_codec *codec);
/* Its arena is reset: every deferred release runs. */
void http_request_release(struct http_request *req);

/*
 * The head is parsed (all under "as sent", body, keepalive): chooses host and location, runs the
 * handlers, answers.
 */
void http_process(struct http_request *req);
/* The same for a request below another: path and args are set, and it is of the parent's server. */
void http_process_below(struct http_request *req);
/* Goes on after HTTP_AGAIN. */
void http_resume(struct http_request *req);
/* The same for a codec, which knows itself that the handler goes on. */
void http_continue(struct http_request *req);

/*
 * The request cannot be served as it was sent (framing, limits, timeouts): answers with status and
 * closes. Needs no parsed head. log_status: what the access log says if not status, 0: status.
 */
void http_refuse(struct http_request *req, unsigned status, unsigned log_status);

/*
 * After the last byte of the answer (or when it could not be sent): log handlers run. The codec
 * calls this once, then releases.
 */
void http_log(struct http_request *req);

/*
 * Answers with one of weir's own pages, unless error_page knows better. A 500 that nobody has told
 * of in the log of the request is told of here. Always HTTP_DONE.
 */
enum http_next http_fail(struct http_request *req, unsigned status);
/* The same for a status that the conf file asks for. */
enum http_next http_answer_status(struct http_request *req, unsigned status);
/* The same with "Location". */
enum http_next http_redirect(struct http_request *req, unsigned status, struct str location);
/* The same with "Allow". */
enum http_next http_not_allowed(struct http_request *req, struct str allow);
/*
 * The type that a name (a path as it was asked for) has where the request is, "" for none: not one
 * with a control byte.
 */
struct str http_type_for(struct http_request *req, struct str name);
/* Answers with text; content_type STR_NONE: the default type. */
enum http_next http_reply(struct http_request *req, unsigned status, struct str content_type,
                          struct str body);

/*
 * Goes to another path of the same server, as if it had been asked for; made_of: see http_path_set
 * (path.h). Always HTTP_ELSEWHERE, or
 * HTTP_DONE with 500 after 10 of them.
 */
enum http_next http_redirect_internal(struct http_request *req, struct str path, struct str args,
                                      const struct http_text *made_of);

/*
 * Goes to the location of that name, which begins with "@"; path and query stay. The same results,
 * and 500 when there is none.
 */
enum http_next http_redirect_named(struct http_request *req, struct str name);
/* "rewrite": the path has changed, its location is looked for. The same results. */
enum http_next http_search_again(struct http_request *req);

/* No answer yet but a status: what an earlier handler put together is forgotten. */
void http_response_reset(struct http_response *resp, unsigned status);

/* Whether a value may stand in a field: not with a control byte but HTAB, and that is logged. */
bool http_value_is_sound(struct http_request *req, struct str name, struct str value);
/*
 * Adds a field to the answer. The texts must live as long as the request and hold no control byte
 * but HTAB: such a field is dropped and logged. False when it was not added.
 */
bool http_response_add(struct http_request *req, struct str name, struct str value);
/* The same; those of that name that are there already go. */
bool http_response_set(struct http_request *req, struct str name, struct str value);
/* Whether a field of that name, in any case, was added. */
bool http_response_has(const struct http_response *resp, struct str name);
/* Adds fields that are the same for each request. */
bool http_response_add_block(struct http_request *req, const struct http_block *block);
/*
 * Sets the type of the answer, with the same rule: one that holds a control byte is none. The ready
 * fields can stay.
 */
bool http_content_type_set(struct http_request *req, struct str type);

/*
 * Trailers follow the body where the version of HTTP, the method and the status have room for them;
 * then hook->add is called behind its last byte, else never. The hook lives as long as the request.
 */
void http_trailers_follow(struct http_request *req, struct http_trailer_hook *hook);
/* As http_response_add, for a hook. */
bool http_trailer_add(struct http_request *req, struct str name, struct str value);

/* The one part of the body. */
void http_body_memory(struct http_response *resp, const char *p, size_t len);
void http_body_file(struct http_response *resp, int fd, off_t offset, uint64_t len);

/*
 * For a filter: the body's bytes become others than those that the handler spoke of. The length is
 * not known any more, the entity tag becomes weak, and ranges cannot be asked for; ready is NULL.
 * False when memory is short.
 */
bool http_body_differs(struct http_request *req);

/*
 * For a filter: from now on the body is what `source` gives, made of what it has been so far, which
 * stands in source->from then; it differs, as above. An empty body stays as it is. False when memory
 * is short. For HEAD, too: the fields are to be the same.
 */
bool http_body_change(struct http_request *req, struct body_source *source);
/* The same for one that adds bytes: an empty body gets them, too. */
bool http_body_extend(struct http_request *req, struct body_source *source);
/* Whether its bytes are not the text itself (Content-Encoding): then nobody looks for text there. */
bool http_body_is_encoded(const struct http_response *resp);
/*
 * A source of the request's body, or of one that it reads, has said IO_AGAIN, and has bytes now.
 * Harmless when nobody waits. The request may be over when this returns.
 */
void http_body_resume(struct http_request *req);

/* The first request field of that name (any case), STR_NONE: not sent. */
struct str http_request_field(const struct http_request *req, struct str name);
/*
 * The value of "name=value" in the query as it was sent; the first of that name, any case as nginx
 * has it. STR_NONE: not there.
 */
struct str http_request_argument(const struct http_request *req, struct str name);
/* Index in known[], or -1. */
int http_known_field(struct str name);
enum http_method http_method_of(struct str name);

/*
 * "http://host:port" for absolute redirects, by absolute_redirect, server_name_in_redirect and
 * port_in_redirect; "" when relative ones are wanted. STR_NONE when memory is short.
 */
struct str http_redirect_base(struct http_request *req);
/* "http" or "https". */
struct str http_scheme(const struct http_request *req);

/* A line of an access log, that is told instead of being written. */
struct http_log_line {
    const struct conf_mark *where;
    struct str file;
    struct str text;            /* STR_NONE: none, for the condition "if=" does not hold */
};

/*
 * Told each step of a request: text says what was decided, and begins with what decided it and a
 * colon ("index: …"); where names the line of the conf file; NULL: none did.
 */
struct http_trace {
    void (*step)(void *ctx, const struct conf_mark *where, struct str text);
    /* Both for weir explain, where the request is told of and not served; else NULL. */
    void (*answered)(void *ctx, const struct http_request *req);        /* the log lines follow */
    void (*logged)(void *ctx, const struct http_log_line *line);
    void *ctx;
};
void http_trace_step(struct http_request *req, const struct conf_mark *where, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
#define HTTP_TRACE(req, where, ...)                         \
    do {                                                    \
        if (UNLIKELY((req)->trace != NULL))                 \
            http_trace_step((req), (where), __VA_ARGS__);   \
    } while (0)

/* Whether it is told of and not served. */
static inline bool
http_is_explained(const struct http_request *req)
{
    return UNLIKELY(req->trace != NULL) && req->trace->answered != NULL;
}

/* The steps go to the error log at level debug from here on, where that is wanted. */
void http_trace_to_log(struct http_request *req);
/* What is of use in the log alone: a branch, where nobody wants it. */
#define HTTP_DEBUG(req, ...)                                \
    do {                                                    \
        if (UNLIKELY((req)->trace != NULL))                 \
            LOG(&(req)->log, DEBUG, 0, __VA_ARGS__);        \
    } while (0)

/* The error log of the place that the request has come to. */
static inline void
http_log_to(struct http_request *req, const struct log *log)
{
    req->log.log = log;
    if (UNLIKELY(log_wants(&req->log, LEVEL_DEBUG)) && req->trace == NULL)
        http_trace_to_log(req);
}

/* The local address of the connection; asked of the kernel when needed. */
bool http_local_address(const struct http_request *req, struct address *address);

#endif
