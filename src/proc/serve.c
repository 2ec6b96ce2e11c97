/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/serve.h"

#include "base/counters.h"
#include "conf/format.h"
#include "proc/ask.h"
#include "proc/runtime.h"
#include "proc/serve_conf.h"
#include "proc/serve_place.h"
#include "proc/serve_users.h"
#include "proc/start.h"
#include "proc/tell.h"
#include "proc/title.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what is served ------------------------------------------------------------------------ */

/* Its absolute path, or STR_NONE, told. */
static struct str
find_path(struct arena *arena, const char *name, bool *is_folder)
{
    char *path = realpath(name, NULL);
    struct stat st;
    struct str copy;

    if (path == NULL || stat(path, &st) != 0
        || access(path, S_ISDIR(st.st_mode) ? R_OK | X_OK : R_OK) != 0) {
        console("cannot serve \"%s\" (%d: %s)", name, errno, strerror(errno));
        free(path);
        return STR_NONE;
    }
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
        console("cannot serve \"%s\", it is neither a folder nor a file", name);
        free(path);
        return STR_NONE;
    }
    *is_folder = S_ISDIR(st.st_mode);
    copy = arena_str(arena, str_of(path));
    free(path);
    return copy;
}

static struct str
last_component(struct str path)
{
    const char *slash = memrchr(path.p, '/', path.len);

    return slash != NULL ? str_from(path, (size_t)(slash + 1 - path.p)) : path;
}

/* NAME=PATH, unless there is something of that name. */
static const char *
take_name(struct arena *arena, const char *thing, struct str *name)
{
    const char *equals = strchr(thing, '=');

    *name = STR_NONE;
    if (equals == NULL || access(thing, F_OK) == 0)
        return thing;
    *name = arena_str(arena, (struct str){ thing, (size_t)(equals - thing) });
    return equals + 1;
}

static bool
is_good_name(struct str name, const char *thing)
{
    if (name.len > 0 && str_find(name, '/', 0) < 0 && !str_eq(name, STR("."))
        && !str_eq(name, STR("..")))
        return true;
    console("\"%s\" needs a name of its own: NAME=PATH, without \"/\" in the name", thing);
    return false;
}

static bool
add_item(struct arena *arena, struct serve_site *site, const char *thing)
{
    struct serve_item item;
    const char *path = take_name(arena, thing, &item.name);
    struct serve_item *place;

    site->is_whole = site->serve->things.len <= 1 && !str_is_set(item.name);
    item.path = find_path(arena, path, &item.is_folder);
    if (!str_is_set(item.path))
        return false;
    site->is_whole = site->is_whole && item.is_folder;
    if (!str_is_set(item.name))
        item.name = last_component(item.path);
    if (!site->is_whole && !is_good_name(item.name, thing))
        return false;
    for (uint32_t i = 0; i < site->items.len; i++) {
        if (str_eq(site->items.items[i].name, item.name)) {
            console("two of them would be \"/%.*s\": give one a name, as in other=%s",
                    STR_ARG(item.name), path);
            return false;
        }
    }
    place = VEC_ADD(arena, &site->items);
    if (place != NULL)
        *place = item;
    return true;
}

static bool
add_items(struct arena *arena, struct serve_site *site)
{
    const struct serve *serve = site->serve;

    if (serve->things.len == 0)
        return add_item(arena, site, ".");
    for (uint32_t i = 0; i < serve->things.len; i++)
        if (!add_item(arena, site, serve->things.items[i]))
            return false;
    return true;
}

static bool
add_reads(struct arena *arena, struct serve_site *site)
{
    for (uint32_t i = 0; i < site->serve->reads.len; i++) {
        const char *name = site->serve->reads.items[i];
        char *path = realpath(name, NULL);
        struct str *place = path != NULL ? VEC_ADD(arena, &site->reads) : NULL;

        if (path == NULL) {
            console("links cannot lead to \"%s\" (%d: %s)", name, errno, strerror(errno));
            return false;
        }
        if (place != NULL)
            *place = arena_str(arena, str_of(path));
        free(path);
    }
    return true;
}

/* ---- what is told -------------------------------------------------------------------------- */

static struct str
announcement(struct arena *arena, const struct serve_site *site, const struct serve_place *place)
{
    struct writer w = writer_in(arena);

    write_str(&w, STR("serving "));
    for (uint32_t i = 0; i < site->items.len; i++) {
        write_str(&w, i > 0 ? STR(", ") : STR(""));
        write_log_escaped(&w, site->items.items[i].path);
    }
    write_fmt(&w, " at %s", place->url);
    if (site->serve->is_public)
        write_network_urls(&w, STR("\nweir: and at "), place->port);
    write_char(&w, '\0');
    return writer_str(&w);
}

/* A page that is missing may still come, from whatever builds the site: that is no error. */
static void
tell_missing_pages(struct arena *arena, const struct serve_site *site)
{
    const char *page = site->serve->spa != NULL ? site->serve->spa : site->serve->not_found;

    if (page == NULL)
        return;
    for (uint32_t i = 0; i < site->items.len; i++) {
        const struct serve_item *item = &site->items.items[i];
        struct str path = arena_fmt(arena, "%.*s/%s", STR_ARG(item->path), page);

        if (item->is_folder && str_is_set(path) && access(path.p, F_OK) != 0)
            console("there is no \"%s\" in %.*s yet", page, STR_ARG(item->path));
    }
}

static void
tell_sums(void)
{
    console("served %llu request%s, %llu bytes", (unsigned long long)stats->requests,
            stats->requests == 1 ? "" : "s", (unsigned long long)stats->bytes_sent);
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* Laid out as "weir fmt" does. */
static int
show_conf(struct arena *arena, struct str note, struct str text)
{
    const struct conf_module *const *tables = runtime_tables(arena);
    struct conf *conf = tables != NULL ? conf_create(arena, tables, STR("/")) : NULL;
    struct writer w = writer_in(arena), whole = writer_in(arena);
    bool ok;

    write_str(&whole, STR("# What \"weir serve\" serves.\n"));
    write_str(&whole, note);
    write_str(&whole, STR("\n"));
    write_str(&whole, text);
    text = writer_str(&whole);
    ok = conf != NULL && str_is_set(text) && conf_format(conf, STR("weir serve"), text, &w)
         && ask_show(STDOUT_FILENO, writer_str(&w));
    if (!ok)
        tell(LEVEL_EMERG, errno, "the conf file cannot be shown");
    conf_destroy(conf);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool
wants_colour(const struct serve *serve)
{
    const char *no_colour = getenv("NO_COLOR");

    return !serve->no_colour && !serve->print_conf && isatty(STDERR_FILENO)
           && (no_colour == NULL || no_colour[0] == '\0');
}

static int
start(struct arena *arena, const struct serve_site *site, struct serve_place *place,
      struct str text)
{
    struct options options = {
        .prefix = STR("/"), .directives = text, .no_pid_file = true, .fixed = true,
        .inherited = &place->inherited, .ended = site->serve->quiet ? NULL : tell_sums,
    };
    struct str announce = announcement(arena, site, place);

    if (arena_failed(arena)) {
        tell(LEVEL_EMERG, ENOMEM, "serving a folder failed");
        return EXIT_FAILURE;
    }
    if (!site->serve->quiet)
        tell_missing_pages(arena, site);
    return start_server(&options, site->serve->arguments,
                        site->serve->quiet ? NULL : announce.p);
}

static int
serve_at(struct arena *arena, struct serve_site *site, struct serve_place *place)
{
    struct str note, text;

    if (!serve_users_find(arena, site->serve, &site->users, &note))
        return EXIT_FAILURE;
    memcpy(site->listen, place->listen, sizeof(site->listen));
    site->colour = wants_colour(site->serve);
    text = serve_conf(arena, site);
    return site->serve->print_conf ? show_conf(arena, note, text)
                                   : start(arena, site, place, text);
}

int
serve_run(const struct serve *serve)
{
    struct arena *arena = arena_create(4096, 0);
    struct serve_site site = { .serve = serve };
    struct serve_place place;
    int status = EXIT_FAILURE;

    if (arena == NULL)
        return EXIT_FAILURE;
    title_set("serve");         /* the command line may hold a password */
    if (add_items(arena, &site) && add_reads(arena, &site)) {
        if (serve_place_find(arena, serve, &place))
            status = serve_at(arena, &site, &place);
        serve_place_give_back(&place);
    }
    arena_destroy(arena);
    return status;
}
