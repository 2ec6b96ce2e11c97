/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rotate: logs that are rotated by weir itself ("rotate=" of access_log and error_log), in the
 * process that has opened them: the master, or the only one.
 *
 * A log is renamed, a new file of the same owner, group and mode is made, and everybody opens the
 * log anew as after SIGUSR1: so no line is lost or cut. What fails is told once, and tried again.
 */
#ifndef WEIR_PROC_ROTATE_H
#define WEIR_PROC_ROTATE_H

#include "base/log.h"
#include "event/timer.h"

struct rotator {
    struct timer timer;
    struct timer_wheel *timers; /* NULL: not started */
    struct log_files *files;    /* of the configuration that serves */
    /*
     * Whether this process rotates. Else another one does (the old master, in the midst of an
     * upgrade), and this one opens anew what that has renamed.
     */
    bool (*is_ours)(void *data);
    /* All who write to the file are to open it anew. */
    void (*reopen)(void *data, struct str path);
    void *data;
};

/* Before anything else. */
void rotator_init(struct rotator *r, bool (*is_ours)(void *data),
                  void (*reopen)(void *data, struct str path), void *data);

/*
 * From now on these files, which are open; `before` (NULL: none) goes away. Rotates at once what
 * should have been while nobody was there, and removes what keep= does not want.
 */
void rotator_take(struct rotator *r, struct timer_wheel *timers, struct log_files *files,
                  const struct log_files *before);
void rotator_stop(struct rotator *r);

/* Warns of files with rotate= that cannot have it: no regular files. For -t, too. */
void rotate_check(const struct log_files *files);

#endif
