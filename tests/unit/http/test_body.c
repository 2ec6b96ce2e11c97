/* SPDX-License-Identifier: BSD-2-Clause */
/* body: reading parts of all kinds in pieces of all sizes, and chunks made in place. */
#include "unit.h"
#include "http/h1/h1.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const char text[] = "The quick brown fox jumps over the lazy dog.";
enum { TEXT_LEN = sizeof(text) - 1 };

/* Gives each byte of what it reads twice; comes back with nothing at every third call. */
struct twice {
    struct body_source source;
    char byte;
    bool is_half, is_last;
    unsigned calls;
};

static enum io
twice_pull(struct body_source *source, char *room, size_t cap, size_t *done)
{
    struct twice *t = (struct twice *)source;
    enum io io = IO_DONE;

    ck_assert_uint_ge(cap, 1);
    *done = 0;
    if (t->calls++ % 3 == 2)
        return IO_DONE;
    if (!t->is_half) {
        io = body_read(&source->from, &t->byte, 1, done);
        if (*done == 0)
            return io;
        t->is_last = io == IO_CLOSED;
    }
    room[0] = t->byte;
    *done = 1;
    t->is_half = !t->is_half;
    return t->is_last && !t->is_half ? IO_CLOSED : IO_DONE;
}

static enum io
read_all(struct body_part *list, size_t cap, char *to, size_t *len)
{
    enum io io;

    *len = 0;
    do {
        size_t done;

        io = body_read(&list, to + *len, cap, &done);
        ck_assert_uint_le(done, cap);
        *len += done;
    } while (io == IO_DONE);
    return io;
}

static int
file_of(const char *content, size_t len)
{
    FILE *file = tmpfile();
    int fd = dup(fileno(file));

    fclose(file);
    ck_assert_int_eq(pwrite(fd, content, len, 0), len);
    return fd;
}

START_TEST(parts_of_all_kinds_are_read_in_order)
{
    size_t cap = (size_t)_i + 1, len;
    int fd = file_of(text, TEXT_LEN);
    struct body_part inner = { .kind = PART_MEMORY, .p = "abc", .len = 3 };
    struct twice t = { .source = { .pull = twice_pull, .from = &inner } };
    struct body_part parts[4] = {
        { .kind = PART_MEMORY, .p = text, .len = TEXT_LEN, .next = &parts[1] },
        { .kind = PART_PULL, .source = &t.source, .next = &parts[2] },
        { .kind = PART_MEMORY, .p = text, .len = 0, .next = &parts[3] },
        { .kind = PART_FILE, .fd = fd, .offset = 4, .len = 5 },
    };
    char out[200];

    ck_assert_int_eq(read_all(parts, cap, out, &len), IO_CLOSED);
    ck_assert_uint_eq(len, TEXT_LEN + 6 + 5);
    ck_assert(memcmp(out, text, TEXT_LEN) == 0);
    ck_assert(memcmp(out + TEXT_LEN, "aabbccquick", 11) == 0);
    close(fd);
}
END_TEST

START_TEST(a_file_that_is_too_short_is_told_of)
{
    int fd = file_of(text, 10);
    struct body_part part = { .kind = PART_FILE, .fd = fd, .len = 11 };
    char out[20];
    size_t len;

    ck_assert_int_eq(read_all(&part, sizeof(out), out, &len), IO_SHORT);
    ck_assert_uint_eq(len, 10);
    close(fd);
    part = (struct body_part){ .kind = PART_FILE, .fd = fd, .len = 11 };
    ck_assert_int_eq(read_all(&part, sizeof(out), out, &len), IO_ERROR);
    ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(nothing_is_at_its_end_at_once)
{
    char out[1];
    size_t len;

    ck_assert_int_eq(read_all(NULL, 1, out, &len), IO_CLOSED);
    ck_assert_uint_eq(len, 0);
}
END_TEST

static const struct { size_t len; const char *line; } chunks[] = {
    { 1, "1\r\n" }, { 15, "f\r\n" }, { 16, "10\r\n" }, { 255, "ff\r\n" }, { 256, "100\r\n" },
    { 4095, "fff\r\n" }, { 4096, "1000\r\n" }, { 16384, "4000\r\n" }, { 65535, "ffff\r\n" },
};

START_TEST(chunks_are_made_where_their_bytes_stand)
{
    size_t len = chunks[_i].len, head = strlen(chunks[_i].line);
    char *room = malloc(CHUNK_HEAD + len + CHUNK_TAIL);

    for (size_t i = 0; i < len; i++)
        room[CHUNK_HEAD + i] = (char)(i * 7);
    ck_assert_uint_eq(h1_chunk_close(room, len), head + len + 2);
    ck_assert(memcmp(room, chunks[_i].line, head) == 0);
    for (size_t i = 0; i < len; i++)
        ck_assert_int_eq(room[head + i], (char)(i * 7));
    ck_assert(memcmp(room + head + len, "\r\n", 2) == 0);
    free(room);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/body");

    unit_add(suite, parts_of_all_kinds_are_read_in_order, TEXT_LEN + 1);
    unit_add(suite, a_file_that_is_too_short_is_told_of, 1);
    unit_add(suite, nothing_is_at_its_end_at_once, 1);
    unit_add(suite, chunks_are_made_where_their_bytes_stand, ARRAY_LEN(chunks));
    return unit_run(suite);
}
