/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_hostnames: a line is a host, the others names with wildcards; what is found fits it best. */
#include "fuzz.h"

#include "http/hostnames.h"

enum { NAMES_MAX = 64 };

static bool
ends_with(struct str host, struct str end)
{
    return host.len >= end.len && str_ieq(str_from(host, host.len - end.len), end);
}

/* How well a name fits: the exact one best, then by the bytes of the wildcard; 0: not at all. */
static size_t
fitness(struct str name, struct str host)
{
    const size_t exact = (size_t)1 << 40, leading = (size_t)1 << 20;

    if (str_starts(name, STR("*.")))
        return ends_with(host, str_from(name, 1)) ? leading + name.len - 1 : 0;
    if (str_ends(name, STR(".*")))
        return host.len > name.len - 1 && str_istarts(host, (struct str){ name.p, name.len - 1 })
               ? name.len : 0;
    if (str_ieq(name, host) && !str_starts(name, STR(".")))
        return exact;
    if (!str_starts(name, STR(".")))
        return 0;
    if (str_ieq(str_from(name, 1), host))
        return exact;
    return ends_with(host, name) ? leading + name.len : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size }, host = STR_NONE, names[NAMES_MAX];
    struct arena *arena = arena_create(4096, 0);
    struct hostnames table = { 0 };
    const struct str *found;
    size_t best = 0;

    require(arena != NULL);
    for (uint32_t len = 0; text.len > 0 && len < NAMES_MAX; ) {
        ptrdiff_t end = str_find(text, '\n', 0);
        struct str line = { text.p, end < 0 ? text.len : (size_t)end };

        text = str_from(text, line.len + 1);
        if (!str_is_set(host)) {
            host = line;
            continue;
        }
        names[len] = line;
        if (hostnames_add(&table, arena, line, &names[len]) != HOSTNAMES_ADDED)
            break;
        best = MAX(best, fitness(line, host));
        len++;
    }
    found = str_is_set(host) ? hostnames_find(&table, host) : NULL;
    require((found != NULL ? fitness(*found, host) : 0) >= best);
    arena_destroy(arena);
    return 0;
}
