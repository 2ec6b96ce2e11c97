/* SPDX-License-Identifier: BSD-2-Clause */
/* serve_users: who may have what "weir serve" serves. */
#ifndef WEIR_PROC_SERVE_USERS_H
#define WEIR_PROC_SERVE_USERS_H

#include "proc/serve.h"

/*
 * The file with names and hashes that --auth asks for, STR_NONE in *path when everybody may. For a
 * name and password it is made in memory, and the password is wiped; or, with print_conf, the file
 * has yet to be made, and *note says how, as comments of a conf file. False, told.
 */
bool serve_users_find(struct arena *arena, const struct serve *serve, struct str *path,
                      struct str *note);

#endif
