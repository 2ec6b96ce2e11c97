/* SPDX-License-Identifier: BSD-2-Clause */
/* accept: see accept.h. */
#include "http/accept.h"
#include "base/compiler.h"

struct str
accept_cut(struct str *s, char separator)
{
    ptrdiff_t end = str_find(*s, separator, 0);
    struct str item = { s->p, end < 0 ? s->len : (size_t)end };

    *s = str_from(*s, item.len + 1);
    return str_trim(item);
}

/* "0.5", "1", "1.000" (RFC 9110 12.4.2) in thousandths; 0 when it is none. */
static unsigned
parse_weight(struct str s)
{
    uint64_t whole, fraction = 0;
    struct str digits = str_from(s, 2);

    if (s.len == 0 || !str_to_uint((struct str){ s.p, 1 }, 1, &whole)
        || (s.len > 1 && s.p[1] != '.') || digits.len > 3
        || (digits.len > 0 && !str_to_uint(digits, 999, &fraction)))
        return 0;
    for (size_t i = digits.len; i < 3; i++)
        fraction *= 10;
    if (whole == 1)
        return fraction == 0 ? 1000 : 0;
    return (unsigned)fraction;
}

bool
accept_next(struct str *list, struct accept_item *item)
{
    struct str rest;
    bool has_weight = false;

    if (list->len == 0)
        return false;
    rest = accept_cut(list, ',');
    *item = (struct accept_item){ .name = accept_cut(&rest, ';'), .weight = 1000 };
    while (UNLIKELY(rest.len > 0)) {
        struct str one = accept_cut(&rest, ';');

        if (has_weight || !str_istarts(one, STR("q="))) {
            item->has_parameters = true;
            continue;
        }
        item->weight = parse_weight(str_from(one, 2));
        has_weight = true;
    }
    return true;
}
