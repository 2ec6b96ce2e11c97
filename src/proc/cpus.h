/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpus: how many processors this process may really use, which is what "worker_processes auto"
 * starts.
 */
#ifndef WEIR_PROC_CPUS_H
#define WEIR_PROC_CPUS_H

#include "base/str.h"

/* The lesser of the processors it may run on and what its cgroups grant it; at least 1. */
unsigned cpus_usable(void);

/*
 * What a cgroup grants, rounded up; 0: no limit, or a text that is none. cpu.max of version 2
 * ("150000 100000", "max 100000"), and the two numbers of version 1 (quota -1: no limit).
 */
unsigned cpus_of_max(struct str cpu_max);
unsigned cpus_of_quota(struct str quota, struct str period);

/*
 * The path of this process in /proc/self/cgroup: of version 2 with controller STR_NONE
 * ("0::/path"), or of the version 1 hierarchy that has the controller ("4:cpu,cpuacct:/path").
 * STR_NONE when there is none; points into the text.
 */
struct str cpus_cgroup(struct str proc_cgroup, struct str controller);

#endif
