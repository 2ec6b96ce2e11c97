/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/environment.h"

static struct str
name_of(struct str variable)
{
    ptrdiff_t equals = str_find(variable, '=', 0);

    return equals < 0 ? variable : (struct str){ variable.p, (size_t)equals };
}

static char *
find(char *const *environment, struct str name)
{
    for (; *environment != NULL; environment++)
        if (str_eq(name_of(str_of(*environment)), name))
            return *environment;
    return NULL;
}

static bool
named_again(const struct str *wanted, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(name_of(wanted[i]), name))
            return true;
    return false;
}

char **
environment_make(struct arena *arena, const struct str *wanted, size_t count, char *const *from)
{
    char **made = ARENA_ARRAY(arena, char *, count + 2);
    size_t n = 0;

    if (made == NULL)
        return NULL;
    if (!named_again(wanted, count, STR("TZ")) && (made[n] = find(from, STR("TZ"))) != NULL)
        n++;
    for (size_t i = 0; i < count; i++) {
        struct str name = name_of(wanted[i]);

        if (named_again(wanted + i + 1, count - i - 1, name))
            continue;
        if (name.len == wanted[i].len)
            made[n] = find(from, name);
        else if ((made[n] = (char *)(uintptr_t)arena_str(arena, wanted[i]).p) == NULL)
            return NULL;
        if (made[n] != NULL)
            n++;
    }
    made[n] = NULL;
    return made;
}
