/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control_server: the master's ear, a Unix socket for commands. A client sends one line, a command
 * and its arguments; the answer is text, then a line "ok" or "failed", then the end of the stream.
 *
 * The socket is for its owner alone (mode 0600), and who connects must be root or the user of this
 * process. Nobody can hold the process up: nothing blocks, clients, the line and the time for it
 * are bounded; who comes when all places are taken waits in the kernel's queue.
 */
#ifndef WEIR_PROC_CONTROL_SERVER_H
#define WEIR_PROC_CONTROL_SERVER_H

#include "base/writer.h"
#include "event/loop.h"
#include <sys/un.h>

enum {
    CONTROL_CLIENTS = 8,
    CONTROL_LINE_MAX = 1024,            /* of a command, its newline included */
    CONTROL_PATH_MAX = (int)sizeof(((struct sockaddr_un *)0)->sun_path) - 1
};

struct control_client;

struct control_command {
    struct str name;
    /*
     * Answers by control_say and in the end control_end, at once or later (see control_wait);
     * data: the server's.
     */
    void (*run)(struct control_client *client, struct str arguments, void *data);
};

/* Zero it and call control_server_init before anything else. */
struct control_server {
    struct loop *loop;
    const struct control_command *commands;     /* ended by a name that is not set */
    void *data;
    struct loop_source listening;       /* fd -1: not open */
    char path[CONTROL_PATH_MAX + 1];
    uint64_t device, inode;             /* of the file that is ours to remove */
    struct link clients;
    unsigned count;
    struct timer pause;                 /* no descriptor was left: accepts again then */
};

void control_server_init(struct control_server *server, struct loop *loop,
                         const struct control_command *commands, void *data);

/*
 * Listens at the path (absolute, NUL-terminated; not set: nowhere), and nowhere else from now on;
 * clients that are there stay. What a dead process has left at the path is replaced. False, told
 * as a warning, when the path cannot be had: it listens nowhere then.
 */
bool control_server_start(struct control_server *server, struct str path);

/* Moves the file. False with errno; nothing has changed then. */
bool control_server_rename(struct control_server *server, struct str path);

/* Removes the file and closes all; what a client can still take of its answer at once it gets. */
void control_server_stop(struct control_server *server);

/* In a forked child: closes what it inherited, touches nothing else. */
void control_server_forget(struct control_server *server);

/* ---- for commands -------------------------------------------------------------------------- */

/* The process that asks. */
pid_t control_peer(const struct control_client *client);

void control_say(struct control_client *client, struct str text);

/* The answer is complete; the client is not the command's any more. */
void control_end(struct control_client *client, bool ok);

/*
 * The same, and the answer is `text`, whatever its length, and ok. It stays where it is until
 * done(data) is called; that may be before this returns.
 */
void control_end_with(struct control_client *client, struct str text, void (*done)(void *data),
                      void *data);

/*
 * The answer comes later: puts the client at the end of a list of the command's, which takes it
 * out again by control_next. A client that leaves is taken out of the list.
 */
void control_wait(struct control_client *client, struct link *list);

/* The first of a list, taken out of it; NULL: it is empty. */
struct control_client *control_next(struct link *list);

/* ---- for tests ----------------------------------------------------------------------------- */

enum control_line { LINE_INCOMPLETE, LINE_WHOLE, LINE_TOO_LONG, LINE_MALFORMED };

/*
 * Whether the bytes, at most CONTROL_LINE_MAX, begin with a line: `name` is its first word and
 * `arguments` the rest, blanks in front of both left out. A carriage return before the newline is
 * allowed; other control bytes are not, and bytes behind the line are ignored.
 */
enum control_line control_line_parse(struct str bytes, struct str *name, struct str *arguments);

#endif
