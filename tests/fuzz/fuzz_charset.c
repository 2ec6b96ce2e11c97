/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_charset: a text comes out the same however it is cut, and never larger than it can be. */
#include "fuzz.h"

#include "http/charset.h"

enum { GROWS = 10 };            /* a byte becomes at most so many: "&#1114111;" has four of them */

struct text {
    char *p;
    size_t len, cap;
};

/* The table is made of the first bytes: triples of a byte and a character of one or two. */
static struct str
make_table(struct str data, struct charset_table *table)
{
    bool is_utf8 = data.len > 0 && (data.p[0] & 1) != 0;
    size_t entries = data.len > 0 ? (unsigned char)data.p[0] >> 1 : 0;

    charset_table_init(table, is_utf8);
    data = str_from(data, 1);
    for (; entries > 0 && data.len >= 3; entries--) {
        charset_table_add(table, (uint8_t)data.p[0], (struct str){ data.p + 1, is_utf8 ? 2 : 1 });
        data = str_from(data, 3);
    }
    require(table->back.codes_len <= 256);
    return data;
}

static void
convert(const struct charset_conversion *c, struct str in, size_t in_cap, size_t out_cap,
        struct text *out)
{
    struct charset_run run = { 0 };
    bool done = false;
    size_t made;

    out->len = 0;
    while (in.len > 0) {
        struct str piece = { in.p, MIN(in.len, in_cap) }, rest;
        size_t room = MIN(out_cap, out->cap - out->len);

        charset_convert(c, &run, piece, &rest, out->p + out->len, room, &made);
        require(made <= room && rest.len <= piece.len && (made > 0 || rest.len < piece.len));
        out->len += made;
        in = str_from(in, piece.len - rest.len);
    }
    while (!done) {
        done = charset_finish(&run, out->p + out->len, MIN(out_cap, out->cap - out->len), &made);
        require(done || made > 0);
        out->len += made;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct charset_table table;
    struct str in = make_table((struct str){ (const char *)data, size }, &table);
    size_t in_cap = in.len > 0 ? (size_t)(in.p[0] & 15) + 1 : 1;
    size_t out_cap = in.len > 0 ? ((size_t)(unsigned char)in.p[0] >> 4) + 1 : 1;
    const struct charset_conversion *ways[] = { &table.there, &table.back };
    struct text whole = { .cap = in.len * GROWS + 1 }, cut = { .cap = in.len * GROWS + 1 };

    whole.p = malloc(whole.cap);
    cut.p = malloc(cut.cap);
    require(whole.p != NULL && cut.p != NULL);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        convert(ways[i], in, in.len + 1, whole.cap, &whole);
        convert(ways[i], in, in_cap, out_cap, &cut);
        require(whole.len == cut.len && memcmp(whole.p, cut.p, whole.len) == 0);
    }
    free(whole.p);
    free(cut.p);
    return 0;
}
