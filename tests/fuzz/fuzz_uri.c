/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_uri: whatever the target, a path that comes out is absolute and resolved. */
#include "fuzz.h"

#include "http/uri.h"

static void
require_safe(struct str path, bool merged)
{
    size_t start = 1;

    require(path.len > 0 && path.p[0] == '/');
    require(memchr(path.p, '\0', path.len) == NULL);
    for (size_t i = 1; i <= path.len; i++) {
        if (i < path.len && path.p[i] != '/')
            continue;
        require(!merged || i != start || i == path.len);
        require(i - start != 1 || path.p[start] != '.');
        require(i - start != 2 || memcmp(path.p + start, "..", 2) != 0);
        start = i + 1;
    }
}

static bool
lies_in(struct str part, struct str whole)
{
    return part.p >= whole.p && part.p + part.len <= whole.p + whole.len;
}

static void
try_target(struct str target, bool merge)
{
    struct arena *arena = arena_create(4096, 0);
    struct uri uri;
    struct str path;

    require(arena != NULL);
    if (uri_parse(arena, target, merge, &uri)) {
        require_safe(uri.path, merge);
        require(uri.is_asterisk || (uri.raw.len > 0 && uri.raw.p[0] == '/'));
        require(!str_is_set(uri.host) || (uri.host.len > 0 && lies_in(uri.host, target)));
        if (!uri.complex && target.p[0] == '/')
            require(uri.path.p == target.p && lies_in(uri.path, target));
        if (uri.complex)
            require(!lies_in(uri.path, target));
    }
    path = uri_decode_path(arena, target, merge);
    if (str_is_set(path))
        require_safe(path, merge);
    arena_destroy(arena);
}

/* Framing lets no control byte or blank through to here. */
static bool
can_be_target(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] <= 0x20 || data[i] == 0x7f)
            return false;
    }
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!can_be_target(data, size))
        return 0;
    try_target((struct str){ (const char *)data, size }, true);
    try_target((struct str){ (const char *)data, size }, false);
    return 0;
}
