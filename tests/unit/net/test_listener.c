/* SPDX-License-Identifier: BSD-2-Clause */
/* listener: options, ports, and whose Unix socket may be replaced. */
#include "unit.h"
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct listener
listener_on(const char *text)
{
    struct listener listener = { .options = listen_defaults, .fd = -1, .text = str_of(text) };
    unsigned count;

    ck_assert_ptr_null(address_parse(str_of(text), &listener.address, 1, &count));
    if (listener.address.sa.sa_family != AF_UNIX)
        address_set_port(&listener.address, 0);
    return listener;
}

static void
open_well(struct listener *listener)
{
    const char *step;
    bool ok = listener_open(listener, &step);

    ck_assert_msg(ok, "%s failed: errno %d", step, errno);
}

static int
option(const struct listener *listener, int level, int name)
{
    socklen_t len = sizeof(int);
    int value = -1;

    ck_assert_int_eq(getsockopt(listener->fd, level, name, &value, &len), 0);
    return value;
}

START_TEST(open_listener_has_a_port_and_the_usual_options)
{
    struct listener listener = listener_on("127.0.0.1");

    open_well(&listener);
    ck_assert_uint_ne(address_port(&listener.address), 0);
    ck_assert_int_eq(option(&listener, SOL_SOCKET, SO_ACCEPTCONN), 1);
    ck_assert_int_eq(option(&listener, SOL_SOCKET, SO_REUSEADDR), 1);
    ck_assert_int_eq(option(&listener, SOL_SOCKET, SO_REUSEPORT), 0);
    ck_assert_int_ne(option(&listener, IPPROTO_TCP, TCP_NODELAY), 0);
    ck_assert_int_gt(option(&listener, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
    ck_assert_int_ne(fcntl(listener.fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_ne(fcntl(listener.fd, F_GETFD) & FD_CLOEXEC, 0);
    listener_close(&listener);
    ck_assert_int_eq(listener.fd, -1);
    listener_close(&listener);
}
END_TEST

START_TEST(options_change_while_it_is_open)
{
    struct listener listener = listener_on("127.0.0.1");
    int before;

    open_well(&listener);
    before = option(&listener, SOL_SOCKET, SO_RCVBUF);
    listener.options.deferred = 0;
    listener.options.nodelay = 0;
    listener.options.rcvbuf = 20000;
    listener_configure(&listener, NULL);
    ck_assert_int_eq(option(&listener, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
    ck_assert_int_eq(option(&listener, IPPROTO_TCP, TCP_NODELAY), 0);
    ck_assert_int_eq(option(&listener, SOL_SOCKET, SO_RCVBUF), 40000);  /* the kernel doubles */
    ck_assert_int_ne(before, 40000);
    listener_close(&listener);
}
END_TEST

START_TEST(taken_address_fails_in_bind)
{
    struct listener first = listener_on("127.0.0.1"), second = first;
    const char *step;

    open_well(&first);
    second.address = first.address;
    ck_assert(!listener_open(&second, &step));
    ck_assert_int_eq(errno, EADDRINUSE);
    ck_assert_str_eq(step, "bind()");
    ck_assert_int_eq(second.fd, -1);
    listener_close(&first);
}
END_TEST

START_TEST(reuseport_shares_an_address)
{
    struct listener first = listener_on("127.0.0.1"), second;

    first.options.reuseport = true;
    second = first;
    open_well(&first);
    second.address = first.address;
    open_well(&second);
    listener_close(&first);
    listener_close(&second);
}
END_TEST

static bool
has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

START_TEST(ipv6_listener_leaves_ipv4_alone_as_told)
{
    struct listener listener = listener_on("[::]");

    if (!has_ipv6())
        return;
    listener.options.ipv6only = _i;
    open_well(&listener);
    ck_assert_int_eq(option(&listener, IPPROTO_IPV6, IPV6_V6ONLY), _i);
    listener_close(&listener);
}
END_TEST

static char folder[] = "/tmp/weir-listener-XXXXXX";
static char path[sizeof("unix:") + sizeof(folder) + sizeof("/s")];

static const char *
file_path(void)
{
    return path + 5;
}

static struct listener
unix_listener(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "unix:%s/s", folder);
    return listener_on(path);
}

static void
remove_folder(void)
{
    unlink(file_path());
    ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(unix_socket_left_behind_is_replaced)
{
    struct listener listener = unix_listener();
    struct stat st;

    open_well(&listener);
    ck_assert_int_eq(stat(file_path(), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0666);
    listener_close(&listener);
    ck_assert_int_eq(access(file_path(), F_OK), 0);
    open_well(&listener);
    listener_close(&listener);
    listener_unlink(&listener);
    ck_assert_int_ne(access(file_path(), F_OK), 0);
    remove_folder();
}
END_TEST

/* So that the next one is told to come again. */
static void
fill_backlog(const struct listener *listener)
{
    const struct address *a = &listener->address;
    int fd, refused;

    do {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        ck_assert_int_ge(fd, 0);
        refused = connect(fd, &a->sa, a->len);
    } while (refused == 0);
    ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(unix_socket_that_is_served_is_not_taken_away)
{
    struct listener first = unix_listener(), second = first;
    const char *step;

    first.options.backlog = 2;
    open_well(&first);
    if (_i == 1)
        fill_backlog(&first);
    ck_assert(!listener_open(&second, &step));
    ck_assert_int_eq(errno, EADDRINUSE);
    ck_assert_int_eq(access(file_path(), F_OK), 0);
    listener_close(&first);
    remove_folder();
}
END_TEST

START_TEST(file_that_is_no_socket_is_not_taken_away)
{
    struct listener listener = unix_listener();
    int fd = open(file_path(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    const char *step;

    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert(!listener_open(&listener, &step));
    ck_assert_int_eq(errno, EEXIST);
    ck_assert_int_eq(access(file_path(), F_OK), 0);
    remove_folder();
}
END_TEST

static unsigned
mode_now(void)
{
    struct stat st;

    ck_assert_int_eq(lstat(file_path(), &st), 0);
    ck_assert_uint_eq(st.st_uid, geteuid());
    return st.st_mode & 07777;
}

START_TEST(unix_socket_has_the_mode_that_it_is_given)
{
    struct listener listener = unix_listener();
    mode_t before = umask(027);

    listener.options.mode = 0640;
    listener.options.uid = _i == 0 ? -1 : (int)geteuid();
    listener.options.gid = _i < 2 ? -1 : (int)getegid();
    open_well(&listener);
    ck_assert_uint_eq(mode_now(), 0640);
    ck_assert_uint_eq(umask(before), 027);
    listener.options.mode = 0606;
    listener_configure(&listener, NULL);
    ck_assert_uint_eq(mode_now(), 0606);
    listener.options = listen_defaults;
    listener_configure(&listener, NULL);
    ck_assert_uint_eq(mode_now(), 0606);
    listener_close(&listener);
    remove_folder();
}
END_TEST

START_TEST(unix_socket_that_cannot_be_given_away_is_not_left_behind)
{
    struct listener listener = unix_listener();
    const char *step;

    if (geteuid() == 0) {
        ck_assert_int_eq(chmod(folder, 0777), 0);
        ck_assert_int_eq(seteuid(65534), 0);
    }
    listener.options.uid = 1;
    ck_assert(!listener_open(&listener, &step));
    ck_assert_int_eq(errno, EPERM);
    ck_assert_str_eq(step, "chown()");
    ck_assert_int_ne(access(file_path(), F_OK), 0);
    ck_assert_int_eq(seteuid(getuid()), 0);
    remove_folder();
}
END_TEST

START_TEST(multipath_listener_is_one_where_there_is_such_a_thing)
{
    struct listener listener = listener_on("127.0.0.1");
    const char *step;

    listener.options.multipath = 1;
    if (!listener_open(&listener, &step)) {
        ck_assert_str_eq(step, "socket(IPPROTO_MPTCP)");
        return;
    }
    ck_assert_int_eq(option(&listener, SOL_SOCKET, SO_PROTOCOL), IPPROTO_MPTCP);
    ck_assert_int_ne(option(&listener, IPPROTO_TCP, TCP_NODELAY), 0);
    listener_close(&listener);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("net/listener");

    unit_add(suite, open_listener_has_a_port_and_the_usual_options, 1);
    unit_add(suite, options_change_while_it_is_open, 1);
    unit_add(suite, taken_address_fails_in_bind, 1);
    unit_add(suite, reuseport_shares_an_address, 1);
    unit_add(suite, ipv6_listener_leaves_ipv4_alone_as_told, 2);
    unit_add(suite, unix_socket_left_behind_is_replaced, 1);
    unit_add(suite, unix_socket_that_is_served_is_not_taken_away, 2);
    unit_add(suite, file_that_is_no_socket_is_not_taken_away, 1);
    unit_add(suite, unix_socket_has_the_mode_that_it_is_given, 3);
    unit_add(suite, unix_socket_that_cannot_be_given_away_is_not_left_behind, 1);
    unit_add(suite, multipath_listener_is_one_where_there_is_such_a_thing, 1);
    return unit_run(suite);
}
