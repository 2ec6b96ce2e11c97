/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chunks: the chunked coding of a body (RFC 9112 7.1), read strictly.
 *
 * llhttp 8.1.0 takes line feeds without carriage returns, empty and folded trailer names, and
 * bounds neither extensions nor trailers, so a chunked body never reaches it: this decoder stands
 * in its place, for the same reason that framing.h stands before it. Resumable at every byte.
 */
#ifndef WEIR_HTTP_H1_CHUNKS_H
#define WEIR_HTTP_H1_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that one size line with its extensions, and all trailers together, may have. */
enum { CHUNK_LINE_MAX = 4096, CHUNK_TRAILERS_MAX = 16384 };

/* All zero: before the first chunk. */
struct chunks {
    uint8_t state;              /* private */
    uint8_t digits;             /* of the size so far */
    uint32_t line;              /* bytes of the size line, or of all trailers */
    uint64_t left;              /* bytes of data of this chunk that are still to come */
};

enum chunks_verdict {
    CHUNKS_MORE,                /* all that was given is taken, more is to come */
    CHUNKS_DATA,                /* *data bytes of the body end at *used */
    CHUNKS_DONE,                /* the message ends at *used */
    CHUNKS_BAD                  /* malformed, or over a bound */
};

/*
 * Takes bytes from p; returns at the end of each run of data, so that a caller sees all of them:
 * the body's bytes are [p + *used - *data, p + *used).
 */
enum chunks_verdict chunks_read(struct chunks *c, const char *p, size_t len, size_t *used,
                                size_t *data);

/* Bytes of data that a whole size line has announced and that are still to come. */
uint64_t chunks_announced(const struct chunks *c);

#endif
