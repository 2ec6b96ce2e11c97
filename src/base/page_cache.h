/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_cache: which bytes of a file are in memory, so that reading them does not wait for a disk.
 *
 * The kernel is asked by a read that would rather fail than wait (RWF_NOWAIT). Not all file systems
 * know such reads; cachestat() is asked where it answers (its caller must own the file, or be
 * allowed to write to it), and what lives in memory alone is there always.
 */
#ifndef WEIR_BASE_PAGE_CACHE_H
#define WEIR_BASE_PAGE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum cached {
    CACHED,                     /* a read finds it, or its failure, at once */
    CACHED_NOT,                 /* a read would wait; the kernel may have begun to fetch it */
    CACHED_UNKNOWN              /* the file system does not tell */
};

/*
 * Whether len bytes, at least 1, from offset on are in memory. Some places are looked at, not every
 * page: files come into memory, and leave it, in larger pieces.
 */
enum cached page_cache_has(int fd, off_t offset, size_t len);

/*
 * pread() that does not wait: -1 with EAGAIN when the first byte is not in memory, or EOPNOTSUPP
 * when the file system does not tell. Fewer bytes than asked for are usual.
 */
ssize_t page_cache_read(int fd, void *p, size_t len, off_t offset);

/*
 * All of len bytes from offset on, now or not at all: false when some are not in memory or cannot be
 * read. Where the file system does not tell, it may wait.
 */
bool page_cache_read_all(int fd, char *to, size_t len, off_t offset);

/*
 * For a thread: waits until len bytes from offset on are in memory, and has the kernel fetch
 * `ahead` more, for which it does not wait. Nothing is said of a failure: who reads will see it.
 */
void page_cache_fill(int fd, off_t offset, size_t len, size_t ahead);

#endif
