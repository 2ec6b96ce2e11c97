/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lexer: text to words, ";", "{" and "}".
 *
 * A word ends at a blank, ";" or "{"; a "}" ends none, it counts only where a word could begin. A
 * "{" right after a "$" does not end the word either, so "${name}" stays whole. Nor does one that
 * can only be a part of a regular expression, as in "\d{3}": that is an error all the same, but one
 * that can be told. The text holds no NUL byte: lexer_next refuses it.
 */
#include "conf/private.h"

enum class { PLAIN, STOP, ESCAPE, DOLLAR };

static const uint8_t classes[256] = {
    [' '] = STOP, ['\t'] = STOP, ['\r'] = STOP, ['\n'] = STOP, [';'] = STOP, ['{'] = STOP,
    ['\0'] = STOP, ['\\'] = ESCAPE, ['$'] = DOLLAR,
};

void
lexer_init(struct lexer *lexer, struct arena *arena, const struct conf_file *file, struct str text)
{
    *lexer = (struct lexer){
        .arena = arena, .file = file, .text = text.p, .p = text.p, .end = text.p + text.len,
        .line = 1,
    };
    if (str_starts(text, STR("\xEF\xBB\xBF")))
        lexer->p += 3;
    lexer->line_start = lexer->p;
}

static void
newline(struct lexer *lexer)        /* p stands behind a LF */
{
    lexer->line++;
    lexer->line_start = lexer->p;
}

static struct conf_pos
here(const struct lexer *lexer)
{
    if (lexer->file == NULL)
        return (struct conf_pos){ .file = NULL };
    return (struct conf_pos){
        .file = lexer->file,
        .line = lexer->line,
        .column = (uint32_t)(lexer->p - lexer->line_start) + 1,
        .len = 1,
        .offset = (uint32_t)(lexer->p - lexer->text),
    };
}

static char
unescaped(char c)           /* '\0': the backslash before it stays */
{
    switch (c) {
    case '"':
    case '\'':
    case '\\':  return c;
    case 't':   return '\t';
    case 'r':   return '\r';
    case 'n':   return '\n';
    default:    return '\0';
    }
}

static size_t
copy_unescaped(char *to, struct str raw)
{
    char *p = to;

    for (size_t i = 0; i < raw.len; i++) {
        char c = '\0';

        if (raw.p[i] == '\\' && i + 1 < raw.len)
            c = unescaped(raw.p[i + 1]);
        if (c != '\0')
            i++;
        *p++ = c != '\0' ? c : raw.p[i];
    }
    return (size_t)(p - to);
}

static enum token
finish_word(struct lexer *lexer, struct conf_word *word, struct str raw, bool escapes)
{
    char *to = arena_bytes(lexer->arena, raw.len + 1);

    if (to == NULL)
        return TOKEN_NO_MEMORY;
    word->text = (struct str){ to, raw.len };
    if (escapes)
        word->text.len = copy_unescaped(to, raw);
    else
        memcpy(to, raw.p, raw.len);
    to[word->text.len] = '\0';
    if (word->pos.file != NULL)
        word->pos.len = (uint32_t)(lexer->p - lexer->text) - word->pos.offset;
    return TOKEN_WORD;
}

/* Over a backslash and what it escapes. */
static void
skip_escaped(struct lexer *lexer)
{
    lexer->p++;
    if (lexer->p == lexer->end || *lexer->p == '\0')
        return;
    if (*lexer->p++ == '\n')
        newline(lexer);
}

/*
 * Whether the "{" where p stands is closed before anything that could stand in a block: "{3}",
 * "{2,}", "{Lu}". No block holds a word without an end.
 */
static bool
is_in_expression(const struct lexer *lexer)
{
    const char *p = lexer->p + 1;

    while (p < lexer->end && classes[(unsigned char)*p] == PLAIN && strchr("}\"'#", *p) == NULL)
        p++;
    return p > lexer->p + 1 && p < lexer->end && *p == '}';
}

static bool
ends_plain(struct lexer *lexer, const char *from)
{
    if (classes[(unsigned char)*lexer->p] != STOP)
        return false;
    if (*lexer->p != '{' || lexer->p == from || !is_in_expression(lexer))
        return true;
    if (lexer->brace == NULL)
        lexer->brace = lexer->p;
    return false;
}

static enum token
lex_plain(struct lexer *lexer, struct conf_word *word)
{
    const char *from = lexer->p;
    bool escapes = false;

    lexer->brace = NULL;
    while (lexer->p < lexer->end && !ends_plain(lexer, from)) {
        enum class class = classes[(unsigned char)*lexer->p];

        if (class == ESCAPE) {
            escapes = true;
            skip_escaped(lexer);
            continue;
        }
        lexer->p++;
        if (class == DOLLAR && lexer->p < lexer->end && *lexer->p == '{')
            lexer->p++;
    }
    word->quoted = false;
    word->values = 0;
    return finish_word(lexer, word, (struct str){ from, (size_t)(lexer->p - from) }, escapes);
}

static enum token
lex_quoted(struct lexer *lexer, struct conf_word *word)
{
    const char quote = *lexer->p++, *from = lexer->p;
    bool escapes = false;

    lexer->brace = NULL;
    while (lexer->p < lexer->end && *lexer->p != quote && *lexer->p != '\0') {
        if (*lexer->p == '\\') {
            escapes = true;
            skip_escaped(lexer);
        } else if (*lexer->p++ == '\n') {
            newline(lexer);
        }
    }
    if (lexer->p == lexer->end)
        return TOKEN_UNCLOSED;
    if (*lexer->p == '\0') {
        word->pos = here(lexer);
        return TOKEN_NUL;
    }
    lexer->p++;
    lexer->after_quote = true;
    word->quoted = true;
    word->values = 0;
    return finish_word(lexer, word, (struct str){ from, (size_t)(lexer->p - 1 - from) }, escapes);
}

static bool
may_follow_quote(char c)
{
    return classes[(unsigned char)c] == STOP || c == '}' || c == ')';
}

/* To the first byte of the next token. */
static void
skip_blanks(struct lexer *lexer)
{
    while (lexer->p < lexer->end) {
        switch (*lexer->p) {
        case ' ':
        case '\t':
        case '\r':
            lexer->p++;
            break;
        case '\n':
            lexer->p++;
            newline(lexer);
            break;
        case '#':
            while (lexer->p < lexer->end && *lexer->p != '\n' && *lexer->p != '\0')
                lexer->p++;
            break;
        default:
            return;
        }
    }
}

static enum token
punctuation(struct lexer *lexer, enum token token)
{
    lexer->p++;
    return token;
}

enum token
lexer_next(struct lexer *lexer, struct conf_word *word)
{
    bool after_quote = lexer->after_quote;

    lexer->after_quote = false;
    if (after_quote && lexer->p < lexer->end && !may_follow_quote(*lexer->p)) {
        word->pos = here(lexer);
        return TOKEN_GLUED;
    }
    skip_blanks(lexer);
    word->pos = here(lexer);
    if (lexer->p == lexer->end)
        return TOKEN_END;
    switch (*lexer->p) {
    case ';':   return punctuation(lexer, TOKEN_SEMICOLON);
    case '{':   return punctuation(lexer, TOKEN_OPEN);
    case '}':   return punctuation(lexer, TOKEN_CLOSE);
    case '"':
    case '\'':  return lex_quoted(lexer, word);
    case '\0':  return TOKEN_NUL;
    default:    return lex_plain(lexer, word);
    }
}
