/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tell: who hears what goes wrong with the process as a whole.
 *
 * While weir starts somebody waits at the terminal: a failure goes there as well as to the error
 * log. Once it serves, only to the log.
 */
#ifndef WEIR_PROC_TELL_H
#define WEIR_PROC_TELL_H

#include "base/log.h"
#include "conf/conf.h"

/* A line at the terminal while weir starts, and in the error log as soon as there is one. */
void tell(enum log_level level, int err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* All that a run over the configuration noted, likewise. */
void tell_conf(const struct conf *conf);

/*
 * From now on `w` gets a copy of what is told, warnings and worse, as it would stand at the
 * terminal: for whoever asked from elsewhere. NULL: nobody does (any more).
 */
void tell_copy(struct writer *w);

/*
 * Lines that another process would have told: for whoever tell_copy serves, and nobody else. What
 * cannot be seen is replaced.
 */
void tell_passed_on(struct str lines);

/* From now on `log` is the log of the process; NULL: there is none (any more). */
void tell_log(const struct log *log);

/* The start is over: the terminal is left alone from now on. */
void tell_started(void);

#endif
