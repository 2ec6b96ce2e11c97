/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compress: an answer becomes a compressed one: from the variants of its file, in one go when it is
 * small and at hand, else piece by piece while it is sent.
 */
#ifndef WEIR_HTTP_COMPRESS_H
#define WEIR_HTTP_COMPRESS_H

#include "http/compressed.h"
#include "http/encoder.h"
#include "http/request.h"

struct compressor;              /* of a worker */

/* What is to be done. */
struct compressing {
    enum encoding encoding;
    struct encoder_how how;
    uint64_t cache_bytes;       /* of all variants of a worker's files; 0: none is kept */
    uint64_t stream_bytes;      /* of memory for all streams of a worker */
    uint64_t postpone;          /* a stream begins once there are so many bytes, but for the end
                                   and what is read at a time */
    bool flushes;               /* what was read is sent, without waiting for more */
};

/*
 * For a filter: req->response, which has a body, is sent compressed, or, when that is no gain or
 * memory is short, as it is. HTTP_PASS, or HTTP_DONE after http_fail. Not for requests below
 * another.
 */
enum http_next http_compress(struct http_request *req, const struct compressing *what);

/* When its worker stops; NULL is allowed. */
void compressor_destroy(struct compressor *compressor);

#endif
