/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process: the way of a request between the codec that parsed it and the codec that answers: host,
 * location, phases, filters.
 */
#include "base/clock.h"
#include "base/counters.h"
#include "http/engine.h"
#include "http/http.h"
#include "http/path.h"

enum { MAX_REDIRECTS = 10 };

/* ---- host and place ------------------------------------------------------------------------ */

/* Lower case, without port and without a dot at its end. */
static struct str
normal_host(struct arena *arena, struct str host)
{
    size_t len = 0;
    bool upper = false;
    char *lower;

    if (host.len > 0 && host.p[0] == '[') {
        len = (size_t)(str_find(host, ']', 0) + 1);
    } else {
        while (len < host.len && host.p[len] != ':')
            len++;
        if (len > 0 && host.p[len - 1] == '.')
            len--;
    }
    for (size_t i = 0; i < len; i++)
        upper |= host.p[i] >= 'A' && host.p[i] <= 'Z';
    if (!upper)
        return (struct str){ host.p, len };
    if ((lower = arena_bytes(arena, len)) == NULL)
        return STR("");
    for (size_t i = 0; i < len; i++)
        lower[i] = ascii_lower(host.p[i]);
    return (struct str){ lower, len };
}

static void
enter_server(struct http_request *req, const struct http_server *server)
{
    req->server = server;
    http_log_to(req, &server->root->settings->log);
}

/* By the Host field: the name, and the server for it on this address. */
static const struct http_server *
server_for(struct http_request *req, const struct http_address *address, struct str host)
{
    struct last_host *last = &req->worker->last_host;
    const struct http_server *server;
    bool by_regex;

    if (LIKELY(last->address == address && last->len == host.len
               && memcmp(last->bytes, host.p, host.len) == 0)) {
        req->host = (struct str){ host.p, last->name_len };
        return last->server;
    }
    req->host = normal_host(req->arena, host);
    server = host_find(req, address, &by_regex);
    if (!by_regex && host.len > 0 && host.len <= sizeof(last->bytes) && req->host.p == host.p) {
        *last = (struct last_host){ .address = address, .server = server,
            .len = (uint32_t)host.len, .name_len = (uint32_t)req->host.len };
        memcpy(last->bytes, host.p, host.len);
    }
    return server;
}

/* False: the target is malformed. */
static bool
choose_server(struct http_request *req)
{
    const struct http_address *address = http_address_of(req->conn);
    bool merge = req->server->settings->merge_slashes;
    struct str host;

    if (!uri_parse(req->arena, req->target, merge, &req->uri))
        return false;
    host = str_is_set(req->uri.host) ? req->uri.host : req->known[FIELD_HOST];
    enter_server(req, server_for(req, address, host));
    if (UNLIKELY(req->trace != NULL))
        host_tell(req, address);
    if (req->server->settings->merge_slashes != merge
        && !uri_parse(req->arena, req->target, !merge, &req->uri))
        return false;
    req->path = req->uri.path;
    req->is_dotted = req->uri.is_dotted;
    req->args = req->uri.args;
    return true;
}

static void
enter_place(struct http_request *req, const struct http_location *place)
{
    if (UNLIKELY(place->methods != 0 && !(place->methods >> req->method & 1))) {
        HTTP_TRACE(req, &place->mark, "limit_except: it holds for %.*s", STR_ARG(req->method_name));
        place = place_part(place, PART_LIMITED);
    }
    req->location = place;
    req->was_allowed = false;
    http_log_to(req, &place->settings->log);
    req->step = 0;
}

/* False: a regular expression was given up. */
static bool
enter_location(struct http_request *req)
{
    const struct http_location *place = location_find(req);

    if (UNLIKELY(place == NULL))
        return false;
    if (UNLIKELY(req->trace != NULL))
        location_tell(req, place);
    enter_place(req, place);
    return true;
}

/* ---- answers on their way out -------------------------------------------------------------- */

static void
count_answer(unsigned status)
{
    switch (status / 100) {
    case 2: stats->responses_2xx++; break;
    case 3: stats->responses_3xx++; break;
    case 4: stats->responses_4xx++; break;
    case 5: stats->responses_5xx++; break;
    }
}

static bool
make_location_absolute(struct http_request *req)
{
    struct http_response *resp = &req->response;
    struct str base;
    struct writer w;

    if (resp->location.len == 0 || resp->location.p[0] != '/')
        return true;
    base = http_redirect_base(req);
    if (!str_is_set(base))
        return false;
    if (base.len == 0)
        return true;
    w = writer_in(req->arena);
    write_str(&w, base);
    write_str(&w, resp->location);
    resp->location = writer_str(&w);
    return w.ok;
}

/* Statuses that say more in a field than the page that goes with them. */
static bool
has_error_field(unsigned status)
{
    return status == HTTP_UNAUTHORIZED || status == HTTP_METHOD_NOT_ALLOWED
           || status == HTTP_RANGE_NOT_SATISFIABLE
           || status == HTTP_TOO_MANY_REQUESTS || status == HTTP_SERVICE_UNAVAILABLE;
}

/*
 * RFC 9110 15.5.6: 405 says what is allowed, if only that nothing is; 401 says how to log in, 416
 * how long the whole is, 429 and 503 when to come again.
 */
static void
add_error_field(struct http_request *req)
{
    struct http_field field = req->error_field;

    if (!str_is_set(field.name) && req->response.status == HTTP_METHOD_NOT_ALLOWED)
        field = (struct http_field){ STR("Allow"), STR("") };
    if (str_is_set(field.name))
        http_response_add(req, field.name, field.value);
}

/* RFC 9110 15.4.5: of the fields, only what a cache needs. */
static void
leave_body_out(struct http_response *resp)
{
    resp->content_type = STR_NONE;
    resp->type_changed = false;
    resp->accept_ranges = false;
    resp->body = NULL;
}

void
http_send(struct http_request *req)
{
    struct http_response *resp = &req->response;

    if (UNLIKELY(resp->status == HTTP_CLOSE_SILENTLY || resp->status == HTTP_CLIENT_LEFT)) {
        req->codec->abandon(req);
        return;
    }
    if (UNLIKELY(str_is_set(resp->location)) && !make_location_absolute(req))
        http_fail(req, HTTP_INTERNAL_ERROR);
    if (req->method == METHOD_HEAD || resp->status == HTTP_NOT_MODIFIED
        || resp->status == HTTP_NO_CONTENT)
        resp->no_body = true;
    if (UNLIKELY(resp->not_modified))
        leave_body_out(resp);
    if (UNLIKELY(resp->status == HTTP_NO_CONTENT || resp->status == HTTP_RESET_CONTENT)) {
        resp->content_type = STR_NONE;
        resp->body = NULL;
        resp->content_length = 0;
    }
    if (UNLIKELY(resp->status >= 400 && has_error_field(resp->status)))
        add_error_field(req);
    if (UNLIKELY(req->varies_by_encoding) && !http_encoding_say_vary(req))
        http_fail(req, HTTP_INTERNAL_ERROR);
    if (LIKELY(req->parent == NULL))
        count_answer(resp->status);
    HTTP_DEBUG(req, "answering with status %u", resp->status);
    req->codec->respond(req);
}

static enum http_next
run_filters(struct http_request *req)
{
    const struct http_location *place = req->location != NULL ? req->location : req->server->root;

    for (const struct http_handler *f = place->filters; f->handle != NULL; f++) {
        enum http_next next;

        if (UNLIKELY(req->parent != NULL) && f->main_only)
            continue;
        next = f->handle(req, f->slot);
        if (next != HTTP_PASS)
            return next;
    }
    return HTTP_PASS;
}

static enum http_next
run_on_fail(struct http_request *req)
{
    const struct http_location *place = req->location != NULL ? req->location : req->server->root;

    if (req->error_page_done) {
        HTTP_TRACE(req, NULL, "error_page: not once more, recursive_error_pages is off");
        return HTTP_PASS;
    }
    for (const struct http_handler *f = place->on_fail; f->handle != NULL; f++) {
        enum http_next next = f->handle(req, f->slot);

        if (next != HTTP_PASS)
            return next;
    }
    return HTTP_PASS;
}

/*
 * A page stands in for an error: it has the error's status, and none of what only a 200 says of
 * itself.
 */
static void
override_status(struct http_request *req)
{
    struct http_response *resp = &req->response;

    resp->status = req->status_override;
    if (resp->status == HTTP_OK)
        return;
    resp->ready = NULL;
    resp->accept_ranges = false;
    resp->last_modified = (time_t)-1;
    resp->etag = STR_NONE;
    if (resp->body == NULL && resp->content_length < 0)
        resp->content_length = 0;
}

/*
 * An answer stands in req->response. HTTP_DONE: it was sent; HTTP_ELSEWHERE: an error page is to be
 * found first.
 */
static enum http_next
answer(struct http_request *req)
{
    struct http_response *resp = &req->response;
    bool filtered = false;

    for (;;) {
        if (UNLIKELY(req->match_failed)) {
            req->match_failed = false;
            http_fail(req, HTTP_INTERNAL_ERROR);
        }
        if (UNLIKELY(resp->special && resp->status >= 300)) {
            if (run_on_fail(req) == HTTP_ELSEWHERE)
                return HTTP_ELSEWHERE;
        } else if (UNLIKELY(req->status_override != 0)) {
            override_status(req);
        }
        if (run_filters(req) == HTTP_PASS || filtered)
            break;
        filtered = true;        /* a filter made another answer: it goes through them once more */
    }
    http_send(req);
    return HTTP_DONE;
}

/* ---- phases -------------------------------------------------------------------------------- */

static enum http_next
run_handlers(struct http_request *req, const struct http_handler *handlers)
{
    for (;;) {
        const struct http_handler *h = &handlers[req->step];
        enum http_next next;

        if (h->handle == NULL)
            return HTTP_PASS;
        if (UNLIKELY(req->parent != NULL) && h->main_only) {
            req->step++;
            continue;
        }
        next = h->handle(req, h->slot);
        if (next == HTTP_AGAIN)
            return HTTP_AGAIN;
        req->step++;
        if (UNLIKELY(next == HTTP_MOVED)) {
            handlers = req->location->handlers;
            req->step = req->location->after_rewrite;
        } else if (next != HTTP_PASS && next != HTTP_ALLOWED) {
            return next;
        }
    }
}

static bool
body_fits(const struct http_request *req)
{
    uint64_t max = req->location->settings->client_max_body_size;

    return max == 0 || req->content_length < 0 || (uint64_t)req->content_length <= max;
}

static enum http_next
choose_location(struct http_request *req)
{
    if (UNLIKELY(!enter_location(req)))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (!req->internal && !body_fits(req)) {
        HTTP_TRACE(req, NULL, "client_max_body_size: the request has %lld bytes, more than %llu",
                   (long long)req->content_length,
                   (unsigned long long)req->location->settings->client_max_body_size);
        LOG(&req->log, ERR, 0, "client intended to send too large body: %lld bytes",
            (long long)req->content_length);
        return http_fail(req, HTTP_CONTENT_TOO_LARGE);
    }
    return HTTP_PASS;
}

static enum http_next
run_location(struct http_request *req)
{
    enum http_next next;

    if (UNLIKELY(req->location == NULL) && (next = choose_location(req)) != HTTP_PASS)
        return next;
    if (UNLIKELY(req->location->settings->internal && !req->internal)) {
        HTTP_TRACE(req, &req->location->mark, "internal: the location is for internal redirects alone");
        return http_fail(req, HTTP_NOT_FOUND);
    }
    next = run_handlers(req, req->location->handlers);
    return next == HTTP_PASS ? http_fail(req, HTTP_NOT_FOUND) : next;
}

/* The server's own handlers, from req->step on. */
static enum http_next
run_server(struct http_request *req)
{
    enum http_next next = run_handlers(req, req->server->rewrite);

    if (next == HTTP_PASS) {
        req->at_server = false;
        req->step = 0;
    }
    return next;
}

/* A handler has sent the request to another place. */
static void
go_elsewhere(struct http_request *req)
{
    const struct http_location *place = req->next_place;

    req->location = NULL;
    req->next_place = NULL;
    if (place != NULL) {
        enter_place(req, place);
    } else if (!req->searches) {
        req->at_server = true;
        req->step = req->server->rewrite_step;
    }
    req->searches = false;
}

/* From where it stands, until it is answered or must wait. */
static void
run(struct http_request *req)
{
    for (;;) {
        enum http_next next = req->at_server ? run_server(req) : HTTP_PASS;

        if (LIKELY(next == HTTP_PASS))
            next = run_location(req);
        if (next == HTTP_DONE) {
            req->at_server = false;
            next = answer(req);
        }
        if (next != HTTP_ELSEWHERE)
            return;
        go_elsewhere(req);
    }
}

void
http_continue(struct http_request *req)
{
    run(req);
}

void
http_resume(struct http_request *req)
{
    const struct http_codec *codec = req->codec;

    run(req);
    codec->resumed(req);
}

void
http_body_resume(struct http_request *req)
{
    req->codec->body_resumed(req);
}

/* What can be answered before any place is looked for. */
static enum http_next
check_method(struct http_request *req)
{
    if (req->uri.is_asterisk) {
        if (req->method != METHOD_OPTIONS)
            return http_fail(req, HTTP_BAD_REQUEST);
        req->response.status = HTTP_OK;         /* RFC 9110 9.3.7: about the server as a whole */
        req->response.content_length = 0;
        http_response_add(req, STR("Allow"), STR("GET, HEAD, OPTIONS"));
        return HTTP_DONE;
    }
    if (req->method == METHOD_TRACE || req->method == METHOD_CONNECT)
        return http_not_allowed(req, STR("GET, HEAD"));
    return HTTP_PASS;
}

static bool
is_refused_method(const struct http_request *req)
{
    return req->method == METHOD_TRACE || req->method == METHOD_CONNECT || req->target.p[0] == '*';
}

void
http_process(struct http_request *req)
{
    stats->requests++;
    if (UNLIKELY(req->method == METHOD_CONNECT))
        req->path = STR("/");           /* its target is an authority, no path: refused below */
    else if (UNLIKELY(!choose_server(req))) {
        LOG(&req->log, INFO, 0, "client sent invalid request target");
        HTTP_TRACE(req, NULL, "target: refused with 400: no path within the root, or one with "
                   "%%00, an incomplete %%XX or a fragment");
        http_refuse(req, HTTP_BAD_REQUEST, 0);
        return;
    }
    if (UNLIKELY(is_refused_method(req)) && check_method(req) == HTTP_DONE) {
        if (answer(req) != HTTP_ELSEWHERE)
            return;
        go_elsewhere(req);
    } else {
        req->at_server = true;
    }
    run(req);
}

void
http_process_below(struct http_request *req)
{
    req->internal = true;
    req->at_server = true;
    req->step = req->server->rewrite_step;
    run(req);
}

void
http_refuse(struct http_request *req, unsigned status, unsigned log_status)
{
    req->keepalive = false;
    req->refused = true;
    req->log_status = log_status;
    if (!str_is_set(req->path))
        req->path = STR("/");
    if (req->method != METHOD_HEAD)
        req->method = METHOD_GET;
    http_fail(req, status);
    if (answer(req) == HTTP_ELSEWHERE) {
        go_elsewhere(req);
        run(req);
    }
}

/* ---- going elsewhere ----------------------------------------------------------------------- */

/* False: it went round too often, and the answer is 500. */
static bool
may_go_on(struct http_request *req, const char *doing, struct str place)
{
    if (++req->redirects <= MAX_REDIRECTS)
        return true;
    HTTP_TRACE(req, NULL, "redirect: more than %d times", MAX_REDIRECTS);
    LOG(&req->log, ERR, 0, "rewrite or internal redirection cycle while %s \"%.*s\"", doing,
        STR_ARG(place));
    http_fail(req, HTTP_INTERNAL_ERROR);
    return false;
}

enum http_next
http_redirect_internal(struct http_request *req, struct str path, struct str args,
                       const struct http_text *made_of)
{
    if (!may_go_on(req, "internally redirecting to", path))
        return HTTP_DONE;
    HTTP_TRACE(req, NULL, "redirect: internally to %.*s", STR_ARG(path));
    http_response_reset(&req->response, 0);
    http_path_set(req, req, path, made_of);
    req->args = args;
    req->internal = true;
    return HTTP_ELSEWHERE;
}

enum http_next
http_redirect_named(struct http_request *req, struct str name)
{
    const struct http_location *place = map_get(req->server->named, name);

    if (!may_go_on(req, "redirecting to named location", name))
        return HTTP_DONE;
    if (place == NULL) {
        LOG(&req->log, ERR, 0, "could not find named location \"%.*s\"", STR_ARG(name));
        return http_fail(req, HTTP_INTERNAL_ERROR);
    }
    HTTP_TRACE(req, &place->mark, "location: %.*s, by its name", STR_ARG(name));
    http_response_reset(&req->response, 0);
    req->next_place = place;
    req->internal = true;
    return HTTP_ELSEWHERE;
}

enum http_next
http_search_again(struct http_request *req)
{
    if (!may_go_on(req, "processing", req->path))
        return HTTP_DONE;
    HTTP_TRACE(req, NULL, "redirect: the location is looked for again");
    req->searches = true;
    req->internal = true;
    return HTTP_ELSEWHERE;
}

/* What was answered, if only in part, goes into the row of the host. */
static void
count_duration(const struct http_request *req)
{
    const struct http_response *resp = &req->response;

    if (LIKELY(resp->head_bytes > 0 && req->parent == NULL))
        counters_answered(req->server->row, clock_mono_us() - req->start_us,
                          resp->head_bytes + resp->body_bytes, resp->status);
}

void
http_log(struct http_request *req)
{
    const struct http_location *place = req->location != NULL ? req->location : req->server->root;

    if (http_is_explained(req))
        req->trace->answered(req->trace->ctx, req);
    for (const struct http_log_hook *hook = place->logs; hook->log != NULL; hook++)
        hook->log(req, hook->slot);
    HTTP_DEBUG(req, "the request is over, %llu bytes of its body were sent",
               (unsigned long long)req->response.body_bytes);
    count_duration(req);
}
