/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/mp4.h"
#include "http/mp4_film.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TRACKS_MAX = 64,
    OUTER_BOXES_MAX = 4096,     /* that are passed over in search of moov */
    FTYP_MAX = 4096             /* bytes */
};

/* ---- the film ------------------------------------------------------------------------------ */

/* mvhd and the tracks, each of them empty still. False: moov is malformed. */
static bool
find_tracks(struct film *film)
{
    struct boxes boxes = boxes_of(&film->moov);
    struct box box;

    while (next_box(&boxes, &box)) {
        if (box.type == TYPE_MVHD && film->mvhd.whole == NULL)
            film->mvhd = box;
        if (box.type != TYPE_TRAK)
            continue;
        if (film->track_count == TRACKS_MAX)
            return broken(film, "it has too many tracks");
        film->tracks[film->track_count++] = (struct track){ .trak = box };
    }
    if (boxes.broken)
        return broken(film, "its \"moov\" box is malformed");
    film->timescale = mp4_timescale(&film->mvhd);
    return film->timescale != 0 || broken(film, "its \"mvhd\" box is missing or malformed");
}

static enum mp4_result
cut_film(struct film *film)
{
    bool is_empty = true;

    film->tracks = calloc(TRACKS_MAX, sizeof(*film->tracks));
    if (film->tracks == NULL)
        return MP4_FAILED;
    if (!find_tracks(film))
        return MP4_BROKEN;
    film->data_begin = UINT64_MAX;
    for (unsigned i = 0; i < film->track_count; i++) {
        if (!mp4_cut_track(film, &film->tracks[i]))
            return MP4_BROKEN;
        is_empty &= film->tracks[i].is_empty;
    }
    return is_empty ? MP4_NOTHING : mp4_write_head(film);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* The file, of which the first bytes are there already. */
struct source {
    int fd;
    uint64_t size;
    uint8_t *first;
    size_t first_len;
};

static bool
read_fully(int fd, uint8_t *room, size_t n, uint64_t offset)
{
    size_t done = 0;

    while (done < n) {
        ssize_t r = pread(fd, room + done, n - done, (off_t)(offset + done));

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0) {
            if (r == 0)
                errno = EIO;    /* it has become shorter */
            return false;
        }
        done += (size_t)r;
    }
    return true;
}

/* They lie within the file. */
static bool
read_at(const struct source *source, uint8_t *room, size_t n, uint64_t offset)
{
    if (offset > source->first_len || n > source->first_len - offset)
        return read_fully(source->fd, room, n, offset);
    memcpy(room, source->first + offset, n);
    return true;
}

/* A box of the file itself, whose content is not there. */
struct outer_box {
    uint32_t type;
    uint64_t offset, size;
    size_t head;                /* bytes in front of its content */
};

/* False: there is none. MP4_BROKEN and MP4_FAILED in *result. */
static bool
outer_box_at(const struct source *source, uint64_t offset, struct outer_box *box,
             enum mp4_result *result)
{
    uint64_t left = source->size - offset;
    uint8_t head[16];

    *result = MP4_BROKEN;
    if (left < 8)
        return false;
    if (!read_at(source, head, (size_t)MIN(left, sizeof(head)), offset)) {
        *result = MP4_FAILED;
        return false;
    }
    *box = (struct outer_box){ get32(head + 4), offset, get32(head), 8 };
    if (box->size == 0)
        box->size = left;       /* ISO/IEC 14496-12 4.2: up to the end */
    if (box->size == 1 && left >= sizeof(head)) {
        box->size = get64(head + 8);
        box->head = sizeof(head);
    }
    return box->size >= box->head;
}

/* By malloc, in box->whole. The box lies within the file. */
static enum mp4_result
load(const struct source *source, const struct outer_box *outer, struct box *box)
{
    uint8_t *room;

    assert(outer->head > 0 && outer->size >= outer->head);
    if ((room = malloc((size_t)outer->size)) == NULL)
        return MP4_FAILED;
    box->whole = room;
    if (!read_at(source, room, (size_t)outer->size, outer->offset))
        return MP4_FAILED;
    box->type = outer->type;
    box->whole_len = (size_t)outer->size;
    box->p = room + outer->head;
    box->len = (size_t)outer->size - outer->head;
    return MP4_CUT;
}

/* One of those that are wanted is there. MP4_CUT: on. */
static enum mp4_result
take_box(struct film *film, const struct source *source, const struct outer_box *box)
{
    if (box->type == TYPE_FTYP && film->ftyp.whole == NULL && box->size <= FTYP_MAX)
        return load(source, box, &film->ftyp);
    film->data_is_first |= box->type == TYPE_MDAT;
    if (box->type != TYPE_MOOV)
        return MP4_CUT;
    if (box->size > film->cut->moov_max) {
        film->cut->moov_size = box->size;
        return MP4_TOO_LARGE;
    }
    return load(source, box, &film->moov);
}

static enum mp4_result
load_boxes(struct film *film, const struct source *source)
{
    uint64_t offset = 0;

    film->cut->reason = "it has no \"moov\" box";
    for (unsigned i = 0; i < OUTER_BOXES_MAX && film->moov.whole == NULL; i++) {
        struct outer_box box;
        enum mp4_result result;

        if (!outer_box_at(source, offset, &box, &result))
            return result;
        if (box.size > source->size - offset) {
            film->cut->reason = "a box is longer than the file";
            return MP4_BROKEN;
        }
        if ((result = take_box(film, source, &box)) != MP4_CUT)
            return result;
        offset += box.size;
    }
    if (film->moov.whole == NULL)
        return MP4_BROKEN;
    return film->cut->start_ms == 0 && film->cut->length_ms == 0 && !film->data_is_first
               ? MP4_WHOLE : MP4_CUT;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool
mp4_read_seconds(struct str text, uint64_t *ms)
{
    static const uint64_t most = 1ull << 31;
    uint64_t seconds = 0, thousandths = 0, unit = 100;
    size_t i = 0, digits;

    for (; i < text.len && is_digit(text.p[i]); i++)
        seconds = MIN(seconds * 10 + (uint64_t)(text.p[i] - '0'), most);
    digits = i;
    if (i < text.len && text.p[i] == '.') {
        for (i++; i < text.len && is_digit(text.p[i]); i++, digits++, unit /= 10)
            thousandths += (uint64_t)(text.p[i] - '0') * unit;
    }
    if (digits == 0 || i < text.len)
        return false;
    *ms = seconds * 1000 + thousandths;
    return true;
}

enum mp4_result
mp4_cut(int fd, uint64_t size, struct mp4_cut *cut)
{
    struct source source = { .fd = fd, .size = size };
    struct film film = { .cut = cut, .size = size };
    enum mp4_result result = MP4_FAILED;

    source.first_len = (size_t)MIN(cut->read_first, size);
    source.first = malloc(source.first_len + 1);
    if (source.first != NULL && read_fully(fd, source.first, source.first_len, 0))
        result = load_boxes(&film, &source);
    free(source.first);
    if (result == MP4_CUT)
        result = cut_film(&film);
    free(film.tracks);
    free((void *)(uintptr_t)film.moov.whole);
    free((void *)(uintptr_t)film.ftyp.whole);
    return result;
}
