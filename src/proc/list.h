/* SPDX-License-Identifier: BSD-2-Clause */
/* list: the directives that this program knows, for those who check documents against it. */
#ifndef WEIR_PROC_LIST_H
#define WEIR_PROC_LIST_H

#include <stdbool.h>

/*
 * A line for each name of the tables: it, contexts joined by ", ", default as written or "-", and
 * the module whose table has it (the first of them), parted by tabs.
 */
bool list_directives(int fd);

#endif
