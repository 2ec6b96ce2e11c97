/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_format: what a line of an access log looks like.
 */
#ifndef WEIR_HTTP_LOG_FORMAT_H
#define WEIR_HTTP_LOG_FORMAT_H

#include "http/variable.h"

enum log_escape { ESCAPE_DEFAULT, ESCAPE_JSON, ESCAPE_NONE };

struct log_format {
    struct str name;
    enum log_escape escape;
    bool is_own;                /* one that needs no log_format */
    struct http_text text;
};

/*
 * "NAME [escape=default|json|none] TEXT …" of a log_format directive. False after an error.
 */
bool log_format_read(struct conf *conf, const struct conf_node *node, struct log_format *format);

/* combined or json. False when no format of our own is called so, or after an error. */
bool log_format_make_own(struct conf *conf, struct str name, struct log_format *format);

/* The line with its newline. */
void log_format_write(struct writer *w, struct http_request *req, const struct log_format *format);

#endif
