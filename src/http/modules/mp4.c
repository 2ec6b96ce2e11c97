/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mp4: films from one moment to another: "/a.mp4?start=62.5&end=80". What is written anew for that
 * (http/mp4.h) is made by a thread, for it may be much, and the file may have to be read from a disk.
 */
#include "http/mp4.h"
#include "event/offload.h"
#include "http/engine.h"
#include "http/module.h"
#include "http/path.h"
#include "http/seek.h"
#include "http/threads.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct mp4_conf {
    bool on;
    uint64_t buffer_size, max_buffer_size;
    bool start_key_frame;
    struct thread_limits threads;
    uint64_t memory;            /* bytes of new begins that a worker may hold */
};

/* What a worker has of it. */
struct films {
    struct offload *offload;
    struct link jobs;           /* of struct job: those whose request waits */
    uint64_t held;              /* bytes of the new begins of answers */
};

/* A film that is cut for a request. */
struct job {
    struct offload_job job;
    struct mp4_cut cut;
    int fd;                     /* its own; -1 once it is closed */
    uint64_t size;              /* of the file */
    enum mp4_result result;
    int error;                  /* errno of MP4_FAILED */
    /* for the loop */
    struct link link;
    struct films *films;
    struct http_request *req;
    const struct file *file;
    bool is_done;
    uint64_t held;              /* bytes of it that count in films->held */
};

/* ---- a worker's part ----------------------------------------------------------------------- */

static void
stop(struct http_worker *worker)
{
    if (worker->films == NULL)
        return;
    offload_destroy(worker->films->offload);
    free(worker->films);
    worker->films = NULL;
}

/* NULL with errno. */
static struct films *
films_of(struct http_worker *worker, const struct thread_limits *threads)
{
    struct films *films = worker->films;

    if (films != NULL)
        return films;
    if ((films = calloc(1, sizeof(*films))) == NULL)
        return NULL;
    link_init(&films->jobs);
    films->offload = offload_create(worker->loop, threads->count, threads->queue);
    if (films->offload == NULL) {
        free(films);
        return NULL;
    }
    return worker->films = films;
}

/* ---- jobs ---------------------------------------------------------------------------------- */

static void
run_job(struct offload_job *oj)
{
    struct job *job = CONTAINER_OF(oj, struct job, job);

    job->result = mp4_cut(job->fd, job->size, &job->cut);
    job->error = errno;
    close(job->fd);
    job->fd = -1;
}

static void
drop_job(struct offload_job *oj)
{
    struct job *job = CONTAINER_OF(oj, struct job, job);

    if (job->fd >= 0)
        close(job->fd);
    free(job->cut.head);
    free(job);
}

static void
job_done(struct offload_job *oj)
{
    struct job *job = CONTAINER_OF(oj, struct job, job);

    job->is_done = true;
    http_resume(job->req);
}

/* The request ends, and with it the answer's bytes. */
static void
end_job(void *data)
{
    struct job *job = data;

    link_remove(&job->link);
    if (job->held > 0)
        job->films->held -= job->held;
    if (job->is_done)
        drop_job(&job->job);
    else
        offload_forget(job->films->offload, &job->job);
}

/* That of a request which waits, or has waited; NULL: none. */
static struct job *
job_of(const struct http_request *req)
{
    struct films *films = req->worker->films;

    if (films == NULL)
        return NULL;
    for (struct link *l = films->jobs.next; l != &films->jobs; l = l->next) {
        struct job *job = CONTAINER_OF(l, struct job, link);

        if (job->req == req)
            return job;
    }
    return NULL;
}

/* NULL with errno. */
static struct job *
make_job(struct http_request *req, const struct file *file, const struct mp4_cut *cut)
{
    struct job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return NULL;
    job->job.run = run_job;
    job->job.done = job_done;
    job->job.drop = drop_job;
    link_init(&job->job.link);
    link_init(&job->link);
    job->cut = *cut;
    job->size = file->size;
    job->req = req;
    job->file = file;
    job->fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    if (job->fd >= 0)
        return job;
    free(job);
    return NULL;
}

/* ---- answers ------------------------------------------------------------------------------- */

static enum http_next
fail(struct http_request *req, const char *why)
{
    LOG(&req->log, CRIT, errno, "%s failed", why);
    return http_fail(req, HTTP_INTERNAL_ERROR);
}

static enum http_next
refuse_busy(struct http_request *req, const char *why)
{
    LOG(&req->log, ERR, 0, "too many films %s", why);
    req->error_field = (struct http_field){ STR("Retry-After"), STR("1") };
    return http_fail(req, HTTP_SERVICE_UNAVAILABLE);
}

static enum http_next
answer(struct http_request *req, const struct job *job)
{
    const struct mp4_cut *cut = &job->cut;

    switch (job->result) {
    case MP4_CUT:
        HTTP_TRACE(req, NULL, "mp4: a new begin of %zu bytes, then the file from byte %llu to %llu",
                   cut->head_len, (unsigned long long)cut->offset,
                   (unsigned long long)(cut->offset + cut->len));
        return http_seek_answer(req, job->file, (struct str){ cut->head, cut->head_len },
                                cut->offset, cut->len);
    case MP4_WHOLE:
        HTTP_TRACE(req, NULL, "mp4: that is the file as it is");
        return HTTP_PASS;
    case MP4_NOTHING:
        HTTP_TRACE(req, NULL, "mp4: nothing of the film lies there");
        LOG(&req->log, INFO, 0, "no data between start time and end time in \"%.*s\"",
            STR_ARG(req->filename));
        return http_fail(req, HTTP_NOT_FOUND);
    case MP4_BROKEN:
        LOG(&req->log, ERR, 0, "\"%.*s\" is no mp4 file that can be cut: %s",
            STR_ARG(req->filename), cut->reason);
        break;
    case MP4_TOO_LARGE:
        LOG(&req->log, ERR, 0, "\"%.*s\" mp4 moov atom is too large: %llu, you may want to "
            "increase mp4_max_buffer_size", STR_ARG(req->filename),
            (unsigned long long)cut->moov_size);
        break;
    case MP4_FAILED:
        LOG(&req->log, CRIT, job->error, "reading \"%.*s\" failed", STR_ARG(req->filename));
        break;
    }
    return http_fail(req, HTTP_INTERNAL_ERROR);
}

/*
 * The new begin is held until the answer is sent, which a client may put off: all of them together
 * have a limit, within which the first has its place however large it is.
 */
static enum http_next
answer_within(struct http_request *req, struct job *job, uint64_t memory)
{
    struct films *films = job->films;
    uint64_t size = job->cut.head != NULL ? job->cut.head_len : 0;

    if (size > 0 && films->held > 0 && (films->held >= memory || size > memory - films->held)) {
        free(job->cut.head);
        job->cut.head = NULL;
        return refuse_busy(req, "are held in memory (mp4_memory)");
    }
    job->held = size;
    films->held += size;
    return answer(req, job);
}

/* The job is the request's from here on. */
static enum http_next
cut_at_once(struct http_request *req, struct job *job)
{
    job->is_done = true;
    if (!arena_defer(req->arena, end_job, job)) {
        drop_job(&job->job);
        return http_fail(req, HTTP_INTERNAL_ERROR);
    }
    run_job(&job->job);
    return answer(req, job);
}

static enum http_next
cut_by_thread(struct http_request *req, struct job *job, const struct mp4_conf *mc)
{
    struct films *films = films_of(req->worker, &mc->threads);
    enum offload_put put;

    if (films != NULL && films->held > 0 && films->held >= mc->memory) {
        drop_job(&job->job);
        return refuse_busy(req, "are held in memory (mp4_memory)");
    }
    put = films != NULL ? offload_put(films->offload, &job->job) : OFFLOAD_FAILED;
    if (put != OFFLOAD_TAKEN) {
        drop_job(&job->job);
        return put == OFFLOAD_FULL ? refuse_busy(req, "wait to be cut")
                                   : fail(req, "pthread_create()");
    }
    job->films = films;
    if (!arena_defer(req->arena, end_job, job)) {
        offload_forget(films->offload, &job->job);
        return http_fail(req, HTTP_INTERNAL_ERROR);
    }
    list_push(&films->jobs, &job->link);
    return HTTP_AGAIN;
}

/*
 * False: the file as it is. "start=0" is a wish, too: for a film whose moov comes first, so that a
 * player can begin before it has all of it.
 */
static bool
read_wish(const struct http_request *req, const struct mp4_conf *mc, struct mp4_cut *cut)
{
    uint64_t start_ms = 0, end_ms = 0;
    bool has_start = mp4_read_seconds(http_request_argument(req, STR("start")), &start_ms);

    mp4_read_seconds(http_request_argument(req, STR("end")), &end_ms);
    *cut = (struct mp4_cut){
        .start_ms = start_ms, .length_ms = end_ms > start_ms ? end_ms - start_ms : 0,
        .from_key_frame = mc->start_key_frame,
        .read_first = mc->buffer_size, .moov_max = mc->max_buffer_size,
    };
    return has_start || cut->length_ms > 0;
}

static enum http_next
mp4_handle(struct http_request *req, const void *slot)
{
    const struct mp4_conf *mc = slot;
    struct job *job;
    struct mp4_cut cut;
    struct file *file;
    enum http_next next;

    if (!read_wish(req, mc, &cut))
        return HTTP_PASS;
    if ((job = job_of(req)) != NULL) {
        if (!job->is_done)
            return HTTP_AGAIN;
        link_remove(&job->link);
        return answer_within(req, job, mc->memory);
    }
    next = http_find_file(req, &file);
    if (next != HTTP_PASS || file == NULL)
        return next;
    HTTP_TRACE(req, NULL, "mp4: from %llu ms on%s", (unsigned long long)cut.start_ms,
               cut.length_ms > 0 ? ", up to a moment" : "");
    if ((job = make_job(req, file, &cut)) == NULL)
        return fail(req, "fcntl()");
    return http_is_explained(req) ? cut_at_once(req, job) : cut_by_thread(req, job, mc);
}

/* ---- the conf file ------------------------------------------------------------------------- */

static bool
parse_buffer_size(struct conf *conf, const struct conf_node *node, void *field)
{
    enum { LEAST = 256, MOST = 1 << 30 };
    uint64_t *size = field;

    if (!word_size(conf, &node->words[1], node->words[1].text, size))
        return false;
    return (*size >= LEAST && *size <= MOST)
           || conf_error(conf, &node->words[1], "invalid buffer size \"%.*s\", it must be from 256 "
                         "to 1g", STR_ARG(node->words[1].text));
}

static bool
mp4_wanted(const void *slot)
{
    return ((const struct mp4_conf *)slot)->on;
}

#define MP4_FIELD(member) FIELD(struct mp4_conf, member)
#define ONE_ARG .where = IN_HTTP_ALL, .args = { 1, 1 }

static const struct directive mp4_directives[] = {
    { "mp4", .where = IN_LOCATION, .parse = parse_present, MP4_FIELD(on) },
    { "mp4_buffer_size", ONE_ARG, .parse = parse_buffer_size, MP4_FIELD(buffer_size),
      .initial = "512k" },
    { "mp4_max_buffer_size", ONE_ARG, .parse = parse_buffer_size, MP4_FIELD(max_buffer_size),
      .initial = "10m" },
    { "mp4_memory", .where = IN_HTTP, .args = { 1, 1 }, .parse = parse_size, MP4_FIELD(memory),
      .initial = "256m" },
    { "mp4_start_key_frame", ONE_ARG, .parse = parse_flag, MP4_FIELD(start_key_frame),
      .initial = "off" },
    { "mp4_threads", .where = IN_HTTP, .args = { 1, 2 }, .parse = parse_threads,
      MP4_FIELD(threads), .initial = "2 queue=256" },
    { 0 }
};

const struct http_module mp4_module = {
    .name = "mp4",
    .directives = mp4_directives,
    .conf_size = sizeof(struct mp4_conf),
    .phase = PHASE_CONTENT,
    .own_level = true,
    .handle = mp4_handle,
    .wanted = mp4_wanted,
    .worker_stop = stop,
};
