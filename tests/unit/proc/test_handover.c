/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/handover.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct handover_queue queue;
static struct handed_over got;
static char ahead[HTTP_CARRIED_MAX];

static void
setup(void)
{
    ck_assert(handover_open(&queue));
}

static struct address
address_at(const char *text)
{
    struct address a;
    unsigned count;

    ck_assert_ptr_null(address_parse(str_of(text), &a, 1, &count));
    return a;
}

static struct http_carried
example(void)
{
    return (struct http_carried){
        .local = address_at("127.0.0.1:8080"),
        .peer = { .ip = { 192, 0, 2, 1 }, .port = 4711, .family = AF_INET },
        .since_ms = 1234567890123, .waiting_ms = 1234567890456,
        .requests = 42, .allowance_ms = 75000, .keep_ms = 100, .answered = true,
    };
}

static int
open_null(void)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    return fd;
}

START_TEST(all_that_is_known_of_a_connection_arrives)
{
    struct http_carried sent = example();
    struct stat a, b;
    int fd = open_null();

    setup();
    memset(ahead, 'x', sizeof(ahead));
    sent.ahead = (struct str){ ahead, _i == 0 ? 0 : _i == 1 ? 7 : sizeof(ahead) };
    sent.proxied = (struct str){ ahead, _i == 0 ? 0 : _i == 1 ? 50 : PROXIED_FLAT_MAX };
    sent.awaits_proxied = _i == 1;
    sent.counted = _i == 2;
    ck_assert_int_eq(handover_receive(queue.in, &got), HANDOVER_EMPTY);
    ck_assert_int_eq(handover_send(queue.out, fd, &sent), HANDOVER_SENT);
    ck_assert_int_eq(handover_receive(queue.in, &got), HANDOVER_GOT);
    ck_assert_int_eq(fstat(fd, &a), 0);
    ck_assert_int_eq(fstat(got.fd, &b), 0);
    ck_assert_uint_eq(a.st_rdev, b.st_rdev);
    ck_assert_int_ne(fcntl(got.fd, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert(address_eq(&got.carried.local, &sent.local));
    ck_assert_mem_eq(&got.carried.peer, &sent.peer, sizeof(sent.peer));
    ck_assert_uint_eq(got.carried.since_ms, sent.since_ms);
    ck_assert_uint_eq(got.carried.waiting_ms, sent.waiting_ms);
    ck_assert_uint_eq(got.carried.requests, 42);
    ck_assert_uint_eq(got.carried.allowance_ms, 75000);
    ck_assert_uint_eq(got.carried.keep_ms, 100);
    ck_assert(got.carried.answered);
    ck_assert(str_eq(got.carried.ahead, sent.ahead));
    ck_assert(str_eq(got.carried.proxied, sent.proxied));
    ck_assert(got.carried.awaits_proxied == sent.awaits_proxied);
    ck_assert(got.carried.counted == sent.counted);
}
END_TEST

START_TEST(full_queue_refuses_and_goes_on_when_there_is_room)
{
    struct http_carried sent = example();
    unsigned count = 0, received = 0;
    int fd = open_null();
    struct rlimit files = { 4096, 4096 };

    setrlimit(RLIMIT_NOFILE, &files);
    setup();
    while (handover_send(queue.out, fd, &sent) == HANDOVER_SENT)
        count++;
    ck_assert_uint_gt(count, 50);
    while (handover_receive(queue.in, &got) == HANDOVER_GOT) {
        close(got.fd);
        received++;
    }
    ck_assert_uint_eq(received, count);
    ck_assert_int_eq(handover_send(queue.out, fd, &sent), HANDOVER_SENT);
}
END_TEST

START_TEST(queue_tells_how_many_are_under_way)
{
    struct http_carried sent = example();
    int fd = open_null();

    setup();
    for (unsigned n = 0; n < 50; n++) {
        ck_assert_uint_ge(handover_under_way(queue.out), n);
        ck_assert_uint_le(handover_under_way(queue.out), 2 * n);
        ck_assert_int_eq(handover_send(queue.out, fd, &sent), HANDOVER_SENT);
    }
    while (handover_receive(queue.in, &got) == HANDOVER_GOT)
        close(got.fd);
    ck_assert_uint_eq(handover_under_way(queue.out), 0);
    close(fd);
    close(queue.in);
    close(queue.out);
}
END_TEST

START_TEST(message_waits_while_the_process_has_no_descriptor)
{
    struct http_carried sent = example();
    struct rlimit files, few;
    int fd = open_null(), spare = open_null();

    setup();
    ck_assert_int_eq(handover_send(queue.out, fd, &sent), HANDOVER_SENT);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    few = files;
    few.rlim_cur = (rlim_t)queue.out + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (fcntl(fd, F_DUPFD, 0) >= 0)
        continue;
    ck_assert_int_eq(handover_receive(queue.in, &got), HANDOVER_NO_DESCRIPTOR);
    close(spare);
    ck_assert_int_eq(handover_receive(queue.in, &got), HANDOVER_GOT);
    ck_assert_int_eq(got.fd, spare);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);      /* a leak checker wants some */
}
END_TEST

/* What is no connection, whoever wrote it. */
static const struct { const char *bytes; size_t len; } malformed[] = {
    { "x", 1 },
    { "\2\0\0\0", 4 },
    { ahead, 400 },
    { ahead, sizeof(ahead) },
};

START_TEST(malformed_messages_are_thrown_away)
{
    struct http_carried sent = example();

    setup();
    memset(ahead, 0xff, sizeof(ahead));
    ck_assert_int_ge(send(queue.out, malformed[_i].bytes, malformed[_i].len, 0), 0);
    ck_assert_int_eq(handover_send(queue.out, open_null(), &sent), HANDOVER_SENT);
    ck_assert_int_eq(handover_receive(queue.in, &got), HANDOVER_MALFORMED);
    ck_assert_int_eq(handover_receive(queue.in, &got), HANDOVER_GOT);
}
END_TEST

START_TEST(closed_queue_is_broken)
{
    struct http_carried sent = example();

    setup();
    close(queue.in);
    queue.in = -1;
    ck_assert_int_eq(handover_send(queue.out, open_null(), &sent), HANDOVER_BROKEN);
}
END_TEST

/* One encoded address: length, then the bytes. */
static size_t
encode(char *p, const char *text)
{
    struct address a = address_at(text);

    p[0] = (char)a.len;
    memcpy(p + 1, &a.sa, a.len);
    return 1 + a.len;
}

static const struct { const char *listening, *local; bool covered; } places[] = {
    { "127.0.0.1:80", "127.0.0.1:80", true },
    { "127.0.0.1:80", "127.0.0.2:80", false },
    { "127.0.0.1:80", "127.0.0.1:81", false },
    { "*:80", "127.0.0.1:80", true },
    { "*:80", "127.0.0.1:81", false },
    { "*:80", "[::1]:80", false },
    { "[::]:80", "[::1]:80", true },
    { "unix:/run/a", "unix:/run/a", true },
    { "unix:/run/a", "unix:/run/b", false },
};

START_TEST(successor_covers_the_addresses_it_listens_on)
{
    struct address local = address_at(places[_i].local);
    struct successor *s;
    char bytes[512];
    size_t len = encode(bytes, "192.0.2.1:1");

    len += encode(bytes + len, places[_i].listening);
    s = successor_create((struct str){ bytes, len }, -1);
    ck_assert_ptr_nonnull(s);
    ck_assert_uint_eq(s->count, 2);
    ck_assert(successor_covers(s, &local) == places[_i].covered);
    successor_free(s);
}
END_TEST

START_TEST(cut_addresses_are_refused_and_the_descriptor_is_closed)
{
    char bytes[512];
    size_t len = encode(bytes, "127.0.0.1:80");
    int fd = open_null();

    ck_assert_ptr_null(successor_create((struct str){ bytes, len - 1 }, fd));
    ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
    bytes[0] = 1;
    ck_assert_ptr_null(successor_create((struct str){ bytes, 2 }, -1));
}
END_TEST

START_TEST(address_of_no_known_kind_is_refused_wherever_it_stands)
{
    char bytes[512];
    size_t len = encode(bytes, "127.0.0.1:80"), first = (size_t)_i * len;

    encode(bytes + len, "127.0.0.1:81");
    bytes[first + 1] = 0x7f;
    bytes[first + 2] = 0x7f;
    ck_assert_ptr_null(successor_create((struct str){ bytes, 2 * len }, -1));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/handover");

    unit_add(suite, all_that_is_known_of_a_connection_arrives, 3);
    unit_add(suite, full_queue_refuses_and_goes_on_when_there_is_room, 1);
    unit_add(suite, queue_tells_how_many_are_under_way, 1);
    unit_add(suite, message_waits_while_the_process_has_no_descriptor, 1);
    unit_add(suite, malformed_messages_are_thrown_away, ARRAY_LEN(malformed));
    unit_add(suite, closed_queue_is_broken, 1);
    unit_add(suite, successor_covers_the_addresses_it_listens_on, ARRAY_LEN(places));
    unit_add(suite, cut_addresses_are_refused_and_the_descriptor_is_closed, 1);
    unit_add(suite, address_of_no_known_kind_is_refused_wherever_it_stands, 2);
    return unit_run(suite);
}
