/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime: one configuration, applied, with all that it needs open. A reload makes the next one
 * beside it; what both want of the outer world (a listening socket) goes over from the old to the
 * new.
 *
 *     runtime_read  -> checked, nothing touched        (-t and -s end here)
 *     runtime_open  -> logs, zones and listeners are open
 *     runtime_settle -> this process is the one that goes on with it, and says so in the pid file
 *     sockets_commit -> it has taken over for good (or runtime_give_back: it has not)
 *     runtime_keep  -> what it shares with the old one is its own
 *     runtime_free  -> closed and gone
 */
#ifndef WEIR_PROC_RUNTIME_H
#define WEIR_PROC_RUNTIME_H

#include "base/zone.h"
#include "http/http.h"
#include "proc/loaded.h"
#include "proc/options.h"
#include "proc/settings.h"

struct runtime {
    struct http_setup setup;    /* first: the http room finds it through conf->owner */
    struct arena *arena;        /* everything, this struct included */
    const struct options *options;
    uint64_t generation;        /* from 1, one more at each reading */
    struct loaded *loaded;      /* the text that it was made of */
    struct main_settings *main;
    struct events_settings *events;     /* set while "events" is applied */
    struct log_files log_files;
    struct zones zones;
    struct log no_log;          /* what setup.log is until error_log is known */
    struct link no_listeners;   /* for a configuration without "http" */
    unsigned listener_count;    /* addresses that it listens on, however many sockets they have */
    struct link held;           /* of struct listener: the master's, see sockets_hold */
    pid_t cleaner;              /* the process that removes pid file and Unix sockets in the end */
    bool address_in_use;        /* which is why it could not be opened */
    bool has_pid_file;
    bool is_old;                /* a new program has taken the pid file's name */
    bool shares_sockets;        /* with another master: it will remove Unix sockets */
};

/* All tables there are, NULL-terminated, in the arena. NULL when memory is short. */
const struct conf_module *const *runtime_tables(struct arena *arena);

/* Reads and checks. NULL when there is any error; all have been told. */
struct runtime *runtime_read(const struct options *options);

/*
 * The same for whoever wants to see what was read before it goes: the tree and the notes. fn is
 * called once, with the settings when there is no error, else with NULL.
 */
struct runtime_look {
    void (*fn)(void *ctx, struct conf *conf, const struct runtime *rt);
    void *ctx;
};
struct runtime *runtime_read_looking(const struct options *options,
                                     const struct runtime_look *look);

/*
 * Where the master of a configuration, which may have errors, takes commands: `named` is what the
 * conf file says, `usual` the place beside the pid file. Not set: nowhere; is_off: the conf file
 * says so. Nothing is told. Both in the arena; false when memory is short.
 */
struct control_paths {
    struct str named, usual;
    bool is_off;
};
bool runtime_control_paths(const struct options *options, struct arena *arena,
                           struct control_paths *paths);

/* The text of the configuration as it is on disk now, good or not; nothing is told. NULL when
   memory is short. */
struct loaded *runtime_load(const struct options *options);

/* Where to take commands with a configuration that is in effect. Not set: nowhere. */
struct str runtime_control_path(const struct runtime *rt);

/* How to bring up the listeners. */
enum runtime_opening {
    OPEN_AT_START,              /* an address in use may be released in a moment: five tries */
    OPEN_AT_RELOAD,             /* one try */
    OPEN_AND_TRY_AGAIN          /* one try, and the caller tries again if it is in use */
};

/*
 * Opens log files, zones and listeners. Those listeners that `old` (NULL: at start) has open at the
 * same address are shared with it: the descriptor stands in both; so is the memory of zones. In a reload the pid file is written
 * too when it has another path. False, told, and `old` as it was, when something cannot be had;
 * runtime_free is then all that is to be done. rt->address_in_use tells whether that was the reason.
 */
bool runtime_open(struct runtime *rt, struct runtime *old, enum runtime_opening how);

/* At start, after the last fork before serving: writes the pid file. False, told. */
bool runtime_settle(struct runtime *rt);

/*
 * A new program is started that writes the pid file: the present one is called PATH.oldbin from
 * now on; and back again. False, logged, when the file cannot be renamed.
 */
bool runtime_rename_pid_file(struct runtime *rt, bool is_old);

/* For -t --bind: opens the listeners and closes them again. False, told, when one cannot be had. */
bool runtime_try_listeners(struct runtime *rt);

struct link *runtime_listeners(const struct runtime *rt);

/*
 * What `to` and `from` share is to's alone from now on: it is no longer from's to close and
 * remove.
 */
void runtime_keep(struct runtime *to, struct runtime *from);

/* A reload from old to rt that had opened rt is given up: old is as it was, rt is to be freed. */
void runtime_give_back(struct runtime *rt, struct runtime *old);

/* Closes what is still its own and frees it. NULL is allowed. */
void runtime_free(struct runtime *rt);

/* The log that goes to a file first, or NULL. */
struct log_file *runtime_first_log_file(const struct runtime *rt);

#endif
