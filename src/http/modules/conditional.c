/* SPDX-License-Identifier: BSD-2-Clause */
/* conditional: 304 and 412 by the five conditional fields of a request (RFC 9110 13). */
#include "http/engine.h"
#include "http/module.h"
#include "http/validators.h"

/*
 * The body stays until http_send: the filters behind do to its tag, its dates and Vary what they do
 * to those of a 200, which are the ones that a cache knows (RFC 9110 15.4.5, RFC 9111 4.3.4).
 */
static void
become_not_modified(struct http_response *resp)
{
    resp->status = HTTP_NOT_MODIFIED;
    resp->not_modified = true;
    resp->ready = resp->ready != NULL ? resp->ready_not_modified : NULL;
}

static enum http_next
conditional_filter(struct http_request *req, const void *slot)
{
    struct http_response *resp = &req->response;
    const struct conditions c = {
        .if_match = req->known[FIELD_IF_MATCH],
        .if_none_match = req->known[FIELD_IF_NONE_MATCH],
        .if_modified_since = req->known[FIELD_IF_MODIFIED_SINCE],
        .if_unmodified_since = req->known[FIELD_IF_UNMODIFIED_SINCE],
    };
    const struct validators v = { resp->etag, resp->last_modified };

    (void)slot;
    if (LIKELY(!str_is_set(c.if_none_match) && !str_is_set(c.if_modified_since)
               && !str_is_set(c.if_match) && !str_is_set(c.if_unmodified_since)))
        return HTTP_PASS;
    if (resp->status != HTTP_OK || resp->special)
        return HTTP_PASS;
    switch (validators_check(&v, &c, req->method == METHOD_GET || req->method == METHOD_HEAD,
                             (enum ims_mode)http_settings_for(req)->if_modified_since)) {
    case PRECONDITION_PASS:
        break;
    case PRECONDITION_NOT_MODIFIED:
        HTTP_TRACE(req, NULL, "conditional: the client has it already");
        become_not_modified(resp);
        break;
    case PRECONDITION_FAILED:
        HTTP_TRACE(req, NULL, "conditional: it is not what the client expects");
        return http_fail(req, HTTP_PRECONDITION_FAILED);
    }
    return HTTP_PASS;
}

const struct http_module conditional_module = {
    .name = "conditional",
    .filter = conditional_filter,
    .main_only = true,
};
