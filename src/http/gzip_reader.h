/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gzip_reader: unpacks a gzip file (RFC 1952), members behind one another, piece by piece.
 *
 * It holds zlib's state and a window, some 40 KiB, whatever comes out: at most about a thousand
 * times what goes in, and never more at a time than there is room for.
 */
#ifndef WEIR_HTTP_GZIP_READER_H
#define WEIR_HTTP_GZIP_READER_H

#include "base/str.h"

struct gzip_reader;

enum gzip_read {
    GZIP_MORE,                  /* there is more to come, or *in is to be continued */
    GZIP_END,                   /* that was all, and it was sound */
    GZIP_CUT,                   /* it ends within a member, or holds none */
    GZIP_CORRUPT,               /* or something that is none stands behind a member */
    GZIP_NO_MEMORY
};

/* NULL when memory is short. */
struct gzip_reader *gzip_reader_create(void);
void gzip_reader_free(struct gzip_reader *reader);

/*
 * Unpacks from *in, of which it leaves what it did not need yet, at most cap bytes (at least 1) to
 * room. is_last: nothing follows *in. What it wrote counts, whatever it returns; not called again
 * after anything but GZIP_MORE.
 */
enum gzip_read gzip_reader_run(struct gzip_reader *reader, struct str *in, bool is_last, char *room,
                               size_t cap, size_t *done);

#endif
