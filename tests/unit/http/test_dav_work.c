/* SPDX-License-Identifier: BSD-2-Clause */
/* dav_work: of many who compare and then change at the same time, one does. */
#include "unit.h"
#include "http/dav_work.h"
#include "http/file_cache.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 300 };

static char folder[] = "/tmp/weir-dav-XXXXXX";
static pthread_barrier_t barrier;
static char etag[ETAG_MAX];
static struct str etag_now;

/* What all do in each round, and which status one of them has; the others are refused with 412. */
static const struct { bool creates; unsigned status; } races[] = {
    { true, HTTP_CREATED }, { false, HTTP_NO_CONTENT },
};
static int race;
static unsigned won, lost;

static int
open_body(unsigned round)
{
    int fd = open(folder, O_TMPFILE | O_RDWR, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, round + 1), 0);
    return fd;
}

/* For the next round: the file as it is then, or none. */
static void
prepare(void)
{
    char path[64];
    struct stat st;
    struct writer w = writer_at(etag, sizeof(etag));

    snprintf(path, sizeof(path), "%s/a", folder);
    if (races[race].creates) {
        unlink(path);
        return;
    }
    if (stat(path, &st) != 0) {
        close(open(path, O_CREAT | O_WRONLY, 0600));
        ck_assert_int_eq(stat(path, &st), 0);
    }
    file_write_etag(&w, st.st_mtime, (uint64_t)st.st_size);
    etag_now = writer_str(&w);
}

static void
put(unsigned round)
{
    struct dav_order order = {
        .method = METHOD_PUT, .target = { .folder = str_of(folder), .name = STR("a") },
        .fd = open_body(round), .modified = (time_t)-1, .file_mode = 0600,
    };
    struct dav_outcome outcome;

    if (races[race].creates)
        order.conditions.if_none_match = STR("*");
    else
        order.conditions.if_match = etag_now;
    dav_execute(&order, &outcome);
    close(order.fd);
    if (outcome.status == races[race].status)
        __atomic_add_fetch(&won, 1, __ATOMIC_RELAXED);
    else if (outcome.status == HTTP_PRECONDITION_FAILED)
        __atomic_add_fetch(&lost, 1, __ATOMIC_RELAXED);
}

/* arg: NULL but for the one that prepares the rounds. */
static void *
run(void *arg)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&barrier);
        if (arg != NULL)
            prepare();
        pthread_barrier_wait(&barrier);
        put(round);
    }
    return arg;
}

START_TEST(one_of_many_wins)
{
    pthread_t threads[THREADS];
    char command[64];

    race = _i;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, i == 0 ? folder : NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
    ck_assert_uint_eq(won, ROUNDS);
    ck_assert_uint_eq(lost, ROUNDS * (THREADS - 1));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/dav_work");

    unit_add(suite, one_of_many_wins, ARRAY_LEN(races));
    return unit_run(suite);
}
