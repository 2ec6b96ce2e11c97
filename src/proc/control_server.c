/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/control_server.h"

#include "base/clock.h"
#include "proc/tell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 10 * 1000,            /* for the line, and for each piece of the answer */
    PAUSE_MS = 1000,
    BACKLOG = 64,
    ANSWER_BLOCK = 4096,
    ANSWER_MAX = 4 << 20,
    TURN_BYTES = 256 << 10              /* that one client takes in a turn of the loop */
};

/*
 * Invariants: while the line is read and while the answer is sent `patience` is armed; while the
 * command works only the client's leaving is looked for.
 */
struct control_client {
    struct link link;                   /* in server.clients */
    struct link waiting;                /* in a list of the command's */
    struct control_server *server;
    struct loop_source source;
    struct timer patience;
    pid_t peer;
    struct arena *arena;                /* of the answer */
    struct writer answer;
    struct str unsent;                  /* of what is being sent, once the answer is complete */
    struct str verdict;                 /* what comes behind it */
    void (*done)(void *data);           /* for whoever owns what is being sent; NULL: the answer */
    void *done_data;
    size_t length;                      /* of what was read of the line */
    char line[CONTROL_LINE_MAX];
};

/* ---- the line ------------------------------------------------------------------------------ */

static struct str
skip_blanks(struct str s)
{
    while (s.len > 0 && s.p[0] == ' ')
        s = str_from(s, 1);
    return s;
}

enum control_line
control_line_parse(struct str bytes, struct str *name, struct str *arguments)
{
    ptrdiff_t newline = str_find(bytes, '\n', 0);
    struct str line = bytes;
    size_t end = 0;

    if (newline < 0)
        return bytes.len < CONTROL_LINE_MAX ? LINE_INCOMPLETE : LINE_TOO_LONG;
    line.len = (size_t)newline;
    if (str_ends(line, STR("\r")))
        line.len--;
    for (size_t i = 0; i < line.len; i++)
        if ((unsigned char)line.p[i] < ' ' || line.p[i] == 0x7f)
            return LINE_MALFORMED;
    line = skip_blanks(line);
    while (end < line.len && line.p[end] != ' ')
        end++;
    *name = (struct str){ line.p, end };
    *arguments = skip_blanks(str_from(line, end));
    return LINE_WHOLE;
}

/* ---- a client ------------------------------------------------------------------------------ */

static void accept_on(struct control_server *server);

static void
client_close(struct control_client *client)
{
    struct control_server *server = client->server;

    timer_cancel(&client->patience);
    link_remove(&client->waiting);
    link_remove(&client->link);
    loop_source_remove(server->loop, &client->source);
    close(client->source.fd);
    if (client->done != NULL)
        client->done(client->done_data);
    arena_destroy(client->arena);
    free(client);
    server->count--;
    accept_on(server);
}

static void
on_patience(struct timer *timer)
{
    client_close(CONTAINER_OF(timer, struct control_client, patience));
}

static bool
look_for(struct control_client *client, uint32_t events)
{
    struct loop *loop = client->server->loop;

    loop_source_remove(loop, &client->source);
    return loop_source_add(loop, &client->source, events);
}

static void
be_patient(struct control_client *client)
{
    timer_arm(&client->server->loop->timers, &client->patience, now.mono_ms + PATIENCE_MS);
}

static bool
is_sent(struct control_client *client)
{
    if (client->unsent.len == 0) {
        client->unsent = client->verdict;
        client->verdict = STR_NONE;
    }
    return client->unsent.len == 0;
}

/* Sends what the socket takes, and the loop has time for. False when the client is gone. */
static bool
send_some(struct control_client *client)
{
    size_t sent = 0;

    while (!is_sent(client) && sent < TURN_BYTES) {
        size_t len = MIN(client->unsent.len, (size_t)TURN_BYTES);
        ssize_t n = send(client->source.fd, client->unsent.p, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        client->unsent = str_from(client->unsent, (size_t)n);
        sent += (size_t)n;
        be_patient(client);
    }
    return true;
}

static void
on_writable(struct loop_source *source, uint32_t events)
{
    struct control_client *client = source->data;

    if ((events & (EPOLLHUP | EPOLLERR)) != 0 || !send_some(client) || is_sent(client))
        client_close(client);
}

/* While the command works nothing is expected but that the client leaves. */
static void
on_leave(struct loop_source *source, uint32_t events)
{
    (void)events;
    client_close(source->data);
}

pid_t
control_peer(const struct control_client *client)
{
    return client->peer;
}

void
control_say(struct control_client *client, struct str text)
{
    write_str(&client->answer, text);
}

static void
begin_to_send(struct control_client *client)
{
    client->source.on_event = on_writable;
    be_patient(client);
    if (!send_some(client) || is_sent(client) || !look_for(client, EPOLLOUT))
        client_close(client);
}

void
control_end_with(struct control_client *client, struct str text, void (*done)(void *data),
                 void *data)
{
    link_remove(&client->waiting);
    client->unsent = text;
    client->verdict = STR("ok\n");
    client->done = done;
    client->done_data = data;
    begin_to_send(client);
}

void
control_end(struct control_client *client, bool ok)
{
    static const struct str too_long = STR_INIT("weir: [error] the answer is too long\nfailed\n");

    link_remove(&client->waiting);
    write_str(&client->answer, ok ? STR("ok\n") : STR("failed\n"));
    client->unsent = writer_str(&client->answer);
    if (!str_is_set(client->unsent))
        client->unsent = too_long;
    begin_to_send(client);
}

void
control_wait(struct control_client *client, struct link *list)
{
    list_push(list, &client->waiting);
}

struct control_client *
control_next(struct link *list)
{
    struct control_client *client;

    if (list_is_empty(list))
        return NULL;
    client = CONTAINER_OF(list->next, struct control_client, waiting);
    link_remove(&client->waiting);
    return client;
}

/* ---- a command ----------------------------------------------------------------------------- */

static void
complain(struct control_client *client, const char *about, struct str what)
{
    write_fmt(&client->answer, "weir: [error] %s", about);
    if (what.len > 0)
        write_fmt(&client->answer, " \"%.*s\"", STR_ARG(what));
    write_char(&client->answer, '\n');
    control_end(client, false);
}

static void
run_command(struct control_client *client, struct str name, struct str arguments)
{
    const struct control_server *server = client->server;
    const struct control_command *command = server->commands;

    while (str_is_set(command->name) && !str_eq(command->name, name))
        command++;
    if (!str_is_set(command->name)) {
        complain(client, "unknown command", name);
        return;
    }
    timer_cancel(&client->patience);
    client->source.on_event = on_leave;
    if (look_for(client, 0))
        command->run(client, arguments, server->data);
    else
        client_close(client);
}

static void
on_readable(struct loop_source *source, uint32_t events)
{
    struct control_client *client = source->data;
    struct str name, arguments;
    ssize_t n = recv(source->fd, client->line + client->length, CONTROL_LINE_MAX - client->length,
                     0);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_close(client);
        return;
    }
    client->length += (size_t)n;
    switch (control_line_parse((struct str){ client->line, client->length }, &name, &arguments)) {
    case LINE_INCOMPLETE:                                                               break;
    case LINE_WHOLE:      run_command(client, name, arguments);                         break;
    case LINE_TOO_LONG:   complain(client, "the command is too long", STR_NONE);        break;
    case LINE_MALFORMED:  complain(client, "the command has control bytes", STR_NONE);  break;
    }
}

/* ---- accepting ----------------------------------------------------------------------------- */

/* The process at the other end, or -1 when it may not ask anything. */
static pid_t
allowed_peer(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        LOG(&process_log, WARN, errno, "getsockopt(SO_PEERCRED) failed");
        return -1;
    }
    if (peer.uid == 0 || peer.uid == geteuid())
        return peer.pid;
    LOG(&process_log, WARN, 0, "process %d of user %u may not use the control socket",
        (int)peer.pid, (unsigned)peer.uid);
    return -1;
}

/* Takes the descriptor over. */
static void
client_open(struct control_server *server, int fd, pid_t peer)
{
    struct control_client *client = calloc(1, sizeof(*client));

    if (client == NULL || (client->arena = arena_create(ANSWER_BLOCK, ANSWER_MAX)) == NULL) {
        free(client);
        close(fd);
        return;
    }
    client->server = server;
    client->peer = peer;
    client->answer = writer_in(client->arena);
    client->source = (struct loop_source){ .fd = fd, .on_event = on_readable, .data = client };
    link_init(&client->waiting);
    timer_init(&client->patience, on_patience);
    list_push(&server->clients, &client->link);
    server->count++;
    be_patient(client);
    if (!loop_source_add(server->loop, &client->source, EPOLLIN))
        client_close(client);
}

static void
accept_off(struct control_server *server)
{
    loop_source_remove(server->loop, &server->listening);
}

static void
accept_on(struct control_server *server)
{
    if (server->listening.fd < 0 || server->listening.added || timer_is_armed(&server->pause)
        || server->count >= CONTROL_CLIENTS)
        return;
    if (!loop_source_add(server->loop, &server->listening, EPOLLIN))
        timer_arm(&server->loop->timers, &server->pause, now.mono_ms + PAUSE_MS);
}

static void
on_pause(struct timer *timer)
{
    accept_on(CONTAINER_OF(timer, struct control_server, pause));
}

static void
on_client(struct loop_source *source, uint32_t events)
{
    struct control_server *server = source->data;
    int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    pid_t peer = fd >= 0 ? allowed_peer(fd) : -1;

    (void)events;
    if (peer >= 0) {
        client_open(server, fd, peer);
    } else if (fd >= 0) {
        close(fd);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        LOG(&process_log, WARN, errno, "accept4() on the control socket failed");
        accept_off(server);
        timer_arm(&server->loop->timers, &server->pause, now.mono_ms + PAUSE_MS);
    }
    if (server->count >= CONTROL_CLIENTS)
        accept_off(server);
}

/* ---- the socket ---------------------------------------------------------------------------- */

static struct sockaddr_un
address_of(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    memcpy(address.sun_path, path, strlen(path));
    return address;
}

/* Whether a process that is gone has left a socket there. */
static bool
is_left_over(const char *path)
{
    const struct sockaddr_un address = address_of(path);
    struct stat st;
    int fd;
    bool refused;

    if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    refused = connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0
        && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

/* From its first moment the file is its owner's alone. */
static bool
bind_private(int fd, const char *path)
{
    const struct sockaddr_un address = address_of(path);
    mode_t before = umask(0177);
    bool ok = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;

    umask(before);
    return ok;
}

/* In the place of what a dead process left, if need be. */
static bool
bind_anyway(int fd, const char *path)
{
    if (bind_private(fd, path))
        return true;
    if (errno != EADDRINUSE)
        return false;
    if (is_left_over(path))
        return unlink(path) == 0 && bind_private(fd, path);
    errno = EADDRINUSE;
    return false;
}

/* A descriptor, or -1 with errno. */
static int
open_socket(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int failure;

    if (fd < 0 || (bind_anyway(fd, path) && listen(fd, BACKLOG) == 0))
        return fd;
    failure = errno;
    close(fd);
    errno = failure;
    return -1;
}

static bool
listen_at(struct control_server *server, struct str path)
{
    struct stat st;
    int fd;

    errno = ENAMETOOLONG;
    if (path.len > CONTROL_PATH_MAX || (fd = open_socket(path.p)) < 0)
        return false;
    memcpy(server->path, path.p, path.len + 1);
    if (lstat(path.p, &st) == 0) {
        server->device = st.st_dev;
        server->inode = st.st_ino;
    }
    server->listening = (struct loop_source){ .fd = fd, .on_event = on_client, .data = server };
    accept_on(server);
    return true;
}

/* The file only if it is ours: a successor may have put its own there. */
static void
close_socket(struct control_server *server)
{
    struct stat st;

    if (server->listening.fd < 0)
        return;
    if (lstat(server->path, &st) == 0 && st.st_dev == server->device
        && st.st_ino == server->inode)
        unlink(server->path);
    accept_off(server);
    close(server->listening.fd);
    server->listening.fd = -1;
    server->path[0] = '\0';
}

/* ---- the whole ----------------------------------------------------------------------------- */

void
control_server_init(struct control_server *server, struct loop *loop,
                    const struct control_command *commands, void *data)
{
    *server = (struct control_server){
        .loop = loop, .commands = commands, .data = data, .listening = { .fd = -1 },
    };
    link_init(&server->clients);
    timer_init(&server->pause, on_pause);
}

bool
control_server_start(struct control_server *server, struct str path)
{
    if (server->listening.fd >= 0 && str_eq(path, str_of(server->path)))
        return true;
    close_socket(server);
    if (!str_is_set(path) || listen_at(server, path))
        return true;
    tell(LEVEL_WARN, errno, "the control socket %s cannot be had, \"weir -s reload\" gets no "
         "verdict", path.p);
    return false;
}

bool
control_server_rename(struct control_server *server, struct str path)
{
    if (server->listening.fd < 0)
        return true;
    if (path.len > CONTROL_PATH_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (rename(server->path, path.p) != 0)
        return false;
    memcpy(server->path, path.p, path.len + 1);
    return true;
}

void
control_server_stop(struct control_server *server)
{
    close_socket(server);
    while (!list_is_empty(&server->clients))
        client_close(CONTAINER_OF(server->clients.next, struct control_client, link));
    timer_cancel(&server->pause);
}

void
control_server_forget(struct control_server *server)
{
    for (struct link *l = server->clients.next; l != &server->clients; l = l->next)
        close(CONTAINER_OF(l, struct control_client, link)->source.fd);
    if (server->listening.fd >= 0)
        close(server->listening.fd);
    server->listening.fd = -1;
    link_init(&server->clients);
}
