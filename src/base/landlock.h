/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * landlock: what files this process, its threads and its children can reach, whatever their owner
 * and mode say (landlock(7)). What a kernel does not know of is left out, from the first version of
 * the interface (Linux 5.13) to the one that this was written for.
 *
 *     struct landlock walls;
 *     landlock_begin(&walls), landlock_allow(&walls, "/srv/www", LANDLOCK_READ) ..., landlock_enforce(&walls)
 */
#ifndef WEIR_BASE_LANDLOCK_H
#define WEIR_BASE_LANDLOCK_H

#include "base/str.h"

#include <stdbool.h>

/* The version of the interface that the kernel offers; 0: none, or it is not for this process. */
int landlock_version(void);

enum { LANDLOCK_NEWEST = 6 };   /* that this was written for */
/* For tests: from here on as if the kernel had no later version than this one. */
void landlock_pretend(int version);
/* What an older version leaves open, in words. */
const char *landlock_lacks(int version);

enum landlock_access {
    LANDLOCK_READ,              /* files are read, folders listed */
    LANDLOCK_WRITE,             /* the same, and changed in all ways but two: no devices are made,
                                   nothing is run */
    LANDLOCK_APPEND,            /* files are written and made, and not read */
    LANDLOCK_KEEP,              /* the same, and they, and Unix sockets, are renamed and removed;
                                   folders are listed */
    LANDLOCK_REMOVE             /* files and Unix sockets are removed, and no more */
};

/* What stays as it was, beside files. */
enum {
    LANDLOCK_BINDS    = 1 << 0, /* TCP sockets are bound */
    LANDLOCK_ABSTRACT = 1 << 1  /* abstract Unix sockets outside are reached */
};

struct landlock {
    int version;
    int fd;
    unsigned rules;             /* that there are by now */
};

/*
 * open: 0, or bits of the enum above. False with errno: this process may not, or memory is short.
 * Only where landlock_version() > 0.
 */
bool landlock_begin(struct landlock *walls, unsigned open);

/*
 * The file or folder, and all that is below it, wherever its name leads to now. False with errno:
 * ENOENT and the like, when the name leads nowhere.
 */
bool landlock_allow(struct landlock *walls, const char *path, enum landlock_access access);

/*
 * From here on nothing but what was allowed can be opened, made or removed, nothing be run, no TCP
 * socket be bound or connected, and no process outside be signalled or reached by an abstract Unix
 * socket, but for what landlock_begin left open. For this thread and those it starts: to be called before there is another. False with
 * errno. The struct is done with either way.
 */
bool landlock_enforce(struct landlock *walls);

/*
 * Whether an open() that failed with EACCES (that is `err`) failed because of the walls:
 * there are some, and owner and mode would allow it (mode: R_OK, W_OK …, as for access(2)).
 */
bool landlock_refused(const char *path, int mode, int err);

#endif
