/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/page.h"

struct str
page_next(struct str *rest, struct str *place)
{
    struct str text = *rest;
    const char *open = memmem(text.p, text.len, "{{", 2);
    size_t plain = open != NULL ? (size_t)(open - text.p) : text.len;
    struct str behind = str_from(text, plain + 2);
    const char *close = behind.len > 0 ? memmem(behind.p, behind.len, "}}", 2) : NULL;

    *place = (struct str){ behind.p, close != NULL ? (size_t)(close - behind.p) : 0 };
    *rest = str_from(behind, place->len + 2);
    return (struct str){ text.p, plain };
}
