/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_output: where logs go, as the conf file says it; and the error_log directive, that stands at
 * main level as well as in http, server and location.
 */
#ifndef WEIR_CONF_LOG_OUTPUT_H
#define WEIR_CONF_LOG_OUTPUT_H

#include "base/log.h"
#include "conf/conf.h"

/*
 * "error_log FILE|stderr|syslog:…|memory:SIZE [LEVEL] [json] [rotate=…] [keep=…];": appends an output to the list at
 * `field` (struct log_output *). The file is registered in `files`, not opened. False after an
 * error.
 */
bool parse_log_output(struct conf *conf, const struct conf_node *node, struct log_files *files,
                      void *field);

/*
 * What a word names: a file (relative to the prefix), "stderr", or "syslog:…" (conf/syslog.h).
 * Registered in `files`. NULL after an error.
 */
struct log_file *log_target(struct conf *conf, const struct conf_word *word,
                            struct log_files *files);

/* What an error log of these outputs wants. */
struct log log_of_outputs(struct log_output *outputs);

#endif
