/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/tell.h"

static const struct log_context terminal;       /* its log is NULL: the console */
static bool started;

/* The terminal would show the same line twice when an error log goes to stderr. */
static bool
terminal_listens(void)
{
    if (process_log.log == NULL)
        return true;
    if (started)
        return false;
    for (const struct log_output *o = process_log.log->outputs; o != NULL; o = o->next)
        if (o->file->is_stderr)
            return false;
    return true;
}

static void PRINTF_LIKE(4, 0)
tell_one(const struct log_context *ctx, enum log_level level, int err, const char *fmt,
         va_list args)
{
    va_list copy;

    if (!log_wants(ctx, level))
        return;
    va_copy(copy, args);
    log_vwrite(ctx, level, err, fmt, copy);
    va_end(copy);
}

void
tell(enum log_level level, int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (terminal_listens())
        tell_one(&terminal, level, err, fmt, args);
    if (process_log.log != NULL)
        tell_one(&process_log, level, err, fmt, args);
    va_end(args);
}

void
tell_conf(const struct conf *conf)
{
    if (terminal_listens())
        conf_report(conf, &terminal, true);
    if (process_log.log != NULL)
        conf_report(conf, &process_log, true);
}

void
tell_log(const struct log *log)
{
    process_log.log = log;
}

void
tell_started(void)
{
    started = true;
}
