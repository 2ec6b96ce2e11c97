/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor_logs: the parts of the look at logs that need no machine. */
#ifndef WEIR_PROC_DOCTOR_LOGS_H
#define WEIR_PROC_DOCTOR_LOGS_H

#include "proc/doctor_parts.h"

/* So many bytes are enough, however small a part of the disk they are. */
#define ROOM_ENOUGH (UINT64_C(64) << 30)

/* Of what is left: below a twentieth a warning, below a hundredth an error. all 0: not counted. */
enum doctor_level room_level(uint64_t left, uint64_t all);

/* Whether a conf file of logrotate(8) has a pattern for the path, which is NUL-terminated. */
bool logrotate_names(struct str text, struct str path);

#endif
