/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * regex: regular expressions of the conf file, by PCRE2, and what their groups captured.
 *
 * They are compiled at load, with PCRE2's JIT where it has one. A match is bounded: an expression
 * that goes astray ("(a+)+$") costs its request, not the worker.
 */
#ifndef WEIR_HTTP_REGEX_H
#define WEIR_HTTP_REGEX_H

#include "conf/conf.h"
#include "http/request.h"

struct http_regex;

enum http_match {
    MATCH_NONE,
    MATCH_FOUND,
    MATCH_GIVEN_UP              /* regex_match_limit was reached, or memory: it was logged, and the
                                   request's answer will be 500 */
};

/*
 * Compiles the pattern, which stands in word. Named groups become variables. It lives as long as
 * the configuration. NULL after conf_error.
 */
struct http_regex *http_regex_compile(struct conf *conf, const struct conf_word *word,
                                      struct str pattern, bool ignore_case);

/*
 * Whether subject matches. When it does, and the expression has groups, $1 … and the variables of
 * its named groups are set; subject must then live as long as the request.
 */
enum http_match http_regex_match(struct http_request *req, const struct http_regex *regex,
                                 struct str subject);

/* The same for a question in passing: what the groups captured is not kept. */
enum http_match http_regex_test(struct http_request *req, const struct http_regex *regex,
                                struct str subject);

/*
 * Is told what a group holds: its number; its name, STR_NONE for none; and the value, STR_NONE when
 * neither it nor one behind it was part of the match.
 */
typedef void http_group(void *ctx, uint32_t number, struct str name, struct str value);

/*
 * The same for an expression that was brought after the conf file was read: it is compiled, matched
 * this once within the same limit, and forgotten. Each group of a match is told, the whole as group
 * 0; the request's own captures stay. MATCH_GIVEN_UP, too, when the pattern is malformed, which is
 * logged; the answer stays as it is.
 */
enum http_match http_regex_once(struct http_request *req, struct str pattern, struct str subject,
                                http_group *group, void *ctx);

/* What the group of that number holds since the last match; STR_NONE: there is none. */
struct str http_capture(const struct http_request *req, uint32_t number);

/* As it was written. */
struct str http_regex_source(const struct http_regex *regex);

#endif
