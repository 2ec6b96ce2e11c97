/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor_report: what the doctor has found, as text for people and as JSON for programs. */
#include "proc/doctor_parts.h"

#include "config.h"

enum { LEVEL_COLUMN = 9, NAME_COLUMN = 22 };

#define BOLD   "\033[1m"
#define FAINT  "\033[2m"
#define PLAIN  "\033[0m"
#define RED    "\033[31m"
#define YELLOW "\033[33m"
#define GREEN  "\033[32m"

struct paper {
    struct writer *w;
    const struct doctor *d;
    bool colours;
};

/* ---- text ---------------------------------------------------------------------------------- */

static const char *
colour_of(enum doctor_level level)
{
    switch (level) {
    case DOCTOR_ERROR:   return BOLD RED;
    case DOCTOR_WARNING: return BOLD YELLOW;
    case DOCTOR_NOTICE:  return BOLD;
    case DOCTOR_FINE:    return GREEN;
    case DOCTOR_LEVEL_COUNT: break;
    }
    return PLAIN;
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

static void
write_blanks(struct writer *w, size_t n)
{
    while (n-- > 0)
        write_char(w, ' ');
}

/* In the folder of the main file, a file is told by its name there. */
static struct str
short_path(const struct doctor *d, struct str path)
{
    struct str conf = d->options->conf_path;
    const char *slash = str_is_set(conf) ? memrchr(conf.p, '/', conf.len) : NULL;
    struct str folder = { conf.p, 0 };

    if (slash == NULL)
        return path;
    folder.len = (size_t)(slash + 1 - conf.p);
    return str_starts(path, folder) ? str_from(path, folder.len) : path;
}

static void
write_where(struct paper *paper, const struct conf_mark *where)
{
    struct str text;

    if (where->file.len == 0)
        return;
    text = short_path(paper->d, where->file);
    write_str(paper->w, STR("  "));
    write_styled(paper, FAINT, where->line > 0
                 ? doctor_text(paper->d, "%.*s:%u", STR_ARG(text), where->line) : text);
}

/* "error    files.access" and blanks up to the text. */
static void
write_head(struct paper *paper, const struct doctor_finding *f)
{
    struct str level = str_of(doctor_level_name(f->level));
    struct str name = doctor_text(paper->d, "%s.%s", f->group, f->check);

    write_styled(paper, colour_of(f->level), level);
    write_blanks(paper->w, LEVEL_COLUMN - level.len);
    write_for_terminal(paper->w, name, "");
    write_blanks(paper->w, name.len < NAME_COLUMN ? NAME_COLUMN - name.len : 1);
}

static void
write_indented(struct paper *paper, const char *style, struct str text)
{
    if (text.len == 0)
        return;
    write_blanks(paper->w, LEVEL_COLUMN);
    write_styled(paper, style, text);
    write_char(paper->w, '\n');
}

static void
write_finding(struct paper *paper, const struct doctor_finding *f)
{
    write_head(paper, f);
    if (f->about.len > 0) {
        write_styled(paper, BOLD, f->about);
        write_str(paper->w, STR(": "));
    }
    write_for_terminal(paper->w, f->text, "");
    write_where(paper, &f->where);
    write_char(paper->w, '\n');
    write_indented(paper, FAINT, f->why);
    if (f->mend.len > 0)
        write_indented(paper, PLAIN, doctor_text(paper->d, "> %.*s", STR_ARG(f->mend)));
}

static void
write_level(struct paper *paper, enum doctor_level level)
{
    const struct doctor *d = paper->d;
    bool any = false;

    for (uint32_t i = 0; i < d->findings.len; i++) {
        if (d->findings.items[i].level != level)
            continue;
        write_finding(paper, &d->findings.items[i]);
        any = true;
    }
    if (any)
        write_char(paper->w, '\n');
}

static void
write_count(struct writer *w, uint32_t n, const char *one)
{
    write_fmt(w, "%u %s%s", n, one, n == 1 ? "" : "s");
}

static void
write_people(struct paper *paper)
{
    const struct doctor *d = paper->d;

    write_for_terminal(paper->w, str_is_set(d->options->conf_path) ? d->options->conf_path
                                                                  : STR("no file"), "");
    if (d->running != 0)
        write_fmt(paper->w, ", with which process %d runs as ", (int)d->running);
    else
        write_str(paper->w, STR(", which does not run; it would be started by "));
    write_for_terminal(paper->w, str_of(d->starter.name), "");
    write_str(paper->w, STR(", and its workers are "));
    write_for_terminal(paper->w, str_of(d->worker.name), "");
    write_str(paper->w, STR("\n\n"));
}

void
write_doctor_text(struct writer *w, const struct doctor *d, bool quiet, bool colours)
{
    struct paper paper = { w, d, colours };

    if (!quiet)
        write_people(&paper);
    write_level(&paper, DOCTOR_ERROR);
    write_level(&paper, DOCTOR_WARNING);
    if (quiet)
        return;
    write_level(&paper, DOCTOR_NOTICE);
    write_level(&paper, DOCTOR_FINE);
    write_count(w, d->counts[DOCTOR_ERROR], "problem");
    write_str(w, STR(", "));
    write_count(w, d->counts[DOCTOR_WARNING], "warning");
    write_str(w, STR(", "));
    write_count(w, d->counts[DOCTOR_FINE], "check");
    write_str(w, STR(" fine\n"));
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void
write_member(struct writer *w, const char *name, struct str value)
{
    write_fmt(w, "\"%s\": ", name);
    write_json_string(w, value.len > 0 ? value : STR_NONE);
}

static void
write_json_finding(struct writer *w, const struct doctor_finding *f)
{
    const struct { const char *name; struct str value; } members[] = {
        { "group", str_of(f->group) }, { "check", str_of(f->check) },
        { "level", str_of(doctor_level_name(f->level)) }, { "about", f->about },
        { "text", f->text }, { "why", f->why }, { "mend", f->mend }, { "file", f->where.file },
    };

    write_str(w, STR("\n    {"));
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        write_member(w, members[i].name, members[i].value);
        write_str(w, STR(", "));
    }
    if (f->where.line > 0)
        write_fmt(w, "\"line\": %u}", f->where.line);
    else
        write_str(w, STR("\"line\": null}"));
}

/* The worst first, as in the text. */
static void
write_json_findings(struct writer *w, const struct doctor *d)
{
    bool first = true;

    for (unsigned level = DOCTOR_LEVEL_COUNT; level-- > 0;)
        for (uint32_t i = 0; i < d->findings.len; i++) {
            if ((unsigned)d->findings.items[i].level != level)
                continue;
            if (!first)
                write_char(w, ',');
            write_json_finding(w, &d->findings.items[i]);
            first = false;
        }
}

void
write_doctor_json(struct writer *w, const struct doctor *d)
{
    write_str(w, STR("{\n  \"version\": \"" WEIR_VERSION "\",\n  "));
    write_member(w, "conf", d->options->conf_path);
    write_fmt(w, ",\n  \"good\": %s,\n  \"running\": ", d->rt != NULL ? "true" : "false");
    if (d->running != 0)
        write_int(w, d->running);
    else
        write_str(w, STR("null"));
    write_str(w, STR(",\n  "));
    write_member(w, "started_by", str_of(d->starter.name));
    write_str(w, STR(",\n  "));
    write_member(w, "workers", str_of(d->worker.name));
    write_fmt(w, ",\n  \"problems\": %u,\n  \"warnings\": %u,\n  \"notices\": %u,\n"
              "  \"fine\": %u,\n  \"findings\": [", d->counts[DOCTOR_ERROR],
              d->counts[DOCTOR_WARNING], d->counts[DOCTOR_NOTICE], d->counts[DOCTOR_FINE]);
    write_json_findings(w, d);
    write_str(w, STR("]\n}\n"));
}
