/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vary: "gzip_vary on;" says of answers that clients with other encodings get another one ("Vary:
 * Accept-Encoding"), so that caches keep them apart.
 */
#include "http/accept.h"
#include "http/encoding.h"
#include "http/module.h"

struct vary_conf {
    bool on;
};

static const struct str vary = STR_INIT("Vary");
static const struct str accept_encoding = STR_INIT("Accept-Encoding");

static bool
vary_wanted(const void *slot)
{
    return ((const struct vary_conf *)slot)->on;
}

/* Whether the list says so already: "*" is any field. */
static bool
says_so(struct str list)
{
    while (list.len > 0) {
        struct str name = accept_cut(&list, ',');

        if (str_ieq(name, accept_encoding) || str_eq(name, STR("*")))
            return true;
    }
    return false;
}

/*
 * What the fields of that name say already, as one list; "": there is none. *done: this too is
 * among it.
 */
static struct str
gather(struct http_request *req, bool *done)
{
    const struct http_response *resp = &req->response;
    struct str all = STR("");

    *done = false;
    for (uint32_t i = 0; i < resp->fields_len; i++) {
        struct str value = resp->fields[i].value;

        if (!str_ieq(resp->fields[i].name, vary))
            continue;
        *done |= says_so(value);
        all = all.len == 0 ? value
                           : arena_fmt(req->arena, "%.*s, %.*s", STR_ARG(all), STR_ARG(value));
    }
    return all;
}

static enum http_next
vary_filter(struct http_request *req, const void *slot)
{
    static struct http_field field = { STR_INIT("Vary"), STR_INIT("Accept-Encoding") };
    static const struct http_block block = {
        &field, 1, STR_INIT("Vary: Accept-Encoding\r\n")
    };
    struct str others;
    bool done;

    (void)slot;
    if (!req->varies_by_encoding)
        return HTTP_PASS;
    others = gather(req, &done);
    if (done)
        return HTTP_PASS;
    if (LIKELY(others.len == 0)) {
        if (!http_response_add_block(req, &block))
            return http_fail(req, HTTP_INTERNAL_ERROR);
        return HTTP_PASS;
    }
    others = arena_fmt(req->arena, "%.*s, Accept-Encoding", STR_ARG(others));
    if (!str_is_set(others) || !http_response_set(req, vary, others))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    return HTTP_PASS;
}

static const struct directive vary_directives[] = {
    { "gzip_vary", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_flag,
      FIELD(struct vary_conf, on), .initial = "off" },
    { 0 }
};

const struct http_module vary_module = {
    .name = "vary",
    .directives = vary_directives,
    .conf_size = sizeof(struct vary_conf),
    .wanted = vary_wanted,
    .filter = vary_filter,
    .main_only = true,
};
