/* SPDX-License-Identifier: BSD-2-Clause */
/* gzip_reader: members, pieces of any size, and what is no gzip file. */
#include "unit.h"
#include "http/gzip_member.h"
#include "http/gzip_reader.h"

enum { SIZE = 200000 };

/* Some text that is neither of one byte nor of noise. */
static struct str
make_text(size_t len)
{
    char *p = malloc(len + 1);
    uint32_t n = 1;

    ck_assert_ptr_nonnull(p);
    for (size_t i = 0; i < len; i++) {
        n = n * 1103515245 + 12345;
        p[i] = "etaoin shrdlu"[(n >> 20) % 13];
    }
    return (struct str){ p, len };
}

static struct str
join(struct str a, struct str b)
{
    char *p = malloc(a.len + b.len + 1);

    ck_assert_ptr_nonnull(p);
    if (a.len > 0)
        memcpy(p, a.p, a.len);
    if (b.len > 0)
        memcpy(p + a.len, b.p, b.len);
    return (struct str){ p, a.len + b.len };
}

/*
 * Runs over the whole of packed, by pieces of at most `step` bytes into rooms of `cap`; what comes
 * out is to be the begin of `text`. *n: how much.
 */
static enum gzip_read
read_by(struct str packed, size_t step, size_t cap, struct str text, size_t *n)
{
    struct gzip_reader *reader = gzip_reader_create();
    enum gzip_read result;
    struct str in = { packed.p, 0 };
    char *room = malloc(cap);

    ck_assert_ptr_nonnull(reader);
    ck_assert_ptr_nonnull(room);
    *n = 0;
    do {
        size_t done, end = (size_t)(in.p - packed.p) + in.len;

        if (in.len == 0)
            in = (struct str){ packed.p + end, MIN(step, packed.len - end) };
        result = gzip_reader_run(reader, &in, in.p + in.len == packed.p + packed.len, room, cap,
                                 &done);
        ck_assert_uint_le(done, cap);
        ck_assert_uint_le(*n + done, text.len);
        if (done > 0)
            ck_assert_mem_eq(room, text.p + *n, done);
        *n += done;
    } while (result == GZIP_MORE);
    free(room);
    gzip_reader_free(reader);
    return result;
}

static const struct { size_t len, step, cap; } pieces[] = {
    { SIZE, SIZE, SIZE + 1 }, { SIZE, SIZE, SIZE }, { SIZE, SIZE, 4096 }, { SIZE, 8192, 16384 },
    { SIZE, 1, SIZE }, { SIZE, 7, 11 }, { 5000, SIZE, 1 }, { 5000, 1, 1 }, { 1, 1, 1 },
    { 0, 1, 1 }, { 0, 100, 100 },
};

START_TEST(what_was_packed_comes_out)
{
    struct str text = make_text(pieces[_i].len), packed = gzip_member(6, text);
    size_t n;

    ck_assert(str_is_set(packed));
    ck_assert_int_eq(read_by(packed, pieces[_i].step, pieces[_i].cap, text, &n), GZIP_END);
    ck_assert_uint_eq(n, text.len);
    gzip_member_free(packed);
    free((char *)(uintptr_t)text.p);
}
END_TEST

START_TEST(members_are_one_text)
{
    struct str text = make_text(3000), first = gzip_member(1, (struct str){ text.p, 1000 }),
               second = gzip_member(9, str_from(text, 1000)), packed = join(first, second);
    size_t n;

    ck_assert_int_eq(read_by(packed, pieces[_i].step, pieces[_i].cap, text, &n), GZIP_END);
    ck_assert_uint_eq(n, text.len);
    free((char *)(uintptr_t)packed.p);
    gzip_member_free(second);
    gzip_member_free(first);
    free((char *)(uintptr_t)text.p);
}
END_TEST

START_TEST(what_is_cut_is_seen_to_be_cut)
{
    struct str text = make_text(300), packed = gzip_member(6, text);
    size_t n;

    for (size_t len = 0; len < packed.len; len++) {
        struct str cut = join((struct str){ packed.p, len }, STR(""));

        ck_assert_int_eq(read_by(cut, 1 + len % 7, 16, text, &n), GZIP_CUT);
        ck_assert_int_eq(read_by(cut, SIZE, SIZE, text, &n), GZIP_CUT);
        free((char *)(uintptr_t)cut.p);
    }
    gzip_member_free(packed);
    free((char *)(uintptr_t)text.p);
}
END_TEST

START_TEST(a_second_member_may_be_cut_too)
{
    struct str text = make_text(300), member = gzip_member(6, (struct str){ text.p, 150 });
    size_t n;

    for (size_t len = 1; len < member.len; len++) {
        struct str cut = join(member, (struct str){ member.p, len });
        struct str twice = join((struct str){ text.p, 150 }, (struct str){ text.p, 150 });

        ck_assert_int_eq(read_by(cut, SIZE, SIZE, twice, &n), GZIP_CUT);
        ck_assert_uint_ge(n, 150);
        free((char *)(uintptr_t)twice.p);
        free((char *)(uintptr_t)cut.p);
    }
    gzip_member_free(member);
    free((char *)(uintptr_t)text.p);
}
END_TEST

static const struct str tails[] = {
    STR_INIT("\0"), STR_INIT("\0\0\0\0\0\0\0\0\0\0\0\0"), STR_INIT("garbage behind the end"),
    STR_INIT("\x1f\x8b\x09garbage"),
};

START_TEST(what_stands_behind_a_member_is_a_member)
{
    struct str text = make_text(300), member = gzip_member(6, text);
    struct str packed = join(member, tails[_i]);
    enum gzip_read result;
    size_t n;

    result = read_by(packed, SIZE, SIZE, text, &n);
    ck_assert(result == (tails[_i].len == 1 ? GZIP_CUT : GZIP_CORRUPT));
    ck_assert_uint_eq(n, text.len);
    ck_assert_int_eq(read_by(packed, 1, 1, text, &n), result);
    free((char *)(uintptr_t)packed.p);
    gzip_member_free(member);
    free((char *)(uintptr_t)text.p);
}
END_TEST

/* Each byte of the checksum and the length counts. */
START_TEST(a_changed_trailer_is_seen)
{
    struct str text = make_text(300), member = gzip_member(6, text), packed;
    size_t n;

    for (size_t i = 1; i <= 8; i++) {
        packed = join(member, STR(""));
        ((char *)(uintptr_t)packed.p)[packed.len - i] ^= 1;
        ck_assert_int_eq(read_by(packed, SIZE, SIZE, text, &n), GZIP_CORRUPT);
        free((char *)(uintptr_t)packed.p);
    }
    gzip_member_free(member);
    free((char *)(uintptr_t)text.p);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/gzip_reader");

    unit_add(suite, what_was_packed_comes_out, ARRAY_LEN(pieces));
    unit_add(suite, members_are_one_text, ARRAY_LEN(pieces));
    unit_add(suite, what_is_cut_is_seen_to_be_cut, 1);
    unit_add(suite, a_second_member_may_be_cut_too, 1);
    unit_add(suite, what_stands_behind_a_member_is_a_member, ARRAY_LEN(tails));
    unit_add(suite, a_changed_trailer_is_seen, 1);
    return unit_run(suite);
}
