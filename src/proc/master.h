/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * master: the process that holds the privileges, and serves nobody. It starts workers and
 * replaces them, and turns signals into what CONVENTIONS promise: reload, reopen, stop.
 */
#ifndef WEIR_PROC_MASTER_H
#define WEIR_PROC_MASTER_H

#include "proc/runtime.h"

/*
 * Runs weir with the configuration rt, that is open; takes rt over. `arguments`: the command
 * line, for the title. Returns the process's exit status when all workers are gone.
 */
int master_run(struct runtime *rt, char *const *arguments);

#endif
