/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * writer: puts text together and carries its failure, so that it is checked once a chain.
 *
 *     struct writer w = writer_in(req->arena);
 *     write_str(&w, STR("bytes "));
 *     write_uint(&w, first);
 *     if (!w.ok)
 *         return http_fail(req, 500);
 *     struct str text = writer_str(&w);
 */
#ifndef WEIR_BASE_WRITER_H
#define WEIR_BASE_WRITER_H

#include "base/arena.h"
#include "base/compiler.h"
#include <stdarg.h>

struct writer {
    char *start, *p, *end;      /* written: [start, p); room: [p, end) */
    struct arena *arena;        /* NULL: a fixed buffer */
    bool ok;                    /* false once something did not fit; nothing is written from then
                                   on, and end is p */
};

/* Grows in the arena as needed. */
struct writer writer_in(struct arena *arena);
/*
 * Into size bytes at buf, never beyond; what no longer fits is cut, and ok false. Not
 * NUL-terminated unless writer_cstr is called.
 */
struct writer writer_at(char *buf, size_t size);

/*
 * What was written so far, good as long as its buffer; STR_NONE when it failed. For an arena writer
 * this also gives unused room back: write no more after it.
 */
struct str writer_str(struct writer *w);
/*
 * Writes a NUL that writer_cstr's length does not count and returns the text; NULL when it failed.
 */
const char *writer_cstr(struct writer *w);

/* Makes room for n more bytes; false, and ok false, when there is none. */
bool writer_room(struct writer *w, size_t n);

/* The way of write_bytes when there is no room at hand. */
void write_bytes_growing(struct writer *w, const void *p, size_t n);

static inline void
write_bytes(struct writer *w, const void *p, size_t n)
{
    if (UNLIKELY(n > (size_t)(w->end - w->p))) {
        write_bytes_growing(w, p, n);
    } else if (n > 0) {
        memcpy(w->p, p, n);
        w->p += n;
    }
}

static inline void
write_str(struct writer *w, struct str s)
{
    write_bytes(w, s.p, s.len);
}

static inline void
write_char(struct writer *w, char c)
{
    write_bytes(w, &c, 1);
}

void write_uint(struct writer *w, uint64_t v);
void write_int(struct writer *w, int64_t v);
/* Lower-case hexadecimal without leading zeros, as nginx's ETag. */
void write_hex(struct writer *w, uint64_t v);
/* Decimal, at least `width` digits, zeros in front. */
void write_padded(struct writer *w, uint64_t v, unsigned width);
/* printf. In a fixed buffer it needs one byte more than its text. */
void write_fmt(struct writer *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
void write_vfmt(struct writer *w, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

/*
 * Text for a line that may be shown on a terminal: as \xXX what would move it, control bytes but for
 * those in `kept`, those of C1 (U+0080 to U+009F), and bytes that are no UTF-8, which some terminals
 * take for them.
 */
void write_for_terminal(struct writer *w, struct str s, const char *kept);
/* Text in HTML or an attribute: & < > " ' as entities. */
void write_html(struct writer *w, struct str s);
/*
 * A log value: control bytes, '"', '\\' and bytes from 0x7f on as \xXX with upper-case digits
 * (escape=default of nginx's log_format).
 */
void write_log_escaped(struct writer *w, struct str s);
/*
 * A JSON string's inside: RFC 8259 escapes, and U+0080 to U+009F as well; bytes that are no UTF-8
 * become U+FFFD.
 */
void write_json(struct writer *w, struct str s);
/* A JSON string, with its quotes; null when there is none (str_is_set). */
void write_json_string(struct writer *w, struct str s);
/* A URI path: all but unreserved, sub-delims, ':', '@' and '/' as %XX. */
void write_uri(struct writer *w, struct str s);
/* A part of one, that stands for nothing but itself wherever it is: all but unreserved as %XX. */
void write_uri_component(struct writer *w, struct str s);
/* For people: "512 B", "1.5 KiB", "101 MiB". */
void write_size(struct writer *w, uint64_t bytes);

/* Writes v in decimal at p (room for 20 bytes) and returns the end. The bare form for hot paths. */
char *put_uint(char *p, uint64_t v);

#endif
