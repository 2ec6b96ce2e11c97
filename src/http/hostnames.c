/* SPDX-License-Identifier: BSD-2-Clause */
/* hostnames: see hostnames.h. */
#include "http/hostnames.h"
#include "base/compiler.h"

/* ---- adding -------------------------------------------------------------------------------- */

bool
hostnames_reserve(struct hostnames *names, struct arena *arena, uint32_t count)
{
    names->exact = map_create(arena, true);
    return names->exact != NULL && map_reserve(names->exact, count);
}

static enum hostnames_verdict
add_to(struct map **map, struct arena *arena, struct str key, void *value)
{
    void *old;

    if (*map == NULL && (*map = map_create(arena, true)) == NULL)
        return HOSTNAMES_NO_MEMORY;
    if (!map_add(*map, key, value, &old))
        return HOSTNAMES_NO_MEMORY;
    return old != NULL ? HOSTNAMES_CONFLICT : HOSTNAMES_ADDED;
}

enum hostnames_verdict
hostnames_add_exact(struct hostnames *names, struct arena *arena, struct str name, void *value)
{
    return add_to(&names->exact, arena, name, value);
}

static enum hostnames_verdict
add_leading(struct hostnames *names, struct arena *arena, struct str key, void *value)
{
    names->leading_max = MAX(names->leading_max, key.len);
    return add_to(&names->leading, arena, key, value);
}

static enum hostnames_verdict
add_trailing(struct hostnames *names, struct arena *arena, struct str key, void *value)
{
    names->trailing_max = MAX(names->trailing_max, key.len);
    return add_to(&names->trailing, arena, key, value);
}

/* Without its wildcard: no other one, no empty label. */
static bool
is_plain(struct str name)
{
    return !str_is_set(name)
           || (str_find(name, '*', 0) < 0 && memmem(name.p, name.len, "..", 2) == NULL);
}

enum hostnames_verdict
hostnames_add(struct hostnames *names, struct arena *arena, struct str name, void *value)
{
    bool leading = str_starts(name, STR("*.")), trailing = str_ends(name, STR(".*"));
    struct str key = str_from(name, leading ? 1 : 0);
    enum hostnames_verdict verdict;

    key.len -= trailing ? 1 : 0;
    if (!is_plain(key) || str_eq(key, STR(".")) || (trailing && str_starts(key, STR("."))))
        return HOSTNAMES_INVALID;
    if (leading)
        return add_leading(names, arena, key, value);
    if (trailing)
        return add_trailing(names, arena, key, value);
    if (!str_starts(key, STR(".")))
        return hostnames_add_exact(names, arena, key, value);
    verdict = hostnames_add_exact(names, arena, str_from(key, 1), value);
    return verdict == HOSTNAMES_ADDED ? add_leading(names, arena, key, value) : verdict;
}

/* ---- finding ------------------------------------------------------------------------------- */

/* What is longer than any key is not looked for: a peer's dots are many. */
static void *
find_leading(const struct hostnames *names, struct str host)
{
    size_t from = host.len > names->leading_max ? host.len - names->leading_max : 0;
    ptrdiff_t dot;

    for (; (dot = str_find(host, '.', from)) >= 0; from = (size_t)dot + 1) {
        void *value = map_get(names->leading, str_from(host, (size_t)dot));

        if (value != NULL)
            return value;
    }
    return NULL;
}

static void *
find_trailing(const struct hostnames *names, struct str host)
{
    if (host.len == 0)
        return NULL;
    for (size_t len = MIN(host.len - 1, names->trailing_max); len > 0; len--) {
        void *value = host.p[len - 1] != '.' ? NULL
                      : map_get(names->trailing, (struct str){ host.p, len });

        if (value != NULL)
            return value;
    }
    return NULL;
}

void *
hostnames_find(const struct hostnames *names, struct str host)
{
    void *value = map_get(names->exact, host);

    if (value == NULL && names->leading != NULL)
        value = find_leading(names, host);
    if (value == NULL && names->trailing != NULL)
        value = find_trailing(names, host);
    return value;
}
