/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/reserve.h"
#include <sys/mman.h>

/* Huge pages would give memory to a thousand entries at the first touch of one. */
void *
reserve(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    madvise(p, bytes, MADV_NOHUGEPAGE);
    return p;
}

void
unreserve(void *p, size_t bytes)
{
    if (p != NULL)
        munmap(p, bytes);
}
