/* SPDX-License-Identifier: BSD-2-Clause */
/* limit: what the limits of requests and of connections have in common. */
#ifndef WEIR_HTTP_LIMIT_H
#define WEIR_HTTP_LIMIT_H

#include "base/zone.h"
#include "http/module.h"

/* What became of a request, as $limit_req_status and $limit_conn_status say it. */
#define LIMIT_STATUSES(X)                               \
    X(NONE,             "")                             \
    X(PASSED,           "PASSED")                       \
    X(DELAYED,          "DELAYED")                      \
    X(REJECTED,         "REJECTED")                     \
    X(DELAYED_DRY_RUN,  "DELAYED_DRY_RUN")              \
    X(REJECTED_DRY_RUN, "REJECTED_DRY_RUN")
enum limit_status {
#define LIMIT_STATUS_AS_ENUM(name, text) LIMIT_##name,
    LIMIT_STATUSES(LIMIT_STATUS_AS_ENUM)
#undef LIMIT_STATUS_AS_ENUM
};

/*
 * Whether a request is to be limited, `status` being what became of it so far. Once is enough, also
 * when it comes by again: after its delay, or on its way to another place. One that is malformed is
 * answered without any waiting.
 */
static inline bool
limit_applies(const struct http_request *req, enum limit_status status)
{
    return status == LIMIT_NONE && !req->refused;
}

/* STR_NONE for LIMIT_NONE. */
struct str limit_status_text(enum limit_status status);

/* For …_log_level and …_status. */
extern const struct conf_enum limit_log_levels[];
extern const struct uint_range limit_status_range;

/* The zone that a limit names. */
struct limit_zone {
    const struct conf_word *word;       /* "zone=one", while the conf file is read */
    struct str name;
    struct conf_mark mark;
    struct zone *zone;          /* once it was looked up */
    bool looked_up;
};

/* A directive that declares a zone: "KEY zone=NAME:SIZE", and more. */
struct limit_declaration {
    const struct zone_kind *kind;
    struct http_text *key;      /* to be filled in */
    /* Another word. False after an error; NULL: there are none. */
    bool (*parameter)(struct conf *conf, const struct conf_word *word, void *owner);
    void *owner;                /* becomes the zone's */
};

/* False after an error. */
bool limit_declare(struct conf *conf, const struct conf_node *node,
                   const struct limit_declaration *declaration);

/* Fills in the zone by its name, once. False after an error: there is none of that kind. */
bool limit_look_up(struct conf *conf, struct limit_zone *lz, const struct zone_kind *kind);

/*
 * Refuses the request. An answer of 429 or 503, whatever page stands in for it, says that it may
 * come again after so many seconds (RFC 9110 10.2.3, RFC 6585 4).
 */
enum http_next limit_refuse(struct http_request *req, unsigned status, uint64_t seconds);

#endif
