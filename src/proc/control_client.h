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
 * Sends `command` as a line. text: the answer, without the verdict. Waits at most timeout_ms for
 * the whole of it.
 */
enum control_answer control_ask(const char *path, struct str command, uint64_t timeout_ms,
                                struct arena *arena, struct str *text);

#endif
