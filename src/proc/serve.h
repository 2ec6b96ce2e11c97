/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve: "weir serve DIR", a folder on the web without a conf file. It writes a configuration and
 * starts the usual server with it.
 */
#ifndef WEIR_PROC_SERVE_H
#define WEIR_PROC_SERVE_H

#include "base/writer.h"

struct serve {
    const char *folder;         /* as given; relative to where we are */
    const char *listen;         /* as for "listen"; NULL: a free port, this machine alone */
    char *const *arguments;     /* the command line, for the title */
    struct str mime_types;      /* a file to take the types from, if it can be read */
};

/* Runs until a signal ends it. The process's exit status. */
int serve_run(const struct serve *serve);

/* `path` as a quoted word of a conf file, whatever bytes it holds. */
void write_quoted(struct writer *w, struct str path);

#endif
