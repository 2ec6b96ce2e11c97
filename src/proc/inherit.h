/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inherit: listening sockets that are open already when the process starts.
 */
#ifndef WEIR_PROC_INHERIT_H
#define WEIR_PROC_INHERIT_H

#include "base/arena.h"
#include "base/list.h"

/*
 * The sockets that the environment names: a master that is to be replaced passes them as
 * WEIR_LISTEN="5;6;7;", a service manager as LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES
 * (sd_listen_fds(3)). A list of struct listener in the arena, each open, non-blocking and
 * close-on-exec; NULL: there are none. A number that is no listening socket is told; of the
 * service manager's such a descriptor is closed, others are left alone. One that is named twice is
 * taken once. The variables are removed from the environment.
 */
struct link *inherit_listeners(struct arena *arena);

#endif
