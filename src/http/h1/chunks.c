/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/h1/chunks.h"
#include "base/compiler.h"
#include "base/str.h"
#include "http/h1/framing.h"

enum state {
    AT_SIZE, IN_SIZE, BEFORE_EXTENSION, IN_EXTENSION, AT_SIZE_LF, IN_DATA, AT_DATA_CR, AT_DATA_LF,
    AT_TRAILER, IN_NAME, IN_VALUE, AT_TRAILER_LF, AT_END_LF, BAD, DONE
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

/* The size line: 1*HEXDIG [ BWS ";" … ] CRLF */
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
            return IN_EXTENSION;
        return byte == ' ' || byte == '\t' ? BEFORE_EXTENSION : take_digit(c, byte);
    case BEFORE_EXTENSION:
        if (byte == ';')
            return IN_EXTENSION;
        return byte == ' ' || byte == '\t' ? BEFORE_EXTENSION : BAD;
    case IN_EXTENSION:
        if (byte == '\r')
            return AT_SIZE_LF;
        return is_text(byte) ? IN_EXTENSION : BAD;
    case AT_SIZE_LF:
        return byte == '\n' ? after_size_line(c) : BAD;
    default:
        return BAD;
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
        return framing_is_token((struct str){ &byte, 1 }) ? IN_NAME : BAD;
    case IN_NAME:
        if (byte == ':')
            return IN_VALUE;
        return framing_is_token((struct str){ &byte, 1 }) ? IN_NAME : BAD;
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
