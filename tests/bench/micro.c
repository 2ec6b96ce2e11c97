/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * micro: what the calls cost that a server may make or spare, in ns of CPU on this machine.
 *
 *   micro FILE        a small file, some folders deep
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { REPEATS = 7 };           /* the best of them counts */

static const char *path;
static int listen_fd, server_fd, client_fd, file_fd, log_fd, epoll_fd, other_epoll_fd;
static char bytes[65536];

static double
cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* What is measured: each makes its call once, and returns something so that it is not left out. */

static ssize_t
bare_call(void)
{
    return syscall(SYS_getppid);
}

static ssize_t
clock_precise(void)
{
    struct timespec t;

    return clock_gettime(CLOCK_REALTIME, &t);
}

static ssize_t
clock_coarse(void)
{
    struct timespec t;

    return clock_gettime(CLOCK_REALTIME_COARSE, &t);
}

static ssize_t
open_close(void)
{
    return close(open(path, O_RDONLY | O_NONBLOCK));
}

static ssize_t
open_fstat_close(void)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK);

    fstat(fd, &st);
    return close(fd);
}

static ssize_t
stat_path(void)
{
    struct stat st;

    return stat(path, &st);
}

static ssize_t
stat_open_file(void)
{
    struct stat st;

    return fstat(file_fd, &st);
}

static ssize_t
set_option(int option, int on)
{
    return setsockopt(server_fd, IPPROTO_TCP, option, &on, sizeof(on));
}

static ssize_t
cork_on_off(void)
{
    return set_option(TCP_CORK, 1) + set_option(TCP_CORK, 0);
}

static ssize_t
nodelay(void)
{
    return set_option(TCP_NODELAY, 1);
}

static ssize_t
recv_nothing(void)
{
    return recv(server_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
}

static ssize_t
accept_nothing(void)
{
    return accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK);
}

static ssize_t
epoll_wait_nothing(void)
{
    struct epoll_event events[64];

    return epoll_wait(epoll_fd, events, 64, 0);
}

static ssize_t
epoll_mod(void)
{
    struct epoll_event event = { .events = EPOLLIN };

    return epoll_ctl(epoll_fd, EPOLL_CTL_MOD, server_fd, &event);
}

static ssize_t
epoll_add_del(void)
{
    struct epoll_event event = { .events = EPOLLIN };

    epoll_ctl(other_epoll_fd, EPOLL_CTL_ADD, server_fd, &event);
    return epoll_ctl(other_epoll_fd, EPOLL_CTL_DEL, server_fd, &event);
}

static ssize_t
pread_1k(void)
{
    return pread(file_fd, bytes, 1024, 0);
}

static ssize_t
pread_16k(void)
{
    return pread(file_fd, bytes, 16384, 0);
}

static ssize_t
write_log_line(void)
{
    return write(log_fd, bytes, 200);
}

static ssize_t
write_64_log_lines(void)
{
    return write(log_fd, bytes, 64 * 200);
}

static ssize_t
copy(size_t size)
{
    memcpy(bytes, bytes + 32768, size);
    __asm__ volatile("" ::: "memory");
    return 0;
}

static ssize_t
copy_1k(void)
{
    return copy(1024);
}

static ssize_t
copy_16k(void)
{
    return copy(16384);
}

static ssize_t
malloc_free(void)
{
    void *volatile p = malloc(4096);

    free(p);
    return 0;
}

static ssize_t
send_once(void)
{
    send(server_fd, bytes, 1300, 0);
    return recv(client_fd, bytes, 2000, 0);
}

static ssize_t
send_twice(void)
{
    send(server_fd, bytes, 300, MSG_MORE);
    send(server_fd, bytes, 1000, 0);
    return recv(client_fd, bytes, 2000, 0);
}

static ssize_t
send_gathered(void)
{
    struct iovec parts[2] = { { bytes, 300 }, { bytes, 1000 } };

    if (writev(server_fd, parts, 2) < 0)
        return -1;
    return recv(client_fd, bytes, 2000, 0);
}

static const struct {
    const char *name;
    unsigned times;
    ssize_t (*call)(void);
} calls[] = {
    { "bare system call",                        200000, bare_call },
    { "clock_gettime(REALTIME)",                1000000, clock_precise },
    { "clock_gettime(REALTIME_COARSE)",         1000000, clock_coarse },
    { "open + close",                             50000, open_close },
    { "open + fstat + close",                     50000, open_fstat_close },
    { "stat(path)",                               50000, stat_path },
    { "fstat",                                   100000, stat_open_file },
    { "TCP_CORK on + off",                       100000, cork_on_off },
    { "TCP_NODELAY",                             100000, nodelay },
    { "recv -> EAGAIN",                          100000, recv_nothing },
    { "accept4 -> EAGAIN",                        50000, accept_nothing },
    { "epoll_wait(0), no event",                 100000, epoll_wait_nothing },
    { "epoll_ctl MOD",                           100000, epoll_mod },
    { "epoll_ctl ADD + DEL",                      50000, epoll_add_del },
    { "pread of 1 KiB, cached",                  100000, pread_1k },
    { "pread of 16 KiB, cached",                  50000, pread_16k },
    { "write of a log line of 200 bytes",         50000, write_log_line },
    { "write of 64 log lines",                     1000, write_64_log_lines },
    { "memcpy 1 KiB",                           1000000, copy_1k },
    { "memcpy 16 KiB",                           100000, copy_16k },
    { "malloc + free of 4 KiB",                 1000000, malloc_free },
    { "send 1.3 KiB, recv it",                    50000, send_once },
    { "send 300 B MSG_MORE, send 1 KiB, recv",    50000, send_twice },
    { "writev 300 B + 1 KiB, recv",               50000, send_gathered },
};

static double
best_ns(ssize_t (*call)(void), unsigned times)
{
    double best = 1e18;

    for (int i = 0; i < REPEATS; i++) {
        double start = cpu_ns(), each;

        for (unsigned n = 0; n < times; n++)
            call();
        each = (cpu_ns() - start) / times;
        if (each < best)
            best = each;
    }
    return best;
}

/* A connection with both ends here, two epolls, the file, and a log nobody sees. */
static int
prepare(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof(address);
    struct epoll_event event = { .events = EPOLLIN };

    listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listen_fd, (struct sockaddr *)&address, len) != 0 || listen(listen_fd, 64) != 0
            || getsockname(listen_fd, (struct sockaddr *)&address, &len) != 0)
        return -1;
    client_fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client_fd, (struct sockaddr *)&address, len) != 0)
        return -1;
    server_fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK);
    fcntl(listen_fd, F_SETFL, O_NONBLOCK);
    file_fd = open(path, O_RDONLY);
    log_fd = open(P_tmpdir, O_TMPFILE | O_WRONLY | O_APPEND, 0600);
    epoll_fd = epoll_create1(0);
    other_epoll_fd = epoll_create1(0);
    if (server_fd < 0 || file_fd < 0 || log_fd < 0)
        return -1;
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, server_fd, &event);
}

int
main(int argc, char **argv)
{
    path = argc > 1 ? argv[1] : "/etc/hostname";
    if (prepare() != 0) {
        perror("micro");
        return 1;
    }
    puts("| call | ns |\n|---|---|");
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        printf("| %s | %.0f |\n", calls[i].name, best_ns(calls[i].call, calls[i].times));
    return 0;
}
