/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/mp4_film.h"
#include <stdlib.h>

enum {
    EDITS_SIZE = 64,            /* of the edts box that is written: two edits of version 1 */
    SPLITS_SIZE = 2 * 12        /* what stsc grows by when the first and last chunk are cut */
};

static void
write32(struct writer *w, uint32_t v)
{
    uint8_t p[4];

    put32(p, v);
    write_bytes(w, p, sizeof(p));
}

static void
write64(struct writer *w, uint64_t v)
{
    write32(w, (uint32_t)(v >> 32));
    write32(w, (uint32_t)v);
}

static size_t
written(const struct writer *w)
{
    return (size_t)(w->p - w->start);
}

/* Its length is written by close_box. */
static size_t
open_box(struct writer *w, uint32_t type)
{
    size_t at = written(w);

    write32(w, 0);
    write32(w, type);
    return at;
}

static void
close_box(struct writer *w, size_t at)
{
    if (w->ok)
        put32(w->start + at, (uint32_t)(written(w) - at));
}

static void
copy_box(struct writer *w, const struct box *box)
{
    write_bytes(w, box->whole, box->whole_len);
}

/* The length in time that is left of one, in its units. */
static uint64_t
shortened(const struct mp4_cut *cut, uint64_t duration, uint32_t timescale)
{
    uint64_t start = units_of(cut->start_ms, timescale);
    uint64_t length = units_of(cut->length_ms, timescale);

    duration -= MIN(start, duration);
    return cut->length_ms != 0 ? MIN(duration, length) : duration;
}

/* A copy of mvhd, tkhd or mdhd with the new length, and `more` of it. Returns that. */
static uint64_t
write_shortened(struct film *film, const struct box *box, size_t before, uint32_t timescale,
                uint64_t more)
{
    struct writer *w = &film->out;
    size_t at = written(w);
    bool is_wide;
    const uint8_t *from = mp4_duration_at(box, before, &is_wide);
    uint64_t duration;

    copy_box(w, box);
    if (from == NULL || !w->ok)
        return 0;
    duration = shortened(film->cut, is_wide ? get64(from) : get32(from), timescale) + more;
    at += (size_t)(from - box->whole);
    if (is_wide)
        put64(w->start + at, duration);
    else
        put32(w->start + at, (uint32_t)MIN(duration, UINT32_MAX));
    return duration;
}

static void
write_edit(struct writer *w, uint64_t duration, int64_t media_time)
{
    write64(w, duration);
    write64(w, (uint64_t)media_time);
    write32(w, 0x00010000);     /* as fast as it is */
}

/*
 * The time in the track that is to be shown first. What the old list says holds for what is left of
 * the track, too, so that sound and pictures stay together to the sample; without one only pictures
 * in front of the start are hidden.
 */
static int64_t
first_shown(const struct film *film, const struct track *track)
{
    int64_t start;

    if (!track->edit.there)
        return (int64_t)(track->shown - track->begins);
    start = (int64_t)(units_of(film->cut->start_ms, track->timescale) - track->begins);
    return track->edit.media_time + start
           - track->edit.delay * (int64_t)track->timescale / (int64_t)film->timescale;
}

static void
write_edits(struct film *film, const struct track *track, uint64_t duration)
{
    struct writer *w = &film->out;
    int64_t shown = first_shown(film, track);
    size_t edts, elst;
    uint64_t wait = 0;

    if ((!track->edit.there && shown == 0) || shown < -(int64_t)TIMES_MAX)
        return;
    if (shown < 0)
        wait = (uint64_t)-shown * film->timescale / track->timescale;
    edts = open_box(w, mp4_part_types[EDTS]);
    elst = open_box(w, TYPE_ELST);
    write32(w, 0x01000000);     /* version 1: times of 64 bits */
    write32(w, wait > 0 ? 2 : 1);
    if (wait > 0)
        write_edit(w, wait, -1);
    write_edit(w, duration - MIN(duration, wait), MAX(shown, 0));
    close_box(w, elst);
    close_box(w, edts);
}

/* The entries of stts or ctts, "so many samples have this value", for the samples that are left. */
static void
write_runs(struct writer *w, const struct track *track, const struct box *box,
           const struct table *table)
{
    size_t at = open_box(w, box->type), count_at;
    uint32_t count = 0;
    uint64_t sample = 0;

    write_bytes(w, box->p, 4);
    count_at = written(w);
    write32(w, 0);
    for (uint32_t i = 0; i < table->count && sample < track->end; i++) {
        const uint8_t *p = table->p + (size_t)i * 8;
        uint64_t begin = MAX(sample, track->first);
        uint64_t end = MIN(sample + get32(p), track->end);

        sample += get32(p);
        if (begin >= end)
            continue;
        write32(w, (uint32_t)(end - begin));
        write_bytes(w, p + 4, 4);
        count++;
    }
    if (w->ok)
        put32(w->start + count_at, count);
    close_box(w, at);
}

static void
write_stss(struct writer *w, const struct track *track)
{
    const struct box *box = &track->parts[STSS];
    size_t at = open_box(w, box->type), count_at;
    uint32_t count = 0;

    write_bytes(w, box->p, 4);
    count_at = written(w);
    write32(w, 0);
    for (uint32_t i = 0; i < track->stss.count; i++) {
        uint32_t number = get32(track->stss.p + (size_t)i * 4);

        if (number <= track->first || number > track->end)
            continue;
        write32(w, number - (uint32_t)track->first);
        count++;
    }
    if (w->ok)
        put32(w->start + count_at, count);
    close_box(w, at);
}

static void
write_stsz(struct writer *w, const struct track *track)
{
    const struct box *box = &track->parts[STSZ];
    size_t at = open_box(w, box->type);
    uint64_t count = track->end - track->first;

    write_bytes(w, box->p, 8);
    write32(w, (uint32_t)count);
    if (track->sample_size == 0)
        write_bytes(w, track->stsz.p + track->first * 4, (size_t)count * 4);
    close_box(w, at);
}

/* The chunks from `first` on have so many samples. */
static uint32_t
write_run(struct writer *w, const struct track *track, const struct run *run, uint32_t first,
          uint32_t samples)
{
    write32(w, first - track->first_chunk + 1);
    write32(w, samples);
    write32(w, run->description);
    return 1;
}

/* A run as far as it is left: its first and last chunk may have fewer samples. Returns entries. */
static uint32_t
write_cut_run(struct writer *w, const struct track *track, const struct run *run)
{
    uint32_t first = MAX(run->first, track->first_chunk);
    uint32_t last = MIN(run->end - 1, track->last_chunk);
    uint32_t n = 0, of_last = samples_taken(track, last, run->samples);

    if (first > last)
        return 0;
    if (first < last && first == track->first_chunk && track->skip > 0)
        n += write_run(w, track, run, first++, run->samples - track->skip);
    if (first < last || of_last == run->samples)
        n += write_run(w, track, run, first, run->samples);
    if (of_last != run->samples)
        n += write_run(w, track, run, last, of_last);
    return n;
}

static void
write_stsc(struct writer *w, const struct track *track)
{
    const struct box *box = &track->parts[STSC];
    size_t at = open_box(w, box->type), count_at;
    struct run run = { 0 };
    uint32_t count = 0;

    write_bytes(w, box->p, 4);
    count_at = written(w);
    write32(w, 0);
    while (mp4_next_run(track, &run) && run.first <= track->last_chunk)
        if (run.end > track->first_chunk)
            count += write_cut_run(w, track, &run);
    if (w->ok)
        put32(w->start + count_at, count);
    close_box(w, at);
}

/* Offsets from the first byte that is left; where that stands is added when it is known. */
static void
write_offsets(struct film *film, struct track *track)
{
    struct writer *w = &film->out;
    size_t at = open_box(w, mp4_part_types[track->is_widened ? CO64 : STCO]);

    write32(w, 0);
    write32(w, track->last_chunk - track->first_chunk + 1);
    track->offsets_at = written(w);
    for (uint32_t c = track->first_chunk; c <= track->last_chunk; c++) {
        uint64_t offset = chunk_offset(track, c) - film->data_begin;

        if (c == track->first_chunk)
            offset += track->skip_bytes;
        if (track->is_widened)
            write64(w, offset);
        else
            write32(w, (uint32_t)offset);
    }
    close_box(w, at);
}

static void write_parts(struct film *film, struct track *track, const struct box *parent);

static void
write_part(struct film *film, struct track *track, const struct box *box, enum part part)
{
    struct writer *w = &film->out;
    uint64_t duration;
    size_t at;

    switch (part) {
    case TKHD:
        duration = write_shortened(film, box, TKHD_DURATION, film->timescale, 0);
        write_edits(film, track, duration);
        break;
    case MDHD:
        write_shortened(film, box, MDHD_DURATION, track->timescale, track->shown - track->begins);
        break;
    case MDIA:
    case MINF:
    case STBL:
        at = open_box(w, box->type);
        write_parts(film, track, box);
        close_box(w, at);
        break;
    case STTS: write_runs(w, track, box, &track->stts); break;
    case CTTS: write_runs(w, track, box, &track->ctts); break;
    case STSS: write_stss(w, track); break;
    case STSC: write_stsc(w, track); break;
    case STSZ: write_stsz(w, track); break;
    case STCO: write_offsets(film, track); break;
    case CO64:
        if (track->is_wide)
            write_offsets(film, track);
        break;
    case EDTS:                  /* behind tkhd */
    case PART_COUNT:
        break;
    }
}

/*
 * Parts are changed, others are copied. What else stbl has speaks of samples by their number, and
 * udta of moments in the film: that goes.
 */
static void
write_parts(struct film *film, struct track *track, const struct box *parent)
{
    struct boxes boxes = boxes_of(parent);
    struct box box;

    while (next_box(&boxes, &box)) {
        int part = mp4_part_of(box.type, TKHD, CO64);

        if (part >= 0) {
            if (track->parts[part].whole == box.whole)
                write_part(film, track, &box, (enum part)part);
        } else if (parent->type == mp4_part_types[STBL] ? box.type == TYPE_STSD
                                                    : box.type != TYPE_UDTA) {
            copy_box(&film->out, &box);
        }
    }
}

static void
write_moov(struct film *film)
{
    struct writer *w = &film->out;
    struct boxes boxes = boxes_of(&film->moov);
    struct track *track = film->tracks;
    size_t at = open_box(w, TYPE_MOOV), trak;
    struct box box;

    while (next_box(&boxes, &box)) {
        if (box.type == TYPE_TRAK) {
            if (!track->is_empty) {
                trak = open_box(w, TYPE_TRAK);
                write_parts(film, track, &track->trak);
                close_box(w, trak);
            }
            track++;
        } else if (box.type == TYPE_MVHD) {
            if (box.whole == film->mvhd.whole)
                write_shortened(film, &box, MVHD_DURATION, film->timescale, 0);
        } else if (box.type != TYPE_UDTA && box.type != TYPE_MVEX) {
            copy_box(w, &box);
        }
    }
    close_box(w, at);
}

/* Its content is what follows of the file. */
static void
write_mdat(struct film *film)
{
    struct writer *w = &film->out;
    uint64_t len = film->data_end - film->data_begin;

    if (len + 8 <= UINT32_MAX) {
        write32(w, (uint32_t)len + 8);
        write32(w, TYPE_MDAT);
        return;
    }
    write32(w, 1);
    write32(w, TYPE_MDAT);
    write64(w, len + 16);
}

/* The data comes behind the head: now it is known where that ends. */
static void
move_offsets(const struct film *film, const struct track *track)
{
    uint64_t by = written(&film->out);
    char *p = film->out.start + track->offsets_at;

    for (uint32_t c = track->first_chunk; c <= track->last_chunk; c++) {
        if (track->is_widened) {
            put64(p, get64((uint8_t *)p) + by);
            p += 8;
        } else {
            put32(p, get32((uint8_t *)p) + (uint32_t)by);
            p += 4;
        }
    }
}

/*
 * An upper bound of the new head. Offsets that were in front of moov may need more bits behind it.
 */
static size_t
head_bound(struct film *film)
{
    size_t bound = film->ftyp.whole_len + film->moov.whole_len + 16;
    size_t wider = bound;

    for (unsigned i = 0; i < film->track_count; i++) {
        bound += EDITS_SIZE + SPLITS_SIZE;
        wider += EDITS_SIZE + SPLITS_SIZE + (size_t)film->tracks[i].offsets.count * 4;
    }
    if (film->data_end - film->data_begin + wider <= UINT32_MAX)
        wider = bound;
    for (unsigned i = 0; i < film->track_count; i++)
        film->tracks[i].is_widened = film->tracks[i].is_wide || wider != bound;
    return wider;
}

enum mp4_result
mp4_write_head(struct film *film)
{
    struct mp4_cut *cut = film->cut;
    size_t bound = head_bound(film);
    char *room = malloc(bound);

    if (room == NULL)
        return MP4_FAILED;
    film->out = writer_at(room, bound);
    if (film->ftyp.whole != NULL)
        copy_box(&film->out, &film->ftyp);
    write_moov(film);
    write_mdat(film);
    if (!film->out.ok) {
        free(room);
        cut->reason = "its boxes are not as long as they say";
        return MP4_BROKEN;
    }
    for (unsigned i = 0; i < film->track_count; i++)
        if (!film->tracks[i].is_empty)
            move_offsets(film, &film->tracks[i]);
    cut->head = room;
    cut->head_len = written(&film->out);
    cut->offset = film->data_begin;
    cut->len = film->data_end - film->data_begin;
    return MP4_CUT;
}
