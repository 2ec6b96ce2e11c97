/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_encoder: any text through gzip, at once and in pieces with flushes between them, at any level:
 * what comes of it is read as the text; after a flush all of what came before it.
 *
 * Four bytes say how it is compressed and cut, the rest is the text.
 */
#include "fuzz.h"

#include "http/encoder.h"
#include "http/gzip_reader.h"

enum { TEXT_MAX = 16384, PACKED_MAX = 4 * TEXT_MAX };

static char packed[PACKED_MAX], text_again[TEXT_MAX + 1];

/* How much text there is in it; is_whole: and it ends there. */
static size_t
unpack(struct str in, bool is_whole)
{
    struct gzip_reader *reader = gzip_reader_create();
    size_t len = 0, done;
    enum gzip_read result;

    require(reader != NULL);
    do {
        result = gzip_reader_run(reader, &in, is_whole, text_again + len, sizeof(text_again) - len,
                                 &done);
        len += done;
        require(len < sizeof(text_again));
    } while (result == GZIP_MORE && (in.len > 0 || done > 0));
    require(!is_whole || result == GZIP_END);
    gzip_reader_free(reader);
    return len;
}

static void
require_text(struct str in, bool is_whole, struct str text)
{
    require(unpack(in, is_whole) == text.len && memcmp(text_again, text.p, text.len) == 0);
}

static size_t
feed(struct encoder_stream *stream, struct str piece, enum encode to, size_t at, size_t cap)
{
    enum encoded result;
    size_t done;

    do {
        size_t room = MIN(cap, PACKED_MAX - at);

        require(room > 0);
        result = encoder_run(stream, &piece, to, packed + at, room, &done);
        require(result != ENCODED_FAILED && done <= room);
        at += done;
    } while (piece.len > 0 || (to != ENCODE_RUN && result != ENCODED_ALL));
    return at;
}

static void
try_stream(struct encoders *encoders, const struct encoder_how *how, struct str text,
           const uint8_t cuts[2])
{
    struct encoder_stream *stream = encoders_take(encoders, how, -1, UINT64_MAX);
    size_t step = 1 + (size_t)cuts[0] * 16, cap = 8 + (size_t)cuts[1] * 4, at = 0, fed = 0;
    unsigned pieces = 0;

    require(stream != NULL);
    while (fed < text.len) {
        struct str piece = { text.p + fed, MIN(step, text.len - fed) };
        bool flush = ++pieces % 5 == 0;

        at = feed(stream, piece, flush ? ENCODE_FLUSH : ENCODE_RUN, at, cap);
        fed += piece.len;
        if (flush && pieces < 50)
            require_text((struct str){ packed, at }, false, (struct str){ text.p, fed });
        if (flush && pieces > 200)
            step = text.len;            /* flushes are not small */
    }
    at = feed(stream, STR(""), ENCODE_END, at, cap);
    encoders_give(stream);
    require_text((struct str){ packed, at }, true, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct encoders *encoders;
    struct encoder_how how = { .encoder = &gzip_encoder };
    struct str text, whole;

    if (size < 5 || size > TEXT_MAX)
        return 0;
    if (encoders == NULL)
        encoders = encoders_create();
    require(encoders != NULL);
    how.level = (uint8_t)(1 + data[0] % 9);
    how.window_bits = (uint8_t)(9 + data[1] % 7);
    how.memory = (uint8_t)(1 + (data[1] >> 4) % 9);
    text = (struct str){ (const char *)data + 4, size - 4 };
    whole = encoders_whole(encoders, &how, text);
    require(str_is_set(whole));
    require_text(whole, true, text);
    try_stream(encoders, &how, text, data + 2);
    return 0;
}
