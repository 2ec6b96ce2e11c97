/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_mp4: any file as a film. The first bytes choose the moments. What is cut lies within the file,
 * its begin is no larger than it may be, and it is a film that can be cut again.
 */
#include "fuzz.h"

#include "http/mp4.h"
#include <sys/mman.h>

enum { CHOICES = 6, FILM_MAX = 1 << 20 };

static void
write_film(int fd, off_t at, const void *p, size_t size)
{
    require(pwrite(fd, p, size, at) == (ssize_t)size);
}

/* head and data of the cut film as a file of its own. */
static void
cut_again(int fd, const struct mp4_cut *cut)
{
    struct mp4_cut again = { .length_ms = 1ull << 40, .read_first = 100, .moov_max = FILM_MAX };
    char *bytes = malloc(cut->len + 1);
    enum mp4_result result;

    require(bytes != NULL && pread(fd, bytes, cut->len, (off_t)cut->offset) == (ssize_t)cut->len);
    require(ftruncate(fd, 0) == 0);
    write_film(fd, 0, cut->head, cut->head_len);
    write_film(fd, (off_t)cut->head_len, bytes, cut->len);
    result = mp4_cut(fd, cut->head_len + cut->len, &again);
    require(result == MP4_CUT || result == MP4_NOTHING);
    require(result != MP4_CUT || again.len <= cut->len);
    free(again.head);
    free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct mp4_cut cut = { .read_first = 256, .moov_max = FILM_MAX };

    if (size < CHOICES || size > FILM_MAX / 4)
        return 0;
    if (fd < 0)
        fd = memfd_create("film", 0);
    require(fd >= 0 && ftruncate(fd, 0) == 0);
    cut.start_ms = (uint64_t)data[0] << 16 | (uint64_t)data[1] << 8 | data[2];
    cut.length_ms = (uint64_t)data[3] << 8 | data[4];
    cut.from_key_frame = (data[5] & 1) != 0;
    if ((data[5] & 2) != 0)
        cut.start_ms <<= 17;
    size -= CHOICES;
    write_film(fd, 0, data + CHOICES, size);
    if (mp4_cut(fd, size, &cut) == MP4_CUT) {
        require(cut.offset <= size && cut.len <= size - cut.offset);
        require(cut.head_len <= 2 * size + 64 * 100);
        cut_again(fd, &cut);
    } else {
        require(cut.head == NULL);
    }
    free(cut.head);
    return 0;
}
