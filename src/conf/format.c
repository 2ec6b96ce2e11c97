/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lexer finds the words, and what lies between two of them is read here, so that comments cost
 * nothing when the server reads a file. A text is cut into pieces, pieces are laid out as lines,
 * lines get their columns and are written; at last the result is cut, too, and compared.
 */
#include "conf/format.h"

#include "conf/private.h"

#include <assert.h>

enum {
    LEVEL_COLUMNS = 4,
    KEY_COLUMNS_MAX = 60,       /* a longer key moves no column */
    CODE_COLUMNS_MAX = 80       /* nor does a longer line move that of the comments */
};

#define BYTE_ORDER_MARK STR("\xEF\xBB\xBF")

enum piece_kind { PIECE_WORD, PIECE_SEMICOLON, PIECE_OPEN, PIECE_CLOSE, PIECE_COMMENT };

struct piece {
    struct str raw;             /* as it stands in the text, quotes included */
    enum piece_kind kind;
    uint32_t breaks;            /* line ends between it and the piece before */
    bool glued;                 /* nothing is between them: the ")" of ("a") */
};

/* A text in its pieces. */
struct cut {
    struct conf *conf;
    const struct conf_file *file;
    VEC(struct piece) pieces;
};

/*
 * A line that will be written: words, one of ; { } or nothing, a comment. Its words are neighbours
 * among the pieces.
 */
struct line {
    uint32_t first, count;      /* words */
    uint32_t depth;             /* blocks around it */
    uint32_t indent;            /* in columns */
    uint32_t key_pad;           /* blanks behind the first word, more than the one */
    uint32_t comment_pad;       /* the same before the comment */
    struct str comment;         /* not set: none */
    char end;                   /* ';', '{', '}' or 0 */
    bool blank_before;
    bool continues;             /* the statement of an earlier line */
    bool is_data;               /* begins an entry of a block of data */
};

struct layout {
    struct conf *conf;
    const struct piece *pieces;
    VEC(struct line) lines;
    uint32_t depth;
    uint32_t data_depth;        /* inside the outermost open block of data; 0: none is open */
    bool is_open;               /* a statement is */
    uint32_t name;              /* the statement's first word */
    uint32_t tail;              /* the line of its last one */
};

/* ---- a text to pieces ---------------------------------------------------------------------- */

static bool
cut_piece(struct cut *cut, struct piece piece)
{
    struct piece *place = VEC_ADD(cut->conf->scratch, &cut->pieces);

    if (place == NULL)
        return conf_no_memory(cut->conf);
    *place = piece;
    return true;
}

/* The length of the comment that s begins with, without blanks at its end. */
static size_t
comment_len(struct str s)
{
    const char *newline = memchr(s.p, '\n', s.len);
    size_t len = newline != NULL ? (size_t)(newline - s.p) : s.len;

    while (strchr(" \t\r", s.p[len - 1]) != NULL)
        len--;
    return len;
}

/*
 * Blanks, line ends and comments between two tokens. *breaks: the line ends behind the last
 * comment.
 */
static bool
cut_gap(struct cut *cut, struct str gap, uint32_t *breaks)
{
    *breaks = 0;
    for (size_t i = 0; i < gap.len; i++) {
        struct piece comment = { .kind = PIECE_COMMENT, .breaks = *breaks };

        if (gap.p[i] == '\n')
            ++*breaks;
        if (gap.p[i] != '#')
            continue;
        comment.raw = str_from(gap, i);
        comment.raw.len = comment_len(comment.raw);
        if (!cut_piece(cut, comment))
            return false;
        *breaks = 0;
        i += comment.raw.len - 1;
        while (i + 1 < gap.len && gap.p[i + 1] != '\n')
            i++;
    }
    return true;
}

static bool
begins_statement(const struct cut *cut)
{
    uint32_t i = cut->pieces.len;

    while (i > 0 && cut->pieces.items[i - 1].kind == PIECE_COMMENT)
        i--;
    return i == 0 || cut->pieces.items[i - 1].kind != PIECE_WORD;
}

/* What stands in such a block is not the language of conf files, whatever the lexer makes of it. */
static bool
is_code(const struct cut *cut, const struct conf_word *word)
{
    return str_ends(word->text, STR("_by_lua_block")) && !word->quoted && begins_statement(cut);
}

static bool
refuse_code(struct cut *cut, const struct conf_word *word)
{
    conf_error(cut->conf, word, "a block of Lua cannot be formatted");
    conf_hint(cut->conf, "what is in it is not the language of conf files; \"%.*s_file\" would "
              "take it from a file of its own", (int)word->text.len - 6, word->text.p);
    return false;
}

static const struct { enum token token; enum piece_kind kind; } piece_kinds[] = {
    { TOKEN_WORD,      PIECE_WORD },
    { TOKEN_SEMICOLON, PIECE_SEMICOLON },
    { TOKEN_OPEN,      PIECE_OPEN },
    { TOKEN_CLOSE,     PIECE_CLOSE },
};

/* False at a token that has an error, too; it is not told. */
static bool
cut_token(struct cut *cut, enum token token, struct piece piece)
{
    for (size_t i = 0; i < ARRAY_LEN(piece_kinds); i++) {
        if (piece_kinds[i].token != token)
            continue;
        piece.kind = piece_kinds[i].kind;
        return cut_piece(cut, piece);
    }
    return false;
}

/* Up to the end, or to the first error: those of syntax are not told. */
static bool
cut_text(struct cut *cut)
{
    struct str text = cut->file->text;
    struct lexer lexer;
    const char *from;

    lexer_init(&lexer, cut->conf->scratch, cut->file, text);
    from = lexer.p;
    for (;;) {
        struct piece piece = { .breaks = 0 };
        struct conf_word word;
        enum token token = lexer_next(&lexer, &word);
        const char *at = text.p + word.pos.offset;

        if (token == TOKEN_WORD && is_code(cut, &word))
            return refuse_code(cut, &word);
        if (!cut_gap(cut, (struct str){ from, (size_t)(at - from) }, &piece.breaks))
            return false;
        if (token == TOKEN_END)
            return true;
        piece.raw = (struct str){ at, word.pos.len };
        piece.glued = at == from;
        if (!cut_token(cut, token, piece))
            return false;
        from = at + word.pos.len;
    }
}

/* ---- pieces to lines ----------------------------------------------------------------------- */

/* Blocks whose entries are a key and values. */
static const struct str data_blocks[] = {
    STR_INIT("charset_map"), STR_INIT("geo"), STR_INIT("map"), STR_INIT("split_clients"),
    STR_INIT("types"),
};

static bool
is_data_block(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(data_blocks); i++)
        if (str_eq(name, data_blocks[i]))
            return true;
    return false;
}

/* The last line; NULL: there is none yet. */
static struct line *
last_line(struct layout *l)
{
    return l->lines.len > 0 ? &l->lines.items[l->lines.len - 1] : NULL;
}

static struct line *
add_line(struct layout *l, uint32_t piece)
{
    const struct line *before = last_line(l);
    bool may_be_blank = before != NULL && before->end != '{' && !l->is_open;
    struct line *line = VEC_ADD(l->conf->scratch, &l->lines);

    if (line == NULL) {
        conf_no_memory(l->conf);
        return NULL;
    }
    line->first = piece;
    line->depth = l->depth;
    line->continues = l->is_open;
    line->blank_before = may_be_blank && l->pieces[piece].breaks > 1;
    return line;
}

static bool
lay_word(struct layout *l, uint32_t piece)
{
    struct line *line;

    if (l->is_open && l->pieces[piece].breaks == 0) {
        l->lines.items[l->tail].count++;
        return true;
    }
    line = add_line(l, piece);
    if (line == NULL)
        return false;
    line->count = 1;
    line->is_data = !l->is_open && l->data_depth > 0;
    l->tail = l->lines.len - 1;
    if (!l->is_open)
        l->name = piece;
    l->is_open = true;
    return true;
}

static bool
lay_comment(struct layout *l, uint32_t piece)
{
    struct line *line = last_line(l);

    if (l->pieces[piece].breaks > 0 || line == NULL || str_is_set(line->comment))
        line = add_line(l, piece);
    if (line == NULL)
        return false;
    line->comment = l->pieces[piece].raw;
    return true;
}

/*
 * The end of a statement goes behind its last word; comments that were between the two now stand
 * behind it, on the level that begins there.
 */
static void
end_statement(struct layout *l, char end)
{
    /* The tree has been read without an error. */
    assert(l->is_open && l->tail < l->lines.len);
    l->lines.items[l->tail].end = end;
    l->is_open = false;
    for (uint32_t i = l->tail + 1; i < l->lines.len; i++) {
        l->lines.items[i].continues = false;
        l->lines.items[i].depth = l->depth;
    }
}

static bool
lay_open(struct layout *l)
{
    l->depth++;
    if (l->data_depth == 0 && is_data_block(l->pieces[l->name].raw))
        l->data_depth = l->depth;
    end_statement(l, '{');
    return true;
}

static bool
lay_close(struct layout *l, uint32_t piece)
{
    struct line *line;

    l->depth--;
    if (l->depth < l->data_depth)
        l->data_depth = 0;
    line = add_line(l, piece);
    if (line == NULL)
        return false;
    line->blank_before = false;
    line->end = '}';
    return true;
}

static bool
lay_piece(struct layout *l, uint32_t piece)
{
    switch (l->pieces[piece].kind) {
    case PIECE_WORD:      return lay_word(l, piece);
    case PIECE_COMMENT:   return lay_comment(l, piece);
    case PIECE_OPEN:      return lay_open(l);
    case PIECE_CLOSE:     return lay_close(l, piece);
    case PIECE_SEMICOLON: end_statement(l, ';');       break;
    }
    return true;
}

/* ---- columns ------------------------------------------------------------------------------- */

enum { NO_WIDTH = UINT32_MAX };         /* of a word with a line end in it */

/* In characters of UTF-8. */
static uint32_t
word_width(const struct piece *word)
{
    uint32_t width = 0;

    for (size_t i = 0; i < word->raw.len; i++) {
        if (word->raw.p[i] == '\n')
            return NO_WIDTH;
        width += (word->raw.p[i] & 0xc0) != 0x80;
    }
    return width;
}

/* How many blanks stand before the nth word of a line. */
static uint32_t
blanks_before(const struct layout *l, const struct line *line, uint32_t n)
{
    if (n == 0 || l->pieces[line->first + n].glued)
        return 0;
    return 1 + (n == 1 ? line->key_pad : 0);
}

/* The column where the nth word of a line begins, or with n = count where they end. */
static uint32_t
column_of(const struct layout *l, const struct line *line, uint32_t n)
{
    uint32_t column = line->indent;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t width = word_width(&l->pieces[line->first + i]);

        if (width == NO_WIDTH)
            return NO_WIDTH;
        column += blanks_before(l, line, i) + width;
    }
    return n < line->count ? column + blanks_before(l, line, n) : column;
}

/* Neighbours that may have a column in common. */
static bool
are_in_a_run(const struct line *a, const struct line *b)
{
    return !b->blank_before && a->depth == b->depth;
}

/* The width of a key that moves, or joins, the column of values; 0: it does not. */
static uint32_t
key_width(const struct layout *l, const struct line *line)
{
    uint32_t width;

    if (!line->is_data || line->count < 2 || l->pieces[line->first + 1].glued)
        return 0;
    width = word_width(&l->pieces[line->first]);
    return width <= KEY_COLUMNS_MAX ? width : 0;
}

static void
align_keys(struct layout *l)
{
    struct line *lines = l->lines.items;
    uint32_t end;

    for (uint32_t from = 0; from < l->lines.len; from = end) {
        uint32_t widest = key_width(l, &lines[from]);

        end = from + 1;
        for (; end < l->lines.len && are_in_a_run(&lines[end - 1], &lines[end]); end++)
            widest = MAX(widest, key_width(l, &lines[end]));
        for (uint32_t i = from; i < end; i++) {
            uint32_t width = key_width(l, &lines[i]);

            lines[i].key_pad = width > 0 ? widest - width : 0;
        }
    }
}

static bool
is_quoted(const struct piece *word)
{
    return word->raw.p[0] == '"' || word->raw.p[0] == '\'';
}

/*
 * Where the further lines of a statement begin: below its first argument; or, where the first line
 * ends in quoted ones, below the first of these (log_format NAME "…").
 */
static uint32_t
further_indent(const struct layout *l, const struct line *head)
{
    const struct piece *words = &l->pieces[head->first];
    uint32_t below = 1, column;

    if (head->count > 2 && is_quoted(&words[head->count - 1]))
        for (below = head->count - 1; below > 1 && is_quoted(&words[below - 1]); below--)
            continue;
    column = head->count > 1 ? column_of(l, head, below) : NO_WIDTH;
    return column != NO_WIDTH ? column : head->indent + LEVEL_COLUMNS;
}

static void
indent_lines(struct layout *l)
{
    uint32_t further = 0;

    for (uint32_t i = 0; i < l->lines.len; i++) {
        struct line *line = &l->lines.items[i];

        line->indent = line->continues ? further : line->depth * LEVEL_COLUMNS;
        if (!line->continues && line->count > 0)
            further = further_indent(l, line);
    }
}

/* Where the code before a comment ends; 0 when that has no part in the column of comments. */
static uint32_t
code_width(const struct layout *l, const struct line *line)
{
    uint32_t width;

    if (!str_is_set(line->comment) || line->count == 0 || line->end == '{')
        return 0;
    width = column_of(l, line, line->count);
    if (width == NO_WIDTH)
        return 0;
    width += line->end == ';';
    return width <= CODE_COLUMNS_MAX ? width : 0;
}

static bool
joins_comments(const struct line *a, const struct line *b)
{
    return str_is_set(b->comment) && are_in_a_run(a, b);
}

static void
align_comments(struct layout *l)
{
    struct line *lines = l->lines.items;
    uint32_t end;

    for (uint32_t from = 0; from < l->lines.len; from = end) {
        uint32_t widest = code_width(l, &lines[from]);

        end = from + 1;
        for (; end < l->lines.len && joins_comments(&lines[end - 1], &lines[end]); end++)
            widest = MAX(widest, code_width(l, &lines[end]));
        for (uint32_t i = from; i < end; i++) {
            uint32_t width = code_width(l, &lines[i]);

            lines[i].comment_pad = width > 0 ? widest - width : 0;
        }
    }
}

/* ---- lines to text ------------------------------------------------------------------------- */

static void
write_blanks(struct writer *w, uint32_t n)
{
    while (n-- > 0)
        write_char(w, ' ');
}

static void
write_line(struct writer *w, const struct layout *l, const struct line *line)
{
    if (line->blank_before)
        write_char(w, '\n');
    write_blanks(w, line->indent);
    for (uint32_t i = 0; i < line->count; i++) {
        write_blanks(w, blanks_before(l, line, i));
        write_str(w, l->pieces[line->first + i].raw);
    }
    if (line->end == '{')
        write_char(w, ' ');
    if (line->end != '\0')
        write_char(w, line->end);
    if (str_is_set(line->comment)) {
        if (line->count > 0 || line->end != '\0')
            write_blanks(w, 1 + line->comment_pad);
        write_str(w, line->comment);
    }
    write_char(w, '\n');
}

static bool
lay_out(const struct cut *cut, struct writer *w)
{
    struct layout l = { .conf = cut->conf, .pieces = cut->pieces.items };

    for (uint32_t i = 0; i < cut->pieces.len; i++)
        if (!lay_piece(&l, i))
            return false;
    align_keys(&l);
    indent_lines(&l);
    align_comments(&l);
    /* A word that looks like a byte order mark is one at the start, unless another comes first. */
    if (str_starts(cut->pieces.items[0].raw, BYTE_ORDER_MARK))
        write_str(w, BYTE_ORDER_MARK);
    for (uint32_t i = 0; i < l.lines.len; i++)
        write_line(w, &l, &l.lines.items[i]);
    return w->ok || conf_no_memory(cut->conf);
}

/* ---- the proof ----------------------------------------------------------------------------- */

/* The next comment, or what is none, from *i on; NULL: there is no more. */
static const struct piece *
next_piece(const struct cut *cut, bool is_comment, uint32_t *i)
{
    while (*i < cut->pieces.len) {
        const struct piece *piece = &cut->pieces.items[(*i)++];

        if ((piece->kind == PIECE_COMMENT) == is_comment)
            return piece;
    }
    return NULL;
}

static bool
have_same(const struct cut *a, const struct cut *b, bool comments)
{
    uint32_t i = 0, j = 0;
    const struct piece *p, *q;

    do {
        p = next_piece(a, comments, &i);
        q = next_piece(b, comments, &j);
        if (p != NULL && q != NULL && (p->kind != q->kind || !str_eq(p->raw, q->raw)))
            return false;
    } while (p != NULL && q != NULL);
    return p == q;
}

/* Whether what was written, from `start` on, has the same words and comments in the same order. */
static bool
check(const struct cut *before, const struct writer *w, size_t start)
{
    struct conf_file file = { .path = before->file->path };
    struct cut after = { .conf = before->conf, .file = &file };

    file.text = (struct str){ w->start + start, (size_t)(w->p - w->start) - start };
    if (cut_text(&after) && have_same(before, &after, false) && have_same(before, &after, true))
        return true;
    return conf_error(before->conf, NULL, "\"%.*s\" cannot be formatted: the result would not mean "
                      "the same", STR_ARG(file.path));
}

bool
conf_format(struct conf *conf, struct str name, struct str text, struct writer *w)
{
    struct conf_file *file = ARENA_NEW(conf->scratch, struct conf_file);
    struct cut cut = { .conf = conf, .file = file };
    size_t start = (size_t)(w->p - w->start);
    bool is_cut;

    if (file == NULL)
        return conf_no_memory(conf);
    *file = (struct conf_file){ .path = name, .text = text, .is_text = true };
    is_cut = cut_text(&cut);
    if (conf->errors > 0)
        return false;
    /* Errors of syntax are found, and told, where they always are. */
    conf->priv->is_alone = true;
    if (!conf_read_text(conf, name, text) || !is_cut)
        return false;
    return cut.pieces.len == 0 || (lay_out(&cut, w) && check(&cut, w, start));
}
