/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walls: what a process that serves clients can reach of the system, once it has begun: the files
 * that its configuration serves, and nothing else. (Who it is: privileges.h.)
 */
#ifndef WEIR_PROC_WALLS_H
#define WEIR_PROC_WALLS_H

#include "proc/runtime.h"

/*
 * The process is confined from now on, for good, as "sandbox" says; before it has threads. A worker, or
 * one without a master: that can still do what ends it and, but for "weir serve", what a reload takes.
 * What the kernel does not offer is left out. False, told: what it offers could not be had.
 */
bool walls_enter(const struct runtime *rt);

/* The files alone: for whoever wants to know what those who serve rt would be refused. */
bool walls_enter_files(const struct runtime *rt);

/*
 * Whether one without a master can make and remove that file within its walls. It cannot in folders
 * that hold much of the machine, such as "/" and "/etc".
 */
bool walls_keep(const char *file);

/*
 * Whether a process that is within its walls already can go on with this configuration: they stay
 * what they were at the start. False, told, with each path that it does not open.
 */
bool walls_hold(const struct runtime *rt);

/* At start, by whoever begins: notes in the log what part of the walls is missing, and why. */
void walls_tell_missing(const struct runtime *rt);

/* For -t: what the configuration opens to its workers, a notice for each kind of access. */
void walls_tell_grants(const struct runtime *rt);

#endif
