/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/syslog_server.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/writer.h"
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

/* RFC 3164 4.1.1, by number. */
static const char *const facilities[] = {
    "kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock", "authpriv",
    "ftp", "ntp", "audit", "alert", "cron", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
};

int
syslog_facility_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(facilities); i++)
        if (str_eq(name, str_of(facilities[i])))
            return (int)i;
    return -1;
}

void
syslog_server_close(struct syslog_server *server)
{
    if (server->fd >= 0)
        close(server->fd);
    server->fd = -1;
}

static bool
open_socket(struct syslog_server *server)
{
    const struct sockaddr *address = (const struct sockaddr *)&server->address;
    int fd;

    if (server->failed_ms != 0 && now.mono_ms - server->failed_ms < SYSLOG_RETRY_MS) {
        errno = ENOTCONN;
        return false;
    }
    fd = socket(address->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, address, server->address_len) == 0) {
        server->fd = fd;
        server->failed_ms = 0;
        return true;
    }
    server->failed_ms = MAX(now.mono_ms, 1);
    if (fd >= 0) {
        int err = errno;

        close(fd);
        errno = err;
    }
    return false;
}

static void
write_head(struct writer *w, const struct syslog_server *server, unsigned severity)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const char *time = clock_error_time().p;            /* "1994/11/06 08:49:37" */
    size_t month = (size_t)(10 * (time[5] - '0') + time[6] - '0') - 1;

    write_char(w, '<');
    write_uint(w, server->facility * 8 + severity);
    write_char(w, '>');
    write_bytes(w, &months[3 * month], 3);
    write_char(w, ' ');
    write_char(w, time[8] == '0' ? ' ' : time[8]);
    write_bytes(w, &time[9], 1);
    write_bytes(w, &time[10], 9);
    write_char(w, ' ');
    write_str(w, server->hostname);
    if (server->hostname.len > 0)
        write_char(w, ' ');
    write_str(w, server->tag);
    write_str(w, STR(": "));
}

/*
 * The error of a datagram that was refused comes with the next one; a Unix socket that was made
 * anew needs a new connection. So one that fails is sent once more.
 */
static bool
send_twice(struct syslog_server *server, struct msghdr *message)
{
    for (int i = 0; i < 2; i++) {
        if (server->fd < 0 && !open_socket(server))
            return false;
        if (sendmsg(server->fd, message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return true;
        if (errno == EAGAIN || errno == EMSGSIZE || errno == ENOBUFS)
            return false;
        if (server->address.ss_family == AF_UNIX)
            syslog_server_close(server);
    }
    return false;
}

bool
syslog_server_send(struct syslog_server *server, unsigned severity, struct str text)
{
    char head[64 + SYSLOG_TAG_MAX + 256];
    struct writer w = writer_at(head, sizeof(head));
    struct iovec parts[2];
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

    write_head(&w, server, severity);
    parts[0] = (struct iovec){ head, (size_t)(w.p - head) };
    parts[1] = (struct iovec){ (char *)(uintptr_t)text.p, MIN(text.len, SYSLOG_TEXT_MAX) };
    return send_twice(server, &message);
}
