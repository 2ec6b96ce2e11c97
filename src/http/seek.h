/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seek: answers to players that ask for a film from a moment on: a new begin, made for them, and
 * the rest of the file as it is.
 */
#ifndef WEIR_HTTP_SEEK_H
#define WEIR_HTTP_SEEK_H

#include "http/file_cache.h"

/*
 * Answers with 200: `front`, which lives as long as the request, and len bytes of the file from
 * offset on. Ranges of it may be asked for; its entity tag is of its own length. Always HTTP_DONE.
 */
enum http_next http_seek_answer(struct http_request *req, const struct file *file,
                                struct str front, uint64_t offset, uint64_t len);

#endif
