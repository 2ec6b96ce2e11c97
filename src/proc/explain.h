/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain: "weir explain URL", which server, which location and which file would answer a request,
 * and why. The configuration is read as by -t, and one request goes its way through it; nothing is
 * bound, written or signalled, so it may be asked beside a running server.
 */
#ifndef WEIR_PROC_EXPLAIN_H
#define WEIR_PROC_EXPLAIN_H

#include "proc/options.h"
#include <stdbool.h>

enum { EXPLAIN_FIELDS_MAX = 64 };

/* As given. */
struct explain {
    const char *url;            /* "http://www.example.com/a?b" or "/a?b" */
    const char *method;         /* NULL: GET */
    const char *from, *to;      /* addresses of client and server; NULL: as the URL tells */
    const char *fields[EXPLAIN_FIELDS_MAX];     /* "Name: value" */
    unsigned fields_len;
    bool json;
    bool no_colour;
};

/* The process's exit status: 0 when there is an answer, whatever it says. */
int explain_run(const struct options *options, const struct explain *explain);

#endif
