/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top: weir top, what the server does as it does it. The master is asked once an interval; a master
 * that is away is asked again until it is back.
 */
#ifndef WEIR_PROC_TOP_H
#define WEIR_PROC_TOP_H

#include "proc/options.h"

enum {
    TOP_INTERVAL_MS = 1000,     /* if nothing is said */
    TOP_INTERVAL_LEAST_MS = 100,
    TOP_INTERVAL_MOST_MS = 3600 * 1000
};

struct top_options {
    bool once;                  /* one picture, as text, of one interval */
    bool no_colour;
    uint64_t interval_ms;
};

/* Until "q" or a signal. The process's exit status. */
int top_run(const struct options *options, const struct top_options *want);

#endif
