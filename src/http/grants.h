/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grants: which files the workers of a configuration open themselves. Collected while the conf file
 * is read, by each place and module for what it wants; the rooms above make walls of it.
 */
#ifndef WEIR_HTTP_GRANTS_H
#define WEIR_HTTP_GRANTS_H

#include "http/http.h"
#include "http/variable.h"

/*
 * Adds what a path with variables may lead to: the folder that the conf file alone chooses, which
 * is "/" where a variable comes first. False: memory is short, and that was noted.
 */
bool http_grant_text(struct conf *conf, const struct http_text *text, enum http_access access);
/* The same for an absolute path without any. */
bool http_grant(struct conf *conf, struct str path, enum http_access access);

/*
 * For the parse function of a path: with -t it warns when the workers get all files by it, as a
 * variable comes first.
 */
void http_grant_check(struct conf *conf, const struct conf_word *word,
                      const struct http_text *text);

/* The folder that the variables of a path cannot leave, with a "/" at its end. In `text`. */
struct str http_fixed_folder(const struct http_text *text);

/* Whose walls they are: what is said of a refusal depends on it. Workers' if nothing is said. */
enum http_walls {
    HTTP_WALLS_WORKER,          /* a reload makes others */
    HTTP_WALLS_ALONE,           /* of a process without a master: they stay until it ends */
    HTTP_WALLS_SERVE            /* "weir serve": the same, and there is no conf file */
};
void http_walls_are(enum http_walls walls);

/*
 * An open() of this path failed with `err`: when it was the walls that refused it, that is logged
 * with the mend and counted, and the result is true. access: what was wanted.
 */
bool http_walls_refused(const struct log_context *log, const char *path, enum http_access access,
                        int err);

#endif
