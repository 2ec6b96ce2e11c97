/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control: weir -s, a word to the master that runs already.
 */
#ifndef WEIR_PROC_CONTROL_H
#define WEIR_PROC_CONTROL_H

#include "proc/options.h"

/* Whether the word is one of stop, quit, reopen, reload, upgrade. */
bool control_knows(struct str word);

/* How long to wait for what comes of it. */
struct control_patience {
    bool none;                  /* do not wait */
    uint64_t timeout_ms;        /* 0: as long as the word usually takes */
};

/*
 * reload: asks the master over its control socket and waits for the verdict; what the master has
 * to say about it is written to the terminal. When nobody listens there, as the others: finds the
 * master through the pid file that the configuration names and sends it the word's signal. After
 * stop and quit it waits until the process is gone, for a bounded time. upgrade: reads the
 * configuration, then asks the master to let the program that lies in its place now take over;
 * without the socket that fails. The exit status of this process.
 */
int control_send(const struct options *options, struct str name,
                 const struct control_patience *patience);

#endif
