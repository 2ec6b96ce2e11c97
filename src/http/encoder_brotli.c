/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encoder_brotli: br by Google's library. That has no way to use a state again, so the blocks of
 * memory are kept in its place.
 */
#include "config.h"
#include "http/encoder_parts.h"

#if WEIR_HAVE_BROTLI

#include "base/compiler.h"
#include <brotli/encode.h>
#include <stdlib.h>

enum {
    BLOCKS = 16,                /* of memory, kept from one use to the next */
    BOUND_MIN = 1024
};

/* In front of each block; as large as the strictest alignment. */
union block {
    size_t size;
    max_align_t align;
};

struct brotli_state {
    BrotliEncoderState *encoder;        /* NULL: at rest */
    union block *kept[BLOCKS];
    unsigned kept_len;
    size_t memory;              /* of all blocks, kept or in use */
};

/* One that is large enough, but not by far. */
static void *
allocate(void *opaque, size_t size)
{
    struct brotli_state *state = opaque;
    union block *block;

    for (unsigned i = 0; i < state->kept_len; i++) {
        block = state->kept[i];
        if (block->size < size || block->size / 4 > size)
            continue;
        state->kept[i] = state->kept[--state->kept_len];
        return block + 1;
    }
    if (size > SIZE_MAX - sizeof(*block) || (block = malloc(sizeof(*block) + size)) == NULL)
        return NULL;
    block->size = size;
    state->memory += size;
    return block + 1;
}

static void
release(void *opaque, void *p)
{
    struct brotli_state *state = opaque;
    union block *block;

    if (p == NULL)
        return;
    block = (union block *)p - 1;
    if (state->kept_len < BLOCKS) {
        state->kept[state->kept_len++] = block;
        return;
    }
    state->memory -= block->size;
    free(block);
}

static void *
brotli_open(const struct encoder_how *how)
{
    (void)how;
    return calloc(1, sizeof(struct brotli_state));
}

/* No more window than there are bytes to look back on: its size is paid for. */
static uint32_t
window_for(const struct encoder_how *how, int64_t len)
{
    uint32_t bits = how->window_bits;

    while (bits > BROTLI_MIN_WINDOW_BITS && encoder_fits(len, bits - 1))
        bits--;
    return bits;
}

static void
brotli_rest(void *p)
{
    struct brotli_state *state = p;

    if (state->encoder != NULL)
        BrotliEncoderDestroyInstance(state->encoder);
    state->encoder = NULL;
}

static bool
brotli_begin(void *p, const struct encoder_how *how, int64_t len)
{
    struct brotli_state *state = p;
    BrotliEncoderState *encoder = BrotliEncoderCreateInstance(allocate, release, state);

    if (encoder == NULL)
        return false;
    state->encoder = encoder;
    BrotliEncoderSetParameter(encoder, BROTLI_PARAM_QUALITY, how->level);
    BrotliEncoderSetParameter(encoder, BROTLI_PARAM_LGWIN, window_for(how, len));
    if (len >= 0)
        BrotliEncoderSetParameter(encoder, BROTLI_PARAM_SIZE_HINT,
                                  (uint32_t)MIN(len, (int64_t)1 << 30));
    return true;
}

static enum encoded
brotli_run(void *p, struct str *ahead, enum encode to, char *room, size_t cap, size_t *done)
{
    static const BrotliEncoderOperation operations[] = {
        [ENCODE_RUN] = BROTLI_OPERATION_PROCESS, [ENCODE_FLUSH] = BROTLI_OPERATION_FLUSH,
        [ENCODE_END] = BROTLI_OPERATION_FINISH,
    };
    struct brotli_state *state = p;
    const uint8_t *in = (const uint8_t *)ahead->p;
    size_t in_left = ahead->len, out_left = cap;
    uint8_t *out = (uint8_t *)room;

    if (!BrotliEncoderCompressStream(state->encoder, operations[to], &in_left, &in, &out_left,
                                     &out, NULL))
        return ENCODED_FAILED;
    *ahead = (struct str){ (const char *)in, in_left };
    *done = cap - out_left;
    if (to == ENCODE_END)
        return BrotliEncoderIsFinished(state->encoder) ? ENCODED_ALL : ENCODED_MORE;
    return to == ENCODE_FLUSH && in_left == 0 && !BrotliEncoderHasMoreOutput(state->encoder)
               ? ENCODED_ALL : ENCODED_MORE;
}

/* By level, with windows of 512 KiB and text of a MiB: measured. */
static const uint16_t needs_kib[BROTLI_MAX_QUALITY + 1] = {
    140, 80, 1560, 1560, 6500, 7300, 9300, 13400, 21600, 40200, 12600, 12100,
};

static uint64_t
brotli_need(const struct encoder_how *how, int64_t len)
{
    enum { BITS = 19, TREE_LEVEL = 10 };
    uint32_t bits = window_for(how, len);
    uint64_t need = (uint64_t)needs_kib[how->level] << 10;

    if (bits < BITS)
        return need >> (BITS - bits);
    /* What is seen is kept twice, and from that level on in a tree, too. */
    return need + (how->level < TREE_LEVEL ? 2 : 10) * (((uint64_t)1 << bits) - (1u << BITS));
}

static size_t
brotli_memory(const void *p)
{
    return ((const struct brotli_state *)p)->memory;
}

static void
brotli_close(void *p)
{
    struct brotli_state *state = p;

    brotli_rest(state);
    while (state->kept_len > 0)
        free(state->kept[--state->kept_len]);
    free(state);
}

/* The library's own bound does not hold at the lowest qualities. */
static size_t
brotli_bound(size_t len)
{
    return len + len / 512 + BOUND_MIN;
}

static const uint32_t paces[BROTLI_MAX_QUALITY + 1] = {
    400, 240, 160, 130, 80, 48, 40, 34, 28, 9, 2, 1,
};

const struct encoder brotli_encoder = {
    .is_built = true,
    .paces = paces,
    .slow_level = 8,
    .bound = brotli_bound,
    .open = brotli_open,
    .begin = brotli_begin,
    .run = brotli_run,
    .need = brotli_need,
    .memory = brotli_memory,
    .rest = brotli_rest,
    .close = brotli_close,
};

#else

const struct encoder brotli_encoder = { .is_built = false };

#endif
