/* SPDX-License-Identifier: BSD-2-Clause */
/* page_cache: what is in memory is told from what is not, and brought there. */
#include "unit.h"
#include "deny.h"
#include "base/page_cache.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SIZE = 3 << 20, MEBI = 1 << 20 };

static char content[SIZE];

/* A file of SIZE bytes in the folder, whose pages are written to the disk. */
static int
file_in(const char *folder)
{
    char name[64];
    int fd;

    snprintf(name, sizeof(name), "%s/weir-unit-XXXXXX", folder);
    fd = mkstemp(name);
    ck_assert_int_ge(fd, 0);
    unlink(name);
    for (size_t i = 0; i < SIZE; i++)
        content[i] = (char)(i * 31 + i / 4096);
    ck_assert_int_eq(pwrite(fd, content, SIZE, 0), SIZE);
    ck_assert_int_eq(fsync(fd), 0);
    return fd;
}

/* False: the file system keeps it in memory, or does not tell. */
static bool
chill(int fd)
{
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return page_cache_has(fd, 0, 1) == CACHED_NOT;
}

/* Unlike a read, to ask so has nothing fetched. */
static bool
is_in_memory(int fd, off_t offset)
{
    unsigned char there = 0;
    void *page = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, offset);

    ck_assert_ptr_ne(page, MAP_FAILED);
    ck_assert_int_eq(mincore(page, 1, &there), 0);
    munmap(page, 1);
    return (there & 1) != 0;
}

START_TEST(what_was_just_written_is_there)
{
    int fd = file_in("/tmp");

    ck_assert_int_ne(page_cache_has(fd, 0, 1), CACHED_NOT);
    ck_assert_int_ne(page_cache_has(fd, 0, SIZE), CACHED_NOT);
    ck_assert_int_ne(page_cache_has(fd, SIZE - 1, 1), CACHED_NOT);
    ck_assert_int_ne(page_cache_has(fd, 5000, 300000), CACHED_NOT);
    close(fd);
}
END_TEST

START_TEST(what_was_thrown_away_is_not_there_until_it_is_brought)
{
    int fd = file_in("/tmp");
    char room[100];

    if (chill(fd)) {
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        ck_assert_int_eq(page_cache_read(fd, room, sizeof(room), MEBI), -1);
        ck_assert_int_eq(errno, EAGAIN);
        page_cache_fill(fd, MEBI, MEBI, 0);
        ck_assert_int_eq(page_cache_has(fd, MEBI, MEBI), CACHED);
        ck_assert_int_eq(page_cache_read(fd, room, sizeof(room), MEBI), sizeof(room));
        ck_assert(memcmp(room, content + MEBI, sizeof(room)) == 0);
    }
    close(fd);
}
END_TEST

/* Unlike page_cache_has() this looks at every page. */
static bool
all_in_memory(int fd, off_t offset, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    for (size_t at = 0; at < len; at += page)
        if (!is_in_memory(fd, offset + (off_t)at))
            return false;
    return true;
}

/*
 * Where a piece is missing, at the begin, within or at the end, it is seen. The kernel may keep what
 * it was asked to throw away, and throw away what nobody named: then there is nothing to see.
 */
START_TEST(a_hole_is_seen)
{
    static const off_t holes[] = { 0, 128 << 10, 512 << 10, MEBI - (128 << 10) };
    int fd = file_in("/tmp");

    if (chill(fd)) {
        page_cache_fill(fd, 0, SIZE, 0);
        posix_fadvise(fd, holes[_i], 128 << 10, POSIX_FADV_DONTNEED);
        if (!is_in_memory(fd, holes[_i]) && all_in_memory(fd, MEBI, MEBI)) {
            ck_assert_int_eq(page_cache_has(fd, 0, MEBI), CACHED_NOT);
            ck_assert_int_eq(page_cache_has(fd, MEBI, MEBI), CACHED);
        }
    }
    close(fd);
}
END_TEST

/* cachestat() tells the owner where reads that do not wait are not known. */
START_TEST(without_such_reads_pages_are_counted)
{
    int fd = file_in("/tmp");
    enum cached cached;

    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (!is_in_memory(fd, 0) && deny_call(SYS_preadv2)) {
        cached = page_cache_has(fd, 0, SIZE);
        ck_assert_int_ne(cached, CACHED);
        page_cache_fill(fd, 0, SIZE, 0);
        ck_assert_int_eq(page_cache_has(fd, 0, SIZE), cached == CACHED_NOT ? CACHED : cached);
        ck_assert_int_eq(page_cache_has(fd, 4095, 2), cached == CACHED_NOT ? CACHED : cached);
    }
    close(fd);
}
END_TEST

START_TEST(the_end_of_a_file_is_nothing_to_wait_for)
{
    int fd = file_in("/tmp");
    char room[10];

    ck_assert_int_ne(page_cache_has(fd, SIZE, 1), CACHED_NOT);
    ck_assert_int_ne(page_cache_has(fd, SIZE + MEBI, MEBI), CACHED_NOT);
    ck_assert_int_le(page_cache_read(fd, room, sizeof(room), SIZE), 0);
    page_cache_fill(fd, SIZE - 10, MEBI, MEBI);         /* it ends all the same */
    page_cache_fill(fd, SIZE, 1, 0);
    close(fd);
}
END_TEST

START_TEST(what_lives_in_memory_is_there)
{
    int fd;

    if (access("/dev/shm", W_OK) != 0)
        return;
    fd = file_in("/dev/shm");
    ck_assert_int_eq(page_cache_has(fd, 0, SIZE), CACHED);
    ck_assert_int_eq(page_cache_has(fd, SIZE - 1, 1), CACHED);
    close(fd);
}
END_TEST

START_TEST(a_failure_is_nothing_to_wait_for)
{
    int pipes[2];
    char room[1];

    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(page_cache_has(pipes[0], 0, 1), CACHED);
    ck_assert_int_eq(page_cache_read(pipes[0], room, 1, 0), -1);
    ck_assert_int_eq(errno, ESPIPE);
    page_cache_fill(pipes[0], 0, 10, 0);
    close(pipes[0]);
    close(pipes[1]);
    page_cache_fill(-1, 0, 10, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/page_cache");

    unit_add(suite, what_was_just_written_is_there, 1);
    unit_add(suite, what_was_thrown_away_is_not_there_until_it_is_brought, 1);
    unit_add(suite, a_hole_is_seen, 4);
    unit_add(suite, without_such_reads_pages_are_counted, 1);
    unit_add(suite, the_end_of_a_file_is_nothing_to_wait_for, 1);
    unit_add(suite, what_lives_in_memory_is_there, 1);
    unit_add(suite, a_failure_is_nothing_to_wait_for, 1);
    return unit_run(suite);
}
