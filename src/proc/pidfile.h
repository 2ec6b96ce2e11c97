/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pidfile: the number of the master, in a file, for those who want to send it a signal.
 */
#ifndef WEIR_PROC_PIDFILE_H
#define WEIR_PROC_PIDFILE_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Writes this process's number and a newline. False with errno; nothing of a file that it created
 * is left then.
 */
bool pidfile_write(const char *path);

/* Removes the file when it holds this process's number: a successor may have written its own. */
void pidfile_remove(const char *path);

enum pidfile_result { PIDFILE_OK, PIDFILE_UNREADABLE /* errno tells */, PIDFILE_MALFORMED };
enum pidfile_result pidfile_read(const char *path, pid_t *pid);

#endif
