/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * siphash: SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012): a short keyed hash. Who does
 * not know the key can neither tell the hash of a text nor find two texts with the same one.
 */
#ifndef WEIR_BASE_SIPHASH_H
#define WEIR_BASE_SIPHASH_H

#include "base/str.h"

/* The key and the result as two words, the first eight bytes (little-endian) first. */
void siphash128(const uint64_t key[2], struct str text, uint64_t hash[2]);

#endif
