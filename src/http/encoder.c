/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/compiler.h"
#include "base/list.h"
#include "http/encoder_parts.h"
#include <errno.h>
#include <stdlib.h>

enum {
    IDLE_MAX = 8,               /* states of streams that are kept for the next one */
    IDLE_MEMORY = 16 << 20,     /* and what they may have in all */
    STREAM_MEMORY = 256 << 10,  /* a stream counts as having so much at least */
    WHOLE_MS = 3,               /* what one go may take */
    WHOLE_MAX = 512 << 10
};

static const struct encoder *const all[] = { &gzip_encoder, &brotli_encoder, &zstd_encoder };

struct encoder_stream {
    struct encoders *encoders;
    struct link link;           /* idle: least recently used first */
    struct encoder_how how;
    uint64_t memory;            /* idle: of the state; taken: what it counts as */
    uint64_t need;              /* what it will have once it has more than next to nothing */
    void *state;
};

struct encoders {
    void *tools[ARRAY_LEN(all)];
    char *room;                 /* the result of encoders_whole */
    size_t room_len;
    struct link idle;
    uint32_t idle_len;
    uint64_t idle_memory, taken_memory;
};

bool
encoder_is_built(const struct encoder *encoder)
{
    return encoder->is_built;
}

struct encoders *
encoders_create(void)
{
    struct encoders *encoders = calloc(1, sizeof(*encoders));

    if (encoders != NULL)
        link_init(&encoders->idle);
    return encoders;
}

void
encoder_stream_free(struct encoder_stream *stream)
{
    if (stream->state != NULL)
        stream->how.encoder->close(stream->state);
    free(stream);
}

static void
leave_idle(struct encoder_stream *stream)
{
    link_remove(&stream->link);
    stream->encoders->idle_len--;
    stream->encoders->idle_memory -= stream->memory;
}

static void
drop_oldest(struct encoders *encoders)
{
    struct encoder_stream *oldest = CONTAINER_OF(encoders->idle.next, struct encoder_stream, link);

    leave_idle(oldest);
    encoder_stream_free(oldest);
}

void
encoders_destroy(struct encoders *encoders)
{
    if (encoders == NULL)
        return;
    while (encoders->idle_len > 0)
        drop_oldest(encoders);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (encoders->tools[i] != NULL)
            all[i]->whole_free(encoders->tools[i]);
    free(encoders->room);
    free(encoders);
}

/* ---- streams ------------------------------------------------------------------------------- */

static bool
is_alike(const struct encoder_how *a, const struct encoder_how *b)
{
    return a->encoder == b->encoder && a->dictionary == b->dictionary && a->level == b->level
           && a->window_bits == b->window_bits && a->memory == b->memory;
}

static struct encoder_stream *
stream_create(struct encoders *encoders, const struct encoder_how *how)
{
    struct encoder_stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL)
        return NULL;
    stream->encoders = encoders;
    stream->how = *how;
    link_init(&stream->link);
    stream->state = how->encoder->open(how);
    if (stream->state != NULL)
        return stream;
    free(stream);
    return NULL;
}

/* The last one that rested is the likeliest to be in the processor's caches. */
static struct encoder_stream *
find_idle(struct encoders *encoders, const struct encoder_how *how)
{
    for (struct link *l = encoders->idle.prev; l != &encoders->idle; l = l->prev) {
        struct encoder_stream *stream = CONTAINER_OF(l, struct encoder_stream, link);

        if (!is_alike(&stream->how, how))
            continue;
        leave_idle(stream);
        return stream;
    }
    return NULL;
}

void
encoder_count(struct encoder_stream *stream)
{
    uint64_t memory = stream->how.encoder->memory(stream->state);

    if (memory < STREAM_MEMORY)
        memory = stream->need;
    stream->encoders->taken_memory += memory - stream->memory;
    stream->memory = memory;
}

struct encoder_stream *
encoders_take(struct encoders *encoders, const struct encoder_how *how, int64_t len, uint64_t most)
{
    struct encoder_stream *stream;

    if (encoders->taken_memory >= most) {
        errno = EAGAIN;
        return NULL;
    }
    errno = ENOMEM;
    stream = find_idle(encoders, how);
    if (stream == NULL && (stream = stream_create(encoders, how)) == NULL)
        return NULL;
    if (!how->encoder->begin(stream->state, how, len)) {
        encoder_stream_free(stream);
        return NULL;
    }
    stream->memory = 0;
    stream->need = STREAM_MEMORY;
    if (how->encoder->need != NULL)
        stream->need = MAX(stream->need, how->encoder->need(how, len));
    encoder_count(stream);
    return stream;
}

void
encoders_give(struct encoder_stream *stream)
{
    struct encoders *encoders = stream->encoders;

    encoders->taken_memory -= stream->memory;
    if (stream->how.encoder->rest != NULL)
        stream->how.encoder->rest(stream->state);
    stream->memory = stream->how.encoder->memory(stream->state);
    list_push(&encoders->idle, &stream->link);
    encoders->idle_len++;
    encoders->idle_memory += stream->memory;
    while (encoders->idle_len > IDLE_MAX || encoders->idle_memory > IDLE_MEMORY)
        drop_oldest(encoders);
}

void
encoders_part(struct encoder_stream *stream)
{
    stream->encoders->taken_memory -= stream->memory;
    stream->encoders = NULL;
}

enum encoded
encoder_step(struct encoder_stream *stream, struct str *ahead, enum encode to, char *room,
             size_t cap, size_t *done)
{
    return stream->how.encoder->run(stream->state, ahead, to, room, cap, done);
}

enum encoded
encoder_run(struct encoder_stream *stream, struct str *ahead, enum encode to, char *room,
            size_t cap, size_t *done)
{
    enum encoded encoded = encoder_step(stream, ahead, to, room, cap, done);

    encoder_count(stream);
    return encoded;
}

/* ---- in one go ----------------------------------------------------------------------------- */

size_t
encoder_whole_max(const struct encoder_how *how)
{
    size_t most = (size_t)how->encoder->paces[how->level] * 1024 * WHOLE_MS;

    return MIN(most, (size_t)WHOLE_MAX);
}

bool
encoder_is_slow(const struct encoder_how *how)
{
    return how->level >= how->encoder->slow_level;
}

static bool
make_room(struct encoders *encoders, size_t wanted)
{
    if (encoders->room_len >= wanted)
        return true;
    free(encoders->room);
    encoders->room = malloc(wanted);
    encoders->room_len = encoders->room != NULL ? wanted : 0;
    return encoders->room != NULL;
}

static size_t
whole_by_tools(struct encoders *encoders, const struct encoder_how *how, struct str bytes)
{
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i] == how->encoder && how->encoder->whole != NULL)
            return how->encoder->whole(&encoders->tools[i], how, bytes, encoders->room,
                                       encoders->room_len);
    return 0;
}

static size_t
whole_by_stream(struct encoders *encoders, const struct encoder_how *how, struct str bytes)
{
    struct encoder_stream *stream = encoders_take(encoders, how, (int64_t)bytes.len, UINT64_MAX);
    size_t done = 0, len = 0, cap = encoders->room_len;
    enum encoded encoded;

    if (stream == NULL)
        return 0;
    do {
        encoded = encoder_run(stream, &bytes, ENCODE_END, encoders->room + len, cap - len, &done);
        len += done;
    } while (encoded == ENCODED_MORE && len < cap);
    encoders_give(stream);
    return encoded == ENCODED_ALL ? len : 0;
}

struct str
encoders_whole(struct encoders *encoders, const struct encoder_how *how, struct str bytes)
{
    size_t len;

    if (!make_room(encoders, how->encoder->bound(bytes.len)))
        return STR_NONE;
    len = whole_by_tools(encoders, how, bytes);
    if (len == 0)
        len = whole_by_stream(encoders, how, bytes);
    return len > 0 ? (struct str){ encoders->room, len } : STR_NONE;
}
