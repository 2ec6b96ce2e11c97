/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls: the system calls that a process that serves clients can make, by libseccomp. Without that
 * library, or on a kernel without seccomp, all.
 */
#ifndef WEIR_PROC_CALLS_H
#define WEIR_PROC_CALLS_H

#include "event/loop.h"

#include <stdbool.h>

/* What is needed beyond what every worker does. */
struct calls_wanted {
    bool writes;                /* files and folders are made, renamed, removed */
    bool removes;               /* a Unix socket that it listens on, at its end */
    bool reloads;               /* by itself: sockets and logs are opened, names resolved; it still runs
                                   no program, starts no process and makes no code */
    bool unix_datagrams, inet_datagrams, inet6_datagrams;       /* to a syslog server, or to the
                                                                   service manager */
};

enum calls_mode {
    CALLS_REFUSED,              /* with EPERM, and noted (calls_listen) */
    CALLS_REPORTED              /* allowed, and noted in the kernel's log */
};

/* Whether calls_confine can do anything here. */
bool calls_can_be_confined(void);

/*
 * From here on this thread and those that it starts make no other calls, for good. In debug builds
 * one that does ends the process, so that a test finds it; unless it is one that plays a worker that
 * was taken over. False with errno.
 */
bool calls_confine(const struct calls_wanted *wanted, enum calls_mode mode);

/* Whether calls_confine has been called with success, and there was something to be done. */
bool calls_are_confined(void);

/*
 * The loop logs which calls were refused, each once, and counts how often. False with errno. To be
 * called once, before or after calls_confine.
 */
bool calls_listen(struct loop *loop);

#endif
