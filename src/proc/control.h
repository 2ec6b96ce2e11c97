/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control: weir -s, a word to the master that runs already.
 */
#ifndef WEIR_PROC_CONTROL_H
#define WEIR_PROC_CONTROL_H

#include "proc/options.h"

/* Whether the word is one of stop, quit, reopen, reload. */
bool control_knows(struct str word);

/*
 * Finds the master through the pid file that the configuration names and sends it the word's
 * signal. After stop and quit it waits until the process is gone, for a bounded time. The exit
 * status of this process.
 */
int control_send(const struct options *options, struct str name);

#endif
