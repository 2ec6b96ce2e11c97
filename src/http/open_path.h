/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open_path: opens files to be served, with symbolic links followed, refused, or followed to the
 * link owner's own files only.
 */
#ifndef WEIR_HTTP_OPEN_PATH_H
#define WEIR_HTTP_OPEN_PATH_H

#include "base/str.h"
#include <sys/types.h>

/* disable_symlinks of the conf file: off, on, if_not_owner. */
enum symlinks { SYMLINKS_FOLLOW, SYMLINKS_REFUSE, SYMLINKS_OWN };

/*
 * Opens path (absolute, NUL-terminated) for reading, never blocking on a FIFO or a device. The
 * first `trusted` bytes may hold links whatever symlinks says. -1 with errno; ELOOP: a link that is
 * not to be followed.
 */
int open_path(struct str path, enum symlinks symlinks, size_t trusted);

/*
 * A folder as a place to start from (O_PATH), its links looked at likewise. make: the mode of
 * folders that are missing, which are made; NULL: none is. -1 with errno.
 */
int open_folder(struct str path, enum symlinks symlinks, size_t trusted, const mode_t *make);

/*
 * Makes a folder with just this mode, but that it hands its group on if the one it is in does.
 * False with errno.
 */
bool make_folder(int folder, const char *name, mode_t mode);

#endif
