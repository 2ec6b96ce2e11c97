/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_uri: whatever the target, a path that comes out is absolute and resolved, and the one that a
 * plain reading gives: decoded, cut at its slashes, segment by segment. Written as a part of a URI it
 * is read as itself.
 */
#include "fuzz.h"

#include "base/writer.h"
#include "http/uri.h"

enum { SEGMENTS_MAX = 5000 };

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

/* In room; its length, or -1. */
static ptrdiff_t
plain_decode(struct str path, char *room)
{
    size_t len = 0;

    for (size_t i = 0; i < path.len; i++) {
        char c = path.p[i];

        if (c == '%') {
            if (i + 2 >= path.len || hex_digit(path.p[i + 1]) < 0 || hex_digit(path.p[i + 2]) < 0)
                return -1;
            c = (char)(hex_digit(path.p[i + 1]) * 16 + hex_digit(path.p[i + 2]));
            i += 2;
        }
        if (c == '\0')
            return -1;
        room[len++] = c;
    }
    return (ptrdiff_t)len;
}

/* STR_NONE: malformed. The path begins with a slash. */
static struct str
plain_path(struct arena *arena, struct str path, bool merge)
{
    static struct str segments[SEGMENTS_MAX];
    char *room = arena_bytes(arena, path.len + 1);
    ptrdiff_t len = plain_decode(path, room);
    struct writer w = writer_in(arena);
    bool more = true, ends_in_dots = false;
    unsigned n = 0;

    if (len < 0)
        return STR_NONE;
    for (struct str rest = { room + 1, (size_t)len - 1 }; more; ) {
        ptrdiff_t end = str_find(rest, '/', 0);
        struct str segment = { rest.p, end < 0 ? rest.len : (size_t)end };
        bool up = str_eq(segment, STR(".."));

        more = end >= 0;
        rest = str_from(rest, segment.len + 1);
        ends_in_dots = up || str_eq(segment, STR("."));
        if (up && n-- == 0)
            return STR_NONE;
        if (!ends_in_dots && (segment.len > 0 || !merge || !more))
            segments[n++] = segment;
    }
    if (ends_in_dots)
        segments[n++] = STR("");
    for (unsigned i = 0; i < n; i++) {
        write_char(&w, '/');
        write_str(&w, segments[i]);
    }
    return writer_str(&w);
}

static void
require_plain(struct arena *arena, struct str path, struct str read, bool merge)
{
    struct str plain = plain_path(arena, path, merge);
    struct writer w = writer_in(arena);

    require(str_is_set(read) == str_is_set(plain) && str_eq(read, plain));
    if (!str_is_set(read))
        return;
    write_uri(&w, read);
    require(str_eq(uri_decode_path(arena, writer_str(&w), merge), read));
}

static void
try_target(struct str target, bool merge)
{
    struct arena *arena = arena_create(4096, 0);
    struct uri uri;
    struct str path;
    bool is_read;

    require(arena != NULL);
    is_read = uri_parse(arena, target, merge, &uri);
    if (target.len > 0 && target.p[0] == '/') {
        struct str sent = target;

        sent.len = 0;
        while (sent.len < target.len && target.p[sent.len] != '?')
            sent.len++;
        if (memchr(target.p, '#', target.len) != NULL)
            require(!is_read);          /* a fragment is no part of a request */
        else
            require_plain(arena, sent, is_read ? uri.path : STR_NONE, merge);
    }
    if (is_read) {
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
    if (target.len > 0 && target.p[0] == '/')
        require_plain(arena, target, path, merge);
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
    if (size >= SEGMENTS_MAX || !can_be_target(data, size))
        return 0;
    try_target((struct str){ (const char *)data, size }, true);
    try_target((struct str){ (const char *)data, size }, false);
    return 0;
}
