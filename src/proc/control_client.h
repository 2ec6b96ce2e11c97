/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control_client: asks the master that listens at a control socket, and waits for its answer.
 */
#ifndef WEIR_PROC_CONTROL_CLIENT_H
#define WEIR_PROC_CONTROL_CLIENT_H

#include "base/writer.h"

enum control_answer {
    ANSWER_OK,
    ANSWER_FAILED,
    ANSWER_NONE,                /* the master ended the stream without a verdict, or is gone */
    ANSWER_LATE,                /* no verdict within the time */
    ANSWER_NOBODY               /* nobody listens there; errno tells */
};

/*
 * A question that is waited for elsewhere: fd becomes readable when there is more of the answer.
 * Zeroed, or ended, it is none.
 */
struct control_call {
    int fd;
    bool open;
    struct writer answer;
};

/* Asks, in the arena, without waiting for anything. False with errno. */
bool control_call_begin(struct control_call *call, const char *path, struct str command,
                        struct arena *arena);
/*
 * Takes what has come. True when that was all of it: *answer and *text say what it is, and the call
 * has ended.
 */
bool control_call_read(struct control_call *call, enum control_answer *answer, struct str *text);
/* Before its time, too; an ended one is left alone. */
void control_call_end(struct control_call *call);

/*
 * Sends `command` as a line. text: the answer, without the verdict. Waits at most timeout_ms for
 * the whole of it.
 */
enum control_answer control_ask(const char *path, struct str command, uint64_t timeout_ms,
                                struct arena *arena, struct str *text);

#endif
