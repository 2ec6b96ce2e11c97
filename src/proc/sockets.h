/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockets: the listening sockets of a configuration, and how they pass to the next one without a
 * client in a backlog being lost. See HACKING.md, "Listening sockets over reloads".
 *
 * A socket that two configurations share is the same descriptor in both. What the configuration
 * lists is shard 0 of its address; further shards, and sockets of other addresses that a listener
 * for all addresses took along, are clones of it in the same list.
 */
#ifndef WEIR_PROC_SOCKETS_H
#define WEIR_PROC_SOCKETS_H

#include "proc/runtime.h"

/*
 * Opens what rt lists. Sockets that `old` (NULL: at start, then those that the process inherited)
 * has open are taken over: those at the same address, and those of single addresses that rt covers
 * by listening on all. `how` says how often a busy address is tried. False, told; sockets_give_back
 * or sockets_close is then due.
 */
bool sockets_open(struct runtime *rt, struct runtime *old, enum runtime_opening how);

/*
 * The reload of old to rt has succeeded: what both share has rt's options from now on, and each
 * socket of old knows its fate.
 */
void sockets_commit(struct runtime *rt, struct runtime *old);
/*
 * It has failed: what old has open is as it was, and each socket of rt knows its fate. What is rt's
 * alone is still to be closed.
 */
void sockets_give_back(struct runtime *rt, struct runtime *old);
/* What both have is to's alone from now on: it is no longer from's to close. */
void sockets_keep(struct runtime *to, struct runtime *from);

/*
 * In the master after sockets_commit: what fades is rt's to hold for a moment, so that a further
 * reload may take it over again.
 */
void sockets_hold(struct runtime *rt, struct runtime *old);
/* Closes what was held long enough. When the next is due (monotonic ms), or 0: nothing is held. */
uint64_t sockets_release_held(struct runtime *rt);

/* The server is to end: all its sockets go. */
void sockets_all_go(struct runtime *rt);
/*
 * The fates of all sockets as a text for a worker, which has the same list; and back: false when
 * it does not fit the list, and nothing is changed.
 */
void write_fates(struct writer *w, const struct runtime *rt);
bool sockets_read_fates(struct runtime *rt, struct str text);

/*
 * In worker `number` of rt's: closes the shards that belong to other workers, and all that the
 * master holds.
 */
void sockets_take_part(struct runtime *rt, unsigned number);

/* Closes one; the last owner removes the file of a Unix socket. */
void sockets_close_one(struct runtime *rt, struct listener *listener);
/* Closes all that are still open. */
void sockets_close(struct runtime *rt);

#endif
