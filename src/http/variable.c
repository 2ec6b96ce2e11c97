/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * variable: finding variables, and texts that hold them. The variables of the server itself are in
 * core_variables.c.
 */
#include "http/variable.h"
#include "base/vec.h"
#include "http/core_variables.h"
#include "http/module.h"

/* A name that ends with "_" in its table is a family: arg_, http_, cookie_. */
static bool
matches(const struct http_variable *v, struct str name, struct str *rest)
{
    struct str own = str_of(v->name);

    if (own.p[own.len - 1] == '_') {
        if (name.len <= own.len || !str_istarts(name, own))
            return false;
        *rest = str_from(name, own.len);
        return true;
    }
    *rest = STR("");
    return str_ieq(own, name);
}

static const struct http_variable *
find_in(const struct http_variable *table, struct str name, struct str *rest)
{
    for (const struct http_variable *v = table; v != NULL && v->name != NULL; v++)
        if (matches(v, name, rest))
            return v;
    return NULL;
}

const struct http_variable *
http_variable_find(struct arena *arena, struct str name, struct str *rest)
{
    const struct http_variable *v = find_in(http_core_variables, name, rest);
    char *lower;

    for (unsigned i = 0; v == NULL && http_modules[i] != NULL; i++)
        v = find_in(http_modules[i]->variables, name, rest);
    if (v == NULL || rest->len == 0)
        return v;
    if ((lower = arena_bytes(arena, rest->len)) == NULL)
        return NULL;
    for (size_t i = 0; i < rest->len; i++)
        lower[i] = ascii_lower(rest->p[i]);
    rest->p = lower;
    return v;
}

/* ---- compiling ----------------------------------------------------------------------------- */

typedef VEC(struct http_piece) piece_vec;

static bool
is_name_char(char c)
{
    c = ascii_lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool
add_literal(struct conf *conf, piece_vec *pieces, struct str text)
{
    struct http_piece *last = pieces->len > 0 ? &pieces->items[pieces->len - 1] : NULL;

    if (text.len == 0)
        return true;
    if (last != NULL && last->var == NULL && last->literal.p + last->literal.len == text.p) {
        last->literal.len += text.len;
        return true;
    }
    if ((last = VEC_ADD(conf->arena, pieces)) == NULL)
        return conf_no_memory(conf);
    last->literal = text;
    return true;
}

static bool
add_variable(struct conf *conf, const struct conf_word *word, piece_vec *pieces, struct str name)
{
    struct http_piece piece = { 0 }, *place;

    piece.var = http_variable_find(conf->arena, name, &piece.rest);
    if (piece.var == NULL)
        return conf_error(conf, word, "unknown \"%.*s\" variable", STR_ARG(name));
    if ((place = VEC_ADD(conf->arena, pieces)) == NULL)
        return conf_no_memory(conf);
    *place = piece;
    return true;
}

/* The name behind a "$" at `at`; *end is behind it. */
static struct str
variable_name(struct str s, size_t at, size_t *end, bool *unclosed)
{
    size_t start = at + 1;
    bool braces = start < s.len && s.p[start] == '{';
    struct str name;

    start += braces;
    for (*end = start; *end < s.len && is_name_char(s.p[*end]); (*end)++)
        ;
    name = (struct str){ s.p + start, *end - start };
    *unclosed = braces && (*end >= s.len || s.p[*end] != '}');
    *end += braces;
    return name;
}

bool
http_text_compile(struct conf *conf, const struct conf_word *word, struct str source,
                  struct http_text *text)
{
    return http_text_compile_after(conf, word, 0, source, text);
}

bool
http_text_compile_after(struct conf *conf, const struct conf_word *word, size_t before,
                        struct str source, struct http_text *text)
{
    piece_vec pieces = { 0 };
    size_t at = before;

    if (!str_is_set(source))
        return conf_no_memory(conf);
    if (!add_literal(conf, &pieces, (struct str){ source.p, before }))
        return false;
    while (at < source.len) {
        ptrdiff_t dollar = str_find(source, '$', at);
        size_t stop = dollar < 0 ? source.len : (size_t)dollar, end;
        bool unclosed;
        struct str name;

        if (!add_literal(conf, &pieces, (struct str){ source.p + at, stop - at }))
            return false;
        if (dollar < 0)
            break;
        name = variable_name(source, stop, &end, &unclosed);
        if (unclosed)
            return conf_error(conf, word, "the closing bracket in \"%.*s\" variable is missing",
                              STR_ARG(name));
        if (name.len == 0)
            return conf_error(conf, word, "invalid variable name in \"%.*s\"", STR_ARG(source));
        if (!add_variable(conf, word, &pieces, name))
            return false;
        at = end;
    }
    *text = (struct http_text){ pieces.items, pieces.len, source };
    return true;
}

bool
http_text_is_literal(const struct http_text *text)
{
    return text->len == 0 || (text->len == 1 && text->pieces[0].var == NULL);
}

struct str
http_text_eval(struct http_request *req, const struct http_text *text)
{
    struct writer w;

    if (http_text_is_literal(text))
        return str_is_set(text->source) ? text->source : STR("");
    w = writer_in(req->arena);
    for (uint32_t i = 0; i < text->len; i++) {
        const struct http_piece *piece = &text->pieces[i];

        write_str(&w, piece->var == NULL ? piece->literal
                                         : piece->var->get(req, piece->var->data, piece->rest));
    }
    return writer_str(&w);
}
