/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * secret: memory for what must not be found in it later: passwords, their hashes, keys.
 *
 * It lies on pages of its own that no core file holds, and is wiped before it is given back. So it is
 * for few and lasting things: each takes a page at least.
 */
#ifndef WEIR_BASE_SECRET_H
#define WEIR_BASE_SECRET_H

#include <stddef.h>

/* Zero-filled, aligned for any type; NULL with errno when memory is short. size is not 0. */
void *secret_alloc(size_t size);
/* size: as it was asked for. NULL is allowed. */
void secret_free(void *p, size_t size);

#endif
