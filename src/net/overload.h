/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * overload: telling a client in words that there is no room for it. No slot is needed for that, and
 * when there are no descriptors, one that was put by for this.
 */
#ifndef WEIR_NET_OVERLOAD_H
#define WEIR_NET_OVERLOAD_H

#include "net/pool.h"

void overload_init(struct pool *pool);
void overload_fini(struct pool *pool);
/* The limits are others: opens the reserve when it is wanted, closes it when not. */
void overload_prepare(struct pool *pool);

/*
 * Accepts one client, with the reserve's descriptor if it must, gives it listener->overload_answer
 * and closes; never blocks. An errno of accept4() otherwise, EMFILE also when the reserve is gone.
 */
int overload_reject(struct listener *listener);

#endif
