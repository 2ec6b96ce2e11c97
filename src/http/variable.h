/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * variable: $names in the conf file, and texts that hold them.
 *
 * A text is compiled once, when the conf file is read; at run time it is put together from its
 * pieces.
 */
#ifndef WEIR_HTTP_VARIABLE_H
#define WEIR_HTTP_VARIABLE_H

#include "conf/conf.h"

struct http_request;

struct http_variable {
    const char *name;           /* without "$"; one that ends with "_" stands for all names that
                                   begin so (arg_, http_) */
    /*
     * STR_NONE: has no value now. data: of the table; rest: what follows a prefix name, lower case.
     * The value lives as long as the request.
     */
    struct str (*get)(struct http_request *req, const void *data, struct str rest);
    const void *data;
};

/* One piece: literal bytes, or a variable when var is set. */
struct http_piece {
    struct str literal;
    const struct http_variable *var;
    struct str rest;
};

/* All zero: an empty text. */
struct http_text {
    struct http_piece *pieces;
    uint32_t len;
    struct str source;          /* as written */
};

/*
 * Compiles `source` ("$name", "${name}"). False after conf_error at `word`: unknown variable, a "$"
 * with no name behind it, memory. `source` must live as long as the text.
 */
bool http_text_compile(struct conf *conf, const struct conf_word *word, struct str source,
                       struct http_text *text);

/*
 * The same, where the first `before` bytes of source are literal whatever they hold (a folder put
 * in front).
 */
bool http_text_compile_after(struct conf *conf, const struct conf_word *word, size_t before,
                             struct str source, struct http_text *text);

/* Whether it has no variable: then it is http_text_eval's result, `source`, for every request. */
bool http_text_is_literal(const struct http_text *text);

/* The value for this request, in its arena; STR_NONE when memory is short. */
struct str http_text_eval(struct http_request *req, const struct http_text *text);

/*
 * The variable of that name, among all modules'; *rest for prefix names (in the conf's arena).
 * NULL: unknown.
 */
const struct http_variable *http_variable_find(struct arena *arena, struct str name,
                                               struct str *rest);

#endif
