/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report: errors and warnings, noted in order of place, and told with the source line and a caret
 * under the word.
 */
#include "conf/private.h"

#include <stdio.h>

struct note {
    struct note *next;
    struct conf_pos pos;        /* file NULL: nowhere */
    enum log_level level;
    struct str text, hint;
};

/* ---- noting -------------------------------------------------------------------------------- */

/* Below 0 when a comes before b; what stands nowhere comes last. */
static int
compare_place(const struct conf_pos *a, const struct conf_pos *b)
{
    if (a->file == NULL || b->file == NULL)
        return (a->file == NULL) - (b->file == NULL);
    if (a->file != b->file)
        return a->file->number < b->file->number ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static bool
is_same(const struct note *a, const struct note *b)
{
    return a->level == b->level && compare_place(&a->pos, &b->pos) == 0 && str_eq(a->text, b->text);
}

/*
 * Keeps the note at its place, behind those of the same place. Not when it is there already: a file
 * that is included twice has its errors twice.
 */
static void
note_insert(struct conf *conf, struct note *note)
{
    struct conf_private *priv = conf->priv;
    struct note **link = &priv->notes;

    priv->last = NULL;
    for (; *link != NULL && compare_place(&(*link)->pos, &note->pos) <= 0; link = &(*link)->next)
        if (is_same(*link, note))
            return;
    note->next = *link;
    *link = note;
    priv->last = note;
    priv->note_count++;
}

void
notes_withdraw(struct conf *conf, struct conf_pos from, struct conf_pos to)
{
    struct conf_private *priv = conf->priv;
    struct note **link = &priv->notes;

    priv->last = NULL;
    while (*link != NULL) {
        if (compare_place(&(*link)->pos, &from) < 0 || compare_place(&(*link)->pos, &to) > 0) {
            link = &(*link)->next;
            continue;
        }
        *link = (*link)->next;
        priv->note_count--;
    }
}

static void PRINTF_LIKE(2, 0)
format_text(struct writer *w, const char *fmt, va_list args)
{
    char text[TEXT_MAX];
    int n = vsnprintf(text, sizeof(text), fmt, args);

    write_str(w, str_of(text));
    if (n >= (int)sizeof(text))
        write_str(w, STR("..."));
}

static void PRINTF_LIKE(4, 0)
note_add(struct conf *conf, enum log_level level, struct conf_pos pos, const char *fmt,
         va_list args)
{
    struct conf_private *priv = conf->priv;
    struct note *note;
    struct writer w;

    priv->last = NULL;
    /* What fails from then on fails for want of memory, whatever is said of it. */
    if (arena_failed(conf->arena) || arena_failed(conf->scratch))
        priv->no_memory = priv->given_up = true;
    if (priv->no_memory)
        return;
    if (conf->is_muted)
        return;
    if (priv->note_count >= NOTES_MAX) {
        priv->untold++;
        return;
    }
    note = ARENA_NEW(conf->scratch, struct note);
    if (note == NULL) {
        priv->no_memory = true;
        return;
    }
    w = writer_in(conf->scratch);
    if (priv->initial != NULL && pos.file == NULL)
        write_fmt(&w, "default \"%s\" of \"%s\": ", priv->initial->initial, priv->initial->name);
    format_text(&w, fmt, args);
    note->pos = pos;
    note->level = level;
    note->text = writer_str(&w);
    note_insert(conf, note);
}

static struct conf_pos
place_of(const struct conf_word *word)
{
    return word != NULL ? word->pos : (struct conf_pos){ .file = NULL };
}

bool
error_at(struct conf *conf, struct conf_pos pos, const char *fmt, ...)
{
    va_list args;

    conf->errors++;
    va_start(args, fmt);
    note_add(conf, LEVEL_EMERG, pos, fmt, args);
    va_end(args);
    return false;
}

bool
conf_error(struct conf *conf, const struct conf_word *word, const char *fmt, ...)
{
    va_list args;

    conf->errors++;
    va_start(args, fmt);
    note_add(conf, LEVEL_EMERG, place_of(word), fmt, args);
    va_end(args);
    return false;
}

void
conf_warn(struct conf *conf, const struct conf_word *word, const char *fmt, ...)
{
    va_list args;

    conf->warnings += !conf->is_muted;
    va_start(args, fmt);
    note_add(conf, LEVEL_WARN, place_of(word), fmt, args);
    va_end(args);
}

void
conf_hint(struct conf *conf, const char *fmt, ...)
{
    struct note *note = conf->priv->last;
    struct writer w;
    va_list args;

    if (note == NULL)
        return;
    w = writer_in(conf->scratch);
    va_start(args, fmt);
    format_text(&w, fmt, args);
    va_end(args);
    note->hint = writer_str(&w);
}

bool
conf_no_memory(struct conf *conf)
{
    conf->errors++;
    conf->priv->no_memory = true;
    conf->priv->given_up = true;
    return false;
}

/* ---- what is visible of a text ------------------------------------------------------------- */

struct range {
    uint32_t first, last;
};

/* That look like a blank or like nothing, or change the order of what follows. */
static const struct range unseen[] = {
    { 0x00, 0x1f }, { 0x7f, 0xa0 }, { 0xad, 0xad }, { 0x200b, 0x200f }, { 0x2028, 0x202f },
    { 0x2060, 0x206f }, { 0x3000, 0x3000 }, { 0xfeff, 0xfeff },
};
/* That are written over the character before. */
static const struct range combining[] = {
    { 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd }, { 0x05bf, 0x05bf },
    { 0x05c1, 0x05c2 }, { 0x05c4, 0x05c5 }, { 0x0610, 0x061a }, { 0x064b, 0x065f },
    { 0x0670, 0x0670 }, { 0x06d6, 0x06dc }, { 0x06df, 0x06e4 }, { 0x0900, 0x0902 },
    { 0x093c, 0x093c }, { 0x0941, 0x0948 }, { 0x094d, 0x094d }, { 0x0e31, 0x0e31 },
    { 0x0e34, 0x0e3a }, { 0x0e47, 0x0e4e }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
    { 0x20d0, 0x20ff }, { 0x302a, 0x302d }, { 0x3099, 0x309a }, { 0xfe00, 0xfe0f },
    { 0xfe20, 0xfe2f }, { 0xe0100, 0xe01ef },
};
/* That take two columns: Unicode's East_Asian_Width W and F. */
static const struct range wide[] = {
    { 0x1100, 0x115f }, { 0x231a, 0x231b }, { 0x2329, 0x232a }, { 0x23e9, 0x23ec },
    { 0x23f0, 0x23f0 }, { 0x23f3, 0x23f3 }, { 0x25fd, 0x25fe }, { 0x2614, 0x2615 },
    { 0x2648, 0x2653 }, { 0x267f, 0x267f }, { 0x2693, 0x2693 }, { 0x26a1, 0x26a1 },
    { 0x26aa, 0x26ab }, { 0x26bd, 0x26be }, { 0x26c4, 0x26c5 }, { 0x26ce, 0x26ce },
    { 0x26d4, 0x26d4 }, { 0x26ea, 0x26ea }, { 0x26f2, 0x26f3 }, { 0x26f5, 0x26f5 },
    { 0x26fa, 0x26fa }, { 0x26fd, 0x26fd }, { 0x2705, 0x2705 }, { 0x270a, 0x270b },
    { 0x2728, 0x2728 }, { 0x274c, 0x274c }, { 0x274e, 0x274e }, { 0x2753, 0x2755 },
    { 0x2757, 0x2757 }, { 0x2795, 0x2797 }, { 0x27b0, 0x27b0 }, { 0x27bf, 0x27bf },
    { 0x2b1b, 0x2b1c }, { 0x2b50, 0x2b50 }, { 0x2b55, 0x2b55 }, { 0x2e80, 0x303e },
    { 0x3041, 0x4dbf }, { 0x4e00, 0xa4cf }, { 0xa960, 0xa97c }, { 0xac00, 0xd7a3 },
    { 0xf900, 0xfaff }, { 0xfe10, 0xfe19 }, { 0xfe30, 0xfe6f }, { 0xff01, 0xff60 },
    { 0xffe0, 0xffe6 }, { 0x16fe0, 0x18cff }, { 0x1aff0, 0x1b2ff }, { 0x1f004, 0x1f004 },
    { 0x1f0cf, 0x1f0cf }, { 0x1f18e, 0x1f18e }, { 0x1f191, 0x1f19a }, { 0x1f200, 0x1f320 },
    { 0x1f32d, 0x1f335 }, { 0x1f337, 0x1f37c }, { 0x1f37e, 0x1f393 }, { 0x1f3a0, 0x1f3ca },
    { 0x1f3cf, 0x1f3d3 }, { 0x1f3e0, 0x1f3f0 }, { 0x1f3f4, 0x1f3f4 }, { 0x1f3f8, 0x1f43e },
    { 0x1f440, 0x1f440 }, { 0x1f442, 0x1f4fc }, { 0x1f4ff, 0x1f53d }, { 0x1f54b, 0x1f54e },
    { 0x1f550, 0x1f567 }, { 0x1f57a, 0x1f57a }, { 0x1f595, 0x1f596 }, { 0x1f5a4, 0x1f5a4 },
    { 0x1f5fb, 0x1f64f }, { 0x1f680, 0x1f6c5 }, { 0x1f6cc, 0x1f6cc }, { 0x1f6d0, 0x1f6d2 },
    { 0x1f6d5, 0x1f6d7 }, { 0x1f6dc, 0x1f6df }, { 0x1f6eb, 0x1f6ec }, { 0x1f6f4, 0x1f6fc },
    { 0x1f7e0, 0x1f7eb }, { 0x1f7f0, 0x1f7f0 }, { 0x1f90c, 0x1f93a }, { 0x1f93c, 0x1f945 },
    { 0x1f947, 0x1f9ff }, { 0x1fa70, 0x1faff }, { 0x20000, 0x3fffd },
};

static bool
is_among(const struct range *ranges, size_t count, uint32_t character)
{
    for (size_t i = 0; i < count; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return false;
}

/* The well-formed character of len bytes that s begins with. */
static uint32_t
decode(struct str s, size_t len)
{
    uint32_t character = (unsigned char)s.p[0];

    if (len > 1)
        character &= 0x7fu >> len;
    for (size_t i = 1; i < len; i++)
        character = character << 6 | ((unsigned char)s.p[i] & 0x3f);
    return character;
}

/* The length of the character that s begins with, 0 when it is none or cannot be seen. */
static size_t
visible_len(struct str s)
{
    size_t len = str_utf8_length(s);

    return len > 0 && is_among(unseen, ARRAY_LEN(unseen), decode(s, len)) ? 0 : len;
}

/* How many columns it takes. */
static unsigned
columns_of(struct str s, size_t len)
{
    uint32_t character = decode(s, len);

    if (is_among(combining, ARRAY_LEN(combining), character))
        return 0;
    return is_among(wide, ARRAY_LEN(wide), character) ? 2 : 1;
}

/* What cannot be seen becomes \xXX. */
static void
write_visible(struct writer *w, struct str s, bool keep_tabs)
{
    while (s.len > 0) {
        size_t len = visible_len(s);

        if (len == 0 && keep_tabs && s.p[0] == '\t')
            len = 1;
        if (len > 0)
            write_bytes(w, s.p, len);
        else
            write_fmt(w, "\\x%02X", (unsigned char)s.p[0]);
        s = str_from(s, len > 0 ? len : 1);
    }
}

/* As many columns of `with` as write_visible takes for s; tabs stay tabs where with is a blank. */
static void
write_under(struct writer *w, struct str s, char with)
{
    while (s.len > 0) {
        size_t len = visible_len(s);
        unsigned columns = len > 0 ? columns_of(s, len) : s.p[0] == '\t' ? 1 : 4;

        for (unsigned i = 0; i < columns; i++)
            write_char(w, s.p[0] == '\t' && with == ' ' ? '\t' : with);
        s = str_from(s, len > 0 ? len : 1);
    }
}

/* ---- the source line ----------------------------------------------------------------------- */

enum { LINE_SHOWN_MAX = 100, SHOWN_BEFORE_CARET = 40 };

struct excerpt {
    struct str before, word, after;     /* of the line, as far as it is shown */
    bool cut_front, cut_back;
};

static bool
is_continuation(char c)
{
    return (c & 0xc0) == 0x80;
}

/* Moves a border between shown and hidden bytes forward to where no character is cut. */
static size_t
whole_character(struct str text, size_t at, size_t end)
{
    while (at < end && is_continuation(text.p[at]))
        at++;
    return at;
}

static struct excerpt
excerpt_of(const struct conf_pos *pos)
{
    struct str text = pos->file->text;
    size_t begin = pos->offset - (pos->column - 1), at = pos->offset, end = at, word_end;
    struct excerpt e = { .cut_front = false };

    if (at + MIN(pos->len, LINE_SHOWN_MAX) - begin > LINE_SHOWN_MAX) {
        e.cut_front = at - begin > SHOWN_BEFORE_CARET;
        begin = e.cut_front ? whole_character(text, at - SHOWN_BEFORE_CARET, at) : begin;
    }
    while (end < text.len && text.p[end] != '\n' && end - begin < LINE_SHOWN_MAX)
        end++;
    end = whole_character(text, end, text.len);
    e.cut_back = end < text.len && text.p[end] != '\n';
    if (!e.cut_back && end > at && text.p[end - 1] == '\r')
        end--;
    word_end = MIN(at + pos->len, end);
    e.before = (struct str){ text.p + begin, at - begin };
    e.word = (struct str){ text.p + at, word_end - at };
    e.after = (struct str){ text.p + word_end, end - word_end };
    return e;
}

static unsigned
digits(uint32_t n)
{
    unsigned count = 1;

    while (n >= 10) {
        n /= 10;
        count++;
    }
    return count;
}

static void
write_excerpt(struct writer *w, const struct note *note)
{
    struct excerpt e = excerpt_of(&note->pos);
    struct str dots = e.cut_front ? STR("...") : STR("");
    int margin = (int)MAX(digits(note->pos.line), 4);

    write_fmt(w, "\n%*u | %.*s", margin, note->pos.line, STR_ARG(dots));
    write_visible(w, e.before, true);
    write_visible(w, e.word, true);
    write_visible(w, e.after, true);
    write_fmt(w, "%s\n%*s | %*s", e.cut_back ? "..." : "", margin, "", (int)dots.len, "");
    write_under(w, e.before, ' ');
    write_char(w, '^');
    if (e.word.len > 0) {
        size_t first = visible_len(e.word);

        /* The caret stands for the first column of the word. */
        if (first > 0 && columns_of(e.word, first) == 2)
            write_char(w, '~');
        else if (first == 0 && e.word.p[0] != '\t')
            write_str(w, STR("~~~"));
        write_under(w, str_from(e.word, first > 0 ? first : 1), '~');
    }
    if (note->hint.len > 0) {
        write_char(w, ' ');
        write_visible(w, note->hint, false);
    }
}

/* ---- telling ------------------------------------------------------------------------------- */

/* Text, place, source line, caret and mend, without a newline at the end. */
static void
write_note(struct writer *w, const struct note *note)
{
    const struct conf_file *file = note->pos.file;

    write_visible(w, note->text, false);
    if (file == NULL) {
        if (note->hint.len > 0) {
            write_str(w, STR("\n     "));
            write_visible(w, note->hint, false);
        }
        return;
    }
    write_str(w, STR(" in "));
    write_visible(w, file->path, false);
    if (!file_is_parameter(file))
        write_fmt(w, ":%u", note->pos.line);
    write_excerpt(w, note);
}

/* Calls tell for each note as it is to be read. */
static void
each_note(const struct conf *conf, bool with_warnings, void *ctx,
          void (*tell)(void *ctx, enum log_level level, struct str text))
{
    const struct conf_private *priv = conf->priv;
    char text[LOG_LINE_MAX * 2];
    struct writer w;

    for (const struct note *note = priv->notes; note != NULL; note = note->next) {
        if (note->level != LEVEL_EMERG && !with_warnings)
            continue;
        w = writer_at(text, sizeof(text));
        write_note(&w, note);
        tell(ctx, note->level, (struct str){ w.start, (size_t)(w.p - w.start) });
    }
    if (priv->untold > 0) {
        w = writer_at(text, sizeof(text));
        write_fmt(&w, "%u more errors and warnings are not shown", priv->untold);
        tell(ctx, LEVEL_EMERG, writer_str(&w));
    }
    if (priv->no_memory)
        tell(ctx, LEVEL_EMERG, STR("out of memory"));
}

void
conf_notes_each(const struct conf *conf, void (*fn)(void *ctx, const struct conf_note *note),
                void *ctx)
{
    for (const struct note *n = conf->priv->notes; n != NULL; n = n->next) {
        const struct conf_file *file = n->pos.file;
        const struct conf_note note = {
            .level = n->level, .text = n->text, .hint = n->hint,
            .file = file != NULL ? file->path : STR(""),
            .line = file != NULL && !file_is_parameter(file) ? n->pos.line : 0,
        };

        fn(ctx, &note);
    }
}

/* A line of the log has no newline and no tab in it. */
static void
log_lines(const struct log_context *ctx, enum log_level level, struct str text)
{
    char line[LOG_LINE_MAX];

    while (text.len > 0) {
        ptrdiff_t newline = str_find(text, '\n', 0);
        size_t len = newline >= 0 ? (size_t)newline : text.len;
        size_t kept = MIN(len, sizeof(line));

        for (size_t i = 0; i < kept; i++)
            line[i] = text.p[i];
        for (size_t i = 0; i < kept; i++)
            if (line[i] == '\t')
                line[i] = ' ';
        log_write(ctx, level, 0, "%.*s", (int)kept, line);
        text = str_from(text, len + 1);
    }
}

static void
tell_log(void *data, enum log_level level, struct str text)
{
    const struct log_context *ctx = data;

    if (!log_wants(ctx, level))
        return;
    if (ctx->log == NULL)
        log_write(ctx, level, 0, "%.*s", STR_ARG(text));
    else
        log_lines(ctx, level, text);
}

void
conf_report(const struct conf *conf, const struct log_context *ctx, bool with_warnings)
{
    struct log_context copy = *ctx;

    each_note(conf, with_warnings, &copy, tell_log);
}

static void
tell_writer(void *data, enum log_level level, struct str text)
{
    write_fmt(data, "weir: [%s] %.*s\n", log_level_name(level), STR_ARG(text));
}

void
conf_report_to(const struct conf *conf, struct writer *w)
{
    each_note(conf, true, w, tell_writer);
}
