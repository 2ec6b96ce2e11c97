/* SPDX-License-Identifier: BSD-2-Clause */
/* trace: the steps of a request that is explained; see struct http_trace. */
#include "conf/conf.h"
#include "http/request.h"
#include <stdarg.h>
#include <stdio.h>

void
http_trace_step(struct http_request *req, const struct conf_mark *where, const char *fmt, ...)
{
    char text[4096];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (n < 0)
        return;
    req->trace->step(req->trace->ctx, where,
                     (struct str){ text, MIN((size_t)n, sizeof(text) - 1) });
}

static void
log_step(void *ctx, const struct conf_mark *where, struct str text)
{
    const struct http_request *req = ctx;

    if (where == NULL)
        LOG(&req->log, DEBUG, 0, "%.*s", STR_ARG(text));
    else
        LOG(&req->log, DEBUG, 0, "%.*s in %.*s:%u", STR_ARG(text), STR_ARG(where->file), where->line);
}

void
http_trace_to_log(struct http_request *req)
{
    struct http_trace *trace = ARENA_NEW(req->arena, struct http_trace);

    if (trace != NULL)
        *trace = (struct http_trace){ .step = log_step, .ctx = req };
    req->trace = trace;
}
