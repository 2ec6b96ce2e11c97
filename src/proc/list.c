/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/list.h"

#include "base/map.h"
#include "conf/conf.h"
#include "proc/runtime.h"

#include <errno.h>
#include <unistd.h>

static const struct { uint32_t bit; const char *name; } contexts[] = {
    { IN_MAIN,         "main" },
    { IN_EVENTS,       "events" },
    { IN_HTTP,         "http" },
    { IN_SERVER,       "server" },
    { IN_LOCATION,     "location" },
    { IN_SERVER_IF,    "if in server" },
    { IN_LOCATION_IF,  "if in location" },
    { IN_LIMIT_EXCEPT, "limit_except" },
    { IN_UPSTREAM,     "upstream" },
};

/* All entries of one name, taken together: error_log stands in two tables. */
struct entry {
    struct str name;
    uint32_t where;
    const char *initial, *module;       /* of the first */
};

static void
write_entry(struct writer *w, const struct entry *e)
{
    const char *comma = "";

    write_str(w, e->name);
    write_char(w, '\t');
    for (size_t i = 0; i < ARRAY_LEN(contexts); i++) {
        if ((e->where & contexts[i].bit) == 0)
            continue;
        write_str(w, str_of(comma));
        write_str(w, str_of(contexts[i].name));
        comma = ", ";
    }
    write_char(w, '\t');
    write_str(w, str_trim(str_of(e->initial != NULL ? e->initial : "-")));
    write_char(w, '\t');
    write_str(w, str_of(e->module));
    write_char(w, '\n');
}

static bool
merge(void *ctx, const char *module, struct str name, const struct directive *d)
{
    struct entry *e = ctx;

    if (!str_eq(name, e->name))
        return true;
    if (e->module == NULL)
        e->module = module;
    e->where |= d->where;
    if (e->initial == NULL)
        e->initial = d->initial;
    return true;
}

/* Calls fn for each entry of each table, until it returns false. */
static void
each_directive(const struct conf_module *const *tables,
               bool (*fn)(void *ctx, const char *module, struct str name,
                          const struct directive *d), void *ctx)
{
    for (; *tables != NULL; tables++) {
        const struct directive *d = (*tables)->directives;

        for (; d != NULL && d->name != NULL; d++)
            if (!fn(ctx, (*tables)->name, str_of(d->name), d))
                return;
    }
}

struct listing {
    const struct conf_module *const *tables;
    struct map *seen;
    struct writer *w;
    bool ok;                /* no memory was short */
};

static bool
list_one(void *ctx, const char *module, struct str name, const struct directive *d)
{
    struct listing *listing = ctx;
    struct entry entry = { .name = name };
    void *before;

    (void)module;
    (void)d;
    listing->ok = map_add(listing->seen, name, listing, &before);
    if (!listing->ok)
        return false;
    if (before != NULL)
        return true;
    each_directive(listing->tables, merge, &entry);
    write_entry(listing->w, &entry);
    return true;
}

static bool
write_all(int fd, struct str text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.p, text.len);

        if (n < 0)
            return false;
        text = str_from(text, (size_t)n);
    }
    return true;
}

bool
list_directives(int fd)
{
    struct arena *arena = arena_create(64 << 10, 0);
    struct writer w;
    struct listing listing = { .w = &w, .ok = true };
    bool ok = false;

    errno = ENOMEM;
    if (arena == NULL)
        return false;
    listing.tables = runtime_tables(arena);
    listing.seen = map_create(arena, false);
    if (listing.tables != NULL && listing.seen != NULL) {
        /* A word of the language itself, that stands in no table. */
        w = writer_in(arena);
        write_str(&w, STR("include\tany\t-\tconf\n"));
        each_directive(listing.tables, list_one, &listing);
        ok = listing.ok && w.ok && write_all(fd, writer_str(&w));
    }
    arena_destroy(arena);
    return ok;
}
