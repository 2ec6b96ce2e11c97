/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/explain.h"

#include "base/clock.h"
#include "base/counters.h"
#include "proc/ask.h"
#include "proc/explain_parts.h"
#include "proc/privileges.h"
#include "proc/runtime.h"
#include "proc/tell.h"
#include "proc/walls.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ARENA_BLOCK = 64 << 10 };

/* What is being put together. */
struct telling {
    struct arena *arena;
    struct runtime *rt;
    struct explain_report report;
};

/* ---- logs ---------------------------------------------------------------------------------- */

/* What would be written to an error log is written into memory, and read from there. */
static bool
divert_logs(struct log_files *files)
{
    for (struct link *l = files->head.next; l != &files->head; l = l->next) {
        struct log_file *file = CONTAINER_OF(l, struct log_file, link);

        file->kind = LOG_FILE;
        if ((file->fd = memfd_create("log", MFD_CLOEXEC)) < 0)
            return false;
    }
    return true;
}

/* What was written since the last time. */
static struct str
read_log(struct arena *arena, struct log_file *file)
{
    off_t size = lseek(file->fd, 0, SEEK_CUR);
    char *text = size > 0 ? arena_bytes(arena, (size_t)size) : NULL;
    ssize_t n;

    if (text == NULL || (n = pread(file->fd, text, (size_t)size, 0)) < 0)
        return STR("");
    lseek(file->fd, 0, SEEK_SET);
    return (struct str){ text, (size_t)n };
}

static struct str
take_line(struct str *rest)
{
    ptrdiff_t end = str_find(*rest, '\n', 0);
    struct str line = { rest->p, end < 0 ? rest->len : (size_t)end };

    *rest = str_from(*rest, line.len + 1);
    return line;
}

/* Without date and process, and without the request, which the reader knows. */
static struct str
log_text(struct str line)
{
    ptrdiff_t level = str_find(line, '[', 0);
    const char *client = memmem(line.p, line.len, ", client: ", 10);
    const char *number = memmem(line.p, line.len, "#", 1);
    const char *text;

    if (line.len == 0 || line.p[0] == '{' || level < 0 || number == NULL)
        return line;
    if (client != NULL)
        line.len = (size_t)(client - line.p);
    text = memmem(line.p, line.len, ": ", 2);
    if (text == NULL)
        return line;
    text += 2;
    if (*text == '*')           /* the connection's number */
        text = memchr(text, ' ', (size_t)(line.p + line.len - text));
    return text != NULL ? str_trim((struct str){ text, (size_t)(line.p + line.len - text) }) : line;
}

static void
add_step(struct telling *t, const struct explain_step *step)
{
    struct explain_step *place = VEC_ADD(t->arena, &t->report.steps);

    if (place != NULL)
        *place = *step;
}

static bool
is_told(const struct telling *t, const struct explain_step *step)
{
    const struct explain_step *last;

    if (t->report.steps.len == 0)
        return false;
    last = &t->report.steps.items[t->report.steps.len - 1];
    return str_eq(last->label, step->label) && str_eq(last->text, step->text);
}

/* The steps once more. */
static bool
is_debugging(struct str line)
{
    return memmem(line.p, line.len, " [debug] ", 9) != NULL
           || memmem(line.p, line.len, "\"level\":\"debug\"", 15) != NULL;
}

/* The same line may stand in several logs. */
static void
tell_errors(struct telling *t)
{
    struct link *head = &t->rt->log_files.head;

    for (struct link *l = head->next; l != head; l = l->next) {
        struct str rest = read_log(t->arena, CONTAINER_OF(l, struct log_file, link));

        while (rest.len > 0) {
            struct str line = take_line(&rest);
            struct explain_step step = { .label = STR("error_log"), .text = log_text(line) };

            if (!is_debugging(line) && !is_told(t, &step))
                add_step(t, &step);
        }
    }
}

/* ---- steps --------------------------------------------------------------------------------- */

/* "index: …" has a name in front. */
static size_t
label_len(struct str text)
{
    size_t n = 0;

    while (n < text.len && (text.p[n] == '_' || (text.p[n] >= 'a' && text.p[n] <= 'z')
                            || (n > 0 && text.p[n] >= '0' && text.p[n] <= '9')))
        n++;
    return n > 0 && str_starts(str_from(text, n), STR(": ")) ? n : 0;
}

static void
on_step(void *ctx, const struct conf_mark *where, struct str text)
{
    struct telling *t = ctx;
    size_t n = label_len(text);
    struct explain_step step = {
        .label = arena_str(t->arena, (struct str){ text.p, n }),
        .text = arena_str(t->arena, n > 0 ? str_from(text, n + 2) : text),
    };

    tell_errors(t);
    if (where != NULL)
        step.where = *where;
    add_step(t, &step);
}

/* The file that was found last, if nothing else was chosen since; not those of subrequests. */
static struct str
served_file(const struct explain_report *report)
{
    static const char end_of_one[] = " is answered with ";
    unsigned depth = 0;

    for (uint32_t i = report->steps.len; i > 0; i--) {
        const struct explain_step *step = &report->steps.items[i - 1];

        if (str_eq(step->label, STR("subrequest"))) {
            if (memmem(step->text.p, step->text.len, end_of_one, sizeof(end_of_one) - 1) != NULL)
                depth++;
            else if (depth > 0)
                depth--;
            continue;
        }
        if (depth > 0)
            continue;
        if (str_eq(step->label, STR("file")))
            return step->text;
        if (str_eq(step->label, STR("location")))
            break;
    }
    return STR_NONE;
}

static void
on_answered(void *ctx, const struct http_request *req)
{
    struct telling *t = ctx;

    tell_errors(t);
    if (!req->response.special)
        t->report.file = served_file(&t->report);
}

static void
on_logged(void *ctx, const struct http_log_line *line)
{
    struct telling *t = ctx;
    struct explain_log *log = VEC_ADD(t->arena, &t->report.logs);
    struct str text = line->text;

    if (log == NULL)
        return;
    if (str_ends(text, STR("\n")))
        text.len--;
    *log = (struct explain_log){
        .file = arena_str(t->arena, line->file), .where = *line->where,
        .line = str_is_set(text) ? arena_str(t->arena, text) : STR_NONE,
    };
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool
open_zones(struct zones *zones)
{
    for (struct link *l = zones->head.next; l != &zones->head; l = l->next)
        if (!zone_open(CONTAINER_OF(l, struct zone, link), NULL))
            return false;
    return true;
}

/*
 * Zones and counters are of this process alone: nobody's limits are touched. And what those who serve
 * may not open is not opened here, be it for their user or for their walls.
 */
static bool
prepare(struct runtime *rt)
{
    struct counters_segment *segment = counters_create(1);

    if (segment == NULL || !divert_logs(&rt->log_files) || !open_zones(&rt->zones)
        || !privileges_drop(rt->main->master_process ? &rt->main->user : NULL, PRIVILEGES_WRITE)
        || !walls_enter_files(rt))
        return false;
    counters_use(segment, 0, rt->generation);
    http_count_hosts(rt->setup.http, segment);
    tell_log(&rt->main->log);
    return true;
}

static void
tell_addresses(struct telling *t)
{
    struct writer w = writer_in(t->arena);
    const char *addresses;

    write_http_addresses(&w, t->rt->setup.http);
    addresses = writer_cstr(&w);
    if (addresses == NULL || *addresses == '\0')
        console("the configuration has no \"server\"");
    else
        console("nothing listens there: the configuration has %s", addresses);
}

static bool
is_answered(struct telling *t)
{
    const struct http_explained *e = &t->report.explained;

    if (e->answered)
        return true;
    if (e->listened)
        console("no handler answered in time");
    else
        tell_addresses(t);
    return false;
}

static bool
wants_colours(const struct explain *explain)
{
    const char *no = getenv("NO_COLOR");

    return !explain->no_colour && (no == NULL || no[0] == '\0') && isatty(STDOUT_FILENO);
}

static bool
show(struct telling *t, const struct explain *explain)
{
    struct writer w = writer_in(t->arena);

    if (explain->json)
        write_explain_json(&w, &t->report);
    else
        write_explain_text(&w, &t->report, wants_colours(explain));
    return w.ok && ask_show(STDOUT_FILENO, writer_str(&w));
}

static int
tell_all(struct telling *t, const struct explain *explain)
{
    const struct http_trace trace = { .step = on_step, .answered = on_answered,
                                      .logged = on_logged, .ctx = t };
    struct explain_report *r = &t->report;

    if (t->rt->setup.http == NULL) {
        console("the configuration has no \"http\" section");
        return EXIT_FAILURE;
    }
    if (!prepare(t->rt)
        || !http_explain(t->rt->setup.http, &r->question.asked, &trace, &r->explained)) {
        tell_log(NULL);
        tell(LEVEL_EMERG, errno, "the request cannot be explained");
        return EXIT_FAILURE;
    }
    tell_log(NULL);
    if (r->steps.len > 0 && !show(t, explain))
        return EXIT_FAILURE;
    return is_answered(t) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
explain_in(struct arena *arena, const struct options *options, const struct explain *explain)
{
    struct telling t = { .arena = arena };
    int status;

    clock_update();
    if (!explain_read(arena, explain, &t.report.question)
        || (t.rt = runtime_read(options)) == NULL)
        return EXIT_FAILURE;
    t.report.conf_path = options->conf_path;
    status = tell_all(&t, explain);
    runtime_free(t.rt);
    return status;
}

int
explain_run(const struct options *options, const struct explain *explain)
{
    struct arena *arena = arena_create(ARENA_BLOCK, 0);
    int status = EXIT_FAILURE;

    if (arena == NULL)
        tell(LEVEL_EMERG, ENOMEM, "the request cannot be explained");
    else
        status = explain_in(arena, options, explain);
    arena_destroy(arena);
    return status;
}
