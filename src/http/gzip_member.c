/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/gzip_member.h"
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    GZIP_WRAPPER = 16,          /* added to the window's bits: a gzip head, not zlib's */
    WINDOW_BITS = 15,
    MEMORY_LEVEL = 8
};

struct str
gzip_member(int level, struct str bytes)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)bytes.p, .avail_in = (uInt)bytes.len };
    size_t size;
    char *out;

    if (bytes.len > INT_MAX
        || deflateInit2(&z, level, Z_DEFLATED, WINDOW_BITS + GZIP_WRAPPER, MEMORY_LEVEL,
                        Z_DEFAULT_STRATEGY) != Z_OK)
        return STR_NONE;
    size = deflateBound(&z, bytes.len);
    if ((out = malloc(size)) != NULL) {
        z.next_out = (Bytef *)out;
        z.avail_out = (uInt)size;
        if (deflate(&z, Z_FINISH) != Z_STREAM_END) {
            free(out);
            out = NULL;
        }
    }
    deflateEnd(&z);
    return out != NULL ? (struct str){ out, (size_t)z.total_out } : STR_NONE;
}

void
gzip_member_free(struct str member)
{
    free((char *)(uintptr_t)member.p);
}
