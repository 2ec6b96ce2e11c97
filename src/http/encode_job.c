/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/encode_job.h"
#include "base/compiler.h"
#include <stdlib.h>

static void
run_step(struct encode_job *job)
{
    size_t done = 0;

    job->encoded = encoder_step(job->stream, &job->ahead, job->to, job->room, sizeof(job->room),
                                &done);
    job->out = (struct str){ job->room, done };
}

static void
run_job(struct offload_job *oj)
{
    run_step(CONTAINER_OF(oj, struct encode_job, job));
}

static void
drop_job(struct offload_job *oj)
{
    struct encode_job *job = CONTAINER_OF(oj, struct encode_job, job);

    encoder_stream_free(job->stream);
    free(job);
}

static void
job_done(struct offload_job *oj)
{
    struct encode_job *job = CONTAINER_OF(oj, struct encode_job, job);

    job->is_running = false;
    encoder_count(job->stream);
    job->on_done(job->ctx);
}

struct encode_job *
encode_job_create(struct offload *offload, struct encoder_stream *stream,
                  void (*on_done)(void *ctx), void *ctx)
{
    struct encode_job *job = malloc(sizeof(*job));

    if (job == NULL)
        return NULL;
    memset(job, 0, offsetof(struct encode_job, in));
    job->job = (struct offload_job){ .run = run_job, .done = job_done, .drop = drop_job };
    job->offload = offload;
    job->stream = stream;
    job->on_done = on_done;
    job->ctx = ctx;
    return job;
}

bool
encode_job_step(struct encode_job *job)
{
    job->is_running = offload_put(job->offload, &job->job) == OFFLOAD_TAKEN;
    if (job->is_running)
        return true;
    run_step(job);
    encoder_count(job->stream);
    return false;
}

void
encode_job_end(struct encode_job *job)
{
    if (job->is_running) {
        encoders_part(job->stream);
        offload_forget(job->offload, &job->job);
        return;
    }
    encoders_give(job->stream);
    free(job);
}
