/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ask: a question to the master that runs with a configuration, which is found by its control
 * socket.
 */
#ifndef WEIR_PROC_ASK_H
#define WEIR_PROC_ASK_H

#include "proc/control_client.h"
#include "proc/options.h"

/*
 * Sends the command, and waits for the whole answer. ANSWER_NOBODY, too, when the configuration
 * says that the master takes no commands.
 */
enum control_answer ask_master(const struct options *options, struct str command,
                               uint64_t timeout_ms, struct arena *arena, struct str *text);

/* Where a master was found. Zero it. */
struct ask_place {
    char path[108];             /* as much as a Unix socket's may have */
};

/*
 * Begins to ask, see control_call_begin: at the place where the master was found before, and only
 * when nobody is there any more, where the configuration says. False with errno.
 */
bool ask_begin(const struct options *options, struct ask_place *place, struct str command,
               struct arena *arena, struct control_call *call);

/* Tells that no server runs with the configuration, and how another one is named. */
void ask_tell_no_server(const struct options *options);

/* Tells that nobody listens where the configuration says, and what can be done about it. */
void ask_complain(const struct options *options);

/*
 * Asks, and writes the answer to standard output; if there is none, or it is no good one, why not
 * to the standard error. The exit status of this process.
 */
int ask_and_print(const struct options *options, struct str command, uint64_t timeout_ms);

/*
 * Asks (timeout_ms 0: for the usual time). False when there is no answer, or it is no good one: the
 * standard error has the reason then.
 */
bool ask_well(const struct options *options, struct str command, uint64_t timeout_ms,
              struct arena *arena, struct str *text);

/* Writes all of an answer to a descriptor; false with errno. */
bool ask_show(int fd, struct str text);

#endif
