/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_ssi: what is found in a page does not depend on where it is cut; texts and expressions of
 * its commands stay within their bounds.
 */
#include "fuzz.h"

#include "http/ssi_command.h"

enum { VALUE_MAX = 40, EXPANDED_MAX = 100, TOLD_MAX = 200 };

static struct str
lookup(void *ctx, struct str name)
{
    (void)ctx;
    require(name.len > 0);
    return name.p[0] == 'n' ? STR_NONE : name;
}

static void
look_at_value(struct arena *arena, struct str value)
{
    char room[TOLD_MAX];
    struct writer told = writer_at(room, sizeof(room));
    struct str text = ssi_expand(arena, value, EXPANDED_MAX, lookup, NULL, &told);
    struct ssi_expression e;

    require(str_is_set(text) ? text.len <= EXPANDED_MAX : told.p > told.start);
    if (ssi_expression_read(value, &e))
        require(e.left.len + e.right.len <= value.len);
}

static void
write_found(struct writer *w, const struct ssi_scan *scan, struct arena *arena)
{
    char room[TOLD_MAX];
    struct writer told = writer_at(room, sizeof(room));
    struct ssi_command command;
    enum ssi_kind kind;

    write_fmt(w, "{%d", (int)scan->wrong);
    if (scan->wrong != SSI_SOUND) {
        ssi_scan_tell(scan, &told);
        write_bytes(w, told.start, (size_t)(told.p - told.start));
        return;
    }
    write_str(w, ssi_scan_name(scan));
    for (uint32_t i = 0; i < scan->count; i++) {
        struct ssi_param param = ssi_scan_param(scan, i);

        require(param.name.len > 0 && param.name.len <= SSI_NAME_MAX);
        require(param.value.len <= VALUE_MAX);
        write_str(w, param.name);
        write_str(w, param.value);
        look_at_value(arena, param.value);
    }
    if (!ssi_command_kind(scan, &kind, &told) || !ssi_command_read(scan, kind, &command, &told))
        require(told.p > told.start);
}

/* In pieces of so many bytes. */
static void
scan_all(struct str in, size_t piece, struct writer *w)
{
    struct arena *arena = arena_create(256, 0);
    struct ssi_scan scan;
    enum ssi_found found;
    bool unfinished;

    require(arena != NULL);
    ssi_scan_begin(&scan, arena, VALUE_MAX);
    while (in.len > 0) {
        struct str now = { in.p, MIN(in.len, piece) }, text;

        in = str_from(in, now.len);
        while ((found = ssi_scan_next(&scan, &now, &text)) != SSI_MORE) {
            if (found == SSI_TEXT) {
                require(text.len > 0);
                write_str(w, text);
                continue;
            }
            write_found(w, &scan, arena);
            arena_reset(arena);
        }
        require(now.len == 0);
    }
    write_str(w, ssi_scan_end(&scan, &unfinished));
    write_char(w, unfinished ? '.' : '!');
    arena_destroy(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = { (const char *)data, size };
    struct arena *arena = arena_create(4096, 0);
    struct writer whole, cut;

    require(arena != NULL);
    whole = writer_in(arena);
    scan_all(in, in.len, &whole);
    for (size_t piece = 1; piece <= 7; piece += 2) {
        cut = writer_in(arena);
        scan_all(in, piece, &cut);
        require(whole.ok && cut.ok);
        require(whole.p - whole.start == cut.p - cut.start
                && memcmp(whole.start, cut.start, (size_t)(whole.p - whole.start)) == 0);
    }
    arena_destroy(arena);
    return 0;
}
