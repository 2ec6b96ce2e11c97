/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forwarded: whom proxies name in a field of the request ("X-Forwarded-For: client, proxy").
 */
#ifndef WEIR_HTTP_FORWARDED_H
#define WEIR_HTTP_FORWARDED_H

#include "base/vec.h"
#include "http/request.h"
#include "net/network.h"

typedef VEC(struct network) network_vec;

/* Whom to believe. */
struct forwarded_trust {
    network_vec proxies;
    bool recursive;             /* a proxy that another names is believed, too */
};

bool forwarded_trusts(const struct forwarded_trust *trust, const struct peer *peer);

/*
 * Whom the fields of that name (any case) name, taken as one list, from its end: the last, or, when
 * recursive, the last who is not trusted. False, with *client untouched, when that is no address.
 */
bool forwarded_find(const struct http_request *req, const struct forwarded_trust *trust,
                    struct str name, struct peer *client);

#endif
