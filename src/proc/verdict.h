/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict: how a reload ended, told to all who want to know: those who asked for it over the
 * control socket, the service manager, the counters.
 *
 * Who asks while a reload is under way is told the outcome of the next, which reads the conf file
 * after it was asked for.
 */
#ifndef WEIR_PROC_VERDICT_H
#define WEIR_PROC_VERDICT_H

#include "base/counters.h"
#include "proc/control_server.h"

struct verdict {
    struct counters_segment *counters;
    struct link asking;         /* hear of the next that begins */
    struct link waiting;        /* hear of the one under way */
    struct arena *arena;        /* of `said`; NULL: none is under way, or memory is short */
    struct writer said;         /* what was told since it began */
};

/* counters may be set later, before the first verdict. */
void verdict_init(struct verdict *v, struct counters_segment *counters);

/*
 * A client's command: true when a reload has to begin (or, if one is under way, has to follow it).
 * Else it has its answer already: `stopping` means that no reload is possible any more.
 */
bool verdict_ask(struct verdict *v, struct control_client *client, struct str arguments,
                 bool stopping);

/* The start is over, and this generation serves. */
void verdict_start(uint64_t generation);

/* A reload begins: from here on all that is told is part of the verdict. */
void verdict_begin(struct verdict *v);
/* It is over, and this generation serves: a new one when ok. */
void verdict_end(struct verdict *v, bool ok, uint64_t generation);
/* A stop is coming: whoever waits is told. */
void verdict_forget(struct verdict *v);

#endif
