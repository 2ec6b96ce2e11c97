/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names: the directives of all tables by name, and what a word that is none of them may have meant.
 */
#include "conf/private.h"

#include <stdlib.h>

/* Behind the entries of the same name: of two that fit, the first in the tables counts. */
static bool
names_add(struct conf *conf, struct known *known)
{
    void *old;
    struct known *last;

    if (!map_add(conf->priv->names, str_of(known->directive->name), known, &old))
        return false;
    if (old == NULL)
        return true;
    for (last = old; last->next != NULL; last = last->next)
        continue;
    last->next = known;
    return true;
}

bool
names_init(struct conf *conf)
{
    struct conf_private *priv = conf->priv;

    priv->names = map_create(conf->scratch, false);
    if (priv->names == NULL)
        return false;
    for (uint32_t m = 0; m < priv->module_count; m++) {
        const struct directive *d = priv->modules[m].module->directives;

        for (; d != NULL && d->name != NULL; d++) {
            struct known *known = ARENA_NEW(conf->scratch, struct known);

            if (known == NULL)
                return false;
            known->directive = d;
            known->module = m;
            if (!names_add(conf, known))
                return false;
        }
    }
    return true;
}

struct known *
names_find(const struct conf *conf, struct str name)
{
    return map_get(conf->priv->names, name);
}

struct known *
names_find_in(const struct conf *conf, struct str name, uint32_t where)
{
    struct known *known = names_find(conf, name);

    while (known != NULL && (known->directive->where & where) == 0)
        known = known->next;
    return known;
}

static int
compare_name(const void *key, const void *element)
{
    const struct str *name = key;

    return str_cmp(*name, str_of(((const struct nginx_name *)element)->name));
}

/* Its weight, 0: it is none of nginx's. */
static unsigned
nginx_weight(struct str name)
{
    const struct nginx_name *found = bsearch(&name, nginx_names, nginx_name_count,
                                             sizeof(nginx_names[0]), compare_name);

    return found != NULL ? found->weight : 0;
}

enum { WEIGHT_MOST = 3 };

bool
names_may_pass(const struct conf *conf, struct str name)
{
    unsigned weight = nginx_weight(name);

    return conf->priv->is_lenient && weight > 0 && weight < WEIGHT_MOST;
}

static void
hint_of_nginx(struct conf *conf, unsigned weight)
{
    const char *more = "";

    if (weight < WEIGHT_MOST)
        more = "; \"unknown_directive warn\" passes over it";
    else if (conf->priv->is_lenient)
        more = "; a site without it would be another, so it is not passed over";
    conf_hint(conf, "nginx has this directive, weir does not yet%s", more);
}

void
names_write_contexts(struct writer *w, uint32_t where)
{
    static const struct { uint32_t bit; const char *name; } contexts[] = {
        { IN_MAIN, "main" }, { IN_EVENTS, "events" }, { IN_HTTP, "http" },
        { IN_SERVER, "server" }, { IN_LOCATION, "location" }, { IN_SERVER_IF, "if in server" },
        { IN_LOCATION_IF, "if in location" }, { IN_LIMIT_EXCEPT, "limit_except" },
        { IN_UPSTREAM, "upstream" },
    };
    const char *between = "";

    for (size_t i = 0; i < ARRAY_LEN(contexts); i++) {
        if ((where & contexts[i].bit) == 0)
            continue;
        where &= ~contexts[i].bit;
        write_fmt(w, "%s%s", between, contexts[i].name);
        between = (where & (where - 1)) == 0 ? " or " : ", ";
    }
}

/* ---- the nearest name ---------------------------------------------------------------------- */

struct search {
    struct str word;
    uint32_t where;
    const char *name;           /* nearest so far */
    unsigned distance;          /* of it; at first one too many */
    bool fits;                  /* it is allowed in the context */
};

static void
consider(struct search *search, const char *name, bool fits)
{
    struct str candidate = str_of(name);
    size_t gap = candidate.len > search->word.len ? candidate.len - search->word.len
                                                  : search->word.len - candidate.len;
    unsigned distance;

    if (gap > search->distance)
        return;
    distance = str_distance(search->word, candidate, search->distance);
    if (distance > search->distance
        || (distance == search->distance && (search->name == NULL || search->fits || !fits)))
        return;
    search->name = name;
    search->distance = distance;
    search->fits = fits;
}

/* A short word is near to too many names. */
static unsigned
reach(struct str word)
{
    if (word.len <= 3)
        return 1;
    return word.len <= 8 ? 2 : (unsigned)MIN(word.len, 60) / 3;
}

static void
consider_tables(struct search *search, const struct conf *conf)
{
    for (uint32_t m = 0; m < conf->priv->module_count; m++) {
        const struct directive *d = conf->priv->modules[m].module->directives;

        for (; d != NULL && d->name != NULL; d++)
            consider(search, d->name, (d->where & search->where) != 0);
    }
    consider(search, "include", true);
}

/* One that is not allowed where it stands is told with its contexts. */
static void
hint_name(struct conf *conf, const struct search *search)
{
    char text[200];
    struct writer w = writer_at(text, sizeof(text));
    uint32_t where = 0;

    for (const struct known *known = names_find(conf, str_of(search->name));
         !search->fits && known != NULL; known = known->next)
        where |= known->directive->where;
    if (where != 0) {
        write_str(&w, STR(" it belongs in "));
        names_write_contexts(&w, where);
    }
    conf_hint(conf, "did you mean \"%s\"?%.*s", search->name, STR_ARG(writer_str(&w)));
}

/*
 * What looks like a blank in an editor, and is none: pages of the web are full of them. *what:
 * its name. False: the name has none.
 */
static bool
has_odd_blank(struct str name, const char **what)
{
    static const struct { struct str bytes; const char *what; } odd[] = {
        { STR_INIT("\xC2\xA0"),     "no-break space (U+00A0)" },
        { STR_INIT("\xE2\x80\xAF"), "narrow no-break space (U+202F)" },
        { STR_INIT("\xE2\x80\x8B"), "zero width space (U+200B)" },
        { STR_INIT("\xE3\x80\x80"), "ideographic space (U+3000)" },
        { STR_INIT("\xEF\xBB\xBF"), "byte order mark (U+FEFF)" },
    };

    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        if (memmem(name.p, name.len, odd[i].bytes.p, odd[i].bytes.len) == NULL)
            continue;
        *what = odd[i].what;
        return true;
    }
    return false;
}

/* What those write who are used to another language; by the word's begin, or its whole. */
static const struct { struct str text; bool is_whole; const char *hint; } foreign[] = {
    { STR_INIT("//"),     false, "a comment begins with \"#\"" },
    { STR_INIT("/*"),     false, "a comment begins with \"#\"" },
    { STR_INIT("--"),     false, "a comment begins with \"#\"" },
    { STR_INIT("<!--"),   false, "a comment begins with \"#\"" },
    { STR_INIT("<"),      false, "a block is written as name { ... }" },
    { STR_INIT("else"),   true, "there is no \"else\": write a second \"if\"" },
    { STR_INIT("elif"),   true, "there is no \"else\": write a second \"if\"" },
    { STR_INIT("elsif"),  true, "there is no \"else\": write a second \"if\"" },
    { STR_INIT("elseif"), true, "there is no \"else\": write a second \"if\"" },
};

static const char *
foreign_hint(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if (foreign[i].is_whole ? str_eq(name, foreign[i].text)
                                : str_starts(name, foreign[i].text))
            return foreign[i].hint;
    return NULL;
}

/* "root/srv": the length of a directive's name that something else is glued to; 0: none is. */
static size_t
glued_len(const struct conf *conf, struct str name)
{
    for (size_t len = MIN(name.len, 64); len-- > 1;) {
        char next = ascii_lower(name.p[len]);

        if (next != '_' && (next < 'a' || next > 'z')
            && names_find(conf, (struct str){ name.p, len }) != NULL)
            return len;
    }
    return 0;
}

void
names_hint(struct conf *conf, struct str name, uint32_t where)
{
    struct search search = { .word = name, .where = where, .distance = reach(name) + 1 };
    unsigned weight = nginx_weight(name);
    const char *what;
    size_t len;

    if (conf->priv->last == NULL)
        return;
    if (weight > 0) {
        hint_of_nginx(conf, weight);
        return;
    }
    if (has_odd_blank(name, &what)) {
        conf_hint(conf, "there is a %s in it, which is no blank", what);
        return;
    }
    if ((what = foreign_hint(name)) != NULL) {
        conf_hint(conf, "%s", what);
        return;
    }
    consider_tables(&search, conf);
    if (search.name != NULL) {
        hint_name(conf, &search);
        return;
    }
    if ((len = glued_len(conf, name)) > 0) {
        conf_hint(conf, "a blank is missing behind \"%.*s\"", (int)len, name.p);
        return;
    }
    for (size_t i = 0; i < nginx_name_count; i++)
        consider(&search, nginx_names[i].name, true);
    if (search.name != NULL)
        conf_hint(conf, "did you mean \"%s\"? nginx has that directive, weir does not yet",
                  search.name);
}

/* ---- a forgotten ";" ----------------------------------------------------------------------- */

static bool
begins_line(const struct conf_word *word)
{
    const char *text, *p;

    if (word->pos.file == NULL)
        return false;
    text = word->pos.file->text.p;
    p = text + word->pos.offset;
    while (p > text && (p[-1] == ' ' || p[-1] == '\t'))
        p--;
    return p == text || p[-1] == '\n';
}

static bool
is_name(const struct conf *conf, struct str word, uint32_t where)
{
    if (str_eq(word, STR("include")))
        return true;
    if (where != 0)
        return names_find_in(conf, word, where) != NULL;
    return names_find(conf, word) != NULL || nginx_weight(word) > 0;
}

uint32_t
names_restart(const struct conf *conf, const struct conf_word *words, uint32_t count,
              uint32_t where)
{
    for (uint32_t i = 1; i < count; i++)
        if (words[i].pos.line != words[i - 1].pos.line && !words[i].quoted && words[i].values == 0
            && begins_line(&words[i]) && is_name(conf, words[i].text, where))
            return i;
    return 0;
}

bool
names_is_block(const struct conf *conf, struct str name)
{
    const struct known *known = names_find(conf, name);

    return known != NULL && (known->directive->flags & DIRECTIVE_BLOCK) != 0;
}

void
names_hint_missing(struct conf *conf, const struct conf_word *last)
{
    bool has_brace = !last->quoted && str_ends(last->text, STR("}"));

    conf_hint(conf, has_brace ? "the \"}\" is part of the word: write \";\" before it"
                              : "a \";\" is missing here");
}
