/* SPDX-License-Identifier: BSD-2-Clause */
/* serve_conf: the conf file that does what "weir serve" was asked to do. */
#ifndef WEIR_PROC_SERVE_CONF_H
#define WEIR_PROC_SERVE_CONF_H

#include "proc/serve.h"

/* A folder or a file. */
struct serve_item {
    struct str name;            /* its first part of the path, without "/" */
    struct str path;            /* absolute */
    bool is_folder;
};

/* What is served, and where, once it was looked at. */
struct serve_site {
    const struct serve *serve;
    VEC(struct serve_item) items;
    VEC(struct str) reads;      /* absolute: where links may lead, too */
    bool is_whole;              /* one folder, that is all of the site */
    struct str listen[2];       /* the second may be missing */
    struct str users;           /* the file of names and hashes; STR_NONE: everybody may */
    bool colour;                /* of the lines for each request */
};

/* STR_NONE when memory is short. */
struct str serve_conf(struct arena *arena, const struct serve_site *site);

/* `text` as a quoted word of a conf file, whatever bytes it holds. No variable is to begin in it. */
void write_quoted(struct writer *w, struct str text);

#endif
