/* SPDX-License-Identifier: BSD-2-Clause */
/* file_answer: an answer that is a file. */
#ifndef WEIR_HTTP_FILE_ANSWER_H
#define WEIR_HTTP_FILE_ANSWER_H

#include "http/accept_encoding.h"
#include "http/request.h"

struct file;

/*
 * Answers with a regular file that http_open_file gave; its type is that of the request's path.
 * encoding: of what it holds. Always HTTP_DONE.
 */
enum http_next http_answer_file(struct http_request *req, struct file *file,
                                enum encoding encoding);

#endif
