/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings: what the conf file says about processes: the directives of the main level and of
 * events { }.
 */
#ifndef WEIR_PROC_SETTINGS_H
#define WEIR_PROC_SETTINGS_H

#include "conf/conf.h"
#include "net/pool.h"

#include <sched.h>
#include <sys/types.h>

/* Whom the workers run as. Looked up only when the master has the right to change it. */
struct worker_user {
    struct str name, group;     /* group not set: that of the same name, else the user's own */
    bool resolved;              /* uid and gid are good, and workers change to them */
    uid_t uid;
    gid_t gid;
};

/*
 * worker_cpu_affinity: worker n is bound to masks[n], those beyond the last to the last;
 * automatic: one processor each.
 */
struct cpu_affinity {
    cpu_set_t *masks;
    uint32_t count;             /* 0: not bound */
    bool automatic;             /* masks[n % count] then */
};

/* sandbox */
enum sandbox { SANDBOX_OFF, SANDBOX_ON, SANDBOX_REPORT };

/* sandbox_allow_read, sandbox_allow_write: absolute, NUL-terminated. */
struct path_list {
    VEC(struct str) paths;
};

struct core_limit {
    bool given;
    uint64_t bytes;
};

/* Where the master takes commands. The path is absolute; not set: nowhere. */
struct control_setting {
    struct str path;
    bool off;
};

/* "NAME" or "NAME=value" each. */
struct env_names {
    VEC(struct str) list;
};

/* A flag takes a word of its own: whether a field was set is known by its place, to four bytes. */
struct main_settings {
    _Alignas(4) bool daemon;
    _Alignas(4) bool master_process;
    struct worker_user user;
    uint32_t worker_processes;  /* "auto" is a number by now */
    struct str pid_path;
    struct control_setting control;
    struct log_output *error_log;
    struct log log;             /* made of error_log */
    uint32_t rlimit_nofile;     /* 0: not given */
    struct core_limit rlimit_core;
    int32_t priority;           /* nice value */
    uint32_t worker_generations;        /* of old workers at the same time */
    uint64_t shutdown_timeout_ms;       /* 0: none */
    struct cpu_affinity affinity;
    struct str working_directory;
    int sandbox;                /* enum sandbox */
    struct path_list sandbox_reads, sandbox_writes;
    struct env_names env;
    int unknown_directive;      /* for conf/, which looks it up in the tree before */
};

struct events_settings {
    uint32_t worker_connections;
    uint32_t epoll_events;
    uint32_t requests_per_turn;
    struct pool_limits limits;  /* but for what is said elsewhere: worker_connections, workers */
};

/*
 * Where the master takes commands when the conf file does not say: beside the pid file, whose
 * ".pid" becomes ".ctl". NUL-terminated; STR_NONE when memory is short.
 */
struct str control_path_by_pid(struct arena *arena, struct str pid_path);

/* conf->owner of a run over these tables is a struct runtime. */
extern const struct conf_module main_module;
extern const struct conf_module events_module;

#endif
