/* SPDX-License-Identifier: BSD-2-Clause */
/* gzip_reader: see gzip_reader.h. */
#include "http/gzip_reader.h"
#include "base/compiler.h"
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    GZIP_ALONE = 16,            /* added to the window's bits: a gzip head, not zlib's */
    WINDOW_BITS = 15            /* of 32 KiB, as gzip needs */
};

struct gzip_reader {
    z_stream z;
    bool is_between;            /* a member has ended, no other has begun */
};

struct gzip_reader *
gzip_reader_create(void)
{
    struct gzip_reader *reader = calloc(1, sizeof(*reader));

    if (reader != NULL && inflateInit2(&reader->z, WINDOW_BITS + GZIP_ALONE) != Z_OK) {
        free(reader);
        reader = NULL;
    }
    return reader;
}

void
gzip_reader_free(struct gzip_reader *reader)
{
    inflateEnd(&reader->z);
    free(reader);
}

static uInt
at_most(size_t n)
{
    return (uInt)MIN(n, (size_t)UINT_MAX);
}

/* What zlib's answer means; left: bytes of the input that it did not take. */
static enum gzip_read
result_of(struct gzip_reader *reader, int answer, size_t left, bool is_last)
{
    switch (answer) {
    case Z_STREAM_END:
        reader->is_between = true;
        return left == 0 && is_last ? GZIP_END : GZIP_MORE;
    case Z_OK:
        return GZIP_MORE;
    case Z_BUF_ERROR:           /* it could do nothing: with room, for want of input */
        return left == 0 && is_last && reader->z.avail_out > 0 ? GZIP_CUT : GZIP_MORE;
    case Z_MEM_ERROR:
        return GZIP_NO_MEMORY;
    default:
        return GZIP_CORRUPT;
    }
}

enum gzip_read
gzip_reader_run(struct gzip_reader *reader, struct str *in, bool is_last, char *room, size_t cap,
                size_t *done)
{
    z_stream *z = &reader->z;
    size_t taken, given;
    int answer;

    *done = 0;
    if (reader->is_between) {
        if (in->len == 0)
            return is_last ? GZIP_END : GZIP_MORE;
        if (inflateReset(z) != Z_OK)
            return GZIP_CORRUPT;
        reader->is_between = false;
    }
    taken = at_most(in->len);
    given = at_most(cap);
    z->next_in = (Bytef *)(uintptr_t)in->p;
    z->avail_in = (uInt)taken;
    z->next_out = (Bytef *)room;
    z->avail_out = (uInt)given;
    answer = inflate(z, Z_NO_FLUSH);
    *done = given - z->avail_out;
    *in = str_from(*in, taken - z->avail_in);
    return result_of(reader, answer, in->len, is_last);
}
