/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * folder_reader: a worker's folders that are being read, by threads (event/offload.h), and those
 * that answers are still made of.
 *
 * Requests that ask the same before a thread has begun share what it finds: whoever asks sees all
 * that was there when he asked, and many who ask at once cost as much as two. All that is held
 * together has a limit, autoindex_memory.
 */
#ifndef WEIR_HTTP_FOLDER_READER_H
#define WEIR_HTTP_FOLDER_READER_H

#include "http/folder.h"
#include "http/request.h"

/*
 * For a handler: HTTP_AGAIN, which it returns, and asks the same when it is called again. Then
 * HTTP_PASS: *folder was read, and lives as long as the request. HTTP_DONE: it was not, and the
 * answer says so: 403, 404, 500, or 503 when too much waits or is held.
 */
enum http_next folder_ask(struct http_request *req, const struct folder_question *question,
                          const struct folder **folder);

/* All requests are over. NULL is allowed. */
struct folder_reader;
void folder_reader_destroy(struct folder_reader *reader);

#endif
