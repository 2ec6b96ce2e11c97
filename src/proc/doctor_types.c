/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_types: whether the files that are there have a type that browsers can do something with.
 */
#include "base/map.h"
#include "proc/doctor_scan.h"

#include <string.h>

/* What browsers do not run, or do not show, with the wrong type. */
static const struct { const char *extension, *type; } common[] = {
    { "html", "text/html" },                { "htm", "text/html" },
    { "css", "text/css" },                  { "js", "text/javascript" },
    { "mjs", "text/javascript" },           { "json", "application/json" },
    { "map", "application/json" },          { "wasm", "application/wasm" },
    { "svg", "image/svg+xml" },             { "png", "image/png" },
    { "jpg", "image/jpeg" },                { "jpeg", "image/jpeg" },
    { "gif", "image/gif" },                 { "webp", "image/webp" },
    { "avif", "image/avif" },               { "ico", "image/x-icon" },
    { "woff", "font/woff" },                { "woff2", "font/woff2" },
    { "xml", "text/xml" },                  { "txt", "text/plain" },
    { "pdf", "application/pdf" },           { "mp4", "video/mp4" },
    { "webm", "video/webm" },               { "webmanifest", "application/manifest+json" },
};

static struct str
extension_of(struct str name)
{
    size_t i = name.len;

    while (i > 0 && name.p[i - 1] != '.')
        i--;
    return i > 1 ? str_from(name, i) : STR("");
}

static bool
is_there(const struct scan *scan, const char *extension)
{
    for (uint32_t i = 0; i < scan->entries.len; i++)
        if (!scan->entries.items[i].is_folder
            && str_ieq(extension_of(scan->entries.items[i].name), str_of(extension)))
            return true;
    return false;
}

static void
check_place(struct doctor *d, const struct doctor_place *place, const struct scan *scan)
{
    struct writer names = writer_in(d->arena), mend = writer_in(d->arena);

    write_str(&mend, STR("include mime.types;    # or in \"types { }\":"));
    for (size_t i = 0; i < ARRAY_LEN(common); i++) {
        if (map_get(place->types, str_of(common[i].extension)) != NULL
            || !is_there(scan, common[i].extension))
            continue;
        write_fmt(&names, "%s.%s", names.p > names.start ? ", " : "", common[i].extension);
        write_fmt(&mend, " %s %s;", common[i].type, common[i].extension);
    }
    if (names.p == names.start)
        return;
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_WARNING, .about = doctor_text(d, "%.*s %s", STR_ARG(place->name),
                                                      place->path.p),
        .text = doctor_text(d, "there are files that \"types\" does not name: %.*s",
                            STR_ARG(writer_str(&names))),
        .why = STR("they are sent as default_type, which browsers do not run, or download"),
        .mend = writer_str(&mend), .where = place->where,
    });
}

/* Where nothing is said the built-in types hold, which have all of these. */
static void
check_types(struct doctor *d)
{
    for (uint32_t i = 0; i < d->places.len; i++) {
        const struct doctor_place *place = &d->places.items[i];
        const struct scan *scan = place->types != NULL ? scan_of(d, place) : NULL;

        if (scan != NULL)
            check_place(d, place, scan);
    }
}

static const struct doctor_check checks[] = {
    { "types", check_types, "what lies at the top of each folder has a type" },
};
const struct doctor_group doctor_types = DOCTOR_GROUP("types", checks);
