/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_accept_encoding: what is chosen was offered and is taken, and nothing is chosen only when
 * nothing offered is taken or identity is named; reading two fields is reading their list.
 */
#include "fuzz.h"

#include "http/accept_encoding.h"

static void
try_offers(const struct accept_encoding *accept)
{
    static const struct encoding_order order = { { ENCODING_BR, ENCODING_ZSTD, ENCODING_GZIP } };

    for (unsigned offered = 0; offered < 1u << ENCODING_COUNT; offered += 2) {
        enum encoding chosen = accept_encoding_choose(accept, offered, &order);
        unsigned taken = 0;

        for (unsigned e = ENCODING_GZIP; e < ENCODING_COUNT; e++)
            if (accept_encoding_takes(accept, (enum encoding)e))
                taken |= ENCODING_BIT(e);
        if (chosen == ENCODING_IDENTITY)
            require((offered & taken) == 0 || accept->weights[ENCODING_IDENTITY] > 0);
        else
            require((offered & taken & ENCODING_BIT(chosen)) != 0);
    }
}

/* Where a list is cut at a comma, its parts as two fields say the same. */
static void
try_cuts(const struct accept_encoding *whole, struct str field)
{
    for (ptrdiff_t at = str_find(field, ',', 0); at >= 0;
         at = str_find(field, ',', (size_t)at + 1)) {
        struct accept_encoding parts;

        accept_encoding_init(&parts);
        accept_encoding_read(&parts, (struct str){ field.p, (size_t)at });
        accept_encoding_read(&parts, str_from(field, (size_t)at + 1));
        require(parts.others == whole->others);
        require(memcmp(parts.weights, whole->weights, sizeof(parts.weights)) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str field = { (const char *)data, MIN(size, 512) };
    struct accept_encoding accept;

    accept_encoding_init(&accept);
    accept_encoding_read(&accept, field);
    try_offers(&accept);
    try_cuts(&accept, field);
    return 0;
}
