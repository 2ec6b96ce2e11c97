/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * user_file: files of users and the hashes of their passwords, a line each, as they are now:
 *
 *     # a comment
 *     name:hash
 *     name:hash:whatever
 *
 * A file is read when it is asked for, and kept; each further use is proved by one stat, so that
 * a change is seen at once. Names are looked up in a table.
 */
#ifndef WEIR_HTTP_USER_FILE_H
#define WEIR_HTTP_USER_FILE_H

#include "base/log.h"
#include "base/str.h"

enum {
    USER_FILES_MAX = 64,        /* that are kept; those used last */
    USER_FILES_BYTES = 64 << 20 /* of all together, and of one */
};

struct user_files;              /* those of a worker */
struct user_file;

/* NULL when memory is short. */
struct user_files *user_files_create(void);
void user_files_destroy(struct user_files *files);

/*
 * The file at that path, which a NUL follows; good until the next call. NULL with errno when it
 * cannot be had, which was logged.
 */
const struct user_file *user_files_get(struct user_files *files, struct str path,
                                       const struct log_context *log);

/* The hash of the first line with that name, STR_NONE: there is none. */
struct str user_file_find(const struct user_file *file, struct str name);

/*
 * A hash that costs what those of most users cost, for names that are not there; STR_NONE: the file
 * has no users.
 */
struct str user_file_usual(const struct user_file *file);

#endif
