/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output: from an answer to the stream.
 *
 * What is small is gathered in the worker's buffer, head and body together, answers of pipelined
 * requests one behind the other, and leaves in one send. A larger file goes by sendfile behind a
 * head sent with "more follows". What the socket does not take moves to conn->out, the only bytes a
 * waiting connection owns.
 */
#include "base/clock.h"
#include "http/file_read.h"
#include "http/h1/h1.h"
#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

enum {
    PULLS_MAX = 32,             /* of a source in one turn: some give little for much work */
    PULLS_US = 1000,            /* and no longer than about that */
    PULL_ROOM_MIN = 4096,       /* a source is not asked for less, if it can be helped */
    BULK_MIN = 256 << 10,       /* bytes of a file from which on its transfer counts as long */
    TURN_MAX = 256 << 10        /* bytes of one answer in one turn, whatever sendfile_max_chunk
                                   allows */
};

enum io
h1_drain(struct conn *conn)
{
    struct buffer *out = conn->out;
    size_t done;

    while (buffer_len(out) > 0) {
        enum io io = conn->stream->send(conn, out->p + out->start, buffer_len(out), false, &done);

        if (io != IO_DONE)
            return io;
        out->start += (uint32_t)done;
    }
    buffer_free(conn->out);
    conn->out = NULL;
    return IO_DONE;
}

/* What could not be sent must wait in a buffer of the connection's own. */
static enum io
keep_rest(struct conn *conn, const char *p, size_t len)
{
    enum { KEEP_MAX = 2 * (GATHER_SIZE + GATHER_SLACK) };

    if (buffer_append(&conn->out, p, len, KEEP_MAX))
        return IO_AGAIN;
    errno = ENOMEM;
    return IO_ERROR;
}

enum io
h1_flush(struct conn *conn, bool more)
{
    struct http_worker *worker = http_address_of(conn)->worker;
    const char *p = worker->out;
    size_t len = worker->out_len, done;

    worker->out_len = 0;
    if (UNLIKELY(conn->out != NULL))
        return len > 0 ? keep_rest(conn, p, len) : IO_AGAIN;
    while (len > 0) {
        enum io io = conn->stream->send(conn, p, len, more, &done);

        if (io == IO_AGAIN)
            return keep_rest(conn, p, len);
        if (io != IO_DONE)
            return io;
        p += done;
        len -= done;
    }
    return IO_DONE;
}

static void
part_advance(struct http_response *resp, size_t n)
{
    struct body_part *part = resp->body;

    if (part->kind == PART_MEMORY)
        part->p += n;
    else
        part->offset += (off_t)n;
    part->len -= n;
    resp->body_bytes += n;
    if (part->len == 0)
        resp->body = part->next;
}

/* Room that a body may take behind what is gathered. */
static size_t
gather_room(const struct http_worker *worker)
{
    return worker->out_len < GATHER_SIZE ? GATHER_SIZE - worker->out_len : 0;
}

/*
 * Reads n bytes of a file behind what is gathered. IO_SHORT: the file has become shorter than it
 * was.
 */
static enum io
gather_file(struct http_request *req, size_t n)
{
    struct http_worker *worker = req->worker;
    enum io io = IO_DONE;
    size_t done;

    for (; n > 0 && io == IO_DONE; n -= done) {
        io = file_read(req->response.body, worker->out + worker->out_len, n, &done);
        worker->out_len += done;
        if (done > 0)
            part_advance(&req->response, done);
    }
    h1_of(req)->waits = io == IO_AGAIN;
    return io;
}

static enum io
push_memory(struct http_request *req, uint64_t most)
{
    struct http_response *resp = &req->response;
    struct http_worker *worker = req->worker;
    struct body_part *part = resp->body;
    size_t len = (size_t)MIN(part->len, most), done;
    enum io io;

    if (len <= gather_room(worker) && len <= GATHER_BODY) {
        memcpy(worker->out + worker->out_len, part->p, len);
        worker->out_len += len;
        part_advance(resp, len);
        return IO_DONE;
    }
    if ((io = h1_flush(req->conn, true)) != IO_DONE)
        return io;
    io = req->conn->stream->send(req->conn, part->p, len, part->next != NULL, &done);
    if (io == IO_DONE)
        part_advance(resp, done);
    return io;
}

/* Without sendfile: through the gather buffer, piece by piece. */
static enum io
push_by_reading(struct http_request *req, uint64_t most)
{
    struct http_response *resp = &req->response;
    size_t n = (size_t)MIN(MIN(resp->body->len, most), (uint64_t)gather_room(req->worker));
    enum io io;

    if (n > 0 && (io = gather_file(req, n)) != IO_DONE)
        return io;
    return resp->body != NULL ? h1_flush(req->conn, true) : IO_DONE;
}

/*
 * With TCP_NODELAY each sendfile() ends in a packet that is not full: in a long transfer that costs
 * a third of the work.
 */
static void
set_bulk(struct http_request *req, bool bulk)
{
    const struct stream_ops *stream = req->conn->stream;

    if (stream->bulk == NULL)
        return;
    stream->bulk(req->conn, bulk);
    h1_of(req)->bulk = bulk;
}

static enum io
push_file(struct http_request *req, uint64_t most)
{
    struct http_response *resp = &req->response;
    struct body_part *part = resp->body;
    const struct stream_ops *stream = req->conn->stream;
    size_t done, wanted;
    enum io io;

    wanted = (size_t)MIN(part->len, most);
    if (wanted <= gather_room(req->worker) && wanted <= GATHER_FILE)
        return gather_file(req, wanted);
    if (stream->sendfile == NULL || !http_settings_for(req)->sendfile || file_is_direct(part))
        return push_by_reading(req, most);
    if (UNLIKELY((io = file_await(part, &wanted)) != IO_DONE)) {
        h1_of(req)->waits = true;
        return io;
    }
    if (part->len >= BULK_MIN && !h1_of(req)->bulk && h1_of(req)->pace == NULL)
        set_bulk(req, true);
    if ((io = h1_flush(req->conn, true)) != IO_DONE)
        return io;
    io = stream->sendfile(req->conn, part->fd, part->offset, wanted, &done);
    if (io != IO_DONE)
        return io;
    part_advance(resp, done);
    return done < wanted ? IO_AGAIN : IO_DONE;  /* less than asked for: the socket is full */
}

/*
 * Lets a source write behind what is gathered. What it has given goes to the socket before it is
 * asked for more than there is room for.
 */
static enum io
push_pull(struct http_request *req, uint64_t most)
{
    enum { EDGES = CHUNK_HEAD + CHUNK_TAIL };
    struct http_response *resp = &req->response;
    struct http_worker *worker = req->worker;
    struct body_source *source = resp->body->source;
    size_t edge = resp->chunked ? CHUNK_HEAD : 0, done = 0;
    char *room;
    enum io io;

    if (gather_room(worker) < PULL_ROOM_MIN + EDGES
        && (io = h1_flush(req->conn, true)) != IO_DONE)
        return io;
    room = worker->out + worker->out_len;
    h1_of(req)->waits = true;   /* unless it is resumed by then */
    io = source->pull(source, room + edge, (size_t)MIN(MIN(gather_room(worker) - EDGES,
                                                           (size_t)BODY_READ_MAX), most), &done);
    if (io == IO_AGAIN)
        return io;
    h1_of(req)->waits = false;
    if (io != IO_DONE && io != IO_CLOSED)
        return io;
    if (resp->chunked && done > 0)
        done = h1_chunk_close(room, done);
    worker->out_len += done;
    resp->body_bytes += done;
    if (io == IO_CLOSED)
        resp->body = resp->body->next;
    return IO_DONE;
}

static enum io
push_part(struct http_request *req, uint64_t most)
{
    switch (req->response.body->kind) {
    case PART_MEMORY: return push_memory(req, most);
    case PART_FILE:   return push_file(req, most);
    case PART_PULL:   return push_pull(req, most);
    }
    return IO_ERROR;
}

/* Sources may work hard for few bytes: then it is the others' turn. */
static bool
has_pulled_enough(unsigned pulls, uint64_t *begin_us)
{
    if (pulls == 0)
        *begin_us = clock_mono_us();
    return pulls == PULLS_MAX || (pulls > 0 && clock_mono_us() - *begin_us > PULLS_US);
}

/* Moves at most `most` bytes of the body. IO_AGAIN also when these are over before the body is. */
static enum io
push(struct http_request *req, uint64_t most)
{
    struct http_response *resp = &req->response;
    uint64_t end = resp->body_bytes + most, begin_us = 0;
    unsigned pulls = 0;

    for (;;) {
        enum io io;

        if (resp->body == NULL) {
            if (LIKELY(!resp->chunked) || h1_of(req)->ended)
                break;
            if (!h1_chunk_end(req)) {
                errno = ENOMEM;
                return IO_ERROR;
            }
        }
        if (resp->body_bytes >= end
            || (resp->body->kind == PART_PULL && has_pulled_enough(pulls++, &begin_us)))
            return IO_AGAIN;
        io = push_part(req, end - resp->body_bytes);
        if (io != IO_DONE)
            return io;
    }
    if (UNLIKELY(h1_of(req)->bulk))
        set_bulk(req, false);
    return IO_DONE;
}

static enum io
push_paced(struct http_request *req, uint64_t turn)
{
    struct pace *pace = h1_of(req)->pace;
    uint64_t before = req->response.body_bytes;
    enum io io = push(req, MIN(turn, pace_allowed(pace, now.mono_us)));

    pace_spend(pace, req->response.body_bytes - before);
    return io;
}

enum io
h1_push(struct http_request *req)
{
    uint64_t chunk = http_settings_for(req)->sendfile_max_chunk;
    uint64_t turn = chunk != 0 ? MIN(chunk, TURN_MAX) : TURN_MAX;       /* then the others' */

    if (UNLIKELY(h1_of(req)->pace != NULL))
        return push_paced(req, turn);
    return push(req, turn);
}
