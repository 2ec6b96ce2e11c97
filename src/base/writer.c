/* SPDX-License-Identifier: BSD-2-Clause */
/* writer: growing, numbers, and the escapes of the languages that the server writes. */
#include "base/writer.h"
#include <stdio.h>
#include <string.h>

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

enum { SMALLEST_GROWTH = 128, UINT_DIGITS_MAX = 20, HEX_DIGITS_MAX = 16 };

static const char upper_hex[] = "0123456789ABCDEF";
static const char lower_hex[] = "0123456789abcdef";

struct writer
writer_in(struct arena *arena)
{
    return (struct writer){ .arena = arena, .ok = true };
}

struct writer
writer_at(char *buf, size_t size)
{
    return (struct writer){ .start = buf, .p = buf, .end = buf + size, .ok = true };
}

struct str
writer_str(struct writer *w)
{
    if (!w->ok)
        return STR_NONE;
    if (w->start == NULL)
        return STR("");
    if (w->arena != NULL) {
        arena_trim(w->arena, w->start, (size_t)(w->end - w->start), (size_t)(w->p - w->start));
        w->end = w->p;
    }
    return (struct str){ w->start, (size_t)(w->p - w->start) };
}

const char *
writer_cstr(struct writer *w)
{
    write_char(w, '\0');
    if (!w->ok)
        return NULL;
    w->p--;
    if (w->arena != NULL) {
        arena_trim(w->arena, w->start, (size_t)(w->end - w->start), (size_t)(w->p + 1 - w->start));
        w->end = w->p;
    }
    return w->start;
}

static bool
fail(struct writer *w)
{
    w->ok = false;
    w->end = w->p;
    return false;
}

/* Moves what is written to a place of `cap` bytes in the arena. */
static bool
move(struct writer *w, size_t len, size_t cap)
{
    char *p = arena_bytes(w->arena, cap);

    if (p == NULL)
        return fail(w);
    if (len > 0)
        memcpy(p, w->start, len);
    w->start = p;
    w->p = p + len;
    w->end = p + cap;
    return true;
}

bool
writer_room(struct writer *w, size_t n)
{
    size_t len = (size_t)(w->p - w->start), cap = (size_t)(w->end - w->start);
    size_t wanted;

    if (n <= cap - len)
        return w->ok;
    if (!w->ok || w->arena == NULL || n > SIZE_MAX / 4)
        return fail(w);
    wanted = MAX(len + n, MAX(2 * cap, (size_t)SMALLEST_GROWTH));
    if (w->start != NULL) {
        if (!arena_extend(w->arena, w->start, cap, wanted)) {
            if (!arena_extend(w->arena, w->start, cap, len + n))
                return move(w, len, wanted);
            wanted = len + n;
        }
        w->end = w->start + wanted;
        return true;
    }
    return move(w, 0, wanted);
}

void
write_bytes_growing(struct writer *w, const void *p, size_t n)
{
    size_t room = (size_t)(w->end - w->p);

    if (w->arena == NULL && room > 0) {
        memcpy(w->p, p, room);
        w->p += room;
        fail(w);
    } else if (writer_room(w, n)) {
        memcpy(w->p, p, n);
        w->p += n;
    }
}

static const char digit_pairs[] =
    "00010203040506070809" "10111213141516171819" "20212223242526272829" "30313233343536373839"
    "40414243444546474849" "50515253545556575859" "60616263646566676869" "70717273747576777879"
    "80818283848586878889" "90919293949596979899";

/* Writes v so that it ends before `end`, and returns where it starts. */
static char *
digits_before(char *end, uint64_t v)
{
    while (v >= 100) {
        end -= 2;
        memcpy(end, digit_pairs + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10) {
        end -= 2;
        memcpy(end, digit_pairs + v * 2, 2);
    } else {
        *--end = (char)('0' + v);
    }
    return end;
}

static unsigned
count_digits(uint64_t v)
{
    unsigned n = 1;

    for (; v >= 10000; v /= 10000)
        n += 4;
    return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

char *
put_uint(char *p, uint64_t v)
{
    char *end = p + count_digits(v);

    digits_before(end, v);
    return end;
}

void
write_uint(struct writer *w, uint64_t v)
{
    char digits[UINT_DIGITS_MAX];
    char *end = digits + sizeof(digits), *start;

    if (LIKELY(w->end - w->p >= UINT_DIGITS_MAX)) {
        w->p = put_uint(w->p, v);
        return;
    }
    start = digits_before(end, v);
    write_bytes(w, start, (size_t)(end - start));
}

void
write_int(struct writer *w, int64_t v)
{
    if (v < 0)
        write_char(w, '-');
    write_uint(w, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void
write_hex(struct writer *w, uint64_t v)
{
    char digits[HEX_DIGITS_MAX];
    char *end = digits + sizeof(digits), *start = end;

    do {
        *--start = lower_hex[v & 0xf];
        v >>= 4;
    } while (v != 0);
    write_bytes(w, start, (size_t)(end - start));
}

void
write_padded(struct writer *w, uint64_t v, unsigned width)
{
    for (unsigned n = count_digits(v); n < width && w->ok; n++)
        write_char(w, '0');
    write_uint(w, v);
}

void
write_vfmt(struct writer *w, const char *fmt, va_list args)
{
    size_t room = (size_t)(w->end - w->p);
    va_list again;
    int len;

    if (!w->ok)
        return;
    va_copy(again, args);
    len = vsnprintf(w->p, room, fmt, args);
    if (len < 0) {
        fail(w);
    } else if ((size_t)len < room) {
        w->p += len;
    } else if (w->arena == NULL) {
        w->p += room > 0 ? room - 1 : 0;
        fail(w);
    } else if (writer_room(w, (size_t)len + 1)) {
        vsnprintf(w->p, (size_t)len + 1, fmt, again);
        w->p += len;
    }
    va_end(again);
}

void
write_fmt(struct writer *w, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    write_vfmt(w, fmt, args);
    va_end(args);
}

static struct str
html_entity(char c)
{
    switch (c) {
    case '&':
        return STR("&amp;");
    case '<':
        return STR("&lt;");
    case '>':
        return STR("&gt;");
    case '"':
        return STR("&quot;");
    case '\'':
        return STR("&#39;");
    }
    return STR_NONE;
}

void
write_html(struct writer *w, struct str s)
{
    for (size_t i = 0, plain = 0; i < s.len; plain = ++i) {
        while (i < s.len && html_entity(s.p[i]).len == 0)
            i++;
        write_bytes(w, s.p + plain, i - plain);
        if (i == s.len)
            return;
        write_str(w, html_entity(s.p[i]));
    }
}

/*
 * The high bit of a byte is set where the byte of v is zero; beyond the first such byte it may be
 * set wrongly.
 */
static inline uint64_t
zero_bytes(uint64_t v)
{
    return (v - EACH_BYTE(1)) & ~v & EACH_BYTE(0x80);
}

static bool
is_plain_in_log(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/*
 * Offset of the first byte that a log value may not hold, from `i` on; eight bytes at a time as
 * long as they are all plain.
 */
static size_t
skip_plain_in_log(struct str s, size_t i)
{
    for (; s.len - i >= 8; i += 8) {
        uint64_t v, odd;

        memcpy(&v, s.p + i, sizeof(v));
        odd = (v | ((v - EACH_BYTE(0x20)) & ~v)) & EACH_BYTE(0x80);
        odd |= zero_bytes(v ^ EACH_BYTE('"')) | zero_bytes(v ^ EACH_BYTE('\\'));
        odd |= zero_bytes(v ^ EACH_BYTE(0x7f));
        if (odd != 0)
            break;
    }
    while (i < s.len && is_plain_in_log((unsigned char)s.p[i]))
        i++;
    return i;
}

static void
write_byte_escaped(struct writer *w, const char *prefix, unsigned char c)
{
    write_str(w, str_of(prefix));
    write_char(w, upper_hex[c >> 4]);
    write_char(w, upper_hex[c & 0xf]);
}

void
write_log_escaped(struct writer *w, struct str s)
{
    for (size_t i = 0, plain = 0; i < s.len; plain = ++i) {
        i = skip_plain_in_log(s, i);
        write_bytes(w, s.p + plain, i - plain);
        if (i == s.len)
            return;
        write_byte_escaped(w, "\\x", (unsigned char)s.p[i]);
    }
}

/* How many bytes of s may be shown as they are: a character that moves no terminal. */
static size_t
visible_length(struct str s, const char *kept)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = str_utf8_length(s);

    if (c < 0x20 || c == 0x7f)
        return c != '\0' && strchr(kept, c) != NULL;
    return n == 2 && c == 0xc2 && (unsigned char)s.p[1] < 0xa0 ? 0 : n;
}

void
write_for_terminal(struct writer *w, struct str s, const char *kept)
{
    for (size_t i = 0, n; i < s.len; i += n) {
        n = visible_length(str_from(s, i), kept);
        if (n > 0) {
            write_bytes(w, s.p + i, n);
            continue;
        }
        write_byte_escaped(w, "\\x", (unsigned char)s.p[i]);
        n = 1;
    }
}

static void
write_json_control(struct writer *w, unsigned char c)
{
    static const char names[256] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
    };

    if (names[c] == '\0') {
        write_byte_escaped(w, "\\u00", c);
        return;
    }
    write_char(w, '\\');
    write_char(w, names[c]);
}

void
write_json(struct writer *w, struct str s)
{
    for (size_t i = 0, n; i < s.len; i += n) {
        unsigned char c = (unsigned char)s.p[i];

        n = str_utf8_length(str_from(s, i));
        if (n == 0) {
            write_str(w, STR("\xef\xbf\xbd"));
            n = 1;
        } else if (c < 0x20) {
            write_json_control(w, c);
        } else if (c == 0xc2 && (unsigned char)s.p[i + 1] < 0xa0) {
            write_json_control(w, (unsigned char)s.p[i + 1]);   /* C1: some terminals obey it */
        } else {
            if (c == '"' || c == '\\')
                write_char(w, '\\');
            write_bytes(w, s.p + i, n);
        }
    }
}

void
write_json_string(struct writer *w, struct str s)
{
    if (!str_is_set(s)) {
        write_str(w, STR("null"));
        return;
    }
    write_char(w, '"');
    write_json(w, s);
    write_char(w, '"');
}

/* pchar and "/" of RFC 3986 3.3. */
static const bool plain_in_path[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true,
    ['-'] = true, ['.'] = true, ['_'] = true, ['~'] = true,
    ['!'] = true, ['$'] = true, ['&'] = true, ['\''] = true, ['('] = true, [')'] = true,
    ['*'] = true, ['+'] = true, [','] = true, [';'] = true, ['='] = true,
    [':'] = true, ['@'] = true, ['/'] = true,
};

/* RFC 3986 2.3 */
static const bool unreserved[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true,
    ['-'] = true, ['.'] = true, ['_'] = true, ['~'] = true,
};

static void
write_percent_encoded(struct writer *w, struct str s, const bool plain[256])
{
    for (size_t i = 0, from = 0; i < s.len; from = ++i) {
        while (i < s.len && plain[(unsigned char)s.p[i]])
            i++;
        write_bytes(w, s.p + from, i - from);
        if (i == s.len)
            return;
        write_byte_escaped(w, "%", (unsigned char)s.p[i]);
    }
}

void
write_uri(struct writer *w, struct str s)
{
    write_percent_encoded(w, s, plain_in_path);
}

void
write_uri_component(struct writer *w, struct str s)
{
    write_percent_encoded(w, s, unreserved);
}

void
write_size(struct writer *w, uint64_t bytes)
{
    static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB" };
    unsigned unit = 0, shift;

    while (unit < ARRAY_LEN(units) - 1 && bytes >> (10 * unit) >= 1024)
        unit++;
    shift = 10 * unit;
    if (unit == 0) {
        write_uint(w, bytes);
    } else if (bytes >> shift >= 100) {
        write_uint(w, (bytes >> shift) + (bytes >> (shift - 1) & 1));
    } else {
        uint64_t tenths = ((bytes >> (shift - 10)) * 10 + 512) / 1024;

        write_uint(w, tenths / 10);
        write_char(w, '.');
        write_uint(w, tenths % 10);
    }
    write_str(w, str_of(units[unit]));
}
