/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/traps.h"

#include "base/map.h"
#include "base/writer.h"
#include "http/http.h"
#include "http/uri.h"
#include <errno.h>
#include <sys/stat.h>

/* ---- words --------------------------------------------------------------------------------- */

struct trap_location
trap_location_of(const struct conf_node *node)
{
    /* The longer ones first: a modifier may be glued to what follows. */
    static const struct { struct str text; enum trap_kind kind; } modifiers[] = {
        { STR_INIT("~*"), KIND_REGEX_ANY_CASE }, { STR_INIT("^~"), KIND_FINAL },
        { STR_INIT("~"), KIND_REGEX }, { STR_INIT("="), KIND_EXACT }, { STR_INIT("@"), KIND_NAMED },
    };
    const struct conf_word *word = &node->words[node->count - 1];
    struct trap_location l = { KIND_PREFIX, word->text, word };
    bool is_glued = node->count == 2;

    for (size_t i = 0; i < ARRAY_LEN(modifiers); i++) {
        if (!str_starts(node->words[1].text, modifiers[i].text))
            continue;
        l.kind = modifiers[i].kind;
        if (is_glued && l.kind != KIND_NAMED)
            l.name = str_from(word->text, modifiers[i].text.len);
        break;
    }
    return l;
}

static bool
holds(const struct conf_node *block, const char *name)
{
    for (const struct conf_node *n = block->children; n != NULL; n = n->next)
        if (trap_is(n, name))
            return true;
    return false;
}

static bool
is_regex(enum trap_kind kind)
{
    return kind == KIND_REGEX || kind == KIND_REGEX_ANY_CASE;
}

static bool
is_one_of(const struct conf_node *node, const char *const *names)
{
    for (; *names != NULL; names++)
        if (trap_is(node, *names))
            return true;
    return false;
}

static bool
has_variable(struct str text)
{
    return str_find(text, '$', 0) >= 0;
}

/* ---- fields that go ------------------------------------------------------------------------ */

struct addition {
    enum trap_name name, inherit;
};

/* What holds at a level of add_header_inherit; NULL: nothing was written. */
static const struct conf_node *
inherit_of(const struct trap_level *level, const struct addition *addition)
{
    while (level->outer != NULL && level->first[addition->inherit] == NULL)
        level = level->outer;
    return level->first[addition->inherit];
}

/* The next of the same name in the block. */
static const struct conf_node *
next_of(const struct conf_node *node)
{
    const struct conf_node *n = node->next;

    while (n != NULL && !str_eq(n->words[0].text, node->words[0].text))
        n = n->next;
    return n;
}

static bool
names_field(const struct conf_node *first, struct str field)
{
    for (; first != NULL; first = next_of(first))
        if (str_ieq(first->words[1].text, field))
            return true;
    return false;
}

static void
write_dropped(struct writer *w, const struct conf_node *outer, const struct conf_node *own)
{
    for (; outer != NULL; outer = next_of(outer)) {
        if (names_field(own, outer->words[1].text))
            continue;
        if (w->p != w->start)
            write_str(w, STR(", "));
        write_str(w, outer->words[1].text);
    }
}

static bool
tell_dropped(struct conf *conf, const struct conf_node *outer, const struct conf_node *own)
{
    struct writer w = writer_in(conf->scratch);
    struct str name = own->words[0].text, dropped;

    write_dropped(&w, outer, own);
    dropped = writer_str(&w);
    if (!w.ok)
        return conf_no_memory(conf);
    if (dropped.len == 0)
        return true;
    conf_warn(conf, &own->words[0], "\"%.*s\" drops those of the level around: %.*s",
              STR_ARG(name), STR_ARG(dropped));
    conf_hint(conf, "repeat them here, or write \"%.*s_inherit merge;\" (\"on;\" if it is meant)",
              STR_ARG(name));
    return true;
}

/* Whoever says how they are inherited knows that they are. */
static bool
check_addition(struct conf *conf, const struct trap_level *level, const struct addition *addition)
{
    const struct conf_node *own = level->first[addition->name];
    const struct conf_node *inherit;
    const struct trap_level *outer = level->outer;

    while (outer != NULL && outer->first[addition->name] == NULL)
        outer = outer->outer;
    if (own == NULL || outer == NULL || level->first[addition->inherit] != NULL)
        return true;
    inherit = inherit_of(level, addition);
    if (inherit != NULL && !str_eq(inherit->words[1].text, STR("on")))
        return true;
    return tell_dropped(conf, outer->first[addition->name], own);
}

static bool
trap_additions(struct conf *conf, const struct trap_level *level)
{
    static const struct addition additions[] = {
        { TRAP_ADD_HEADER, TRAP_ADD_HEADER_INHERIT },
        { TRAP_ADD_TRAILER, TRAP_ADD_TRAILER_INHERIT },
    };

    for (size_t i = 0; i < ARRAY_LEN(additions); i++)
        if (!check_addition(conf, level, &additions[i]))
            return false;
    return true;
}

/* ---- alias --------------------------------------------------------------------------------- */

/* What an alias makes of a path is what the location's name leaves of it, glued to the alias. */
static bool
trap_alias(struct conf *conf, const struct trap_level *level)
{
    const struct conf_node *alias = level->first[TRAP_ALIAS];
    struct trap_location l;
    struct str path;
    bool ends;

    if (alias == NULL || !trap_is(level->node, "location"))
        return true;
    l = trap_location_of(level->node);
    path = alias->words[1].text;
    ends = str_ends(path, STR("/"));
    if ((l.kind != KIND_PREFIX && l.kind != KIND_FINAL) || str_ends(l.name, STR("/")) == ends
        || (has_variable(path) && !ends))
        return true;
    if (ends) {
        conf_warn(conf, l.word, "\"%.*sx\" becomes \"%.*sx\": the alias ends with a slash, the "
                  "location does not", STR_ARG(l.name), STR_ARG(path));
        conf_hint(conf, "location %.*s/", STR_ARG(l.name));
    } else {
        conf_warn(conf, &alias->words[1], "\"%.*sx\" becomes \"%.*sx\": the location ends with a "
                  "slash, the alias does not", STR_ARG(l.name), STR_ARG(path));
        conf_hint(conf, "alias %.*s/;", STR_ARG(path));
    }
    return true;
}

/* ---- if and try_files ---------------------------------------------------------------------- */

/* Whether what the block leads to is an answer, or another location. */
static bool
leads_away(const struct conf_node *block)
{
    static const struct str flags[] = {
        STR_INIT("last"), STR_INIT("redirect"), STR_INIT("permanent"),
    };

    if (holds(block, "return"))
        return true;
    for (const struct conf_node *n = block->children; n != NULL; n = n->next)
        for (size_t i = 0; i < ARRAY_LEN(flags); i++)
            if (trap_is(n, "rewrite") && str_eq(n->words[n->count - 1].text, flags[i]))
                return true;
    return false;
}

static bool
trap_if(struct conf *conf, const struct trap_level *level)
{
    if (!trap_is(level->node, "location") || level->first[TRAP_TRY_FILES] == NULL)
        return true;
    for (const struct conf_node *n = level->node->children; n != NULL; n = n->next) {
        if (!trap_is(n, "if") || leads_away(n))
            continue;
        conf_warn(conf, &n->words[0], "\"if\" beside \"try_files\": where it holds, nginx does not "
                  "try the files, and weir does");
        conf_hint(conf, "let the \"if\" end with \"return\" or \"rewrite … last\", or use "
                  "\"map\"");
    }
    return true;
}

/* ---- return -------------------------------------------------------------------------------- */

/* Those that run in the order of the file. */
static const char *const ordered[] = { "set", "rewrite", "return", "break", "if", NULL };

static void
check_order(struct conf *conf, const struct conf_node *block)
{
    const struct conf_node *end = NULL;

    for (const struct conf_node *n = block->children; n != NULL; n = n->next) {
        if (end != NULL && is_one_of(n, ordered)) {
            conf_warn(conf, &n->words[0], "\"%.*s\" is never reached: the \"%.*s\" before it %s",
                      STR_ARG(n->words[0].text), STR_ARG(end->words[0].text),
                      trap_is(end, "return") ? "answers" : "ends them");
            conf_hint(conf, "move it in front, or leave it out");
            return;
        }
        if (trap_is(n, "return") || trap_is(n, "break"))
            end = n;
    }
}

static bool
is_guard_or_content(const struct conf_node *node)
{
    static const char *const names[] = {
        "try_files", "stub_status", "status", "metrics", "connections", "empty_gif", "deny",
        "auth_basic", "auth_request", "proxy_pass", "fastcgi_pass", NULL
    };

    return is_one_of(node, names)
           && !(node->count > 1 && str_eq(node->words[1].text, STR("off")));
}

static void
check_answered(struct conf *conf, const struct conf_node *block)
{
    for (const struct conf_node *n = block->children; n != NULL; n = n->next) {
        if (!is_guard_or_content(n))
            continue;
        conf_warn(conf, &n->words[0], "\"%.*s\" has no effect: the \"return\" of this location "
                  "answers before it", STR_ARG(n->words[0].text));
        conf_hint(conf, "\"return\" runs before access is checked, and before files are looked "
                  "for");
        return;
    }
}

static void
check_unreached(struct conf *conf, const struct conf_node *server, const struct conf_node *end)
{
    for (const struct conf_node *n = server->children; n != NULL; n = n->next) {
        if (!trap_is(n, "location") || trap_location_of(n).kind == KIND_NAMED)
            continue;
        conf_warn(conf, trap_location_of(n).word, "location \"%.*s\" is never reached: the "
                  "\"return\" of the server answers before it", STR_ARG(trap_location_of(n).name));
        conf_hint(conf, "put the \"return\" of line %u into \"location / { }\"",
                  end->words[0].pos.line);
        return;
    }
}

static bool
trap_return(struct conf *conf, const struct trap_level *level)
{
    const struct conf_node *end = level->first[TRAP_RETURN];

    if (level->outer == NULL)
        return true;
    check_order(conf, level->node);
    if (end != NULL && trap_is(level->node, "server"))
        check_unreached(conf, level->node, end);
    else if (end != NULL && trap_is(level->node, "location"))
        check_answered(conf, level->node);
    return true;
}

/* ---- root ---------------------------------------------------------------------------------- */

static const struct conf_node *
root_around(const struct trap_level *level)
{
    const struct conf_node *root = NULL;

    for (; level != NULL && root == NULL; level = level->outer)
        root = level->first[TRAP_ROOT];
    return root;
}

/* Whether it is clear that a location gives files, from a place that it does not name. */
static bool
serves_files(const struct conf_node *location)
{
    static const char *const others[] = {
        "root", "alias", "return", "rewrite", "if", "deny", "location", "internal", "stub_status",
        "status", "metrics", "connections", "empty_gif", "proxy_pass", "fastcgi_pass", "try_files",
        NULL
    };

    for (const struct conf_node *n = location->children; n != NULL; n = n->next)
        if (is_one_of(n, others))
            return false;
    return true;
}

static const struct conf_node *
whole_location(const struct conf_node *server)
{
    for (const struct conf_node *n = server->children; n != NULL; n = n->next)
        if (trap_is(n, "location") && trap_location_of(n).kind == KIND_PREFIX
            && str_eq(trap_location_of(n).name, STR("/")))
            return n;
    return NULL;
}

static const struct conf_node *
root_in(const struct conf_node *location)
{
    const struct conf_node *n = location->children;

    while (n != NULL && !trap_is(n, "root"))
        n = n->next;
    return n;
}

/* The root in "location / { }" is no other location's. */
static bool
trap_root(struct conf *conf, const struct trap_level *level)
{
    const struct conf_node *whole, *inner, *outer;

    if (!trap_is(level->node, "server") || (whole = whole_location(level->node)) == NULL
        || (inner = root_in(whole)) == NULL)
        return true;
    outer = root_around(level);
    if (outer != NULL && str_eq(outer->words[1].text, inner->words[1].text))
        return true;
    for (const struct conf_node *n = level->node->children; n != NULL; n = n->next) {
        struct trap_location l;

        if (!trap_is(n, "location") || n == whole || !serves_files(n))
            continue;
        l = trap_location_of(n);
        if (l.kind == KIND_NAMED || (outer != NULL && !is_regex(l.kind)))
            continue;
        conf_warn(conf, l.word, "files for \"%.*s\" come from \"%.*s\", not from \"%.*s\" as those "
                  "for \"/\"", STR_ARG(l.name),
                  STR_ARG(outer != NULL ? outer->words[1].text : STR("html")),
                  STR_ARG(inner->words[1].text));
        conf_hint(conf, "write the \"root\" in the server, for all its locations, or in this one, "
                  "too");
    }
    return true;
}

static bool
is_missing(struct conf *conf, struct str text)
{
    struct str path = conf_path_by_prefix(conf, text);
    struct stat st;

    return str_is_set(path) && stat(path.p, &st) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* A folder is told of once, however many places have it. */
static bool
was_told(const struct trap_level *level, const struct conf_node *node)
{
    void *old;

    while (level->outer != NULL)
        level = level->outer;
    return map_add(level->told, node->words[1].text, (void *)(uintptr_t)node, &old) && old != NULL;
}

static bool
trap_missing(struct conf *conf, const struct trap_level *level)
{
    const struct http_setup *setup = conf->owner;

    if (!setup->is_test)        /* a server that starts has better things to do */
        return true;
    for (const struct conf_node *n = level->node->children; n != NULL; n = n->next) {
        if ((!trap_is(n, "root") && !trap_is(n, "alias")) || has_variable(n->words[1].text)
            || !is_missing(conf, n->words[1].text) || was_told(level, n))
            continue;
        conf_warn(conf, &n->words[1], "\"%.*s\" is not there", STR_ARG(n->words[1].text));
        conf_hint(conf, n->words[1].text.p[0] == '/' ? "make it, or write where the files are"
                  : "it is looked for below the prefix \"%.*s\"", STR_ARG(conf->prefix));
    }
    return true;
}

/* ---- names of locations -------------------------------------------------------------------- */

/* False: memory is short. */
static bool
note_named(struct conf *conf, const struct conf_node *server, struct map **named)
{
    void *old;

    for (const struct conf_node *n = server->children; n != NULL; n = n->next) {
        struct str name = n->words[n->count - 1].text;

        if (!trap_is(n, "location") || !str_starts(name, STR("@")))
            continue;
        if (*named == NULL && (*named = map_create(conf->scratch, false)) == NULL)
            return conf_no_memory(conf);
        if (!map_add(*named, name, (void *)(uintptr_t)n, &old))
            return conf_no_memory(conf);
    }
    return true;
}

/* At the level of http those of all servers. */
static bool
named_of(struct conf *conf, const struct trap_level *level, struct map **named)
{
    while (level->outer != NULL && !trap_is(level->node, "server"))
        level = level->outer;
    *named = level->named;
    if (level->outer != NULL)
        return true;
    for (const struct conf_node *n = level->node->children; n != NULL; n = n->next)
        if (trap_is(n, "server") && !note_named(conf, n, named))
            return false;
    return true;
}

static bool
names_location(const struct conf_node *node)
{
    struct str last = node->words[node->count - 1].text;

    return (trap_is(node, "error_page") || trap_is(node, "try_files"))
           && str_starts(last, STR("@")) && !has_variable(last);
}

static bool
trap_named(struct conf *conf, const struct trap_level *level)
{
    struct map *named = NULL;
    bool looked = false;

    if (level->first[TRAP_ERROR_PAGE] == NULL && level->first[TRAP_TRY_FILES] == NULL)
        return true;
    for (const struct conf_node *n = level->node->children; n != NULL; n = n->next) {
        const struct conf_word *last = &n->words[n->count - 1];

        if (!names_location(n))
            continue;
        if (!looked && !named_of(conf, level, &named))
            return false;
        looked = true;
        if (map_get(named, last->text) != NULL)
            continue;
        conf_warn(conf, last, "there is no location \"%.*s\"", STR_ARG(last->text));
        conf_hint(conf, "write \"location %.*s { … }\" in the server", STR_ARG(last->text));
    }
    return true;
}

/* ---- packed for all ------------------------------------------------------------------------ */

static bool
says_gunzip_within(const struct conf_node *block)
{
    for (const struct conf_node *n = block->children; n != NULL; n = n->next)
        if (trap_is(n, "gunzip") || (n->is_block && says_gunzip_within(n)))
            return true;
    return false;
}

/* Even "gunzip off" shows that somebody has thought of clients that do not take gzip. */
static bool
says_gunzip(const struct trap_level *level)
{
    if (says_gunzip_within(level->node))
        return true;
    while (level->outer != NULL && level->first[TRAP_GUNZIP] == NULL)
        level = level->outer;
    return level->first[TRAP_GUNZIP] != NULL;
}

static bool
trap_packed(struct conf *conf, const struct trap_level *level)
{
    const struct conf_node *packed = level->first[TRAP_GZIP_STATIC];

    if (packed == NULL || !str_ieq(packed->words[1].text, STR("always")) || says_gunzip(level))
        return true;
    conf_warn(conf, &packed->words[1], "clients that do not take gzip get it all the same");
    conf_hint(conf, "\"gunzip on;\" unpacks it for them (\"gunzip off;\" if it is meant)");
    return true;
}

/* ---- hidden files -------------------------------------------------------------------------- */

static const struct conf_node *
nearest(const struct trap_level *level, enum trap_name name)
{
    const struct conf_node *node = NULL;

    for (; level != NULL && node == NULL; level = level->outer)
        node = level->first[name];
    return node;
}

static bool
serves_hidden(const struct trap_level *level)
{
    const struct conf_node *node = nearest(level, TRAP_SERVE_HIDDEN);

    return node != NULL && node->count == 2 && str_eq(node->words[1].text, STR("on"));
}

/* Of an expression that begins with a path: its bytes up to what is none, with "." for "\\.". */
static struct str
path_of_regex(struct arena *arena, struct str regex)
{
    struct writer w = writer_in(arena);

    if (!str_starts(regex, STR("^/")))
        return STR("");
    for (size_t i = 1; i < regex.len; i++) {
        if (regex.p[i] == '\\' && i + 1 < regex.len && regex.p[i + 1] == '.')
            write_char(&w, regex.p[++i]);
        else if (memchr("\\.?*+()[]{}|$^", regex.p[i], 15) != NULL)
            break;
        else
            write_char(&w, regex.p[i]);
    }
    return writer_str(&w);
}

/* A location for hidden files that gives them, if it were not for serve_hidden. */
static bool
trap_hidden(struct conf *conf, const struct trap_level *level)
{
    static const char *const others[] = {
        "alias", "return", "rewrite", "if", "deny", "location", "internal", "stub_status", "status",
        "metrics", "connections", "empty_gif", "proxy_pass", "fastcgi_pass", "try_files", NULL
    };
    struct trap_location l;
    struct str path;

    if (!trap_is(level->node, "location") || serves_hidden(level))
        return true;
    l = trap_location_of(level->node);
    path = is_regex(l.kind) ? path_of_regex(conf->scratch, l.name) : l.name;
    if (l.kind == KIND_NAMED || uri_dotted_names(path) == 0)
        return true;
    for (const struct conf_node *n = level->node->children; n != NULL; n = n->next)
        if (is_one_of(n, others))
            return true;
    conf_warn(conf, l.word, "no file is found for \"%.*s\": names that begin with a dot are hidden",
              STR_ARG(l.name));
    conf_hint(conf, "write \"serve_hidden on;\" in this location, or \"return 404;\" if that is meant");
    return true;
}

static bool
trap_hidden_lists(struct conf *conf, const struct trap_level *level)
{
    const struct conf_node *lists = level->first[TRAP_AUTOINDEX_HIDDEN];

    if (lists == NULL || lists->count != 2 || !str_eq(lists->words[1].text, STR("on")))
        return true;
    if (serves_hidden(level))
        return true;
    conf_warn(conf, &lists->words[0], "\"autoindex_hidden\" has no effect while \"serve_hidden\" is off");
    conf_hint(conf, "write \"serve_hidden on;\" beside it");
    return true;
}

/* ---- all of them --------------------------------------------------------------------------- */

enum { TOLD_MAX = 20 };         /* of one kind: a conf file that is made of a template */

static const struct {
    bool (*check)(struct conf *conf, const struct trap_level *level);
    const char *what;
} traps[] = {
    { trap_additions, "fields that are dropped" },
    { trap_alias, "slashes of an alias" },
    { trap_if, "conditions beside try_files" },
    { trap_return, "what is never reached" },
    { trap_root, "roots of one location" },
    { trap_missing, "folders that are not there" },
    { trap_named, "locations that are not there" },
    { trap_unreachable, "locations that never match" },
    { trap_packed, "packed files for all clients" },
    { trap_dav, "files that anybody may change" },
    { trap_hidden, "locations of hidden files" },
    { trap_hidden_lists, "lists of hidden files" },
};

/* Of one run. */
struct counts {
    unsigned told[ARRAY_LEN(traps)];
};

static bool
check_level(struct conf *conf, const struct trap_level *level, struct counts *counts)
{
    for (size_t i = 0; i < ARRAY_LEN(traps); i++) {
        unsigned before = conf->warnings;

        if (counts->told[i] >= TOLD_MAX)
            continue;
        if (!traps[i].check(conf, level))
            return false;
        counts->told[i] += conf->warnings - before;
        if (counts->told[i] >= TOLD_MAX)
            conf_warn(conf, NULL, "there may be more of this: %s", traps[i].what);
    }
    return true;
}

static bool
look_at(struct conf *conf, struct trap_level *level)
{
    static const struct str names[] = {
#define TRAP_AS_NAME(id, text) STR_INIT(text),
        TRAP_NAMES(TRAP_AS_NAME)
#undef TRAP_AS_NAME
    };

    for (const struct conf_node *n = level->node->children; n != NULL; n = n->next)
        for (size_t i = 0; i < TRAP_NAME_COUNT; i++)
            if (level->first[i] == NULL && str_eq(n->words[0].text, names[i]))
                level->first[i] = n;
    return !trap_is(level->node, "server") || note_named(conf, level->node, &level->named);
}

/* Depth: that of the blocks in the conf file. */
static bool
walk(struct conf *conf, struct trap_level *level, struct counts *counts)
{
    static const char *const blocks[] = { "server", "location", "if", "limit_except", NULL };

    if (!look_at(conf, level) || !check_level(conf, level, counts))
        return false;
    for (const struct conf_node *n = level->node->children; n != NULL; n = n->next) {
        struct trap_level inner = { .outer = level, .node = n };

        if (n->is_block && is_one_of(n, blocks) && !walk(conf, &inner, counts))
            return false;
    }
    return true;
}

bool
http_traps(struct conf *conf, const struct conf_node *node, const struct http *http)
{
    struct trap_level level = { .node = node, .told = map_create(conf->scratch, false) };
    struct counts counts = { .told = { 0 } };

    if (level.told == NULL)
        return conf_no_memory(conf);
    trap_listens(conf, http);
    return walk(conf, &level, &counts);
}
