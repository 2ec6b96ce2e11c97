/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * single: weir as one process, without a master (master_process off): for "weir serve",
 * development and containers.
 */
#ifndef WEIR_PROC_SINGLE_H
#define WEIR_PROC_SINGLE_H

#include "proc/runtime.h"

/* Serves rt, that is open, until a signal ends it. Takes rt over. The process's exit status. */
int single_run(struct runtime *rt);

#endif
