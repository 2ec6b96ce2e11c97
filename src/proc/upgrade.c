/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/upgrade.h"

#include "base/clock.h"
#include "proc/daemon.h"
#include "proc/master_parts.h"
#include "proc/notify.h"
#include "proc/tell.h"
#include "proc/title.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a message on the line begins with; the addresses follow. */
struct notice {
    uint32_t version;           /* HANDOVER_VERSION */
    uint32_t serves;            /* enum upgrade_service */
};

enum { NEVER_STARTED = 127, WAIT_MS = 10 * 1000, START_MS = 60 * 1000, TELL_AGAIN_MS = 20 };

/* ---- the line ------------------------------------------------------------------------------ */

static void
forget_other(struct upgrade *u)
{
    if (u->other_queue >= 0)
        close(u->other_queue);
    u->other_queue = -1;
    u->other_serves = u->other_is_up = u->other_leaves = u->other_starts = false;
    u->other_has_spoken = false;
    u->addresses_len = 0;
}

static void
wait_is_over(struct master *m)
{
    int signal = m->upgrade.waiting;

    timer_cancel(&m->upgrade.wait_limit);
    m->upgrade.waiting = 0;
    if (signal != 0 && m->state == RUNNING)
        master_signal(m, signal);
}

static void
on_wait_limit(struct timer *timer)
{
    wait_is_over(CONTAINER_OF(timer, struct master, upgrade.wait_limit));
}

static void
close_line(struct master *m)
{
    struct upgrade *u = &m->upgrade;

    forget_other(u);
    u->is_new = false;
    if (u->line.fd < 0)
        return;
    loop_source_remove(&m->loop, &u->line);
    close(u->line.fd);
    u->line.fd = -1;
}

/* ---- those who ask for it ------------------------------------------------------------------ */

/* It is known what becomes of it. `why`: a whole line, or "". */
static void
answer(struct master *m, struct str why, bool ok)
{
    struct control_client *client;

    m->upgrade.is_asked = false;
    timer_cancel(&m->upgrade.start_limit);
    while ((client = control_next(&m->upgrade.asking)) != NULL) {
        control_say(client, why);
        control_end(client, ok);
    }
}

void
upgrade_refuse(struct master *m)
{
    answer(m, STR("weir: [error] the server is stopping\n"), false);
}

/* It neither serves nor ends. Its death is learned of like any other. */
static void
on_start_limit(struct timer *timer)
{
    struct master *m = CONTAINER_OF(timer, struct master, upgrade.start_limit);

    LOG(&process_log, ALERT, 0, "new binary process %d did not serve within %d s, killing it",
        (int)m->upgrade.program, START_MS / 1000);
    kill(m->upgrade.program, SIGKILL);
}

/* Also when the client who asked has not waited. */
static void
make_room(struct master *m)
{
    if (!m->upgrade.is_asked || !m->upgrade.other_is_up)
        return;
    answer(m, STR(""), true);
    LOG(&process_log, NOTICE, 0, "new binary process %d serves, shutting down",
        (int)m->upgrade.program);
    master_signal(m, SIGQUIT);
}

/* ---- what the other one says --------------------------------------------------------------- */

/* Whoever speaks another version of the hand-over takes nothing over. */
static void
note_other(struct master *m, const struct channel_message *message)
{
    struct upgrade *u = &m->upgrade;
    bool had_spoken = u->other_has_spoken;
    struct notice notice;

    forget_other(u);
    if (message->text.len < sizeof(notice)) {
        if (message->fd >= 0)
            close(message->fd);
        return;
    }
    memcpy(&notice, message->text.p, sizeof(notice));
    u->other_queue = message->fd;
    u->other_is_up = notice.serves == UPGRADE_SERVES;
    u->other_serves = notice.version == HANDOVER_VERSION && u->other_is_up;
    u->other_leaves = notice.serves == UPGRADE_LEAVES;
    u->other_starts = notice.serves == UPGRADE_STARTS;
    u->addresses_len = message->text.len - sizeof(notice);
    memcpy(u->addresses, message->text.p + sizeof(notice), u->addresses_len);
    u->other_has_spoken = had_spoken || !u->other_starts;
    if (u->other_is_up && u->program != 0)
        notify_main_pid(u->program);
    children_tell_successor(m);
    forward_begin(m);
    make_room(m);
    if (!u->other_starts
        && (!u->is_new || u->other_serves || u->other_leaves || u->waiting == SIGWINCH))
        wait_is_over(m);
    if (u->other_leaves && u->program != 0 && m->state == RUNNING && !m->serves)
        children_restart(m);
}

/* All that the other master has said so far. */
static void
hear_other(struct master *m)
{
    static struct channel_message message;
    bool was_new = m->upgrade.is_new;
    enum channel_result result = CHANNEL_EMPTY;

    while (m->upgrade.line.fd >= 0
           && (result = channel_receive(m->upgrade.line.fd, &message)) == CHANNEL_GOT) {
        if (message.kind == CHANNEL_MASTER)
            note_other(m, &message);
        else if (message.fd >= 0)
            close(message.fd);
    }
    if (result != CHANNEL_CLOSED)
        return;
    close_line(m);
    if (was_new)                /* else the death of the new program is still to be learned of */
        wait_is_over(m);
}

static void
on_line(struct loop_source *source, uint32_t events)
{
    (void)events;
    hear_other(source->data);
}

static bool
open_line(struct master *m, int fd)
{
    struct upgrade *u = &m->upgrade;

    u->line = (struct loop_source){ .fd = fd, .on_event = on_line, .data = m };
    if (loop_source_add(&m->loop, &u->line, EPOLLIN))
        return true;
    LOG(&process_log, ALERT, errno, "the line to the other master cannot be watched");
    close(fd);
    u->line.fd = -1;
    return false;
}

void
upgrade_tell(struct master *m, enum upgrade_service serves)
{
    static char text[CHANNEL_TEXT_MAX];
    struct notice notice = { HANDOVER_VERSION, serves };
    size_t len = sizeof(notice);

    timer_cancel(&m->upgrade.tell_again);       /* what was not said is not so any more */
    if (m->upgrade.line.fd < 0)
        return;
    memcpy(text, &notice, sizeof(notice));
    if (serves == UPGRADE_SERVES)
        len += successor_encode(m->current, text + len, sizeof(text) - len);
    if (channel_send(m->upgrade.line.fd, CHANNEL_MASTER, (struct str){ text, len }, m->queue.out))
        return;
    if (errno == EPIPE || errno == ECONNRESET) {        /* its end is learned of by the line */
        LOG(&process_log, WARN, errno, "telling the other master failed");
        return;
    }
    LOG(&process_log, WARN, errno, "telling the other master failed, it is tried again");
    m->upgrade.unsaid = serves;
    timer_arm(&m->loop.timers, &m->upgrade.tell_again, now.mono_ms + TELL_AGAIN_MS);
}

static void
on_tell_again(struct timer *timer)
{
    struct master *m = CONTAINER_OF(timer, struct master, upgrade.tell_again);

    upgrade_tell(m, m->upgrade.unsaid);
}

bool
upgrade_can_take_over(const struct master *m)
{
    return m->upgrade.other_serves && m->upgrade.other_queue >= 0;
}

/* ---- waiting for the other master ----------------------------------------------------------- */

/* In the new master: the old one may go on with the clients, if it is given the time. */
static bool
wait_for_old(struct master *m)
{
    struct upgrade *u = &m->upgrade;

    if (!u->is_new || !m->serves || u->other_serves || u->other_leaves)
        return false;
    if (u->waiting == 0) {
        LOG(&process_log, NOTICE, 0, "waiting for old binary process %d to serve", (int)getppid());
        upgrade_tell(m, UPGRADE_LEAVES);
        timer_arm(&m->loop.timers, &u->wait_limit, now.mono_ms + WAIT_MS);
    }
    u->waiting = SIGQUIT;
    return true;
}

/* It was told to serve again a moment ago. */
static bool
wait_for_start(struct master *m, int signal)
{
    struct upgrade *u = &m->upgrade;

    if (!m->serves || !u->other_starts)
        return false;
    LOG(&process_log, NOTICE, 0, "waiting for %s binary process %d to serve",
        u->is_new ? "old" : "new", u->is_new ? (int)getppid() : (int)u->program);
    if (u->waiting == 0)
        timer_arm(&m->loop.timers, &u->wait_limit, now.mono_ms + WAIT_MS);
    if (u->waiting != SIGQUIT)
        u->waiting = signal;
    return true;
}

bool
upgrade_wait(struct master *m, int signal)
{
    struct upgrade *u = &m->upgrade;

    hear_other(m);              /* what it said before somebody sent the signal */
    if (m->state != RUNNING)    /* that was what an earlier signal waited for */
        return true;
    if ((signal == SIGQUIT && wait_for_old(m)) || wait_for_start(m, signal))
        return true;
    if (u->program == 0 || u->line.fd < 0 || u->other_has_spoken)
        return false;
    LOG(&process_log, NOTICE, 0, "waiting for new binary process %d to serve", (int)u->program);
    if (u->waiting != SIGQUIT)          /* which is more than SIGWINCH */
        u->waiting = signal;
    return true;
}

void
upgrade_stay(struct master *m)
{
    if (m->upgrade.waiting != SIGWINCH)
        return;
    LOG(&process_log, NOTICE, 0, "the workers stay");
    timer_cancel(&m->upgrade.wait_limit);
    m->upgrade.waiting = 0;
}

/* ---- the new program's side ---------------------------------------------------------------- */

void
upgrade_init(struct master *m, char *const *arguments)
{
    m->upgrade = (struct upgrade){ .arguments = arguments, .line = { .fd = -1 },
                                   .other_queue = -1 };
    timer_init(&m->upgrade.wait_limit, on_wait_limit);
    timer_init(&m->upgrade.start_limit, on_start_limit);
    timer_init(&m->upgrade.tell_again, on_tell_again);
    link_init(&m->upgrade.asking);
}

static int
line_of_environment(void)
{
    const char *text = getenv(UPGRADE_LINE_VARIABLE);
    socklen_t len = sizeof(int);
    uint64_t fd;
    int type;

    if (text == NULL || !str_to_uint(str_of(text), INT_MAX, &fd))
        return -1;
    if (getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0)
        return errno == EBADF || errno == ENOTSOCK ? -1 : (int)fd;
    return type == SOCK_SEQPACKET ? (int)fd : -1;
}

bool
upgrade_is_successor(void)
{
    return line_of_environment() >= 0;
}

void
upgrade_join(struct master *m)
{
    int fd = line_of_environment();

    if (fd < 0)
        return;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    m->upgrade.is_new = open_line(m, fd);
}

void
upgrade_fini(struct master *m)
{
    timer_cancel(&m->upgrade.wait_limit);
    timer_cancel(&m->upgrade.tell_again);
    upgrade_refuse(m);
    close_line(m);
}

void
upgrade_forget(const struct master *m)
{
    if (m->upgrade.line.fd >= 0)
        close(m->upgrade.line.fd);
    if (m->upgrade.other_queue >= 0)
        close(m->upgrade.other_queue);
}

/* ---- the old program's side ---------------------------------------------------------------- */

static const char *
file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/*
 * The path by which the program was started, for there the new one has been put; where it was
 * found in a list of folders, that of the file that runs.
 */
static const char *
program_path(const struct upgrade *u, char path[PATH_MAX])
{
    ssize_t n;

    if (strchr(u->arguments[0], '/') != NULL)
        return u->arguments[0];
    n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (n <= 0)
        return u->arguments[0];
    path[n] = '\0';
    n -= (ssize_t)sizeof(" (deleted)") - 1;
    if (n > 0 && strcmp(path + n, " (deleted)") == 0)
        path[n] = '\0';
    return path;
}

/* In the new process: the watchdog of its parent goes on with it, whose number is another one. */
static bool
watches_master(const char *variable)
{
    struct str text = str_of(variable);
    uint64_t pid;

    return str_starts(text, STR("WATCHDOG_PID="))
           && str_to_uint(str_from(text, 13), INT_MAX, &pid) && (pid_t)pid == getppid();
}

static bool
is_ours(const char *variable)
{
    return str_starts(str_of(variable), STR(UPGRADE_LISTEN_VARIABLE "="))
           || str_starts(str_of(variable), STR(UPGRADE_LINE_VARIABLE "="))
           || str_starts(str_of(variable), STR("LISTEN_")) || watches_master(variable);
}

/* In the new process: a descriptor that the new program is to have. */
static void
pass_on(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
}

static const char *
pass_listeners(struct arena *arena, const struct runtime *rt)
{
    const struct link *head = runtime_listeners(rt);
    struct writer w = writer_in(arena);

    write_str(&w, STR(UPGRADE_LISTEN_VARIABLE "="));
    for (const struct link *l = head->next; l != head; l = l->next) {
        const struct listener *listener = CONTAINER_OF(l, const struct listener, link);

        if (listener->fd < 0)
            continue;
        pass_on(listener->fd);
        write_int(&w, listener->fd);
        if (listener->address.sa.sa_family == AF_UNIX && listener->file.inode == 0)
            write_char(&w, UPGRADE_FOREIGN_FILE);
        write_char(&w, ';');
    }
    return writer_cstr(&w);
}

static char **
new_environment(struct arena *arena, const struct runtime *rt, int line)
{
    char **old = title_environ(), **made;
    size_t n = 0, kept = 0;

    while (old[n] != NULL)
        n++;
    made = ARENA_ARRAY(arena, char *, n + 3);
    if (made == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!is_ours(old[i]))
            made[kept++] = old[i];
    made[kept++] = (char *)(uintptr_t)pass_listeners(arena, rt);
    made[kept++] = (char *)(uintptr_t)arena_fmt(arena, UPGRADE_LINE_VARIABLE "=%d", line).p;
    made[kept] = NULL;
    return arena_failed(arena) ? NULL : made;
}

static _Noreturn void
become_new_program(const struct master *m, int line)
{
    struct arena *arena = arena_create(4096, 0);
    char **environment = arena != NULL ? new_environment(arena, m->current, line) : NULL;
    char path[PATH_MAX];
    const char *program = program_path(&m->upgrade, path);
    sigset_t none;

    if (environment == NULL)
        _exit(NEVER_STARTED);
    pass_on(line);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(program, m->upgrade.arguments, environment);
    LOG(&process_log, ALERT, errno, "execve() failed while executing new binary process \"%s\"",
        program);
    _exit(NEVER_STARTED);
}

/* The names that others find the master by: the new program takes them. */
static bool
rename_files(struct master *m, bool is_old)
{
    if (!runtime_rename_pid_file(m->current, is_old))
        return false;
    if (str_is_set(runtime_control_path(m->current))
        && !control_server_rename(&m->control, runtime_control_path(m->current)))
        LOG(&process_log, WARN, errno, "the control socket cannot be renamed");
    return true;
}

static bool
may_begin(const struct master *m)
{
    if (m->upgrade.program == 0 && !m->upgrade.is_new)
        return true;
    LOG(&process_log, NOTICE, 0, "changing binary signal is ignored: you should shutdown or "
        "terminate before either old or new binary's process");
    return false;
}

void
upgrade_begin(struct master *m)
{
    struct upgrade *u = &m->upgrade;
    int ends[2];

    if (!may_begin(m))
        return;
    if (!channel_open(ends)) {
        LOG(&process_log, ALERT, errno, "the new binary process cannot be started");
        return;
    }
    if (!open_line(m, ends[0])) {
        close(ends[1]);
        return;
    }
    if (!rename_files(m, true)) {
        close(ends[1]);
        close_line(m);
        return;
    }
    u->program = fork();
    if (u->program == 0)
        become_new_program(m, ends[1]);
    close(ends[1]);
    if (u->program < 0) {
        LOG(&process_log, ALERT, errno, "fork() failed, no new binary process was started");
        u->program = 0;
        close_line(m);
        rename_files(m, false);
        return;
    }
    LOG(&process_log, NOTICE, 0, "start new binary process %d (%s)", (int)u->program,
        file_name(u->arguments[0]));
    upgrade_tell(m, m->serves ? UPGRADE_SERVES : UPGRADE_RESTS);
}

void
upgrade_ask(struct master *m, struct control_client *client, struct str arguments)
{
    struct str why = STR("");

    if (arguments.len > 0)
        why = STR("weir: [error] \"upgrade\" takes no arguments\n");
    else if (m->state != RUNNING)
        why = STR("weir: [error] the server is stopping\n");
    else if (m->upgrade.program != 0 || m->upgrade.is_new)
        why = STR("weir: [error] an upgrade is under way: the old or the new master must end "
                  "first\n");
    if (why.len > 0) {
        control_say(client, why);
        control_end(client, false);
        return;
    }
    LOG(&process_log, NOTICE, 0, "process %d asks for an upgrade", (int)control_peer(client));
    control_wait(client, &m->upgrade.asking);
    m->upgrade.is_asked = true;
    upgrade_begin(m);
    if (m->upgrade.program == 0)
        answer(m, STR("weir: [error] the new program cannot be started, see the error log\n"),
               false);
    else
        timer_arm(&m->loop.timers, &m->upgrade.start_limit, now.mono_ms + START_MS);
}

/* The operator has gone back, or the new program could not do it. */
void
upgrade_child_gone(struct master *m, pid_t pid, int status)
{
    struct upgrade *u = &m->upgrade;

    if (pid != u->program)
        return;
    u->program = 0;
    if (WIFSIGNALED(status))
        LOG(&process_log, ALERT, 0, "new binary process %d exited on signal %d", (int)pid,
            WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        LOG(&process_log, ERR, 0, "new binary process %d exited with code %d", (int)pid,
            WEXITSTATUS(status));
    else
        LOG(&process_log, NOTICE, 0, "new binary process %d exited with code 0", (int)pid);
    close_line(m);
    rename_files(m, false);
    notify_main_pid(getpid());
    answer(m, STR("weir: [error] the new program did not serve, the error log says why; the old "
                  "one goes on\n"), false);
    if (u->waiting == SIGQUIT) {
        wait_is_over(m);
        return;
    }
    u->waiting = 0;             /* SIGWINCH: who else should serve? */
    if (m->state == RUNNING)
        children_restart(m);
}
