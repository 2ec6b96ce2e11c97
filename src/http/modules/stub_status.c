/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stub_status: seven numbers in the form that many tools read, and variables of the same:
 * "location = /basic_status { stub_status; }"
 */
#include "base/counters.h"
#include "http/engine.h"
#include "http/module.h"
#include "http/report_request.h"

/* Every open connection is in one of the three. */
struct stub {
    uint64_t active, reading, writing, waiting;
    uint64_t accepts, handled, requests;
};

static struct stub
count(void)
{
    const struct counters_segment *segment = counters_shared();
    struct counters sum = *stats;

    if (segment != NULL)
        counters_sum(segment, &sum);
    return (struct stub){
        .reading = sum.reading,
        .writing = sum.processing + sum.writing + sum.lingering,
        .waiting = sum.accepted + sum.waiting,
        .active = sum.reading + sum.processing + sum.writing + sum.lingering + sum.accepted
                  + sum.waiting,
        .accepts = sum.total_connections,
        .handled = sum.handled,
        .requests = sum.requests,
    };
}

static enum http_next
stub_status_handle(struct http_request *req, const void *slot)
{
    struct stub n = count();
    struct str text;

    if (report_admit(req, slot, "stub_status") != HTTP_PASS)
        return HTTP_DONE;
    text = arena_fmt(req->arena,
                     "Active connections: %ju \n"
                     "server accepts handled requests\n"
                     " %ju %ju %ju \n"
                     "Reading: %ju Writing: %ju Waiting: %ju \n",
                     (uintmax_t)n.active, (uintmax_t)n.accepts, (uintmax_t)n.handled,
                     (uintmax_t)n.requests, (uintmax_t)n.reading, (uintmax_t)n.writing,
                     (uintmax_t)n.waiting);
    if (!str_is_set(text))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    http_reply(req, HTTP_OK, STR("text/plain"), text);
    http_response_add(req, STR("Cache-Control"), STR("no-store"));
    return HTTP_DONE;
}

/* data: the offset of the number in struct stub. */
static struct str
get_number(struct http_request *req, const void *data, struct str rest)
{
    struct stub n = count();
    const uint64_t *value = (const uint64_t *)(const void *)((const char *)&n + (uintptr_t)data);
    char *p = arena_bytes(req->arena, 20);

    (void)rest;
    return p == NULL ? STR_NONE : (struct str){ p, (size_t)(put_uint(p, *value) - p) };
}

#define NUMBER(member) .get = get_number, .data = (const void *)offsetof(struct stub, member)

static const struct http_variable stub_status_variables[] = {
    { "connections_active", NUMBER(active) },
    { "connections_reading", NUMBER(reading) },
    { "connections_writing", NUMBER(writing) },
    { "connections_waiting", NUMBER(waiting) },
    { 0 }
};

static bool
stub_status_wanted(const void *slot)
{
    const struct report_place *place = slot;

    return place->on;
}

/* Any argument was allowed once, "on" mostly. */
static bool
parse_stub_status(struct conf *conf, const struct conf_node *node, void *field)
{
    struct report_place *place = field;

    (void)conf;
    place->on = true;
    place->is_public = node->count == 2 && str_eq(node->words[1].text, STR("public"));
    return true;
}

static const struct directive stub_status_directives[] = {
    { "stub_status", .where = IN_SERVER | IN_LOCATION, .args = { 0, 1 },
      .parse = parse_stub_status, .offset = 0, .size = sizeof(struct report_place) },
    { 0 }
};

const struct http_module stub_status_module = {
    .name = "stub_status",
    .directives = stub_status_directives,
    .conf_size = sizeof(struct report_place),
    .phase = PHASE_CONTENT,
    .own_level = true,
    .handle = stub_status_handle,
    .wanted = stub_status_wanted,
    .variables = stub_status_variables,
};
