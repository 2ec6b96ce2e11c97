/* SPDX-License-Identifier: BSD-2-Clause */
/* str: comparing, searching, hashing and reading text by pointer and length. */
#include "base/str.h"
#include "base/compiler.h"

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

enum { DISTANCE_WORD_MAX = 64 };

enum letter_case { KEEP_CASE, FOLD_CASE };

static inline uint64_t
load8(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline uint32_t
load4(const char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

/*
 * Eight bytes at once: 0x20 is set in those from 'A' to 'Z', by sums of 7 bits that cannot carry
 * over.
 */
static inline uint64_t
lower8(uint64_t v)
{
    uint64_t low = v & EACH_BYTE(0x7f);
    uint64_t from_a = low + EACH_BYTE(0x80 - 'A');
    uint64_t after_z = low + EACH_BYTE(0x80 - 'Z' - 1);
    uint64_t upper = from_a & ~after_z & ~v & EACH_BYTE(0x80);

    return v | (upper >> 2);
}

static bool
bytes_ieq(const char *a, const char *b, size_t n)
{
    if (n >= 8) {
        const char *a_last = a + n - 8, *b_last = b + n - 8;

        for (; a < a_last; a += 8, b += 8) {
            if (lower8(load8(a)) != lower8(load8(b)))
                return false;
        }
        /* The last word may overlap the one before. */
        return lower8(load8(a_last)) == lower8(load8(b_last));
    }
    for (size_t i = 0; i < n; i++) {
        if (ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    }
    return true;
}

bool
str_ieq(struct str a, struct str b)
{
    return a.len == b.len && bytes_ieq(a.p, b.p, a.len);
}

bool
str_istarts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && bytes_ieq(s.p, prefix.p, prefix.len);
}

bool
str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

bool
str_ends(struct str s, struct str suffix)
{
    if (suffix.len == 0)
        return true;
    return s.len >= suffix.len
           && memcmp(s.p + s.len - suffix.len, suffix.p, suffix.len) == 0;
}

ptrdiff_t
str_find(struct str s, char c, size_t from)
{
    const char *found;

    if (from >= s.len)
        return -1;
    found = memchr(s.p + from, c, s.len - from);
    return found != NULL ? found - s.p : -1;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str
str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.p[s.len - 1]))
        s.len--;
    while (s.len > 0 && is_blank(s.p[0])) {
        s.p++;
        s.len--;
    }
    return s;
}

int
str_cmp(struct str a, struct str b)
{
    size_t both = MIN(a.len, b.len);
    int order = both > 0 ? memcmp(a.p, b.p, both) : 0;

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

/*
 * The hash takes words of eight bytes and multiplies them two by two into 128 bits, of which both
 * halves are kept: one multiplication for 16 bytes, and each bit of them reaches all bits of the
 * result. The last 16 bytes are taken from the end, overlapping what was taken before, so that no
 * byte is ever looked at alone from eight on.
 */
static uint64_t hash_keys[3] = {
    UINT64_C(0x8d2b64e1c97a5f03), UINT64_C(0x5be0d42f7196a38d), UINT64_C(0xc3a1f9076e4d825b),
};

static inline uint64_t
multiply_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

void
str_hash_seed(uint64_t seed)
{
    for (unsigned i = 0; i < ARRAY_LEN(hash_keys); i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        hash_keys[i] = multiply_mix(seed ^ hash_keys[i], UINT64_C(0xd6e8feb86659fd93)) | 1;
    }
}

/* Up to 7 bytes in one word; the length, that is hashed too, tells apart what overlaps. */
static inline uint64_t
load_short(const char *p, size_t n)
{
    if (n >= 4)
        return (uint64_t)load4(p) << 32 | load4(p + n - 4);
    if (n == 0)
        return 0;
    return (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[n / 2] << 8 | (uint8_t)p[n - 1];
}

static inline __attribute__((always_inline)) uint64_t
fold(uint64_t word, enum letter_case letters)
{
    return letters == FOLD_CASE ? lower8(word) : word;
}

static inline __attribute__((always_inline)) uint64_t
hash_bytes(const char *p, size_t n, enum letter_case letters)
{
    uint64_t h = hash_keys[0] + n;
    uint64_t first, last;

    if (n >= 8) {
        const char *end = p + n;

        for (; end - p > 16; p += 16)
            h = multiply_mix(h + fold(load8(p), letters),
                             hash_keys[1] ^ fold(load8(p + 8), letters));
        first = fold(load8(n >= 16 ? end - 16 : p), letters);
        last = fold(load8(end - 8), letters);
    } else {
        first = fold(load_short(p, n), letters);
        last = 0;
    }
    h = multiply_mix(h + first, hash_keys[1] ^ last);
    return multiply_mix(h ^ hash_keys[0], hash_keys[2]);
}

uint64_t
str_hash(struct str s)
{
    return hash_bytes(s.p, s.len, KEEP_CASE);
}

uint64_t
str_ihash(struct str s)
{
    return hash_bytes(s.p, s.len, FOLD_CASE);
}

int
hex_digit(char c)
{
    unsigned digit = (unsigned)(unsigned char)c - '0';
    unsigned letter = ((unsigned)(unsigned char)c | 0x20) - 'a';

    if (digit < 10)
        return (int)digit;
    return letter < 6 ? (int)letter + 10 : -1;
}

static bool
parse_digits(struct str s, unsigned base, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        int digit = hex_digit(s.p[i]);

        if (digit < 0 || (unsigned)digit >= base)
            return false;
        if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v) || v > max)
            return false;
    }
    *value = v;
    return true;
}

bool
str_to_uint(struct str s, uint64_t max, uint64_t *value)
{
    return parse_digits(s, 10, max, value);
}

bool
str_to_hex(struct str s, uint64_t max, uint64_t *value)
{
    return parse_digits(s, 16, max, value);
}

/*
 * One cell of the table of edit distances: row i of word a, `rows` being those of i, i - 1 and i -
 * 2.
 */
static unsigned
edit_cell(struct str a, struct str b, size_t i, size_t j, unsigned *const rows[3])
{
    char ca = ascii_lower(a.p[i - 1]), cb = ascii_lower(b.p[j - 1]);
    unsigned best = rows[1][j - 1] + (ca != cb);

    best = MIN(best, rows[1][j] + 1);
    best = MIN(best, rows[0][j - 1] + 1);
    if (i > 1 && j > 1 && ca == ascii_lower(b.p[j - 2]) && cb == ascii_lower(a.p[i - 2]))
        best = MIN(best, rows[2][j - 2] + 1);
    return best;
}

unsigned
str_distance(struct str a, struct str b, unsigned limit)
{
    unsigned table[3][DISTANCE_WORD_MAX + 1] = {{0}};
    size_t apart = a.len > b.len ? a.len - b.len : b.len - a.len;

    if (apart > limit || a.len > DISTANCE_WORD_MAX || b.len > DISTANCE_WORD_MAX)
        return limit + 1;
    for (unsigned j = 0; j <= b.len; j++)
        table[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned *const rows[3] = { table[i % 3], table[(i + 2) % 3], table[(i + 1) % 3] };
        unsigned least = rows[0][0] = (unsigned)i;

        for (size_t j = 1; j <= b.len; j++) {
            rows[0][j] = edit_cell(a, b, i, j, rows);
            least = MIN(least, rows[0][j]);
        }
        /* No later row undercuts this one: a swap reaches back one row more, at the cost of one. */
        if (least > limit)
            return limit + 1;
    }
    return MIN(table[a.len % 3][b.len], limit + 1);
}

size_t
str_utf8_length(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    unsigned char least = 0x80, most = 0xbf;
    size_t n;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (s.len < n)
        return 0;
    /*
     * The second byte is bounded closer where the first alone would allow overlong forms,
     * surrogates, or more than U+10FFFF.
     */
    if (p[0] == 0xe0)
        least = 0xa0;
    else if (p[0] == 0xed)
        most = 0x9f;
    else if (p[0] == 0xf0)
        least = 0x90;
    else if (p[0] == 0xf4)
        most = 0x8f;
    if (p[1] < least || p[1] > most)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return n;
}
