/* SPDX-License-Identifier: BSD-2-Clause */
/* stream: what each end of an attempt is called. */
#include "unit.h"
#include "net/stream.h"
#include "base/counters.h"
#include "net/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct conn conn;        /* of which a plain stream needs the descriptor alone */
static int peer;
static char bytes[65536];

static void
start(void)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    conn.fd = fds[0];
    peer = fds[1];
    stats->bytes_received = stats->bytes_sent = 0;
    signal(SIGPIPE, SIG_IGN);
}

static void
end(void)
{
    close(conn.fd);
    close(peer);
}

START_TEST(recv_gives_bytes_then_again_then_closed)
{
    size_t done = 0;

    start();
    ck_assert_int_eq(plain_stream.recv(&conn, bytes, sizeof(bytes), &done), IO_AGAIN);
    ck_assert_int_eq(write(peer, "hello", 5), 5);
    ck_assert_int_eq(plain_stream.recv(&conn, bytes, 3, &done), IO_DONE);
    ck_assert_uint_eq(done, 3);
    ck_assert_int_eq(plain_stream.recv(&conn, bytes, sizeof(bytes), &done), IO_DONE);
    ck_assert_uint_eq(done, 2);
    ck_assert_uint_eq(stats->bytes_received, 5);
    shutdown(peer, SHUT_WR);
    ck_assert_int_eq(plain_stream.recv(&conn, bytes, sizeof(bytes), &done), IO_CLOSED);
    end();
}
END_TEST

START_TEST(send_moves_what_fits_then_again)
{
    size_t done = 0, all = 0;
    enum io io;

    start();
    while ((io = plain_stream.send(&conn, bytes, sizeof(bytes), true, &done)) == IO_DONE) {
        ck_assert_uint_gt(done, 0);
        all += done;
    }
    ck_assert_int_eq(io, IO_AGAIN);
    ck_assert_uint_gt(all, 0);
    ck_assert_uint_eq(stats->bytes_sent, all);
    end();
}
END_TEST

START_TEST(send_to_one_who_left_is_closed_and_no_signal)
{
    size_t done;

    start();
    signal(SIGPIPE, SIG_DFL);
    close(peer);
    ck_assert_int_eq(plain_stream.send(&conn, "x", 1, false, &done), IO_CLOSED);
    close(conn.fd);
}
END_TEST

START_TEST(shutdown_ends_one_direction)
{
    size_t done;

    start();
    ck_assert(plain_stream.shutdown(&conn));
    ck_assert_int_eq(read(peer, bytes, 1), 0);
    ck_assert_int_eq(write(peer, "x", 1), 1);
    ck_assert_int_eq(plain_stream.recv(&conn, bytes, sizeof(bytes), &done), IO_DONE);
    end();
}
END_TEST

START_TEST(failure_that_is_nobodys_leave_is_an_error)
{
    size_t done;

    conn.fd = -1;
    ck_assert_int_eq(plain_stream.recv(&conn, bytes, 1, &done), IO_ERROR);
    ck_assert_int_eq(errno, EBADF);
    ck_assert_int_eq(plain_stream.send(&conn, bytes, 1, false, &done), IO_ERROR);
    ck_assert_int_eq(plain_stream.sendfile(&conn, -1, 0, 1, &done), IO_ERROR);
}
END_TEST

START_TEST(sendfile_sends_a_part_and_tells_a_short_file)
{
    int fd = memfd_create("body", MFD_CLOEXEC);
    size_t done;

    start();
    ck_assert_int_eq(write(fd, "0123456789", 10), 10);
    ck_assert_int_eq(plain_stream.sendfile(&conn, fd, 4, 3, &done), IO_DONE);
    ck_assert_uint_eq(done, 3);
    ck_assert_int_eq(read(peer, bytes, sizeof(bytes)), 3);
    ck_assert_mem_eq(bytes, "456", 3);
    ck_assert_int_eq(plain_stream.sendfile(&conn, fd, 8, 100, &done), IO_DONE);
    ck_assert_uint_eq(done, 2);
    ck_assert_int_eq(plain_stream.sendfile(&conn, fd, 10, 98, &done), IO_SHORT);
    ck_assert_uint_eq(stats->bytes_sent, 5);
    close(peer);
    ck_assert_int_eq(plain_stream.sendfile(&conn, fd, 0, 10, &done), IO_CLOSED);
    close(fd);
    close(conn.fd);
}
END_TEST

START_TEST(reset_by_the_client_is_closed)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    struct linger reset = { .l_onoff = 1, .l_linger = 0 };
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t done;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(peer, (struct sockaddr *)&address, len), 0);
    conn.fd = accept(listener, NULL, NULL);
    ck_assert_int_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(peer);
    ck_assert_int_eq(plain_stream.recv(&conn, bytes, sizeof(bytes), &done), IO_CLOSED);
    close(conn.fd);
    close(listener);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("net/stream");

    unit_add(suite, recv_gives_bytes_then_again_then_closed, 1);
    unit_add(suite, send_moves_what_fits_then_again, 1);
    unit_add(suite, send_to_one_who_left_is_closed_and_no_signal, 1);
    unit_add(suite, shutdown_ends_one_direction, 1);
    unit_add(suite, failure_that_is_nobodys_leave_is_an_error, 1);
    unit_add(suite, sendfile_sends_a_part_and_tells_a_short_file, 1);
    unit_add(suite, reset_by_the_client_is_closed, 1);
    return unit_run(suite);
}
