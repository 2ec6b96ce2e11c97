/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status: what the server does and did, as a page that goes on by itself, as text or as JSON:
 * "location = /status { status; }"
 */
#include "http/engine.h"
#include "http/module.h"
#include "http/report_request.h"
#include <sys/random.h>

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_HTML, FORMAT_UNKNOWN };

static const struct { struct str name, type; } formats[] = {
    [FORMAT_TEXT] = { STR_INIT("text"), STR_INIT("text/plain") },
    [FORMAT_JSON] = { STR_INIT("json"), STR_INIT("application/json") },
    [FORMAT_HTML] = { STR_INIT("html"), STR_INIT("text/html") },
};

/* "?format=" decides, then the field Accept; who names nothing gets text. */
static enum format
choose_format(const struct http_request *req)
{
    struct str name = http_request_argument(req, STR("format"));
    struct str accept = http_request_field(req, STR("accept"));
    enum format best = FORMAT_TEXT;
    unsigned most = 0;

    for (unsigned i = 0; i < FORMAT_UNKNOWN; i++) {
        unsigned quality = accept_quality(accept, formats[i].type);

        if (str_is_set(name) && str_eq(name, formats[i].name))
            return i;
        if (quality > most) {
            most = quality;
            best = i;
        }
    }
    return str_is_set(name) ? FORMAT_UNKNOWN : best;
}

/*
 * The page's script and style are known by a word that nobody can guess: nothing else runs in it,
 * whatever the names of hosts or the verdict of a reload hold.
 */
static enum http_next
send_page(struct http_request *req, struct report_answer *answer)
{
    uint64_t random[2];
    struct str nonce, policy;

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    nonce = arena_fmt(req->arena, "%016jx%016jx", (uintmax_t)random[0], (uintmax_t)random[1]);
    policy = arena_fmt(req->arena, "default-src 'none'; img-src data:; script-src 'nonce-%s'; style-src "
                       "'nonce-%s'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'", nonce.p, nonce.p);
    if (!str_is_set(nonce) || !str_is_set(policy))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    report_page(&answer->w, answer->report, nonce);
    report_send(req, answer, STR("text/html; charset=utf-8"));
    if (!http_response_add(req, STR("Content-Security-Policy"), policy))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    return HTTP_DONE;
}

static enum http_next
status_handle(struct http_request *req, const void *slot)
{
    enum format format = choose_format(req);
    struct report_answer answer;

    if (report_admit(req, slot, "status") != HTTP_PASS)
        return HTTP_DONE;
    if (format == FORMAT_UNKNOWN)
        return http_reply(req, HTTP_BAD_REQUEST, STR("text/plain"),
                          STR("format is one of text, json, html\n"));
    if (!report_begin(req, &answer))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (format == FORMAT_HTML) {
        send_page(req, &answer);
    } else if (format == FORMAT_JSON) {
        report_json(&answer.w, answer.report);
        report_send(req, &answer, STR("application/json"));
    } else {
        report_text(&answer.w, answer.report);
        report_send(req, &answer, STR("text/plain; charset=utf-8"));
    }
    http_response_add(req, STR("Vary"), STR("Accept"));
    return HTTP_DONE;
}

static bool
status_wanted(const void *slot)
{
    const struct report_place *place = slot;

    return place->on;
}

static const struct directive status_directives[] = {
    { "status", .where = IN_SERVER | IN_LOCATION, .args = { 0, 1 }, .parse = parse_report_place,
      .offset = 0, .size = sizeof(struct report_place) },
    { 0 }
};

const struct http_module status_module = {
    .name = "status",
    .directives = status_directives,
    .conf_size = sizeof(struct report_place),
    .phase = PHASE_CONTENT,
    .own_level = true,
    .handle = status_handle,
    .wanted = status_wanted,
};
