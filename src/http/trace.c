/* SPDX-License-Identifier: BSD-2-Clause */
/* trace: the steps of a request that is explained; see struct http_trace. */
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
