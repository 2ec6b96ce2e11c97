/* SPDX-License-Identifier: BSD-2-Clause */
/* privileges: what a process that serves clients gives up for good, before the first of them. */
#ifndef WEIR_PROC_PRIVILEGES_H
#define WEIR_PROC_PRIVILEGES_H

#include "proc/settings.h"

/* What is left to whom, as far as it was there before. */
enum privileges {
    PRIVILEGES_WRITE,           /* root reads and writes files whoever owns them: "user root" serves
                                   what it is expected to */
    PRIVILEGES_READ,            /* root reads them */
    PRIVILEGES_ALONE            /* as WRITE, and root gives files away; whoever may, root or not,
                                   binds ports below 1024: what a reload takes without a master */
};

/*
 * From here on the process is that user, if it may change (root, and the user was resolved; NULL: it
 * stays who it is), has no capability but those of `left`, and can get none back, neither by running
 * a program nor by any other call. False, told.
 */
bool privileges_drop(const struct worker_user *user, enum privileges left);

#endif
