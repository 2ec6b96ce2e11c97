/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * temp_file: files for as long as a request lasts, or until they become somebody's.
 *
 * Where the file system can (O_TMPFILE) a file has no name until it is given one, so that nothing
 * is left behind when the process or the machine dies. Where it cannot the file has a name from the
 * begin, and loses it when it is closed.
 */
#ifndef WEIR_HTTP_TEMP_FILE_H
#define WEIR_HTTP_TEMP_FILE_H

#include "conf/conf.h"

enum { TEMP_LEVELS = 3 };

/* "client_body_temp_path FOLDER [LEVEL1 [LEVEL2 [LEVEL3]]]" */
struct temp_path {
    struct str folder;          /* absolute, NUL-terminated */
    uint8_t levels[TEMP_LEVELS];        /* digits of a file's number that name a folder; 0: no
                                           more */
};

/*
 * Parse function for a field of struct temp_path. A folder that is written out is wanted
 * (http_want_folder).
 */
bool parse_temp_path(struct conf *conf, const struct conf_node *node, void *field);

struct temp_file {
    int fd;                     /* -1: there is none */
    struct str name;            /* NUL-terminated, in the arena; STR_NONE: it has none */
};

/* For reading and writing, mode 0600. False with errno, ->fd is -1 then. */
bool temp_file_open(struct temp_file *file, const struct temp_path *path, struct arena *arena);
/* The same in a folder of the site, so that it can come to any name in its file system. */
bool temp_file_open_in(struct temp_file *file, struct str folder, struct arena *arena);
/* The same; it has a name. For file systems that cannot do without. */
bool temp_file_open_named(struct temp_file *file, const struct temp_path *path,
                          struct arena *arena);

/* Gives it a name below the path, if it has none. False with errno. */
bool temp_file_name(struct temp_file *file, const struct temp_path *path, struct arena *arena);

/*
 * Closes it. Its name goes, too, if it has one: who keeps the file sets ->name to STR_NONE first.
 */
void temp_file_close(struct temp_file *file);

/*
 * Gives the file behind a descriptor, that has no name, the name `name` in a folder. False with
 * errno; EEXIST: something has that name.
 */
bool temp_link(int fd, int folder, const char *name);

/* Whether a file can be without a name, as far as it is not the file system's affair. */
bool temp_can_be_nameless(void);

/* A hidden name for something that is on its way; TEMP_HIDDEN bytes with the NUL. */
enum { TEMP_HIDDEN = 24 };
#define TEMP_HIDDEN_PREFIX ".weir-"
void temp_hidden_name(char *name);

#endif
