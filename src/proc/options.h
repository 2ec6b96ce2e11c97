/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options: what the command line asks for. Its texts stay as long as the process, for each reload
 * reads them again.
 */
#ifndef WEIR_PROC_OPTIONS_H
#define WEIR_PROC_OPTIONS_H

#include "base/list.h"
#include "base/str.h"

struct options {
    struct str prefix;          /* absolute, ends with "/" */
    struct str conf_path;       /* absolute; not set: no file is read */
    struct str directives;      /* -g; not set: none */
    struct str error_log;       /* -e: absolute, or "stderr"; not set: the compiled-in one */
    bool no_pid_file;
    bool fixed;                 /* "weir serve": nothing is read anew, so there is no reload */
    /*
     * Of struct listener: addresses that are open already when weir starts. Those that the
     * configuration wants are taken over (and their fd is -1 then). NULL: none.
     */
    struct link *inherited;
    void (*ended)(void);        /* of a server without a master: it has served; NULL: nobody asks */
    bool no_warnings;           /* of a configuration that is good nothing is told */
    bool test;                  /* -t: it is looked at, and not served */
    bool dump;                  /* -T: write the configuration to standard output once it is good */
};

#endif
