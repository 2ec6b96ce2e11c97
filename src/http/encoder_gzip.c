/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encoder_gzip: gzip by zlib, and in one go by ISA-L or libdeflate where these do better; the
 * figures by which they were chosen are in HACKING.md.
 */
#include "config.h"
#include "base/compiler.h"
#include "http/encoder_parts.h"
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>
#if WEIR_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif
#if WEIR_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

enum {
    GZIP_WRAPPER = 16,          /* added to the window's bits: a gzip head, not zlib's */
    GZIP_EDGES = 64,            /* head and tail, with room to spare */
    LEVELS = 10                 /* 1 to 9 */
};

/* ---- in one go ----------------------------------------------------------------------------- */

struct gzip_tools {
#if WEIR_HAVE_ISAL
    struct isal_zstream isal;
    uint8_t *isal_room;         /* its tables */
#endif
#if WEIR_HAVE_LIBDEFLATE
    struct libdeflate_compressor *libdeflate[LEVELS];
#endif
    char unused;                /* where both are missing */
};

#if WEIR_HAVE_ISAL
static size_t
by_isal(struct gzip_tools *tools, unsigned level, struct str bytes, char *room, size_t cap)
{
    static const uint32_t sizes[] = {
        ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT, ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT,
    };
    struct isal_zstream *z = &tools->isal;

    /* One level alone is asked for in a build. */
    if (tools->isal_room == NULL && (tools->isal_room = malloc(sizes[level])) == NULL)
        return 0;
    isal_deflate_init(z);
    z->level = level;
    z->level_buf = tools->isal_room;
    z->level_buf_size = sizes[level];
    z->gzip_flag = IGZIP_GZIP;
    z->end_of_stream = 1;
    z->flush = NO_FLUSH;
    z->next_in = (uint8_t *)(uintptr_t)bytes.p;
    z->avail_in = (uint32_t)bytes.len;
    z->next_out = (uint8_t *)room;
    z->avail_out = (uint32_t)cap;
    if (isal_deflate(z) != COMP_OK || z->internal_state.state != ZSTATE_END)
        return 0;
    return z->total_out;
}
#else
static size_t
by_isal(struct gzip_tools *tools, unsigned level, struct str bytes, char *room, size_t cap)
{
    (void)tools, (void)level, (void)bytes, (void)room, (void)cap;
    return 0;
}
#endif

#if WEIR_HAVE_LIBDEFLATE
static size_t
by_libdeflate(struct gzip_tools *tools, unsigned level, struct str bytes, char *room, size_t cap)
{
    struct libdeflate_compressor **c = &tools->libdeflate[level];

    if (*c == NULL && (*c = libdeflate_alloc_compressor((int)level)) == NULL)
        return 0;
    return libdeflate_gzip_compress(*c, bytes.p, bytes.len, room, cap);
}
#else
static size_t
by_libdeflate(struct gzip_tools *tools, unsigned level, struct str bytes, char *room, size_t cap)
{
    (void)tools, (void)level, (void)bytes, (void)room, (void)cap;
    return 0;
}
#endif

/* For each level of gzip_comp_level what is fastest and gives no more bytes than zlib there. */
static size_t
gzip_whole(void **tools, const struct encoder_how *how, struct str bytes, char *room, size_t cap)
{
    static const uint8_t libdeflate_levels[LEVELS] = { 0, 1, 1, 4, 4, 5, 7, 7, 8, 9 };
    size_t len = 0;

    if (*tools == NULL && (*tools = calloc(1, sizeof(struct gzip_tools))) == NULL)
        return 0;
    if (how->level == 1)
        len = by_isal(*tools, 1, bytes, room, cap);
    if (len == 0)
        len = by_libdeflate(*tools, libdeflate_levels[how->level], bytes, room, cap);
    return len;
}

static void
gzip_whole_free(void *p)
{
    struct gzip_tools *tools = p;

#if WEIR_HAVE_ISAL
    free(tools->isal_room);
#endif
#if WEIR_HAVE_LIBDEFLATE
    for (size_t i = 0; i < LEVELS; i++)
        libdeflate_free_compressor(tools->libdeflate[i]);
#endif
    free(tools);
}

/* As deflate's stored blocks have it, for the smallest blocks that any of the three makes. */
static size_t
gzip_bound(size_t len)
{
    return len + len / 512 + 4096 + GZIP_EDGES;
}

/* ---- streams ------------------------------------------------------------------------------- */

struct gzip_state {
    z_stream z;
    size_t memory;              /* as zlib's documentation has it */
};

static void *
gzip_open(const struct encoder_how *how)
{
    struct gzip_state *state = calloc(1, sizeof(*state));

    if (state == NULL)
        return NULL;
    state->memory = ((size_t)1 << (how->window_bits + 2)) + ((size_t)1 << (how->memory + 9));
    if (deflateInit2(&state->z, how->level, Z_DEFLATED, how->window_bits + GZIP_WRAPPER,
                     how->memory, Z_DEFAULT_STRATEGY) == Z_OK)
        return state;
    free(state);
    return NULL;
}

static bool
gzip_begin(void *p, const struct encoder_how *how, int64_t len)
{
    struct gzip_state *state = p;

    (void)how, (void)len;
    return deflateReset(&state->z) == Z_OK;
}

static enum encoded
gzip_run(void *p, struct str *ahead, enum encode to, char *room, size_t cap, size_t *done)
{
    static const int flushes[] = {
        [ENCODE_RUN] = Z_NO_FLUSH, [ENCODE_FLUSH] = Z_SYNC_FLUSH, [ENCODE_END] = Z_FINISH,
    };
    z_stream *z = &((struct gzip_state *)p)->z;
    size_t take = MIN(ahead->len, (size_t)INT_MAX), give = MIN(cap, (size_t)INT_MAX);
    int result;

    z->next_in = (Bytef *)(uintptr_t)ahead->p;
    z->avail_in = (uInt)take;
    z->next_out = (Bytef *)room;
    z->avail_out = (uInt)give;
    result = deflate(z, take == ahead->len ? flushes[to] : Z_NO_FLUSH);
    *ahead = str_from(*ahead, take - z->avail_in);
    *done = give - z->avail_out;
    if (result == Z_STREAM_END)
        return ENCODED_ALL;
    if (result != Z_OK && result != Z_BUF_ERROR)
        return ENCODED_FAILED;
    return to == ENCODE_FLUSH && ahead->len == 0 && z->avail_out > 0 ? ENCODED_ALL : ENCODED_MORE;
}

static size_t
gzip_memory(const void *p)
{
    return ((const struct gzip_state *)p)->memory;
}

static void
gzip_close(void *p)
{
    struct gzip_state *state = p;

    deflateEnd(&state->z);
    free(state);
}

#if WEIR_HAVE_LIBDEFLATE && WEIR_HAVE_ISAL
static const uint32_t paces[LEVELS] = { 0, 500, 240, 135, 135, 95, 50, 50, 25, 22 };
#elif WEIR_HAVE_LIBDEFLATE
static const uint32_t paces[LEVELS] = { 0, 240, 240, 135, 135, 95, 50, 50, 25, 22 };
#elif WEIR_HAVE_ISAL
static const uint32_t paces[LEVELS] = { 0, 500, 105, 80, 75, 50, 33, 30, 16, 15 };
#else
static const uint32_t paces[LEVELS] = { 0, 120, 105, 80, 75, 50, 33, 30, 16, 15 };
#endif

const struct encoder gzip_encoder = {
    .is_built = true,
    .paces = paces,
    .slow_level = LEVELS,       /* it works on little at a time */
    .bound = gzip_bound,
    .whole = gzip_whole,
    .whole_free = gzip_whole_free,
    .open = gzip_open,
    .begin = gzip_begin,
    .run = gzip_run,
    .memory = gzip_memory,
    .close = gzip_close,
};
