/* SPDX-License-Identifier: BSD-2-Clause */
/* encoder_zstd: zstd by its own library. */
#include "config.h"
#include "http/encoder_parts.h"

#if WEIR_HAVE_ZSTD

#include "base/compiler.h"
#include <zstd.h>

enum {
    WINDOW_MAX = 23,            /* bits: RFC 9659 allows no more than 8 MiB */
    WIDE_LEVEL = 20             /* from here on the library would take more */
};

static void *
zstd_open(const struct encoder_how *how)
{
    (void)how;
    return ZSTD_createCCtx();
}

static bool
zstd_begin(void *state, const struct encoder_how *how, int64_t len)
{
    ZSTD_CCtx *cctx = state;
    size_t result = ZSTD_CCtx_reset(cctx, ZSTD_reset_session_and_parameters);

    if (!ZSTD_isError(result))
        result = ZSTD_CCtx_setParameter(cctx, ZSTD_c_compressionLevel, how->level);
    if (!ZSTD_isError(result) && how->dictionary != NULL)
        result = ZSTD_CCtx_refCDict(cctx, how->dictionary);
    if (!ZSTD_isError(result) && how->level >= WIDE_LEVEL && !encoder_fits(len, WINDOW_MAX))
        result = ZSTD_CCtx_setParameter(cctx, ZSTD_c_windowLog, WINDOW_MAX);
    if (!ZSTD_isError(result) && len >= 0)
        result = ZSTD_CCtx_setPledgedSrcSize(cctx, (unsigned long long)len);
    return !ZSTD_isError(result);
}

static enum encoded
zstd_run(void *state, struct str *ahead, enum encode to, char *room, size_t cap, size_t *done)
{
    static const ZSTD_EndDirective directives[] = {
        [ENCODE_RUN] = ZSTD_e_continue, [ENCODE_FLUSH] = ZSTD_e_flush, [ENCODE_END] = ZSTD_e_end,
    };
    ZSTD_inBuffer in = { ahead->p, ahead->len, 0 };
    ZSTD_outBuffer out = { room, cap, 0 };
    size_t left = ZSTD_compressStream2(state, &out, &in, directives[to]);

    *ahead = str_from(*ahead, in.pos);
    *done = out.pos;
    if (ZSTD_isError(left))
        return ENCODED_FAILED;
    return to != ENCODE_RUN && left == 0 ? ENCODED_ALL : ENCODED_MORE;
}

/* By level, when the length is not known: measured. */
static const uint16_t needs_mib[] = {
    0, 2, 2, 4, 5, 6, 6, 9, 9, 17, 29, 29, 53, 37, 53, 69, 37, 57, 58, 90, 170, 330, 650,
};

/* It makes its tables for what will come, if that is known. */
static uint64_t
zstd_need(const struct encoder_how *how, int64_t len)
{
    uint64_t most = (uint64_t)needs_mib[how->level] << 20;

    return len < 0 ? most : MIN(most, ((uint64_t)len + 65536) * 24);
}

static size_t
zstd_memory(const void *state)
{
    return ZSTD_sizeof_CCtx(state);
}

static void
zstd_close(void *state)
{
    ZSTD_freeCCtx(state);
}

static size_t
zstd_bound(size_t len)
{
    return ZSTD_compressBound(len);
}

void *
zstd_dictionary_create(struct str bytes, int level)
{
    return ZSTD_createCDict(bytes.p, bytes.len, level);
}

void
zstd_dictionary_destroy(void *dictionary)
{
    ZSTD_freeCDict(dictionary);
}

static const uint32_t paces[] = {
    0, 380, 330, 280, 270, 150, 105, 90, 72, 72, 56, 36, 30, 18, 16, 14, 8, 7, 6, 4, 4, 4, 4,
};

const struct encoder zstd_encoder = {
    .is_built = true,
    .paces = paces,
    .slow_level = 13,
    .bound = zstd_bound,
    .open = zstd_open,
    .begin = zstd_begin,
    .run = zstd_run,
    .need = zstd_need,
    .memory = zstd_memory,
    .close = zstd_close,
};

#else

const struct encoder zstd_encoder = { .is_built = false };

void *
zstd_dictionary_create(struct str bytes, int level)
{
    (void)bytes, (void)level;
    return NULL;
}

void
zstd_dictionary_destroy(void *dictionary)
{
    (void)dictionary;
}

#endif
