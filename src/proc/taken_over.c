/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/taken_over.h"

#ifdef WEIR_DEBUG

#include "base/compiler.h"
#include "base/log.h"
#include "proc/channel.h"
#include "proc/passing.h"
#include "proc/title.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static struct loop_source line_source = { .fd = -1 };

/* ---- calls, each with up to two words ------------------------------------------------------ */

static int
keep(int fd)
{
    if (fd >= 0)
        close(fd);
    return fd;
}

static int
do_open(const char *path, const char *how)
{
    return keep(open(path, *how == 'w' ? O_WRONLY | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0600));
}

static int
do_list(const char *path, const char *unused)
{
    (void)unused;
    return keep(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int
do_exec(const char *path, const char *unused)
{
    char *const nothing[] = { NULL };

    (void)unused;
    return execve(path, nothing, nothing);
}

static struct sockaddr_in
at_port(const char *port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

/* "2", and a protocol behind it: "2:136". */
static int
do_socket(const char *family, const char *type)
{
    const char *colon = strchr(type, ':');

    return keep(socket(atoi(family), atoi(type), colon != NULL ? atoi(colon + 1) : 0));
}

/* With a socket that the worker has: whoever serves has some. */
static int
do_connect(const char *fd, const char *port)
{
    const struct sockaddr_in to = at_port(port);

    return connect(atoi(fd), (const struct sockaddr *)&to, sizeof(to));
}

static int
do_bind(const char *fd, const char *port)
{
    const struct sockaddr_in to = at_port(port);

    return bind(atoi(fd), (const struct sockaddr *)&to, sizeof(to));
}

/* Which connects, too, where the socket is not. */
static int
do_send_to(const char *fd, const char *port)
{
    const struct sockaddr_in to = at_port(port);

    return (int)sendto(atoi(fd), "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL | MSG_DONTWAIT,
                       (const struct sockaddr *)&to, sizeof(to));
}

static int
do_shutdown(const char *fd, const char *how)
{
    return shutdown(atoi(fd), atoi(how));
}

/* "1:15": level and name; the value is 1. */
static int
do_option(const char *fd, const char *option)
{
    const char *colon = strchr(option, ':');
    const int one = 1;

    return setsockopt(atoi(fd), atoi(option), colon != NULL ? atoi(colon + 1) : 0, &one, sizeof(one));
}

/* Whoever closes it last is to wait for so long. */
static int
do_linger(const char *fd, const char *seconds)
{
    const struct linger linger = { 1, atoi(seconds) };

    return setsockopt(atoi(fd), SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static int
do_flags(const char *fd, const char *flags)
{
    return fcntl(atoi(fd), F_SETFL, atoi(flags));
}

static int
do_kill(const char *pid, const char *signal)
{
    return kill(atoi(pid), atoi(signal));
}

static int
do_ptrace(const char *pid, const char *unused)
{
    (void)unused;
    return (int)ptrace(PTRACE_SEIZE, atoi(pid), NULL, NULL);
}

static int
do_mkdir(const char *path, const char *unused)
{
    (void)unused;
    return mkdir(path, 0700);
}

static int
do_unlink(const char *path, const char *unused)
{
    (void)unused;
    return unlink(path);
}

static int
do_symlink(const char *to, const char *path)
{
    return symlink(to, path);
}

static int
do_rename(const char *from, const char *to)
{
    return rename(from, to);
}

static int
do_chmod(const char *path, const char *mode)
{
    return chmod(path, (mode_t)strtoul(mode, NULL, 8));
}

static int
do_code(const char *unused, const char *unused_too)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int result;

    (void)unused;
    (void)unused_too;
    if (page == MAP_FAILED)
        return -1;
    result = mprotect(page, 4096, PROT_READ | PROT_EXEC);
    munmap(page, 4096);
    return result;
}

static int
do_map(const char *unused, const char *unused_too)
{
    (void)unused;
    (void)unused_too;
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? -1 : 0;
}

static int
do_fork(const char *unused, const char *unused_too)
{
    long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

    (void)unused;
    (void)unused_too;
    if (pid == 0)
        _exit(0);
    return (int)pid;
}

static int
do_prctl(const char *option, const char *value)
{
    return prctl(atoi(option), strtoul(value, NULL, 10), 0, 0, 0);
}

static int
do_ioctl(const char *fd, const char *request)
{
    return ioctl(atoi(fd), strtoul(request, NULL, 0), "x");
}

static int
do_limit(const char *number, const char *unused)
{
    const struct rlimit limit = { 64, 64 };

    (void)unused;
    return setrlimit((__rlimit_resource_t)atoi(number), &limit);
}

/* Any other, by its number and first argument. */
static int
do_call(const char *number, const char *argument)
{
    return (int)syscall(atol(number), strtol(argument, NULL, 0), 0, 0, 0, 0, 0);
}

static void *
idle(void *arg)
{
    return arg;
}

static int
do_thread(const char *unused, const char *unused_too)
{
    pthread_t thread;
    int err = pthread_create(&thread, NULL, idle, NULL);

    (void)unused;
    (void)unused_too;
    if (err == 0)
        pthread_join(thread, NULL);
    errno = err;
    return err == 0 ? 0 : -1;
}

/* Hands a descriptor to whoever reads from a socket that is not the test's. */
static int
do_pass(const char *to, const char *fd)
{
    union passing control;
    struct iovec part = { (char[]){ "x" }, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (atoi(to) == line_source.fd) {
        errno = EINVAL;
        return -1;
    }
    passing_put(&message, &control, atoi(fd));
    return (int)sendmsg(atoi(to), &message, MSG_NOSIGNAL);
}

static void *
flood(void *arg)
{
    const int *to = arg;
    const enum channel_kind kind = CHANNEL_READY;

    while (write(*to, &kind, sizeof(kind)) > 0 || errno == EAGAIN)
        continue;
    return NULL;
}

/* Says one thing to the master without an end. */
static int
do_flood(const char *fd, const char *threads)
{
    static int to;
    pthread_t thread;

    to = atoi(fd);
    for (int i = atoi(threads); i > 0; i--)
        if ((errno = pthread_create(&thread, NULL, flood, &to)) != 0)
            return -1;
    return 0;
}

static const struct {
    const char *name;
    int (*make)(const char *a, const char *b);
} calls[] = {
    { "open", do_open }, { "list", do_list }, { "exec", do_exec }, { "socket", do_socket },
    { "connect", do_connect }, { "bind", do_bind }, { "kill", do_kill }, { "ptrace", do_ptrace },
    { "mkdir", do_mkdir }, { "unlink", do_unlink }, { "symlink", do_symlink },
    { "rename", do_rename }, { "chmod", do_chmod }, { "code", do_code }, { "map", do_map },
    { "fork", do_fork }, { "prctl", do_prctl }, { "ioctl", do_ioctl }, { "limit", do_limit },
    { "call", do_call }, { "thread", do_thread }, { "pass", do_pass }, { "flood", do_flood },
    { "send-to", do_send_to }, { "shutdown", do_shutdown }, { "flags", do_flags },
    { "option", do_option }, { "linger", do_linger },
};

/* ---- the line ------------------------------------------------------------------------------ */

static int
obey(const char *line)
{
    char name[32], a[512] = "", b[512] = "";

    if (sscanf(line, "%31s %511s %511s", name, a, b) < 1)
        return EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (strcmp(calls[i].name, name) == 0)
            return calls[i].make(a, b) >= 0 ? 0 : errno;
    return EINVAL;
}

static void
on_line(struct loop_source *source, uint32_t events)
{
    char line[1200], answer[16];
    ssize_t n = recv(source->fd, line, sizeof(line) - 1, MSG_DONTWAIT);
    int len;

    (void)events;
    if (n <= 0) {
        loop_source_remove(source->data, source);
        close(source->fd);
        return;
    }
    line[n] = '\0';
    len = snprintf(answer, sizeof(answer), "%d\n", obey(line));
    if (send(source->fd, answer, (size_t)len, MSG_NOSIGNAL) < 0)
        LOG(&process_log, ERR, errno, "answering who has taken this worker over failed");
}

void
taken_over_begin(void)
{
    const char *path = title_getenv("WEIR_TAKEN_OVER");
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    if (path == NULL || strlen(path) >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, path, strlen(path) + 1);
    line_source.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (line_source.fd >= 0
        && connect(line_source.fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
        LOG(&process_log, ERR, errno, "connect() to \"%s\" failed", path);
        close(line_source.fd);
        line_source.fd = -1;
    }
}

void
taken_over_listen(struct loop *loop)
{
    line_source.on_event = on_line;
    line_source.data = loop;
    if (line_source.fd >= 0 && !loop_source_add(loop, &line_source, EPOLLIN))
        LOG(&process_log, ERR, errno, "listening to who has taken this worker over failed");
}

#else

/* A file that holds nothing is none. */
typedef int taken_over_is_for_tests;

#endif
