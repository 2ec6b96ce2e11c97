/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map: a variable whose value goes by the value of others: "map $http_host $name { default 0;
 * example.com 1; ~^www\. 2; }"
 */
#include "http/engine.h"
#include "http/hostnames.h"
#include "http/module.h"
#include "http/regex.h"

enum { SHARED_MAX = 4096 };     /* values: where more than these differ, few are alike */

/* A line. */
struct map_entry {
    const struct http_text *value;
    struct conf_mark mark;
};

struct map_regex {
    const struct http_regex *regex;
    struct map_entry *entry;
};

/* One map { }. */
struct map_rules {
    struct http_text source;
    struct hostnames names;     /* to struct map_entry */
    VEC(struct map_regex) regexes;      /* in the order of the file */
    const struct map_entry *initial;    /* NULL: there is none */
    bool hostnames;
    struct str variable;        /* with its "$" */
    struct conf_mark mark;
};

/* ---- the conf file ------------------------------------------------------------------------- */

/* One map { } being read. */
struct map_reading {
    struct conf *conf;
    struct map_rules *rules;
    struct http_variable *var;
    struct map *values;         /* those that were met, in scratch: many keys share a few values */
    const struct conf_word *wildcard;   /* a key before "hostnames" that looks like one for it */
};

/* The value's text; one without variables needs no pieces. NULL after an error. */
static const struct http_text *
read_value(struct map_reading *r, const struct conf_word *word)
{
    struct conf *conf = r->conf;
    struct http_text *text = map_get(r->values, word->text);
    struct str source;

    if (text != NULL)
        return text;
    text = ARENA_NEW(conf->arena, struct http_text);
    source = arena_str(conf->arena, word->text);
    if (text == NULL || !str_is_set(source)
        || (map_len(r->values) < SHARED_MAX && !map_set(r->values, source, text))) {
        conf_no_memory(conf);
        return NULL;
    }
    text->source = source;
    if (str_find(source, '$', 0) >= 0 && !http_text_compile(conf, word, source, text))
        return NULL;
    return text;
}

static bool
add_regex(struct map_reading *r, const struct conf_word *word, struct map_entry *entry)
{
    bool ignore_case = str_starts(word->text, STR("~*"));
    struct map_regex *place = VEC_ADD(r->conf->arena, &r->rules->regexes);

    if (place == NULL)
        return conf_no_memory(r->conf);
    place->entry = entry;
    place->regex = http_regex_compile(r->conf, word, str_from(word->text, ignore_case ? 2 : 1),
                                      ignore_case);
    return place->regex != NULL;
}

static bool
tell_name(struct conf *conf, const struct conf_word *word, enum hostnames_verdict verdict)
{
    switch (verdict) {
    case HOSTNAMES_ADDED:
        return true;
    case HOSTNAMES_NO_MEMORY:
        return conf_no_memory(conf);
    case HOSTNAMES_CONFLICT:
        conf_error(conf, word, "conflicting parameter \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "the key has a value already; capitals do not matter");
        return false;
    case HOSTNAMES_INVALID:
        conf_error(conf, word, "invalid hostname or wildcard \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "*.example.com, .example.com or www.example.*");
        return false;
    }
    return false;
}

static bool
add_name(struct map_reading *r, const struct conf_word *word, struct map_entry *entry)
{
    struct map_rules *rules = r->rules;
    /* A "\" takes its meaning from what follows it: \default */
    struct str name = str_from(word->text, str_starts(word->text, STR("\\")) ? 1 : 0);
    struct str key = arena_str(r->conf->arena, name);

    if (!str_is_set(key))
        return conf_no_memory(r->conf);
    if (r->wildcard == NULL && (str_starts(key, STR("*.")) || str_ends(key, STR(".*"))
                                || str_starts(key, STR("."))))
        r->wildcard = word;
    return tell_name(r->conf, word,
                     rules->hostnames ? hostnames_add(&rules->names, r->conf->arena, key, entry)
                                      : hostnames_add_exact(&rules->names, r->conf->arena, key,
                                                            entry));
}

static bool
read_pair(struct map_reading *r, const struct conf_node *node)
{
    const struct conf_word *key = &node->words[0];
    struct map_entry *entry = ARENA_NEW(r->conf->arena, struct map_entry);

    if (entry == NULL)
        return conf_no_memory(r->conf);
    if (!conf_pair(r->conf, node) || (entry->value = read_value(r, &node->words[1])) == NULL)
        return false;
    entry->mark = conf_mark_of(r->conf, key);
    if (str_starts(key->text, STR("~")))
        return add_regex(r, key, entry);
    if (!str_eq(key->text, STR("default")))
        return add_name(r, key, entry);
    if (r->rules->initial != NULL) {
        conf_error(r->conf, key, "duplicate default map parameter");
        conf_hint(r->conf, "a key of that name is written \\default");
        return false;
    }
    r->rules->initial = entry;
    return true;
}

static bool
read_hostnames(struct map_reading *r)
{
    r->rules->hostnames = true;
    if (r->wildcard != NULL) {
        conf_warn(r->conf, r->wildcard, "\"%.*s\" is plain text: \"hostnames\" comes behind it",
                  STR_ARG(r->wildcard->text));
        conf_hint(r->conf, "write hostnames; before the keys");
    }
    return true;
}

static bool
read_statement(struct map_reading *r, const struct conf_node *node)
{
    struct str word = node->words[0].text;

    if (node->count == 1 && !node->is_block && str_eq(word, STR("hostnames")))
        return read_hostnames(r);
    if (node->count == 1 && !node->is_block && str_eq(word, STR("volatile"))) {
        r->var->is_volatile = true;
        return true;
    }
    return read_pair(r, node);
}

static struct str get_mapped(struct http_request *req, const void *data, struct str rest);

static bool
parse_map(struct conf *conf, const struct conf_node *node, void *field)
{
    struct map_rules *rules = ARENA_NEW(conf->arena, struct map_rules);
    struct map_reading r = { .conf = conf, .rules = rules,
                             .values = map_create(conf->scratch, false) };
    uint32_t lines = 0;
    bool ok = true;

    (void)field;
    for (const struct conf_node *n = node->children; n != NULL; n = n->next)
        lines++;
    if (rules == NULL || r.values == NULL
        || !hostnames_reserve(&rules->names, conf->arena, lines))
        return conf_no_memory(conf);
    rules->mark = conf_mark_of(conf, &node->words[0]);
    rules->variable = arena_str(conf->arena, node->words[2].text);
    if (!http_text_of_word(conf, &node->words[1], &rules->source)
        || (r.var = http_variable_define(conf, &node->words[2], get_mapped, rules, false)) == NULL)
        return false;
    for (const struct conf_node *n = node->children; n != NULL; n = n->next)
        ok = read_statement(&r, n) && ok;
    return ok;
}

/* ---- values -------------------------------------------------------------------------------- */

static const struct map_entry *
find_by_regex(struct http_request *req, const struct map_rules *rules, struct str subject)
{
    for (uint32_t i = 0; i < rules->regexes.len; i++) {
        const struct map_regex *mr = &rules->regexes.items[i];

        switch (http_regex_match(req, mr->regex, subject)) {
        case MATCH_FOUND:       return mr->entry;
        case MATCH_NONE:        break;
        case MATCH_GIVEN_UP:    return NULL;
        }
    }
    return rules->initial;
}

static const struct map_entry *
find_entry(struct http_request *req, const struct map_rules *rules, struct str subject)
{
    struct str name = subject;
    const struct map_entry *entry;

    if (rules->hostnames && str_ends(name, STR(".")))
        name.len--;
    entry = hostnames_find(&rules->names, name);
    return entry != NULL ? entry : find_by_regex(req, rules, subject);
}

static struct str
get_mapped(struct http_request *req, const void *data, struct str rest)
{
    const struct map_rules *rules = data;
    struct str subject = http_text_eval(req, &rules->source), text;
    const struct map_entry *entry;

    (void)rest;
    if (!str_is_set(subject))
        return STR_NONE;
    entry = find_entry(req, rules, subject);
    text = entry != NULL ? http_text_eval(req, entry->value) : STR("");
    HTTP_TRACE(req, entry != NULL ? &entry->mark : &rules->mark,
               "map: %.*s is \"%.*s\" for \"%.*s\"", STR_ARG(rules->variable), STR_ARG(text),
               STR_ARG(subject));
    return text;
}

static const struct directive map_directives[] = {
    { "map", .where = IN_HTTP, .args = { 2, 2 },
      .flags = DIRECTIVE_BLOCK | DIRECTIVE_DATA | DIRECTIVE_REPEAT, .parse = parse_map },
    { "map_hash_bucket_size", .where = IN_HTTP, .args = { 1, 1 }, .parse = parse_ignored },
    { "map_hash_max_size", .where = IN_HTTP, .args = { 1, 1 }, .parse = parse_ignored },
    { 0 }
};

const struct http_module map_module = {
    .name = "map",
    .directives = map_directives,
};
