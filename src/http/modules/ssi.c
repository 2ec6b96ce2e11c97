/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ssi: server side includes. Carries out the commands <!--# … --> that stand in an answer, while
 * it is sent.
 *
 * The answer is a page: a template, or a block that stands in for an include that failed. It is
 * read in pieces; what a command gives is sent before the next is looked at, so that all comes in
 * order, and a value that an included page sets is known behind it.
 */
#include "base/clock.h"
#include "http/engine.h"
#include "http/module.h"
#include "http/path.h"
#include "http/ssi_state.h"
#include "http/ssi_time.h"
#include "http/subrequest.h"
#include "http/types_set.h"
#include "http/uri.h"
#include <errno.h>
#include <stdlib.h>

enum {
    READ_AHEAD = BODY_READ_MAX, /* bytes of a template in memory at a time */
    SCRATCH_BLOCK = 2048,       /* of the memory of one command */
    SCRATCH_LIMIT = 8 << 20,
    COMMANDS_MAX = 16,          /* in one turn: a match may take long */
    TOLD_MAX = 1024             /* bytes of a message */
};

struct ssi_conf {
    bool is_on, last_modified, silent_errors;
    struct types_set types;
    uint64_t value_length, expanded_length;     /* bytes */
};

/* Where a page is among if, elif, else and endif. */
struct branches {
    enum { OUTSIDE, BEHIND_IF, BEHIND_ELSE } at;
    bool is_off;                /* what stands here is not wanted */
    bool was_on;                /* one of the branches was */
};

/* The memory that a page needs as long as it is read. By malloc. */
struct work {
    struct arena *scratch;      /* of one command */
    struct ssi_scan scan;
    char in[READ_AHEAD];
};

/* An include that is being sent. */
struct include {
    struct http_subrequest *sub;        /* NULL: none, or it is done and looked at */
    struct http_request *req;   /* of what was asked for */
    struct body_part *body;     /* what is still to be sent of it; NULL: none */
    bool is_empty;              /* nothing was sent of it so far */
    const struct ssi_block *stub;       /* NULL: none */
    struct str set;             /* the variable that it goes to, and into that; STR_NONE: it is
                                   sent */
    char *into;                 /* of subrequest_output_buffer_size */
    size_t len;
};

struct page {
    struct body_source source;
    struct http_request *req;
    const struct ssi_conf *conf;
    struct work *work;          /* NULL: not begun, or over */
    struct str ahead;           /* of work->in */
    bool is_last;               /* nothing of the template comes behind it */
    bool is_used;               /* scratch holds what may go now */
    struct str out;             /* to be sent next */
    struct include include;
    struct branches branches;
    struct ssi_block *saving;   /* between "block" and "endblock" */
    const struct ssi_item *item;        /* of a block that is played: the next; else NULL */
    bool is_block;
    unsigned commands;          /* that were found in this turn */
};

/* ---- errors -------------------------------------------------------------------------------- */

static void
show_error(struct page *page)
{
    const struct ssi_kept *kept = &page->req->ssi->error_message;

    if (page->conf->silent_errors)
        return;
    page->out = str_is_set(kept->text)
                    ? kept->text : STR("[an error occurred while processing the directive]");
}

static void PRINTF_LIKE(2, 3)
fail(struct page *page, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_vwrite(&page->req->log, LEVEL_ERR, 0, fmt, args);
    va_end(args);
    show_error(page);
}

static void
fail_told(struct page *page, struct writer *told)
{
    fail(page, "%.*s", (int)(told->p - told->start), told->start);
}

/* ---- values -------------------------------------------------------------------------------- */

static struct str
lookup(void *ctx, struct str name)
{
    return ssi_value(ctx, name);
}

/* STR_NONE after it failed. */
static struct str
expand(struct page *page, struct str text)
{
    char room[TOLD_MAX];
    struct writer told = writer_at(room, sizeof(room));
    struct str value = ssi_expand(page->work->scratch, text, page->conf->expanded_length, lookup,
                                  page->req, &told);

    if (!str_is_set(value))
        fail_told(page, &told);
    return value;
}

/* Whether the expression of "if" or "elif" holds; MATCH_GIVEN_UP after it failed. */
static enum http_match
holds(struct page *page, struct str text)
{
    struct ssi_expression e;
    struct str left, right;
    enum http_match match = MATCH_NONE;

    if (!ssi_expression_read(text, &e)) {
        fail(page, "invalid expression in \"%.*s\"", STR_ARG(text));
        return MATCH_GIVEN_UP;
    }
    left = expand(page, e.left);
    if (!str_is_set(left))
        return MATCH_GIVEN_UP;
    if (e.test == SSI_IS_TRUE)
        return left.len > 0 ? MATCH_FOUND : MATCH_NONE;
    right = expand(page, e.right);
    if (!str_is_set(right))
        return MATCH_GIVEN_UP;
    if (e.test == SSI_IS_EQUAL)
        match = str_eq(left, right) ? MATCH_FOUND : MATCH_NONE;
    else
        match = ssi_match(page->req, right, left);
    if (match == MATCH_GIVEN_UP)
        show_error(page);
    else if (e.is_negated)
        match = match == MATCH_FOUND ? MATCH_NONE : MATCH_FOUND;
    return match;
}

/* ---- config, echo, set --------------------------------------------------------------------- */

static void
do_config(struct page *page, const struct ssi_command *command)
{
    struct ssi_state *state = page->req->ssi;
    struct str message = command->params[SSI_PARAM_ERRMSG];
    struct str format = command->params[SSI_PARAM_TIMEFMT];

    if ((str_is_set(message) && !ssi_keep(page->req, &state->error_message, message))
        || (str_is_set(format) && !ssi_keep(page->req, &state->time_format, format)))
        show_error(page);
}

static void
write_entities(struct writer *w, struct str s)
{
    write_html(w, s);
}

static void
write_as_it_is(struct writer *w, struct str s)
{
    write_str(w, s);
}

static void
do_echo(struct page *page, const struct ssi_command *command)
{
    static const struct {
        struct str name;
        void (*write)(struct writer *w, struct str s);
    } encodings[] = {
        { STR_INIT("entity"), write_entities },
        { STR_INIT("none"), write_as_it_is },
        { STR_INIT("url"), ssi_write_url },
    };
    struct str value = ssi_value(page->req, command->params[SSI_PARAM_VAR]);
    struct str encoding = command->params[SSI_PARAM_ENCODING];
    struct writer w = writer_in(page->work->scratch);
    size_t i = 0;

    while (str_is_set(encoding) && i < ARRAY_LEN(encodings) && !str_eq(encodings[i].name, encoding))
        i++;
    if (i == ARRAY_LEN(encodings)) {
        LOG(&page->req->log, ERR, 0, "unknown encoding \"%.*s\" in the \"echo\" command",
            STR_ARG(encoding));
        i = 0;
    }
    if (!str_is_set(value))
        value = command->params[SSI_PARAM_DEFAULT];
    if (!str_is_set(value))
        value = STR("(none)");
    if (value.len == 0)
        return;
    encodings[i].write(&w, value);
    if (w.ok)
        page->out = writer_str(&w);
    else
        fail(page, "no memory for the value of \"%.*s\"", STR_ARG(command->params[SSI_PARAM_VAR]));
}

static void
do_set(struct page *page, const struct ssi_command *command)
{
    struct str value = expand(page, command->params[SSI_PARAM_VALUE]);

    if (str_is_set(value)
        && !ssi_value_set(page->req->ssi->shared, command->params[SSI_PARAM_VAR], value))
        show_error(page);
}

/* ---- if, elif, else, endif, block ---------------------------------------------------------- */

static void
enter_branch(struct page *page, const struct ssi_command *command)
{
    struct branches *branches = &page->branches;
    enum http_match match = holds(page, command->params[SSI_PARAM_EXPR]);

    if (command->kind == SSI_IF) {
        if (match == MATCH_GIVEN_UP)
            return;             /* it is as if it had not been there */
        *branches = (struct branches){ .at = BEHIND_IF };
    }
    branches->is_off = match != MATCH_FOUND;
    branches->was_on = match == MATCH_FOUND;
}

static void
do_branch(struct page *page, const struct ssi_command *command)
{
    struct branches *branches = &page->branches;

    switch (command->kind) {
    case SSI_IF:
        if (branches->at == OUTSIDE)
            enter_branch(page, command);
        else
            fail(page, "the \"if\" command inside the \"if\" command");
        return;
    case SSI_ELIF:
        if (branches->was_on)
            branches->is_off = true;
        else
            enter_branch(page, command);
        return;
    case SSI_ELSE:
        branches->at = BEHIND_ELSE;
        branches->is_off = branches->was_on;
        return;
    default:
        *branches = (struct branches){ .at = OUTSIDE };
    }
}

/* Whether "elif", "else" or "endif" may stand here; false after it failed. */
static bool
is_in_place(struct page *page, enum ssi_kind kind)
{
    static const char *const names[] = {
        [SSI_ELIF] = "elif", [SSI_ELSE] = "else", [SSI_ENDIF] = "endif",
    };
    bool is_branch = kind == SSI_ELIF || kind == SSI_ELSE;

    if (!is_branch && kind != SSI_ENDIF)
        return true;
    if (page->branches.at == BEHIND_IF || (page->branches.at == BEHIND_ELSE && !is_branch))
        return true;
    fail(page, "invalid context of SSI command: \"%s\"", names[kind]);
    return false;
}

static void
do_block(struct page *page, const struct ssi_command *command)
{
    page->saving = ssi_block_begin(page->req->ssi->shared, command->params[SSI_PARAM_NAME]);
    if (page->saving == NULL)
        show_error(page);
}

/* ---- include ------------------------------------------------------------------------------- */

/* "..", whatever of it is encoded, is a segment of the path. */
static bool
climbs(struct str path)
{
    size_t dots = 0, len = 0;   /* of the segment */

    for (size_t i = 0; i <= path.len; i++) {
        if (i == path.len || path.p[i] == '/') {
            if (dots == 2 && len == 2)
                return true;
            dots = len = 0;
            continue;
        }
        if (path.p[i] == '.') {
            dots++;
        } else if (str_istarts(str_from(path, i), STR("%2e"))) {
            dots++;
            i += 2;
        }
        len++;
    }
    return false;
}

/*
 * The path that an include means: what does not begin with "/" is beside the page itself. In the
 * request's arena; STR_NONE: it is not safe, or memory is short.
 */
static struct str
path_of(struct page *page, struct str written)
{
    struct http_request *req = page->req;
    bool is_absolute = str_starts(written, STR("/"));
    struct writer w = writer_in(req->arena);
    struct str path, folder = req->path;

    if (climbs(written))
        return STR_NONE;
    while (folder.len > 0 && folder.p[folder.len - 1] != '/')
        folder.len--;
    if (!is_absolute)
        write_char(&w, '/');
    write_str(&w, written);
    path = writer_str(&w);
    if (str_is_set(path))
        path = uri_decode_path(req->arena, path, false);
    if (!str_is_set(path) || !http_path_is_safe(path) || is_absolute)
        return path;
    w = writer_in(req->arena);
    write_str(&w, folder);
    write_str(&w, str_from(path, 1));
    return writer_str(&w);
}

/* Starts the request for what is to be included. NULL after it failed. */
static struct http_subrequest *
start(struct page *page, struct str uri)
{
    struct http_request *req = page->req;
    ptrdiff_t query = str_find(uri, '?', 0);
    struct str written = query < 0 ? uri : (struct str){ uri.p, (size_t)query };
    struct str args = query < 0 ? STR_NONE : str_from(uri, (size_t)query + 1);
    struct str path = path_of(page, written);
    struct http_subrequest *sub;

    if (!str_is_set(path)) {
        fail(page, "unsafe URI \"%.*s\" was detected", STR_ARG(uri));
        return NULL;
    }
    if (str_is_set(args))
        args = arena_str(req->arena, args);
    sub = http_subrequest_start(req, path, args, NULL);
    if (sub == NULL)            /* it was logged */
        show_error(page);
    else if (!sub->is_done)
        sub->for_body = true;
    return sub;
}

/* What may be wrong with an include beyond its parameters. False after it failed. */
static bool
check_include(struct page *page, const struct ssi_command *command)
{
    const struct str *params = command->params;
    struct str wait = params[SSI_PARAM_WAIT];

    if (str_is_set(params[SSI_PARAM_VIRTUAL]) && str_is_set(params[SSI_PARAM_FILE]))
        fail(page, "inclusion may be either virtual=\"%.*s\" or file=\"%.*s\"",
             STR_ARG(params[SSI_PARAM_VIRTUAL]), STR_ARG(params[SSI_PARAM_FILE]));
    else if (!str_is_set(params[SSI_PARAM_VIRTUAL]) && !str_is_set(params[SSI_PARAM_FILE]))
        fail(page, "no parameter in \"include\" SSI command");
    else if (str_is_set(params[SSI_PARAM_SET]) && str_is_set(params[SSI_PARAM_STUB]))
        fail(page, "\"set\" and \"stub\" cannot be used together in \"include\" SSI command");
    else if (str_is_set(wait) && !str_eq(wait, STR("yes")) && !str_eq(wait, STR("no")))
        fail(page, "invalid value \"%.*s\" in the \"wait\" parameter", STR_ARG(wait));
    else
        return true;
    return false;
}

static void
do_include(struct page *page, const struct ssi_command *command)
{
    const struct str *params = command->params;
    struct str stub = params[SSI_PARAM_STUB], set = params[SSI_PARAM_SET], written, uri;
    struct include include = { .is_empty = true };

    if (!check_include(page, command))
        return;
    written = str_is_set(params[SSI_PARAM_VIRTUAL]) ? params[SSI_PARAM_VIRTUAL]
                                                    : params[SSI_PARAM_FILE];
    if (!str_is_set(uri = expand(page, written)))
        return;
    if (uri.len == 0 && written.len > 0) {      /* its variables are empty: not what was meant */
        fail(page, "\"%.*s\" of the \"include\" command is empty", STR_ARG(written));
        return;
    }
    if (str_is_set(stub)
        && (include.stub = ssi_block_find(page->req->ssi->shared, stub)) == NULL) {
        fail(page, "\"stub\"=\"%.*s\" for \"include\" not found", STR_ARG(stub));
        return;
    }
    if (str_is_set(set)) {
        include.set = set;
        include.into = arena_bytes(page->work->scratch,
                                   http_settings_for(page->req)->subrequest_output_buffer_size);
        if (include.into == NULL) {
            fail(page, "no memory for what is included into \"%.*s\"", STR_ARG(set));
            return;
        }
        if (!ssi_value_set(page->req->ssi->shared, set, STR(""))) {
            show_error(page);
            return;
        }
    }
    if ((include.sub = start(page, uri)) != NULL)
        page->include = include;
}

/* Whether something went wrong, even if a page stood in for it. */
static bool
has_failed(const struct http_request *req)
{
    return req->response.special || req->error_status != 0
           || req->response.status == HTTP_CLOSE_SILENTLY;
}

static bool begin_block(struct page *page, struct http_request *req,
                        const struct ssi_block *block);

/* What was asked for is there: sends it, keeps it, or lets its stub stand in for it. */
static bool
look_at_answer(struct page *page)
{
    struct include *include = &page->include;
    struct http_request *req = include->req = include->sub->req;
    const struct http_response *resp = &req->response;

    HTTP_TRACE(page->req, NULL, "ssi: %.*s is included, status %u", STR_ARG(req->path),
               resp->status);
    include->sub = NULL;
    if (str_is_set(include->set)) {
        include->body = resp->special || resp->status >= 300 ? NULL : resp->body;
        return true;
    }
    if (include->stub == NULL || (!has_failed(req) && resp->body != NULL)) {
        include->body = resp->body;
        return true;
    }
    return begin_block(page, req, include->stub);
}

static enum io
read_into_variable(struct page *page)
{
    struct include *include = &page->include;
    uint64_t most = http_settings_for(page->req)->subrequest_output_buffer_size;
    char beyond;
    bool is_full = include->len == most;
    size_t n = 0;
    enum io io = body_read(&include->body, is_full ? &beyond : include->into + include->len,
                           is_full ? 1 : (size_t)most - include->len, &n);

    if (io != IO_DONE && io != IO_CLOSED)
        return io;
    if (is_full && n > 0) {
        include->body = NULL;
        fail(page, "too big subrequest response: over %llu bytes", (unsigned long long)most);
        return IO_DONE;
    }
    include->len += n;
    if (io == IO_CLOSED
        && !ssi_value_set(page->req->ssi->shared, include->set,
                          (struct str){ include->into, include->len }))
        show_error(page);
    return IO_DONE;
}

/* *done bytes of what is included. */
static enum io
read_include(struct page *page, char *room, size_t cap, size_t *done)
{
    struct include *include = &page->include;
    const struct ssi_block *stub = include->stub;
    enum io io;

    if (include->into != NULL)
        return read_into_variable(page);
    io = body_read(&include->body, room, cap, done);
    if (io != IO_DONE && io != IO_CLOSED)
        return io;
    include->is_empty &= *done == 0;
    if (io == IO_CLOSED && include->is_empty && stub != NULL
        && !begin_block(page, include->req, stub))
        return IO_ERROR;
    return IO_DONE;
}

/* ---- commands ------------------------------------------------------------------------------ */

static void
carry_out(struct page *page, const struct ssi_command *command)
{
    switch (command->kind) {
    case SSI_BLOCK:   do_block(page, command); break;
    case SSI_CONFIG:  do_config(page, command); break;
    case SSI_ECHO:    do_echo(page, command); break;
    case SSI_INCLUDE: do_include(page, command); break;
    case SSI_SET:     do_set(page, command); break;
    case SSI_ENDBLOCK: break;   /* of a block that never began */
    case SSI_IF:
    case SSI_ELIF:
    case SSI_ELSE:
    case SSI_ENDIF:   do_branch(page, command); break;
    }
}

static bool
is_wanted(const struct page *page, enum ssi_kind kind)
{
    return !page->branches.is_off || kind == SSI_ELIF || kind == SSI_ELSE || kind == SSI_ENDIF;
}

/* Between "block" and "endblock" commands are kept, and carried out when the block is played. */
static void
save_command(struct page *page, const struct ssi_command *command)
{
    struct ssi_shared *shared = page->req->ssi->shared;

    if (command->kind != SSI_ENDBLOCK) {
        if (!ssi_block_command(shared, page->saving, command))
            show_error(page);
        return;
    }
    if (!ssi_block_end(shared, page->saving))
        show_error(page);
    page->saving = NULL;
}

/* Those of a block were found sound when it was kept. */
static void
play_command(struct page *page, const struct ssi_command *command)
{
    if (is_wanted(page, command->kind) && is_in_place(page, command->kind))
        carry_out(page, command);
}

/* The scan has found one. */
static void
found_command(struct page *page)
{
    const struct ssi_scan *scan = &page->work->scan;
    struct ssi_command command;
    char room[TOLD_MAX];
    struct writer told = writer_at(room, sizeof(room));
    enum ssi_kind kind = SSI_ECHO;
    bool is_known = false;

    page->is_used = true;
    page->commands++;
    if (scan->wrong != SSI_SOUND)
        ssi_scan_tell(scan, &told);
    else
        is_known = ssi_command_kind(scan, &kind, &told);
    if (page->saving != NULL ? !is_known : !is_wanted(page, kind))
        return;                 /* as text that is not wanted */
    if (!is_known) {
        fail_told(page, &told);
        return;
    }
    if (page->saving == NULL && !is_in_place(page, kind))
        return;
    if (!ssi_command_read(scan, kind, &command, &told))
        fail_told(page, &told);
    else if (page->saving != NULL)
        save_command(page, &command);
    else
        carry_out(page, &command);
}

static void
found_text(struct page *page, struct str text)
{
    if (page->saving != NULL) {
        if (!ssi_block_text(page->req->ssi->shared, page->saving, text))
            show_error(page);
    } else if (!page->branches.is_off) {
        page->out = text;
    }
}

/* ---- pages --------------------------------------------------------------------------------- */

static void
end_work(void *data)
{
    struct page *page = data;

    if (page->work == NULL)
        return;
    arena_destroy(page->work->scratch);
    free(page->work);
    page->work = NULL;
}

static bool
begin_work(struct page *page)
{
    if (page->work != NULL)
        return true;
    if ((page->work = malloc(sizeof(*page->work))) == NULL)
        return false;
    page->work->scratch = arena_create(SCRATCH_BLOCK, SCRATCH_LIMIT);
    if (page->work->scratch == NULL || !arena_defer(page->req->arena, end_work, page)) {
        end_work(page);
        return false;
    }
    ssi_scan_begin(&page->work->scan, page->work->scratch, page->conf->value_length);
    return true;
}

/* Goes on in the template. IO_CLOSED: it is over. */
static enum io
read_template(struct page *page)
{
    struct str text;
    bool unfinished;
    size_t n;
    enum io io;

    if (page->ahead.len == 0 && !page->is_last) {
        io = body_read(&page->source.from, page->work->in, sizeof(page->work->in), &n);
        if (io != IO_DONE && io != IO_CLOSED)
            return io;
        page->ahead = (struct str){ page->work->in, n };
        page->is_last = io == IO_CLOSED;
    }
    switch (ssi_scan_next(&page->work->scan, &page->ahead, &text)) {
    case SSI_TEXT:
        found_text(page, text);
        return IO_DONE;
    case SSI_COMMAND:
        found_command(page);
        return IO_DONE;
    case SSI_MORE:
        break;
    }
    if (!page->is_last)
        return IO_DONE;
    text = ssi_scan_end(&page->work->scan, &unfinished);
    if (unfinished)
        LOG(&page->req->log, ERR, 0, "the last SSI command of the page has no end");
    if (text.len == 0)
        return IO_CLOSED;
    found_text(page, text);
    return IO_DONE;
}

static enum io
play(struct page *page)
{
    const struct ssi_item *item = page->item;

    if (item == NULL)
        return IO_CLOSED;
    page->item = item->next;
    page->is_used = true;
    page->commands++;
    if (item->command != NULL)
        play_command(page, item->command);
    else if (!page->branches.is_off)
        page->out = item->text;
    return IO_DONE;
}

/* The next piece of it: what the command before has given, what is included, the page itself. */
static enum io
next_piece(struct page *page, char *room, size_t cap, size_t *done)
{
    struct include *include = &page->include;

    *done = 0;
    if (page->out.len > 0) {
        *done = MIN(page->out.len, cap);
        memcpy(room, page->out.p, *done);
        page->out = str_from(page->out, *done);
        return IO_DONE;
    }
    if (include->sub != NULL && !include->sub->is_done)
        return IO_AGAIN;
    if (include->sub != NULL)
        return look_at_answer(page) ? IO_DONE : IO_ERROR;
    if (include->body != NULL)
        return read_include(page, room, cap, done);
    if (page->is_used)
        arena_reset(page->work->scratch);
    page->is_used = false;
    return page->is_block ? play(page) : read_template(page);
}

/*
 * Whether the next piece is at hand. What may have to wait is asked for first in a turn, when
 * nothing was given yet.
 */
static bool
has_more(const struct page *page)
{
    if (page->include.sub != NULL || page->include.body != NULL)
        return false;
    return page->out.len > 0 || page->ahead.len > 0 || page->item != NULL;
}

static enum io
pull(struct body_source *source, char *room, size_t cap, size_t *done)
{
    struct page *page = (struct page *)source;
    size_t n;
    enum io io;

    *done = 0;
    if (!begin_work(page))
        return IO_ERROR;
    page->commands = 0;
    do {
        io = next_piece(page, room + *done, cap - *done, &n);
        *done += n;
    } while (io == IO_DONE && *done < cap && page->commands < COMMANDS_MAX && has_more(page));
    if (UNLIKELY(arena_failed(page->req->arena))) {     /* values would be missing in silence */
        errno = ENOMEM;
        return IO_ERROR;
    }
    if (io == IO_CLOSED)
        end_work(page);
    return io;
}

static struct page *
new_page(struct http_request *req, const struct ssi_conf *conf)
{
    struct page *page = ARENA_NEW(req->arena, struct page);

    if (page == NULL || ssi_state_of(req) == NULL)
        return NULL;
    page->source.pull = pull;
    page->req = req;
    page->conf = conf;
    return page;
}

/* A block stands in for what was to be included: it is a page of that request. */
static bool
begin_block(struct page *page, struct http_request *req, const struct ssi_block *block)
{
    struct page *inner = new_page(req, page->conf);

    if (inner == NULL)
        return false;
    HTTP_TRACE(page->req, NULL, "ssi: the block \"%.*s\" stands in for it", STR_ARG(block->name));
    inner->is_block = true;
    inner->item = block->items;
    inner->source.part = (struct body_part){ .kind = PART_PULL, .source = &inner->source };
    page->include.body = &inner->source.part;
    page->include.stub = NULL;
    return true;
}

/* ---- answers ------------------------------------------------------------------------------- */

static bool
ssi_wanted(const void *slot)
{
    return ((const struct ssi_conf *)slot)->is_on;
}

/* Weir's own pages (special) have no commands. */
static bool
may_have_commands(const struct ssi_conf *conf, const struct http_response *resp)
{
    return resp->body != NULL && !resp->special && types_set_has(&conf->types, resp->content_type)
           && !http_body_is_encoded(resp);
}

static enum http_next
ssi_filter(struct http_request *req, const void *slot)
{
    const struct ssi_conf *conf = slot;
    struct http_response *resp = &req->response;
    struct page *page;

    if (!may_have_commands(conf, resp))
        return HTTP_PASS;
    if (!conf->last_modified) {
        resp->last_modified = (time_t)-1;
        resp->last_modified_text = STR_NONE;
        resp->etag = STR_NONE;
    }
    page = new_page(req, conf);
    if (page == NULL || !http_body_change(req, &page->source))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    HTTP_TRACE(req, NULL, "ssi: the commands in it are carried out");
    return HTTP_PASS;
}

/* ---- $date_local, $date_gmt ---------------------------------------------------------------- */

static struct str
date(struct http_request *req, const struct tm *tm)
{
    struct str format = req->ssi != NULL ? req->ssi->time_format.text : STR_NONE;

    return ssi_time(req->arena, format, now.wall_s, tm);
}

static struct str
get_date_local(struct http_request *req, const void *data, struct str rest)
{
    struct tm tm;

    (void)data;
    (void)rest;
    return localtime_r(&now.wall_s, &tm) != NULL ? date(req, &tm) : STR_NONE;
}

static struct str
get_date_gmt(struct http_request *req, const void *data, struct str rest)
{
    struct tm tm;

    (void)data;
    (void)rest;
    return gmtime_r(&now.wall_s, &tm) != NULL ? date(req, &tm) : STR_NONE;
}

/* ---- tables -------------------------------------------------------------------------------- */

static const struct http_variable ssi_variables[] = {
    { "date_gmt", .get = get_date_gmt },
    { "date_local", .get = get_date_local },
    { 0 }
};

#define PLACE .where = IN_HTTP_ALL, .args = { 1, 1 }

static const struct directive ssi_directives[] = {
    { "ssi", .where = IN_HTTP_ALL | IN_LOCATION_IF, .args = { 1, 1 }, .parse = parse_flag,
      FIELD(struct ssi_conf, is_on), .initial = "off" },
    { "ssi_expanded_length", PLACE, .parse = parse_size, FIELD(struct ssi_conf, expanded_length),
      .initial = "64k" },
    { "ssi_last_modified", PLACE, .parse = parse_flag, FIELD(struct ssi_conf, last_modified),
      .initial = "off" },
    { "ssi_min_file_chunk", PLACE, .parse = parse_ignored },
    { "ssi_silent_errors", PLACE, .parse = parse_flag, FIELD(struct ssi_conf, silent_errors),
      .initial = "off" },
    { "ssi_types", .where = IN_HTTP_ALL, .args = { 1, ARGS_ANY }, .flags = DIRECTIVE_REPEAT,
      .parse = parse_types_set, FIELD(struct ssi_conf, types), .initial = "text/html" },
    { "ssi_value_length", PLACE, .parse = parse_size, FIELD(struct ssi_conf, value_length),
      .initial = "256" },
    { 0 }
};

const struct http_module ssi_module = {
    .name = "ssi",
    .directives = ssi_directives,
    .conf_size = sizeof(struct ssi_conf),
    .wanted = ssi_wanted,
    .filter = ssi_filter,
    .variables = ssi_variables,
};
