/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signals: their names, and the line in the log that says what one of them sets off.
 */
#ifndef WEIR_PROC_SIGNALS_H
#define WEIR_PROC_SIGNALS_H

#include "event/loop.h"

/* Those that the master and the workers listen to, SIGCHLD included. */
void signals_set(sigset_t *set);

/* "SIGHUP"; "?" for one that we do not listen to. */
const char *signal_name(int number);

/*
 * At notice: "signal 1 (SIGHUP) received from 4711, reconfiguring". effect "": nothing comes of
 * it.
 */
void signal_log(const struct loop_signal *signal, const char *effect);

#endif
