/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * env: "${env:NAME}" and "${env:NAME:-default}" in words, replaced by what the environment has when
 * the file is read; "${env::-text}" is nothing but that text.
 *
 * Such a value is text: it is not cut into words, a "$" in it begins no variable, a "*" in it is no
 * pattern. So a word remembers which of its bytes came from there.
 */
#include "conf/private.h"

#include <assert.h>

#define OPENING STR("${env:")

/* Bytes of a word's text. */
struct span {
    size_t from, len;
};

/* One word that has values in it; see conf_word.values. */
struct values {
    struct str text;            /* of the whole word: a copy of it may have lost its ends */
    VEC(struct span) spans;
};

/* One "${env:…}". */
struct reference {
    struct str whole;
    struct str name, value;     /* the default; not set: none is given */
};

/* ---- reading ------------------------------------------------------------------------------- */

/* Where the next reference begins, or -1. */
static ptrdiff_t
find_reference(struct str text, size_t from)
{
    ptrdiff_t at;

    while ((at = str_find(text, '$', from)) >= 0) {
        if (str_starts(str_from(text, (size_t)at), OPENING))
            return at;
        from = (size_t)at + 1;
    }
    return -1;
}

static size_t
name_len(struct str s)
{
    size_t len = 0;

    while (len < s.len && (s.p[len] == '_' || (ascii_lower(s.p[len]) >= 'a'
                                               && ascii_lower(s.p[len]) <= 'z')
                           || (len > 0 && s.p[len] >= '0' && s.p[len] <= '9')))
        len++;
    return len;
}

/* text begins with a reference. */
static bool
read_reference(struct conf *conf, const struct conf_word *word, struct str text,
               struct reference *ref)
{
    struct str rest = str_from(text, OPENING.len);
    ptrdiff_t end = str_find(text, '}', 0);
    struct str inner;

    assert(str_is_set(rest));
    if (end < 0) {
        conf_error(conf, word, "the closing \"}\" of \"%.*s\" is missing", STR_ARG(text));
        conf_hint(conf, "%s", word->quoted ? "${env:NAME} or ${env:NAME:-default}"
                  : "quote the word when the default has a blank, \";\" or \"{\" in it");
        return false;
    }
    ref->whole = (struct str){ text.p, (size_t)end + 1 };
    inner = (struct str){ rest.p, (size_t)end - OPENING.len };
    ref->name = (struct str){ inner.p, name_len(inner) };
    inner = str_from(inner, ref->name.len);
    ref->value = STR_NONE;
    if (str_starts(inner, STR(":-")))
        ref->value = str_from(inner, 2);
    if (str_is_set(ref->value) || (ref->name.len > 0 && inner.len == 0))
        return true;
    conf_error(conf, word, "invalid \"%.*s\"", STR_ARG(ref->whole));
    conf_hint(conf, "a name of letters, digits and \"_\": ${env:NAME} or ${env:NAME:-default}");
    return false;
}

static struct str
value_of(const struct conf *conf, struct str name)
{
    const char *const *variable = conf->environment;

    for (; variable != NULL && *variable != NULL; variable++) {
        struct str text = str_of(*variable);

        if (str_starts(text, name) && text.p[name.len] == '=')
            return str_from(text, name.len + 1);
    }
    return STR_NONE;
}

static bool
is_clean(struct conf *conf, const struct conf_word *word, const struct reference *ref)
{
    for (size_t i = 0; i < ref->value.len; i++) {
        unsigned char c = (unsigned char)ref->value.p[i];

        if (c >= 0x20 && c != 0x7f)
            continue;
        conf_error(conf, word, "a control byte, 0x%02X, in the environment variable \"%.*s\"", c,
                   STR_ARG(ref->name));
        conf_hint(conf, "such bytes never come from the environment");
        return false;
    }
    return true;
}

/* The default is that of the shell: for what is not set, and for what is empty. */
static bool
look_up(struct conf *conf, const struct conf_word *word, struct reference *ref)
{
    struct str value = ref->name.len > 0 ? value_of(conf, ref->name) : STR_NONE;

    if (value.len == 0 && str_is_set(ref->value))
        return true;
    if (!str_is_set(value)) {
        conf_error(conf, word, "the environment variable \"%.*s\" is not set", STR_ARG(ref->name));
        conf_hint(conf, "set it, or give a default: ${env:%.*s:-default}", STR_ARG(ref->name));
        return false;
    }
    ref->value = value;
    return is_clean(conf, word, ref);
}

/* ---- replacing ----------------------------------------------------------------------------- */

static bool
add_value(struct conf *conf, struct values *values, struct writer *w, struct str value)
{
    size_t from = (size_t)(w->p - w->start);
    struct span *span = VEC_ADD(conf->scratch, &values->spans);

    assert(str_is_set(value));
    if (span == NULL)
        return conf_no_memory(conf);
    *span = (struct span){ from, value.len };
    write_str(w, value);
    return true;
}

/* How many bytes the values of a whole run may have: a file may name a long one many times. */
static bool
is_within_bounds(struct conf *conf, const struct conf_word *word, size_t more)
{
    conf->priv->value_bytes += more;
    if (conf->priv->value_bytes <= VALUE_BYTES_MAX)
        return true;
    conf->priv->given_up = true;
    return conf_error(conf, word, "more than %d bytes come from the environment", VALUE_BYTES_MAX);
}

static bool
replace_all(struct conf *conf, const struct conf_word *word, struct values *values,
            struct writer *w)
{
    struct str text = word->text;
    size_t done = 0;
    ptrdiff_t at;

    assert(str_is_set(text));
    while ((at = find_reference(text, done)) >= 0) {
        struct reference ref;

        write_str(w, (struct str){ text.p + done, (size_t)at - done });
        if (!read_reference(conf, word, str_from(text, (size_t)at), &ref)
            || !look_up(conf, word, &ref) || !is_within_bounds(conf, word, ref.value.len)
            || !add_value(conf, values, w, ref.value))
            return false;
        done = (size_t)at + ref.whole.len;
    }
    write_str(w, str_from(text, done));
    return true;
}

bool
env_replace(struct conf *conf, struct conf_word *word)
{
    struct writer w;
    struct values values = { 0 }, *place;
    struct str text;

    if (find_reference(word->text, 0) < 0)
        return true;
    w = writer_in(conf->scratch);
    if (!replace_all(conf, word, &values, &w)) {
        writer_cstr(&w);
        return false;
    }
    text = str_of(writer_cstr(&w));
    place = VEC_ADD(conf->scratch, &conf->priv->values);
    if (!w.ok || place == NULL)
        return conf_no_memory(conf);
    *place = values;
    place->text = word->text = text;
    word->values = conf->priv->values.len;
    return true;
}

/* ---- which bytes are values ---------------------------------------------------------------- */

static bool
is_value(const struct values *values, size_t at)
{
    for (uint32_t i = 0; i < values->spans.len; i++)
        if (at - values->spans.items[i].from < values->spans.items[i].len)
            return true;
    return false;
}

bool
env_has_byte(const struct conf *conf, const struct conf_word *word, size_t at)
{
    return word->values != 0 && is_value(&conf->priv->values.items[word->values - 1], at);
}

static size_t
count_dollars(struct str s)
{
    size_t count = 0;

    for (ptrdiff_t at = -1; (at = str_find(s, '$', (size_t)(at + 1))) >= 0; count++)
        continue;
    return count;
}

/*
 * A source that was copied has lost its place in the word, and may have more or less before it: a
 * folder in front, a parameter's name taken off. So its "$" are counted from the end.
 */
bool
conf_is_text(const struct conf *conf, const struct conf_word *word, struct str source, size_t at)
{
    const struct values *values;
    struct str text;
    size_t behind;

    if (word == NULL || word->values == 0)
        return false;
    values = &conf->priv->values.items[word->values - 1];
    text = values->text;
    if (source.p >= text.p && source.p <= text.p + text.len)
        return is_value(values, (size_t)(source.p - text.p) + at);
    behind = count_dollars(str_from(source, at));
    for (; behind > 0 && text.len > 0; behind--) {
        const char *dollar = memrchr(text.p, '$', text.len);

        if (dollar == NULL)
            return false;
        text.len = (size_t)(dollar - text.p);
    }
    return behind == 0 && is_value(values, text.len);
}
