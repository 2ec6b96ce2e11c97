/* SPDX-License-Identifier: BSD-2-Clause */
/* encoder_parts: what encoder.c asks of each coding's own file. */
#ifndef WEIR_HTTP_ENCODER_PARTS_H
#define WEIR_HTTP_ENCODER_PARTS_H

#include "http/encoder.h"

struct encoder {
    bool is_built;              /* false: none of the functions is there */
    const uint32_t *paces;      /* by level: KiB that are compressed in a millisecond, about */
    uint8_t slow_level;         /* from here on a step takes some milliseconds */

    /* An upper bound of what len bytes become. */
    size_t (*bound)(size_t len);
    /*
     * In one go, faster than a stream; NULL: a stream is just as good. *tools is NULL at first and
     * what whole_free gets in the end. Bytes written, 0: it could not, so that a stream must.
     */
    size_t (*whole)(void **tools, const struct encoder_how *how, struct str bytes, char *room,
                    size_t cap);
    void (*whole_free)(void *tools);

    /* The state of a stream; NULL when memory is short. */
    void *(*open)(const struct encoder_how *how);
    /* Makes a new state, or one that was used for the same settings, ready. */
    bool (*begin)(void *state, const struct encoder_how *how, int64_t len);
    enum encoded (*run)(void *state, struct str *ahead, enum encode to, char *room, size_t cap,
                        size_t *done);
    /*
     * Bytes that the state of such a stream comes to, about, when it was fed: not before is its
     * memory taken. NULL: it has all of it at once.
     */
    uint64_t (*need)(const struct encoder_how *how, int64_t len);
    /* Bytes that the state has now. */
    size_t (*memory)(const void *state);
    /* It will be idle: what a stream needs only while it runs may go. NULL: nothing does. */
    void (*rest)(void *state);
    void (*close)(void *state);
};

/* Whether len is known and small enough for a window of so many bits. */
static inline bool
encoder_fits(int64_t len, unsigned bits)
{
    return len >= 0 && (uint64_t)len <= (uint64_t)1 << bits;
}

#endif
