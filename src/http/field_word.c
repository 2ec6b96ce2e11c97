/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/field_word.h"
#include "http/h1/framing.h"

bool
field_name_of_word(struct conf *conf, const struct conf_word *word, struct str *name)
{
    if (!framing_is_token(word->text)) {
        conf_error(conf, word, "invalid field name \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "letters, digits and \"-\", without a colon");
        return false;
    }
    *name = arena_str(conf->arena, word->text);
    return str_is_set(*name) || conf_no_memory(conf);
}

static bool
is_line_blank(char c)
{
    return c == '\r' || c == '\n' || c == ' ' || c == '\t';
}

/* As it would be for whoever reads a folded field (RFC 9112 5.2). */
static struct str
unfold(struct conf *conf, const struct conf_word *word)
{
    struct str text = word->text;
    struct writer w = writer_in(conf->arena);

    for (size_t i = 0; i < text.len; i++) {
        size_t end = i;
        bool folded = false;

        for (; end < text.len && is_line_blank(text.p[end]); end++)
            folded |= text.p[end] == '\r' || text.p[end] == '\n';
        if (folded) {
            write_char(&w, ' ');
            i = end - 1;
        } else {
            write_char(&w, text.p[i]);
        }
    }
    write_char(&w, '\0');
    text = writer_str(&w);
    return str_is_set(text) ? (struct str){ text.p, text.len - 1 } : text;
}

static bool
check_value(struct conf *conf, const struct conf_word *word, struct str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
            return conf_error(conf, word, "a control byte in the value of a field");
    return true;
}

bool
field_value_of_word(struct conf *conf, const struct conf_word *word, struct http_text *value)
{
    struct str text = unfold(conf, word);

    if (!str_is_set(text))
        return conf_no_memory(conf);
    return check_value(conf, word, text) && http_text_compile(conf, word, text, value);
}

bool
field_is_framing(struct str name)
{
    return str_ieq(name, STR("Content-Length")) || str_ieq(name, STR("Transfer-Encoding"));
}
