/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_substitute: what is found is what a plain search finds, however the stream is cut. */
#include "fuzz.h"

#include "http/substitute.h"

enum { TEXTS_MAX = 8 };

/* The texts stand in front, each behind a byte with its length; the rest is the stream. */
struct input {
    struct str texts[TEXTS_MAX];
    uint32_t count;
    bool once;
    size_t cut;                 /* bytes that come at a time */
    struct str stream;
};

static struct input
take_apart(struct str data)
{
    struct input in = { .cut = 1, .stream = STR("") };

    if (data.len < 2)
        return in;
    in.once = (data.p[0] & 1) != 0;
    in.cut = 1 + (size_t)((unsigned char)data.p[0] >> 1);
    in.count = (unsigned char)data.p[1] % TEXTS_MAX;
    data = str_from(data, 2);
    for (uint32_t i = 0; i < in.count; i++) {
        size_t len = data.len > 0 ? (unsigned char)data.p[0] : 0;

        data = str_from(data, 1);
        in.texts[i] = (struct str){ data.p, MIN(len, data.len) };
        data = str_from(data, len);
    }
    in.stream = data;
    return in;
}

/* The next find from *at on, which becomes its place; or SUBSTITUTE_NONE. */
static uint32_t
plain_next(const struct input *in, const bool *used, size_t *at)
{
    for (; *at < in->stream.len; (*at)++)
        for (uint32_t i = 0; i < in->count; i++)
            if (!used[i] && in->texts[i].len > 0
                && str_istarts(str_from(in->stream, *at), in->texts[i]))
                return i;
    return SUBSTITUTE_NONE;
}

static void
compare(const struct input *in, struct substitute_run *run, size_t longest)
{
    bool used[TEXTS_MAX] = { false }, is_last;
    size_t at = 0, end = 0;     /* where the plain search is, and how much has come */

    do {
        struct substitute_piece piece;
        struct str text;

        end = MIN(end + in->cut, in->stream.len);
        is_last = end == in->stream.len;
        text = (struct str){ in->stream.p + run->begin, end - run->begin };
        do {
            size_t begin = run->begin;

            piece = substitute_next(run, text, is_last);
            require(piece.plain <= piece.len && piece.len <= text.len);
            text = str_from(text, piece.len);
            if (piece.found == SUBSTITUTE_NONE)
                continue;
            require(plain_next(in, used, &at) == piece.found && at == begin + piece.plain);
            at += in->texts[piece.found].len;
            used[piece.found] = in->once;
        } while (piece.found != SUBSTITUTE_NONE);
        require(text.len == 0 || (!is_last && text.len < longest));
    } while (!is_last);
    require(plain_next(in, used, &at) == SUBSTITUTE_NONE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = take_apart((struct str){ (const char *)data, size });
    struct arena *arena = arena_create(4096, 0);
    const struct substitute_set *set = substitute_compile(arena, in.texts, in.count);
    struct substitute_run run;

    require(set != NULL && substitute_begin(&run, arena, set, in.once));
    compare(&in, &run, substitute_longest(set));
    arena_destroy(arena);
    return 0;
}
