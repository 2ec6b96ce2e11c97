/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encoder_brotli: br by Google's library. That has no way to use a state again, so the blocks of
 * memory are kept in its place.
 *
 * Where its allocator gives nothing the library, as it is mostly built, ends the process. Ours
 * never comes back without memory: it leaves the library by longjmp(), and what the stream has had
 * is freed from the list of its blocks.
 */
#include "config.h"
#include "http/encoder_parts.h"

#if WEIR_HAVE_BROTLI

#include "base/compiler.h"
#include "base/list.h"
#include <brotli/encode.h>
#include <setjmp.h>
#include <stdlib.h>

enum {
    BLOCKS = 16,                /* of memory, kept from one use to the next */
    BOUND_MIN = 1024
};

/* In front of each block; as large as the strictest alignment. */
union block {
    struct {
        struct link link;       /* in the list of those in use */
        size_t size;
    };
    max_align_t align;
};

struct brotli_state {
    BrotliEncoderState *encoder;        /* NULL: at rest */
    union block *kept[BLOCKS];
    unsigned kept_len;
    size_t memory;              /* of all blocks, kept or in use */
    struct link used;
    jmp_buf out_of_memory;      /* good while the library runs */
};

/* Where the compressed bytes go. */
struct brotli_room {
    uint8_t *p;
    size_t left;
};

/* One that is large enough, but not by far. Does not return when memory is short. */
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
        list_push(&state->used, &block->link);
        return block + 1;
    }
    if (size > SIZE_MAX - sizeof(*block) || (block = malloc(sizeof(*block) + size)) == NULL)
        longjmp(state->out_of_memory, 1);
    block->size = size;
    state->memory += size;
    link_init(&block->link);
    list_push(&state->used, &block->link);
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
    link_remove(&block->link);
    if (state->kept_len < BLOCKS) {
        state->kept[state->kept_len++] = block;
        return;
    }
    state->memory -= block->size;
    free(block);
}

/* The library was left in the midst of its work: nothing of the stream is good any more. */
static void
abandon(struct brotli_state *state)
{
    state->encoder = NULL;
    while (!list_is_empty(&state->used))
        release(state, CONTAINER_OF(state->used.next, union block, link) + 1);
}

/* NULL when memory is short. */
static BrotliEncoderState *
create(struct brotli_state *state)
{
    if (setjmp(state->out_of_memory) != 0) {
        abandon(state);
        return NULL;
    }
    return BrotliEncoderCreateInstance(allocate, release, state);
}

/* False when memory is short, among others. */
static bool
compress(struct brotli_state *state, BrotliEncoderOperation operation, struct str *in,
         struct brotli_room *room)
{
    const uint8_t *next = (const uint8_t *)in->p;

    if (setjmp(state->out_of_memory) != 0) {
        abandon(state);
        return false;
    }
    if (!BrotliEncoderCompressStream(state->encoder, operation, &in->len, &next, &room->left,
                                     &room->p, NULL))
        return false;
    in->p = (const char *)next;
    return true;
}

static void *
brotli_open(const struct encoder_how *how)
{
    struct brotli_state *state = calloc(1, sizeof(*state));

    (void)how;
    if (state != NULL)
        link_init(&state->used);
    return state;
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
    BrotliEncoderState *encoder = create(state);

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
    struct str in = *ahead;
    struct brotli_room out = { (uint8_t *)room, cap };

    if (!compress(state, operations[to], &in, &out))
        return ENCODED_FAILED;
    *ahead = in;
    *done = cap - out.left;
    if (to == ENCODE_END)
        return BrotliEncoderIsFinished(state->encoder) ? ENCODED_ALL : ENCODED_MORE;
    return to == ENCODE_FLUSH && in.len == 0 && !BrotliEncoderHasMoreOutput(state->encoder)
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
