/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather: the connections of all workers in one list.
 *
 * A worker alone knows its connections. The master, asked by one worker or by a client of the
 * control socket, gives each worker the descriptor of a file in memory to write its own to
 * (net/listing.h), waits for all of them, a second at most, and passes the file on.
 */
#ifndef WEIR_PROC_GATHER_H
#define WEIR_PROC_GATHER_H

#include "base/list.h"
#include "base/str.h"
#include "event/loop.h"

struct master;
struct child;
struct control_client;
struct arena;

enum { GATHER_MOST = 1000 };    /* connections of one worker */

struct gather {
    int file;                   /* being written; -1: nothing is under way */
    struct timer limit;
    struct link tables, objects;        /* clients of the control socket, by what they want */
};

void gather_init(struct master *m);
/* A stop: nobody is answered any more. */
void gather_fini(struct master *m);

/*
 * A client of the control socket asks, by the command "connections": it gets a table, or JSON when
 * `form` says "json". Any other form but "text" and nothing is refused.
 */
void gather_for_client(struct master *m, struct control_client *client, struct str form);
/* Answers such a client with the lines of net/listing.h. */
void gather_answer(struct control_client *client, bool json, struct str lines);
/* Whether the form is one of those; refuses the client if not. */
bool gather_form(struct control_client *client, struct str form, bool *json);
/* A worker asks; it is told by CHANNEL_LISTED. One that asks while a list is made gets that one. */
void gather_for_child(struct child *c);
/* A worker has written its own, or is gone. */
void gather_listed(struct child *c);

/* The whole file as text. False: it cannot be read, or memory is short. */
bool gather_read(struct arena *arena, int file, struct str *text);

#endif
