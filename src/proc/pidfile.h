/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pidfile: the number of the master, in a file, for those who want to send it a signal.
 */
#ifndef WEIR_PROC_PIDFILE_H
#define WEIR_PROC_PIDFILE_H

#include "base/log_open.h"
#include <stdbool.h>
#include <sys/types.h>

/*
 * Writes this process's number and a newline, in the place of what the file holds. As root it goes
 * no way that others may have laid, as with a log (base/log_open.h). False, *why says why: nothing
 * of a file that it created is left then.
 */
bool pidfile_write(const char *path, struct log_refusal *why);

/*
 * Removes the file when it holds this process's number: a successor may have written its own. One that
 * may not be read (any more) is removed when this process wrote it, and nobody since.
 */
void pidfile_remove(const char *path);

enum pidfile_result { PIDFILE_OK, PIDFILE_UNREADABLE /* errno tells */, PIDFILE_MALFORMED };
enum pidfile_result pidfile_read(const char *path, pid_t *pid);

#endif
