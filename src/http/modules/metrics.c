/* SPDX-License-Identifier: BSD-2-Clause */
/* metrics: what the server does and did, for Prometheus: "location = /metrics { metrics; }" */
#include "http/engine.h"
#include "http/module.h"
#include "http/report_request.h"

/* Who knows OpenMetrics says so; it has to be named. */
static bool
wants_open_metrics(const struct http_request *req)
{
    struct str accept = http_request_field(req, STR("accept"));
    unsigned open = accept_quality(accept, STR("application/openmetrics-text"));

    return open > 0 && open >= accept_quality(accept, STR("text/plain"));
}

static enum http_next
metrics_handle(struct http_request *req, const void *slot)
{
    struct report_answer answer;
    bool open = wants_open_metrics(req);

    if (report_admit(req, slot, "metrics") != HTTP_PASS)
        return HTTP_DONE;
    if (!report_begin(req, &answer))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    report_metrics(&answer.w, answer.report, open ? METRICS_OPEN : METRICS_PROMETHEUS);
    report_send(req, &answer,
                open ? STR("application/openmetrics-text; version=1.0.0; charset=utf-8")
                     : STR("text/plain; version=0.0.4; charset=utf-8"));
    http_response_add(req, STR("Vary"), STR("Accept"));
    return HTTP_DONE;
}

static bool
metrics_wanted(const void *slot)
{
    const struct report_place *place = slot;

    return place->on;
}

static const struct directive metrics_directives[] = {
    { "metrics", .where = IN_SERVER | IN_LOCATION, .args = { 0, 1 }, .parse = parse_report_place,
      .offset = 0, .size = sizeof(struct report_place) },
    { 0 }
};

const struct http_module metrics_module = {
    .name = "metrics",
    .directives = metrics_directives,
    .conf_size = sizeof(struct report_place),
    .phase = PHASE_CONTENT,
    .own_level = true,
    .handle = metrics_handle,
    .wanted = metrics_wanted,
};
