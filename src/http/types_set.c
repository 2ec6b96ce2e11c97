/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/types_set.h"
#include "base/map.h"

/* text/html is always among them: who names it, too, need not be told that it is there. */
static struct str implied = STR_INIT("text/html");

static bool
add_type(struct conf *conf, struct types_set *set, struct str type)
{
    struct str *copy = ARENA_NEW(conf->arena, struct str);

    if (copy == NULL || !str_is_set(*copy = arena_str(conf->arena, type)))
        return conf_no_memory(conf);
    return map_set(set->types, *copy, copy) || conf_no_memory(conf);
}

static bool
create_set(struct conf *conf, struct types_set *set)
{
    set->types = map_create(conf->arena, true);
    return (set->types != NULL && map_set(set->types, implied, &implied))
           || conf_no_memory(conf);
}

/* A second directive at the same level adds to the first. */
bool
parse_types_set(struct conf *conf, const struct conf_node *node, void *field)
{
    struct types_set *set = field;

    if (set->types == NULL && !create_set(conf, set))
        return false;
    for (uint32_t i = 1; i < node->count; i++) {
        struct str type = node->words[i].text;
        const void *known = map_get(set->types, type);

        if (str_eq(type, STR("*")))
            set->any = true;
        else if (known != NULL && known != &implied)
            conf_warn(conf, &node->words[i], "duplicate MIME type \"%.*s\"", STR_ARG(type));
        else if (!add_type(conf, set, type))
            return false;
    }
    return true;
}

bool
types_set_has(const struct types_set *set, struct str type)
{
    const char *end;

    if (set->any)
        return true;
    if (type.len == 0)
        return false;
    end = memchr(type.p, ';', type.len);
    if (end != NULL)
        type = str_trim((struct str){ type.p, (size_t)(end - type.p) });
    return map_get(set->types, type) != NULL;
}
