/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/h1/chunks.h"
#include "base/compiler.h"
#include "base/str.h"
#include "http/h1/framing.h"

enum state {
    AT_SIZE, IN_SIZE, BEFORE_EXTENSION, AT_EXTENSION, IN_EXTENSION, BEFORE_EQUALS, AT_EXTENSION_VALUE,
    IN_EXTENSION_VALUE, IN_QUOTES, BEHIND_BACKSLASH, BEHIND_QUOTES, AT_SIZE_LF, IN_DATA, AT_DATA_CR,
    AT_DATA_LF, AT_TRAILER, IN_NAME, IN_VALUE, AT_TRAILER_LF, AT_END_LF, BAD, DONE
};

enum { SIZE_DIGITS_MAX = 15 };  /* below 2^60: sums of sizes do not overflow */

static bool
is_text(char c)
{
    return c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f);
}

static enum state
after_size_line(struct chunks *c)
{
    c->line = 0;
    return c->left > 0 ? IN_DATA : AT_TRAILER;
}

static enum state
take_digit(struct chunks *c, char byte)
{
    int digit = hex_digit(byte);

    if (digit < 0)
        return BAD;
    if (c->left > 0 || digit > 0)       /* zeros in front do not count */
        c->digits++;
    if (c->digits > SIZE_DIGITS_MAX)
        return BAD;
    c->left = c->left << 4 | (unsigned)digit;
    return IN_SIZE;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool
is_token(char c)
{
    return framing_is_token((struct str){ &c, 1 });
}

/*
 * RFC 9112 7.1.1: *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ). What they mean
 * is nobody's concern here, where they end is: who reads a quote otherwise finds the end of the
 * line, and so of the body, elsewhere.
 */
static enum state
take_extension_byte(enum state state, char byte)
{
    switch (state) {
    case BEFORE_EXTENSION:
        if (byte == ';')
            return AT_EXTENSION;
        return is_blank(byte) ? BEFORE_EXTENSION : BAD;
    case AT_EXTENSION:
        if (is_token(byte))
            return IN_EXTENSION;
        return is_blank(byte) ? AT_EXTENSION : BAD;
    case IN_EXTENSION:
    case BEFORE_EQUALS:
        if (byte == '=')
            return AT_EXTENSION_VALUE;
        if (byte == ';')
            return AT_EXTENSION;
        if (is_blank(byte))
            return BEFORE_EQUALS;
        if (state == BEFORE_EQUALS)
            return BAD;
        if (byte == '\r')
            return AT_SIZE_LF;
        return is_token(byte) ? IN_EXTENSION : BAD;
    case AT_EXTENSION_VALUE:
        if (byte == '"')
            return IN_QUOTES;
        if (is_token(byte))
            return IN_EXTENSION_VALUE;
        return is_blank(byte) ? AT_EXTENSION_VALUE : BAD;
    case IN_QUOTES:
        if (byte == '"')
            return BEHIND_QUOTES;
        if (byte == '\\')
            return BEHIND_BACKSLASH;
        return is_text(byte) ? IN_QUOTES : BAD;
    case BEHIND_BACKSLASH:
        return is_text(byte) ? IN_QUOTES : BAD;
    case IN_EXTENSION_VALUE:
    case BEHIND_QUOTES:
        if (byte == '\r')
            return AT_SIZE_LF;
        if (byte == ';' || is_blank(byte))
            return byte == ';' ? AT_EXTENSION : BEFORE_EXTENSION;
        return state == IN_EXTENSION_VALUE && is_token(byte) ? IN_EXTENSION_VALUE : BAD;
    default:
        return BAD;
    }
}

/* The size line: 1*HEXDIG [ chunk-ext ] CRLF */
static enum state
take_size_byte(struct chunks *c, enum state state, char byte)
{
    if (++c->line > CHUNK_LINE_MAX)
        return BAD;
    switch (state) {
    case AT_SIZE:
        c->left = 0;
        c->digits = 0;
        return take_digit(c, byte);
    case IN_SIZE:
        if (byte == '\r')
            return AT_SIZE_LF;
        if (byte == ';')
            return AT_EXTENSION;
        return is_blank(byte) ? BEFORE_EXTENSION : take_digit(c, byte);
    case AT_SIZE_LF:
        return byte == '\n' ? after_size_line(c) : BAD;
    default:
        return take_extension_byte(state, byte);
    }
}

/* Trailer fields, as strict as those of a head. They are read over, never merged into the head. */
static enum state
take_trailer_byte(struct chunks *c, enum state state, char byte)
{
    if (++c->line > CHUNK_TRAILERS_MAX)
        return BAD;
    switch (state) {
    case AT_TRAILER:
        if (byte == '\r')
            return AT_END_LF;
        return is_token(byte) ? IN_NAME : BAD;
    case IN_NAME:
        if (byte == ':')
            return IN_VALUE;
        return is_token(byte) ? IN_NAME : BAD;
    case IN_VALUE:
        if (byte == '\r')
            return AT_TRAILER_LF;
        return is_text(byte) ? IN_VALUE : BAD;
    case AT_TRAILER_LF:
        return byte == '\n' ? AT_TRAILER : BAD;
    case AT_END_LF:
        return byte == '\n' ? DONE : BAD;
    default:
        return BAD;
    }
}

static enum state
take_byte(struct chunks *c, enum state state, char byte)
{
    if (state <= AT_SIZE_LF)
        return take_size_byte(c, state, byte);
    if (state == AT_DATA_CR)
        return byte == '\r' ? AT_DATA_LF : BAD;
    if (state == AT_DATA_LF)
        return byte == '\n' ? AT_SIZE : BAD;
    return take_trailer_byte(c, state, byte);
}

uint64_t
chunks_announced(const struct chunks *c)
{
    return c->state == IN_DATA ? c->left : 0;
}

enum chunks_verdict
chunks_read(struct chunks *c, const char *p, size_t len, size_t *used, size_t *data)
{
    enum state state = (enum state)c->state;
    size_t i = 0;

    *data = 0;
    while (i < len && state != BAD && state != DONE) {
        if (state == IN_DATA) {
            *data = (size_t)MIN((uint64_t)(len - i), c->left);
            i += *data;
            c->left -= *data;
            if (c->left == 0)
                state = AT_DATA_CR;
            break;
        }
        state = take_byte(c, state, p[i++]);
    }
    c->state = (uint8_t)state;
    *used = i;
    if (state == BAD)
        return CHUNKS_BAD;
    if (state == DONE)
        return CHUNKS_DONE;
    return *data > 0 ? CHUNKS_DATA : CHUNKS_MORE;
}
