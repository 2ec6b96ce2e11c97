/* SPDX-License-Identifier: BSD-2-Clause */
/* uri: targets, and what is looked up for them. */
#include "unit.h"
#include "http/uri.h"

static struct arena *arena;

static void
open_arena(void)
{
    arena = arena_create(4096, 0);
    ck_assert_ptr_nonnull(arena);
}

static void
close_arena(void)
{
    arena_destroy(arena);
}

/* A copy in a block of its own size, so that a sanitizer sees a look beyond it. */
static struct str
exact(struct str s)
{
    char *copy = malloc(s.len + (s.len == 0));

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, s.p, s.len);
    return (struct str){ copy, s.len };
}

static void
assert_str(struct str got, struct str want)
{
    ck_assert_msg(str_eq(got, want) && str_is_set(got) == str_is_set(want),
                  "\"%.*s\" instead of \"%.*s\"", STR_ARG(got), STR_ARG(want));
}

#define NONE { NULL, 0 }
#define S(text) STR_INIT(text)

static const struct {
    struct str target, path, args, raw;
    bool complex;
} origins[] = {
    { S("/"), S("/"), NONE, S("/"), false },
    { S("/a/b.html"), S("/a/b.html"), NONE, S("/a/b.html"), false },
    { S("/a/"), S("/a/"), NONE, S("/a/"), false },
    { S("/a?b=c"), S("/a"), S("b=c"), S("/a?b=c"), false },
    { S("/a?"), S("/a"), S(""), S("/a?"), false },
    { S("/?/../%zz"), S("/"), S("/../%zz"), S("/?/../%zz"), false },
    { S("/a?b?c"), S("/a"), S("b?c"), S("/a?b?c"), false },
    { S("/a\\..\\b"), S("/a\\..\\b"), NONE, S("/a\\..\\b"), false },
    { S("/.a/..b/c./d../..."), S("/.a/..b/c./d../..."), NONE, S("/.a/..b/c./d../..."), false },
    { S("/a+b;c=d,e:f@g"), S("/a+b;c=d,e:f@g"), NONE, S("/a+b;c=d,e:f@g"), false },
    { S("/\xc3\xbc"), S("/\xc3\xbc"), NONE, S("/\xc3\xbc"), false },
    /* decoded once */
    { S("/%61"), S("/a"), NONE, S("/%61"), true },
    { S("/%c3%BC"), S("/\xc3\xbc"), NONE, S("/%c3%BC"), true },
    { S("/%ff%80"), S("/\xff\x80"), NONE, S("/%ff%80"), true },
    { S("/%2541"), S("/%41"), NONE, S("/%2541"), true },
    { S("/%25"), S("/%"), NONE, S("/%25"), true },
    { S("/%252e%252e/a"), S("/%2e%2e/a"), NONE, S("/%252e%252e/a"), true },
    { S("/a%3fb%23c"), S("/a?b#c"), NONE, S("/a%3fb%23c"), true },
    { S("/a%3fb?c"), S("/a?b"), S("c"), S("/a%3fb?c"), true },
    { S("/%01%7f%20"), S("/\x01\x7f "), NONE, S("/%01%7f%20"), true },
    { S("/a%5c..%5cb"), S("/a\\..\\b"), NONE, S("/a%5c..%5cb"), true },
    /* dot segments */
    { S("/."), S("/"), NONE, S("/."), true },
    { S("/./"), S("/"), NONE, S("/./"), true },
    { S("/./a"), S("/a"), NONE, S("/./a"), true },
    { S("/a/."), S("/a/"), NONE, S("/a/."), true },
    { S("/a/.?b"), S("/a/"), S("b"), S("/a/.?b"), true },
    { S("/a/.."), S("/"), NONE, S("/a/.."), true },
    { S("/a/../"), S("/"), NONE, S("/a/../"), true },
    { S("/a/../b"), S("/b"), NONE, S("/a/../b"), true },
    { S("/a/b/../../c"), S("/c"), NONE, S("/a/b/../../c"), true },
    { S("/a/b/c/./../../g"), S("/a/g"), NONE, S("/a/b/c/./../../g"), true },
    { S("/mid/content=5/../6"), S("/mid/6"), NONE, S("/mid/content=5/../6"), true },
    { S("/a/%2e"), S("/a/"), NONE, S("/a/%2e"), true },
    { S("/a/.%2e/b"), S("/b"), NONE, S("/a/.%2e/b"), true },
    { S("/a/%2E%2e/b"), S("/b"), NONE, S("/a/%2E%2e/b"), true },
    { S("/a%2f..%2fb"), S("/b"), NONE, S("/a%2f..%2fb"), true },
    { S("/a/%2e%2e%2fb"), S("/b"), NONE, S("/a/%2e%2e%2fb"), true },
    { S("/%2e%61"), S("/.a"), NONE, S("/%2e%61"), true },
    { S("/%2e%2e%2e/b"), S("/.../b"), NONE, S("/%2e%2e%2e/b"), true },
    /* slashes */
    { S("//"), S("/"), NONE, S("//"), true },
    { S("//a"), S("/a"), NONE, S("//a"), true },
    { S("/a//b///c"), S("/a/b/c"), NONE, S("/a//b///c"), true },
    { S("/a//"), S("/a/"), NONE, S("/a//"), true },
    { S("/a//?b//c"), S("/a/"), S("b//c"), S("/a//?b//c"), true },
    { S("/a%2f/%2Fb"), S("/a/b"), NONE, S("/a%2f/%2Fb"), true },
    { S("/a//../b"), S("/b"), NONE, S("/a//../b"), true },
    { S("/a/.//b"), S("/a/b"), NONE, S("/a/.//b"), true },
    { S("/a/..//"), S("/"), NONE, S("/a/..//"), true },
    { S("/a/b/..//"), S("/a/"), NONE, S("/a/b/..//"), true },
};

START_TEST(origin_form_is_split_and_resolved)
{
    struct str target = exact(origins[_i].target);
    struct uri uri;

    ck_assert(uri_parse(arena, target, true, &uri));
    assert_str(uri.path, origins[_i].path);
    assert_str(uri.args, origins[_i].args);
    assert_str(uri.raw, origins[_i].raw);
    assert_str(uri.host, STR_NONE);
    ck_assert_int_eq(uri.complex, origins[_i].complex);
    ck_assert(!uri.is_asterisk);
    free((char *)target.p);
}
END_TEST

START_TEST(unchanged_path_shares_the_bytes_of_the_target)
{
    struct str target = origins[_i].target;
    struct uri uri;

    ck_assert(uri_parse(arena, target, true, &uri));
    ck_assert_int_eq(uri.path.p == target.p, !origins[_i].complex);
    ck_assert_int_eq(arena_used(arena) == 0, !origins[_i].complex);
}
END_TEST

static const struct { struct str target, path; } unmerged[] = {
    { S("//"), S("//") },
    { S("//a"), S("//a") },
    { S("/a//b///c//"), S("/a//b///c//") },
    { S("/a%2f/%2Fb"), S("/a///b") },
    { S("/a//../b"), S("/a/b") },
    { S("/a//../../b"), S("/b") },
    { S("/a/.//b"), S("/a//b") },
    { S("//.."), S("/") },
    { S("//../a"), S("/a") },
};

START_TEST(slashes_stay_when_merging_is_off)
{
    struct uri uri;

    ck_assert(uri_parse(arena, unmerged[_i].target, false, &uri));
    assert_str(uri.path, unmerged[_i].path);
    ck_assert_int_eq(uri.complex, !str_eq(unmerged[_i].target, unmerged[_i].path));
}
END_TEST

static const struct { struct str target, host, path, args, raw; } absolutes[] = {
    { S("http://h/a?b"), S("h"), S("/a"), S("b"), S("/a?b") },
    { S("HTTP://h/"), S("h"), S("/"), NONE, S("/") },
    { S("https://h:8443/a"), S("h:8443"), S("/a"), NONE, S("/a") },
    { S("hTTpS://[::1]:80/a"), S("[::1]:80"), S("/a"), NONE, S("/a") },
    { S("http://h"), S("h"), S("/"), NONE, S("/") },
    { S("http://h:"), S("h:"), S("/"), NONE, S("/") },
    { S("http://h?a=b"), S("h"), S("/"), S("a=b"), S("/?a=b") },
    { S("http://h?a/../@b"), S("h"), S("/"), S("a/../@b"), S("/?a/../@b") },
    { S("http://h?"), S("h"), S("/"), S(""), S("/?") },
    { S("http://h//a/../%62"), S("h"), S("/b"), NONE, S("//a/../%62") },
    { S("http://h/http://i/"), S("h"), S("/http:/i/"), NONE, S("/http://i/") },
};

START_TEST(absolute_form_gives_its_authority)
{
    struct str target = exact(absolutes[_i].target);
    struct uri uri;

    ck_assert(uri_parse(arena, target, true, &uri));
    assert_str(uri.host, absolutes[_i].host);
    assert_str(uri.path, absolutes[_i].path);
    assert_str(uri.args, absolutes[_i].args);
    assert_str(uri.raw, absolutes[_i].raw);
    free((char *)target.p);
}
END_TEST

START_TEST(asterisk_is_told_apart)
{
    struct uri uri;

    ck_assert(uri_parse(arena, STR("*"), true, &uri));
    ck_assert(uri.is_asterisk);
    assert_str(uri.path, STR("/"));
    assert_str(uri.raw, STR("*"));
}
END_TEST

static const struct str malformed[] = {
    S(""), S("a"), S("?a"), S("#"), S("**"), S("*/"), S("index.html"), S("./a"), S("\\a"),
    /* encodings */
    S("/%"), S("/%4"), S("/%zz"), S("/%4g"), S("/%g4"), S("/a%"), S("/%%41"), S("/% 41"),
    S("/%00"), S("/a%00.html"), S("/%0"), S("/%+1"), S("/%-1"), S("/%x1"), S("/%u0041"),
    S("/%4?1"), S("/%?41"), S("/%2#"),
    /* fragments */
    S("/#"), S("/a#b"), S("/a#b?c"), S("/a?b#c"), S("/a?#"), S("/a/..#b"), S("http://h#x"), S("http://h/#"),
    S("http://h?a#b"), S("/%2f#"),
    /* above the root */
    S("/.."), S("/../"), S("/../a"), S("/./.."), S("/a/../.."), S("/a/../../b"), S("//.."),
    S("/a//../.."), S("/%2e%2e"), S("/%2e./a"), S("/.%2E/etc/passwd"), S("/%2e%2e%2fetc"),
    S("/..%2fa"), S("/..?a"), S("/..#a"), S("/a/../..?"), S("/%2f.."),
    /* authority-form, other schemes, bad authorities */
    S("h:80"), S("h"), S("ftp://h/"), S("file:///etc/passwd"), S("http:/h/"), S("http:h"),
    S("http:"), S("http://"), S("http:///a"), S("http://?a"), S("http://:80/"), S("http://:/"),
    S("http://u@h/"), S("http://u:p@h/"), S("http://@h/"), S("http://h:x/"), S("http://h:65536/"),
    S("http://h\\i/"), S("http://[::1/"), S("http://[x]/"), S("http://h%/"), S("http://\xc3\xbc/"),
    S("http://h/%"), S("http://h/.."), S("http://h/a/../../b"), S("httpss://h/"), S("xhttp://h/"),
};

START_TEST(malformed_target_is_refused)
{
    struct str target = exact(malformed[_i]);
    struct uri uri;

    ck_assert(!uri_parse(arena, target, true, &uri));
    ck_assert(!arena_failed(arena));
    free((char *)target.p);
}
END_TEST

static const struct { struct str path, decoded; } paths[] = {
    { S("/a/b"), S("/a/b") },
    { S("/a?b#c"), S("/a?b#c") },
    { S("/..?/a"), S("/..?/a") },               /* "..?" is a name */
    { S("/a/../b?c"), S("/b?c") },
    { S("/%61//b"), S("/a/b") },
    { S(""), NONE },
    { S("a"), NONE },
    { S("/.."), NONE },
    { S("/%00"), NONE },
    { S("/a\0"), NONE },
    { S("/%"), NONE },
};

START_TEST(path_alone_is_decoded_likewise)
{
    assert_str(uri_decode_path(arena, paths[_i].path, true), paths[_i].decoded);
}
END_TEST

static const struct {
    struct str target;
    unsigned dotted;
} dotted[] = {
    { S("/"), 0 }, { S("/a.b/c."), 0 }, { S("/a/./b/../c"), 0 }, { S("/.a"), 1 }, { S("/.a?b"), 1 },
    { S("/?/.a"), 0 }, { S("/a/.b/.c"), 2 }, { S("/..."), 1 }, { S("/..a"), 1 },
    { S("/%2ea"), 1 }, { S("/.%61"), 1 }, { S("/a%2f.b"), 1 }, { S("/.a/../b"), 0 }, { S("//.a"), 1 },
    { S("/.well-known"), 0 }, { S("/.well-known?a"), 0 }, { S("/.well-known/a"), 0 },
    { S("/%2ewell-known/a"), 0 }, { S("/a/.well-known/b"), 0 }, { S("/.well-known/.a"), 1 },
    { S("/.well-knowna"), 1 }, { S("/.well-know"), 1 }, { S("/.Well-known"), 1 },
    { S("http://h/.a"), 1 }, { S("http://h.x/a"), 0 },
};

static void
assert_dotted(struct str path, unsigned count)
{
    struct str copy = exact(path);

    ck_assert_uint_eq(uri_dotted_names(copy), count);
    free((char *)copy.p);
}

START_TEST(names_that_begin_with_a_dot_are_seen)
{
    struct str target = exact(dotted[_i].target);
    struct uri uri;

    ck_assert(uri_parse(arena, target, true, &uri));
    ck_assert_uint_eq(uri.is_dotted, dotted[_i].dotted > 0);
    assert_dotted(uri.path, dotted[_i].dotted);
    free((char *)target.p);
}
END_TEST

START_TEST(no_path_has_no_names)
{
    ck_assert_uint_eq(uri_dotted_names(STR_NONE), 0);
}
END_TEST

START_TEST(name_at_the_begin_of_a_rest_counts)
{
    assert_dotted(STR(".a"), 1);
    assert_dotted(STR(".well-known/.b"), 1);
    assert_dotted(STR("a/.b"), 1);
    assert_dotted(STR("."), 0);
    assert_dotted(STR("../a"), 0);
    assert_dotted(STR("a/./.b/../c"), 1);
    assert_dotted(STR("a/.."), 0);
    assert_dotted(STR(""), 0);
}
END_TEST

START_TEST(exhausted_arena_fails_and_says_so)
{
    struct arena *small = arena_create(256, 4);
    struct uri uri;

    ck_assert_ptr_nonnull(small);
    ck_assert(uri_parse(small, STR("/a/long/but/plain/path"), true, &uri));
    ck_assert(!uri_parse(small, STR("/%61bcdefgh"), true, &uri));
    ck_assert(arena_failed(small));
    ck_assert(!uri_parse(small, STR("http://h?abcdefgh"), true, &uri));
    ck_assert(!str_is_set(uri_decode_path(small, STR("/%61bcdefgh"), true)));
    arena_destroy(small);
}
END_TEST

static void
add(Suite *suite, const TTest *test, const char *name, size_t times)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_add_loop_test(tcase, test, 0, (int)times);
    suite_add_tcase(suite, tcase);
}

#define ADD(suite, test, times) add((suite), (test), #test, (times))

int
main(void)
{
    Suite *suite = suite_create("http/uri");

    ADD(suite, origin_form_is_split_and_resolved, ARRAY_LEN(origins));
    ADD(suite, unchanged_path_shares_the_bytes_of_the_target, ARRAY_LEN(origins));
    ADD(suite, slashes_stay_when_merging_is_off, ARRAY_LEN(unmerged));
    ADD(suite, absolute_form_gives_its_authority, ARRAY_LEN(absolutes));
    ADD(suite, asterisk_is_told_apart, 1);
    ADD(suite, malformed_target_is_refused, ARRAY_LEN(malformed));
    ADD(suite, path_alone_is_decoded_likewise, ARRAY_LEN(paths));
    ADD(suite, names_that_begin_with_a_dot_are_seen, ARRAY_LEN(dotted));
    ADD(suite, no_path_has_no_names, 1);
    ADD(suite, name_at_the_begin_of_a_rest_counts, 1);
    ADD(suite, exhausted_arena_fails_and_says_so, 1);
    return unit_run(suite);
}
