/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encoding: whether an answer is sent compressed, and how: by what the client takes, and by the
 * directives that hold for all encodings alike, whatever makes or finds the compressed bytes.
 *
 * Whoever has an answer that may be sent compressed calls, in this order, http_encoding_varies (the
 * answer is another for other clients, whether it is compressed for this one or not), then
 * http_encoding_choose, and then sets resp->content_encoding and what else changes. A filter that
 * changes bytes leaves an answer with a content_encoding as it is: they are not text.
 */
#ifndef WEIR_HTTP_ENCODING_H
#define WEIR_HTTP_ENCODING_H

#include "http/accept_encoding.h"
#include "http/regex.h"
#include "http/request.h"

/* gzip_proxied: to whom comes through a proxy, answers are sent compressed … */
enum gzip_proxied {
    PROXIED_OFF              = 1 << 0,  /* never, whatever else is said */
    PROXIED_EXPIRED          = 1 << 1,  /* with an Expires in the past */
    PROXIED_NO_CACHE         = 1 << 2,  /* with this in their Cache-Control */
    PROXIED_NO_STORE         = 1 << 3,
    PROXIED_PRIVATE          = 1 << 4,
    PROXIED_NO_LAST_MODIFIED = 1 << 5,  /* without Last-Modified */
    PROXIED_NO_ETAG          = 1 << 6,
    PROXIED_AUTH             = 1 << 7,  /* to a request with Authorization */
    PROXIED_ANY              = 1 << 8
};

/* gzip_disable */
struct gzip_disable {
    bool msie6;
    VEC(const struct http_regex *) agents;
};

/* A part of struct location_settings. */
struct encoding_settings {
    int http_version;           /* gzip_http_version: 10, 11; from there on */
    uint32_t proxied;           /* enum gzip_proxied, or-ed */
    struct gzip_disable disable;
    struct encoding_order order;        /* encoding_order */
    bool vary;                  /* gzip_vary */
};

bool parse_gzip_proxied(struct conf *conf, const struct conf_node *node, void *field);
bool parse_gzip_disable(struct conf *conf, const struct conf_node *node, void *field);
bool parse_encoding_order(struct conf *conf, const struct conf_node *node, void *field);

/*
 * Which of `offered` (ENCODING_BIT of each) the client is to get; ENCODING_IDENTITY: none of them.
 * gzip_proxied goes by what the answer says so far: before there is one, all that counts is whether
 * it is off. Cheapest first: a client that takes none pays a look at its fields.
 */
enum encoding http_encoding_choose(struct http_request *req, unsigned offered);

/*
 * Clients that take other encodings get another answer here: with "gzip_vary on" what is sent says
 * so, whatever answers in the end.
 */
static inline void
http_encoding_varies(struct http_request *req)
{
    req->varies_by_encoding = true;
}

/*
 * Adds "Vary: Accept-Encoding" to the answer, where gzip_vary wants that and it does not say so yet;
 * what else it varies by stays. False when memory is short.
 */
bool http_encoding_say_vary(struct http_request *req);

#endif
