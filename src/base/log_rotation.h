/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log_rotation: when a log is rotated, and what its former files are called.
 *
 * A period (an hour, a day …) is known by a number whose digits are its date in local time, so that
 * a change between summer and winter time moves nothing but the clock's hands. A former file is
 *     NAME-YYYYMM  NAME-YYYYMMDD  NAME-YYYYMMDDHH     a month; a day, or a week by its Monday; an hour
 *     NAME-YYYYMMDD-HHMMSS                            by size alone: the moment of the rotation
 * and behind it ".1", ".2" … where that name was taken. A name never changes again. Whoever
 * compresses it afterwards adds .gz, .bz2, .xz, .lz4 or .zst.
 */
#ifndef WEIR_BASE_LOG_ROTATION_H
#define WEIR_BASE_LOG_ROTATION_H

#include "base/str.h"
#include <time.h>

enum rotation_unit { ROTATE_BY_SIZE, ROTATE_HOURLY, ROTATE_DAILY, ROTATE_WEEKLY, ROTATE_MONTHLY };

/* What the conf file says of a file, and how far its rotation is. */
struct log_rotation {
    enum rotation_unit unit;    /* ROTATE_BY_SIZE: by nothing else */
    uint64_t size;              /* bytes at which it is rotated, too; 0: none */
    uint32_t keep;              /* former files that stay; 0: all */
    time_t lines_s;             /* wall clock, in the period whose lines the file has; the
                                   master's, as what follows */
    time_t looked_s;            /* at the last look */
    uint64_t retry_ms;          /* monotonic: no other attempt before that; 0: the last went well */
};

/* The number of the period in which t lies; 0 with ROTATE_BY_SIZE. */
uint64_t rotation_period(enum rotation_unit unit, time_t t);

enum { ROTATION_LABEL_MAX = 32 };

/* What is added to the name of a file whose last lines are of time t: "-20261121". */
struct str rotation_label(enum rotation_unit unit, time_t t, char label[ROTATION_LABEL_MAX]);

/* Orders former files: by stamp, then by number. */
struct rotation_mark {
    uint64_t stamp;             /* YYYYMMDDHHMMSS, what the name does not say is 0 */
    uint32_t number;            /* of ".1", ".2" …; 0: none */
    size_t label_len;           /* of the name, up to the number or what compresses it */
};

/* Whether `name` is that of a former file of `log` (a name without folder). */
bool rotation_find_mark(struct str log, struct str name, struct rotation_mark *mark);

#endif
