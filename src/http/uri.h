/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uri: from a request target to a path that is safe to look up.
 *
 * This is the one place where a peer's path is checked: what comes out begins with "/", has no ".",
 * ".." or NUL, and no %XX left to decode.
 */
#ifndef WEIR_HTTP_URI_H
#define WEIR_HTTP_URI_H

#include "base/arena.h"

struct uri {
    struct str path;            /* decoded, dot segments removed, "//" merged when asked; shares the
                                 * target's bytes when nothing had to change */
    struct str args;            /* behind the first "?", not decoded; STR_NONE without "?" (""
                                 * with an empty query) */
    struct str host;            /* of an absolute-form target: authority as sent, else STR_NONE */
    struct str raw;             /* origin form as sent: path and query, "/" for an absolute-form
                                 * without path */
    bool is_dotted;             /* uri_dotted_names(path) is not 0 */
    bool complex;               /* the path had to be changed (decoded, merged, resolved) */
    bool is_asterisk;           /* "*" (OPTIONS); the path is "/" then */
};

/*
 * target: origin-form, absolute-form (http or https, any case) or "*"; already free of control
 * bytes and blanks. False when it is malformed: bad %XX, %00, ".." above the root, no leading
 * "/", authority-form, bad authority, a fragment, or when the arena is exhausted (arena_failed()
 * tells). In an authority userinfo is refused (RFC 9110 4.2.4).
 */
bool uri_parse(struct arena *arena, struct str target, bool merge_slashes, struct uri *uri);

/*
 * The same for a path alone, from conf or a redirect: "?" and "#" are bytes like others. STR_NONE
 * when malformed; shares the bytes of `path` when nothing had to change.
 */
struct str uri_decode_path(struct arena *arena, struct str path, bool merge_slashes);

/*
 * How many names in a path, or in the rest of one ("/a/.b/c", ".b/c": one), begin with a dot: those of hidden files. ".well-known" is
 * none of them (RFC 8615: what is below it is there to be found).
 */
unsigned uri_dotted_names(struct str path);

#endif
