/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * request_body: the body of a request, for handlers that want it.
 *
 * A body that nobody asks for is read and thrown away by the codec. A handler that wants it calls
 * http_request_body(), and is called again when all of it is there: in memory up to
 * client_body_buffer_size, else in a temporary file. What must be refused on the way (it is too
 * large, malformed, too late) is answered by the codec, and the handler hears no more of it.
 */
#ifndef WEIR_HTTP_REQUEST_BODY_H
#define WEIR_HTTP_REQUEST_BODY_H

#include "http/request.h"
#include "http/temp_file.h"

/* client_body_in_file_only */
enum body_files { BODY_FILES_OFF, BODY_FILES_ON, BODY_FILES_CLEAN };

/* How a handler wants it. */
struct body_wish {
    bool in_file;               /* however small it is, and if there is none: an empty file */
    struct str folder;          /* where a file is to come to, NUL-terminated: it is made where it
                                   can be renamed to there; STR_NONE: in client_body_temp_path */
};

struct request_body {
    /* Of use when it is whole. */
    bool is_whole;
    uint64_t len;               /* bytes of it; so far */
    struct str bytes;           /* all of it when fd is -1; lives as long as the request */
    int fd;                     /* all of it, from offset 0; -1: it is in memory */

    /* private to request_body.c */
    unsigned failure;           /* the status to answer with; 0: none */
    bool to_file;
    bool warns;                 /* that it is in a file is told in the log */
    bool stays;                 /* client_body_in_file_only on: the file is not removed */
    const struct temp_path *path;       /* client_body_temp_path */
    struct str folder;          /* of the wish; STR_NONE: the file is, or comes, below path */
    struct temp_file file;
    char *buffer;               /* what was not written yet */
    size_t room, held;
};

/*
 * HTTP_PASS: req->body is the body, whole; HTTP_AGAIN: the handler returns it, and is called again;
 * HTTP_DONE: it cannot be had, an answer is there. wish: NULL for one in memory, if it fits there.
 * For requests that are told of and not served the body is empty.
 */
enum http_next http_request_body(struct http_request *req, const struct body_wish *wish);

/*
 * The name of its file, which it is given if it has none; good until the request ends. STR_NONE:
 * the body is not in a file, or not whole.
 */
struct str http_request_body_name(struct http_request *req);

/*
 * For the codec: the next bytes; none more will come. False: the handler is to hear of a failure.
 */
bool request_body_add(struct http_request *req, const char *p, size_t len);
bool request_body_end(struct http_request *req);

#endif
