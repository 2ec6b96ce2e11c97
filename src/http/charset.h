/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * charset: text from one charset to another, piece by piece. One of the two has single bytes, the
 * other as well or is UTF-8.
 */
#ifndef WEIR_HTTP_CHARSET_H
#define WEIR_HTTP_CHARSET_H

#include "base/str.h"

enum charset_kind { CHARSET_BYTES, CHARSET_TO_UTF8, CHARSET_FROM_UTF8 };

/* What a byte stands for: one byte, or a character in UTF-8. */
struct charset_char {
    char p[4];
    uint8_t len;
};

struct charset_code {
    uint32_t code;              /* of a character */
    uint8_t byte;
};

/* One direction. What is below 0x80 stays as it is, and the rest becomes "?", unless added. */
struct charset_conversion {
    enum charset_kind kind;
    struct charset_char chars[256];     /* CHARSET_BYTES, CHARSET_TO_UTF8: by byte */
    struct charset_code codes[256];     /* CHARSET_FROM_UTF8: in the order of their codes */
    uint32_t codes_len;
};

/* Both directions of a table: of single bytes, or to UTF-8 and back. */
struct charset_table {
    struct charset_conversion there, back;
};

void charset_table_init(struct charset_table *table, bool is_utf8);
/* `to` is one byte, or with UTF-8 one character; false when it is none. The last for a byte counts. */
bool charset_table_add(struct charset_table *table, uint8_t byte, struct str to);

enum { CHARSET_HELD_MAX = 12 }; /* "&#1114111;" */

/* A text under way. All zero: at its begin. */
struct charset_run {
    char held[CHARSET_HELD_MAX];        /* written, but there was no room for it */
    uint8_t held_at, held_len;
    uint8_t seen[4];            /* the begin of a character in UTF-8 */
    uint8_t seen_len;
};

/*
 * Converts from in to out until one of them is at its end; *used and *made say how far it came. What
 * no byte stands for becomes "&#NNN;", what is no UTF-8 "?".
 */
void charset_convert(const struct charset_conversion *conversion, struct charset_run *run,
                     struct str in, struct str *rest, char *out, size_t cap, size_t *made);
/* The text is over: what was begun becomes "?". False: call again, with more room. */
bool charset_finish(struct charset_run *run, char *out, size_t cap, size_t *made);

#endif
