/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file_read: the bytes of files for bodies, without the worker waiting for a disk.
 *
 * What is not in the page cache is brought there by a thread (aio), a window of the file at a time;
 * the request waits, and the worker serves others. What is there costs next to nothing: a read that
 * does not wait is a read, and before sendfile() a window is looked at once, or not at all when the
 * file was all there a moment ago. Where the threads are off, or have more to do than may wait, the
 * worker reads by itself.
 *
 * Large files may be read past the page cache (directio), into a buffer of the request's own.
 */
#ifndef WEIR_HTTP_FILE_READ_H
#define WEIR_HTTP_FILE_READ_H

#include "http/body.h"

/*
 * Reads at most n bytes (at least 1) of the part, a PART_FILE, from part->offset on, which stays
 * where it is. IO_DONE: *done of them; IO_SHORT: the file ends before; IO_ERROR: errno tells;
 * IO_AGAIN: a thread reads, http_body_resume() is called for the part's request.
 */
enum io file_read(struct body_part *part, char *room, size_t n, size_t *done);

/*
 * IO_DONE: sendfile() may send the next *n bytes of the part; *n, at least 1, becomes less where no
 * more are in memory. IO_AGAIN as above.
 */
enum io file_await(struct body_part *part, size_t *n);

/* Whether it is to be read by file_read, past the page cache, and not sent by sendfile(). */
bool file_is_direct(const struct body_part *part);

#endif
