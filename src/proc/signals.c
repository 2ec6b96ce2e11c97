/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/signals.h"

#include "base/compiler.h"
#include "base/log.h"

static const struct { int number; const char *name; } signals[] = {
    { SIGHUP,   "SIGHUP" },     /* reload */
    { SIGINT,   "SIGINT" },     /* stop at once */
    { SIGQUIT,  "SIGQUIT" },    /* stop when all is answered */
    { SIGUSR1,  "SIGUSR1" },    /* open the logs anew */
    { SIGUSR2,  "SIGUSR2" },    /* upgrade */
    { SIGTERM,  "SIGTERM" },    /* stop at once */
    { SIGCHLD,  "SIGCHLD" },    /* a worker is gone */
    { SIGWINCH, "SIGWINCH" },   /* stop the workers, keep the master */
};

void
signals_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaddset(set, signals[i].number);
}

const char *
signal_name(int number)
{
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        if (signals[i].number == number)
            return signals[i].name;
    return "?";
}

void
signal_log(const struct loop_signal *signal, const char *effect)
{
    const char *comma = effect[0] != '\0' ? ", " : "";

    if (signal->from != 0)
        LOG(&process_log, NOTICE, 0, "signal %d (%s) received from %d%s%s", signal->number,
            signal_name(signal->number), (int)signal->from, comma, effect);
    else
        LOG(&process_log, NOTICE, 0, "signal %d (%s) received%s%s", signal->number,
            signal_name(signal->number), comma, effect);
}
