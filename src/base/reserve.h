/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reserve: address space now, memory on demand. For tables that are as large as they may ever get,
 * of which most is never used: what was never written to costs nothing.
 */
#ifndef WEIR_BASE_RESERVE_H
#define WEIR_BASE_RESERVE_H

#include <stddef.h>

/* Zero bytes, at the begin of a page. NULL with errno. */
void *reserve(size_t bytes);
/* bytes: as given to reserve(). NULL does nothing. */
void unreserve(void *p, size_t bytes);

#endif
