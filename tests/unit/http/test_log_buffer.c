/* SPDX-License-Identifier: BSD-2-Clause */
/* log_buffer: when lines are written, and how; gzip_member. */
#include "unit.h"
#include "base/clock.h"
#include "http/gzip_member.h"
#include "http/log_buffer.h"
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

static struct arena *arena;
static struct log_buffers buffers;
static struct timer_wheel timers;
static struct log_file file;
static char content[300000];

static void
prepare(void)
{
    FILE *temporary = tmpfile();

    arena = arena_create(4096, 0);
    file = (struct log_file){ .path = STR("x"), .fd = dup(fileno(temporary)) };
    fclose(temporary);
    now.mono_ms = 5000;
    timer_wheel_init(&timers, now.mono_ms);
    log_buffers_init(&buffers);
}

static void
clear(void)
{
    log_buffers_stop(&buffers);
    close(file.fd);
    arena_destroy(arena);
}

static struct log_buffer *
start(size_t size, uint64_t flush_ms, int gzip)
{
    struct log_buffer *b = log_buffer_add(&buffers, arena, &file);

    b->how = (struct log_buffering){ size, flush_ms, gzip };
    log_buffers_start(&buffers, &timers);
    return b;
}

static void
put(struct log_buffer *b, struct str line)
{
    char *p = log_buffer_room(b, line.len);

    ck_assert_ptr_nonnull(p);
    memcpy(p, line.p, line.len);
    log_buffer_added(b, line.len);
}

static size_t
written(void)
{
    ssize_t n = pread(file.fd, content, sizeof(content), 0);

    ck_assert_int_ge(n, 0);
    return (size_t)n;
}

START_TEST(line_is_written_at_the_end_of_the_turn)
{
    struct log_buffer *b = start(0, 0, 0);

    put(b, STR("one\n"));
    put(b, STR("two\n"));
    ck_assert_uint_eq(written(), 0);
    log_buffers_turn_end(&buffers);
    ck_assert_uint_eq(written(), 8);
    ck_assert_mem_eq(content, "one\ntwo\n", 8);
    log_buffers_turn_end(&buffers);
    ck_assert_uint_eq(written(), 8);
    ck_assert(list_is_empty(&buffers.waiting));
}
END_TEST

START_TEST(buffer_waits_until_it_is_full)
{
    struct log_buffer *b = start(10, 0, 0);

    put(b, STR("123456789"));
    log_buffers_turn_end(&buffers);
    ck_assert_uint_eq(written(), 0);
    put(b, STR("0"));
    log_buffers_turn_end(&buffers);
    ck_assert_uint_eq(written(), 10);
}
END_TEST

START_TEST(buffer_is_flushed_when_its_time_has_come)
{
    struct log_buffer *b = start(1000, 50, 0);

    put(b, STR("one"));
    timer_wheel_advance(&timers, now.mono_ms += 30);
    put(b, STR("two"));
    timer_wheel_advance(&timers, now.mono_ms += 19);
    ck_assert_uint_eq(written(), 0);
    timer_wheel_advance(&timers, now.mono_ms += 1);
    ck_assert_uint_eq(written(), 6);
    put(b, STR("three"));
    timer_wheel_advance(&timers, now.mono_ms += 49);
    ck_assert_uint_eq(written(), 6);
    log_buffers_flush(&buffers);
    ck_assert_uint_eq(written(), 11);
    ck_assert(!timer_is_armed(&b->flush));
}
END_TEST

START_TEST(line_beyond_the_buffer_goes_behind_what_is_there)
{
    static char line[70000];
    struct log_buffer *b = start(0, 0, 0);

    memset(line, 'x', sizeof(line));
    put(b, STR("one\n"));
    ck_assert_ptr_null(log_buffer_room(b, sizeof(line)));
    log_buffer_through(b, (struct str){ line, sizeof(line) });
    ck_assert_uint_eq(written(), 4 + sizeof(line));
    ck_assert_mem_eq(content, "one\nxxx", 7);
}
END_TEST

START_TEST(buffer_that_was_never_started_has_no_room)
{
    struct log_buffer *b = log_buffer_add(&buffers, arena, &file);

    ck_assert_ptr_null(log_buffer_room(b, 1));
}
END_TEST

/* All members of a gzip file; the bytes that they held. */
static size_t
unpack(struct str packed, char *out, size_t room)
{
    size_t len = 0;

    while (packed.len > 0) {
        z_stream z = { .next_in = (Bytef *)(uintptr_t)packed.p, .avail_in = (uInt)packed.len,
            .next_out = (Bytef *)out + len, .avail_out = (uInt)(room - len) };

        ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
        ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
        len += z.total_out;
        packed = str_from(packed, packed.len - z.avail_in);
        inflateEnd(&z);
    }
    return len;
}

static const size_t sizes[] = { 0, 1, 100, 65536, 200000 };

START_TEST(member_holds_the_bytes)
{
    size_t n = sizes[_i % ARRAY_LEN(sizes)];
    char *bytes = malloc(n + 1), *back = malloc(n + 1);
    struct str member;

    srandom(1);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)random();
    member = gzip_member(1 + _i / (int)ARRAY_LEN(sizes), (struct str){ bytes, n });
    ck_assert(str_is_set(member));
    ck_assert_uint_eq(unpack(member, back, n + 1), n);
    ck_assert_mem_eq(bytes, back, n);
    gzip_member_free(member);
    free(bytes);
    free(back);
}
END_TEST

START_TEST(compressed_buffer_is_whole_after_each_write)
{
    struct log_buffer *b = start(1000, 0, 1);
    char back[100];

    put(b, STR("one\n"));
    log_buffers_flush(&buffers);
    ck_assert_uint_eq(unpack((struct str){ content, written() }, back, sizeof(back)), 4);
    put(b, STR("two\n"));
    log_buffer_through(b, STR("three\n"));
    ck_assert_uint_eq(unpack((struct str){ content, written() }, back, sizeof(back)), 14);
    ck_assert_mem_eq(back, "one\ntwo\nthree\n", 14);
}
END_TEST

static void
add(Suite *suite, const TTest *test, const char *name, int times)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, prepare, clear);
    tcase_add_loop_test(tcase, test, 0, times);
    suite_add_tcase(suite, tcase);
}

int
main(void)
{
    Suite *suite = suite_create("http/log_buffer");

#define ADD(test, times) add(suite, (test), #test, (int)(times))
    ADD(line_is_written_at_the_end_of_the_turn, 1);
    ADD(buffer_waits_until_it_is_full, 1);
    ADD(buffer_is_flushed_when_its_time_has_come, 1);
    ADD(line_beyond_the_buffer_goes_behind_what_is_there, 1);
    ADD(buffer_that_was_never_started_has_no_room, 1);
    ADD(member_holds_the_bytes, 9 * ARRAY_LEN(sizes));
    ADD(compressed_buffer_is_whole_after_each_write, 1);
#undef ADD
    return unit_run(suite);
}
