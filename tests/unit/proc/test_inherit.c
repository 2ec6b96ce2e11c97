/* SPDX-License-Identifier: BSD-2-Clause */
/* inherit: which descriptors the environment may name, and what is found behind them. */
#include "proc/inherit.h"
#include "net/listener.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int
listening_socket(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

static unsigned
count(const struct link *head)
{
    unsigned n = 0;

    for (const struct link *l = head->next; l != head; l = l->next)
        n++;
    return n;
}

/* %d is a listening socket. */
static const struct { const char *value; unsigned found; } lists[] = {
    { "%d;", 1 },
    { "%d;%d;0%d;", 1 },                /* it is one, and closed once */
    { "%d", 1 },
    { "%d;x;", 1 },
    { "-1;%d;", 1 },
    { ";;%d;", 1 },
    { "%d ;", 0 },
    { "+%d;", 0 },
    { "99999999999999999999;", 0 },
    { "0;", 0 },                        /* open, but no socket */
    { "", 0 },
};

static void
write_list(char *to, size_t size, const char *form, int fd)
{
    const char *place;

    to[0] = '\0';
    while ((place = strstr(form, "%d")) != NULL) {
        size_t len = strlen(to);

        snprintf(to + len, size - len, "%.*s%d", (int)(place - form), form, fd);
        form = place + 2;
    }
    strcat(to, form);
}

START_TEST(only_listening_sockets_are_taken_from_a_list)
{
    struct arena *arena = arena_create(4096, 0);
    int fd = listening_socket(), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    char value[128];
    struct link *head;

    console_redirect(null);
    dup2(null, 0);
    write_list(value, sizeof(value), lists[_i].value, fd);
    setenv("WEIR_LISTEN", value, 1);
    head = inherit_listeners(arena);
    ck_assert_ptr_nonnull(head);
    ck_assert_uint_eq(count(head), lists[_i].found);
    ck_assert_ptr_null(getenv("WEIR_LISTEN"));
    if (lists[_i].found > 0) {
        ck_assert_int_eq(CONTAINER_OF(head->next, struct listener, link)->fd, fd);
        ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
        ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    }
    arena_destroy(arena);
}
END_TEST

/* LISTEN_PID: of this process, of another, or something else. */
static const struct { const char *pid, *fds; unsigned found; } activations[] = {
    { "self", "1", 1 },
    { "self", "0", 0 },
    { "self", "-1", 0 },
    { "self", "1x", 0 },
    { "self", "99999999", 0 },
    { "1", "1", 0 },
    { "", "1", 0 },
};

START_TEST(descriptors_of_a_service_manager_are_for_the_process_it_names)
{
    struct arena *arena = arena_create(4096, 0);
    int fd = listening_socket(), null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int reports = dup(3);               /* it is the test's own line to its parent */
    char self[32];
    struct link *head;

    console_redirect(null);
    snprintf(self, sizeof(self), "%d", (int)getpid());
    setenv("LISTEN_PID", strcmp(activations[_i].pid, "self") == 0 ? self : activations[_i].pid, 1);
    setenv("LISTEN_FDS", activations[_i].fds, 1);
    setenv("LISTEN_FDNAMES", "a:b", 1);
    dup2(fd, 3);
    head = inherit_listeners(arena);
    dup2(reports, 3);
    ck_assert_ptr_nonnull(head);
    ck_assert_uint_eq(count(head), activations[_i].found);
    ck_assert_ptr_null(getenv("LISTEN_PID"));
    ck_assert_ptr_null(getenv("LISTEN_FDS"));
    ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
    arena_destroy(arena);
}
END_TEST

START_TEST(nothing_is_inherited_without_a_word)
{
    struct arena *arena = arena_create(4096, 0);

    unsetenv("WEIR_LISTEN");
    unsetenv("LISTEN_FDS");
    ck_assert_ptr_null(inherit_listeners(arena));
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/inherit");

    unit_add(suite, only_listening_sockets_are_taken_from_a_list, ARRAY_LEN(lists));
    unit_add(suite, descriptors_of_a_service_manager_are_for_the_process_it_names,
             ARRAY_LEN(activations));
    unit_add(suite, nothing_is_inherited_without_a_word, 1);
    return unit_run(suite);
}
