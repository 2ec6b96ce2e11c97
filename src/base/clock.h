/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock: the time, read once a turn of the loop and kept with the texts that are made of it.
 *
 * Deadlines and ages use the monotonic clock, logs and headers the wall clock. The texts are made
 * anew when the second changes, on the first use after that.
 */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include "base/str.h"
#include <time.h>

struct clock {
    uint64_t mono_ms;           /* CLOCK_MONOTONIC, milliseconds */
    uint64_t mono_us;           /* the same reading in microseconds */
    uint64_t wall_ms;           /* milliseconds since the epoch */
    time_t   wall_s;
};

/* The last reading. Read-only for all but clock.c and tests. */
extern struct clock now;

/*
 * Reads the clocks. Once a turn; also at start. One system clock read (the wall clock is re-read
 * every 100 ms and follows in between).
 */
void clock_update(void);

/* CLOCK_MONOTONIC in microseconds, read now: for what began and ended within one turn. */
uint64_t clock_mono_us(void);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7), always 29 bytes, of now.wall_s. */
struct str clock_http_date(void);
/* "06/Nov/1994:08:49:37 +0000" in local time ($time_local). */
struct str clock_log_time(void);
/* "1994/11/06 08:49:37" in local time, for the error log. */
struct str clock_error_time(void);
/* "1994-11-06T08:49:37+00:00" in local time ($time_iso8601). */
struct str clock_iso8601(void);

/*
 * Writes the 29 bytes of an HTTP date at buf. Any time_t; years outside 0..9999 are written as the
 * nearest that fits.
 */
void http_date_format(char buf[29], time_t t);

/*
 * Reads an HTTP date in any of the three forms of RFC 9110 5.6.7 (IMF-fixdate, RFC 850, asctime).
 * (time_t)-1 when it is none of them. A two-digit year more than 50 years ahead is in the past.
 */
time_t http_date_parse(struct str s);

#endif
