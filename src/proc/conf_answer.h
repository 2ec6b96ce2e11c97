/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf_answer: "weir ctl conf": what the running server has loaded, and whether the files are still
 * the same.
 */
#ifndef WEIR_PROC_CONF_ANSWER_H
#define WEIR_PROC_CONF_ANSWER_H

#include "proc/control_server.h"
#include "proc/options.h"
#include "proc/runtime.h"

/* For a control command: the texts of the configuration, in the form of struct loaded. */
void conf_answer(struct control_client *client, struct str arguments, const struct runtime *rt);

/*
 * Asks the master, and writes its configuration to standard output as -T does, with a comment at
 * the end that compares it with the files as they are now. Why not, to the standard error. The exit
 * status of this process.
 */
int conf_show(const struct options *options, uint64_t timeout_ms);

#endif
