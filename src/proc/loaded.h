/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loaded: the text of a configuration as it was read, for whoever asks the running server what it
 * has loaded ("weir ctl conf").
 *
 * All files of it are one stretch of memory, in the form in which they are sent: for each of them
 *     PATH-LENGTH TEXT-LENGTH\n PATH \n TEXT \n
 * (without the blanks). Conf files hold secrets: workers do not inherit it, and it is in no core.
 */
#ifndef WEIR_PROC_LOADED_H
#define WEIR_PROC_LOADED_H

#include "conf/conf.h"
#include <sys/types.h>

struct loaded {
    struct str text;            /* all of it; in a mapping of its own */
    size_t size;                /* of that */
    pid_t owner;                /* whose it is from loaded_keep on; 0: whoever has it */
    unsigned users;
};

/* A copy of what the run has read, used by the caller. NULL when memory is short. */
struct loaded *loaded_make(const struct conf *conf);

/* It is this process's own from now on: no child inherits it. */
void loaded_keep(struct loaded *loaded);

/* Uses it, too. */
void loaded_use(struct loaded *loaded);
/* Uses it no more: the last one wipes and frees it. NULL is allowed. */
void loaded_leave(struct loaded *loaded);

/* Takes the first file of *text, and what is behind it is left. False: there is none, or no whole
   one. */
bool loaded_next(struct str *text, struct str *path, struct str *content);

#endif
