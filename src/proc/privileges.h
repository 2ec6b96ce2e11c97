/* SPDX-License-Identifier: BSD-2-Clause */
/* privileges: what a process that serves clients gives up for good, before the first of them. */
#ifndef WEIR_PROC_PRIVILEGES_H
#define WEIR_PROC_PRIVILEGES_H

#include "proc/settings.h"

/*
 * From here on the process is that user, if it may change (root, and the user was resolved), has no
 * capability and can get none back, neither by running a program nor by any other call. A process
 * that goes on as root keeps those by which root reads and writes files, and no other: with them
 * "user root" serves what it is expected to. False, told.
 */
bool privileges_drop(const struct worker_user *user);

#endif
