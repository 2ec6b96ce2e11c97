/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log: the error log and the console.
 *
 * In the log a line is
 *     YYYY/MM/DD HH:MM:SS [level] PID#TID: *CONN text (errno: strerror) while ACTION, client: A,
 *     server: S, request: "…", host: "…"
 * or a JSON object with the same; on the console, before there is a log,
 *     weir: [level] text (errno: strerror)
 * One line is one write(2) of at most LOG_LINE_MAX bytes, longer ones are cut. Control bytes in
 * values are escaped here, in this one place, so that no peer can forge a line. A write that fails
 * is counted and never blocks or stops the process.
 */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include "base/compiler.h"
#include "base/list.h"
#include "base/log_open.h"
#include "base/writer.h"
#include <stdarg.h>
#include <sys/types.h>

struct log_rotation;            /* base/log_rotation.h */

enum { LOG_LINE_MAX = 4096 };

/* Level, name in the conf file; the most severe first. */
#define LOG_LEVELS(X)       \
    X(EMERG,  "emerg")      \
    X(ALERT,  "alert")      \
    X(CRIT,   "crit")       \
    X(ERR,    "error")      \
    X(WARN,   "warn")       \
    X(NOTICE, "notice")     \
    X(INFO,   "info")       \
    X(DEBUG,  "debug")
enum log_level {
#define LOG_AS_ENUM(name, text) LEVEL_##name,
    LOG_LEVELS(LOG_AS_ENUM)
#undef LOG_AS_ENUM
    LEVEL_COUNT
};

/* "error" …; and back: -1 when it is no level. */
const char *log_level_name(enum log_level level);
int log_level_find(struct str name);

enum log_kind {
    LOG_FILE,
    LOG_STDERR,                 /* descriptor 2, never reopened */
    LOG_SYSLOG,                 /* its socket is opened by whoever writes */
    LOG_MEMORY,                 /* a ring, each process has its own */
    LOG_UNUSED                  /* a file that only a default names, which holds nowhere */
};

/* The last bytes that were written. */
struct log_ring {
    size_t size, at;            /* the next byte goes to at */
    uint64_t written;           /* bytes in all */
    char *bytes;
    struct log_ring *next;      /* the one that was made before */
};
/* All rings, the newest first: nobody but a debugger reads them. */
extern struct log_ring *log_rings;

/*
 * What is written line by line: error logs and access logs. The master opens the files and the
 * workers inherit the descriptors; reopening replaces the descriptor behind the same struct, so
 * everybody who holds the struct follows.
 */
struct log_file {
    struct link link;           /* in a struct log_files */
    struct str path;            /* absolute, NUL-terminated; or what else the conf file says */
    int fd;                     /* -1: not open; of files and stderr */
    enum log_kind kind;
    struct syslog_server *server;       /* LOG_SYSLOG */
    struct log_ring *ring;      /* LOG_MEMORY */
    uint32_t named;             /* how often it was asked for */
    struct log_rotation *rotation;      /* by weir itself; NULL: by others */
    void *buffer;               /* of whoever gathers lines for it */
    uint64_t lost;              /* lines or bytes' writes that failed since start */
    uint64_t complained_s;      /* monotonic second of the last complaint about a failed write,
                                   plus 1; 0: none */
};

/* All files of one configuration. */
struct log_files {
    struct link head;
    struct map *by_path;        /* NULL: there are none yet */
    struct arena *arena;
};

void log_files_init(struct log_files *files, struct arena *arena);

/*
 * The file of that path, new (not yet open) or already listed. NULL when memory is short. "stderr"
 * is of its kind; whoever adds something else that is no file sets its kind. What is asked for
 * again is not unused.
 */
struct log_file *log_file_add(struct log_files *files, struct str path);

/* The file becomes a ring of so many bytes. False when memory is short. */
bool log_file_make_ring(struct log_files *files, struct log_file *file, size_t size);

/* By log_open. True when it is open afterwards, or needs not be; else *why tells, and errno. */
bool log_file_open(struct log_file *file, struct log_refusal *why);
/*
 * Opens anew by path; on failure the old descriptor stays, *why tells and false is returned. The
 * caller logs.
 */
bool log_file_reopen(struct log_file *file, struct log_refusal *why);
/* Replaces the descriptor by one that was opened elsewhere and closes the old. */
void log_file_replace(struct log_file *file, int fd);
void log_files_close(struct log_files *files);

/*
 * Writes all, or counts the loss (in the file and in the counters); false when something was lost.
 * What goes to syslog is one line, and has the server's own severity.
 * Never blocks beyond a regular file's write, but for stderr: a reader that is merely slow gets a
 * moment, once a second at most. Says on the console, once a second at most, that writes fail.
 */
bool log_file_write(struct log_file *file, struct str bytes);

/*
 * Where an error log goes: a chain of files, each with its own level (error_log may stand several
 * times).
 */
struct log_output {
    struct log_file *file;
    enum log_level level;       /* this and more severe ones */
    bool json;                  /* a line is a JSON object */
    struct log_output *next;
};

struct log {
    struct log_output *outputs;
    enum log_level level;       /* the least severe that any output wants: what is below costs
                                   one comparison */
};

/* Takes what is known of the circumstances, for a line of text or of JSON. */
struct log_details {
    struct writer *w;
    bool json;
};
/* ", client: 192.0.2.1", or a member of the object. */
void log_detail(struct log_details *details, const char *name, struct str value);
/* ", request: \"GET / HTTP/1.1\"", escaped; nothing when the value is empty. */
void log_detail_quoted(struct log_details *details, const char *name, struct str value);

/*
 * What is known of the circumstances. The one who starts something owns the struct and passes it
 * down.
 */
struct log_context {
    const struct log *log;      /* NULL: the console */
    uint64_t connection;        /* *CONN, 0: none */
    const char *action;         /* "reading client request line", or NULL */
    bool debug;                 /* all outputs take all levels (debug_connection) */
    /* Calls log_detail; NULL: nothing to add. */
    void (*describe)(struct log_details *details, const struct log_context *ctx);
};

/*
 * The context of code that has none of its own: process-wide, on the console until proc/ gives it a
 * log.
 */
extern struct log_context process_log;

/*
 * The context of the last line of level error or worse, to see whether a failure was told of. Not to
 * be looked into; whoever begins a context where an earlier one was sets it to NULL.
 */
extern const struct log_context *log_told;

/* err: an errno value to explain, or 0. */
void log_write(const struct log_context *ctx, enum log_level level, int err, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void log_vwrite(const struct log_context *ctx, enum log_level level, int err, const char *fmt,
                va_list args) PRINTF_LIKE(4, 0);

static inline bool
log_wants(const struct log_context *ctx, enum log_level level)
{
    if (ctx->log == NULL)
        return level <= LEVEL_NOTICE;
    return level <= ctx->log->level || ctx->debug;
}

/* The usual way: nothing is evaluated when nobody wants the level. */
#define LOG(ctx, level, err, ...)                                           \
    do {                                                                    \
        if (UNLIKELY(log_wants((ctx), LEVEL_##level)))                      \
            log_write((ctx), LEVEL_##level, (err), __VA_ARGS__);            \
    } while (0)

/* Text on stderr as "weir: …\n", always: usage, verdicts, what the command line has to say. */
void console(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The line that log_vwrite writes on the console, as text with its newline, in `line`. */
struct str console_line(char line[LOG_LINE_MAX], enum log_level level, int err, const char *fmt,
                        va_list args) PRINTF_LIKE(4, 0);

/* Redirects the console's descriptor (default 2), for tests; returns the old one. */
int console_redirect(int fd);

#endif
