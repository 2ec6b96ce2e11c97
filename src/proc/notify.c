/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/notify.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/writer.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 1024, STATUS_MAX = 512 };

static struct sockaddr_un address;
static socklen_t address_len;           /* 0: nobody wants to know */

static struct {
    uint64_t interval_ms;               /* 0: not wanted */
    struct loop *loop;
    struct timer timer;
} watchdog;

uint64_t
watchdog_interval_ms(const char *usec, const char *asked_pid, pid_t pid)
{
    uint64_t us, asked;

    if (usec == NULL || !str_to_uint(str_of(usec), UINT64_MAX, &us) || us == 0)
        return 0;
    if (asked_pid != NULL
        && (!str_to_uint(str_of(asked_pid), INT32_MAX, &asked) || (pid_t)asked != pid))
        return 0;
    /* Half of what the manager grants. */
    return MAX(us / 2000, (uint64_t)1);
}

void
notify_init(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path != NULL ? strlen(path) : 0;

    watchdog.interval_ms = watchdog_interval_ms(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"),
                                                getpid());
    address_len = 0;
    if (len < 2 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';     /* the abstract name space */
    address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

bool
notify_is_wanted(void)
{
    return address_len > 0;
}

bool
notify_is_abstract(void)
{
    return address_len > 0 && address.sun_path[0] == '\0';
}

static void
send_text(struct writer *w)
{
    struct str text = writer_str(w);
    int fd;

    if (address_len == 0 || !str_is_set(text))
        return;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, text.p, text.len, MSG_NOSIGNAL, (const struct sockaddr *)&address,
               address_len) < 0)
        LOG(&process_log, INFO, errno, "telling the service manager failed");
    close(fd);
}

struct str
status_line(char *line, size_t size, struct str status)
{
    size_t len = MIN(status.len, size);

    for (size_t i = 0; i < len; i++)
        line[i] = (unsigned char)status.p[i] < ' ' ? ' ' : status.p[i];
    while (len > 0 && line[len - 1] == ' ')
        len--;
    return (struct str){ line, len };
}

void
notify_ready(struct str status)
{
    char bytes[MESSAGE_MAX], line[STATUS_MAX];
    struct writer w = writer_at(bytes, sizeof(bytes));

    write_fmt(&w, "READY=1\nMAINPID=%d\nSTATUS=", (int)getpid());
    write_str(&w, status_line(line, sizeof(line), status));
    write_char(&w, '\n');
    send_text(&w);
}

void
notify_reloading(void)
{
    char bytes[MESSAGE_MAX];
    struct writer w = writer_at(bytes, sizeof(bytes));
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    write_fmt(&w, "RELOADING=1\nMONOTONIC_USEC=%ju\nSTATUS=reloading\n",
              (uintmax_t)ts.tv_sec * 1000000 + (uintmax_t)ts.tv_nsec / 1000);
    send_text(&w);
}

static void
send_fixed(struct str text)
{
    char bytes[MESSAGE_MAX];
    struct writer w = writer_at(bytes, sizeof(bytes));

    write_str(&w, text);
    send_text(&w);
}

void
notify_stopping(void)
{
    send_fixed(STR("STOPPING=1\nSTATUS=stopping\n"));
}

void
notify_main_pid(pid_t pid)
{
    char bytes[MESSAGE_MAX];
    struct writer w = writer_at(bytes, sizeof(bytes));

    write_fmt(&w, "MAINPID=%d\n", (int)pid);
    send_text(&w);
}

static void
on_watchdog(struct timer *timer)
{
    send_fixed(STR("WATCHDOG=1\n"));
    timer_arm(&watchdog.loop->timers, timer, now.mono_ms + watchdog.interval_ms);
}

void
notify_watchdog(struct loop *loop)
{
    if (address_len == 0 || watchdog.interval_ms == 0)
        return;
    watchdog.loop = loop;
    timer_init(&watchdog.timer, on_watchdog);
    on_watchdog(&watchdog.timer);
}
