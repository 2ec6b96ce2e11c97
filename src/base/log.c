/* SPDX-License-Identifier: BSD-2-Clause */
/* log: lines of the error log, the files they go to, and the console. */
#include "base/log.h"
#include "base/clock.h"
#include "base/counters.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOW_READER_MS = 50 };

struct log_context process_log;

static int console_fd = STDERR_FILENO;

static const struct str level_names[] = {
#define LOG_AS_NAME(name, text) STR_INIT(text),
    LOG_LEVELS(LOG_AS_NAME)
#undef LOG_AS_NAME
};

const char *
log_level_name(enum log_level level)
{
    return level_names[level].p;
}

int
log_level_find(struct str name)
{
    for (int i = 0; i < LEVEL_COUNT; i++) {
        if (str_eq(level_names[i], name))
            return i;
    }
    return -1;
}

void
log_files_init(struct log_files *files, struct arena *arena)
{
    link_init(&files->head);
    files->arena = arena;
}

struct log_file *
log_file_add(struct log_files *files, struct str path)
{
    struct log_file *file;

    for (struct link *l = files->head.next; l != &files->head; l = l->next) {
        file = CONTAINER_OF(l, struct log_file, link);
        if (str_eq(file->path, path))
            return file;
    }

    file = ARENA_NEW(files->arena, struct log_file);
    if (file == NULL)
        return NULL;
    file->path = arena_str(files->arena, path);
    if (!str_is_set(file->path))
        return NULL;
    file->fd = -1;
    file->is_stderr = str_eq(path, STR("stderr"));
    list_push(&files->head, &file->link);
    return file;
}

bool
log_file_open(struct log_file *file)
{
    if (file->fd != -1)
        return true;
    if (file->is_stderr)
        file->fd = STDERR_FILENO;
    else
        file->fd = open(file->path.p,
                        O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
    return file->fd != -1;
}

static void
close_descriptor(struct log_file *file)
{
    if (file->fd != -1 && !file->is_stderr)
        close(file->fd);
    file->fd = -1;
}

bool
log_file_reopen(struct log_file *file)
{
    struct log_file anew = { .path = file->path, .fd = -1, .is_stderr = file->is_stderr };

    if (!log_file_open(&anew))
        return false;
    log_file_replace(file, anew.fd);
    return true;
}

void
log_file_replace(struct log_file *file, int fd)
{
    if (fd != file->fd)
        close_descriptor(file);
    file->fd = fd;
}

void
log_files_close(struct log_files *files)
{
    for (struct link *l = files->head.next; l != &files->head; l = l->next)
        close_descriptor(CONTAINER_OF(l, struct log_file, link));
}

static uint64_t
complaint_second(void)
{
    return now.mono_ms / 1000 + 1;
}

static bool
is_writable(int fd, int patience_ms)
{
    struct pollfd pfd = { .fd = fd, .events = POLLOUT };

    return poll(&pfd, 1, patience_ms) == 1;
}

/* As many whole lines as a pipe takes at once, so that lines of several processes do not mix. */
static size_t
pipe_portion(struct str bytes)
{
    const char *newline;

    if (bytes.len <= PIPE_BUF)
        return bytes.len;
    newline = memrchr(bytes.p, '\n', PIPE_BUF);
    return newline != NULL ? (size_t)(newline + 1 - bytes.p) : PIPE_BUF;
}

/*
 * Descriptor 2 is not ours alone, so it cannot be made non-blocking, and it may be a pipe that
 * nobody empties: what a writable pipe takes without blocking is PIPE_BUF bytes.
 */
static ssize_t
write_stderr(const struct log_file *file, struct str bytes)
{
    bool lost_lately = file->complained_s == complaint_second();

    if (!is_writable(file->fd, lost_lately ? 0 : SLOW_READER_MS)) {
        errno = EAGAIN;
        return -1;
    }
    return write(file->fd, bytes.p, pipe_portion(bytes));
}

static bool
write_all(const struct log_file *file, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = file->is_stderr ? write_stderr(file, bytes)
                                    : write(file->fd, bytes.p, bytes.len);

        if (n >= 0)
            bytes = str_from(bytes, (size_t)n);
        else if (errno != EINTR)
            return false;
    }
    return true;
}

static void
write_console(struct str line)
{
    struct log_file file = { .fd = console_fd };

    /* There is nowhere left to report that the console cannot be written. */
    (void)write_all(&file, line);
}

static bool
is_console(int fd)
{
    struct stat a, b;

    if (fd == console_fd)
        return true;
    return fstat(fd, &a) == 0 && fstat(console_fd, &b) == 0 && a.st_dev == b.st_dev
           && a.st_ino == b.st_ino;
}

/* Says that a log cannot be written, where that can be said without waiting and without the log. */
static COLD void
complain(struct log_file *file, int err)
{
    char line[LOG_LINE_MAX];
    struct writer w = writer_at(line, sizeof(line) - 1);

    if (file->complained_s == complaint_second())
        return;
    file->complained_s = complaint_second();
    if (is_console(file->fd) || !is_writable(console_fd, 0))
        return;
    write_fmt(&w, "weir: [alert] write() to \"%s\" failed (%d: %s), %" PRIu64 " writes lost so far",
              file->path.p, err, strerror(err), file->lost);
    *w.p++ = '\n';
    write_console((struct str){ line, (size_t)(w.p - line) });
}

bool
log_file_write(struct log_file *file, struct str bytes)
{
    int err = errno;

    if (LIKELY(write_all(file, bytes)))
        return true;
    file->lost++;
    stats->log_lines_lost++;
    complain(file, errno);
    errno = err;
    return false;
}

/* Cuts s to what fits, and writes its control bytes as \xXX, but for those in `kept`. */
static void
write_visible(struct writer *w, struct str s, const char *kept)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c >= 0x20 && c != 0x7f) || (c != '\0' && strchr(kept, c) != NULL)) {
            write_char(w, s.p[i]);
            continue;
        }
        write_str(w, STR("\\x"));
        write_char(w, hex[c >> 4]);
        write_char(w, hex[c & 0xf]);
    }
}

/* The line at `line`, with its newline: what does not fit in LOG_LINE_MAX is cut. */
static struct str
finish_line(char line[LOG_LINE_MAX], const struct writer *raw, const char *kept)
{
    struct writer w = writer_at(line, LOG_LINE_MAX - 1);

    write_visible(&w, (struct str){ raw->start, (size_t)(raw->p - raw->start) }, kept);
    *w.p++ = '\n';
    return (struct str){ line, (size_t)(w.p - line) };
}

static void PRINTF_LIKE(3, 0)
write_text(struct writer *w, int err, const char *fmt, va_list args)
{
    write_vfmt(w, fmt, args);
    if (err != 0)
        write_fmt(w, " (%d: %s)", err, strerror(err));
}

struct str
console_line(char line[LOG_LINE_MAX], enum log_level level, int err, const char *fmt, va_list args)
{
    char raw[LOG_LINE_MAX];
    struct writer w = writer_at(raw, sizeof(raw));

    write_fmt(&w, "weir: [%s] ", log_level_name(level));
    write_text(&w, err, fmt, args);
    return finish_line(line, &w, "\n\t");
}

static void PRINTF_LIKE(3, 0)
write_on_console(enum log_level level, int err, const char *fmt, va_list args)
{
    char line[LOG_LINE_MAX];

    write_console(console_line(line, level, err, fmt, args));
}

static void
write_prefix(struct writer *w, const struct log_context *ctx, enum log_level level)
{
    int pid = (int)getpid();

    write_str(w, clock_error_time());
    /* A process of ours has one thread that logs, so that its number is that of the process. */
    write_fmt(w, " [%s] %d#%d: ", log_level_name(level), pid, pid);
    if (ctx->connection != 0)
        write_fmt(w, "*%" PRIu64 " ", ctx->connection);
}

static void PRINTF_LIKE(4, 0)
write_to_log(const struct log_context *ctx, enum log_level level, int err, const char *fmt,
             va_list args)
{
    char raw[LOG_LINE_MAX], line[LOG_LINE_MAX];
    struct writer w = writer_at(raw, sizeof(raw));
    struct str whole;

    write_prefix(&w, ctx, level);
    write_text(&w, err, fmt, args);
    if (ctx->action != NULL)
        write_fmt(&w, " while %s", ctx->action);
    if (ctx->describe != NULL)
        ctx->describe(&w, ctx);
    whole = finish_line(line, &w, "");
    for (const struct log_output *out = ctx->log->outputs; out != NULL; out = out->next) {
        if (level <= out->level)
            log_file_write(out->file, whole);
    }
}

void
log_vwrite(const struct log_context *ctx, enum log_level level, int err, const char *fmt,
           va_list args)
{
    int errno_of_caller = errno;

    if (!log_wants(ctx, level))
        return;
    if (ctx->log == NULL)
        write_on_console(level, err, fmt, args);
    else
        write_to_log(ctx, level, err, fmt, args);
    errno = errno_of_caller;
}

void
log_write(const struct log_context *ctx, enum log_level level, int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_vwrite(ctx, level, err, fmt, args);
    va_end(args);
}

void
console(const char *fmt, ...)
{
    char raw[LOG_LINE_MAX], line[LOG_LINE_MAX];
    struct writer w = writer_at(raw, sizeof(raw));
    va_list args;

    write_str(&w, STR("weir: "));
    va_start(args, fmt);
    write_vfmt(&w, fmt, args);
    va_end(args);
    write_console(finish_line(line, &w, "\n\t"));
}

int
console_redirect(int fd)
{
    int old = console_fd;

    console_fd = fd;
    return old;
}
