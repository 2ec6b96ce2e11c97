/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accept_encoding: which encodings a client takes (RFC 9110 12.5.3), and which of those that are
 * offered it is to get.
 */
#ifndef WEIR_HTTP_ACCEPT_ENCODING_H
#define WEIR_HTTP_ACCEPT_ENCODING_H

#include "base/str.h"

enum encoding { ENCODING_IDENTITY, ENCODING_GZIP, ENCODING_BR, ENCODING_ZSTD, ENCODING_COUNT };
#define ENCODING_BIT(encoding) (1u << (encoding))

/* What the fields of a request say. */
struct accept_encoding {
    int16_t weights[ENCODING_COUNT];    /* thousandths; -1: not named */
    int16_t others;             /* of "*"; -1: not named */
};

/* Which is preferred where the client does not care: the first in this order, each once. */
struct encoding_order {
    uint8_t list[ENCODING_COUNT - 1];
};

/* "gzip"; of ENCODING_IDENTITY "". */
struct str encoding_name(enum encoding encoding);
/* In any case, "x-gzip" too; ENCODING_COUNT: none that is known here. */
enum encoding encoding_of_name(struct str name);

/* Nothing but identity is taken. */
void accept_encoding_init(struct accept_encoding *accept);
/*
 * Reads the value of a field, or of a further one, that continues its list. The first mention of a
 * name counts, and what is malformed refuses what it names.
 */
void accept_encoding_read(struct accept_encoding *accept, struct str value);

/* Whether it may be used. Identity is what is left when nothing else may: that is not asked. */
bool accept_encoding_takes(const struct accept_encoding *accept, enum encoding encoding);
/*
 * The one of `offered` (ENCODING_BIT of each) with the highest weight, by `order` where weights are
 * equal. ENCODING_IDENTITY: none of them is taken, or the client names identity with more weight.
 */
enum encoding accept_encoding_choose(const struct accept_encoding *accept, unsigned offered,
                                     const struct encoding_order *order);

#endif
