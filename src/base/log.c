/* SPDX-License-Identifier: BSD-2-Clause */
/* log: lines of the error log, the files they go to, and the console. */
#include "base/log.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/map.h"
#include "base/syslog_server.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOW_READER_MS = 50 };

struct log_context process_log;
const struct log_context *log_told;
struct log_ring *log_rings;

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
    files->by_path = NULL;
    files->arena = arena;
}

struct log_file *
log_file_add(struct log_files *files, struct str path)
{
    struct log_file *file = map_get(files->by_path, path);
    void *old;

    if (file != NULL) {
        file->named++;
        if (file->kind == LOG_UNUSED)
            file->kind = LOG_FILE;
        return file;
    }
    if (files->by_path == NULL && (files->by_path = map_create(files->arena, false)) == NULL)
        return NULL;
    file = ARENA_NEW(files->arena, struct log_file);
    if (file == NULL)
        return NULL;
    file->path = arena_str(files->arena, path);
    if (!str_is_set(file->path) || !map_add(files->by_path, file->path, file, &old))
        return NULL;
    file->fd = -1;
    file->named = 1;
    file->kind = str_eq(path, STR("stderr")) ? LOG_STDERR : LOG_FILE;
    list_push(&files->head, &file->link);
    return file;
}

/* Rings go with the arena of their configuration. */
static void
forget_ring(void *data)
{
    struct log_ring **place = &log_rings;

    while (*place != NULL && *place != data)
        place = &(*place)->next;
    if (*place != NULL)
        *place = (*place)->next;
}

bool
log_file_make_ring(struct log_files *files, struct log_file *file, size_t size)
{
    struct log_ring *ring = ARENA_NEW(files->arena, struct log_ring);

    if (ring == NULL || (ring->bytes = arena_bytes(files->arena, size)) == NULL
        || !arena_defer(files->arena, forget_ring, ring))
        return false;
    ring->size = size;
    ring->next = log_rings;
    log_rings = ring;
    file->ring = ring;
    file->kind = LOG_MEMORY;
    return true;
}

bool
log_file_open(struct log_file *file, struct log_refusal *why)
{
    if (file->fd != -1 || (file->kind != LOG_FILE && file->kind != LOG_STDERR))
        return true;
    if (file->kind == LOG_STDERR)
        file->fd = STDERR_FILENO;
    else
        file->fd = log_open(file->path.p, why);
    return file->fd != -1;
}

static void
close_descriptor(struct log_file *file)
{
    if (file->fd != -1 && file->kind == LOG_FILE)
        close(file->fd);
    file->fd = -1;
    if (file->kind == LOG_SYSLOG)
        syslog_server_close(file->server);
}

bool
log_file_reopen(struct log_file *file, struct log_refusal *why)
{
    struct log_file anew = { .path = file->path, .fd = -1, .kind = file->kind };

    if (file->kind != LOG_FILE && file->kind != LOG_STDERR)
        return true;
    if (!log_file_open(&anew, why))
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

/*
 * As many whole lines as a pipe takes at once or not at all, so that lines of several processes do
 * not mix, and none is lost by half. One that is longer may be.
 */
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
is_pipe(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* A pipe that is nearly full takes a part of what is larger than PIPE_BUF, and cuts a line. */
static ssize_t
write_file(const struct log_file *file, struct str bytes)
{
    size_t len = bytes.len > PIPE_BUF && is_pipe(file->fd) ? pipe_portion(bytes) : bytes.len;

    return write(file->fd, bytes.p, len);
}

static void
write_to_ring(struct log_ring *ring, struct str bytes)
{
    ring->written += bytes.len;
    while (bytes.len > 0) {
        size_t n = MIN(bytes.len, ring->size - ring->at);

        memcpy(ring->bytes + ring->at, bytes.p, n);
        ring->at = (ring->at + n) % ring->size;
        bytes = str_from(bytes, n);
    }
}

/*
 * What was written of something whole, when the disk became full: half a line would be glued to the
 * next one, and half a gzip member makes all behind it unreadable. If anybody has written behind it
 * meanwhile, it stays.
 */
static COLD void
take_back(int fd, size_t len)
{
    int err = errno;
    off_t end = lseek(fd, 0, SEEK_CUR);
    struct stat st;

    if (len > 0 && end >= (off_t)len && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)
        && st.st_size == end && ftruncate(fd, end - (off_t)len) == 0)
        lseek(fd, end - (off_t)len, SEEK_SET);
    errno = err;
}

static bool
write_all(const struct log_file *file, struct str bytes)
{
    size_t len = bytes.len;

    while (bytes.len > 0) {
        ssize_t n = file->kind == LOG_STDERR ? write_stderr(file, bytes) : write_file(file, bytes);

        if (n >= 0)
            bytes = str_from(bytes, (size_t)n);
        else if (errno != EINTR)
            break;
    }
    if (LIKELY(bytes.len == 0))
        return true;
    take_back(file->fd, len - bytes.len);
    return false;
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
    if ((file->fd != -1 && is_console(file->fd)) || !is_writable(console_fd, 0))
        return;
    write_fmt(&w, "weir: [alert] %s to \"%s\" failed (%d: %s), %" PRIu64 " writes lost so far",
              file->kind == LOG_SYSLOG ? "send()" : "write()", file->path.p, err, strerror(err),
              file->lost);
    *w.p++ = '\n';
    write_console((struct str){ line, (size_t)(w.p - line) });
}

/* One line: its newline is no part of a message. */
static bool
send_line(const struct log_file *file, unsigned severity, struct str line)
{
    if (line.len > 0 && line.p[line.len - 1] == '\n')
        line.len--;
    return syslog_server_send(file->server, severity, line);
}

static bool
write_by_kind(struct log_file *file, unsigned severity, struct str bytes)
{
    switch (file->kind) {
    case LOG_FILE:
    case LOG_STDERR:
        return write_all(file, bytes);
    case LOG_SYSLOG:
        return send_line(file, severity, bytes);
    case LOG_MEMORY:
        write_to_ring(file->ring, bytes);
        break;
    case LOG_UNUSED:
        break;
    }
    return true;
}

static bool
write_or_count(struct log_file *file, unsigned severity, struct str bytes)
{
    int err = errno;

    if (LIKELY(write_by_kind(file, severity, bytes)))
        return true;
    file->lost++;
    stats->log_lines_lost++;
    complain(file, errno);
    errno = err;
    return false;
}

bool
log_file_write(struct log_file *file, struct str bytes)
{
    return write_or_count(file, file->kind == LOG_SYSLOG ? file->server->severity : 0, bytes);
}

/* The line at `line`, with its newline: what does not fit in LOG_LINE_MAX is cut. */
static struct str
finish_line(char line[LOG_LINE_MAX], const struct writer *raw, const char *kept)
{
    struct writer w = writer_at(line, LOG_LINE_MAX - 1);

    write_for_terminal(&w, (struct str){ raw->start, (size_t)(raw->p - raw->start) }, kept);
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

/* What is to be said, before it is put into a line. */
struct message {
    const struct log_context *ctx;
    enum log_level level;
    int err;
    struct str text;
};

static struct str
text_line(char line[LOG_LINE_MAX], const struct message *m)
{
    char raw[LOG_LINE_MAX];
    struct writer w = writer_at(raw, sizeof(raw));
    struct log_details details = { .w = &w };

    write_prefix(&w, m->ctx, m->level);
    write_str(&w, m->text);
    if (m->err != 0)
        write_fmt(&w, " (%d: %s)", m->err, strerror(m->err));
    if (m->ctx->action != NULL)
        write_fmt(&w, " while %s", m->ctx->action);
    if (m->ctx->describe != NULL)
        m->ctx->describe(&details, m->ctx);
    return finish_line(line, &w, "");
}

/* ---- lines of JSON ------------------------------------------------------------------------- */

enum {
    JSON_END = 3,               /* the quote, the brace and the newline at a line's end */
    JSON_DETAILS = 1500         /* bytes that a long message leaves to what follows it */
};

/* A string, cut so that `spare` bytes are left behind it: a line is an object, however long. */
static void
write_member(struct writer *w, const char *name, struct str value, size_t spare)
{
    enum { LONGEST = 6 };       /* of one character: \u001b */

    if ((size_t)(w->end - w->p) < strlen(name) + 6 + spare)
        return;
    write_fmt(w, ",\"%s\":\"", name);
    while (value.len > 0 && (size_t)(w->end - w->p) >= LONGEST + spare) {
        size_t n = MAX(str_utf8_length(value), 1);

        write_json(w, (struct str){ value.p, n });
        value = str_from(value, n);
    }
    write_char(w, '"');
}

static struct str
json_line(char line[LOG_LINE_MAX], const struct message *m)
{
    struct writer w = writer_at(line, LOG_LINE_MAX);
    struct log_details details = { .w = &w, .json = true };
    int pid = (int)getpid();

    write_fmt(&w, "{\"time\":\"%.*s\",\"level\":\"%s\",\"pid\":%d,\"tid\":%d",
              STR_ARG(clock_iso8601()), log_level_name(m->level), pid, pid);
    if (m->ctx->connection != 0)
        write_fmt(&w, ",\"connection\":%" PRIu64, m->ctx->connection);
    if (m->err != 0) {
        write_fmt(&w, ",\"errno\":%d", m->err);
        write_member(&w, "error", str_of(strerror(m->err)), JSON_END);
    }
    write_member(&w, "message", m->text, JSON_DETAILS);
    if (m->ctx->action != NULL)
        write_member(&w, "action", str_of(m->ctx->action), JSON_END);
    if (m->ctx->describe != NULL)
        m->ctx->describe(&details, m->ctx);
    write_str(&w, STR("}\n"));
    return (struct str){ line, (size_t)(w.p - line) };
}

void
log_detail(struct log_details *details, const char *name, struct str value)
{
    if (details->json) {
        write_member(details->w, name, value, JSON_END);
        return;
    }
    write_fmt(details->w, ", %s: ", name);
    write_str(details->w, value);
}

void
log_detail_quoted(struct log_details *details, const char *name, struct str value)
{
    if (value.len == 0)
        return;
    if (details->json) {
        write_member(details->w, name, value, JSON_END);
        return;
    }
    write_fmt(details->w, ", %s: \"", name);
    write_log_escaped(details->w, value);
    write_char(details->w, '"');
}

/* ---- writing ------------------------------------------------------------------------------- */

static void PRINTF_LIKE(4, 0)
write_to_log(const struct log_context *ctx, enum log_level level, int err, const char *fmt,
             va_list args)
{
    char raw[LOG_LINE_MAX], text[LOG_LINE_MAX], json[LOG_LINE_MAX];
    struct str lines[2] = { STR_NONE, STR_NONE };
    struct writer w = writer_at(raw, sizeof(raw));
    struct message m = { .ctx = ctx, .level = level, .err = err };

    write_vfmt(&w, fmt, args);
    m.text = (struct str){ raw, (size_t)(w.p - raw) };
    for (const struct log_output *out = ctx->log->outputs; out != NULL; out = out->next) {
        struct str *line = &lines[out->json];

        if (level > out->level && !ctx->debug)
            continue;
        if (!str_is_set(*line))
            *line = out->json ? json_line(json, &m) : text_line(text, &m);
        write_or_count(out->file, level, *line);
    }
}

void
log_vwrite(const struct log_context *ctx, enum log_level level, int err, const char *fmt,
           va_list args)
{
    int errno_of_caller = errno;

    if (!log_wants(ctx, level))
        return;
    if (level <= LEVEL_ERR)
        log_told = ctx;
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
