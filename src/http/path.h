/* SPDX-License-Identifier: BSD-2-Clause */
/* path: where in the file system a request's path lies, by root and alias. */
#ifndef WEIR_HTTP_PATH_H
#define WEIR_HTTP_PATH_H

#include "http/request.h"

struct file;
struct http_text;
struct root;

/*
 * Hidden files: where serve_hidden is off, no file is found whose path has a name that begins with a
 * dot, unless the conf file has written this name itself. What has it written? The literal parts of
 * texts: of the root or alias, of what a path was made of (error_page, try_files, index, rewrite …),
 * and the prefix that an alias stands for; what a variable brings is the client's. So a request
 * counts the names in its path that were written (dots_written), and all that changes its path goes
 * through http_path_set.
 */

/*
 * The file name for the request's path: NUL-terminated, in the request's arena, with room for `spare`
 * more bytes behind it. STR_NONE when memory is short, the name would hold a NUL or be over PATH_MAX,
 * or when it is hidden, which is logged and counted, once a request.
 */
struct str http_map_path(struct http_request *req, size_t spare);

/* The same for another path, made of a text of the conf file; NULL: made by the client. */
struct str http_map_other(struct http_request *req, struct str path,
                          const struct http_text *made_of);

/* The name of the request's file for texts: nothing is said of it when it is hidden. */
struct str http_path_name(struct http_request *req);

/*
 * Whether what a text of the conf file has come to, the rest of a path, brings in a hidden name; if so,
 * that is told as by http_map_path.
 */
bool http_brings_hidden(struct http_request *req, struct str value, const struct http_text *text);

/* The path of a request below `from`, or of itself, from now on; made_of: as above. */
void http_path_set(struct http_request *req, const struct http_request *from, struct str path,
                   const struct http_text *made_of);

/* Answers when http_map_path gave nothing: 404, or 500 when memory was short. */
enum http_next http_unmapped(struct http_request *req);

/*
 * Whether a path that was made of variables may be used: what a peer sent can be in it, and must
 * bring in neither "..", that the path of a request is checked for, nor NUL, that would end a name
 * early.
 */
bool http_path_is_safe(struct str path);
/* The same of a root or alias, where what stands before the first variable is the operator's. */
bool http_root_is_safe(const struct root *root, struct str path);

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
