/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * taken_over: a worker that somebody else has taken over, for tests. In debug builds alone: when
 * the environment that the server was started in has WEIR_TAKEN_OVER, the path of a Unix socket,
 * each worker connects there before its walls are up, and then makes the system calls that it is
 * told to, a line each ("open /etc/passwd r"), and answers each with the error's number, 0: none.
 */
#ifndef WEIR_PROC_TAKEN_OVER_H
#define WEIR_PROC_TAKEN_OVER_H

#include "event/loop.h"

void taken_over_begin(void);
void taken_over_listen(struct loop *loop);

#endif
