/* SPDX-License-Identifier: BSD-2-Clause */
/* expires: how long an answer may be kept, as the directive "expires" says it. */
#ifndef WEIR_HTTP_EXPIRES_H
#define WEIR_HTTP_EXPIRES_H

#include "base/arena.h"
#include "http/variable.h"
#include <time.h>

enum expires_kind {
    EXPIRES_OFF,
    EXPIRES_MADE,               /* of `text`, for each request */
    EXPIRES_AFTER,              /* `seconds` from now */
    EXPIRES_MODIFIED,           /* `seconds` from the last modification */
    EXPIRES_DAILY,              /* at `seconds` of the local day */
    EXPIRES_EPOCH, EXPIRES_MAX
};

struct expires {
    struct conf_mark mark;      /* of the directive */
    enum expires_kind kind;
    bool modified;              /* EXPIRES_MADE: the text is a time from the last modification */
    int64_t seconds;
    struct http_text text;
};

/*
 * Reads one word, but not one with variables. modified: it stands behind that word. False, and *wrong
 * says why ("invalid value").
 */
bool expires_parse(struct str text, bool modified, struct expires *expires, const char **wrong);

struct expires_fields {
    struct str expires, cache_control;
};

/*
 * The values of both fields at this moment. last_modified: -1 when it is not known: then now stands
 * for it. Not for EXPIRES_OFF and EXPIRES_MADE. False when memory is short.
 */
bool expires_make(const struct expires *expires, time_t last_modified, struct arena *arena,
                  struct expires_fields *fields);

#endif
