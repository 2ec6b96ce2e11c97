/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * title: what ps shows. The kernel reads it from where argv and the environment stood at start,
 * so both are copied away first.
 */
#ifndef WEIR_PROC_TITLE_H
#define WEIR_PROC_TITLE_H

#include <stdbool.h>

/*
 * Takes over the area and moves the environment (environ is set anew). Returns a copy of argv,
 * which is to be used from now on and stays until the process ends; NULL when memory is short.
 */
char **title_init(int argc, char **argv);

/* "weir: TEXT", cut to the area's length. Does nothing before title_init. */
void title_set(const char *text);

/* The environment as it was at start, for what "env" may still want of it. */
char **title_environ(void);
/* The value of a variable in it, or NULL. */
const char *title_getenv(const char *name);

#endif
