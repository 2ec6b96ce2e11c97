/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/page_cache.h"
#include "base/compiler.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    STRIDE = 128 << 10,         /* of the places that are looked at: what Linux reads ahead */
    FILL_PIECE = 64 << 10,      /* a thread's stack has room for it */
    PAGE = 4096                 /* the smallest there is; larger ones are multiples */
};

/* Numbers and struct of cachestat(2), which is younger than many a libc. */
enum { CALL_CACHESTAT = 451 };
struct cachestat_range { uint64_t offset, len; };
struct cachestat_counts { uint64_t cached, dirty, writeback, evicted, recently_evicted; };

/* False: it does not tell. */
static bool
count_pages(int fd, off_t offset, size_t len, uint64_t *pages)
{
    struct cachestat_range range = { (uint64_t)offset, len };
    struct cachestat_counts counts;

    if (syscall(CALL_CACHESTAT, fd, &range, &counts, 0) != 0)
        return false;
    *pages = counts.cached;
    return true;
}

/* What statfs() calls them. */
static const uint32_t TMPFS = 0x01021994, RAMFS = 0x858458f6;

static bool
lives_in_memory(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && ((uint32_t)fs.f_type == TMPFS || (uint32_t)fs.f_type == RAMFS);
}

static enum cached
ask_otherwise(int fd, off_t offset, size_t len)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), pages;
    uint64_t first = (uint64_t)offset / page, last = ((uint64_t)offset + len - 1) / page;

    if (lives_in_memory(fd))
        return CACHED;
    if (!count_pages(fd, offset, len, &pages))
        return CACHED_UNKNOWN;
    return pages > last - first ? CACHED : CACHED_NOT;
}

/* A byte of a page. */
static enum cached
look_at(int fd, off_t offset)
{
    char byte = 0;

    if (LIKELY(page_cache_read(fd, &byte, 1, offset) >= 0))
        return CACHED;
    switch (errno) {
    case EAGAIN:
        return CACHED_NOT;
    case EOPNOTSUPP:
        return CACHED_UNKNOWN;
    default:
        return CACHED;          /* there is nothing to wait for */
    }
}

enum cached
page_cache_has(int fd, off_t offset, size_t len)
{
    off_t last = offset + (off_t)len - 1;
    enum cached cached = look_at(fd, offset);   /* first: where it is cold, fetching begins there */

    for (off_t at = offset + STRIDE; cached == CACHED && at / PAGE < last / PAGE; at += STRIDE)
        cached = look_at(fd, at);
    if (cached == CACHED && offset / PAGE < last / PAGE)
        cached = look_at(fd, last);
    return LIKELY(cached != CACHED_UNKNOWN) ? cached : ask_otherwise(fd, offset, len);
}

ssize_t
page_cache_read(int fd, void *p, size_t len, off_t offset)
{
    struct iovec room = { p, len };
    ssize_t n = preadv2(fd, &room, 1, offset, RWF_NOWAIT);

    if (UNLIKELY(n < 0) && (errno == ENOSYS || errno == EINVAL || errno == EPERM))
        errno = EOPNOTSUPP;     /* the kernel, or who confines us, does not know it */
    return n;
}

bool
page_cache_read_all(int fd, char *to, size_t len, off_t offset)
{
    while (len > 0) {
        ssize_t n = page_cache_read(fd, to, len, offset);

        if (n < 0 && errno == EOPNOTSUPP)
            n = pread(fd, to, len, offset);
        if (n <= 0)
            return false;
        to += n;
        offset += n;
        len -= (size_t)n;
    }
    return true;
}

void
page_cache_fill(int fd, off_t offset, size_t len, size_t ahead)
{
    char piece[FILL_PIECE];

    readahead(fd, offset, len + ahead);
    if (page_cache_has(fd, offset, len) == CACHED)
        return;                 /* somebody else has waited for the same bytes */
    while (len > 0) {
        ssize_t n = pread(fd, piece, MIN(len, sizeof(piece)), offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        offset += n;
        len -= (size_t)n;
    }
}
