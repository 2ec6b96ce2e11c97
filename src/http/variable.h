/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * variable: $names in the conf file, and texts that hold them.
 *
 * A text is compiled once, when the conf file is read; at run time it is put together from its
 * pieces.
 *
 * A name stands once in a configuration, as an entry that all pieces point to. The entries are
 * bound when the whole of http { } was read, so that a map may stand behind what uses it. What the
 * conf file itself defines (set, map, captures) goes before what the tables have, and has a slot in
 * the request for its value.
 */
#ifndef WEIR_HTTP_VARIABLE_H
#define WEIR_HTTP_VARIABLE_H

#include "conf/conf.h"

struct http;
struct http_request;

struct http_variable {
    const char *name;           /* without "$"; in a table, one that ends with "_" stands for all
                                   names that begin so (arg_, http_) */
    /*
     * STR_NONE: has no value now. data: of the table; rest: what follows a prefix name, lower case.
     * The value lives as long as the request. Not to be called but through http_variable_value.
     */
    struct str (*get)(struct http_request *req, const void *data, struct str rest);
    const void *data;
    /* What "set" does with one that is in a table; NULL: it cannot be set. */
    void (*set)(struct http_request *req, struct str value);
    struct str rest;
    uint32_t slot;              /* from 1: of its value in the request; 0: it is asked each time */
    bool is_volatile;           /* with a slot: asked each time all the same, unless it was set */
};

/* The value that a slot holds. */
struct http_value {
    struct str text;
    bool is_known;
    bool is_asked;              /* it is being put together: asked once more, it is a cycle */
};

/* One piece: literal bytes, or a variable when var is set. */
struct http_piece {
    struct str literal;
    const struct http_variable *var;
};

/* All zero: an empty text. */
struct http_text {
    struct http_piece *pieces;
    uint32_t len;
    struct str source;          /* as written */
};

/*
 * Compiles `source` ("$name", "${name}", "$1"). False after conf_error at `word`: a "$" with no name
 * behind it, memory. `source` must live as long as the text. A name that nobody knows is told of
 * at the end of http { }, at `word`. word may be NULL for a text of our own.
 */
bool http_text_compile(struct conf *conf, const struct conf_word *word, struct str source,
                       struct http_text *text);

/*
 * The same, where the first `before` bytes of source are literal whatever they hold (a folder put
 * in front).
 */
bool http_text_compile_after(struct conf *conf, const struct conf_word *word, size_t before,
                             struct str source, struct http_text *text);

/* The same for a word, of which it takes a copy. */
bool http_text_of_word(struct conf *conf, const struct conf_word *word, struct http_text *text);
/* The same for its first `len` bytes. */
bool http_text_of_front(struct conf *conf, const struct conf_word *word, size_t len,
                        struct http_text *text);

/* Whether it has no variable: then it is http_text_eval's result, `source`, for every request. */
bool http_text_is_literal(const struct http_text *text);

/* The value for this request, in its arena; STR_NONE when memory is short. */
struct str http_text_eval(struct http_request *req, const struct http_text *text);

/* Whether a value means yes, as in "if=": it is neither empty nor "0". */
static inline bool
http_value_is_true(struct str value)
{
    return value.len > 0 && !(value.len == 1 && value.p[0] == '0');
}

/*
 * The entry of a name that a directive uses outside a text ("if ($name)"); `name` without "$". NULL
 * when memory is short. Not bound before the end of http { }: only its name may be looked at.
 */
struct http_variable *http_variable_use(struct conf *conf, const struct conf_word *word,
                                        struct str name);

/*
 * Defines what a word like "$name" names: get is called once a request (is_volatile: each time) when
 * the variable has no value, with data. Several may set one variable (set, captures, map: the last
 * get that is not NULL counts). NULL after conf_error: the word is no variable, or one of the tables
 * that cannot be changed.
 */
struct http_variable *http_variable_define(struct conf *conf, const struct conf_word *word,
                                           struct str (*get)(struct http_request *req,
                                                             const void *data, struct str rest),
                                           const void *data, bool is_volatile);
/* The same for a name without "$" (a capture); it has no get of its own. */
struct http_variable *http_variable_define_name(struct conf *conf, const struct conf_word *word,
                                                struct str name);

/* Gives a variable that was defined a value; the text lives as long as the request. */
void http_variable_set(struct http_request *req, const struct http_variable *var, struct str value);

/* See http_variable_value: the value of a variable that has a slot. */
struct str http_variable_slot_value(struct http_request *req, const struct http_variable *var);

/* The value now; STR_NONE: it has none. */
static inline struct str
http_variable_value(struct http_request *req, const struct http_variable *var)
{
    if (var->slot != 0)
        return http_variable_slot_value(req, var);
    return var->get(req, var->data, var->rest);
}

/*
 * The value of the variable of that name (without "$"), which somebody has brought after the conf
 * file was read; STR_NONE: it has none, or there is no such variable.
 */
struct str http_variable_named(struct http_request *req, struct str name);

/* Binds all entries of an http { }; unknown names are errors. */
bool http_variables_bind(struct conf *conf, struct http *http);

/*
 * The variable of a table that a name means; *rest for prefix names, lower case (of name itself, or
 * in the arena). NULL: unknown.
 */
const struct http_variable *http_variable_find(struct arena *arena, struct str name,
                                               struct str *rest);

#endif
