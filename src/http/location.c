/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * location: which place of a server a path belongs to.
 *
 * The prefixes of one level are sorted; the entry that is the last not greater than the path either
 * begins the path or has the best one among its parents, so that the search costs a binary search
 * and a few steps up. Regular expressions are tried in the order of the file, and are what costs:
 * a worker remembers where its paths have led.
 */
#include "http/engine.h"
#include "http/regex.h"
#include "http/settings.h"
#include <stdlib.h>

static int
by_prefix(const void *a, const void *b)
{
    const struct location_entry *x = a, *y = b;

    return str_cmp(x->prefix, y->prefix);
}

static bool
add_exact(struct conf *conf, struct location_set *set, struct http_location *l)
{
    void *old;

    if (set->exact == NULL && (set->exact = map_create(conf->arena, false)) == NULL)
        return conf_no_memory(conf);
    if (!map_add(set->exact, l->name, l, &old))
        return conf_no_memory(conf);
    if (old != NULL)
        return conf_error(conf, l->word, "duplicate location \"%.*s\"", STR_ARG(l->name));
    return true;
}

/* Sorted: an entry's parent is the entry before it, or one of that one's parents. */
static bool
link_parents(struct conf *conf, struct location_set *set)
{
    for (uint32_t i = 0; i < set->len; i++) {
        struct location_entry *e = &set->entries[i];
        int32_t up = (int32_t)i - 1;

        set->longest = MAX(set->longest, (uint32_t)e->prefix.len);
        if (up >= 0 && str_eq(set->entries[up].prefix, e->prefix))
            return conf_error(conf, e->location->word, "duplicate location \"%.*s\"",
                              STR_ARG(e->prefix));
        while (up >= 0 && !str_starts(e->prefix, set->entries[up].prefix))
            up = set->entries[up].parent;
        e->parent = up;
    }
    return true;
}

static bool
add_regex(struct conf *conf, struct location_set *set, struct http_location *l)
{
    VEC(struct http_location *) list = { set->regexes, set->regexes_len, set->regexes_cap };
    struct http_location **place = VEC_ADD(conf->arena, &list);

    if (place == NULL)
        return conf_no_memory(conf);
    *place = l;
    set->regexes = list.items;
    set->regexes_len = list.len;
    set->regexes_cap = list.cap;
    return true;
}

static bool
add_named(struct conf *conf, struct http_location *l)
{
    struct http_server *server = http_of(conf)->reading_server;
    void *old;

    if (server->named == NULL && (server->named = map_create(conf->arena, false)) == NULL)
        return conf_no_memory(conf);
    if (!map_add(server->named, l->name, l, &old))
        return conf_no_memory(conf);
    if (old != NULL)
        return conf_error(conf, l->word, "duplicate location \"%.*s\"", STR_ARG(l->name));
    return true;
}

static bool
add_location(struct conf *conf, struct location_set *set, struct http_location *l)
{
    switch (l->kind) {
    case LOCATION_PREFIX:
    case LOCATION_PREFIX_FINAL:
        set->entries[set->len++] = (struct location_entry){ l->name, l, -1 };
        return true;
    case LOCATION_EXACT: return add_exact(conf, set, l);
    case LOCATION_REGEX: return add_regex(conf, set, l);
    case LOCATION_NAMED: return add_named(conf, l);
    }
    return false;
}

bool
locations_build(struct conf *conf, struct http_location *place)
{
    struct location_set *set;
    uint32_t prefixes = 0;

    if (place->children == NULL)
        return true;
    for (struct http_location *l = place->children; l != NULL; l = l->next)
        prefixes += l->kind == LOCATION_PREFIX || l->kind == LOCATION_PREFIX_FINAL;
    set = ARENA_NEW(conf->arena, struct location_set);
    if (set == NULL
        || (set->entries = ARENA_ARRAY(conf->arena, struct location_entry, prefixes)) == NULL)
        return conf_no_memory(conf);
    for (struct http_location *l = place->children; l != NULL; l = l->next)
        if (!add_location(conf, set, l))
            return false;
    if (set->len > 0)
        qsort(set->entries, set->len, sizeof(set->entries[0]), by_prefix);
    place->nested = set;
    return link_parents(conf, set);
}

/* The longest prefix of the level that begins path, or NULL. */
static const struct http_location *
longest_prefix(const struct location_set *set, struct str path)
{
    struct str key = { path.p, MIN(path.len, set->longest) };
    uint32_t low = 0, high = set->len;
    int32_t i;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (str_cmp(set->entries[middle].prefix, key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    i = (int32_t)low - 1;
    while (i >= 0 && !str_starts(path, set->entries[i].prefix))
        i = set->entries[i].parent;
    return i >= 0 ? set->entries[i].location : NULL;
}

/* ---- the search ---------------------------------------------------------------------------- */

static const char *
modifier(const struct http_location *l)
{
    switch (l->kind) {
    case LOCATION_PREFIX:       return "";
    case LOCATION_PREFIX_FINAL: return "^~";
    case LOCATION_EXACT:        return "=";
    case LOCATION_REGEX:        return l->ignore_case ? "~*" : "~";
    case LOCATION_NAMED:        return "";
    }
    return "";
}

enum search {
    SEARCH_OPEN,                /* the best prefix so far: expressions further out may go before */
    SEARCH_FINAL,
    SEARCH_GIVEN_UP
};

static enum search search_below(struct http_request *req, const struct http_location **place);

/* What a prefix that was the longest has to give way to. */
static COLD void
tell_passed(struct http_request *req, const struct http_location *prefix)
{
    if (prefix->kind != LOCATION_REGEX)
        HTTP_TRACE(req, &prefix->mark, "tried: %.*s is the longest prefix, but an expression goes "
                   "before it", STR_ARG(prefix->name));
}

static enum search
search_regexes(struct http_request *req, const struct location_set *set,
               const struct http_location **place)
{
    for (uint32_t i = 0; i < set->regexes_len; i++) {
        const struct http_location *l = set->regexes[i];

        switch (http_regex_match(req, l->regex, req->path)) {
        case MATCH_NONE:
            HTTP_TRACE(req, &l->mark, "tried: %s %.*s does not match", modifier(l),
                       STR_ARG(l->name));
            continue;
        case MATCH_GIVEN_UP:
            return SEARCH_GIVEN_UP;
        case MATCH_FOUND:
            if (UNLIKELY(req->trace != NULL) && *place != req->server->root)
                tell_passed(req, *place);
            *place = l;
            return search_below(req, place) == SEARCH_GIVEN_UP ? SEARCH_GIVEN_UP : SEARCH_FINAL;
        }
    }
    return SEARCH_OPEN;
}

/* Depth: that of the locations in the conf file. */
static enum search
search_below(struct http_request *req, const struct http_location **place)
{
    const struct location_set *set = (*place)->nested;
    const struct http_location *l;

    if (set == NULL)
        return SEARCH_OPEN;
    if ((l = map_get(set->exact, req->path)) != NULL) {
        *place = l;
        return SEARCH_FINAL;
    }
    if ((l = longest_prefix(set, req->path)) != NULL) {
        enum search inner;

        *place = l;
        inner = search_below(req, place);
        if (inner != SEARCH_OPEN || l->kind == LOCATION_PREFIX_FINAL)
            return inner;
    }
    return search_regexes(req, set, place);
}

void
location_tell(struct http_request *req, const struct http_location *place)
{
    static const char *const why[] = {
        [LOCATION_PREFIX] = "the longest prefix",
        [LOCATION_PREFIX_FINAL] = "the longest prefix, and no expression is tried",
        [LOCATION_EXACT] = "the very path",
        [LOCATION_REGEX] = "the first expression that matches",
        [LOCATION_NAMED] = "by its name",
    };

    if (place == req->server->root)
        HTTP_TRACE(req, &place->mark, "location: none for %.*s, the server itself",
                   STR_ARG(req->path));
    else
        HTTP_TRACE(req, &place->mark, "location: %s%s%.*s, %s", modifier(place),
                   *modifier(place) != '\0' ? " " : "", STR_ARG(place->name), why[place->kind]);
}

/* ---- what was found before ----------------------------------------------------------------- */

enum { ROUTES = 256, ROUTE_BYTES = 104 };

struct route {
    const struct http_location *root, *place;   /* root NULL: unused */
    uint32_t len;
    char path[ROUTE_BYTES];
};

struct routes {
    struct route items[ROUTES];
};

struct routes *
routes_create(void)
{
    return calloc(1, sizeof(struct routes));
}

static struct route *
route_for(struct routes *routes, struct str path)
{
    uint64_t hash = path.len, word;
    size_t i = 0;

    if (routes == NULL || path.len > ROUTE_BYTES)
        return NULL;
    for (; i + 8 <= path.len; i += 8) {
        memcpy(&word, path.p + i, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    for (word = 0; i < path.len; i++)
        word = word << 8 | (unsigned char)path.p[i];
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return &routes->items[hash >> 56];
}

const struct http_location *
location_find(struct http_request *req)
{
    const struct http_location *place = req->server->root;
    struct route *route = route_for(req->worker->routes, req->path);
    const size_t *captured = req->captures.offsets;

    if (route != NULL && route->root == place && route->len == req->path.len
        && memcmp(route->path, req->path.p, route->len) == 0 && req->trace == NULL)
        return route->place;
    if (search_below(req, &place) == SEARCH_GIVEN_UP)
        return NULL;
    if (route != NULL && req->captures.offsets == captured) {   /* else the groups are wanted */
        route->root = req->server->root;
        route->place = place;
        route->len = (uint32_t)req->path.len;
        memcpy(route->path, req->path.p, req->path.len);
    }
    return place;
}
