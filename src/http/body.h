/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * body: the bytes of an answer as a list of parts, and sources that make them while they are sent.
 *
 * A handler gives what it has: memory, a piece of a file, or a source. A filter that changes bytes
 * puts a source of its own in front (http_body_change in request.h), which reads the parts that
 * were there by body_read(): so filters stand one around the other, the last to run outermost, and
 * none knows whether it reads a file or another filter. The codec asks the outermost for bytes when
 * the client has taken those before, so that a body has no more memory than its sources own.
 */
#ifndef WEIR_HTTP_BODY_H
#define WEIR_HTTP_BODY_H

#include "net/stream.h"
#include <stdint.h>

enum body_kind { PART_MEMORY, PART_FILE, PART_PULL };

struct body_source;
struct http_request;

/* A piece of a body. The bytes, the descriptor or the source outlive the request's answer. */
struct body_part {
    enum body_kind kind;
    int fd;                     /* PART_FILE */
    union {
        const char *p;              /* PART_MEMORY */
        struct body_source *source; /* PART_PULL */
        struct http_request *req;   /* PART_FILE: whose body it is; NULL: nobody's, who reads waits */
    };
    off_t offset;               /* PART_FILE: of the next byte to send */
    uint64_t warm;              /* PART_FILE: bytes before this place of the file are in memory
                                   (file_read.c) */
    uint64_t len;               /* still to send; PART_PULL: not known, 0 */
    struct body_part *next;
};

/* A source takes at most so many bytes of another at a time: others wait for their turn. */
enum { BODY_READ_MAX = 16384 };

/* The begin of a struct of whoever makes the bytes. */
struct body_source {
    /*
     * Writes at most cap bytes, which is at least 1, at room, *done of them. IO_DONE: there may be
     * more (*done may be 0, when what was read so far makes no byte yet); IO_CLOSED: these were the
     * last; IO_SHORT: a file ended before it should; IO_ERROR: errno tells, or memory is short. With
     * the latter two the answer ends as one that is visibly cut. IO_AGAIN, *done 0: there is nothing
     * now; http_body_resume (request.h) is called when there is, in another turn of the loop. What
     * undoes the wait of a request that ends first is the source's own (arena_defer). Not called
     * again after anything but IO_DONE, nor after IO_AGAIN before it was resumed.
     */
    enum io (*pull)(struct body_source *source, char *room, size_t cap, size_t *done);
    struct body_part *from;     /* what it reads; NULL: nothing, or nothing more */
    struct body_part part;      /* itself as a part of the body */
};

/*
 * Moves bytes from the parts of *list into room and advances the list. As pull: IO_DONE with *done
 * bytes, IO_CLOSED with *done bytes when the list is at its end. After IO_AGAIN the list stands where
 * it was; the caller passes it on to whoever pulls it.
 */
enum io body_read(struct body_part **list, char *room, size_t cap, size_t *done);

#endif
