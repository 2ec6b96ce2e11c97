/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify: tells a service manager how it goes: datagrams of lines NAME=value to the socket that
 * the environment variable NOTIFY_SOCKET names, the protocol of sd_notify(3). Nothing blocks, and
 * what cannot be sent is lost without harm. Does nothing when nobody wants to know.
 */
#ifndef WEIR_PROC_NOTIFY_H
#define WEIR_PROC_NOTIFY_H

#include "base/str.h"
#include "event/loop.h"
#include <sys/types.h>

/* Reads the environment. Once, in the process that goes on, before it tells anything. */
void notify_init(void);

/* READY=1, as a start or a reload ends, whatever came of it: status says that in a line. */
void notify_ready(struct str status);

/* RELOADING=1 with the time on the monotonic clock. */
void notify_reloading(void);

/* STOPPING=1. */
void notify_stopping(void);

/* MAINPID=: another process takes this one's place. */
void notify_main_pid(pid_t pid);

/* Gives the manager signs of life from this loop, if it wants any: WATCHDOG=1. */
void notify_watchdog(struct loop *loop);

/* Whether somebody wants to know, and whether at an abstract socket. After notify_init. */
bool notify_is_wanted(void);
bool notify_is_abstract(void);

/* ---- for tests ----------------------------------------------------------------------------- */

/*
 * Milliseconds between two signs of life, 0: none; what the texts of WATCHDOG_USEC and
 * WATCHDOG_PID (NULL: not there) ask of process `pid`.
 */
uint64_t watchdog_interval_ms(const char *usec, const char *asked_pid, pid_t pid);

/* A status fits into one line and into `size` bytes. Returns what was written to `line`. */
struct str status_line(char *line, size_t size, struct str status);

#endif
