/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_runtime: any text as a whole configuration, read and applied as "weir -t" does, all tables
 * together. What is said of it is the same when it is asked again. A first line "serve" makes a
 * configuration as "weir serve" does, of the lines behind it, and that one is always sound.
 */
#include "fuzz.h"
#include "no_names.h"

#include "base/clock.h"
#include "http/path.h"
#include "proc/runtime.h"
#include "proc/serve_conf.h"

enum { ITEMS_MAX = 8 };

static bool
is_sound(struct str text)
{
    struct options options = { .prefix = STR("/nonexistent/"), .directives = text, .test = true };
    struct runtime *rt = runtime_read(&options);

    if (rt == NULL)
        return false;
    require(rt->main != NULL && rt->events != NULL && rt->listener_count < 10000);
    runtime_free(rt);
    return true;
}

/* A path of the kernel's holds no NUL; realpath() makes it begin with a slash. */
static struct serve_item
item_of(struct arena *arena, struct str line)
{
    struct serve_item item = { .is_folder = line.len % 2 == 0 };

    item.path = arena_fmt(arena, "/%.*s", STR_ARG(line));
    item.name = str_from(item.path, 1);
    for (ptrdiff_t slash; (slash = str_find(item.name, '/', 0)) >= 0; )
        item.name = str_from(item.name, (size_t)slash + 1);
    return item;
}

/* realpath() leaves no "." and no ".." in it. */
static bool
is_real(const struct serve_item *item)
{
    return item->name.len > 0 && http_path_is_safe(item->path);
}

static bool
is_listed(const struct serve_site *site, struct str name)
{
    for (uint32_t i = 0; i < site->items.len; i++)
        if (str_eq(site->items.items[i].name, name))
            return true;
    return false;
}

static void
try_serve(struct str rest)
{
    struct arena *arena = arena_create(4096, 0);
    struct serve serve = { 0 };
    struct serve_site site = { .serve = &serve, .listen = { STR("127.0.0.1:8080") } };
    struct serve_item items[ITEMS_MAX];
    unsigned flags = take_byte(&rest);
    struct str page, line;

    require(arena != NULL);
    page = take_line(&rest);
    if ((flags & 1) != 0)
        serve.spa = arena_fmt(arena, "%.*s", STR_ARG(page)).p;
    if ((flags & 2) != 0)
        serve.not_found = arena_fmt(arena, "%.*s", STR_ARG(page)).p;
    serve.no_listing = (flags & 4) != 0;
    serve.no_compression = (flags & 8) != 0;
    site.colour = (flags & 16) != 0;
    site.is_whole = (flags & 32) != 0;
    if ((flags & 64) != 0)
        site.users = item_of(arena, page).path;
    site.items.items = items;
    while (site.items.len < (site.is_whole ? 1 : ITEMS_MAX) && rest.len > 0) {
        line = take_line(&rest);
        items[site.items.len] = item_of(arena, line);
        if (is_real(&items[site.items.len])
            && !is_listed(&site, items[site.items.len].name))
            site.items.len++;
    }
    if (site.is_whole && site.items.len > 0)
        items[0].is_folder = true;
    if (site.items.len > 0)
        require(is_sound(serve_conf(arena, &site)));
    arena_destroy(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, MIN(size, 4096) };
    bool sound;

    hush();
    clock_update();
    if (str_starts(text, STR("serve\n")) && memchr(data, '\0', size) == NULL) {
        try_serve(str_from(text, 6));
        return 0;
    }
    if (memmem(text.p, text.len, "include", 7) != NULL)         /* would read files */
        return 0;
    sound = is_sound(text);
    require(is_sound(text) == sound);
    return 0;
}
