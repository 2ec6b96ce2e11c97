/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/secret.h"
#include <string.h>
#include <sys/mman.h>

void *
secret_alloc(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    madvise(p, size, MADV_DONTDUMP);    /* a kernel without it dumps it: all else holds */
    return p;
}

void
secret_free(void *p, size_t size)
{
    if (p == NULL)
        return;
    explicit_bzero(p, size);
    munmap(p, size);
}
