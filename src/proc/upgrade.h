/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upgrade: a new program beside the old one (SIGUSR2), and back.
 *
 * The old master starts the program anew, from the path by which it was started itself. The new
 * one inherits the listening sockets and one end of a line between the two masters, on which each
 * tells the other whether it serves, where, and through which queue it takes connections over. So
 * whichever of the two is told to stop its workers (SIGWINCH, SIGQUIT), their connections go to
 * the other one's.
 */
#ifndef WEIR_PROC_UPGRADE_H
#define WEIR_PROC_UPGRADE_H

#include "event/loop.h"
#include "proc/channel.h"
#include <sys/types.h>

struct control_client;
struct master;

/*
 * The environment of a new program: descriptors of listeners, "5;6;7;", and of the line. Behind
 * that of a Unix socket whose file is the service manager's stands a letter: "8f;".
 */
#define UPGRADE_LISTEN_VARIABLE "WEIR_LISTEN"
#define UPGRADE_LINE_VARIABLE   "WEIR_UPGRADE"
enum { UPGRADE_FOREIGN_FILE = 'f' };

/* What one master tells the other; part of what two programs must agree on. */
enum upgrade_service {
    UPGRADE_RESTS,              /* its workers were told to stop, or are not ready yet */
    UPGRADE_SERVES,
    UPGRADE_LEAVES,             /* it ends, or would like to: whoever can is to serve */
    UPGRADE_STARTS              /* it rested, and its workers are on their way */
};

struct upgrade {
    char *const *arguments;     /* of this process, argv[0] first */
    struct loop_source line;    /* to the other master; fd -1: there is none */
    pid_t program;              /* the new one that this master has started; 0: none */
    bool is_new;                /* this is the new one, and the old one still lives */
    bool other_has_spoken;      /* the other master has got as far as saying whether it serves */
    bool other_serves;          /* and takes connections over */
    bool other_is_up;           /* it serves, whatever version it speaks */
    bool other_leaves;
    bool other_starts;
    struct timer wait_limit;    /* for the other master's workers */
    int waiting;                /* a signal that waits for that; 0: none */
    struct link asking;         /* clients of the control socket that want this master replaced */
    bool is_asked;              /* it is to end when the new program serves */
    struct timer start_limit;   /* of the new program then */
    struct timer tell_again;    /* the line was full, or memory short */
    enum upgrade_service unsaid;    /* what the other master is to be told then */
    int other_queue;            /* of the other master; -1: not known */
    size_t addresses_len;       /* where it serves, see successor_encode */
    char addresses[CHANNEL_TEXT_MAX];
};

/* At the very start, before the master has anything. */
void upgrade_init(struct master *m, char *const *arguments);
/* Whether this process was started by a master that is to be replaced. */
bool upgrade_is_successor(void);
/* Once the loop runs: takes up the line that the old master left in the environment. */
void upgrade_join(struct master *m);
void upgrade_fini(struct master *m);
/* In a worker: the line is not its own. */
void upgrade_forget(const struct master *m);

/* SIGHUP after a SIGWINCH that still waits for the other master: the workers are to stay after all. */
void upgrade_stay(struct master *m);

/* SIGUSR2. Says in the log what comes of it. */
void upgrade_begin(struct master *m);
/*
 * The same for a client of the control socket, in one step: when the new program serves this
 * master ends, as at SIGQUIT. The client is answered then, or when it is clear that the new program
 * will not serve, and this master goes on.
 */
void upgrade_ask(struct master *m, struct control_client *client, struct str arguments);
/* This master ends: whoever asked for a new program is told. */
void upgrade_refuse(struct master *m);
/* A child is gone that is no worker. Nothing when it was not the new program. */
void upgrade_child_gone(struct master *m, pid_t pid, int status);
/* What this master serves has changed: the other one is told. */
void upgrade_tell(struct master *m, enum upgrade_service serves);
/*
 * Keeps a signal that would stop this master's workers until the other master serves, or is gone:
 * master_signal is called with it then. The old master so waits for the program that it has
 * started, at SIGQUIT and SIGWINCH; the new one at SIGQUIT for the old one, for at most ten
 * seconds, and has it start its workers again; and each for the other that was told to serve again.
 * False: there is nothing to wait for.
 */
bool upgrade_wait(struct master *m, int signal);
/* Whether the other master could take over the connections of this one's workers. */
bool upgrade_can_take_over(const struct master *m);

#endif
