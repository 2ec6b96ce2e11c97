/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/folder_reader.h"
#include "base/counters.h"
#include "event/offload.h"
#include "http/engine.h"
#include "http/path.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct waiting;

struct folder_reader {
    struct offload *offload;
    struct link jobs;           /* those that are not done */
    size_t held, held_max;      /* bytes of folders that were read */
    const struct waiting *now;  /* whose request goes on; NULL once taken */
};

/* A folder, from the first who asks for it to the last whose answer is made of it. */
struct job {
    struct offload_job job;
    struct link link;           /* in reader->jobs */
    struct folder_reader *reader;
    struct folder *folder;      /* the thread's until it is done; NULL: nobody needs it more */
    atomic_bool has_begun;      /* what changes from now on may be missed */
    bool is_done;
    bool is_refused;            /* there is no memory left to keep it */
    size_t size;                /* bytes of it that count in reader->held */
    struct link waiting;        /* of struct waiting */
    uint32_t users;
};

/* A request that waits for one, or has it. In its arena. */
struct waiting {
    struct link link;
    struct http_request *req;
    struct job *job;
};

/* ---- jobs ---------------------------------------------------------------------------------- */

static void
run_job(struct offload_job *oj)
{
    struct job *job = CONTAINER_OF(oj, struct job, job);

    atomic_store(&job->has_begun, true);
    folder_read(job->folder);
}

static void
drop_job(struct offload_job *oj)
{
    struct job *job = CONTAINER_OF(oj, struct job, job);

    folder_destroy(job->folder);
    free(job);
}

/* The last one forgets it, if it is not done. */
static void
leave_job(struct job *job)
{
    struct folder_reader *reader = job->reader;

    if (--job->users > 0)
        return;
    if (job->is_done) {
        reader->held -= job->size;
        drop_job(&job->job);
    } else {
        link_remove(&job->link);
        offload_forget(reader->offload, &job->job);
    }
}

static void
keep_if_there_is_room(struct job *job)
{
    struct folder_reader *reader = job->reader;
    size_t size = arena_used(job->folder->arena);

    job->is_refused = reader->held > 0 && size > reader->held_max - reader->held;
    job->size = job->is_refused ? 0 : size;
    reader->held += job->size;
}

/* What nobody shows takes no memory while they get their answers, which may take long. */
static void
drop_folder(struct job *job)
{
    job->reader->held -= job->size;
    job->size = 0;
    folder_destroy(job->folder);
    job->folder = NULL;
}

static void
job_done(struct offload_job *oj)
{
    struct job *job = CONTAINER_OF(oj, struct job, job);
    struct folder_reader *reader = job->reader;

    link_remove(&job->link);
    job->is_done = true;
    keep_if_there_is_room(job);
    job->users++;               /* so that it outlives all who are told */
    while (!list_is_empty(&job->waiting)) {
        struct waiting *waiting = CONTAINER_OF(job->waiting.next, struct waiting, link);

        link_remove(&waiting->link);
        reader->now = waiting;
        http_resume(waiting->req);      /* the request may be gone after this */
        reader->now = NULL;
    }
    if (job->is_refused || job->folder->result != FOLDER_READ)
        drop_folder(job);
    leave_job(job);
}

static struct job *
make_job(struct folder_reader *reader, const struct folder_question *question)
{
    struct job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return NULL;
    job->job.run = run_job;
    job->job.done = job_done;
    job->job.drop = drop_job;
    job->reader = reader;
    atomic_init(&job->has_begun, false);
    link_init(&job->job.link);
    link_init(&job->link);
    link_init(&job->waiting);
    job->folder = folder_create(question, reader->held_max);
    if (job->folder != NULL)
        return job;
    free(job);
    return NULL;
}

/* One that will see all that is there now. */
static struct job *
find_job(const struct folder_reader *reader, const struct folder_question *question)
{
    for (struct link *link = reader->jobs.next; link != &reader->jobs; link = link->next) {
        struct job *job = CONTAINER_OF(link, struct job, link);

        if (!atomic_load(&job->has_begun) && folder_answers(job->folder, question))
            return job;
    }
    return NULL;
}

/* ---- a worker's part ----------------------------------------------------------------------- */

void
folder_reader_destroy(struct folder_reader *reader)
{
    if (reader == NULL)
        return;
    offload_destroy(reader->offload);
    free(reader);
}

/* Made when the first folder is asked for. */
static struct folder_reader *
reader_of(struct http_worker *worker)
{
    const struct http *http = worker->http;
    struct folder_reader *reader = worker->folders;

    if (reader != NULL || (reader = calloc(1, sizeof(*reader))) == NULL)
        return reader;
    link_init(&reader->jobs);
    reader->held_max = (size_t)http->folder_memory;
    reader->offload = offload_create(worker->loop, http->folder_threads.count,
                                     http->folder_threads.queue);
    if (reader->offload != NULL)
        return worker->folders = reader;
    free(reader);
    return NULL;
}

/* ---- requests ------------------------------------------------------------------------------ */

static enum http_next
refuse_busy(struct http_request *req, const char *why)
{
    LOG(&req->log, ERR, 0, "%s to be listed", why);
    stats->autoindex_rejected++;
    req->error_field = (struct http_field){ STR("Retry-After"), STR("1") };
    return http_fail(req, HTTP_SERVICE_UNAVAILABLE);
}

static void
leave(void *data)
{
    struct waiting *waiting = data;

    link_remove(&waiting->link);
    leave_job(waiting->job);
}

/* The job is the request's until its end. False: memory is short. */
static bool
join(struct http_request *req, struct job *job)
{
    struct waiting *waiting = ARENA_NEW(req->arena, struct waiting);

    if (waiting == NULL)
        return false;
    *waiting = (struct waiting){ .req = req, .job = job };
    link_init(&waiting->link);
    if (!arena_defer(req->arena, leave, waiting))
        return false;
    list_push(&job->waiting, &waiting->link);
    job->users++;
    return true;
}

static enum http_next
begin_job(struct http_request *req, struct folder_reader *reader,
          const struct folder_question *question)
{
    struct job *job = make_job(reader, question);
    enum offload_put put;

    if (job == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    put = offload_put(reader->offload, &job->job);
    if (put != OFFLOAD_TAKEN) {
        if (put == OFFLOAD_FAILED)
            LOG(&req->log, CRIT, errno, "pthread_create() failed");
        drop_job(&job->job);
        return refuse_busy(req, "too many folders wait");
    }
    list_push(&reader->jobs, &job->link);
    stats->autoindex_read++;
    if (join(req, job))
        return HTTP_AGAIN;
    job->users++;
    leave_job(job);
    return http_fail(req, HTTP_INTERNAL_ERROR);
}

static enum http_next
ask(struct http_request *req, const struct folder_question *question)
{
    struct folder_reader *reader = reader_of(req->worker);
    struct job *job;

    if (reader == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (reader->held >= reader->held_max)
        return refuse_busy(req, "too many folders are held in memory");
    if ((job = find_job(reader, question)) == NULL)
        return begin_job(req, reader, question);
    HTTP_DEBUG(req, "the folder waits to be read for others, too");
    stats->autoindex_shared++;
    return join(req, job) ? HTTP_AGAIN : http_fail(req, HTTP_INTERNAL_ERROR);
}

static enum http_next
refuse_large(struct http_request *req, const struct folder *folder)
{
    struct str path = folder->question.path;

    stats->autoindex_rejected++;
    if (folder->len == folder->rules.entries_max)
        LOG(&req->log, ERR, 0, "directory index of \"%.*s\" is forbidden: it has more than %u "
            "entries (autoindex_limit)", STR_ARG(path), folder->rules.entries_max);
    else
        LOG(&req->log, ERR, 0, "directory index of \"%.*s\" is forbidden: it does not fit into "
            "autoindex_memory", STR_ARG(path));
    HTTP_TRACE(req, NULL, "autoindex: the folder has too many entries to be listed");
    return http_fail(req, HTTP_FORBIDDEN);
}

static enum http_next
found(struct http_request *req, const struct job *job, const struct folder **folder)
{
    const struct folder *read = job->folder;

    if (job->is_refused)
        return refuse_busy(req, "too many folders are held in memory");
    switch (read->result) {
    case FOLDER_READ:
        *folder = read;
        return HTTP_PASS;
    case FOLDER_FAILED:
        return http_fail(req, http_open_failed(req, read->question.path, read->error));
    case FOLDER_OVER_LIMIT:
        return refuse_large(req, read);
    }
    return http_fail(req, HTTP_INTERNAL_ERROR);
}

enum http_next
folder_ask(struct http_request *req, const struct folder_question *question,
           const struct folder **folder)
{
    struct folder_reader *reader = req->worker->folders;
    const struct waiting *waiting = reader != NULL ? reader->now : NULL;

    if (waiting == NULL || waiting->req != req)
        return ask(req, question);
    reader->now = NULL;         /* the request may be gone, and its struct another's, before
                                   http_resume returns */
    return found(req, waiting->job, folder);
}
