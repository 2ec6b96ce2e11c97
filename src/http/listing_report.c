/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/listing_report.h"

/* The fields of a line, in order; numbers stand to the right. */
static const struct { const char *key, *heading; int width; bool number; } fields[] = {
    { "pid",            "PID",         8, true },
    { "generation",     "GEN",         4, true },
    { "connection",     "CONNECTION", 11, true },
    { "state",          "STATE",      11, false },
    { "peer",           "PEER",       22, false },
    { "local",          "LOCAL",      22, false },
    { "age_ms",         "AGE s",      10, true },
    { "quiet_ms",       "QUIET s",    10, true },
    { "requests",       "REQUESTS",   10, true },
    { "bytes_received", "RECEIVED",   12, true },
    { "bytes_sent",     "SENT",       12, true },
};
enum { FIELDS = ARRAY_LEN(fields) };

/* The next line of `lines`, which moves on. */
static struct str
next_line(struct str *lines)
{
    ptrdiff_t end = str_find(*lines, '\n', 0);
    struct str line = { lines->p, end < 0 ? lines->len : (size_t)end };

    *lines = str_from(*lines, end < 0 ? lines->len : (size_t)end + 1);
    return line;
}

static unsigned
split(struct str line, struct str *parts)
{
    unsigned n = 0;

    while (n < FIELDS) {
        ptrdiff_t tab = str_find(line, '\t', 0);

        parts[n++] = (struct str){ line.p, tab < 0 ? line.len : (size_t)tab };
        if (tab < 0)
            return n;
        line = str_from(line, (size_t)tab + 1);
    }
    return n + 1;               /* there are more than there should be */
}

/* The number of connections that a worker left out; 0: it is another line. */
static uint64_t
left_out(const struct str *parts, unsigned n)
{
    uint64_t more;

    if (n == 3 && str_is_set(parts[0]) && str_eq(parts[0], STR("more"))
        && str_to_uint(parts[2], UINT64_MAX, &more))
        return more;
    return 0;
}

static bool
is_connection(const struct str *parts, unsigned n)
{
    uint64_t ignored;

    for (unsigned i = 0; i < FIELDS && n == FIELDS; i++)
        if (fields[i].number && !str_to_uint(parts[i], UINT64_MAX, &ignored))
            return false;
    return n == FIELDS;
}

enum { SHOWN_MAX = 512 };

/* For a terminal: what a worker has written no other has looked at. */
static struct str
shown(struct str text, char bytes[SHOWN_MAX])
{
    struct writer w = writer_at(bytes, SHOWN_MAX);

    write_for_terminal(&w, text, "");
    return w.ok ? (struct str){ w.start, (size_t)(w.p - w.start) } : STR("?");
}

static void
write_cell(struct writer *w, unsigned i, struct str text)
{
    if (i > 0)
        write_char(w, ' ');
    if (i == FIELDS - 1 && !fields[i].number)
        write_str(w, text);
    else
        write_fmt(w, fields[i].number ? "%*.*s" : "%-*.*s", fields[i].width, STR_ARG(text));
}

/* 1234 as 1.2 */
static struct str
seconds(struct str ms, char text[32])
{
    uint64_t n;
    struct writer w = writer_at(text, 32);

    str_to_uint(ms, UINT64_MAX, &n);
    write_uint(&w, n / 1000);
    write_char(&w, '.');
    write_uint(&w, n % 1000 / 100);
    return (struct str){ w.start, (size_t)(w.p - w.start) };
}

static void
write_row(struct writer *w, const struct str *parts)
{
    char text[32], bytes[SHOWN_MAX];

    for (unsigned i = 0; i < FIELDS; i++) {
        size_t len = strlen(fields[i].key);
        bool is_time = strcmp(fields[i].key + len - 3, "_ms") == 0;

        write_cell(w, i, is_time ? seconds(parts[i], text) : shown(parts[i], bytes));
    }
    write_char(w, '\n');
}

void
listing_text(struct writer *w, struct str lines)
{
    struct str parts[FIELDS];
    uint64_t more = 0;

    for (unsigned i = 0; i < FIELDS; i++)
        write_cell(w, i, str_of(fields[i].heading));
    write_char(w, '\n');
    while (lines.len > 0) {
        unsigned n = split(next_line(&lines), parts);

        more += left_out(parts, n);
        if (is_connection(parts, n))
            write_row(w, parts);
    }
    if (more > 0)
        write_fmt(w, "and %ju more\n", (uintmax_t)more);
}

/* A number is written anew: 007 is none in JSON (RFC 8259, 6). */
static void
write_object(struct writer *w, const struct str *parts)
{
    for (unsigned i = 0; i < FIELDS; i++) {
        uint64_t number;

        write_fmt(w, "%s\"%s\":", i > 0 ? "," : "{", fields[i].key);
        if (fields[i].number && str_to_uint(parts[i], UINT64_MAX, &number)) {
            write_uint(w, number);
        } else {
            write_json_string(w, parts[i]);
        }
    }
    write_char(w, '}');
}

void
listing_json(struct writer *w, struct str lines)
{
    struct str parts[FIELDS];
    uint64_t more = 0;
    bool first = true;

    write_str(w, STR("{\"connections\":["));
    while (lines.len > 0) {
        unsigned n = split(next_line(&lines), parts);

        more += left_out(parts, n);
        if (!is_connection(parts, n))
            continue;
        write_str(w, first ? STR("\n") : STR(",\n"));
        first = false;
        write_object(w, parts);
    }
    write_fmt(w, "],\n\"more\":%ju}\n", (uintmax_t)more);
}
