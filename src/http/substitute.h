/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * substitute: finds the texts of a set in a stream of bytes, in one pass.
 *
 * Of two finds that overlap the one that begins first counts, of two that begin together the text
 * that comes first in the set; what is behind a find is looked at from its end on. ASCII letters
 * match in any case. Whatever texts and bytes are, the work for a byte is bounded by the number of
 * texts, not by their length: both may come from a stranger.
 */
#ifndef WEIR_HTTP_SUBSTITUTE_H
#define WEIR_HTTP_SUBSTITUTE_H

#include "base/arena.h"

struct substitute_set;

enum { SUBSTITUTE_NONE = UINT32_MAX };

/*
 * They are copied; an empty one is never found. What comes back never changes, so that many may use
 * it. NULL when memory is short.
 */
const struct substitute_set *substitute_compile(struct arena *arena, const struct str *texts,
                                                uint32_t count);
/* Bytes of the longest, 0: there is none to be found. */
size_t substitute_longest(const struct substitute_set *set);

/* Where one has come to in a stream. */
struct substitute_run {
    const struct substitute_set *set;
    uint64_t begin;             /* place in the stream of the first byte that was not given back */
    size_t ahead;               /* bytes from there on that were looked at */
    uint32_t node;              /* the longest end of those that begins a text */
    uint32_t waiting;           /* finds that are not given back yet */
    uint32_t *finds;            /* a ring by their places: a text's number + 1, or 0 */
    bool *used;                 /* of each text, when it is to be found once; else NULL */
    uint32_t left;              /* texts that are not used up; 0: nothing more is looked for */
};

/* once: each text is found once at most. False when memory is short. */
bool substitute_begin(struct substitute_run *run, struct arena *arena,
                      const struct substitute_set *set, bool once);

/* Whether nothing will be found any more. */
static inline bool
substitute_is_over(const struct substitute_run *run)
{
    return run->left == 0;
}

struct substitute_piece {
    size_t plain;               /* bytes of the text to pass on as they are */
    size_t len;                 /* bytes of the text that are done with: plain, and what was found
                                   behind them */
    uint32_t found;             /* the number of the text, or SUBSTITUTE_NONE */
};

/*
 * The next piece of a stream. text: all bytes that are there and not done with, is_last: no more
 * come. Where nothing is found, the bytes that are left over (fewer than the longest text has) must
 * come again in front of the next ones; none are when is_last.
 */
struct substitute_piece substitute_next(struct substitute_run *run, struct str text, bool is_last);

#endif
