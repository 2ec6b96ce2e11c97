/* SPDX-License-Identifier: BSD-2-Clause */
/* range: 206 and 416: parts of an answer whose length is known (RFC 9110 14). */
#include "base/clock.h"
#include "http/engine.h"
#include "http/module.h"
#include "http/ranges.h"
#include "http/validators.h"

/* More than any client needs; each part's head costs memory while the answer is on its way. */
enum { RANGES_MAX = 256 };

static struct str
content_range(struct http_request *req, const struct byte_range *r, uint64_t size)
{
    struct writer w = writer_in(req->arena);

    write_str(&w, STR("bytes "));
    write_uint(&w, r->first);
    write_char(&w, '-');
    write_uint(&w, r->last);
    write_char(&w, '/');
    write_uint(&w, size);
    return writer_str(&w);
}

/* The piece of a part behind its first `skip` bytes, at most len bytes. */
static void
cut_part(struct body_part *part, uint64_t skip, uint64_t len)
{
    part->len = MIN(part->len - skip, len);
    part->next = NULL;
    if (part->kind == PART_MEMORY)
        part->p += skip;
    else
        part->offset += (off_t)skip;
}

/*
 * Copies the piece from first to last of the whole body, whose parts are as long as it says, to the
 * list that ends at *end. Returns where that ends now; NULL when memory is short.
 */
static struct body_part **
cut(struct arena *arena, struct body_part **end, const struct body_part *whole,
    const struct byte_range *r)
{
    uint64_t skip = r->first, left = r->last - r->first + 1;

    for (; left > 0 && whole != NULL; whole = whole->next) {
        struct body_part *part;

        if (skip >= whole->len) {
            skip -= whole->len;
            continue;
        }
        if ((part = ARENA_NEW(arena, struct body_part)) == NULL)
            return NULL;
        *part = *whole;
        cut_part(part, skip, left);
        skip = 0;
        left -= part->len;
        *end = part;
        end = &part->next;
    }
    return end;
}

static enum http_next
unsatisfiable(struct http_request *req, uint64_t size)
{
    struct writer w = writer_in(req->arena);
    struct str field;

    write_str(&w, STR("bytes */"));
    write_uint(&w, size);
    field = writer_str(&w);
    http_fail(req, HTTP_RANGE_NOT_SATISFIABLE);
    if (str_is_set(field))
        req->error_field = (struct http_field){ STR("Content-Range"), field };
    return HTTP_DONE;
}

static enum http_next
single(struct http_request *req, const struct byte_range *r, uint64_t size)
{
    struct http_response *resp = &req->response;
    struct body_part *whole = resp->body;
    struct str field = content_range(req, r, size);

    if (!str_is_set(field) || !http_response_add(req, STR("Content-Range"), field))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    resp->content_length = (int64_t)(r->last - r->first + 1);
    if (LIKELY(whole->next == NULL))
        cut_part(whole, r->first, r->last - r->first + 1);
    else if (cut(req->arena, &resp->body, whole, r) == NULL)
        return http_fail(req, HTTP_INTERNAL_ERROR);
    return HTTP_PASS;
}

/*
 * "\r\n--BOUNDARY\r\nContent-Type: …\r\nContent-Range: …\r\n\r\n" before each part (RFC 9110 14.6).
 */
static struct str
part_head(struct http_request *req, struct str boundary, const struct byte_range *r, uint64_t size)
{
    struct writer w = writer_in(req->arena);

    write_str(&w, STR("\r\n--"));
    write_str(&w, boundary);
    if (req->response.content_type.len > 0) {
        write_str(&w, STR("\r\nContent-Type: "));
        write_str(&w, req->response.content_type);
    }
    write_fmt(&w, "\r\nContent-Range: bytes %llu-%llu/%llu\r\n\r\n", (unsigned long long)r->first,
              (unsigned long long)r->last, (unsigned long long)size);
    return writer_str(&w);
}

/* NULL when memory is short, as it is for good when there was none for the text. */
static struct body_part *
memory_part(struct arena *arena, struct str text)
{
    struct body_part *part = ARENA_NEW(arena, struct body_part);

    if (part == NULL)
        return NULL;
    *part = (struct body_part){ .kind = PART_MEMORY, .p = text.p, .len = text.len };
    return part;
}

static struct str
make_boundary(struct http_request *req)
{
    static uint64_t count;
    struct writer w = writer_in(req->arena);

    write_padded(&w, ++count, 20);
    return writer_str(&w);
}

static enum http_next
multiple(struct http_request *req, const struct ranges *ranges, uint64_t size)
{
    struct http_response *resp = &req->response;
    struct body_part *whole = resp->body, *head, **end = &resp->body;
    struct str boundary = make_boundary(req), tail, type;
    uint64_t total = 0;

    if (!str_is_set(boundary))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    for (uint32_t i = 0; i < ranges->count; i++) {
        head = memory_part(req->arena, part_head(req, boundary, &ranges->items[i], size));
        if (head == NULL)
            return http_fail(req, HTTP_INTERNAL_ERROR);
        *end = head;
        end = cut(req->arena, &head->next, whole, &ranges->items[i]);
        if (end == NULL)
            return http_fail(req, HTTP_INTERNAL_ERROR);
        total += head->len + ranges->items[i].last - ranges->items[i].first + 1;
    }
    tail = arena_fmt(req->arena, "\r\n--%.*s--\r\n", STR_ARG(boundary));
    type = arena_fmt(req->arena, "multipart/byteranges; boundary=%.*s", STR_ARG(boundary));
    *end = memory_part(req->arena, tail);
    if (*end == NULL)           /* so it is when there was no memory for the type */
        return http_fail(req, HTTP_INTERNAL_ERROR);
    resp->content_length = (int64_t)(total + tail.len);
    resp->content_type = type;
    return HTTP_PASS;
}

static enum http_next
range_filter(struct http_request *req, const void *slot)
{
    struct http_response *resp = &req->response;
    struct str field = req->known[FIELD_RANGE];
    const struct validators v = { resp->etag, resp->last_modified };
    struct ranges ranges;
    uint64_t size;

    (void)slot;
    if (LIKELY(!str_is_set(field)))
        return HTTP_PASS;
    if (resp->status != HTTP_OK || !resp->accept_ranges || resp->content_length <= 0
        || (req->method != METHOD_GET && req->method != METHOD_HEAD)
        || !validators_if_range(&v, req->known[FIELD_IF_RANGE]))
        return HTTP_PASS;
    size = (uint64_t)resp->content_length;
    switch (ranges_parse(req->arena, field, size,
                         MIN(http_settings_for(req)->max_ranges, RANGES_MAX), &ranges)) {
    case RANGES_NONE:
        return HTTP_PASS;
    case RANGES_UNSATISFIABLE:
        HTTP_TRACE(req, NULL, "range: none of the parts lies in the %llu bytes",
                   (unsigned long long)size);
        return unsatisfiable(req, size);
    case RANGES_SOME:
        break;
    }
    HTTP_TRACE(req, NULL, "range: %s of the %llu bytes",
               ranges.count == 1 ? "a part" : "some parts", (unsigned long long)size);
    resp->status = HTTP_PARTIAL_CONTENT;
    resp->ready = NULL;
    resp->accept_ranges = false;
    return ranges.count == 1 ? single(req, &ranges.items[0], size)
                             : multiple(req, &ranges, size);
}

const struct http_module range_module = {
    .name = "range",
    .filter = range_filter,
    .main_only = true,
};
