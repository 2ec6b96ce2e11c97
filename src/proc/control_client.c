/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/control_client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static uint64_t
mono_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/*
 * A connected socket, or -1 with errno. Waits while the master's queue is full, unless the time is
 * 0: the socket does not block at all then.
 */
static int
open_line(const char *path, uint64_t timeout_ms)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const struct timeval patience = { .tv_sec = (time_t)(timeout_ms / 1000),
                                      .tv_usec = (suseconds_t)(timeout_ms % 1000 * 1000) };
    int blocking = timeout_ms > 0 ? 0 : SOCK_NONBLOCK;
    size_t len = strlen(path);
    int fd, failure;

    if (len >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, len);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | blocking, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    failure = errno;
    close(fd);
    errno = failure;
    return -1;
}

static bool
send_line(int fd, struct str command, struct arena *arena)
{
    struct str line = arena_fmt(arena, "%.*s\n", STR_ARG(command));

    return str_is_set(line) && send(fd, line.p, line.len, MSG_NOSIGNAL) == (ssize_t)line.len;
}

/* What has come. True at the end of the stream. */
static bool
read_some(int fd, struct writer *w)
{
    char bytes[4096];
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        write_bytes(w, bytes, (size_t)n);
    return n == 0 || (errno != EAGAIN && errno != EINTR);
}

/* Until the end of the stream. False: the time is over. */
static bool
read_all(int fd, uint64_t deadline_ms, struct writer *w)
{
    for (;;) {
        struct pollfd pfd = { .fd = fd, .events = POLLIN };
        uint64_t ms = mono_ms();

        if (ms >= deadline_ms || poll(&pfd, 1, (int)MIN(deadline_ms - ms, (uint64_t)INT_MAX)) == 0)
            return false;
        if (read_some(fd, w))
            return true;
    }
}

static enum control_answer
verdict_of(struct str answer, struct str *text)
{
    static const struct { struct str line; enum control_answer answer; } verdicts[] = {
        { STR_INIT("ok\n"),     ANSWER_OK },
        { STR_INIT("failed\n"), ANSWER_FAILED },
    };

    *text = answer;
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        struct str before = answer;

        if (!str_ends(answer, verdicts[i].line))
            continue;
        before.len -= verdicts[i].line.len;
        if (before.len > 0 && before.p[before.len - 1] != '\n')
            continue;
        *text = before;
        return verdicts[i].answer;
    }
    return ANSWER_NONE;
}

enum control_answer
control_ask(const char *path, struct str command, uint64_t timeout_ms, struct arena *arena,
            struct str *text)
{
    struct writer w = writer_in(arena);
    uint64_t deadline_ms = mono_ms() + timeout_ms;
    int fd = open_line(path, timeout_ms);
    bool in_time = true;

    *text = STR("");
    if (fd < 0)
        return errno == EAGAIN || errno == EINPROGRESS ? ANSWER_LATE : ANSWER_NOBODY;
    if (send_line(fd, command, arena))
        in_time = read_all(fd, deadline_ms, &w);
    close(fd);
    return in_time ? verdict_of(writer_str(&w), text) : ANSWER_LATE;
}

bool
control_call_begin(struct control_call *call, const char *path, struct str command,
                   struct arena *arena)
{
    int fd = open_line(path, 0);
    int failure;

    if (fd < 0)
        return false;
    if (!send_line(fd, command, arena)) {
        failure = errno;
        close(fd);
        errno = failure;
        return false;
    }
    *call = (struct control_call){ .fd = fd, .open = true, .answer = writer_in(arena) };
    return true;
}

bool
control_call_read(struct control_call *call, enum control_answer *answer, struct str *text)
{
    if (!read_some(call->fd, &call->answer))
        return false;
    *answer = verdict_of(writer_str(&call->answer), text);
    control_call_end(call);
    return true;
}

void
control_call_end(struct control_call *call)
{
    if (call->open)
        close(call->fd);
    call->open = false;
}
