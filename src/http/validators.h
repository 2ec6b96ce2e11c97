/* SPDX-License-Identifier: BSD-2-Clause */
/* validators: entity tags and the five conditional fields (RFC 9110 13). */
#ifndef WEIR_HTTP_VALIDATORS_H
#define WEIR_HTTP_VALIDATORS_H

#include "base/str.h"
#include <time.h>

/* if_modified_since of the conf file. */
enum ims_mode { IMS_OFF, IMS_EXACT, IMS_BEFORE };

/*
 * What the representation is: etag with quotes and W/ where it is weak, STR_NONE if there is none;
 * last_modified (time_t)-1: none.
 */
struct validators {
    struct str etag;
    time_t last_modified;
};

/* The fields as sent, STR_NONE where one is missing. */
struct conditions {
    struct str if_match, if_none_match, if_modified_since, if_unmodified_since, if_range;
};

enum precondition { PRECONDITION_PASS, PRECONDITION_NOT_MODIFIED, PRECONDITION_FAILED };

/*
 * RFC 9110 13.2.2, in its order: If-Match, else If-Unmodified-Since; If-None-Match, else
 * If-Modified-Since. safe_method: GET or HEAD (else a matching If-None-Match is FAILED, not
 * NOT_MODIFIED, and If-Modified-Since is ignored). Dates that cannot be read are ignored. With
 * IMS_EXACT a date must be the very one of the file, with IMS_BEFORE any that is not earlier; later
 * than the file counts as not modified only there.
 */
enum precondition validators_check(const struct validators *v, const struct conditions *c,
                                   bool safe_method, enum ims_mode mode);

/*
 * RFC 9110 13.1.5: whether a Range may be honoured. True without If-Range; strong comparison; a
 * date must be exactly last_modified.
 */
bool validators_if_range(const struct validators *v, struct str if_range);

/*
 * Whether `list` ("*" or a comma list of entity tags) holds etag; weak: weak comparison. "*" holds
 * whatever there is, an etag or none. A malformed list matches nothing.
 */
bool etag_list_has(struct str list, struct str etag, bool weak);

#endif
