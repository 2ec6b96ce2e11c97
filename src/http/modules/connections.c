/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connections: who is connected to any of the workers, as a table or as JSON:
 * "location = /connections { connections; }"
 */
#include "http/engine.h"
#include "http/http.h"
#include "http/listing_report.h"
#include "http/module.h"
#include "http/report_request.h"

static bool
wants_json(const struct http_request *req)
{
    struct str name = http_request_argument(req, STR("format"));
    struct str accept = http_request_field(req, STR("accept"));

    if (str_is_set(name))
        return str_eq(name, STR("json"));
    return accept_quality(accept, STR("application/json"))
           > accept_quality(accept, STR("text/plain"));
}

static enum http_next
answer(struct http_request *req, struct str lines)
{
    bool json = wants_json(req);
    struct writer w = writer_in(req->arena);
    struct str body;

    if (json)
        listing_json(&w, lines);
    else
        listing_text(&w, lines);
    body = writer_str(&w);
    if (!str_is_set(body))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    http_reply(req, HTTP_OK, json ? STR("application/json") : STR("text/plain; charset=utf-8"),
               body);
    if (!http_response_add(req, STR("Cache-Control"), STR("no-store"))
        || !http_response_add(req, STR("X-Content-Type-Options"), STR("nosniff"))
        || !http_response_add(req, STR("Vary"), STR("Accept")))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    return HTTP_DONE;
}

static void
forget(void *data)
{
    struct listing_wait *wait = data;

    link_remove(&wait->link);
}

static enum http_next
begin_to_wait(struct http_request *req)
{
    struct listing_wait *wait = ARENA_NEW(req->arena, struct listing_wait);

    if (wait == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    wait->req = req;
    link_init(&wait->link);
    if (!arena_defer(req->arena, forget, wait))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    return http_ask_for_listing(req->worker, wait) ? HTTP_AGAIN
                                                   : http_fail(req, HTTP_SERVICE_UNAVAILABLE);
}

/* Called again once the list is there. */
static enum http_next
connections_handle(struct http_request *req, const void *slot)
{
    const struct listing_wait *wait = http_take_listing(req);

    if (wait != NULL)
        return str_is_set(wait->lines) ? answer(req, wait->lines)
                                       : http_fail(req, HTTP_SERVICE_UNAVAILABLE);
    if (report_admit(req, slot, "connections") != HTTP_PASS)
        return HTTP_DONE;
    return begin_to_wait(req);
}

static bool
connections_wanted(const void *slot)
{
    const struct report_place *place = slot;

    return place->on;
}

static const struct directive connections_directives[] = {
    { "connections", .where = IN_SERVER | IN_LOCATION, .args = { 0, 1 },
      .parse = parse_report_place, .offset = 0, .size = sizeof(struct report_place) },
    { 0 }
};

const struct http_module connections_module = {
    .name = "connections",
    .directives = connections_directives,
    .conf_size = sizeof(struct report_place),
    .phase = PHASE_CONTENT,
    .own_level = true,
    .handle = connections_handle,
    .wanted = connections_wanted,
};
