/* SPDX-License-Identifier: BSD-2-Clause */
/* ssi_time: dates in the form that a page asks for. */
#ifndef WEIR_HTTP_SSI_TIME_H
#define WEIR_HTTP_SSI_TIME_H

#include "base/arena.h"
#include <time.h>

/*
 * The time tm, which is `seconds` after the epoch, in a form of strftime(3); "%s" is the seconds.
 * form STR_NONE: as in "Sunday, 06-Nov-1994 08:49:37 GMT". STR_NONE: it would be empty or have
 * more than 1,000 bytes, or memory is short.
 */
struct str ssi_time(struct arena *arena, struct str form, time_t seconds, const struct tm *tm);

#endif
