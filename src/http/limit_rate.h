/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limit_rate: sizes of limit_rate and limit_rate_after, that may hold variables.
 */
#ifndef WEIR_HTTP_LIMIT_RATE_H
#define WEIR_HTTP_LIMIT_RATE_H

#include "http/variable.h"

/* All zero: 0. */
struct size_text {
    struct http_text text;      /* .len 0: bytes is good for every request */
    uint64_t bytes;
};

/* For tables; the field is a struct size_text. */
bool parse_size_text(struct conf *conf, const struct conf_node *node, void *field);

/* Whether it is 0 for every request. */
static inline bool
size_text_is_zero(const struct size_text *size)
{
    return size->bytes == 0 && size->text.len == 0;
}

/*
 * Bytes; 0 for an empty value, for one that is no size (which is logged), and for one that asks for
 * itself.
 */
uint64_t size_text_eval(struct http_request *req, const struct size_text *size);

#endif
