/* SPDX-License-Identifier: BSD-2-Clause */
/* explain_report: what is told of a request, as text for people and as JSON for programs. */
#include "proc/explain_parts.h"

enum {
    TEXT_MAX = 72,              /* columns of a step's text; a longer one shifts its own place */
    INDENT = 4
};

#define BOLD  "\033[1m"
#define FAINT "\033[2m"
#define PLAIN "\033[0m"

/* What the report is written to, and how. */
struct paper {
    struct writer *w;
    const struct explain_report *report;
    bool colours;
    unsigned label, text;       /* columns */
};

/* ---- text ---------------------------------------------------------------------------------- */

/* Columns of UTF-8 text, each character one. */
static unsigned
columns(struct str s)
{
    unsigned n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static void
write_blanks(struct writer *w, unsigned n)
{
    while (n-- > 0)
        write_char(w, ' ');
}

static void
write_styled(struct paper *paper, const char *style, struct str text)
{
    if (paper->colours)
        write_str(paper->w, str_of(style));
    write_for_terminal(paper->w, text, "");
    if (paper->colours)
        write_str(paper->w, STR(PLAIN));
}

/* In the folder of the main file, a file is told by its name there. */
static struct str
short_path(const struct explain_report *report, struct str path)
{
    const char *slash = memrchr(report->conf_path.p, '/', report->conf_path.len);
    struct str folder = { report->conf_path.p, 0 };

    if (slash == NULL)
        return path;
    folder.len = (size_t)(slash + 1 - report->conf_path.p);
    return str_starts(path, folder) ? str_from(path, folder.len) : path;
}

static void
write_where(struct paper *paper, const struct conf_mark *where)
{
    if (where->file.len == 0)
        return;
    if (paper->colours)
        write_str(paper->w, STR(FAINT));
    write_for_terminal(paper->w, short_path(paper->report, where->file), "");
    if (where->line > 0)
        write_fmt(paper->w, ":%u", where->line);
    if (paper->colours)
        write_str(paper->w, STR(PLAIN));
}

static void
measure(struct paper *paper)
{
    const struct explain_report *r = paper->report;

    paper->label = sizeof("answer") - 1;
    for (uint32_t i = 0; i < r->steps.len; i++) {
        const struct explain_step *step = &r->steps.items[i];
        unsigned text = columns(step->text);

        paper->label = MAX(paper->label, columns(step->label));
        if (text <= TEXT_MAX && step->where.file.len > 0)
            paper->text = MAX(paper->text, text);
    }
}

static void
write_label(struct paper *paper, struct str label)
{
    write_styled(paper, BOLD, label);
    write_blanks(paper->w, paper->label - MIN(columns(label), paper->label) + 2);
}

static void
write_step(struct paper *paper, uint32_t i)
{
    const struct explain_step *step = &paper->report->steps.items[i];
    unsigned text = columns(step->text);

    write_fmt(paper->w, "%*u  ", INDENT - 2, i + 1);
    write_label(paper, step->label);
    write_for_terminal(paper->w, step->text, "");
    if (step->where.file.len > 0) {
        write_blanks(paper->w, text < paper->text ? paper->text - text + 2 : 2);
        write_where(paper, &step->where);
    }
    write_char(paper->w, '\n');
}

static struct str
take_line(struct str *rest)
{
    ptrdiff_t end = str_find(*rest, '\r', 0);
    struct str line = { rest->p, end < 0 ? rest->len : (size_t)end };

    *rest = end < 0 ? STR("") : str_from(*rest, (size_t)end + 2);
    return line;
}

/* "1,234,567" */
static void
write_grouped(struct writer *w, uint64_t n)
{
    if (n >= 1000) {
        write_grouped(w, n / 1000);
        write_char(w, ',');
        write_padded(w, n % 1000, 3);
    } else {
        write_uint(w, n);
    }
}

/* "HTTP/1.1 200 OK" without the version. */
static struct str
status_of(struct str line)
{
    return str_from(line, sizeof("HTTP/1.1 ") - 1);
}

static void
write_verdict(struct paper *paper, struct str *rest)
{
    const struct http_explained *e = &paper->report->explained;

    if (e->head.len == 0) {
        write_fmt(paper->w, "%u, the connection is closed without an answer", e->status);
        return;
    }
    write_for_terminal(paper->w, status_of(take_line(rest)), "");
    write_str(paper->w, STR(", "));
    write_grouped(paper->w, e->body_bytes);
    write_str(paper->w, e->body_bytes == 1 ? STR(" byte") : STR(" bytes"));
    if (str_is_set(paper->report->file)) {
        write_str(paper->w, STR(" of "));
        write_for_terminal(paper->w, paper->report->file, "");
    } else if (e->own_page && e->body_bytes > 0) {
        write_str(paper->w, STR(", a page of weir's own"));
    }
}

/* Date tells nothing of the configuration. */
static bool
is_of_interest(struct str line)
{
    return line.len > 0 && !str_starts(line, STR("Date: "));
}

static void
write_answer(struct paper *paper)
{
    struct str rest = paper->report->explained.head;

    write_blanks(paper->w, INDENT);
    write_label(paper, STR("answer"));
    write_verdict(paper, &rest);
    write_char(paper->w, '\n');
    while (rest.len > 0) {
        struct str line = take_line(&rest);

        if (!is_of_interest(line))
            continue;
        write_blanks(paper->w, INDENT + paper->label + 2);
        write_for_terminal(paper->w, line, "");
        write_char(paper->w, '\n');
    }
}

static void
write_logs(struct paper *paper)
{
    for (uint32_t i = 0; i < paper->report->logs.len; i++) {
        const struct explain_log *log = &paper->report->logs.items[i];

        write_blanks(paper->w, INDENT);
        write_label(paper, STR("log"));
        write_for_terminal(paper->w, log->file, "");
        write_str(paper->w, str_is_set(log->line) ? STR(" would get")
                                                  : STR(" would get nothing, by its \"if=\""));
        if (log->where.file.len > 0)
            write_str(paper->w, STR("  "));
        write_where(paper, &log->where);
        write_char(paper->w, '\n');
        if (!str_is_set(log->line))
            continue;
        write_blanks(paper->w, INDENT + paper->label + 2);
        write_for_terminal(paper->w, log->line, "");
        write_char(paper->w, '\n');
    }
}

void
write_explain_text(struct writer *w, const struct explain_report *report, bool colours)
{
    struct paper paper = { .w = w, .report = report, .colours = colours };

    measure(&paper);
    write_styled(&paper, BOLD, report->question.method);
    write_char(w, ' ');
    write_styled(&paper, BOLD, report->question.url);
    write_char(w, '\n');
    for (uint32_t i = 0; i < report->steps.len; i++)
        write_step(&paper, i);
    if (report->explained.answered)
        write_answer(&paper);
    write_logs(&paper);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void
write_member(struct writer *w, const char *name, struct str value)
{
    write_fmt(w, "\"%s\": ", name);
    write_json_string(w, value);
}

static void
write_steps(struct writer *w, const struct explain_report *r)
{
    for (uint32_t i = 0; i < r->steps.len; i++) {
        const struct explain_step *step = &r->steps.items[i];

        write_str(w, i > 0 ? STR(",\n    {") : STR("\n    {"));
        write_member(w, "step", step->label);
        write_str(w, STR(", "));
        write_member(w, "text", step->text);
        write_str(w, STR(", "));
        write_member(w, "file", step->where.file.len > 0 ? step->where.file : STR_NONE);
        if (step->where.line > 0)
            write_fmt(w, ", \"line\": %u}", step->where.line);
        else
            write_str(w, STR(", \"line\": null}"));
    }
}

static void
write_head_fields(struct writer *w, struct str head)
{
    bool first = true;

    take_line(&head);
    while (head.len > 0) {
        struct str line = take_line(&head);
        ptrdiff_t colon = str_find(line, ':', 0);

        if (colon < 0)
            continue;
        write_str(w, first ? STR("\n      {") : STR(",\n      {"));
        write_member(w, "name", (struct str){ line.p, (size_t)colon });
        write_str(w, STR(", "));
        write_member(w, "value", str_trim(str_from(line, (size_t)colon + 1)));
        write_char(w, '}');
        first = false;
    }
}

static void
write_json_answer(struct writer *w, const struct explain_report *report)
{
    const struct http_explained *e = &report->explained;

    if (!e->answered) {
        write_str(w, STR("null"));
        return;
    }
    write_fmt(w, "{\"status\": %u, \"closed\": %s, \"bytes\": %llu, ", e->status,
              e->head.len == 0 ? "true" : "false", (unsigned long long)e->body_bytes);
    write_member(w, "file", report->file);
    write_str(w, STR(", \"fields\": ["));
    write_head_fields(w, e->head);
    write_str(w, STR("]}"));
}

static void
write_json_logs(struct writer *w, const struct explain_report *r)
{
    for (uint32_t i = 0; i < r->logs.len; i++) {
        write_str(w, i > 0 ? STR(",\n    {") : STR("\n    {"));
        write_member(w, "file", r->logs.items[i].file);
        write_str(w, STR(", "));
        write_member(w, "text", r->logs.items[i].line);
        write_char(w, '}');
    }
}

void
write_explain_json(struct writer *w, const struct explain_report *report)
{
    write_str(w, STR("{\n  "));
    write_member(w, "method", report->question.method);
    write_str(w, STR(",\n  "));
    write_member(w, "url", report->question.url);
    write_str(w, STR(",\n  \"steps\": ["));
    write_steps(w, report);
    write_str(w, STR("],\n  \"answer\": "));
    write_json_answer(w, report);
    write_str(w, STR(",\n  \"logs\": ["));
    write_json_logs(w, report);
    write_str(w, STR("]\n}\n"));
}
