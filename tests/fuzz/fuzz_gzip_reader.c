/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_gzip_reader: the same bytes, in pieces or whole, come to the same end and the same text, and
 * make at most 1100 times as many.
 */
#include "fuzz.h"

#include "http/gzip_reader.h"

enum { TEXT_MAX = 1 << 20 };

/* GZIP_MORE: there is more than TEXT_MAX. */
static enum gzip_read
read_by(struct str packed, size_t step, size_t cap, char *text, size_t *len)
{
    struct gzip_reader *reader = gzip_reader_create();
    enum gzip_read result;
    struct str in = { packed.p, 0 };

    require(reader != NULL);
    *len = 0;
    do {
        size_t end = (size_t)(in.p - packed.p) + in.len, before, done;

        if (in.len == 0)
            in = (struct str){ packed.p + end, MIN(step, packed.len - end) };
        before = in.len;
        end = (size_t)(in.p - packed.p) + in.len;
        result = gzip_reader_run(reader, &in, end == packed.len, text + *len,
                                 MIN(cap, TEXT_MAX - *len), &done);
        require(done <= MIN(cap, TEXT_MAX - *len) && in.len <= before);
        *len += done;
    } while (result == GZIP_MORE && *len < TEXT_MAX);
    gzip_reader_free(reader);
    return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char whole[TEXT_MAX], pieces[TEXT_MAX];
    struct str packed = { (const char *)data, MIN(size, 4096) };
    size_t len, other_len;
    enum gzip_read result = read_by(packed, packed.len, TEXT_MAX, whole, &len), other;

    require(len <= 1100 * packed.len);
    other = read_by(packed, 1 + packed.len % 61, 1 + packed.len % 997, pieces, &other_len);
    if (result == GZIP_MORE || other == GZIP_MORE)
        return 0;
    require(result == other && len == other_len && memcmp(whole, pieces, len) == 0);
    return 0;
}
