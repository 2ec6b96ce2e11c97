/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_open: opens a log where the conf file says, and nowhere else.
 *
 * The master is mostly root, and opens logs again and again in folders that often belong to the
 * workers' user. Whoever may write to such a folder could put a link there, and have root write to,
 * or give away, a file of his choice. So as root a path is walked folder by folder: links are
 * followed where nobody but root could have put them; below a folder that others may change, no
 * symbolic link is followed, no ".." taken, and a file with a second name (a hard link) is refused.
 * In a sticky folder that is root's (/tmp) what belongs to root is trusted but for its hard links.
 * A process that is not root has nothing to give away: it opens paths as the system does.
 */
#ifndef WEIR_BASE_LOG_OPEN_H
#define WEIR_BASE_LOG_OPEN_H

#include <limits.h>
#include <stdbool.h>

/* Why a log was not opened. */
struct log_refusal {
    int err;                    /* an errno value; 0: opening it would not be safe */
    char text[1536];            /* what to tell, with the mend; without the words for err */
};

/* Where the file of a path lies, once all links that may be were followed. */
struct log_place {
    int folder;                 /* O_PATH, close-on-exec; the caller's, see log_place_leave */
    bool is_shared;             /* others than root may change the folder, and we are root */
    bool is_magic;              /* a link of /proc that stands for an open file */
    char name[NAME_MAX + 1];    /* in the folder; not a symbolic link when it was looked at */
};

/* The file need not be there. False: nothing is open, *why says why. */
bool log_place_find(const char *path, struct log_place *place, struct log_refusal *why);
void log_place_leave(struct log_place *place);

/*
 * Opens for appending, creates with mode 0644; close-on-exec, never blocking: a FIFO that nobody
 * reads yet is opened, too. -1: *why says why, and errno is why->err.
 */
int log_open(const char *path, struct log_refusal *why);

#endif
