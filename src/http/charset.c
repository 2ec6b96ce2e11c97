/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/charset.h"
#include "base/compiler.h"
#include "base/writer.h"

/* ---- tables -------------------------------------------------------------------------------- */

static void
conversion_init(struct charset_conversion *c, enum charset_kind kind)
{
    c->kind = kind;
    c->codes_len = 0;
    for (unsigned byte = 0; byte < ARRAY_LEN(c->chars); byte++)
        c->chars[byte] = (struct charset_char){ { byte < 0x80 ? (char)byte : '?' }, 1 };
}

void
charset_table_init(struct charset_table *table, bool is_utf8)
{
    conversion_init(&table->there, is_utf8 ? CHARSET_TO_UTF8 : CHARSET_BYTES);
    conversion_init(&table->back, is_utf8 ? CHARSET_FROM_UTF8 : CHARSET_BYTES);
}

/* The code of a well-formed character of n bytes. */
static uint32_t
decode(const uint8_t *p, size_t n)
{
    static const uint8_t first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t code = p[0] & first_bits[n];

    for (size_t i = 1; i < n; i++)
        code = code << 6 | (p[i] & 0x3f);
    return code;
}

/* Where the code stands, or would. */
static uint32_t
place_of(const struct charset_conversion *c, uint32_t code)
{
    uint32_t low = 0, high = c->codes_len;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (c->codes[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
add_code(struct charset_conversion *c, uint32_t code, uint8_t byte)
{
    uint32_t at;

    for (uint32_t i = 0; i < c->codes_len; i++)         /* another character of that byte before */
        if (c->codes[i].byte == byte) {
            memmove(&c->codes[i], &c->codes[i + 1], (c->codes_len - i - 1) * sizeof(c->codes[0]));
            c->codes_len--;
        }
    at = place_of(c, code);
    if (at < c->codes_len && c->codes[at].code == code) {
        c->codes[at].byte = byte;
        return;
    }
    memmove(&c->codes[at + 1], &c->codes[at], (c->codes_len - at) * sizeof(c->codes[0]));
    c->codes[at] = (struct charset_code){ code, byte };
    c->codes_len++;
}

bool
charset_table_add(struct charset_table *table, uint8_t byte, struct str to)
{
    struct charset_char *there = &table->there.chars[byte];

    if (to.len == 0 || to.len > sizeof(there->p))
        return false;
    if (table->there.kind == CHARSET_BYTES) {
        if (to.len != 1)
            return false;
        table->back.chars[(uint8_t)to.p[0]] = (struct charset_char){ { (char)byte }, 1 };
    } else {
        if (str_utf8_length(to) != to.len)
            return false;
        add_code(&table->back, decode((const uint8_t *)to.p, to.len), byte);
    }
    memcpy(there->p, to.p, to.len);
    there->len = (uint8_t)to.len;
    return true;
}

/* ---- conversion ---------------------------------------------------------------------------- */

/* Bytes on their way out. */
struct sink {
    char *p, *end;
    struct charset_run *run;
};

/* What does not fit is held; never called while something is. */
static void
put(struct sink *sink, const char *p, size_t len)
{
    size_t n = MIN(len, (size_t)(sink->end - sink->p));

    memcpy(sink->p, p, n);
    sink->p += n;
    if (n == len)
        return;
    memcpy(sink->run->held, p + n, len - n);
    sink->run->held_at = 0;
    sink->run->held_len = (uint8_t)(len - n);
}

/* False: there was not room for all. */
static bool
put_held(struct sink *sink)
{
    struct charset_run *run = sink->run;
    size_t n = MIN((size_t)run->held_len, (size_t)(sink->end - sink->p));

    memcpy(sink->p, run->held + run->held_at, n);
    sink->p += n;
    run->held_at += (uint8_t)n;
    run->held_len -= (uint8_t)n;
    return run->held_len == 0;
}

static void
put_code(const struct charset_conversion *c, struct sink *sink, uint32_t code)
{
    uint32_t at = place_of(c, code);
    char text[CHARSET_HELD_MAX];
    struct writer w;

    if (at < c->codes_len && c->codes[at].code == code) {
        put(sink, (const char *)&c->codes[at].byte, 1);
        return;
    }
    w = writer_at(text, sizeof(text));
    write_str(&w, STR("&#"));
    write_uint(&w, code);
    write_char(&w, ';');
    put(sink, text, (size_t)(w.p - text));
}

/* How many bytes a character has that begins so (RFC 3629 4); 0: none does. */
static size_t
length_of(uint8_t first)
{
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Whether the byte can follow those seen so far: the first two together rule out what is none. */
static bool
can_follow(const struct charset_run *run, uint8_t byte)
{
    uint8_t least = 0x80, most = 0xbf;

    if (run->seen_len == 1) {
        switch (run->seen[0]) {
        case 0xe0: least = 0xa0; break;
        case 0xed: most = 0x9f;  break;
        case 0xf0: least = 0x90; break;
        case 0xf4: most = 0x8f;  break;
        }
    }
    return byte >= least && byte <= most;
}

/* Takes one byte of UTF-8. False: it was not taken, as what came before it had to go first. */
static bool
take_utf8(const struct charset_conversion *c, struct sink *sink, uint8_t byte)
{
    struct charset_run *run = sink->run;

    if (run->seen_len > 0 && !can_follow(run, byte)) {
        run->seen_len = 0;
        put(sink, "?", 1);
        return false;
    }
    if (run->seen_len == 0 && byte < 0x80) {
        const char same = (char)byte;

        put(sink, &same, 1);
    } else if (run->seen_len == 0 && length_of(byte) == 0) {
        put(sink, "?", 1);
    } else {
        run->seen[run->seen_len++] = byte;
        if (run->seen_len == length_of(run->seen[0])) {
            run->seen_len = 0;
            put_code(c, sink, decode(run->seen, length_of(run->seen[0])));
        }
    }
    return true;
}

/* Bytes that stay as they are, as most do, as far as they go. */
static size_t
copy_ascii(struct sink *sink, struct str in)
{
    size_t most = MIN(in.len, (size_t)(sink->end - sink->p)), n = 0;

    while (n < most && (unsigned char)in.p[n] < 0x80)
        n++;
    memcpy(sink->p, in.p, n);
    sink->p += n;
    return n;
}

void
charset_convert(const struct charset_conversion *conversion, struct charset_run *run,
                struct str in, struct str *rest, char *out, size_t cap, size_t *made)
{
    struct sink sink = { out, out + cap, run };
    size_t i = 0;

    if (run->held_len == 0 || put_held(&sink)) {
        while (i < in.len && sink.p < sink.end && run->held_len == 0) {
            uint8_t byte = (uint8_t)in.p[i];
            const struct charset_char *to = &conversion->chars[byte];

            if (conversion->kind != CHARSET_FROM_UTF8)
                put(&sink, to->p, to->len);
            else if (run->seen_len == 0 && byte < 0x80) {
                i += copy_ascii(&sink, str_from(in, i));
                continue;
            } else if (!take_utf8(conversion, &sink, byte))
                continue;
            i++;
        }
    }
    *made = (size_t)(sink.p - out);
    *rest = str_from(in, i);
}

bool
charset_finish(struct charset_run *run, char *out, size_t cap, size_t *made)
{
    struct sink sink = { out, out + cap, run };

    if ((run->held_len == 0 || put_held(&sink)) && run->seen_len > 0) {
        run->seen_len = 0;
        put(&sink, "?", 1);
    }
    *made = (size_t)(sink.p - out);
    return run->held_len == 0;
}
