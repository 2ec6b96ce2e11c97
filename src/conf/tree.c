/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tree: words to statements, with the files that "include" names read in their place.
 *
 * Blocks are built without recursion, whatever their depth; only files within files recurse. After
 * an error of syntax reading goes on with the nearest sense, so that the rest of the file is
 * checked too.
 */
#include "conf/private.h"

#include <errno.h>
#include <glob.h>

/* One file being read. */
struct reader {
    struct conf *conf;
    struct conf_file *file;
    struct lexer lexer;
    const struct reader *outer;         /* the file that includes this one */
    const struct conf_word *asked;      /* by which word */
    unsigned file_depth, block_depth;
    struct conf_node *base;             /* the block that includes the file; NULL: main level */
    struct conf_node *parent;           /* the innermost open block */
    struct conf_node **end;             /* where the next statement is linked */
    /* By their indentation; NULL, or line 0: none has been seen. */
    const struct conf_node *unclosed;   /* the first block whose "}" seems to be missing */
    uint32_t unclosed_by, needless;     /* lines: of the "}" that shows it; of one too many */
};

static void read_statements(struct reader *r);

/* ---- places -------------------------------------------------------------------------------- */

struct conf_pos
pos_after(const struct conf_word *word)
{
    struct conf_pos pos = word->pos;
    const char *p, *from;

    if (pos.file == NULL)
        return pos;
    from = pos.file->text.p + pos.offset;
    for (p = from; (p = memchr(p, '\n', (size_t)(from + pos.len - p))) != NULL; p++) {
        pos.line++;
        pos.column = (uint32_t)(pos.len - (size_t)(p + 1 - from)) + 1;
    }
    if (pos.line == word->pos.line)
        pos.column += pos.len;
    pos.offset += pos.len;
    pos.len = 1;
    return pos;
}

/* ---- nodes --------------------------------------------------------------------------------- */

static struct tree_node *
node_create(struct conf *conf, const struct conf_word *words, uint32_t count)
{
    struct tree_node *tn = ARENA_NEW(conf->scratch, struct tree_node);
    struct conf_word *copy = ARENA_ARRAY(conf->scratch, struct conf_word, count);

    if (tn == NULL || copy == NULL) {
        conf_no_memory(conf);
        return NULL;
    }
    memcpy(copy, words, count * sizeof(*copy));
    tn->node.words = copy;
    tn->node.count = count;
    tn->node.order = conf->priv->node_count++;
    return tn;
}

static void
node_link(struct reader *r, struct conf_node *node)
{
    node->parent = r->parent;
    *r->end = node;
    r->end = &node->next;
}

static void
block_enter(struct reader *r, struct conf_node *node)
{
    struct conf_private *priv = r->conf->priv;

    node->is_block = true;
    r->parent = node;
    r->end = &node->children;
    if (++r->block_depth > DEPTH_MAX && !priv->too_deep) {
        priv->too_deep = true;
        error_at(r->conf, node->words[0].pos, "blocks are nested more than %d levels deep",
                 DEPTH_MAX);
    }
}

static void
block_leave(struct reader *r)
{
    r->end = &r->parent->next;
    r->parent = r->parent->parent;
    r->block_depth--;
}

/* ---- include ------------------------------------------------------------------------------- */

static void
write_chain(struct writer *w, const struct reader *r, struct str path)
{
    if (!str_eq(r->file->path, path)) {
        write_chain(w, r->outer, path);
        write_fmt(w, "%.*s:%u includes %.*s, ", STR_ARG(r->outer->file->path), r->asked->pos.line,
                  STR_ARG(r->file->path));
    }
}

static bool
tell_cycle(struct reader *r, struct str path, const struct conf_word *word)
{
    struct conf *conf = r->conf;
    struct writer w = writer_in(conf->scratch);
    struct str chain;

    error_at(conf, word->pos, "\"%.*s\" includes itself", STR_ARG(path));
    write_chain(&w, r, path);
    write_fmt(&w, "%.*s:%u includes %.*s", STR_ARG(r->file->path), word->pos.line, STR_ARG(path));
    chain = writer_str(&w);
    conf_hint(conf, "%.*s", STR_ARG(chain));
    return false;
}

static bool
is_sane_inclusion(struct reader *r, struct str path, const struct conf_word *word)
{
    struct conf *conf = r->conf;

    for (const struct reader *outer = r; outer != NULL; outer = outer->outer)
        if (str_eq(outer->file->path, path))
            return tell_cycle(r, path, word);
    if (r->file_depth == INCLUDE_DEPTH_MAX)
        return error_at(conf, word->pos, "includes are nested more than %d files deep",
                        INCLUDE_DEPTH_MAX);
    if (++conf->priv->inclusions > INCLUSIONS_MAX) {
        conf->priv->given_up = true;
        return error_at(conf, word->pos, "more than %d files are included", INCLUSIONS_MAX);
    }
    return true;
}

static void
include_file(struct reader *r, struct str path, const struct conf_word *word)
{
    struct reader inner;
    struct conf_file *file;

    if (!is_sane_inclusion(r, path, word))
        return;
    file = file_get(r->conf, path, word);
    if (file == NULL)
        return;
    r->conf->priv->read_bytes += file->text.len;
    if (r->conf->priv->read_bytes > READ_BYTES_MAX) {
        r->conf->priv->given_up = true;
        error_at(r->conf, word->pos, "more than %u bytes are included", READ_BYTES_MAX);
        return;
    }
    inner = (struct reader){
        .conf = r->conf, .file = file, .outer = r, .asked = word,
        .file_depth = r->file_depth + 1, .block_depth = r->block_depth,
        .base = r->parent, .parent = r->parent, .end = r->end,
    };
    read_statements(&inner);
    r->end = inner.end;
}

static int
on_glob_error(const char *path, int err)
{
    (void)path;
    /* A folder that is not there has no files; one that is closed to us is an error. */
    errno = err;
    return err != ENOENT && err != ENOTDIR;
}

static void
include_pattern(struct reader *r, struct str path, const struct conf_word *word)
{
    glob_t found;
    int rc = glob(path.p, 0, on_glob_error, &found);
    int err = errno;

    if (rc == GLOB_NOSPACE) {
        conf_no_memory(r->conf);
        return;
    }
    if (rc == GLOB_ABORTED)
        error_at(r->conf, word->pos, "glob() \"%.*s\" failed (%d: %s)", STR_ARG(path), err,
                 strerror(err));
    for (size_t i = 0; rc == 0 && i < found.gl_pathc && !r->conf->priv->given_up; i++) {
        struct str one = arena_str(r->conf->scratch, str_of(found.gl_pathv[i]));

        if (str_is_set(one))
            include_file(r, one, word);
        else
            conf_no_memory(r->conf);
    }
    globfree(&found);
}

/* A byte of a value of the environment has no meaning in a pattern. */
static bool
is_special(struct reader *r, const struct conf_word *word, size_t at)
{
    return strchr("*?[", word->text.p[at]) != NULL && !env_has_byte(r->conf, word, at);
}

static bool
is_pattern(struct reader *r, const struct conf_word *word)
{
    for (size_t i = 0; i < word->text.len; i++)
        if (is_special(r, word, i))
            return true;
    return false;
}

static void
write_escaped(struct writer *w, char c)
{
    if (strchr("*?[\\", c) != NULL)
        write_char(w, '\\');
    write_char(w, c);
}

/* Whole; the folder has no wildcards, whatever its name. NUL-terminated. */
static struct str
path_of(struct reader *r, const struct conf_word *word, bool pattern)
{
    struct str folder = word->text.p[0] != '/' ? file_folder(r->conf) : STR("");
    struct writer w = writer_in(r->conf->scratch);

    for (size_t i = 0; i < folder.len; i++)
        if (pattern)
            write_escaped(&w, folder.p[i]);
        else
            write_char(&w, folder.p[i]);
    for (size_t i = 0; i < word->text.len; i++)
        if (pattern && env_has_byte(r->conf, word, i))
            write_escaped(&w, word->text.p[i]);
        else
            write_char(&w, word->text.p[i]);
    return str_of(writer_cstr(&w));
}

static void
include(struct reader *r, const struct conf_node *node)
{
    const struct conf_word *word = &node->words[1];
    struct str path;
    bool pattern;

    if (node->count != 2) {
        error_at(r->conf, node->words[0].pos,
                 "invalid number of arguments in \"include\" directive");
        conf_hint(r->conf, "it takes 1 argument");
        return;
    }
    pattern = is_pattern(r, word);
    path = path_of(r, word, pattern);
    if (!str_is_set(path))
        conf_no_memory(r->conf);
    else if (pattern)
        include_pattern(r, path, word);
    else
        include_file(r, path, word);
}

static bool
is_include(const struct conf_word *word)
{
    return !word->quoted && word->values == 0 && str_eq(word->text, STR("include"));
}

/* ---- statements ---------------------------------------------------------------------------- */

static void
pend(struct reader *r, const struct conf_word *word)
{
    struct conf_word *place = VEC_ADD(r->conf->scratch, &r->conf->priv->pending);

    if (place == NULL)
        conf_no_memory(r->conf);
    else
        *place = *word;
}

/* The word as it should have been written; the ")" of "if" is not a part of it. */
static void
tell_brace(struct reader *r, const struct conf_word *word)
{
    const struct conf_file *file = word->pos.file;
    struct conf_pos pos = word->pos;
    struct str raw = { file->text.p + pos.offset, pos.len };
    uint32_t before = (uint32_t)(r->lexer.brace - raw.p);

    pos.offset += before;
    pos.column += before;
    pos.len = 1;
    error_at(r->conf, pos, "unexpected \"{\"");
    if (str_ends(raw, STR(")")) && memchr(raw.p, '(', raw.len) == NULL)
        raw.len--;
    conf_hint(r->conf, "a word with a \"{\" in it needs quotes: \"%.*s\"", STR_ARG(raw));
    r->conf->priv->pending_told = true;
}

static void
on_word(struct reader *r, struct conf_word *word)
{
    if (r->lexer.brace != NULL)
        tell_brace(r, word);
    if (!r->conf->priv->is_alone && !env_replace(r->conf, word))
        r->conf->priv->pending_told = true;
    pend(r, word);
}

/* The words that are pending as a node of its own; NULL when memory is short. */
static struct tree_node *
take_pending(struct reader *r)
{
    struct conf_private *priv = r->conf->priv;
    struct tree_node *tn = node_create(r->conf, priv->pending.items, priv->pending.len);

    priv->pending.len = 0;
    if (tn != NULL)
        tn->told = priv->pending_told;
    priv->pending_told = false;
    return tn;
}

static void
end_simple(struct reader *r, struct conf_node *node)
{
    if (!is_include(&node->words[0]) || r->conf->priv->is_alone)
        node_link(r, node);
    else if (!tree_node(node)->told)
        include(r, node);
}

/* The blanks before a word that is the first of its line; STR_NONE when it is not. */
static struct str
indentation(const struct conf_pos *pos)
{
    const char *at = pos->file->text.p + pos->offset, *from = at - (pos->column - 1);

    for (const char *p = from; p < at; p++)
        if (*p != ' ' && *p != '\t')
            return STR_NONE;
    return (struct str){ from, (size_t)(at - from) };
}

static void
note_unclosed(struct reader *r, const struct conf_pos *shown)
{
    if (r->unclosed != NULL)
        return;
    r->unclosed = r->parent;
    r->unclosed_by = shown->line;
}

/*
 * A statement that stands no further in than the name of its block, where others before it did,
 * shows that the block's "}" is missing.
 */
static void
look_at_indentation(struct reader *r, const struct conf_node *node)
{
    struct str inner, outer;

    if (r->parent == r->base)
        return;
    inner = indentation(&node->words[0].pos);
    outer = indentation(&r->parent->words[0].pos);
    if (!str_is_set(inner) || !str_is_set(outer))
        return;
    if (inner.len > outer.len && str_starts(inner, outer))
        tree_node(r->parent)->is_indented = true;
    else if (tree_node(r->parent)->is_indented && str_starts(outer, inner))
        note_unclosed(r, &node->words[0].pos);
}

/*
 * A "}" further out than the block that it closes shows that the block's own is missing; one further
 * in shows that it is one too many. Either is remembered in case that an error follows. Tabs beside
 * blanks show nothing.
 */
static void
compare_indentation(struct reader *r, const struct conf_pos *close)
{
    struct str inner = indentation(close), outer = indentation(&r->parent->words[0].pos);

    if (!str_is_set(inner) || !str_is_set(outer) || inner.len == outer.len)
        return;
    if (inner.len < outer.len && str_starts(outer, inner))
        note_unclosed(r, close);
    if (inner.len > outer.len && r->needless == 0 && str_starts(inner, outer))
        r->needless = close->line;
}

/*
 * The name of a block that a line with another directive follows lacks its "{": it is opened here,
 * for its "}" will come.
 */
static void
open_forgotten(struct reader *r)
{
    const struct conf_private *priv = r->conf->priv;
    const struct conf_word *words = priv->pending.items;
    uint32_t from = names_restart(r->conf, words, priv->pending.len, 0);
    struct tree_node *tn;

    if (from == 0 || !names_is_block(r->conf, words[0].text)
        || (tn = node_create(r->conf, words, from)) == NULL)
        return;
    error_at(r->conf, pos_after(&words[from - 1]), "directive \"%.*s\" has no opening \"{\"",
             STR_ARG(words[0].text));
    conf_hint(r->conf, "a \"{\" is missing here");
    node_link(r, &tn->node);
    block_enter(r, &tn->node);
    for (uint32_t i = from; i < priv->pending.len; i++)
        priv->pending.items[i - from] = priv->pending.items[i];
    r->conf->priv->pending.len -= from;
}

static bool
follows_brace(const struct reader *r, const struct conf_word *at)
{
    const char *text = r->file->text.p, *p = text + at->pos.offset;

    while (p > text && strchr(" \t\r\n", p[-1]) != NULL)
        p--;
    return p > text && p[-1] == '}';
}

static void
on_semicolon(struct reader *r, const struct conf_word *at)
{
    struct tree_node *tn;

    if (r->conf->priv->pending.len == 0) {
        error_at(r->conf, at->pos, "unexpected \";\"");
        conf_hint(r->conf, follows_brace(r, at) ? "none is needed behind a block"
                                                : "no directive stands before it");
        return;
    }
    open_forgotten(r);
    tn = take_pending(r);
    if (tn == NULL)
        return;
    look_at_indentation(r, &tn->node);
    end_simple(r, &tn->node);
}

/* A "{" without a name opens a block too, so that its "}" finds it. */
static struct tree_node *
open_nameless(struct reader *r, const struct conf_word *at)
{
    struct conf_word word = { .text = STR("{"), .pos = at->pos };
    struct tree_node *tn = node_create(r->conf, &word, 1);

    error_at(r->conf, at->pos, "unexpected \"{\"");
    conf_hint(r->conf, "no directive stands before it");
    if (tn != NULL)
        tn->told = true;
    return tn;
}

static void
on_open(struct reader *r, const struct conf_word *at)
{
    struct tree_node *tn;

    open_forgotten(r);
    tn = r->conf->priv->pending.len == 0 ? open_nameless(r, at) : take_pending(r);
    if (tn == NULL)
        return;
    look_at_indentation(r, &tn->node);
    if (is_include(&tn->node.words[0])) {
        error_at(r->conf, pos_after(&tn->node.words[tn->node.count - 1]),
                 "directive \"include\" is not terminated by \";\"");
        tn->told = true;
    }
    node_link(r, &tn->node);
    block_enter(r, &tn->node);
}

static void
tell_unterminated(struct reader *r, const struct conf_node *node, bool at_end)
{
    struct conf_pos pos = pos_after(&node->words[node->count - 1]);

    if (!at_end)
        error_at(r->conf, pos, "directive \"%.*s\" is not terminated by \";\"",
                 STR_ARG(node->words[0].text));
    else if (file_is_parameter(r->file))
        error_at(r->conf, pos, "unexpected end of parameter, expecting \";\"");
    else
        error_at(r->conf, pos, "unexpected end of file, expecting \";\" or \"}\"");
    names_hint_missing(r->conf, &node->words[node->count - 1]);
}

/* "root /srv}": the brace would have closed a block. */
static bool
has_eaten_brace(const struct conf_word *word)
{
    return !word->quoted && str_ends(word->text, STR("}"));
}

/*
 * The pending words met "}" or the end of the file. They may be several statements: each line that
 * begins with the name of a directive begins one.
 */
static void
end_unterminated(struct reader *r, bool at_end)
{
    struct tree_node *all = take_pending(r);
    uint32_t from = 0, count = 0;

    for (; all != NULL && from < all->node.count; from += count) {
        const struct conf_word *words = &all->node.words[from];
        uint32_t left = all->node.count - from;
        struct tree_node *tn;

        count = names_restart(r->conf, words, left, 0);
        if (count == 0)
            count = left;
        tn = node_create(r->conf, words, count);
        if (tn == NULL)
            return;
        tn->told = all->told;
        tell_unterminated(r, &tn->node, at_end && count == left);
        end_simple(r, &tn->node);
        if (!at_end && count == left && has_eaten_brace(&words[count - 1])
            && r->parent != r->base)
            block_leave(r);
    }
}

static void
tell_needless(struct reader *r, const struct conf_word *at)
{
    error_at(r->conf, at->pos, "unexpected \"}\"");
    if (r->needless > 0 && r->needless < at->pos.line)
        conf_hint(r->conf, "no block is open here; the \"}\" of line %u may be one too many",
                  r->needless);
    else
        conf_hint(r->conf, "no block is open here%s",
                  r->outer != NULL ? " that this file opened" : "");
}

static void
on_close(struct reader *r, const struct conf_word *at)
{
    if (r->conf->priv->pending.len > 0)
        end_unterminated(r, false);
    if (r->parent == r->base) {
        tell_needless(r, at);
        return;
    }
    compare_indentation(r, &at->pos);
    block_leave(r);
}

static void
on_unclosed_quote(struct reader *r, const struct conf_word *at)
{
    if (file_is_parameter(r->file))
        error_at(r->conf, at->pos, "unexpected end of parameter, expecting \";\"");
    else
        error_at(r->conf, at->pos, "unexpected end of file, expecting \";\" or \"}\"");
    conf_hint(r->conf, "this quote is not closed");
    r->conf->priv->pending.len = 0;
    r->conf->priv->pending_told = false;
}

static void
on_nul(struct reader *r, const struct conf_word *at)
{
    error_at(r->conf, at->pos, "unexpected NUL byte");
    if (str_starts(r->file->text, STR("\xFF\xFE")) || str_starts(r->file->text, STR("\xFE\xFF")))
        conf_hint(r->conf, "this file is UTF-16: save it as UTF-8");
    else
        conf_hint(r->conf, "is this a text file?");
    r->conf->priv->pending.len = 0;
    r->conf->priv->pending_told = false;
}

/*
 * False: the quoted word before began in an earlier line, so the quotes of all that follows are
 * likely to be the wrong way round.
 */
static bool
on_glued(struct reader *r, const struct conf_word *at)
{
    const struct conf_private *priv = r->conf->priv;
    uint32_t from = priv->pending.len > 0 ? priv->pending.items[priv->pending.len - 1].pos.line
                                          : at->pos.line;

    error_at(r->conf, at->pos, "unexpected \"%c\"", at->pos.file->text.p[at->pos.offset]);
    if (from == at->pos.line) {
        conf_hint(r->conf, "a closing quote is followed by a blank, \";\", \"{\" or \")\"");
        return true;
    }
    conf_hint(r->conf, "the quote that line %u opens ends here: was it not closed there?", from);
    r->conf->priv->pending.len = 0;
    r->conf->priv->pending_told = false;
    return false;
}

/* ---- a whole file -------------------------------------------------------------------------- */

/*
 * The last byte of the text that is not a blank: the end is told there, rather than on an empty
 * line.
 */
static struct conf_pos
last_place(const struct reader *r, struct conf_pos pos)
{
    const char *text = r->file->text.p;
    uint32_t at = pos.offset, begin;

    while (at > 0 && strchr(" \t\r\n", text[at - 1]) != NULL)
        at--;
    if (at == 0)
        return pos;
    for (uint32_t i = at; i < pos.offset; i++)
        pos.line -= text[i] == '\n';
    for (begin = at; begin > 0 && text[begin - 1] != '\n'; begin--)
        continue;
    pos.offset = at;
    pos.column = at - begin + 1;
    return pos;
}

static void
tell_unclosed(struct reader *r, const struct conf_word *at)
{
    const struct conf_word *name = &r->parent->words[0];

    if (r->unclosed != NULL) {
        error_at(r->conf, r->unclosed->words[0].pos,
                 "unexpected end of file, expecting \"}\"");
        conf_hint(r->conf, "this block seems not to be closed before line %u", r->unclosed_by);
        return;
    }

    error_at(r->conf, last_place(r, at->pos), "unexpected end of file, expecting \"}\"");
    conf_hint(r->conf, "the block \"%.*s\" that line %u opens is not closed", STR_ARG(name->text),
              name->pos.line);
}

/* After an error that ends the text early, only what is pending and open is left behind. */
static void
end_file(struct reader *r, const struct conf_word *at, bool complete)
{
    if (r->conf->priv->pending.len > 0)
        end_unterminated(r, true);
    else if (complete && r->parent != r->base)
        tell_unclosed(r, at);
    while (r->parent != r->base)
        block_leave(r);
}

static void
read_statements(struct reader *r)
{
    struct conf_word word;

    lexer_init(&r->lexer, r->conf->scratch, r->file, r->file->text);
    while (!r->conf->priv->given_up) {
        switch (lexer_next(&r->lexer, &word)) {
        case TOKEN_WORD:      on_word(r, &word);           break;
        case TOKEN_SEMICOLON: on_semicolon(r, &word);      break;
        case TOKEN_OPEN:      on_open(r, &word);           break;
        case TOKEN_CLOSE:     on_close(r, &word);          break;
        case TOKEN_NO_MEMORY: conf_no_memory(r->conf);     break;
        case TOKEN_END:       end_file(r, &word, true);    return;
        case TOKEN_GLUED:
            if (on_glued(r, &word))
                break;
            end_file(r, &word, false);
            return;
        case TOKEN_UNCLOSED:
            on_unclosed_quote(r, &word);
            end_file(r, &word, false);
            return;
        case TOKEN_NUL:
            on_nul(r, &word);
            end_file(r, &word, false);
            return;
        }
    }
}

/* At main level, behind what was read before. */
static bool
read_main(struct conf *conf, struct conf_file *file)
{
    unsigned errors = conf->errors;
    struct reader r = { .conf = conf, .file = file, .end = conf->priv->end };

    read_statements(&r);
    conf->priv->end = r.end;
    return conf->errors == errors;
}

bool
conf_read_text(struct conf *conf, struct str name, struct str text)
{
    struct conf_file *file;

    text = arena_str(conf->scratch, text);
    if (!str_is_set(text))
        return conf_no_memory(conf);
    file = file_add(conf, name, text, true);
    return file != NULL && read_main(conf, file);
}

bool
conf_read_file(struct conf *conf, struct str path)
{
    struct conf_file *file;

    path = conf_path_by_prefix(conf, path);
    if (!str_is_set(path))
        return conf_no_memory(conf);
    if (conf->main_file.len == 0)
        conf->main_file = path;
    file = file_get(conf, path, NULL);
    return file != NULL && read_main(conf, file);
}

/* ---- defaults ------------------------------------------------------------------------------ */

struct conf_node *
tree_initial(struct conf *conf, const char *name, const char *initial)
{
    struct reader r = { .conf = conf };
    struct conf_word word = { .text = str_of(name) };
    struct tree_node *tn;
    enum token token;

    pend(&r, &word);
    lexer_init(&r.lexer, conf->scratch, NULL, str_of(initial));
    while ((token = lexer_next(&r.lexer, &word)) == TOKEN_WORD)
        pend(&r, &word);
    tn = take_pending(&r);
    return tn != NULL && token == TOKEN_END ? &tn->node : NULL;
}
