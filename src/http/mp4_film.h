/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mp4_film: what the files of mp4 share: boxes, and a film that is being cut. mp4.c reads the file,
 * mp4_track.c finds out which samples are left of a track, mp4_write.c writes the new begin.
 */
#ifndef WEIR_HTTP_MP4_FILM_H
#define WEIR_HTTP_MP4_FILM_H

#include "base/writer.h"
#include "http/mp4.h"

/* ---- boxes --------------------------------------------------------------------------------- */

#define BOX(a, b, c, d) \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* Those of a track that are changed, or looked into. */
enum part {
    TKHD, EDTS, MDIA,           /* of trak */
    MDHD, MINF,                 /* of mdia */
    STBL,                       /* of minf */
    STTS, STSS, CTTS, STSC, STSZ, STCO, CO64,   /* of stbl */
    PART_COUNT
};
extern const uint32_t mp4_part_types[PART_COUNT];

/* The part from `first` to `last` of that type, or -1. */
int mp4_part_of(uint32_t type, enum part first, enum part last);

enum {
    TYPE_FTYP = BOX('f', 't', 'y', 'p'), TYPE_MOOV = BOX('m', 'o', 'o', 'v'),
    TYPE_MDAT = BOX('m', 'd', 'a', 't'), TYPE_MVHD = BOX('m', 'v', 'h', 'd'),
    TYPE_MVEX = BOX('m', 'v', 'e', 'x'), TYPE_TRAK = BOX('t', 'r', 'a', 'k'),
    TYPE_UDTA = BOX('u', 'd', 't', 'a'), TYPE_ELST = BOX('e', 'l', 's', 't'),
    TYPE_STSD = BOX('s', 't', 's', 'd')
};

struct box {
    uint32_t type;
    const uint8_t *whole;       /* NULL: there is none */
    size_t whole_len;
    const uint8_t *p;           /* its content */
    size_t len;
};

static inline uint32_t
get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t
get64(const uint8_t *p)
{
    return (uint64_t)get32(p) << 32 | get32(p + 4);
}

static inline void
put32(void *at, uint32_t v)
{
    uint8_t *p = at;

    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static inline void
put64(void *at, uint64_t v)
{
    put32(at, (uint32_t)(v >> 32));
    put32((uint8_t *)at + 4, (uint32_t)v);
}

/* The boxes of a box, one after the other. */
struct boxes {
    const uint8_t *p;
    size_t left;
    bool broken;                /* what comes is no box */
};

static inline struct boxes
boxes_of(const struct box *box)
{
    return (struct boxes){ box->p, box->len, false };
}

static inline bool
next_box(struct boxes *boxes, struct box *box)
{
    uint64_t size;
    size_t head = 8;

    if (boxes->left < head)     /* some writers end a list with zeros */
        return false;
    size = get32(boxes->p);
    if (size == 1 && boxes->left >= 16) {
        head = 16;
        size = get64(boxes->p + 8);
    }
    if (size < head || size > boxes->left) {
        boxes->broken = true;
        return false;
    }
    *box = (struct box){ get32(boxes->p + 4), boxes->p, (size_t)size, boxes->p + head,
                         (size_t)size - head };
    boxes->p += size;
    boxes->left -= (size_t)size;
    return true;
}

/* Entries of a fixed size behind version, flags and their number. */
struct table {
    const uint8_t *p;
    uint32_t count;
};

/* `before`: bytes between the flags and the number. */
static inline bool
read_table(const struct box *box, size_t before, size_t entry, struct table *table)
{
    if (box->len < 8 + before)
        return false;
    table->count = get32(box->p + 4 + before);
    table->p = box->p + 8 + before;
    return (box->len - 8 - before) / entry >= table->count;
}

enum { MVHD_DURATION = 16, TKHD_DURATION = 20, MDHD_DURATION = 16 };

/*
 * Where version 1 of mvhd, tkhd and mdhd has 64 bits, 0 has 32: of the length in time, which comes
 * behind `before` bytes of version 0. NULL: the box is too short.
 */
const uint8_t *mp4_duration_at(const struct box *box, size_t before, bool *is_wide);

/* In mvhd and mdhd: units in a second. 0: the box is missing or too short. */
uint32_t mp4_timescale(const struct box *box);

/* ---- the film ------------------------------------------------------------------------------ */

enum {
    TIMES_MAX = 1 << 30         /* of an edit list; what is beyond makes no sense, and no overflow */
};

/* A track's place in time, as its edit list says. */
struct edit {
    bool there;
    int64_t media_time;         /* what is shown first, in the track's units */
    int64_t delay;              /* how long nothing is shown before, in the film's units */
};

struct track {
    struct box trak, parts[PART_COUNT];
    uint32_t timescale;         /* units in a second */
    struct table stts, stss, ctts, stsc, stsz, offsets;
    bool has_stss, has_ctts, is_wide;   /* is_wide: offsets of 64 bits */
    uint32_t sample_size;       /* of all; 0: stsz lists them */
    struct edit edit;
    /* what is left of it */
    bool is_empty;
    uint64_t first, end;        /* samples, the latter not included */
    uint64_t shown, begins;     /* times of the sample at the start, and of the first */
    uint32_t first_chunk, last_chunk;
    uint32_t skip;              /* samples of the first chunk that are left out */
    uint32_t last_samples;      /* of the last chunk, from its begin */
    uint64_t skip_bytes;        /* those of `skip` */
    size_t offsets_at;          /* in the new head: its first chunk offset */
    bool is_widened;            /* offsets are written with 64 bits */
};

struct film {
    struct mp4_cut *cut;
    uint64_t size;              /* of the file */
    struct box ftyp, moov, mvhd;
    bool data_is_first;         /* mdat in front of moov */
    uint32_t timescale;
    struct track *tracks;
    unsigned track_count;
    uint64_t data_begin, data_end;      /* of the file */
    struct writer out;
};

/* False: what is wrong with the file. */
static inline bool
broken(struct film *film, const char *reason)
{
    film->cut->reason = reason;
    return false;
}

/* Milliseconds in units, a part of one left out. */
static inline uint64_t
units_of(uint64_t ms, uint32_t timescale)
{
    return ms / 1000 * timescale + ms % 1000 * timescale / 1000;
}

/* Chunks, from 0 on, that have as many samples each. */
struct run {
    uint32_t i;                 /* its entry in stsc */
    uint32_t first, end;        /* chunks, the latter not included */
    uint32_t samples, description;
    uint64_t sample;            /* the first of all */
};

/* Moves on to the next run; false after the last one, or where stsc makes no sense. */
bool mp4_next_run(const struct track *track, struct run *run);

static inline uint64_t
chunk_offset(const struct track *track, uint32_t chunk)
{
    return track->is_wide ? get64(track->offsets.p + (size_t)chunk * 8)
                          : get32(track->offsets.p + (size_t)chunk * 4);
}

/* How many samples of a chunk, of which a run has so many, are taken. */
static inline uint32_t
samples_taken(const struct track *track, uint32_t chunk, uint32_t samples)
{
    if (chunk == track->last_chunk)
        samples = track->last_samples;
    return chunk == track->first_chunk ? samples - track->skip : samples;
}

/*
 * Finds out what is left of a track, of which trak is set, and widens the film's data by that. False:
 * it is malformed, and film->cut->reason says how.
 */
bool mp4_cut_track(struct film *film, struct track *track);

/* Writes the new begin: into film->cut. At least one track is not empty. */
enum mp4_result mp4_write_head(struct film *film);

#endif
