/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tree: files and folders come to a name, are copied, moved and removed. What comes to a name does
 * so as a whole or not at all: it is made under a hidden name beside it, and renamed.
 *
 * Symbolic links are never followed: they are copied, moved and removed as links. All of it may
 * block for long, and touches nothing but the file system: it is for a thread (event/offload.h).
 */
#ifndef WEIR_HTTP_TREE_H
#define WEIR_HTTP_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

enum { TREE_DEPTH_MAX = 128 };  /* folders below each other that are copied; beyond it
                                   errno is ELOOP */

/* An entry of an open folder. */
struct tree_spot {
    int folder;                 /* may be AT_FDCWD with an absolute name */
    const char *name;           /* for ever as far as this file goes */
};

/* One piece of work. */
struct tree_work {
    bool overwrite;             /* what has the name already gives way, a folder to a folder and
                                   nothing else; else errno is EEXIST */
    bool shallow;               /* of a folder that is copied nothing but itself */
    bool replaced;              /* out: something had the name */
    const char *what;           /* out, of a failure: the call that failed, and for which entry */
    char name[NAME_MAX + 1];
};

/* All return false with errno, ->what and ->name. */

/*
 * The file open as fd comes to a name. has_name: the absolute one it has now, which goes; NULL: it
 * has none.
 */
bool tree_place_file(struct tree_work *work, int fd, const char *has_name, struct tree_spot to);
/* Modes and times are kept. */
bool tree_copy(struct tree_work *work, struct tree_spot from, struct tree_spot to);
bool tree_move(struct tree_work *work, struct tree_spot from, struct tree_spot to);
bool tree_remove(struct tree_work *work, struct tree_spot spot);

#endif
