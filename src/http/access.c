/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/access.h"
#include "http/engine.h"
#include "http/pause.h"

/* The access handlers of a place. */
struct group {
    const struct http_handler *handlers;
    bool any;                   /* one that allows is enough */
    uint64_t delay_ms;          /* auth_delay */
};

bool
access_is_grouped(const struct location_settings *settings)
{
    return settings->satisfy == SATISFY_ANY || settings->auth_delay_ms > 0;
}

void
access_log_forbidden(struct http_request *req)
{
    LOG(&req->log, ERR, 0, "access forbidden by rule");
}

void
access_ask_password(struct http_request *req, struct str challenge)
{
    req->error_field = (struct http_field){ STR("WWW-Authenticate"), challenge };
}

/* ---- verdicts ------------------------------------------------------------------------------ */

static bool
is_refusal(const struct http_request *req)
{
    unsigned status = req->response.status;

    return status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN;
}

/* That a password would help is worth more to the client than that something else did not. */
static void
note_refusal(struct http_request *req)
{
    if (req->access_status != HTTP_UNAUTHORIZED)
        req->access_status = req->response.status;
    http_response_reset(&req->response, 0);
}

static enum http_next
allow(struct http_request *req)
{
    if (req->access_status != 0)
        req->error_field = (struct http_field){ 0 };
    req->access_status = 0;
    return HTTP_PASS;
}

/* None allowed it; one refused it, or none had an opinion. */
static enum http_next
end_of_any(struct http_request *req)
{
    unsigned status = req->access_status;

    req->access_status = 0;
    if (status == 0)
        return HTTP_PASS;
    if (status == HTTP_FORBIDDEN)
        access_log_forbidden(req);
    return http_fail(req, status);
}

static enum http_next
run_any(struct http_request *req, const struct group *group)
{
    for (; group->handlers[req->access_step].handle != NULL; req->access_step++) {
        const struct http_handler *h = &group->handlers[req->access_step];
        enum http_next next = h->handle(req, h->slot);

        if (next == HTTP_ALLOWED)
            return allow(req);
        if (next == HTTP_DONE && is_refusal(req))
            note_refusal(req);
        else if (next != HTTP_PASS)
            return next;
    }
    return end_of_any(req);
}

static enum http_next
run_all(struct http_request *req, const struct group *group)
{
    for (; group->handlers[req->access_step].handle != NULL; req->access_step++) {
        const struct http_handler *h = &group->handlers[req->access_step];
        enum http_next next = h->handle(req, h->slot);

        if (next != HTTP_PASS && next != HTTP_ALLOWED)
            return next;
    }
    return HTTP_PASS;
}

/* ---- the group ----------------------------------------------------------------------------- */

/*
 * How long it takes to say no must not tell why. Once a request, also when an error page says it
 * again.
 */
static enum http_next
delay(struct http_request *req, const struct group *group)
{
    enum http_next next;

    if (group->delay_ms == 0 || req->access_delayed || req->response.status != HTTP_UNAUTHORIZED)
        return HTTP_DONE;
    req->access_delayed = true;
    next = http_pause(req, group->delay_ms);
    req->access_answered = next == HTTP_AGAIN;
    return next;
}

static enum http_next
handle_group(struct http_request *req, const void *slot)
{
    const struct group *group = slot;
    enum http_next next;

    if (req->access_answered) {         /* the delay is over */
        req->access_answered = false;
        return HTTP_DONE;
    }
    next = group->any ? run_any(req, group) : run_all(req, group);
    if (next == HTTP_AGAIN)
        return next;
    req->access_step = 0;
    return next == HTTP_DONE ? delay(req, group) : next;
}

struct http_handler
access_group(struct arena *arena, const struct location_settings *settings,
             const struct http_handler *handlers)
{
    struct group *group = ARENA_NEW(arena, struct group);

    if (group == NULL)
        return (struct http_handler){ .handle = NULL };
    group->handlers = handlers;
    group->any = settings->satisfy == SATISFY_ANY;
    group->delay_ms = settings->auth_delay_ms;
    return (struct http_handler){ .handle = handle_group, .slot = group, .main_only = true };
}
