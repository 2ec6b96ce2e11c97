/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access: who may. What the handlers of PHASE_ACCESS say of a request is put together here.
 *
 * Each of them says
 *   HTTP_PASS       that it has no opinion: nothing is said here of such a request;
 *   HTTP_ALLOWED    that the request may pass, as far as it can tell;
 *   HTTP_DONE       that it may not: by http_fail with 401 or 403, and with access_ask_password
 *                   where a password would help. An answer with any other status goes out,
 *                   whatever the others would have said;
 *   HTTP_AGAIN      that it waits; it is called again when the request goes on.
 *
 * With "satisfy all" one that refuses is enough. With "satisfy any" one that allows is enough; when
 * none does, the answer is 401 if one of them said so, else 403. In a place with "satisfy any" or
 * "auth_delay" the handlers are a group that is run from here, as one handler; everywhere else they
 * run as those of other phases do.
 */
#ifndef WEIR_HTTP_ACCESS_H
#define WEIR_HTTP_ACCESS_H

#include "http/settings.h"

/* Whether the place's access handlers are to be a group. */
bool access_is_grouped(const struct location_settings *settings);

/*
 * The handler that runs these handlers, ended by one that is all zero. NULL in its `handle` when
 * memory is short.
 */
struct http_handler access_group(struct arena *arena, const struct location_settings *settings,
                                 const struct http_handler *handlers);

/*
 * What a handler that allows returns. The pages about the server go by it: who was not allowed by
 * anybody must be on this machine.
 */
static inline enum http_next
access_allow(struct http_request *req)
{
    req->was_allowed = true;
    return HTTP_ALLOWED;
}

/* The one way to say in the log that an address may not. */
void access_log_forbidden(struct http_request *req);

/*
 * An answer of 401, whatever page stands in for it, says this in WWW-Authenticate (RFC 9110
 * 11.6.1).
 */
void access_ask_password(struct http_request *req, struct str challenge);

#endif
