/* SPDX-License-Identifier: BSD-2-Clause */
/* condition: what stands in the brackets of "if (…)". */
#ifndef WEIR_HTTP_CONDITION_H
#define WEIR_HTTP_CONDITION_H

#include "http/regex.h"
#include "http/variable.h"

enum condition_test {
    TEST_VALUE,                 /* $name: neither empty nor "0" */
    TEST_EQUAL,                 /* $name = text */
    TEST_MATCH,                 /* $name ~ expression */
    TEST_FILE,                  /* -f text */
    TEST_FOLDER,                /* -d text */
    TEST_EXISTS,                /* -e text */
    TEST_EXECUTABLE             /* -x text */
};

struct condition {
    enum condition_test test;
    bool is_negated;
    const struct http_variable *var;
    struct http_text text;
    const struct http_regex *regex;
};

/* The words behind the name of the node. False after conf_error. */
bool condition_compile(struct conf *conf, const struct conf_node *node,
                       struct condition *condition);

/* Whether it holds. MATCH_GIVEN_UP: see http_regex_match. */
enum http_match condition_check(struct http_request *req, const struct condition *condition);

#endif
