/* SPDX-License-Identifier: BSD-2-Clause */
/* empty_gif: a picture of one transparent pixel, from memory: "location = /_.gif { empty_gif; }" */
#include "http/engine.h"
#include "http/module.h"

struct empty_gif_conf {
    bool on;
};

/* GIF89a: a palette of black and white, of which the second colour is seen through. */
static const struct str pixel = STR_INIT(
    "GIF89a" "\x01\x00" "\x01\x00" "\x80\x01\x00"       /* 1 x 1, two colours */
    "\x00\x00\x00" "\xff\xff\xff"
    "\x21\xf9\x04" "\x01\x00\x00\x01" "\x00"            /* colour 1 is transparent */
    "\x2c" "\x00\x00\x00\x00" "\x01\x00\x01\x00" "\x00" /* the picture is the whole */
    "\x02\x02\x4c\x01\x00" "\x3b");

enum { PIXEL_MADE = 23349600 }; /* it never changes: 28 September 1970, as nginx has it */

static enum http_next
empty_gif_handle(struct http_request *req, const void *slot)
{
    (void)slot;
    if (req->method != METHOD_GET && req->method != METHOD_HEAD)
        return http_not_allowed(req, STR("GET, HEAD"));
    http_reply(req, HTTP_OK, STR("image/gif"), pixel);
    req->response.last_modified = PIXEL_MADE;
    return HTTP_DONE;
}

static bool
empty_gif_wanted(const void *slot)
{
    return ((const struct empty_gif_conf *)slot)->on;
}

static const struct directive empty_gif_directives[] = {
    { "empty_gif", .where = IN_LOCATION, .parse = parse_present,
      FIELD(struct empty_gif_conf, on) },
    { 0 }
};

const struct http_module empty_gif_module = {
    .name = "empty_gif",
    .directives = empty_gif_directives,
    .conf_size = sizeof(struct empty_gif_conf),
    .phase = PHASE_CONTENT,
    .own_level = true,
    .handle = empty_gif_handle,
    .wanted = empty_gif_wanted,
};
