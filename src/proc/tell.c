/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/tell.h"

static const struct log_context terminal;       /* its log is NULL: the console */
static bool started;
static struct writer *copy_to;

/* The terminal would show the same line twice when an error log goes to stderr. */
static bool
terminal_listens(void)
{
    if (process_log.log == NULL)
        return true;
    if (started)
        return false;
    for (const struct log_output *o = process_log.log->outputs; o != NULL; o = o->next)
        if (o->file->kind == LOG_STDERR)
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

static void PRINTF_LIKE(3, 0)
copy_one(enum log_level level, int err, const char *fmt, va_list args)
{
    char line[LOG_LINE_MAX];
    va_list copy;

    if (level > LEVEL_WARN)
        return;
    va_copy(copy, args);
    write_str(copy_to, console_line(line, level, err, fmt, copy));
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
    if (copy_to != NULL)
        copy_one(level, err, fmt, args);
    va_end(args);
}

void
tell_conf(const struct conf *conf)
{
    if (terminal_listens())
        conf_report(conf, &terminal, true);
    if (process_log.log != NULL)
        conf_report(conf, &process_log, true);
    if (copy_to != NULL)
        conf_report_to(conf, copy_to);
}

void
tell_copy(struct writer *w)
{
    copy_to = w;
}

void
tell_passed_on(struct str lines)
{
    if (copy_to == NULL)
        return;
    for (size_t i = 0; i < lines.len; i++) {
        unsigned char c = (unsigned char)lines.p[i];

        write_char(copy_to, (c < ' ' && c != '\n') || c == 0x7f ? '?' : lines.p[i]);
    }
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
