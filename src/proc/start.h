/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * start: from the command line's wishes to a running server, or to a verdict about a configuration.
 */
#ifndef WEIR_PROC_START_H
#define WEIR_PROC_START_H

#include "proc/options.h"

/*
 * Reads the configuration, opens what it needs and runs until a signal ends it. `arguments`: the
 * command line, for the title. `announce`: a text for the terminal once the listeners are open;
 * NULL: none. The process's exit status.
 */
int start_server(const struct options *options, char *const *arguments, const char *announce);

/* How far a test goes, and what it says. */
struct test {
    bool bind;                  /* try the addresses as well */
    bool quiet;                 /* say nothing when all is well */
};

/* -t: reads, checks and says what came of it; touches nothing. The process's exit status. */
int start_test(const struct options *options, const struct test *test);

#endif
