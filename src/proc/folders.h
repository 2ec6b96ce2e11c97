/* SPDX-License-Identifier: BSD-2-Clause */
/* folders: what the workers write into (client_body_temp_path) is there, and theirs. */
#ifndef WEIR_PROC_FOLDERS_H
#define WEIR_PROC_FOLDERS_H

#include "proc/runtime.h"

/*
 * By the master, with its rights: makes those that are missing, mode 0700, and gives them to the
 * workers' user. False, told, when one cannot be had.
 */
bool folders_make(const struct runtime *rt);

/* For -t: whether they could be. Touches nothing. False, told. */
bool folders_check(const struct runtime *rt);

#endif
