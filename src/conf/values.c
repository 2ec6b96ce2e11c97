/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * values: the usual kinds of values of a directive.
 */
#include "conf/private.h"

static const char *
directive_name(const struct conf *conf)
{
    return conf->directive != NULL ? conf->directive->name : "";
}

static bool
invalid(struct conf *conf, const struct conf_word *word, struct str text)
{
    return conf_error(conf, word, "invalid value \"%.*s\" in \"%s\" directive", STR_ARG(text),
                      directive_name(conf));
}

/* ---- words --------------------------------------------------------------------------------- */

bool
word_flag(struct conf *conf, const struct conf_word *word, bool *value)
{
    bool is_on = str_ieq(word->text, STR("on"));

    if (!is_on && !str_ieq(word->text, STR("off")))
        return conf_error(conf, word, "invalid value \"%.*s\" in \"%s\" directive, it must be "
                          "\"on\" or \"off\"", STR_ARG(word->text), directive_name(conf));
    *value = is_on;
    return true;
}

bool
word_size(struct conf *conf, const struct conf_word *word, struct str text, uint64_t *value)
{
    if (size_parse(text, value))
        return true;
    invalid(conf, word, text);
    conf_hint(conf, "a size is a number of bytes, or with k, m or g behind it: 8k");
    return false;
}

bool
word_ms(struct conf *conf, const struct conf_word *word, struct str text, uint64_t *value)
{
    if (ms_parse(text, value))
        return true;
    invalid(conf, word, text);
    conf_hint(conf, "a time is a number of seconds, or with units: 500ms, 30s, 1h30m");
    return false;
}

bool
word_seconds(struct conf *conf, const struct conf_word *word, struct str text, uint64_t *value)
{
    if (seconds_parse(text, value))
        return true;
    invalid(conf, word, text);
    conf_hint(conf, "a time is a number of whole seconds, or with units: 30s, 1h30m, 7d");
    return false;
}

static bool
word_range(struct conf *conf, const struct conf_word *word, struct str text, uint64_t min,
           uint64_t max, uint64_t *value)
{
    uint64_t number;

    if (str_to_uint(text, max, &number) && number >= min) {
        *value = number;
        return true;
    }
    invalid(conf, word, text);
    conf_hint(conf, "a whole number from %llu to %llu", (unsigned long long)min,
              (unsigned long long)max);
    return false;
}

bool
word_uint(struct conf *conf, const struct conf_word *word, struct str text, uint64_t max,
          uint64_t *value)
{
    return word_range(conf, word, text, 0, max, value);
}

/* ---- data ---------------------------------------------------------------------------------- */

bool
conf_pair(struct conf *conf, const struct conf_node *node)
{
    const struct conf_word *words = node->words;
    const char *name = directive_name(conf);

    if (node->is_block) {
        conf_error(conf, &words[0], "unexpected block \"%.*s\" in \"%s\"", STR_ARG(words[0].text),
                   name);
        conf_hint(conf, "was the \"}\" of \"%s\" forgotten before it?", name);
        return false;
    }
    if (node->count == 2)
        return true;
    conf_error(conf, &words[MIN(node->count - 1, 1)], "invalid number of the %s parameters", name);
    if (node->count > 2 && words[2].pos.line != words[1].pos.line)
        conf_hint(conf, "a \";\" is missing here");
    else if (node->count > 2)
        conf_hint(conf, "a value with blanks is to be written in quotes");
    else
        conf_hint(conf, "a value is missing behind it");
    return false;
}

/* ---- fields -------------------------------------------------------------------------------- */

bool
parse_flag(struct conf *conf, const struct conf_node *node, void *field)
{
    return word_flag(conf, &node->words[1], field);
}

bool
parse_size(struct conf *conf, const struct conf_node *node, void *field)
{
    return word_size(conf, &node->words[1], node->words[1].text, field);
}

bool
parse_ms(struct conf *conf, const struct conf_node *node, void *field)
{
    return word_ms(conf, &node->words[1], node->words[1].text, field);
}

bool
parse_seconds(struct conf *conf, const struct conf_node *node, void *field)
{
    return word_seconds(conf, &node->words[1], node->words[1].text, field);
}

bool
parse_uint(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct uint_range *range = conf->directive->data;
    const struct conf_word *word = &node->words[1];
    uint64_t value;

    if (!word_range(conf, word, word->text, range != NULL ? range->min : 0,
                    range != NULL ? range->max : UINT32_MAX, &value))
        return false;
    *(uint32_t *)field = (uint32_t)value;
    return true;
}

bool
parse_text(struct conf *conf, const struct conf_node *node, void *field)
{
    struct str *text = field;

    *text = arena_str(conf->arena, node->words[1].text);
    return str_is_set(*text) || conf_no_memory(conf);
}

bool
parse_path(struct conf *conf, const struct conf_node *node, void *field)
{
    struct str *path = field;

    *path = conf_path_by_prefix(conf, node->words[1].text);
    return str_is_set(*path) || conf_no_memory(conf);
}

/* "a", "b" or "c" */
static void
write_choices(struct writer *w, const struct conf_enum *choices)
{
    for (const struct conf_enum *c = choices; c->name != NULL; c++) {
        if (c != choices)
            write_fmt(w, "%s", c[1].name != NULL ? ", " : " or ");
        write_fmt(w, "\"%s\"", c->name);
    }
}

bool
parse_enum(struct conf *conf, const struct conf_node *node, void *field)
{
    const struct conf_enum *choices = conf->directive->data;
    const struct conf_word *word = &node->words[1];
    char text[TEXT_MAX / 2];
    struct writer w;

    for (const struct conf_enum *c = choices; c->name != NULL; c++) {
        if (str_ieq(word->text, str_of(c->name))) {
            *(int *)field = c->value;
            return true;
        }
    }
    w = writer_at(text, sizeof(text));
    write_choices(&w, choices);
    return conf_error(conf, word, "invalid value \"%.*s\" in \"%s\" directive, it must be %.*s",
                      STR_ARG(word->text), directive_name(conf), (int)(w.p - w.start), w.start);
}

bool
parse_ignored(struct conf *conf, const struct conf_node *node, void *field)
{
    (void)conf;
    (void)node;
    (void)field;
    return true;
}

bool
parse_present(struct conf *conf, const struct conf_node *node, void *field)
{
    (void)conf;
    (void)node;
    *(bool *)field = true;
    return true;
}
