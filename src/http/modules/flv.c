/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flv: films of Flash from a byte on: "/a.flv?start=2000" is the head of such a file, and the file
 * from its byte 2000.
 */
#include "http/module.h"
#include "http/path.h"
#include "http/seek.h"

struct flv_conf {
    bool on;
};

/* Version 1, sound and pictures, a head of 9 bytes; before the first tag there was none. */
static const struct str head = STR_INIT("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00");

/* 0: from the begin, as it is. */
static uint64_t
start_of(const struct http_request *req)
{
    struct str text = http_request_argument(req, STR("start"));
    uint64_t start;

    return str_is_set(text) && str_to_uint(text, INT64_MAX, &start) ? start : 0;
}

static enum http_next
flv_handle(struct http_request *req, const void *slot)
{
    uint64_t start = start_of(req);
    struct file *file;
    enum http_next next;

    (void)slot;
    if (start == 0)
        return HTTP_PASS;
    next = http_find_file(req, &file);
    if (next != HTTP_PASS || file == NULL)
        return next;
    if (start >= file->size) {
        HTTP_TRACE(req, NULL, "flv: the file has but %llu bytes: it is sent whole",
                   (unsigned long long)file->size);
        return HTTP_PASS;
    }
    HTTP_TRACE(req, NULL, "flv: from byte %llu on", (unsigned long long)start);
    return http_seek_answer(req, file, head, start, file->size - start);
}

static bool
flv_wanted(const void *slot)
{
    return ((const struct flv_conf *)slot)->on;
}

static const struct directive flv_directives[] = {
    { "flv", .where = IN_LOCATION, .parse = parse_present, FIELD(struct flv_conf, on) },
    { 0 }
};

const struct http_module flv_module = {
    .name = "flv",
    .directives = flv_directives,
    .conf_size = sizeof(struct flv_conf),
    .phase = PHASE_CONTENT,
    .own_level = true,
    .handle = flv_handle,
    .wanted = flv_wanted,
};
