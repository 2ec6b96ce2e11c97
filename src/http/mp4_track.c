/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/mp4_film.h"

const uint32_t mp4_part_types[PART_COUNT] = {
    [TKHD] = BOX('t', 'k', 'h', 'd'), [EDTS] = BOX('e', 'd', 't', 's'),
    [MDIA] = BOX('m', 'd', 'i', 'a'), [MDHD] = BOX('m', 'd', 'h', 'd'),
    [MINF] = BOX('m', 'i', 'n', 'f'), [STBL] = BOX('s', 't', 'b', 'l'),
    [STTS] = BOX('s', 't', 't', 's'), [STSS] = BOX('s', 't', 's', 's'),
    [CTTS] = BOX('c', 't', 't', 's'), [STSC] = BOX('s', 't', 's', 'c'),
    [STSZ] = BOX('s', 't', 's', 'z'), [STCO] = BOX('s', 't', 'c', 'o'),
    [CO64] = BOX('c', 'o', '6', '4'),
};

int
mp4_part_of(uint32_t type, enum part first, enum part last)
{
    for (unsigned i = first; i <= last; i++)
        if (mp4_part_types[i] == type)
            return (int)i;
    return -1;
}

/* ---- reading ------------------------------------------------------------------------------- */

const uint8_t *
mp4_duration_at(const struct box *box, size_t before, bool *is_wide)
{
    size_t wider;

    if (box->len < 1)
        return NULL;
    *is_wide = box->p[0] == 1;
    wider = *is_wide ? 8 : 0;   /* two times stand before it */
    if (box->len < before + wider + (*is_wide ? 8 : 4))
        return NULL;
    return box->p + before + wider;
}

uint32_t
mp4_timescale(const struct box *box)
{
    bool is_wide;
    const uint8_t *p = box->whole == NULL ? NULL : mp4_duration_at(box, MVHD_DURATION, &is_wide);

    return p == NULL ? 0 : get32(p - 4);
}

/* The first of each that is a part from `first` to `last`. */
static bool
collect(struct track *track, const struct box *parent, enum part first, enum part last)
{
    struct boxes boxes = boxes_of(parent);
    struct box box;

    while (next_box(&boxes, &box)) {
        int i = mp4_part_of(box.type, first, last);

        if (i >= 0 && track->parts[i].whole == NULL)
            track->parts[i] = box;
    }
    return !boxes.broken;
}

static bool
collect_all(struct track *track)
{
    const struct box *parts = track->parts;

    return collect(track, &track->trak, TKHD, MDIA) && parts[MDIA].whole != NULL
           && collect(track, &parts[MDIA], MDHD, MINF) && parts[MINF].whole != NULL
           && collect(track, &parts[MINF], STBL, STBL) && parts[STBL].whole != NULL
           && collect(track, &parts[STBL], STTS, CO64);
}

/* An edit list of another kind than "a wait, then the film from a moment on" counts for nothing. */
static void
read_edits(struct track *track)
{
    struct boxes boxes = boxes_of(&track->parts[EDTS]);
    struct table table;
    struct box box;
    bool is_wide;

    if (track->parts[EDTS].whole == NULL || !next_box(&boxes, &box) || box.type != TYPE_ELST
        || box.len < 1)
        return;
    is_wide = box.p[0] == 1;
    if (!read_table(&box, 0, is_wide ? 20 : 12, &table) || table.count == 0 || table.count > 2)
        return;
    for (uint32_t i = 0; i < table.count; i++) {
        const uint8_t *p = table.p + i * (is_wide ? 20 : 12);
        uint64_t length = is_wide ? get64(p) : get32(p);
        int64_t from = is_wide ? (int64_t)get64(p + 8) : (int32_t)get32(p + 4);

        if (i + 1 == table.count && from >= 0 && from < TIMES_MAX) {
            track->edit.media_time = from;
            track->edit.there = true;
        } else if (from == -1 && length < TIMES_MAX) {
            track->edit.delay = (int64_t)length;
        } else {
            return;
        }
    }
}

static bool
read_track(struct film *film, struct track *track)
{
    const struct box *parts = track->parts;
    bool is_wide;

    if (!collect_all(track))
        return broken(film, "a \"trak\" box lacks a part, or is malformed");
    if (parts[TKHD].whole == NULL || mp4_duration_at(&parts[TKHD], TKHD_DURATION, &is_wide) == NULL)
        return broken(film, "a \"tkhd\" box is missing or malformed");
    if ((track->timescale = mp4_timescale(&parts[MDHD])) == 0)
        return broken(film, "a \"mdhd\" box is missing or malformed");
    if (parts[STTS].whole == NULL || !read_table(&parts[STTS], 0, 8, &track->stts))
        return broken(film, "a \"stts\" box is missing or malformed");
    if (parts[STSC].whole == NULL || !read_table(&parts[STSC], 0, 12, &track->stsc))
        return broken(film, "a \"stsc\" box is missing or malformed");
    if (parts[STSZ].whole == NULL || parts[STSZ].len < 12)
        return broken(film, "a \"stsz\" box is missing or malformed");
    track->sample_size = get32(parts[STSZ].p + 4);
    if (track->sample_size != 0)
        track->stsz = (struct table){ NULL, get32(parts[STSZ].p + 8) };
    else if (!read_table(&parts[STSZ], 4, 4, &track->stsz))
        return broken(film, "a \"stsz\" box is malformed");
    track->is_wide = parts[STCO].whole == NULL;
    if (parts[track->is_wide ? CO64 : STCO].whole == NULL
        || !read_table(&parts[track->is_wide ? CO64 : STCO], 0, track->is_wide ? 8 : 4,
                       &track->offsets))
        return broken(film, "a \"stco\" box is missing or malformed");
    track->has_stss = parts[STSS].whole != NULL;
    if (track->has_stss && !read_table(&parts[STSS], 0, 4, &track->stss))
        return broken(film, "a \"stss\" box is malformed");
    track->has_ctts = parts[CTTS].whole != NULL;
    if (track->has_ctts && !read_table(&parts[CTTS], 0, 8, &track->ctts))
        return broken(film, "a \"ctts\" box is malformed");
    read_edits(track);
    return true;
}

/* ---- samples ------------------------------------------------------------------------------- */

/* A sample and when it is decoded; sample is their number when the time lies behind them all. */
struct moment {
    uint64_t sample, time;
};

/* The sample that is there at a time. No sum overflows: none is more than the time. */
static struct moment
sample_at(const struct table *stts, uint64_t time)
{
    uint64_t sample = 0, begin = 0;

    for (uint32_t i = 0; i < stts->count; i++) {
        const uint8_t *p = stts->p + (size_t)i * 8;
        uint32_t count = get32(p), delta = get32(p + 4);
        uint64_t span = (uint64_t)count * delta;

        if (time - begin < span) {
            uint64_t n = (time - begin) / delta;

            return (struct moment){ sample + n, begin + n * delta };
        }
        sample += count;
        begin += span;
    }
    return (struct moment){ sample, begin };
}

/* The time of a sample up to one that was found by its time. */
static uint64_t
time_of(const struct table *stts, uint64_t sample)
{
    uint64_t time = 0;

    for (uint32_t i = 0; i < stts->count; i++) {
        const uint8_t *p = stts->p + (size_t)i * 8;
        uint64_t count = MIN(get32(p), sample);

        time += count * get32(p + 4);
        sample -= count;
    }
    return time;
}

/* The last sample up to this one that can be decoded alone; the same where none is told of. */
static uint64_t
key_sample(const struct table *stss, uint64_t sample)
{
    uint64_t key = 0;

    for (uint32_t i = 0; i < stss->count; i++) {
        uint32_t number = get32(stss->p + (size_t)i * 4);       /* from 1 on */

        if (number <= sample + 1 && number > key)
            key = number;
    }
    return key > 0 ? key - 1 : sample;
}

/* Which samples lie between the moments. */
static void
choose_samples(const struct mp4_cut *cut, struct track *track)
{
    struct moment first = sample_at(&track->stts, units_of(cut->start_ms, track->timescale));
    uint64_t stop = cut->length_ms == 0 ? UINT64_MAX
                                        : first.time + units_of(cut->length_ms, track->timescale);

    track->first = first.sample;
    track->shown = track->begins = first.time;
    track->end = sample_at(&track->stts, stop).sample;
    track->is_empty = track->first >= track->end;
    if (track->is_empty || !cut->from_key_frame || !track->has_stss)
        return;
    track->first = key_sample(&track->stss, first.sample);
    track->begins = time_of(&track->stts, track->first);
}

/* ---- chunks -------------------------------------------------------------------------------- */

bool
mp4_next_run(const struct track *track, struct run *run)
{
    uint32_t chunks = track->offsets.count, first, next;
    const uint8_t *p;

    run->sample += (uint64_t)(run->end - run->first) * run->samples;
    if (run->i >= track->stsc.count)
        return false;
    p = track->stsc.p + (size_t)run->i * 12;
    first = get32(p);
    next = run->i + 1 < track->stsc.count ? get32(p + 12) : chunks < UINT32_MAX ? chunks + 1 : 0;
    if (first != run->end + 1 || first > chunks || next <= first || get32(p + 4) == 0)
        return false;
    run->i++;
    run->first = first - 1;
    run->end = MIN(next - 1, chunks);
    run->samples = get32(p + 4);
    run->description = get32(p + 8);
    return true;
}

/* Which chunks the samples are in. */
static bool
choose_chunks(struct film *film, struct track *track)
{
    struct run run = { 0 };
    bool has_first = false;

    if (track->end > track->stsz.count)
        return broken(film, "a \"stsz\" box has fewer samples than \"stts\"");
    while (mp4_next_run(track, &run)) {
        uint64_t end = run.sample + (uint64_t)(run.end - run.first) * run.samples;

        if (!has_first && track->first < end) {
            track->first_chunk = run.first + (uint32_t)((track->first - run.sample) / run.samples);
            track->skip = (uint32_t)((track->first - run.sample) % run.samples);
            has_first = true;
        }
        if (track->end <= end) {
            uint64_t last = track->end - 1 - run.sample;

            track->last_chunk = run.first + (uint32_t)(last / run.samples);
            track->last_samples = (uint32_t)(last % run.samples) + 1;
            return true;
        }
    }
    return broken(film, "a \"stsc\" box is malformed, or has fewer samples than \"stts\"");
}

/* Bytes of `count` samples. Not of more than stsz has. */
static uint64_t
bytes_of(const struct track *track, uint64_t sample, uint64_t count)
{
    const uint8_t *p;
    uint64_t sum = 0;

    if (track->sample_size != 0)
        return count * track->sample_size;
    p = track->stsz.p + sample * 4;
    for (; count > 0; count--, p += 4)
        sum += get32(p);
    return sum;
}

/* Where the bytes of the samples lie in the file. */
static bool
find_data(struct film *film, struct track *track)
{
    struct run run = { 0 };
    uint64_t sample = track->first;

    track->skip_bytes = bytes_of(track, track->first - track->skip, track->skip);
    while (mp4_next_run(track, &run) && run.first <= track->last_chunk) {
        uint32_t last = MIN(run.end - 1, track->last_chunk);

        for (uint32_t c = MAX(run.first, track->first_chunk); c <= last; c++) {
            uint32_t count = samples_taken(track, c, run.samples);
            uint64_t len = bytes_of(track, sample, count), begin = chunk_offset(track, c), end;

            if (c == track->first_chunk && __builtin_add_overflow(begin, track->skip_bytes, &begin))
                return broken(film, "an offset in a \"stco\" box lies behind the end of the file");
            if (__builtin_add_overflow(begin, len, &end) || end > film->size)
                return broken(film, "an offset in a \"stco\" box lies behind the end of the file");
            film->data_begin = MIN(film->data_begin, begin);
            film->data_end = MAX(film->data_end, end);
            sample += count;
        }
    }
    return true;
}

bool
mp4_cut_track(struct film *film, struct track *track)
{
    if (!read_track(film, track))
        return false;
    choose_samples(film->cut, track);
    return track->is_empty || (choose_chunks(film, track) && find_data(film, track));
}
