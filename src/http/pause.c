/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/pause.h"
#include "base/clock.h"
#include "http/engine.h"

struct pause {
    struct timer timer;
    struct http_request *req;
};

static void
on_time(struct timer *timer)
{
    http_resume(CONTAINER_OF(timer, struct pause, timer)->req);
}

static void
end_pause(void *data)
{
    struct pause *pause = data;

    timer_cancel(&pause->timer);
}

enum http_next
http_pause(struct http_request *req, uint64_t ms)
{
    struct pause *pause = ARENA_NEW(req->arena, struct pause);

    if (pause == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    pause->req = req;
    timer_init(&pause->timer, on_time);
    if (!arena_defer(req->arena, end_pause, pause))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    timer_arm(&req->worker->loop->timers, &pause->timer, now.mono_ms + ms);
    return HTTP_AGAIN;
}
