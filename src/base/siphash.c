/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/siphash.h"
#include <endian.h>

enum { ROUNDS_A_WORD = 2, ROUNDS_AT_THE_END = 4 };

static uint64_t
rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void
mix(uint64_t v[4], unsigned rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static void
absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix(v, ROUNDS_A_WORD);
    v[0] ^= word;
}

/* The last bytes, fewer than eight, with the length above them. */
static uint64_t
last_word(const char *p, size_t len)
{
    uint64_t word = (uint64_t)len << 56;

    for (size_t i = 0; i < len % 8; i++)
        word |= (uint64_t)(unsigned char)p[i] << 8 * i;
    return word;
}

void
siphash128(const uint64_t key[2], struct str text, uint64_t hash[2])
{
    uint64_t v[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
        key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t i = 0;

    for (; i + 8 <= text.len; i += 8) {
        uint64_t word;

        memcpy(&word, text.p + i, 8);
        absorb(v, le64toh(word));
    }
    absorb(v, last_word(text.p + i, text.len));
    v[2] ^= 0xee;
    mix(v, ROUNDS_AT_THE_END);
    hash[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    mix(v, ROUNDS_AT_THE_END);
    hash[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}
