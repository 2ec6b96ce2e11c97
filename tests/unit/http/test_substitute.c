/* SPDX-License-Identifier: BSD-2-Clause */
/* substitute: which texts are found, in streams cut at every place, and beside a plain search. */
#include "http/substitute.h"
#include "base/compiler.h"
#include "base/writer.h"
#include "unit.h"

enum { TEXTS_MAX = 5 };

/* What was found stands as its number in brackets: "[1]". */
static const struct { const char *texts[TEXTS_MAX + 1]; bool once; const char *in, *out; } cases[] = {
    { { "foo" }, false, "a foo b", "a [0] b" },
    { { "foo" }, false, "", "" },
    { { "foo" }, false, "fo", "fo" },
    { { "foo" }, false, "foo", "[0]" },
    { { "foo" }, false, "fofoofoofo", "fo[0][0]fo" },
    { { "FoO" }, false, "foo FOO fOo", "[0] [0] [0]" },
    { { "@" }, false, "`@`", "`[0]`" },                         /* a letter's other case only */
    { { "[" }, false, "{[{", "{[0]{" },
    { { "\xc4" }, false, "\xc4\xe4", "[0]\xe4" },
    { { "aa" }, false, "aaaaa", "[0][0]a" },
    { { "a" }, false, "xaax", "x[0][0]x" },
    { { "ab", "abc" }, false, "xabcabx", "x[0]c[0]x" },         /* the first in the set */
    { { "abc", "ab" }, false, "xabcabx", "x[0][1]x" },
    { { "bc", "abcd" }, false, "xabcdbcabce", "x[1][0]a[0]e" }, /* what begins first */
    { { "abcde", "bc", "c" }, false, "xabcdbcabcexabcde", "xa[1]d[1]a[1]ex[0]" },
    { { "abc", "x" }, false, "abcx", "[0][1]" },
    { { "aaaaaaab", "a" }, false, "aaaaaaaaaab", "[1][1][1][0]" },
    { { "aaaaaaab", "aa" }, false, "aaaaaaa", "[1][1][1]a" },
    { { "a", "b", "ab" }, false, "abba", "[0][1][1][0]" },
    { { "he", "she", "hers", "his" }, false, "ushers his", "u[1]rs [3]" },
    { { "", "b", "" }, false, "abc", "a[1]c" },
    { { "ab" }, true, "abab", "[0]ab" },
    { { "ab", "cd" }, true, "ab cd ab cd", "[0] [1] ab cd" },
    { { "ab", "abc" }, true, "abc abc abc ab", "[0]c [1] abc ab" },
    { { "abc", "ab" }, true, "abc abc abc ab", "[0] [1]c abc ab" },
    { { "ab", "AB", "Ab" }, true, "ab ab ab ab", "[0] [1] [2] ab" },
    { { "ab", "AB" }, false, "ab ab", "[0] [0]" },
    { { "abab", "b" }, true, "ababab", "[0]a[1]" },
    { { "abcd", "bcdx", "cd" }, true, "abcdbcdxcd", "[0][1][2]" },
    { { "aab", "a" }, true, "aaab", "[1][0]" },
    { { "" }, false, "abc", "abc" },
    { { "" }, true, "abc", "abc" },
};

struct texts {
    struct str items[TEXTS_MAX];
    uint32_t count;
};

/* In pieces of `cut` bytes, behind `first`; each piece in memory of its own, so that ASan sees its end. */
static struct str
search(struct arena *arena, const struct texts *texts, bool once, struct str in, size_t first,
       size_t cut)
{
    const struct substitute_set *set = substitute_compile(arena, texts->items, texts->count);
    struct substitute_run run;
    struct writer w = writer_in(arena);
    size_t end = first;

    ck_assert(set != NULL && substitute_begin(&run, arena, set, once));
    if (substitute_longest(set) == 0)
        return in;
    for (;; end += cut) {
        bool is_last = end >= in.len;
        size_t len = MIN(end, in.len) - run.begin;
        char *copy = malloc(len + 1);
        struct str rest = { memcpy(copy + 1, in.p + run.begin, len), len };
        struct substitute_piece piece;

        do {
            piece = substitute_next(&run, rest, is_last);
            ck_assert(piece.plain <= piece.len && piece.len <= rest.len);
            write_str(&w, (struct str){ rest.p, piece.plain });
            if (piece.found != SUBSTITUTE_NONE)
                write_fmt(&w, "[%u]", piece.found);
            rest = str_from(rest, piece.len);
        } while (piece.found != SUBSTITUTE_NONE);
        ck_assert(rest.len == 0 || (!is_last && rest.len < substitute_longest(set)));
        free(copy);
        if (is_last)
            return writer_str(&w);
    }
}

static struct texts
texts_of(const char *const *texts)
{
    struct texts result = { 0 };

    for (; texts[result.count] != NULL; result.count++)
        result.items[result.count] = str_of(texts[result.count]);
    return result;
}

START_TEST(what_is_found)
{
    struct texts texts = texts_of(cases[_i].texts);
    struct str in = str_of(cases[_i].in);

    for (size_t first = 0; first <= in.len; first++)
        for (size_t cut = 1; cut <= in.len + 1; cut++) {
            struct arena *arena = arena_create(4096, 0);
            struct str out = search(arena, &texts, cases[_i].once, in, first, cut);

            ck_assert_msg(str_eq(out, str_of(cases[_i].out)), "%.*s, cut at %zu, then by %zu",
                          STR_ARG(out), first, cut);
            arena_destroy(arena);
        }
}
END_TEST

/* The same at each place in turn, text by text. */
static struct str
plain_search(struct arena *arena, const struct texts *texts, bool once, struct str in)
{
    bool used[TEXTS_MAX] = { false };
    struct writer w = writer_in(arena);
    size_t at = 0;

    while (at < in.len) {
        uint32_t i = 0;

        while (i < texts->count && (used[i] || texts->items[i].len == 0
                                    || !str_istarts(str_from(in, at), texts->items[i])))
            i++;
        if (i == texts->count) {
            write_char(&w, in.p[at++]);
            continue;
        }
        used[i] = once;
        write_fmt(&w, "[%u]", i);
        at += texts->items[i].len;
    }
    return writer_str(&w);
}

static uint32_t random_state;

static uint32_t
random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

/* Of the first letters, in both cases; few, so that much is found. */
static struct str
random_text(struct arena *arena, size_t len, uint32_t letters)
{
    char *p = arena_bytes(arena, len + 1);

    for (size_t i = 0; i < len; i++)
        p[i] = (char)((random_below(2) == 0 ? 'a' : 'A') + random_below(letters));
    return (struct str){ p, len };
}

START_TEST(random_texts_are_found_as_by_a_plain_search)
{
    random_state = (uint32_t)_i + 1;
    for (unsigned round = 0; round < 2000; round++) {
        struct arena *arena = arena_create(4096, 0);
        struct texts texts = { .count = 1 + random_below(TEXTS_MAX) };
        uint32_t letters = 1 + random_below(4);
        uint32_t longest = 1 + random_below(8);
        bool once = random_below(2) == 0;
        struct str in, expected, out;

        for (uint32_t i = 0; i < texts.count; i++)
            texts.items[i] = random_text(arena, random_below(longest + 1), letters);
        in = random_text(arena, random_below(60), letters);
        expected = plain_search(arena, &texts, once, in);
        out = search(arena, &texts, once, in, random_below(10), 1 + random_below(9));
        ck_assert_msg(str_eq(out, expected), "round %u: \"%.*s\" for \"%.*s\" of \"%.*s\"", round,
                      STR_ARG(out), STR_ARG(expected), STR_ARG(in));
        arena_destroy(arena);
    }
}
END_TEST

/* Also longer than a probe looks ahead. */
START_TEST(long_texts_are_found)
{
    static const size_t lengths[] = { 63, 64, 65, 256, 1000 };
    struct arena *arena = arena_create(4096, 0);
    struct texts texts = { .count = 1 };
    char *p = arena_bytes(arena, 5000);
    struct str out;

    memset(p, 'x', 5000);
    for (size_t i = 0; i < lengths[_i]; i++)
        p[2000 + i] = (char)('a' + i % 23);
    texts.items[0] = (struct str){ p + 2000, lengths[_i] };
    out = search(arena, &texts, false, (struct str){ p, 5000 }, 2100, 77);
    ck_assert_uint_eq(out.len, 5000 - lengths[_i] + 3);
    ck_assert(memcmp(out.p + 2000, "[0]", 3) == 0);
    arena_destroy(arena);
}
END_TEST

/* More texts than are looked for side by side. */
START_TEST(many_texts_are_found)
{
    struct arena *arena = arena_create(4096, 0);
    struct str texts[40];
    char one[] = "<00>", in[40 * 6];
    const struct substitute_set *set;
    struct substitute_run run;
    struct str rest = { in, 0 };

    for (unsigned i = 0; i < 40; i++) {
        one[1] = (char)('a' + i % 26);
        one[2] = (char)('0' + i / 26);
        texts[i] = arena_str(arena, str_of(one));
        memcpy(in + rest.len, one, 4);
        memcpy(in + rest.len + 4, "<a", 2);
        rest.len += 6;
    }
    set = substitute_compile(arena, texts, 40);
    ck_assert(set != NULL && substitute_begin(&run, arena, set, false));
    for (unsigned i = 0; i < 40; i++) {
        struct substitute_piece piece = substitute_next(&run, rest, true);

        ck_assert_uint_eq(piece.found, i);
        ck_assert_uint_eq(piece.plain, i == 0 ? 0 : 2);
        rest = str_from(rest, piece.len);
    }
    ck_assert_uint_eq(substitute_next(&run, rest, true).found, SUBSTITUTE_NONE);
    arena_destroy(arena);
}
END_TEST

/* What is whole leaves at once, though more may come; what may grow into a longer text waits. */
START_TEST(nothing_waits_that_cannot_change)
{
    struct arena *arena = arena_create(4096, 0);
    const struct str texts[] = { STR_INIT("abcd"), STR_INIT("ab"), STR_INIT("x") };
    const struct substitute_set *set = substitute_compile(arena, texts, 3);
    struct substitute_run run;
    struct substitute_piece piece;

    ck_assert(set != NULL && substitute_begin(&run, arena, set, false));
    piece = substitute_next(&run, STR("--x"), false);
    ck_assert(piece.plain == 2 && piece.len == 3 && piece.found == 2);
    piece = substitute_next(&run, STR("--ab"), false);
    ck_assert(piece.plain == 2 && piece.len == 2 && piece.found == SUBSTITUTE_NONE);
    piece = substitute_next(&run, STR("abce"), false);
    ck_assert(piece.plain == 0 && piece.len == 2 && piece.found == 1);
    arena_destroy(arena);
}
END_TEST

/* Millions of bytes at which a long text nearly begins: the time is that of a pass, not of their product. */
START_TEST(a_text_that_nearly_fits_everywhere_costs_no_more)
{
    enum { LONG = 8000, IN = 2 << 20 };
    struct arena *arena = arena_create(4096, 0);
    char *p = arena_bytes(arena, IN);
    struct texts texts = { .count = 2, .items = { { p, LONG }, STR_INIT("a") } };
    struct texts alone = { .count = 1, .items = { texts.items[0] } };
    char *text = arena_bytes(arena, LONG);

    memset(p, 'a', IN);
    memset(text, 'a', LONG);
    text[LONG - 1] = 'b';
    texts.items[0].p = alone.items[0].p = text;
    ck_assert_uint_eq(search(arena, &texts, false, (struct str){ p, IN }, IN, 1).len, IN * 3);
    ck_assert_uint_eq(search(arena, &alone, false, (struct str){ p, IN }, IN, 1).len, IN);
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/substitute");

    unit_add(suite, what_is_found, ARRAY_LEN(cases));
    unit_add(suite, random_texts_are_found_as_by_a_plain_search, 20);
    unit_add(suite, long_texts_are_found, 5);
    unit_add(suite, many_texts_are_found, 1);
    unit_add(suite, nothing_waits_that_cannot_change, 1);
    unit_add(suite, a_text_that_nearly_fits_everywhere_costs_no_more, 1);
    return unit_run(suite);
}
