/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor: "weir doctor", what operators forget. The configuration is read as by -t, then the
 * machine around it is looked at: limits, addresses, files as the workers see them, logs, clock.
 * Nothing is written and nothing is signalled, so it may be asked beside a running server;
 * addresses that no running server of this configuration has are bound for a moment, and never
 * listened on.
 */
#ifndef WEIR_PROC_DOCTOR_H
#define WEIR_PROC_DOCTOR_H

#include "proc/options.h"
#include <stdbool.h>

/* As given. */
struct doctor_options {
    bool json;
    bool quiet;                 /* -q: warnings and errors alone */
    bool no_colour;
};

/* There are warnings, and no errors. */
enum { DOCTOR_EXIT_WARNINGS = 3 };

/*
 * The process's exit status: 0, nothing is wrong; 1, there are errors, in the configuration or
 * around it, or nothing could be said; DOCTOR_EXIT_WARNINGS.
 */
int doctor_run(const struct options *options, const struct doctor_options *doctor);

#endif
