/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channel: the lines between the master and one worker, and between two masters. Messages, each
 * whole or not at all, with or without a descriptor.
 *
 * The master believes a worker nothing, and takes no descriptor from it: to close the last one of a
 * socket may take as long as whoever made it wants (SO_LINGER), even when it was never looked at. So
 * what a worker says goes through a pipe, which cannot carry any, and the socket by which it is told
 * is deaf at the master's end.
 */
#ifndef WEIR_PROC_CHANNEL_H
#define WEIR_PROC_CHANNEL_H

#include "base/str.h"
#include <limits.h>

enum channel_kind {
    CHANNEL_READY,              /* worker to master: it serves */
    CHANNEL_LOG_FILE,           /* master to worker: the file `text` was opened anew, as `fd` */
    CHANNEL_RETIRE,             /* master to worker: end gracefully; connections go into the queue
                                   `fd`, for the addresses in `text` (proc/handover.h) */
    CHANNEL_LIST,               /* master to worker: append your connections to the file `fd`
                                   (net/listing.h); worker to master: I want the list of all */
    CHANNEL_LISTED,             /* worker to master: done; master to worker: the list of all is the
                                   file `fd`, none: it cannot be had */
    CHANNEL_FAILED,             /* worker to master: it cannot start, because of `text` */
    CHANNEL_FATES,              /* master to worker, before it is told to leave: what becomes of
                                   each listener (write_fates) */
    CHANNEL_REOPEN,             /* worker to master: have all logs opened anew; master to worker: that
                                   was done, close those that you have opened yourself */
    CHANNEL_MASTER = 100        /* master to master (proc/upgrade.c): the number may not change,
                                   for they may be two programs */
};

enum {
    CHANNEL_TEXT_MAX = 65536,
    CHANNEL_SAID_MAX = PIPE_BUF - (int)sizeof(enum channel_kind)    /* of a worker's text */
};

struct channel_message {
    enum channel_kind kind;
    struct str text;            /* in `bytes` */
    int fd;                     /* the receiver's from now on; -1: none came along */
    bool fd_lost;               /* one did, and this process had no descriptor left for it */
    char bytes[CHANNEL_TEXT_MAX];
};

enum channel_result { CHANNEL_GOT, CHANNEL_EMPTY, CHANNEL_CLOSED };

/* Between masters. Two ends, non-blocking and close-on-exec. False with errno. */
bool channel_open(int ends[2]);

/* Between the master and a worker: what is told comes out where it is heard. */
struct channel_ends {
    struct { int tell, hear; } master, worker;
};

/* The same; the parts that a process does not use are its to close. */
bool channel_open_to_worker(struct channel_ends *ends);

/* Never blocks; fd -1: none. False with errno (EAGAIN: the other side does not read). */
bool channel_send(int end, enum channel_kind kind, struct str text, int fd);

/*
 * CHANNEL_CLOSED also when the other side does not keep to the rules: nothing more is to be
 * expected from it.
 */
enum channel_result channel_receive(int end, struct channel_message *message);

/* The worker; what does not fit into CHANNEL_SAID_MAX bytes is cut. Never blocks. False with errno. */
bool channel_say(int tell, enum channel_kind kind, struct str text);
/* The master; no descriptor comes along. */
enum channel_result channel_hear(int hear, struct channel_message *message);

#endif
