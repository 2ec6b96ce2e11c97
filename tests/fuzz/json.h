/* SPDX-License-Identifier: BSD-2-Clause */
/* json: a plain reader of RFC 8259, that says whether a text is one value and nothing else. */
#ifndef WEIR_FUZZ_JSON_H
#define WEIR_FUZZ_JSON_H

#include "base/str.h"

static bool json_value(struct str *rest, unsigned depth);

static bool
json_take(struct str *rest, char c)
{
    if (rest->len == 0 || rest->p[0] != c)
        return false;
    *rest = str_from(*rest, 1);
    return true;
}

static void
json_blanks(struct str *rest)
{
    while (rest->len > 0 && memchr(" \t\r\n", rest->p[0], 4) != NULL)
        *rest = str_from(*rest, 1);
}

static bool
json_escape(struct str *rest)
{
    if (!json_take(rest, 'u')) {
        bool known = rest->len > 0 && memchr("\"\\/bfnrt", rest->p[0], 8) != NULL;

        *rest = str_from(*rest, 1);
        return known;
    }
    for (unsigned i = 0; i < 4; i++, *rest = str_from(*rest, 1))
        if (rest->len == 0 || hex_digit(rest->p[0]) < 0)
            return false;
    return true;
}

static bool
json_string(struct str *rest)
{
    if (!json_take(rest, '"'))
        return false;
    while (rest->len > 0 && !json_take(rest, '"')) {
        size_t n = str_utf8_length(*rest);

        if (n == 0 || (unsigned char)rest->p[0] < ' ')
            return false;
        if (json_take(rest, '\\')) {
            if (!json_escape(rest))
                return false;
            n = 0;
        }
        *rest = str_from(*rest, n);
        if (rest->len == 0)
            return false;
    }
    return true;
}

static size_t
json_digits(struct str *rest)
{
    size_t n = 0;

    while (n < rest->len && rest->p[n] >= '0' && rest->p[n] <= '9')
        n++;
    *rest = str_from(*rest, n);
    return n;
}

static bool
json_number(struct str *rest)
{
    bool zero;

    json_take(rest, '-');
    zero = rest->len > 0 && rest->p[0] == '0';
    if (zero ? json_digits(rest) != 1 : json_digits(rest) == 0)
        return false;
    if (json_take(rest, '.') && json_digits(rest) == 0)
        return false;
    if (!json_take(rest, 'e') && !json_take(rest, 'E'))
        return true;
    if (!json_take(rest, '+'))
        json_take(rest, '-');
    return json_digits(rest) > 0;
}

/* What stands between brackets, the first of which was taken. */
static bool
json_members(struct str *rest, bool object, unsigned depth)
{
    char end = object ? '}' : ']';

    json_blanks(rest);
    if (json_take(rest, end))
        return true;
    do {
        json_blanks(rest);
        if (object && !json_string(rest))
            return false;
        json_blanks(rest);
        if ((object && !json_take(rest, ':')) || !json_value(rest, depth + 1))
            return false;
    } while (json_take(rest, ','));
    return json_take(rest, end);
}

static bool
json_value(struct str *rest, unsigned depth)
{
    static const struct str words[] = { STR_INIT("true"), STR_INIT("false"), STR_INIT("null") };
    bool ok = false;

    json_blanks(rest);
    if (rest->len == 0 || depth > 20)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !ok; i++)
        if (str_starts(*rest, words[i])) {
            *rest = str_from(*rest, words[i].len);
            ok = true;
        }
    if (!ok && rest->p[0] == '"')
        ok = json_string(rest);
    else if (!ok && json_take(rest, '{'))
        ok = json_members(rest, true, depth);
    else if (!ok && json_take(rest, '['))
        ok = json_members(rest, false, depth);
    else if (!ok)
        ok = json_number(rest);
    json_blanks(rest);
    return ok;
}

static inline bool
json_is_sound(struct str text)
{
    return json_value(&text, 0) && text.len == 0;
}

#endif
