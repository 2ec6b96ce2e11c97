/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encoder: bytes compressed for a content coding: gzip (RFC 1952), br (RFC 7932), zstd (RFC 8878).
 *
 * What is small and whole is compressed in one go, by the library that is fastest at the level that
 * is wanted; all else passes through a stream. A worker has one struct encoders: it keeps what the
 * libraries need ready, so that an answer costs no setting up.
 */
#ifndef WEIR_HTTP_ENCODER_H
#define WEIR_HTTP_ENCODER_H

#include "base/str.h"

struct encoder;                 /* a coding; see encoder_parts.h */
extern const struct encoder gzip_encoder, brotli_encoder, zstd_encoder;

/* Whether the library was there when weir was built; gzip is always built in. */
bool encoder_is_built(const struct encoder *encoder);

/* How bytes are to be compressed; streams of equal settings are interchangeable. */
struct encoder_how {
    const struct encoder *encoder;
    const void *dictionary;     /* of zstd_dictionary_create; NULL: none */
    uint8_t level;              /* gzip 1-9, brotli 0-11, zstd 1-22 */
    uint8_t window_bits;        /* of a stream: gzip 9-15, brotli 10-24; unused by zstd */
    uint8_t memory;             /* of a gzip stream, 1-9 as zlib's memLevel */
};

struct encoders;
/* NULL when memory is short. All streams are given back before it is destroyed; NULL is allowed. */
struct encoders *encoders_create(void);
void encoders_destroy(struct encoders *encoders);

/* Bytes at most that are compressed in one go: about what takes 3 ms. */
size_t encoder_whole_max(const struct encoder_how *how);

/*
 * Compresses in one go; good until the next call. STR_NONE when memory is short. bytes.len is at
 * least 1.
 */
struct str encoders_whole(struct encoders *encoders, const struct encoder_how *how,
                          struct str bytes);

/* Whether a step of a stream may be so much work that others must not wait for it. */
bool encoder_is_slow(const struct encoder_how *how);

/* A stream, for bytes that come in pieces. */
struct encoder_stream;
/*
 * len: bytes that will come, -1: not known. NULL when memory is short, or when the streams that are
 * taken have `most` bytes of memory already (errno EAGAIN then). To be given back, at whatever
 * point it stands.
 */
struct encoder_stream *encoders_take(struct encoders *encoders, const struct encoder_how *how,
                                     int64_t len, uint64_t most);
void encoders_give(struct encoder_stream *stream);

enum encode {
    ENCODE_RUN,                 /* what comes of it may come later */
    ENCODE_FLUSH,               /* the client is to see all of *ahead */
    ENCODE_END                  /* nothing comes behind *ahead */
};
enum encoded {
    ENCODED_MORE,               /* room is full, or *ahead was used up: call again */
    ENCODED_ALL,                /* of ENCODE_FLUSH and ENCODE_END: nothing is held back any more */
    ENCODED_FAILED              /* memory is short */
};
/*
 * Takes bytes off the front of *ahead and writes at most cap bytes, which is at least 1, at room,
 * *done of them. A flush may end only where a call has room for 8: zlib fills less with marks of it,
 * again and again. Called again until *ahead is empty, and, for a flush and the end, with the same
 * `to` until ENCODED_ALL.
 */
enum encoded encoder_run(struct encoder_stream *stream, struct str *ahead, enum encode to,
                         char *room, size_t cap, size_t *done);

/*
 * The same for any thread; the one who has taken the stream calls encoder_count afterwards, which
 * sees how much memory it has come to.
 */
enum encoded encoder_step(struct encoder_stream *stream, struct str *ahead, enum encode to,
                          char *room, size_t cap, size_t *done);
void encoder_count(struct encoder_stream *stream);

/* In the place of encoders_give where a thread is still at it: who is last calls the other. */
void encoders_part(struct encoder_stream *stream);
void encoder_stream_free(struct encoder_stream *stream);

/*
 * A dictionary for zstd, made for a level of the bytes, which it copies. NULL: memory is short, or
 * zstd is not built in.
 */
void *zstd_dictionary_create(struct str bytes, int level);
void zstd_dictionary_destroy(void *dictionary);

#endif
