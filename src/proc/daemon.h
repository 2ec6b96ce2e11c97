/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon: leaves the terminal. The process that was started there waits until weir serves, and
 * ends with a status that tells.
 */
#ifndef WEIR_PROC_DAEMON_H
#define WEIR_PROC_DAEMON_H

#include "proc/runtime.h"

/*
 * Returns in a new process without a terminal, which must call daemon_ready; the old ones do not
 * return. rt says where the standard error goes to (see daemon_follow_log). False, told, when it
 * cannot.
 */
bool daemon_start(const struct runtime *rt);

/* Lets the one who waits at the terminal go, with success. Does nothing when nobody waits. */
void daemon_ready(void);

/* In a worker: it is not the one who can tell. */
void daemon_forget(void);

/*
 * In a process that left the terminal, what libraries and sanitizers say on standard error goes
 * to the first file of error_log. To be called again when that file was opened anew.
 */
void daemon_follow_log(const struct runtime *rt);

#endif
