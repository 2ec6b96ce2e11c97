/* SPDX-License-Identifier: BSD-2-Clause */
/* threads: how many a worker may have for a kind of work, as in "auth_basic_threads 2 queue=256". */
#ifndef WEIR_HTTP_THREADS_H
#define WEIR_HTTP_THREADS_H

#include "conf/conf.h"

struct thread_limits {
    uint32_t count;             /* of threads */
    uint32_t queue;             /* jobs that may wait for one */
};

/* A number, and "queue=NUMBER" or 256; the field is a struct thread_limits. */
bool parse_threads(struct conf *conf, const struct conf_node *node, void *field);

#endif
