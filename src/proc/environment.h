/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * environment: what a worker sees of the environment that weir was started in: TZ and what "env"
 * names, nothing else.
 */
#ifndef WEIR_PROC_ENVIRONMENT_H
#define WEIR_PROC_ENVIRONMENT_H

#include "base/arena.h"

/*
 * wanted: "NAME" (kept as it was, if it was there) or "NAME=value" (set), the last of a name
 * counts; TZ is kept unless it is named. from: a NULL-terminated environment. The result is good
 * as long as the arena and `from`; NULL when memory is short.
 */
char **environment_make(struct arena *arena, const struct str *wanted, size_t count,
                        char *const *from);

#endif
