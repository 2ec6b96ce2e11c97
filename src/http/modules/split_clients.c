/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * split_clients: a variable that has each of some values for a part of all clients:
 * "split_clients $remote_addr $variant { 0.5% .one; * .two; }"
 */
#include "http/engine.h"
#include "http/module.h"

enum { WHOLE = 10000 };         /* hundredths of a percent */

/* Hashes below end, and not below that of the part before, have the value. */
struct split_part {
    uint64_t end;
    struct str value;
};

/* One split_clients { }. */
struct split_rules {
    struct http_text source;
    VEC(struct split_part) parts;
    struct str variable;        /* with its "$" */
    struct conf_mark mark;
};

/* ---- the conf file ------------------------------------------------------------------------- */

/* One split_clients { } being read. */
struct split_reading {
    struct conf *conf;
    struct split_rules *rules;
    uint64_t end;               /* of the last part */
    uint32_t total;             /* of all so far, in hundredths of a percent */
    bool has_rest;
};

/* "2%", "0.5%", "33.33%" in hundredths. */
static bool
parse_percent(struct str text, uint64_t *hundredths)
{
    ptrdiff_t dot = str_find(text, '.', 0);
    struct str whole = { text.p, dot < 0 ? text.len - 1 : (size_t)dot }, part = STR("");
    uint64_t units = 0, fraction = 0;

    if (dot >= 0)
        part = (struct str){ text.p + dot + 1, text.len - (size_t)dot - 2 };
    if (whole.len + part.len == 0 || part.len > 2
        || (whole.len > 0 && !str_to_uint(whole, WHOLE, &units))
        || (part.len > 0 && !str_to_uint(part, 99, &fraction)))
        return false;
    *hundredths = units * 100 + (part.len == 1 ? fraction * 10 : fraction);
    return true;
}

/* How many of all hashes a part has, as nginx counts them. */
static bool
read_percent(struct split_reading *r, const struct conf_word *word)
{
    struct conf *conf = r->conf;
    uint64_t percent;

    if (!str_ends(word->text, STR("%")) || !parse_percent(word->text, &percent) || percent == 0) {
        conf_error(conf, word, "invalid percent value \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "from 0.01%% to 100%%, with two decimals at most, or * for the rest");
        return false;
    }
    if (r->has_rest || r->total + percent > WHOLE) {
        conf_error(conf, word, "percent total is greater than 100%%");
        conf_hint(conf, r->has_rest ? "* stands for all that is left: write it last"
                                    : "%u.%02u%% are left", (WHOLE - r->total) / 100,
                  (WHOLE - r->total) % 100);
        return false;
    }
    r->total += (uint32_t)percent;
    r->end += percent * UINT32_MAX / WHOLE;
    if (r->total == WHOLE)
        r->end = (uint64_t)UINT32_MAX + 1;
    return true;
}

static bool
read_part(struct split_reading *r, const struct conf_node *node)
{
    struct conf *conf = r->conf;
    const struct conf_word *word = &node->words[0], *value = &node->words[1];
    struct split_part *part;

    if (!conf_pair(conf, node))
        return false;
    if (str_eq(word->text, STR("*"))) {
        if (r->has_rest)
            conf_warn(conf, word, "\"*\" is there already, this one is never reached");
        r->has_rest = true;
        r->end = (uint64_t)UINT32_MAX + 1;
    } else if (!read_percent(r, word)) {
        return false;
    }
    if (str_find(value->text, '$', 0) >= 0) {
        conf_warn(conf, value, "\"%.*s\" is plain text in \"split_clients\"", STR_ARG(value->text));
        conf_hint(conf, "a map of %.*s can have variables in its values",
                  STR_ARG(r->rules->variable));
    }
    part = VEC_ADD(conf->arena, &r->rules->parts);
    if (part == NULL || !str_is_set(part->value = arena_str(conf->arena, value->text)))
        return conf_no_memory(conf);
    part->end = r->end;
    return true;
}

static struct str get_split(struct http_request *req, const void *data, struct str rest);

static bool
parse_split_clients(struct conf *conf, const struct conf_node *node, void *field)
{
    struct split_rules *rules = ARENA_NEW(conf->arena, struct split_rules);
    struct split_reading r = { .conf = conf, .rules = rules };
    bool ok = true;

    (void)field;
    if (rules == NULL)
        return conf_no_memory(conf);
    rules->mark = conf_mark_of(conf, &node->words[0]);
    rules->variable = arena_str(conf->arena, node->words[2].text);
    if (http_variable_define(conf, &node->words[2], get_split, rules, false) == NULL
        || !http_text_of_word(conf, &node->words[1], &rules->source))
        return false;
    for (const struct conf_node *n = node->children; n != NULL; n = n->next)
        ok = read_part(&r, n) && ok;
    return ok;
}

/* ---- values -------------------------------------------------------------------------------- */

/* Four bytes as a number, the lowest first. */
static uint32_t
little(const char *at, size_t len)
{
    uint32_t n = 0;

    while (len-- > 0)
        n = n << 8 | (unsigned char)at[len];
    return n;
}

/* MurmurHash2, of 32 bits and with the seed 0. */
static uint32_t
hash_of(struct str s)
{
    const uint32_t factor = 0x5bd1e995;
    uint32_t hash = (uint32_t)s.len;

    for (; s.len >= 4; s = str_from(s, 4)) {
        uint32_t n = little(s.p, 4) * factor;

        hash = (hash * factor) ^ ((n ^ n >> 24) * factor);
    }
    if (s.len > 0)
        hash = (hash ^ little(s.p, s.len)) * factor;
    hash = (hash ^ hash >> 13) * factor;
    return hash ^ hash >> 15;
}

static struct str
get_split(struct http_request *req, const void *data, struct str rest)
{
    const struct split_rules *rules = data;
    struct str subject = http_text_eval(req, &rules->source), value = STR("");
    uint32_t hash, i = 0;

    (void)rest;
    if (!str_is_set(subject))
        return STR_NONE;
    hash = hash_of(subject);
    while (i < rules->parts.len && hash >= rules->parts.items[i].end)
        i++;
    if (i < rules->parts.len)
        value = rules->parts.items[i].value;
    HTTP_TRACE(req, &rules->mark, "split_clients: %.*s is \"%.*s\" for \"%.*s\"",
               STR_ARG(rules->variable), STR_ARG(value), STR_ARG(subject));
    return value;
}

static const struct directive split_clients_directives[] = {
    { "split_clients", .where = IN_HTTP, .args = { 2, 2 },
      .flags = DIRECTIVE_BLOCK | DIRECTIVE_DATA | DIRECTIVE_REPEAT, .parse = parse_split_clients },
    { 0 }
};

const struct http_module split_clients_module = {
    .name = "split_clients",
    .directives = split_clients_directives,
};
