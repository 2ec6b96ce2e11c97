/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * str: text by pointer and length.
 *
 * Bytes from the network have no NUL to rely on, so text is a struct str, passed by value. It owns
 * nothing: who made the bytes says how long they live. A str with len 0 may have p NULL; with
 * p NULL the text is "not there", which str_is_set() tells apart from "empty".
 */
#ifndef WEIR_BASE_STR_H
#define WEIR_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t len;
};

#define STR(literal)     ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal) { "" literal, sizeof(literal) - 1 }       /* for static tables */
#define STR_NONE         ((struct str){ NULL, 0 })
#define STR_ARG(s)       (int)(s).len, (s).p                        /* for "%.*s" */

static inline struct str
str_of(const char *cstring)
{
    return (struct str){ cstring, cstring != NULL ? strlen(cstring) : 0 };
}

static inline bool
str_is_set(struct str s)
{
    return s.p != NULL;
}

static inline bool
str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* The rest of `s` from byte `from` on; empty when it is shorter. */
static inline struct str
str_from(struct str s, size_t from)
{
    return from < s.len ? (struct str){ s.p + from, s.len - from }
                        : (struct str){ s.p != NULL ? s.p + s.len : NULL, 0 };
}

/* ASCII case is ignored in the following two. */
bool str_ieq(struct str a, struct str b);
bool str_istarts(struct str s, struct str prefix);

bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Offset of the first `c` at or after `from`, or -1. */
ptrdiff_t str_find(struct str s, char c, size_t from);

/* Without leading and trailing SP and HTAB (RFC 9110 5.6.3 OWS). */
struct str str_trim(struct str s);

/* Orders as memcmp does, the shorter first where one begins the other. */
int str_cmp(struct str a, struct str b);

/*
 * A hash for tables in memory: fast, not keyed by the caller, seeded once a process so that a peer
 * cannot choose collisions.
 */
uint64_t str_hash(struct str s);
/* The same for any case of ASCII letters. */
uint64_t str_ihash(struct str s);
/*
 * Seeds both; called once at start, before the first table is made. Without a call the seed is a
 * constant.
 */
void str_hash_seed(uint64_t seed);

/*
 * Decimal digits only: no sign, no blank, not empty. False, with *value untouched, when it is
 * anything else or over `max`.
 */
bool str_to_uint(struct str s, uint64_t max, uint64_t *value);
/* Hexadecimal digits, likewise. */
bool str_to_hex(struct str s, uint64_t max, uint64_t *value);

static inline char
ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/*
 * How many bytes the well-formed character at the start of s has (RFC 3629 4), 0 when it is none.
 * s is not empty.
 */
size_t str_utf8_length(struct str s);

/* -1 when it is no hexadecimal digit. */
int hex_digit(char c);

/*
 * How many single-character edits (insert, delete, replace, swap of neighbours) lie between two
 * words, ASCII case ignored; `limit` + 1 as soon as it is over `limit`, or when a word has more
 * than 64 bytes. Finds the nearest known name for a misspelt one.
 */
unsigned str_distance(struct str a, struct str b, unsigned limit);

#endif
