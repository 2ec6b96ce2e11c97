/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve: "weir serve", folders and files on the web without a conf file. It writes a configuration
 * and starts the usual server with it, so what it does a conf file can do: --print-conf shows it.
 */
#ifndef WEIR_PROC_SERVE_H
#define WEIR_PROC_SERVE_H

#include "base/vec.h"
#include "base/writer.h"

/* What the command line asks for. Texts are as given, and stay as long as the process. */
struct serve {
    VEC(const char *) things;   /* PATH or NAME=PATH; none: the current folder */
    const char *listen;         /* as for "listen"; NULL: by port and is_public */
    unsigned port;              /* 0: the first free one from 8080 */
    bool is_public;             /* not this machine alone */
    const char *spa;            /* the page that stands in for what is missing; NULL: none */
    const char *cors;           /* the origin that may read: "*", or one; NULL: none */
    VEC(const char *) headers;  /* "NAME: VALUE" */
    VEC(const char *) hosts;    /* names that it answers to, beside those of the machine; "*": to all */
    const char *cache;          /* a time, or "off": nothing is kept; NULL: each use is checked */
    const char *not_found;      /* the page for 404; NULL: weir's */
    char *auth;                 /* USER:PASSWORD, wiped once it is hashed, or @FILE; NULL: none */
    VEC(const char *) reads;    /* where links may lead beside what is served */
    const char *sandbox;        /* "on", "off" or "report"; NULL: on */
    bool no_compression, no_listing, hidden;
    bool quiet, no_colour;
    bool print_conf;            /* it is shown, and not served */
    bool help;
    char *const *arguments;     /* the command line, for the title */
};

/*
 * Reads what stands behind "serve". The arena keeps the lists. False, told, when it cannot be
 * understood.
 */
bool serve_read(struct arena *arena, char **arguments, struct serve *serve);

/* Whether it can be the name of a host: letters, digits, "-", "." and "_" (RFC 1123 2.1). */
bool serve_is_name(struct str name);

/* Writes the options with what they do. */
void write_serve_help(struct writer *w);

/* Runs until a signal ends it. The process's exit status. */
int serve_run(const struct serve *serve);

#endif
