/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_proc: what /proc and /sys say of the machine and of other processes, as far as we may
 * see.
 */
#ifndef WEIR_PROC_DOCTOR_PROC_H
#define WEIR_PROC_DOCTOR_PROC_H

#include "base/arena.h"
#include "net/address.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * All of a file that is not large, NUL-terminated, in the arena; STR_NONE when it cannot be read.
 */
struct str proc_read(struct arena *arena, const char *path);
/* The next line of *rest without its newline; *rest is what follows. */
struct str proc_line(struct str *rest);
/* The next word of *rest, between blanks; empty at its end. */
struct str proc_word(struct str *rest);

/* The number that a file begins with. False: there is none, or "max". */
bool proc_number(const char *path, uint64_t *value);

/* Whether that process is a server of ours, by its title. */
bool proc_is_weir(pid_t pid);
/* Its effective user and group. */
bool proc_ids(pid_t pid, uid_t *uid, gid_t *gid);
/* Its limit of open files; UINT64_MAX: none. */
bool proc_files_limit(pid_t pid, uint64_t *soft, uint64_t *hard);

/* The line "Max open files" of a /proc/PID/limits. */
bool limits_parse(struct str text, uint64_t *soft, uint64_t *hard);
/* The effective number behind "Uid:" or "Gid:" in a /proc/PID/status. */
bool status_parse(struct str text, struct str name, uint32_t *number);
/* "MemTotal" and its like of /proc/meminfo, in bytes. */
bool meminfo_parse(struct str text, struct str name, uint64_t *bytes);

/* A listening socket in /proc/net/tcp or tcp6. */
struct proc_listener {
    struct address address;
    uint64_t inode;
    uid_t uid;
};
/* Of one line; false: it is none, or not listening. */
bool tcp_parse(struct str line, struct proc_listener *listener);
/*
 * The n-th, from 0, that takes what would come to `address`, or stands in its way; those of its own
 * family come first.
 */
bool proc_find_listener(struct arena *arena, const struct address *address, unsigned n,
                        struct proc_listener *found);
/* Whether a process has the socket open: 1, 0, or -1: we may not look. */
int proc_has_socket(pid_t pid, uint64_t inode);
/*
 * The process that has the socket open, and its name; 0: none that we may look into. `name` has
 * room for 64 bytes.
 */
pid_t proc_socket_owner(uint64_t inode, char *name);

/*
 * The least of a number that is granted to this process's cgroup and to those around it
 * ("memory.max"; of version 1 the controller's file). UINT64_MAX: no limit.
 */
uint64_t proc_cgroup_least(struct arena *arena, const char *file, const char *controller,
                           const char *file_v1);

#endif
