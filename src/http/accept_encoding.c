/* SPDX-License-Identifier: BSD-2-Clause */
/* accept_encoding: see accept_encoding.h. */
#include "http/accept_encoding.h"
#include "base/compiler.h"
#include "http/accept.h"

enum { NOT_NAMED = -1 };

static const struct str names[ENCODING_COUNT] = {
    [ENCODING_IDENTITY] = STR_INIT("identity"),
    [ENCODING_GZIP] = STR_INIT("gzip"),
    [ENCODING_BR] = STR_INIT("br"),
    [ENCODING_ZSTD] = STR_INIT("zstd"),
};

struct str
encoding_name(enum encoding encoding)
{
    return encoding == ENCODING_IDENTITY ? STR("") : names[encoding];
}

enum encoding
encoding_of_name(struct str name)
{
    for (unsigned i = 0; i < ENCODING_COUNT; i++)
        if (str_ieq(name, names[i]))
            return (enum encoding)i;
    /* RFC 9110 8.4.1.3 */
    return str_ieq(name, STR("x-gzip")) ? ENCODING_GZIP : ENCODING_COUNT;
}

void
accept_encoding_init(struct accept_encoding *accept)
{
    for (unsigned i = 0; i < ENCODING_COUNT; i++)
        accept->weights[i] = NOT_NAMED;
    accept->others = NOT_NAMED;
}

static void
note(int16_t *weight, unsigned value)
{
    if (*weight == NOT_NAMED)
        *weight = (int16_t)value;
}

void
accept_encoding_read(struct accept_encoding *accept, struct str value)
{
    struct accept_item item;

    while (accept_next(&value, &item)) {
        enum encoding encoding = encoding_of_name(item.name);

        if (item.has_parameters)
            item.weight = 0;
        if (encoding != ENCODING_COUNT)
            note(&accept->weights[encoding], item.weight);
        else if (str_eq(item.name, STR("*")))
            note(&accept->others, item.weight);
    }
}

static int
weight_of(const struct accept_encoding *accept, enum encoding encoding)
{
    int weight = accept->weights[encoding];

    return weight != NOT_NAMED ? weight : accept->others;
}

bool
accept_encoding_takes(const struct accept_encoding *accept, enum encoding encoding)
{
    return weight_of(accept, encoding) > 0;
}

enum encoding
accept_encoding_choose(const struct accept_encoding *accept, unsigned offered,
                       const struct encoding_order *order)
{
    enum encoding best = ENCODING_IDENTITY;
    int best_weight = 0;

    for (size_t i = 0; i < ARRAY_LEN(order->list); i++) {
        enum encoding encoding = (enum encoding)order->list[i];
        int weight = weight_of(accept, encoding);

        if ((offered & ENCODING_BIT(encoding)) != 0 && weight > best_weight) {
            best = encoding;
            best_weight = weight;
        }
    }
    /* "*" speaks of identity, too, but nobody who writes it wants the longer form. */
    return accept->weights[ENCODING_IDENTITY] > best_weight ? ENCODING_IDENTITY : best;
}
