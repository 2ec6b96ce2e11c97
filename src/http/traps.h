/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * traps: what is good in form and mostly not what was meant. Each is a warning with its mend, and
 * stands in weir.conf(5), TRAPS. What is uncertain is not told: a warning that is wrong now and
 * then is read by nobody.
 */
#ifndef WEIR_HTTP_TRAPS_H
#define WEIR_HTTP_TRAPS_H

#include "conf/conf.h"

struct http;

/* After all of an http block was read without an error. False: memory is short. */
bool http_traps(struct conf *conf, const struct conf_node *node, const struct http *http);

/* ---- for the files of traps ---------------------------------------------------------------- */

/* What a level is asked for again and again. */
#define TRAP_NAMES(X)                                                                       \
    X(ADD_HEADER, "add_header") X(ADD_HEADER_INHERIT, "add_header_inherit")                 \
    X(ADD_TRAILER, "add_trailer") X(ADD_TRAILER_INHERIT, "add_trailer_inherit")             \
    X(ALIAS, "alias") X(AUTOINDEX_HIDDEN, "autoindex_hidden")                          \
    X(DAV_METHODS, "dav_methods") X(ERROR_PAGE, "error_page") X(GUNZIP, "gunzip")           \
    X(GZIP_STATIC, "gzip_static") X(LOCATION, "location")                                   \
    X(RETURN, "return") X(ROOT, "root") X(SERVE_HIDDEN, "serve_hidden")                     \
    X(TRY_FILES, "try_files")
enum trap_name {
#define TRAP_AS_ENUM(id, text) TRAP_##id,
    TRAP_NAMES(TRAP_AS_ENUM)
#undef TRAP_AS_ENUM
    TRAP_NAME_COUNT
};

/* A block of the conf file with those around it, and the first of each name in it. */
struct trap_level {
    const struct trap_level *outer;     /* NULL: it is http */
    const struct conf_node *node;
    const struct conf_node *first[TRAP_NAME_COUNT];     /* NULL: there is none */
    struct map *named;          /* a server's locations by their names with "@"; NULL: none */
    struct map *told;           /* of http: folders that are known to be missing, by their names */
};

/* What stands behind "location". */
enum trap_kind { KIND_PREFIX, KIND_FINAL, KIND_EXACT, KIND_REGEX, KIND_REGEX_ANY_CASE, KIND_NAMED };
struct trap_location {
    enum trap_kind kind;
    struct str name;            /* path, expression, or name with its "@" */
    const struct conf_word *word;
};
struct trap_location trap_location_of(const struct conf_node *node);

static inline bool
trap_is(const struct conf_node *node, const char *name)
{
    return str_eq(node->words[0].text, str_of(name));
}

/* Locations of a level that no path comes to. */
bool trap_unreachable(struct conf *conf, const struct trap_level *level);
/* A site that anybody may change. */
bool trap_dav(struct conf *conf, const struct trap_level *level);
/* Addresses that cannot be listened on together. */
void trap_listens(struct conf *conf, const struct http *http);

#endif
