/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types_built_in: the types of files where the conf file gives none. They are those of
 * conf/mime.types, the one table there is: make writes its rows as TYPE(extension, type).
 */
#include "base/map.h"
#include "http/settings.h"

static const struct {
    struct str extension;
    struct http_text type;
} rows[] = {
#define TYPE(extension, type) { STR_INIT(extension), { .source = STR_INIT(type) } },
#include "mime_types.h"
#undef TYPE
};

struct map *
types_built_in(struct http *http)
{
    struct map *types;

    if (http->types != NULL)
        return http->types;
    if ((types = map_create(http->arena, false)) == NULL || !map_reserve(types, ARRAY_LEN(rows)))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!map_set(types, rows[i].extension, (void *)&rows[i].type))
            return NULL;
    return http->types = types;
}
