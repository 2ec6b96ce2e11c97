/* SPDX-License-Identifier: BSD-2-Clause */
/* path: where in the file system a request's path lies, by root and alias. */
#ifndef WEIR_HTTP_PATH_H
#define WEIR_HTTP_PATH_H

#include "http/request.h"

struct file;

/*
 * The file name for a path (of this request's place): NUL-terminated, in the request's arena, with
 * room for `spare` more bytes behind it. STR_NONE when memory is short or the name would hold a NUL
 * or be over PATH_MAX.
 */
struct str http_map_path(struct http_request *req, struct str path, size_t spare);

/* Answers when http_map_path gave nothing: 404, or 500 when memory was short. */
enum http_next http_unmapped(struct http_request *req);

/*
 * Whether a path that was made of variables may be used: what a peer sent can be in it, and must
 * bring in neither "..", that the path of a request is checked for, nor NUL, that would end a name
 * early.
 */
bool http_path_is_safe(struct str path);

/* How many leading bytes of a file name may hold links, whatever disable_symlinks says (from=). */
size_t http_trusted_part(struct http_request *req, struct str path);

/* file_open for this request: given back when the request ends. NULL when memory is short. */
struct file *http_open_file(struct http_request *req, struct str path);

/*
 * The regular file that a GET or HEAD of the request's path asks for. HTTP_PASS with it, or with
 * NULL for the address of a folder, which ends with "/"; HTTP_DONE: it was answered that there is no
 * such file, that it is a folder, or that the method is another.
 */
enum http_next http_find_file(struct http_request *req, struct file **found);

/*
 * A file could not be opened: logs it as nginx does and gives the status: 404 (not there), 403 (no
 * permission), 500.
 */
unsigned http_open_failed(struct http_request *req, struct str path, int error);

#endif
