/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mp4: films in the ISO base media file format (ISO/IEC 14496-12), from one moment to another.
 *
 * Such a file is made of boxes. "moov" says of each track where its samples lie in the file, how
 * long each is shown, and which of them can be decoded alone; the samples themselves stand in
 * "mdat". To begin a film at a moment, moov is written anew for the samples from there on; behind it
 * come the bytes of the file from the first of these to the last, as they are.
 *
 * Nothing in a file is believed: lengths lie, counts lie, offsets lead anywhere.
 */
#ifndef WEIR_HTTP_MP4_H
#define WEIR_HTTP_MP4_H

#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

enum mp4_result {
    MP4_CUT,
    MP4_WHOLE,                  /* the film from its begin to its end, with moov in front, is the file
                                   as it is */
    MP4_NOTHING,                /* no sample lies between the moments */
    MP4_BROKEN,                 /* the file is no such film, or one that cannot be cut: see reason */
    MP4_TOO_LARGE,              /* its moov is larger than it may be: see moov_size */
    MP4_FAILED                  /* it cannot be read, or memory is short: errno tells */
};

struct mp4_cut {
    /* what is wanted */
    uint64_t start_ms;
    uint64_t length_ms;         /* 0: to the end of the film */
    bool from_key_frame;        /* tracks with pictures begin at one that can be decoded alone; what
                                   lies before start_ms is hidden */
    uint64_t read_first;        /* bytes of the file to read at once */
    uint64_t moov_max;          /* bytes */

    /* MP4_CUT: the new begin, by malloc, and which bytes of the file follow */
    char *head;
    size_t head_len;
    uint64_t offset, len;

    const char *reason;         /* MP4_BROKEN: what is wrong with it, lives for ever */
    uint64_t moov_size;
};

/*
 * "62.5" as milliseconds: what is less is left out. Nobody's film is longer than 2^31 seconds: more
 * counts as that. False, with *ms untouched, when it is no such number.
 */
bool mp4_read_seconds(struct str text, uint64_t *ms);

/*
 * Reads the file of `size` bytes; needs memory for about twice moov_max at most. May be called by
 * any thread.
 */
enum mp4_result mp4_cut(int fd, uint64_t size, struct mp4_cut *cut);

#endif
