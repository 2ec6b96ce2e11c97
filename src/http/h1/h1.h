/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * h1: HTTP/1.0 and 1.1 on a connection. connection.c reads and decides what comes next, parse.c
 * turns a head into a request, body.c reads what follows a head, encode.c writes heads, output.c
 * brings bytes to the stream.
 */
#ifndef WEIR_HTTP_H1_H1_H
#define WEIR_HTTP_H1_H1_H

#include "http/engine.h"
#include "http/h1/chunks.h"
#include "http/h1/framing.h"
#include "http/h1/pace.h"
#include "http/h1/slow.h"

/* What the codec keeps of a request. In the request's arena. */
struct h1_request {
    struct framing framing;
    bool head_done;             /* parsed: the request is real */
    bool body_done;             /* nothing of it is still to come */
    bool failed;                /* the answer cannot be completed: close */
    bool bulk;                  /* the stream was told of a long transfer */
    bool ended;                 /* chunked: the last chunk follows, or was sent */
    enum io out;                /* what became of the last attempt to write */
    bool waits;                 /* with IO_AGAIN: for the body, that is not made yet */
    bool collects;              /* a handler waits for the body of the request */
    bool awaits_body;           /* nothing else is to be done meanwhile */
    uint64_t body_left;         /* BODY_LENGTH */
    uint64_t body_bytes;        /* BODY_CHUNKED: of data, so far */
    struct chunks chunks;       /* BODY_CHUNKED */
    enum close_reason ends_as;  /* of the connection, when it ends with this request */
    struct pace *pace;          /* NULL: as fast as it goes */
    bool paced;                 /* waits for its pace, not for the socket */
    struct slow *slow;          /* NULL: nothing to be measured yet */
    uint64_t timeout_ms;        /* with slow: when the wait is over whatever the rate, monotonic */
};

extern const struct http_codec h1_codec;

static inline struct h1_request *
h1_of(const struct http_request *req)
{
    return req->codec_state;
}

/*
 * Parses a head that has passed framing_check into req; `head` are the bytes as received. 0, or the
 * status to refuse it with.
 */
unsigned h1_parse(struct http_request *req, const char *head);

enum h1_body {
    H1_BODY_MORE,
    H1_BODY_DONE,
    H1_BODY_BAD,
    H1_BODY_TOO_LARGE,
    H1_BODY_FAILED              /* it could not be kept: the handler is to hear of it */
};

/* Takes body bytes, *used of them; they go to the handler that wants them, or are thrown away. */
enum h1_body h1_body_read(struct http_request *req, const char *p, size_t len, size_t *used);

/*
 * Writes the answer's head behind what is gathered. False: it does not fit or memory is short,
 * nothing was written.
 */
bool h1_encode(struct http_request *req);
/* struct http_codec's interim. One for which there is no room is left out. */
void h1_interim(struct http_request *req, unsigned status, const struct http_field *fields,
                uint32_t len);
/* Writes "100 Continue" behind what is gathered, if the client waits for it. */
void h1_continue(struct http_request *req);
/* Whether there can be room for it at all. */
bool h1_head_fits(const struct http_request *req);

/* Whether the answer is sent in chunks, or ends its connection. */
void h1_choose_coding(struct http_request *req);
/*
 * The body's parts of a known length become chunks, each with a part before it and one behind it.
 * False when memory is short.
 */
bool h1_chunk_parts(struct http_request *req);
/* What comes behind the body: the last chunk and the trailers. False when memory is short. */
bool h1_chunk_end(struct http_request *req);

/*
 * A chunk of len bytes, 1 to 0xffff, that stand at room + CHUNK_HEAD; there is room for CHUNK_TAIL
 * behind them. Returns the bytes of the whole, which stands at room then.
 */
enum { CHUNK_HEAD = 6, CHUNK_TAIL = 2 };
size_t h1_chunk_close(char *room, size_t len);

/*
 * Moves the answer's body towards the stream. IO_DONE: all of it is sent or gathered. IO_AGAIN: the
 * socket is full, the turn is over, or, with ->waits, http_body_resume will be called.
 */
enum io h1_push(struct http_request *req);

/*
 * Sends what is gathered. more: something follows at once. IO_AGAIN: what is left stands in
 * conn->out.
 */
enum io h1_flush(struct conn *conn, bool more);
/* Sends what is left in conn->out. */
enum io h1_drain(struct conn *conn);

#endif
