/* SPDX-License-Identifier: BSD-2-Clause */
/* ssi_scan: see ssi_scan.h. */
#include "http/ssi_scan.h"
#include <string.h>

static const struct str opening = STR_INIT("<!--#");

enum state {
    IN_TEXT,
    IN_OPENING,
    BEFORE_NAME,
    IN_NAME,
    BEFORE_PARAM,               /* or the end */
    IN_PARAM,
    BEFORE_EQUAL,
    BEFORE_VALUE,
    IN_VALUE,
    BEHIND_BACKSLASH,
    BEHIND_VALUE,
    BEHIND_DASH,
    BEHIND_DASHES,
    IN_WRONG,
    AT_END
};

void
ssi_scan_begin(struct ssi_scan *scan, struct arena *arena, size_t value_max)
{
    *scan = (struct ssi_scan){ .arena = arena, .value_max = value_max, .state = IN_TEXT };
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* ---- within a command ---------------------------------------------------------------------- */

static int
go_wrong(struct ssi_scan *scan, enum ssi_wrong wrong, char c)
{
    scan->wrong = wrong;
    scan->symbol = c;
    scan->dashes = c == '-';
    return IN_WRONG;
}

static bool
word_add(struct ssi_word *word, char c)
{
    if (word->len == sizeof(word->bytes))
        return false;
    word->bytes[word->len++] = c;
    return true;
}

static int
begin_name(struct ssi_scan *scan, char c)
{
    if (is_blank(c))
        return BEFORE_NAME;
    if (c == '-')
        return BEHIND_DASH;
    word_add(&scan->name, c);
    return IN_NAME;
}

static int
name_byte(struct ssi_scan *scan, char c)
{
    if (is_blank(c))
        return BEFORE_PARAM;
    if (c == '-')
        return BEHIND_DASH;
    return word_add(&scan->name, c) ? IN_NAME : go_wrong(scan, SSI_NAME_TOO_LONG, c);
}

static int
begin_param(struct ssi_scan *scan, char c)
{
    if (is_blank(c))
        return BEFORE_PARAM;
    if (c == '-')
        return BEHIND_DASH;
    if (scan->count == SSI_PARAMS_MAX)
        return go_wrong(scan, SSI_TOO_MANY_PARAMS, c);
    scan->param_names[scan->count].len = 0;
    scan->param_values[scan->count] = STR("");
    word_add(&scan->param_names[scan->count++], c);
    return IN_PARAM;
}

static int
param_byte(struct ssi_scan *scan, char c)
{
    if (c == '=')
        return BEFORE_VALUE;
    if (is_blank(c))
        return BEFORE_EQUAL;
    if (scan->state == BEFORE_EQUAL || c == '-')
        return go_wrong(scan, SSI_BEHIND_PARAM, c);
    return word_add(&scan->param_names[scan->count - 1], c)
               ? IN_PARAM : go_wrong(scan, SSI_PARAM_TOO_LONG, c);
}

static int
begin_value(struct ssi_scan *scan, char c)
{
    if (is_blank(c))
        return BEFORE_VALUE;
    if (c != '"' && c != '\'')
        return go_wrong(scan, SSI_BEFORE_VALUE, c);
    scan->quote = c;
    scan->value = writer_in(scan->arena);
    return IN_VALUE;
}

static int
end_value(struct ssi_scan *scan)
{
    struct str value = STR("");

    if (scan->value.p != scan->value.start)
        value = writer_str(&scan->value);
    scan->param_values[scan->count - 1] = value;
    return BEHIND_VALUE;
}

static int
value_byte(struct ssi_scan *scan, char c)
{
    if (scan->state == IN_VALUE && c == scan->quote)
        return end_value(scan);
    if ((size_t)(scan->value.p - scan->value.start) == scan->value_max)
        return go_wrong(scan, SSI_VALUE_TOO_LONG, c);
    write_char(&scan->value, c);
    if (!scan->value.ok)
        return go_wrong(scan, SSI_NO_MEMORY, c);
    return scan->state == IN_VALUE && c == '\\' ? BEHIND_BACKSLASH : IN_VALUE;
}

static int
behind_value(struct ssi_scan *scan, char c)
{
    if (is_blank(c))
        return BEFORE_PARAM;
    return c == '-' ? BEHIND_DASH : go_wrong(scan, SSI_BEHIND_VALUE, c);
}

static int
end_byte(struct ssi_scan *scan, char c)
{
    if (scan->state == BEHIND_DASH && c == '-')
        return BEHIND_DASHES;
    if (scan->state == BEHIND_DASHES && c == '>')
        return AT_END;
    go_wrong(scan, SSI_BAD_END, c);
    if (c == '-')               /* behind two of them */
        scan->dashes = 2;
    return IN_WRONG;
}

static int
wrong_byte(struct ssi_scan *scan, char c)
{
    if (c == '-') {
        scan->dashes++;
        return IN_WRONG;
    }
    if (c == '>' && scan->dashes >= 2)
        return AT_END;
    scan->dashes = 0;
    return IN_WRONG;
}

static int
step(struct ssi_scan *scan, char c)
{
    switch ((enum state)scan->state) {
    case BEFORE_NAME:      return begin_name(scan, c);
    case IN_NAME:          return name_byte(scan, c);
    case BEFORE_PARAM:     return begin_param(scan, c);
    case IN_PARAM:
    case BEFORE_EQUAL:     return param_byte(scan, c);
    case BEFORE_VALUE:     return begin_value(scan, c);
    case IN_VALUE:
    case BEHIND_BACKSLASH: return value_byte(scan, c);
    case BEHIND_VALUE:     return behind_value(scan, c);
    case BEHIND_DASH:
    case BEHIND_DASHES:    return end_byte(scan, c);
    case IN_WRONG:         return wrong_byte(scan, c);
    case IN_TEXT:
    case IN_OPENING:
    case AT_END:
        break;
    }
    return scan->state;
}

/* ---- text and commands --------------------------------------------------------------------- */

/* False: there is none before the end of *in. */
static bool
read_command(struct ssi_scan *scan, struct str *in)
{
    size_t i = 0;

    while (i < in->len && scan->state != AT_END)
        scan->state = step(scan, in->p[i++]);
    *in = str_from(*in, i);
    return scan->state == AT_END;
}

static void
begin_command(struct ssi_scan *scan)
{
    scan->state = BEFORE_NAME;
    scan->wrong = SSI_SOUND;
    scan->name.len = 0;
    scan->count = 0;
}

/* How many bytes of s stand before a command, or before what may be the begin of one at its end. */
static size_t
text_length(struct str s)
{
    const char *found = memmem(s.p, s.len, opening.p, opening.len);
    size_t at = s.len >= opening.len ? s.len - opening.len + 1 : 0;

    if (found != NULL)
        return (size_t)(found - s.p);
    while (at < s.len && memcmp(s.p + at, opening.p, s.len - at) != 0)
        at++;
    return at;
}

static enum ssi_found
read_text(struct ssi_scan *scan, struct str *in, struct str *text)
{
    size_t n = text_length(*in);

    if (n > 0) {
        *text = (struct str){ in->p, n };
        *in = str_from(*in, n);
        return SSI_TEXT;
    }
    if (in->len == 0)
        return SSI_MORE;
    *in = str_from(*in, 1);
    scan->state = IN_OPENING;
    scan->matched = 1;
    return SSI_MORE;
}

/* "<!--#" has "<" at its begin alone: what did not go on with it is text as a whole. */
static enum ssi_found
read_opening(struct ssi_scan *scan, struct str *in, struct str *text)
{
    while (in->len > 0 && scan->matched < opening.len) {
        if (in->p[0] != opening.p[scan->matched]) {
            *text = (struct str){ opening.p, scan->matched };
            scan->state = IN_TEXT;
            return SSI_TEXT;
        }
        scan->matched++;
        *in = str_from(*in, 1);
    }
    if (scan->matched == opening.len)
        begin_command(scan);
    return SSI_MORE;
}

enum ssi_found
ssi_scan_next(struct ssi_scan *scan, struct str *in, struct str *text)
{
    if (scan->state == AT_END)
        scan->state = IN_TEXT;
    do {
        enum ssi_found found = SSI_MORE;

        if (scan->state == IN_TEXT)
            found = read_text(scan, in, text);
        else if (scan->state == IN_OPENING)
            found = read_opening(scan, in, text);
        else if (read_command(scan, in))
            found = SSI_COMMAND;
        if (found != SSI_MORE)
            return found;
    } while (in->len > 0);
    return SSI_MORE;
}

struct str
ssi_scan_end(struct ssi_scan *scan, bool *unfinished)
{
    struct str text = STR("");

    if (scan->state == IN_OPENING)
        text = (struct str){ opening.p, scan->matched };
    *unfinished = scan->state != IN_TEXT && scan->state != IN_OPENING && scan->state != AT_END;
    scan->state = IN_TEXT;
    return text;
}

/* ---- what was found ------------------------------------------------------------------------ */

static struct str
text_of(const struct ssi_word *word)
{
    return (struct str){ word->bytes, word->len };
}

struct str
ssi_scan_name(const struct ssi_scan *scan)
{
    return text_of(&scan->name);
}

struct ssi_param
ssi_scan_param(const struct ssi_scan *scan, uint32_t i)
{
    return (struct ssi_param){ text_of(&scan->param_names[i]), scan->param_values[i] };
}

void
ssi_scan_tell(const struct ssi_scan *scan, struct writer *w)
{
    struct ssi_param last = { STR(""), STR("") };
    struct str name = ssi_scan_name(scan), symbol = { &scan->symbol, 1 };

    if (scan->count > 0)
        last = ssi_scan_param(scan, scan->count - 1);
    switch (scan->wrong) {
    case SSI_NAME_TOO_LONG:
        write_fmt(w, "the \"%.*s...\" SSI command is too long", STR_ARG(name));
        return;
    case SSI_TOO_MANY_PARAMS:
        write_fmt(w, "too many SSI command parameters: \"%.*s\"", STR_ARG(name));
        return;
    case SSI_PARAM_TOO_LONG:
        write_fmt(w, "too long \"%.*s...\" parameter", STR_ARG(last.name));
        break;
    case SSI_BEHIND_PARAM:
        write_fmt(w, "unexpected \"%.*s\" symbol after \"%.*s\" parameter", STR_ARG(symbol),
                  STR_ARG(last.name));
        break;
    case SSI_BEFORE_VALUE:
        write_fmt(w, "unexpected \"%.*s\" symbol before value of \"%.*s\" parameter",
                  STR_ARG(symbol), STR_ARG(last.name));
        break;
    case SSI_VALUE_TOO_LONG:
        write_fmt(w, "too long value of \"%.*s\" parameter, over %zu bytes,", STR_ARG(last.name),
                  scan->value_max);
        break;
    case SSI_BEHIND_VALUE:
        write_fmt(w, "unexpected \"%.*s\" symbol after \"%.*s\" value of \"%.*s\" parameter",
                  STR_ARG(symbol), STR_ARG(last.value), STR_ARG(last.name));
        break;
    case SSI_BAD_END:
        write_fmt(w, "unexpected \"%.*s\" symbol", STR_ARG(symbol));
        break;
    case SSI_NO_MEMORY:
        write_fmt(w, "no memory for a value");
        break;
    case SSI_SOUND:
        break;
    }
    write_fmt(w, " in \"%.*s\" SSI command", STR_ARG(name));
}
