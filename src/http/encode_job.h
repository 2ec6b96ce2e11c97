/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encode_job: the steps of a stream that are too slow for the loop, done by a thread. A job owns its
 * stream and its bytes, so that whoever made it may end at any time.
 */
#ifndef WEIR_HTTP_ENCODE_JOB_H
#define WEIR_HTTP_ENCODE_JOB_H

#include "event/offload.h"
#include "http/encoder.h"

enum { ENCODE_JOB_ROOM = 64 << 10 };    /* bytes that a step takes, and gives, at most */

struct encode_job {
    struct offload_job job;
    struct offload *offload;
    struct encoder_stream *stream;
    void (*on_done)(void *ctx); /* a step is over: by the loop, never within encode_job_step */
    void *ctx;
    bool is_running;            /* a thread works: nothing below may be touched */
    enum encode to;
    enum encoded encoded;       /* of the last step */
    struct str ahead;           /* what is still to be taken */
    struct str out;             /* what the last step gave */
    char in[ENCODE_JOB_ROOM];   /* for the owner, who points ahead to it */
    char room[ENCODE_JOB_ROOM];
};

/* The stream is the job's from then on; NULL when memory is short, and it is not. */
struct encode_job *encode_job_create(struct offload *offload, struct encoder_stream *stream,
                                     void (*on_done)(void *ctx), void *ctx);

/* Begins a step. False: no thread takes it, so it was done at once, and on_done is not called. */
bool encode_job_step(struct encode_job *job);

/* Its stream is given back, when a thread is through with it. */
void encode_job_end(struct encode_job *job);

#endif
