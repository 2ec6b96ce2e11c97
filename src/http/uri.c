/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uri: checks, splits and normalises request targets.
 *
 * One scan finds where the path ends and whether anything in it must change. Mostly nothing does.
 * If something does, the path is decoded into the arena first and resolved there afterwards, in
 * place: so an encoded slash or dot is treated as one that was sent bare.
 */
#include "http/uri.h"
#include "base/compiler.h"
#include "http/h1/framing.h"

/* What ends a path, and what may want work in it. */
enum { QUERY = 1, WORK = 2 };

static const uint8_t marks[256] = {
    ['?'] = QUERY, ['#'] = QUERY, ['/'] = WORK, ['%'] = WORK,
};

/* Whether "." or ".." and then "/" or an end stands at p: a byte of `ends` or `end` itself. */
static bool
is_dot_segment(const char *p, const char *end, unsigned ends)
{
    if (p == end || *p != '.')
        return false;
    p++;
    if (p != end && *p == '.')
        p++;
    return p == end || *p == '/' || (marks[(unsigned char)*p] & ends) != 0;
}

/* Whether a name with a dot at its begin stands at p, "." and ".." left aside: it is a hidden one. */
static bool
is_hidden_name(const char *p, const char *end, unsigned ends)
{
    static const struct str known = STR_INIT(".well-known");
    size_t left = (size_t)(end - p);

    if (left < known.len || memcmp(p, known.p, known.len) != 0)
        return true;
    p += known.len;
    return p != end && *p != '/' && (marks[(unsigned char)*p] & ends) == 0;
}

/* What a path that was scanned holds. */
struct found {
    bool work;                  /* %XX, dot segments or, where they count, "//" */
    bool dotted;                /* names that begin with a dot, as they were sent */
};

/* The end of the path that starts at p: the first byte marked in `ends`, or `end`. */
static const char *
scan_path(const char *p, const char *end, unsigned ends, bool merge, struct found *found)
{
    *found = (struct found){ false, false };
    for (; p != end; p++) {
        unsigned mark = marks[(unsigned char)*p];

        if (LIKELY(mark == 0))
            continue;
        if ((mark & ends) != 0)
            break;
        if (*p == '%')
            found->work = true;
        else if (*p != '/' || p + 1 == end)
            continue;
        else if (p[1] == '/')
            found->work |= merge;
        else if (p[1] != '.')
            continue;
        else if (is_dot_segment(p + 1, end, ends))
            found->work = true;
        else
            found->dotted |= is_hidden_name(p + 1, end, ends);
    }
    return p;
}

/*
 * %XX to bytes, once (RFC 3986 2.4). The new length, or -1 when a % is not followed by two digits
 * or means NUL, which would end the path for the system earlier than for the checks here.
 */
static ptrdiff_t
decode(struct str path, char *to)
{
    char *out = to;

    for (size_t i = 0; i < path.len; i++) {
        int high, low;

        if (path.p[i] != '%') {
            *out++ = path.p[i];
            continue;
        }
        if (path.len - i < 3)
            return -1;
        high = hex_digit(path.p[i + 1]);
        low = hex_digit(path.p[i + 2]);
        if (high < 0 || low < 0 || (high | low) == 0)
            return -1;
        *out++ = (char)(high << 4 | low);
        i += 2;
    }
    return out - to;
}

/* Where the last segment of [start, end) begins, its "/" included; NULL when there is none. */
static char *
last_segment(char *start, char *end)
{
    return start == end ? NULL : memrchr(start, '/', (size_t)(end - start));
}

/*
 * Removes dot segments (RFC 3986 5.2.4) and merges slashes, in place. What is written, a chain of
 * "/segment", is never longer than what was read. The new length, or -1 for ".." above the root.
 */
static ptrdiff_t
resolve(char *path, size_t len, bool merge)
{
    char *out = path;
    const char *p = path, *end = path + len;
    bool dots = false;          /* the last segment was "." or "..": the path ends with "/" */

    while (p != end) {
        const char *segment = p + 1;
        const char *next = memchr(segment, '/', (size_t)(end - segment));
        size_t n;

        if (next == NULL)
            next = end;
        n = (size_t)(next - segment);
        p = next;
        dots = is_dot_segment(segment, next, 0);
        if (dots && n == 2) {
            out = last_segment(path, out);
            if (out == NULL)
                return -1;
        }
        if (dots || (n == 0 && merge && next != end))
            continue;
        *out++ = '/';
        memmove(out, segment, n);
        out += n;
    }
    if (dots)
        *out++ = '/';
    return out - path;
}

/* A copy that is decoded and resolved; STR_NONE when it is malformed or memory is short. */
static struct str
normalise(struct arena *arena, struct str path, bool merge)
{
    char *to = arena_bytes(arena, path.len);
    ptrdiff_t len;

    if (to == NULL)
        return STR_NONE;
    len = decode(path, to);
    if (len > 0)
        len = resolve(to, (size_t)len, merge);
    if (len < 0)
        return STR_NONE;
    arena_trim(arena, to, path.len, (size_t)len);
    return (struct str){ to, (size_t)len };
}

/*
 * Takes scheme and authority off an absolute-form target (RFC 9112 3.2.2). A host there must not be
 * empty (RFC 9110 4.2.1). False when it is malformed.
 */
static bool
take_authority(struct str *target, struct str *host)
{
    static const struct str schemes[] = { STR_INIT("http://"), STR_INIT("https://") };

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct str rest = str_from(*target, schemes[i].len);
        size_t n = 0;

        if (!str_istarts(*target, schemes[i]))
            continue;
        while (n < rest.len && rest.p[n] != '/' && marks[(unsigned char)rest.p[n]] != QUERY)
            n++;
        *host = (struct str){ rest.p, n };
        *target = str_from(rest, n);
        /* "@", of userinfo, is in no valid host */
        return n > 0 && host->p[0] != ':' && framing_host_is_valid(*host);
    }
    return false;
}

/* An absolute-form target without a path names "/" (RFC 9110 4.2.3): puts it in front. */
static bool
add_root(struct arena *arena, struct str *target)
{
    char *to;

    if (target->len == 0) {
        *target = STR("/");
        return true;
    }
    to = arena_bytes(arena, target->len + 1);
    if (to == NULL)
        return false;
    to[0] = '/';
    memcpy(to + 1, target->p, target->len);
    *target = (struct str){ to, target->len + 1 };
    return true;
}

/*
 * Path and query of an origin-form target. A fragment is no part of one (RFC 9112 3.2): who cuts it
 * off and who takes it for a part of the path see different paths.
 */
static bool
split(struct arena *arena, struct str target, bool merge, struct uri *uri)
{
    const char *end = target.p + target.len, *path_end;
    struct found found;

    path_end = scan_path(target.p, end, QUERY, merge, &found);
    if (path_end != end) {
        if (memchr(path_end, '#', (size_t)(end - path_end)) != NULL)
            return false;
        uri->args = (struct str){ path_end + 1, (size_t)(end - path_end - 1) };
    }
    uri->raw = (struct str){ target.p, (size_t)(end - target.p) };
    uri->path = (struct str){ target.p, (size_t)(path_end - target.p) };
    uri->complex = found.work;
    uri->is_dotted = found.dotted;
    if (uri->complex) {
        uri->path = normalise(arena, uri->path, merge);
        uri->is_dotted = uri_dotted_names(uri->path) > 0;
    }
    return str_is_set(uri->path);
}

bool
uri_parse(struct arena *arena, struct str target, bool merge_slashes, struct uri *uri)
{
    *uri = (struct uri){ 0 };
    if (target.len == 0)
        return false;
    if (LIKELY(target.p[0] == '/'))
        return split(arena, target, merge_slashes, uri);
    if (str_eq(target, STR("*"))) {
        uri->is_asterisk = true;
        uri->path = STR("/");
        uri->raw = target;
        return true;
    }
    if (!take_authority(&target, &uri->host))
        return false;
    if ((target.len == 0 || target.p[0] != '/') && !add_root(arena, &target))
        return false;
    return split(arena, target, merge_slashes, uri);
}

struct str
uri_decode_path(struct arena *arena, struct str path, bool merge_slashes)
{
    struct found found;

    if (path.len == 0 || path.p[0] != '/' || memchr(path.p, '\0', path.len) != NULL)
        return STR_NONE;
    scan_path(path.p, path.p + path.len, 0, merge_slashes, &found);
    return found.work ? normalise(arena, path, merge_slashes) : path;
}

unsigned
uri_dotted_names(struct str path)
{
    const char *p = path.p, *end;
    unsigned count = 0;

    if (path.len == 0)          /* and p may be NULL */
        return 0;
    end = p + path.len;
    if (*p == '.')
        count += !is_dot_segment(p, end, 0) && is_hidden_name(p, end, 0);
    while ((p = memmem(p, (size_t)(end - p), "/.", 2)) != NULL) {
        p++;
        count += !is_dot_segment(p, end, 0) && is_hidden_name(p, end, 0);
    }
    return count;
}
