/* SPDX-License-Identifier: BSD-2-Clause */
/* encoder: what comes out at each level, whole and in pieces, is what went in. */
#include "config.h"
#include "unit.h"
#include "http/encoder.h"
#include <errno.h>
#include <zlib.h>
#if WEIR_HAVE_ZSTD
#include <zstd.h>
#endif

enum { MOST = 300000, ROOM = 2 * MOST };

static const size_t lengths[] = { 1, 2, 100, 4096, 16384, 65537, MOST };

static char bytes[MOST], out[ROOM], back[ROOM];

/* kind 0: all alike; 1: text; 2: noise, that cannot be compressed. */
static struct str
make(unsigned kind, size_t len)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog, and back again\n";
    uint32_t random = 1;

    for (size_t i = 0; i < len; i++) {
        random = random * 1664525 + 1013904223;
        bytes[i] = kind == 0 ? 'a' : kind == 1 ? words[(i + (random >> 28)) % (sizeof(words) - 1)]
                                               : (char)(random >> 24);
    }
    return (struct str){ bytes, len };
}

static size_t
gunzip(struct str from)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)from.p, .avail_in = (uInt)from.len,
                   .next_out = (Bytef *)back, .avail_out = ROOM };
    int result;

    ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
    result = inflate(&z, Z_FINISH);
    ck_assert_msg(result == Z_STREAM_END && z.avail_in == 0, "%d", result);
    inflateEnd(&z);
    return z.total_out;
}

/* The library for brotli that is linked cannot decode: the end-to-end tests do. */
static void
check(const struct encoder *encoder, struct str from, struct str was)
{
    size_t len = 0;

    ck_assert_uint_ge(from.len, 1);
    if (encoder == &gzip_encoder)
        len = gunzip(from);
#if WEIR_HAVE_ZSTD
    else if (encoder == &zstd_encoder)
        len = ZSTD_decompress(back, ROOM, from.p, from.len);
#endif
    else
        return;
    ck_assert_uint_eq(len, was.len);
    ck_assert_mem_eq(back, was.p, len);
}

struct range { const struct encoder *encoder; uint8_t first, last; };
static const struct range ranges[] = {
    { &gzip_encoder, 1, 9 }, { &brotli_encoder, 0, 11 }, { &zstd_encoder, 1, 22 },
};

static struct encoder_how
how_of(const struct encoder *encoder, unsigned level)
{
    return (struct encoder_how){ .encoder = encoder, .level = (uint8_t)level, .memory = 8,
                                 .window_bits = encoder == &brotli_encoder ? 19 : 15 };
}

START_TEST(each_level_gives_back_what_it_took_in_one_go)
{
    const struct range *range = &ranges[_i];
    struct encoders *encoders = encoders_create();

    for (unsigned level = range->first; encoder_is_built(range->encoder) && level <= range->last;
         level++) {
        struct encoder_how how = how_of(range->encoder, level);

        for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
            for (unsigned kind = 0; kind < 3; kind++) {
                struct str was = make(kind, MIN(lengths[i], encoder_whole_max(&how)));

                check(range->encoder, encoders_whole(encoders, &how, was), was);
            }
    }
    encoders_destroy(encoders);
}
END_TEST

/* All of a stream, that gets in_step bytes at a time and has room for out_step. */
static struct str
run_with(struct encoder_stream *stream, struct str was, size_t in_step, size_t out_step,
         enum encode in_between)
{
    size_t at = 0, len = 0, done;
    enum encoded encoded = ENCODED_MORE;

    do {
        struct str ahead = { was.p + at, MIN(in_step, was.len - at) };
        enum encode to = at + ahead.len == was.len ? ENCODE_END : in_between;

        at += ahead.len;
        encoded = ENCODED_MORE;
        while (ahead.len > 0 || (to != ENCODE_RUN && encoded != ENCODED_ALL)) {
            encoded = encoder_run(stream, &ahead, to, out + len, out_step, &done);
            ck_assert(encoded != ENCODED_FAILED && done <= out_step);
            len += done;
            ck_assert_uint_lt(len, ROOM - out_step);
        }
    } while (at < was.len);
    ck_assert_int_eq(encoded, ENCODED_ALL);
    return (struct str){ out, len };
}

static struct str
run(struct encoder_stream *stream, struct str was, size_t in_step, size_t out_step)
{
    return run_with(stream, was, in_step, out_step, ENCODE_RUN);
}

START_TEST(a_stream_gives_back_what_it_took_in_pieces)
{
    static const struct { size_t in, out; } steps[] = { { 1, 7 }, { 1000, 1 }, { 16384, 16384 } };
    const struct range *range = &ranges[_i];
    struct encoders *encoders = encoders_create();

    for (unsigned level = range->first; encoder_is_built(range->encoder) && level <= range->last;
         level += 2) {
        struct encoder_how how = how_of(range->encoder, level);

        for (unsigned i = 0; i < 3 * ARRAY_LEN(steps); i++) {
            struct str was = make(i % 3, i < 6 ? 3000 : 100000);
            int64_t len = i % 2 ? (int64_t)was.len : -1;
            struct encoder_stream *stream = encoders_take(encoders, &how, len, UINT64_MAX);

            ck_assert_ptr_nonnull(stream);
            check(range->encoder, run(stream, was, steps[i / 3].in, steps[i / 3].out), was);
            encoders_give(stream);
        }
    }
    encoders_destroy(encoders);
}
END_TEST

START_TEST(a_stream_may_be_empty)
{
    const struct range *range = &ranges[_i];
    struct encoders *encoders = encoders_create();
    struct encoder_how how = how_of(range->encoder, 1);

    if (encoder_is_built(range->encoder)) {
        struct encoder_stream *stream = encoders_take(encoders, &how, -1, UINT64_MAX);

        check(range->encoder, run(stream, STR(""), 1, 100), STR(""));
        encoders_give(stream);
    }
    encoders_destroy(encoders);
}
END_TEST

START_TEST(a_state_that_was_left_in_the_middle_begins_anew)
{
    const struct range *range = &ranges[_i];
    struct encoders *encoders = encoders_create();
    struct encoder_how how = how_of(range->encoder, 5);
    struct str was = make(1, 50000), ahead = was;
    size_t done;

    for (unsigned i = 0; encoder_is_built(range->encoder) && i < 3; i++) {
        struct encoder_stream *stream = encoders_take(encoders, &how, -1, UINT64_MAX);

        encoder_run(stream, &ahead, ENCODE_RUN, out, 100, &done);
        encoders_give(stream);
        stream = encoders_take(encoders, &how, -1, UINT64_MAX);
        check(range->encoder, run(stream, was, 4096, 4096), was);
        encoders_give(stream);
    }
    encoders_destroy(encoders);
}
END_TEST

/* gzip can be read up to there by the library that is linked. */
START_TEST(after_a_flush_all_can_be_read)
{
    const struct range *range = &ranges[_i];
    struct encoders *encoders = encoders_create();
    struct encoder_how how = how_of(range->encoder, 4);
    struct str was = make(1, 20000), ahead = was;

    if (encoder_is_built(range->encoder)) {
        struct encoder_stream *stream = encoders_take(encoders, &how, -1, UINT64_MAX);
        z_stream z = { .next_out = (Bytef *)back, .avail_out = ROOM };
        size_t done, len = 0;

        ahead.len = 9999;
        while (encoder_run(stream, &ahead, ENCODE_FLUSH, out + len, 13, &done) == ENCODED_MORE)
            len += done;
        len += done;
        ck_assert_uint_eq(ahead.len, 0);
        if (range->encoder == &gzip_encoder) {
            z.next_in = (Bytef *)out;
            z.avail_in = (uInt)len;
            ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
            ck_assert_int_eq(inflate(&z, Z_SYNC_FLUSH), Z_OK);
            ck_assert_uint_eq(z.total_out, 9999);
            inflateEnd(&z);
        }
        encoders_give(stream);
        stream = encoders_take(encoders, &how, -1, UINT64_MAX);
        check(range->encoder, run_with(stream, was, 500, 99, ENCODE_FLUSH), was);
        encoders_give(stream);
    }
    encoders_destroy(encoders);
}
END_TEST

START_TEST(streams_together_have_no_more_memory_than_they_may)
{
    enum { STREAM = 256 << 10, FIT = 8 };
    struct encoders *encoders = encoders_create();
    struct encoder_how how = how_of(&gzip_encoder, 6);
    struct encoder_stream *streams[FIT];

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < FIT; i++)
            ck_assert_ptr_nonnull(streams[i] = encoders_take(encoders, &how, -1, FIT * STREAM));
        errno = 0;
        ck_assert_ptr_null(encoders_take(encoders, &how, -1, FIT * STREAM));
        ck_assert_int_eq(errno, EAGAIN);
        for (unsigned i = 0; i < FIT; i++)
            encoders_give(streams[i]);
    }
    ck_assert_ptr_null(encoders_take(encoders, &how, -1, 0));
    encoders_destroy(encoders);
}
END_TEST

START_TEST(no_level_gives_more_than_zlib_does)
{
    struct encoders *encoders = encoders_create();
    struct str was = make(1, 49152);

    for (unsigned level = 1; level <= 9; level++) {
        struct encoder_how how = how_of(&gzip_encoder, level);
        struct encoder_stream *stream = encoders_take(encoders, &how, -1, UINT64_MAX);
        size_t by_zlib = run(stream, was, MOST, MOST).len;

        encoders_give(stream);
        ck_assert_uint_le(encoders_whole(encoders, &how, was).len, by_zlib + by_zlib / 50);
    }
    encoders_destroy(encoders);
}
END_TEST

#if WEIR_HAVE_ZSTD
START_TEST(a_dictionary_is_needed_for_what_was_made_with_it)
{
    struct encoders *encoders = encoders_create();
    struct encoder_how how = how_of(&zstd_encoder, 3);
    char words[2000];
    struct str was = { words, sizeof(words) }, small;
    ZSTD_DCtx *dctx = ZSTD_createDCtx();
    size_t plain;

    memcpy(words, make(2, sizeof(words)).p, sizeof(words));
    plain = encoders_whole(encoders, &how, was).len;
    how.dictionary = zstd_dictionary_create(was, how.level);
    ck_assert_ptr_nonnull(how.dictionary);
    small = encoders_whole(encoders, &how, was);
    ck_assert_uint_lt(small.len, plain / 10);
    ck_assert_uint_eq(ZSTD_decompress_usingDict(dctx, back, ROOM, small.p, small.len, words,
                                                sizeof(words)), sizeof(words));
    ck_assert_mem_eq(back, words, sizeof(words));
    ZSTD_freeDCtx(dctx);
    zstd_dictionary_destroy((void *)(uintptr_t)how.dictionary);
    encoders_destroy(encoders);
}
END_TEST
#endif

int
main(void)
{
    Suite *suite = suite_create("http/encoder");

    unit_add(suite, each_level_gives_back_what_it_took_in_one_go, ARRAY_LEN(ranges));
    unit_add(suite, a_stream_gives_back_what_it_took_in_pieces, ARRAY_LEN(ranges));
    unit_add(suite, a_stream_may_be_empty, ARRAY_LEN(ranges));
    unit_add(suite, a_state_that_was_left_in_the_middle_begins_anew, ARRAY_LEN(ranges));
    unit_add(suite, after_a_flush_all_can_be_read, ARRAY_LEN(ranges));
    unit_add(suite, streams_together_have_no_more_memory_than_they_may, 1);
    unit_add(suite, no_level_gives_more_than_zlib_does, 1);
#if WEIR_HAVE_ZSTD
    unit_add(suite, a_dictionary_is_needed_for_what_was_made_with_it, 1);
#endif
    return unit_run(suite);
}
