/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/base64.h"

static const char *const alphabets[] = {
    [BASE64_PLAIN] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [BASE64_URL]   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

/* -1: no letter of the alphabet. */
static int
value_of(const char *letters, char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == letters[62] ? 62 : c == letters[63] ? 63 : -1;
}

static struct str
without_padding(struct str text)
{
    for (unsigned i = 0; i < 2 && text.len > 0 && text.p[text.len - 1] == '='; i++)
        text.len--;
    return text;
}

ptrdiff_t
base64_decode(enum base64_alphabet alphabet, struct str text, char *out)
{
    struct str letters = without_padding(text);
    uint32_t bits = 0;
    char *p = out;

    if (letters.len % 4 == 1 || (letters.len < text.len && text.len % 4 != 0))
        return -1;
    for (size_t i = 0; i < letters.len; i++) {
        int value = value_of(alphabets[alphabet], letters.p[i]);

        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0)         /* the second to fourth letter of four complete a byte each */
            *p++ = (char)(bits >> (6 - 2 * (i % 4)));
    }
    return p - out;
}

void
write_base64(struct writer *w, enum base64_alphabet alphabet, struct str bytes)
{
    const char *letters = alphabets[alphabet];

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t rest = MIN(bytes.len - i, 3);
        uint32_t bits = 0;
        char four[4];

        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < rest ? (uint8_t)bytes.p[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            four[k] = k <= rest ? letters[bits >> (18 - 6 * k) & 63] : '=';
        write_bytes(w, four, alphabet == BASE64_URL ? rest + 1 : 4);
    }
}
