/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan: how far a run of bytes of one kind goes, sixteen bytes at a time.
 *
 * The one place of h1/ that asks for the processor: *_stops() looks at 16 bytes and has a bit set
 * for each that is not of its kind, the first byte's lowest. NUL is of no kind.
 */
#ifndef WEIR_HTTP_H1_SCAN_H
#define WEIR_HTTP_H1_SCAN_H

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>

static inline __m128i
scan_load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* All ones in each byte that is `first` or up to `more` above it, as unsigned numbers. */
static inline __m128i
scan_range(__m128i bytes, char first, char more)
{
    __m128i above = _mm_sub_epi8(bytes, _mm_set1_epi8(first));

    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(more)), above);
}

/* Field values: HTAB, 0x20-0x7e, 0x80-0xff (RFC 9110 5.5). */
static inline unsigned
value_stops(const char *p)
{
    __m128i bytes = scan_load(p);
    __m128i low = scan_range(bytes, 0, 0x1f);
    __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del));
}

/* Targets: 0x21-0x7e. */
static inline unsigned
target_stops(const char *p)
{
    return 0xffffu ^ (unsigned)_mm_movemask_epi8(scan_range(scan_load(p), 0x21, 0x7e - 0x21));
}

/* What names are mostly made of: letters, digits and '-'. */
static inline unsigned
plain_stops(const char *p)
{
    __m128i bytes = scan_load(p);
    __m128i letter = scan_range(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z' - 'a');
    __m128i digit = scan_range(bytes, '0', 9);
    __m128i dash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));

    return 0xffffu ^ (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), dash));
}

#else
#include <endian.h>
#include <stdint.h>

#define SCAN_EACH(byte) (0x0101010101010101u * (byte))

static inline uint64_t
scan_load(const char *p)
{
    uint64_t bytes;

    memcpy(&bytes, p, sizeof(bytes));
    return le64toh(bytes);
}

/*
 * The top bit of each of eight bytes that is first … last, both below 0x80. The sums take the lower
 * seven bits alone, so that no carry leaves its byte.
 */
static inline uint64_t
scan_range(uint64_t bytes, unsigned first, unsigned last)
{
    uint64_t low = bytes & SCAN_EACH(0x7f);

    return (low + SCAN_EACH(0x80 - first)) & ~(low + SCAN_EACH(0x7f - last)) & ~bytes
         & SCAN_EACH(0x80);
}

/* Top bits gathered: that of the first byte becomes the lowest. */
static inline unsigned
scan_gather(uint64_t tops)
{
    return (unsigned)(((tops >> 7) * 0x0102040810204080u) >> 56);
}

static inline unsigned
value_stops8(const char *p)
{
    uint64_t bytes = scan_load(p);
    uint64_t low = scan_range(bytes, 0, 0x1f) & ~scan_range(bytes, '\t', '\t');

    return scan_gather(low | scan_range(bytes, 0x7f, 0x7f));
}

static inline unsigned
target_stops8(const char *p)
{
    return 0xffu ^ scan_gather(scan_range(scan_load(p), 0x21, 0x7e));
}

static inline unsigned
plain_stops8(const char *p)
{
    uint64_t bytes = scan_load(p);
    uint64_t letter = scan_range(bytes | SCAN_EACH(0x20), 'a', 'z');

    return 0xffu ^ scan_gather(letter | scan_range(bytes, '0', '9') | scan_range(bytes, '-', '-'));
}

static inline unsigned
value_stops(const char *p)
{
    return value_stops8(p) | value_stops8(p + 8) << 8;
}

static inline unsigned
target_stops(const char *p)
{
    return target_stops8(p) | target_stops8(p + 8) << 8;
}

static inline unsigned
plain_stops(const char *p)
{
    return plain_stops8(p) | plain_stops8(p + 8) << 8;
}

#endif

/*
 * The first byte of [p, end) that `stops` marks, or end. Bytes from `start` on, at or before p,
 * may be read as well: so the last few are looked at as part of sixteen that end with them.
 */
static inline const char *
scan(const char *start, const char *p, const char *end, unsigned (*stops)(const char *p))
{
    char few[16] = { 0 };
    unsigned found;
    size_t left;

    for (; end - p >= 16; p += 16) {
        found = stops(p);
        if (found != 0)
            return p + __builtin_ctz(found);
    }
    left = (size_t)(end - p);
    if (left == 0)
        return end;
    if (end - start >= 16) {
        found = stops(end - 16) >> (16 - left);
        return found != 0 ? p + __builtin_ctz(found) : end;
    }
    memcpy(few, p, left);       /* left < 16: a NUL behind them stops at the latest */
    return p + __builtin_ctz(stops(few));
}

#endif
