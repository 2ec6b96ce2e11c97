/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/grants.h"

#include "base/counters.h"
#include "base/landlock.h"
#include "base/map.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ACCESSES = HTTP_LOGS + 1 };

/* Path to path: sets, by enum http_access. */
struct http_grants {
    struct map *paths[ACCESSES];
};

/* ---- collecting ---------------------------------------------------------------------------- */

static struct http_grants *
grants_of(struct conf *conf)
{
    struct http_setup *setup = conf->owner;
    struct http_grants *grants = setup->grants;

    if (grants != NULL)
        return grants;
    if ((grants = ARENA_NEW(conf->arena, struct http_grants)) == NULL)
        return NULL;
    for (unsigned i = 0; i < ACCESSES; i++)
        if ((grants->paths[i] = map_create(conf->arena, false)) == NULL)
            return NULL;
    return setup->grants = grants;
}

bool
http_grant(struct conf *conf, struct str path, enum http_access access)
{
    struct http_grants *grants = grants_of(conf);
    struct map *map;

    if (grants == NULL)
        return conf_no_memory(conf);
    map = grants->paths[access];
    while (path.len > 1 && path.p[path.len - 1] == '/')
        path.len--;
    if (path.len == 0)          /* "root /;" is kept without its slash */
        path = STR("/");
    if (map_get(map, path) != NULL)
        return true;
    path = arena_str(conf->arena, path);
    return (str_is_set(path) && map_add(map, path, (void *)(uintptr_t)path.p, NULL))
           || conf_no_memory(conf);
}

struct str
http_fixed_folder(const struct http_text *text)
{
    size_t len = 0;

    for (uint32_t i = 0; i < text->len && text->pieces[i].var == NULL; i++)
        len += text->pieces[i].literal.len;
    while (len > 0 && text->source.p[len - 1] != '/')
        len--;
    return len > 0 ? (struct str){ text->source.p, len } : STR("/");
}

void
http_grant_check(struct conf *conf, const struct conf_word *word, const struct http_text *text)
{
    const struct http_setup *setup = conf->owner;

    if (!setup->is_test || !setup->has_walls || http_text_is_literal(text)
        || http_fixed_folder(text).len > 1)
        return;
    conf_warn(conf, word, "\"%.*s\" lets the workers open all files, as a variable comes first in "
              "it", STR_ARG(word->text));
    conf_hint(conf, "begin it with a folder: then the sandbox opens no more than that");
}

bool
http_grant_text(struct conf *conf, const struct http_text *text, enum http_access access)
{
    return http_grant(conf, http_text_is_literal(text) ? text->source : http_fixed_folder(text),
                      access);
}

struct each {
    http_grant_fn fn;
    void *ctx;
    enum http_access access;
    bool ok;
};

static bool
tell_one(void *ctx, struct str key, void *value)
{
    struct each *each = ctx;

    (void)value;
    return each->ok = each->fn(each->ctx, key, each->access);
}

bool
http_grants_each(const struct http_setup *setup, http_grant_fn fn, void *ctx)
{
    struct each each = { .fn = fn, .ctx = ctx, .ok = true };

    for (const struct http_folder *f = setup->folders; f != NULL; f = f->next)
        if (!fn(ctx, f->path, HTTP_WRITES))
            return false;
    for (unsigned i = 0; setup->grants != NULL && each.ok && i < ACCESSES; i++) {
        each.access = (enum http_access)i;
        map_each(setup->grants->paths[i], tell_one, &each);
    }
    return each.ok;
}

/* ---- refusals ------------------------------------------------------------------------------ */

static enum http_walls walls_are = HTTP_WALLS_WORKER;

void
http_walls_are(enum http_walls walls)
{
    walls_are = walls;
}

/* What opens the folder to whoever asks for it again. */
static void
write_mend(struct writer *w, const char *folder, bool reads)
{
    if (walls_are == HTTP_WALLS_SERVE) {
        write_fmt(w, "\"--allow-read %s\" opens what links lead to, a new start a folder that was "
                  "replaced", folder);
        return;
    }
    write_fmt(w, "\"sandbox_allow_%s %s;\" opens what the configuration does not, a %s a folder of it "
              "that was replaced", reads ? "read" : "write", folder,
              walls_are == HTTP_WALLS_ALONE ? "new start" : "reload");
}

/* What is really there, where the name leads now; what is not there yet goes by its folder. */
static void
real_folder(const char *path, char folder[PATH_MAX])
{
    char real[PATH_MAX];
    char *slash;

    snprintf(folder, PATH_MAX, "%s", path);
    if (realpath(path, real) != NULL)
        memcpy(folder, real, sizeof(real));
    slash = strrchr(folder, '/');
    if (slash != NULL && slash != folder)
        *slash = '\0';
}

bool
http_walls_refused(const struct log_context *log, const char *path, enum http_access access,
                   int err)
{
    bool reads = access == HTTP_READS;
    char folder[PATH_MAX], mend[PATH_MAX + 160];
    struct writer w = writer_at(mend, sizeof(mend));

    if (err != EACCES)          /* which is all that Landlock says of files */
        return false;
    real_folder(path, folder);
    /* What is not there yet would be made in its folder. */
    if (!landlock_refused(path, reads ? R_OK : W_OK, err)
        && (reads || !landlock_refused(folder, W_OK, err)))
        return false;
    stats->sandbox_refused++;
    write_mend(&w, folder, reads);
    LOG(log, ERR, err, "the sandbox refused \"%s\": %s", path, writer_cstr(&w));
    return true;
}
