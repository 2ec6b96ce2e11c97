/* SPDX-License-Identifier: BSD-2-Clause */
/* base64: bytes as letters and back (RFC 4648). */
#ifndef WEIR_BASE_BASE64_H
#define WEIR_BASE_BASE64_H

#include "base/writer.h"

enum base64_alphabet {
    BASE64_PLAIN,               /* "+" and "/", padded with "=" when written (RFC 4648 4) */
    BASE64_URL                  /* "-" and "_", never padded when written (RFC 4648 5) */
};

/* Bytes that a text of len letters stands for, at most. */
static inline size_t
base64_decoded_max(size_t len)
{
    return len / 4 * 3 + 3;
}

/*
 * Reads to out, with room for base64_decoded_max(text.len) bytes; returns how many there are, -1
 * when the text is malformed. Padding may be there or missing; bits behind the last whole byte
 * count for nothing.
 */
ptrdiff_t base64_decode(enum base64_alphabet alphabet, struct str text, char *out);

void write_base64(struct writer *w, enum base64_alphabet alphabet, struct str bytes);

#endif
