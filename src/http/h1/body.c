/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * body: what follows a head. It is read and bounded. Where a handler wants it the handler gets it,
 * else it is thrown away, so that the next request can be found.
 */
#include "http/h1/h1.h"
#include "http/request_body.h"

static bool
is_too_large(const struct http_request *req, uint64_t bytes)
{
    uint64_t max = http_settings_for(req)->client_max_body_size;

    return max != 0 && bytes > max;
}

/* False: the handler could not keep it. */
static bool
keep(struct http_request *req, const char *p, size_t len)
{
    return !h1_of(req)->collects || len == 0 || request_body_add(req, p, len);
}

static enum h1_body
read_chunked(struct http_request *req, const char *p, size_t len, size_t *used)
{
    struct h1_request *h1 = h1_of(req);

    while (*used < len) {
        size_t taken, data;
        enum chunks_verdict verdict = chunks_read(&h1->chunks, p + *used, len - *used, &taken,
                                                  &data);

        *used += taken;
        h1->body_bytes += data;
        if (verdict == CHUNKS_BAD)
            return H1_BODY_BAD;
        if (is_too_large(req, h1->body_bytes + chunks_announced(&h1->chunks)))
            return H1_BODY_TOO_LARGE;
        if (!keep(req, p + *used - data, data))
            return H1_BODY_FAILED;
        if (verdict == CHUNKS_DONE)
            return H1_BODY_DONE;
    }
    return H1_BODY_MORE;
}

static enum h1_body
read_counted(struct http_request *req, const char *p, size_t len, size_t *used)
{
    struct h1_request *h1 = h1_of(req);

    *used = (size_t)MIN((uint64_t)len, h1->body_left);
    h1->body_left -= *used;
    if (!keep(req, p, *used))
        return H1_BODY_FAILED;
    return h1->body_left > 0 ? H1_BODY_MORE : H1_BODY_DONE;
}

enum h1_body
h1_body_read(struct http_request *req, const char *p, size_t len, size_t *used)
{
    struct h1_request *h1 = h1_of(req);
    enum h1_body result;

    *used = 0;
    result = h1->framing.body == BODY_CHUNKED ? read_chunked(req, p, len, used)
                                              : read_counted(req, p, len, used);
    req->received_bytes += *used;
    if (result == H1_BODY_DONE) {
        h1->body_done = true;
        if (h1->collects && !request_body_end(req))
            return H1_BODY_FAILED;
    }
    return result;
}
