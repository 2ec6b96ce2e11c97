/* SPDX-License-Identifier: BSD-2-Clause */
/* body: what follows a head. Nobody wants it yet: it is read, bounded, and thrown away, so that the next request can be found. */
#include "http/h1/h1.h"

/* Bytes of sizes, extensions and trailers between two pieces of data: llhttp bounds none of them. */
enum { CHUNK_OVERHEAD_MAX = 8192 };

static bool
is_too_large(const struct http_request *req, uint64_t bytes)
{
    uint64_t max = http_settings_for(req)->client_max_body_size;

    return max != 0 && bytes > max;
}

/* Trailers and chunk lines: a CR stands only before a LF and a LF only behind a CR (RFC 9112 2.2), control bytes nowhere. */
static enum h1_body
read_chunked(struct http_request *req, const char *p, size_t len, size_t *used)
{
    struct h1_request *h1 = h1_of(req);
    uint64_t before = h1->body_bytes;
    llhttp_errno_t err = llhttp_execute(&h1->parser, p, len);
    size_t data;

    if (err == HPE_OK)
        *used = len;
    else if (err == HPE_PAUSED || err == HPE_PAUSED_UPGRADE)
        *used = (size_t)(llhttp_get_error_pos(&h1->parser) - p);
    else
        return H1_BODY_BAD;
    data = (size_t)(h1->body_bytes - before);
    h1->chunk_overhead += (uint32_t)(*used - data);
    if (data == 0 && h1->chunk_overhead > CHUNK_OVERHEAD_MAX)
        return H1_BODY_BAD;
    if (is_too_large(req, h1->body_bytes))
        return H1_BODY_TOO_LARGE;
    return err == HPE_OK ? H1_BODY_MORE : H1_BODY_DONE;
}

enum h1_body
h1_body_read(struct http_request *req, const char *p, size_t len, size_t *used)
{
    struct h1_request *h1 = h1_of(req);
    enum h1_body result;

    *used = 0;
    if (h1->framing.body == BODY_CHUNKED) {
        result = read_chunked(req, p, len, used);
    } else {
        *used = (size_t)MIN((uint64_t)len, h1->body_left);
        h1->body_left -= *used;
        result = h1->body_left > 0 ? H1_BODY_MORE : H1_BODY_DONE;
    }
    req->received_bytes += *used;
    if (result == H1_BODY_DONE)
        h1->body_done = true;
    return result;
}
