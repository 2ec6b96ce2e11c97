/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/file_read.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/page_cache.h"
#include "http/engine.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOOK = 1 << 20,             /* bytes that are looked at together */
    BRING = 1 << 20,            /* bytes that a thread brings at a time */
    WARM_MS = 1000,             /* a file that was all in memory is not looked at for so long; */
    WARM_SMALL_MS = 10000,      /* one that is soon read, should it have gone, for longer */
    WARM_SMALL = 64 << 10,      /* bytes of such a one */
    WARM_UNTOLD_MS = 60000,     /* the same where the file system does not tell */
    GIVE = 16,                  /* files that are closed when a descriptor is wanted */
    DIRECT_MAX = 8 << 20        /* bytes of a buffer, whatever output_buffers says */
};

/*
 * What a thread reads for the body of a request, and has read. Made when it is first needed, and
 * the request's until it ends; a job that runs then has it, and frees it.
 */
struct file_wait {
    struct offload_job job;
    struct offload *threads;    /* at work for it; NULL: nobody is */
    struct http_request *req;   /* for the loop */
    int of;                     /* the descriptor of the file that is read */
    int fd;                     /* our own of the same file, that nobody closes meanwhile */
    off_t from;
    size_t len, ahead;          /* what is to be read, and to be fetched behind it */
    bool is_direct, no_direct;  /* past the page cache; the file system refused that */
    char *buffer;               /* is_direct: what was read, got bytes from `from` on */
    size_t cap, got;
    int error;                  /* of the last read; 0: none */
};

static void
wait_free(struct file_wait *wait)
{
    if (wait->fd >= 0)
        close(wait->fd);
    free(wait->buffer);
    free(wait);
}

static void
drop_job(struct offload_job *job)
{
    wait_free(CONTAINER_OF(job, struct file_wait, job));
}

/* The request ends. */
static void
end_wait(void *data)
{
    struct file_wait *wait = data;

    if (wait->threads != NULL)
        offload_forget(wait->threads, &wait->job);
    else
        wait_free(wait);
}

/* ---- what threads do ----------------------------------------------------------------------- */

/* Alignment is the caller's; the last read of a file is short. */
static void
read_direct(struct file_wait *wait)
{
    ssize_t n;

    do
        n = pread(wait->fd, wait->buffer, wait->len, wait->from);
    while (n < 0 && errno == EINTR);
    wait->error = n < 0 ? errno : 0;
    wait->got = n < 0 ? 0 : (size_t)n;
}

static void
run_job(struct offload_job *job)
{
    struct file_wait *wait = CONTAINER_OF(job, struct file_wait, job);

    if (wait->is_direct)
        read_direct(wait);
    else
        page_cache_fill(wait->fd, wait->from, wait->len, wait->ahead);
}

static void
job_done(struct offload_job *job)
{
    struct file_wait *wait = CONTAINER_OF(job, struct file_wait, job);

    wait->threads = NULL;
    http_body_resume(wait->req);        /* the request may be over after this */
}

/* ---- asking them --------------------------------------------------------------------------- */

static struct file_wait *
wait_create(struct http_request *req)
{
    struct file_wait *wait = calloc(1, sizeof(*wait));

    if (wait == NULL)
        return NULL;
    wait->job.run = run_job;
    wait->job.done = job_done;
    wait->job.drop = drop_job;
    wait->req = req;
    wait->of = wait->fd = -1;
    if (arena_defer(req->arena, end_wait, wait))
        return wait;
    free(wait);
    return NULL;
}

/* Nothing was asked for yet. */
static void
close_own(struct file_wait *wait)
{
    if (wait->fd >= 0)
        close(wait->fd);
    wait->fd = -1;
    wait->len = wait->got = 0;
}

/* It is free to be used for the file. NULL when memory is short. */
static struct file_wait *
wait_for_file(const struct body_part *part)
{
    struct http_request *req = part->req;
    struct file_wait *wait = req->file_wait;

    if (wait == NULL && (wait = req->file_wait = wait_create(req)) == NULL)
        return NULL;
    if (wait->of == part->fd)
        return wait;
    close_own(wait);
    wait->of = part->fd;
    wait->is_direct = wait->no_direct = false;
    return wait;
}

/* False: the worker has to read. */
static bool
put_job(struct file_wait *wait)
{
    struct http_request *req = wait->req;
    const struct thread_pool *pool;
    struct offload *threads = aio_threads(req, &pool);
    enum offload_put put;

    if (threads == NULL)
        return false;
    put = offload_put(threads, &wait->job);
    if (put == OFFLOAD_TAKEN) {
        HTTP_DEBUG(req, "aio: a thread reads %zu bytes at %lld of \"%.*s\"", wait->len,
                   (long long)wait->from, STR_ARG(req->filename));
        stats->thread_reads++;
        wait->threads = threads;
        return true;
    }
    stats->thread_reads_refused++;
    if (put == OFFLOAD_FULL)
        LOG(&req->log, ERR, 0, "thread pool \"%.*s\" queue overflow, the worker reads by itself",
            STR_ARG(pool->name));
    else
        LOG(&req->log, ALERT, errno, "no thread can be started for pool \"%.*s\"",
            STR_ARG(pool->name));
    return false;
}

/* ---- into the page cache ------------------------------------------------------------------- */

/* The file of the part, when the cache has it as the request's first. */
static struct file *
file_of(const struct body_part *part)
{
    struct file *file = part->req->file;

    return file != NULL && file->fd == part->fd ? file : NULL;
}

static bool
was_warm(const struct file *file, uint64_t ms)
{
    return file != NULL && file->warm_ms != 0 && now.mono_ms - file->warm_ms < ms;
}

/* len bytes from the part's next on are in memory, or are to be read whether they are or not. */
static enum io
go_on(struct body_part *part, uint64_t len)
{
    part->warm = (uint64_t)part->offset + len;
    return IO_DONE;
}

/* They are in memory. */
static enum io
note_warm(struct body_part *part, uint64_t len)
{
    struct file *file = file_of(part);

    if (file != NULL && part->offset == 0 && len >= file->size)
        file->warm_ms = now.mono_ms;
    return go_on(part, len);
}

/* The part's may be closed, and its number another's, while the thread reads. */
static bool
have_own_descriptor(struct file_wait *wait)
{
    if (wait->fd < 0)
        wait->fd = fcntl(wait->of, F_DUPFD_CLOEXEC, 0);
    if (wait->fd < 0 && errno == EMFILE && file_cache_give(wait->req->worker->files, GIVE) > 0)
        wait->fd = fcntl(wait->of, F_DUPFD_CLOEXEC, 0);
    if (wait->fd < 0)
        LOG(&wait->req->log, CRIT, errno, "no descriptor for a thread to read \"%.*s\"",
            STR_ARG(wait->req->filename));
    return wait->fd >= 0;
}

/* By a thread, or else, when it is read, by the worker, who waits for it. */
static enum io
bring(struct body_part *part)
{
    struct file_wait *wait = wait_for_file(part);
    uint64_t len = MIN(part->len, BRING);

    if (wait == NULL || !have_own_descriptor(wait))
        return go_on(part, len);
    assert(!wait->is_direct);   /* its buffer has no room for a window */
    wait->from = part->offset;
    wait->len = (size_t)len;
    wait->ahead = (size_t)MIN(part->len - len, BRING);
    return put_job(wait) ? IO_AGAIN : go_on(part, len);
}

/*
 * A thread is at it, or has been. What it has brought is not asked for again, wherever it may be by
 * now: so we get on.
 */
static bool
was_brought(struct body_part *part, enum io *io)
{
    const struct file_wait *wait = part->req->file_wait;

    if (wait == NULL || wait->of != part->fd)
        return false;
    *io = IO_AGAIN;
    if (wait->threads != NULL)
        return true;
    if (part->offset < wait->from || part->offset >= wait->from + (off_t)wait->len)
        return false;
    *io = note_warm(part, wait->len - (uint64_t)(part->offset - wait->from));
    return true;
}

static enum io
look(struct body_part *part, size_t n)
{
    struct file *file = file_of(part);
    size_t len = (size_t)MIN(part->len, MAX(n, LOOK));
    enum io io;

    if (was_warm(file, part->len <= WARM_SMALL ? WARM_SMALL_MS : WARM_MS))
        return go_on(part, part->len);
    if (was_brought(part, &io))
        return io;
    switch (page_cache_has(part->fd, part->offset, len)) {
    case CACHED:
        return note_warm(part, len);
    case CACHED_NOT:
        return bring(part);
    case CACHED_UNKNOWN:
        return was_warm(file, WARM_UNTOLD_MS) ? go_on(part, part->len) : bring(part);
    }
    return IO_ERROR;
}

/* False: the worker reads, and never asks. */
static bool
may_wait_for_threads(struct body_part *part)
{
    if (part->req != NULL && !http_settings_for(part->req)->aio.is_off)
        return true;
    part->warm = UINT64_MAX;
    return false;
}

enum io
file_await(struct body_part *part, size_t *n)
{
    enum io io;

    if (LIKELY((uint64_t)part->offset + *n <= part->warm || !may_wait_for_threads(part)))
        return IO_DONE;
    if ((io = look(part, *n)) == IO_DONE)
        *n = (size_t)MIN(*n, part->warm - (uint64_t)part->offset);
    return io;
}

static enum io
say(ssize_t n, size_t *done)
{
    if (UNLIKELY(n <= 0))
        return n == 0 ? IO_SHORT : IO_ERROR;
    *done = (size_t)n;
    return IO_DONE;
}

static enum io
read_and_wait(const struct body_part *part, char *room, size_t n, size_t *done)
{
    ssize_t r;

    do
        r = pread(part->fd, room, n, part->offset);
    while (r < 0 && errno == EINTR);
    return say(r, done);
}

/* The bytes are not in memory, or nobody knows. */
static enum io
read_brought(struct body_part *part, char *room, size_t n, size_t *done)
{
    bool is_untold = errno == EOPNOTSUPP;
    enum io io;

    if (is_untold)
        io = look(part, n);
    else if (!was_brought(part, &io))
        io = bring(part);
    return io == IO_DONE ? read_and_wait(part, room, n, done) : io;
}

static enum io
read_cached(struct body_part *part, char *room, size_t n, size_t *done)
{
    uint64_t at = (uint64_t)part->offset;
    ssize_t r;

    if (part->warm > at || !may_wait_for_threads(part))
        return read_and_wait(part, room, (size_t)MIN(n, part->warm - at), done);
    do
        r = page_cache_read(part->fd, room, n, part->offset);
    while (UNLIKELY(r < 0) && errno == EINTR);
    if (UNLIKELY(r < 0) && (errno == EAGAIN || errno == EOPNOTSUPP))
        return read_brought(part, room, n, done);
    return say(r, done);
}

/* ---- past the page cache ------------------------------------------------------------------- */

/* Of all of the file, whatever part of it is sent. */
static uint64_t
size_of(const struct body_part *part)
{
    const struct file *file = file_of(part);
    struct stat st;

    if (file != NULL)
        return file->size;
    return fstat(part->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

bool
file_is_direct(const struct body_part *part)
{
    const struct http_request *req = part->req;
    const struct file_wait *wait;
    uint64_t least;

    if (req == NULL || LIKELY((least = http_settings_for(req)->directio_bytes) == UINT64_MAX))
        return false;
    wait = req->file_wait;
    if (wait != NULL && wait->of == part->fd && (wait->is_direct || wait->no_direct))
        return wait->is_direct;         /* as it began: the file may have another size by now */
    return size_of(part) >= least;
}

/* Through the page cache after all. */
static void
give_up_direct(struct file_wait *wait, const char *call)
{
    LOG(&wait->req->log, WARN, errno, "directio: %s \"%.*s\" failed, the page cache is used", call,
        STR_ARG(wait->req->filename));
    close_own(wait);
    wait->is_direct = false;
    wait->no_direct = true;
}

/*
 * A description of its own of the very file that is open: O_DIRECT counts for all who share one.
 */
static bool
open_direct(struct file_wait *wait)
{
    const struct location_settings *s = http_settings_for(wait->req);
    size_t align = (size_t)s->directio_alignment;
    char path[32];

    if (wait->is_direct)
        return true;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", wait->of);
    wait->cap = (size_t)MIN(s->output_buffers.count * s->output_buffers.size, DIRECT_MAX);
    wait->cap = (wait->cap + align - 1) / align * align;
    if (wait->buffer == NULL
        && (errno = posix_memalign((void **)&wait->buffer, MAX(align, 4096), wait->cap)) != 0) {
        give_up_direct(wait, "memory to read");
        return false;
    }
    close_own(wait);
    wait->fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (wait->fd < 0) {
        give_up_direct(wait, "open()");
        return false;
    }
    wait->is_direct = true;
    return true;
}

/* The piece that holds the part's next byte is read, or being read. */
static void
start_direct(struct file_wait *wait, const struct body_part *part)
{
    uint64_t align = http_settings_for(wait->req)->directio_alignment;

    wait->from = (off_t)((uint64_t)part->offset / align * align);
    wait->len = wait->cap;
    wait->got = 0;
    if (!put_job(wait))
        run_job(&wait->job);
}

static bool
has_asked_for(const struct file_wait *wait, off_t offset)
{
    return offset >= wait->from && offset < wait->from + (off_t)wait->len;
}

static enum io
read_direct_part(struct body_part *part, char *room, size_t n, size_t *done)
{
    struct file_wait *wait = wait_for_file(part);
    size_t in;

    if (wait == NULL || !open_direct(wait))
        return read_cached(part, room, n, done);
    if (wait->threads == NULL && !has_asked_for(wait, part->offset))
        start_direct(wait, part);
    if (wait->threads != NULL)
        return IO_AGAIN;
    if ((errno = wait->error) == EINVAL) {
        give_up_direct(wait, "read()");
        return read_cached(part, room, n, done);
    }
    if (errno != 0)
        return IO_ERROR;
    in = (size_t)(part->offset - wait->from);
    if (in >= wait->got)
        return IO_SHORT;
    *done = MIN(n, wait->got - in);
    memcpy(room, wait->buffer + in, *done);
    return IO_DONE;
}

enum io
file_read(struct body_part *part, char *room, size_t n, size_t *done)
{
    *done = 0;
    if (UNLIKELY(file_is_direct(part)))
        return read_direct_part(part, room, n, done);
    return read_cached(part, room, n, done);
}
