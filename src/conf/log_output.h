/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_output: the error_log directive, that stands at main level as well as in http, server and
 * location.
 */
#ifndef WEIR_CONF_LOG_OUTPUT_H
#define WEIR_CONF_LOG_OUTPUT_H

#include "base/log.h"
#include "conf/conf.h"

/*
 * "error_log FILE|stderr [LEVEL];": appends an output to the list at `field` (struct log_output *).
 * The file is registered in `files`, not opened. False after an error.
 */
bool parse_log_output(struct conf *conf, const struct conf_node *node, struct log_files *files,
                      void *field);

#endif
