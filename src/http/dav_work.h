/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dav_work: what PUT, DELETE, MKCOL, COPY and MOVE do to the file system (RFC 9110 9.3, RFC 4918
 * 9).
 *
 * An order tells all there is to know; it is done, or refused with the status that says why. It
 * knows no request and may block for long: it is for a thread (event/offload.h).
 */
#ifndef WEIR_HTTP_DAV_WORK_H
#define WEIR_HTTP_DAV_WORK_H

#include "http/open_path.h"
#include "http/request.h"
#include "http/tree.h"
#include "http/validators.h"

/* A name in a folder; both NUL-terminated. */
struct dav_place {
    struct str folder;          /* absolute */
    struct str name;
    bool is_folder;             /* the path ended with "/" */
    size_t trusted;             /* bytes of folder that may hold links, see open_folder */
};

struct dav_order {
    enum http_method method;
    struct dav_place target;    /* of the request */
    struct dav_place destination;       /* COPY and MOVE */
    enum symlinks symlinks;
    int fd;                     /* PUT: what is to be there */
    struct str temp_name;       /* of fd, absolute; STR_NONE: it has none */
    time_t modified;            /* PUT: the time that the file is to have; -1: now */
    mode_t file_mode, folder_mode;      /* of what is made */
    bool make_folders;          /* PUT: those that are missing on the way are made */
    bool overwrite;             /* COPY and MOVE: "Overwrite" is not F */
    bool shallow;               /* COPY: "Depth: 0" */
    struct conditions conditions;       /* If-Match …, of the target */
};

struct dav_outcome {
    unsigned status;            /* 201, 204, or why it was refused */
    int error;                  /* errno of what failed; 0: nothing did */
    const char *what;           /* what failed or is wrong, for the log; NULL: nothing */
    char name[NAME_MAX + 1];    /* of the entry with which it failed; "" : the target itself */
};

/* Does it. The order stays the caller's, but for temp_name: the file may not have it any more. */
void dav_execute(const struct dav_order *order, struct dav_outcome *outcome);

/*
 * Does it if that takes so little that no thread is needed: a few calls for one small file or a new
 * folder, with nobody to wait for. False: nothing was done.
 */
bool dav_execute_quickly(const struct dav_order *order, struct dav_outcome *outcome);

/* Whether a PUT could be done as things are now: false with the outcome. Looks, and no more. */
bool dav_put_is_possible(const struct dav_order *order, struct dav_outcome *outcome);

/*
 * The status that dav_execute would most likely say, by what is there now; looks, and no more.
 * Conditions are looked at for PUT alone.
 */
void dav_foresee(const struct dav_order *order, struct dav_outcome *outcome);

#endif
