/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * location: which place of a server a path belongs to.
 *
 * The prefixes of one level are sorted; the entry that is the last not greater than the path either
 * begins the path or has the best one among its parents, so that the search costs a binary search
 * and a few steps up.
 */
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

bool
locations_build(struct conf *conf, struct http_location *place)
{
    struct location_set *set;
    uint32_t prefixes = 0;

    if (place->children == NULL)
        return true;
    for (struct http_location *l = place->children; l != NULL; l = l->next)
        prefixes += l->kind != LOCATION_EXACT;
    set = ARENA_NEW(conf->arena, struct location_set);
    if (set == NULL
        || (set->entries = ARENA_ARRAY(conf->arena, struct location_entry, prefixes)) == NULL)
        return conf_no_memory(conf);
    for (struct http_location *l = place->children; l != NULL; l = l->next) {
        if (l->kind != LOCATION_EXACT)
            set->entries[set->len++] = (struct location_entry){ l->name, l, -1 };
        else if (!add_exact(conf, set, l))
            return false;
    }
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

const struct http_location *
location_find(const struct http_location *place, struct str path)
{
    const struct location_set *set;

    while ((set = place->nested) != NULL) {
        const struct http_location *l = map_get(set->exact, path);

        if (l != NULL)
            return l;
        if ((l = longest_prefix(set, path)) == NULL)
            break;
        place = l;
    }
    return place;
}
