/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/runtime.h"
#include "proc/list.h"
#include "proc/pidfile.h"
#include "proc/sockets.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

/* Folder and names of one test; each test is a process of its own. */
static char folder[64];
static struct options options;
static char text[4096], prefix[80], conf_path[96];

static void
setup(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    console_redirect(null);
    strcpy(folder, "/tmp/weir-runtime-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(prefix, sizeof(prefix), "%s/", folder);
    snprintf(conf_path, sizeof(conf_path), "%s/weir.conf", folder);
    options = (struct options){ .prefix = str_of(prefix), .conf_path = str_of(conf_path) };
}

static void
teardown(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static struct runtime *
read_conf(const char *listens)
{
    FILE *f = fopen(conf_path, "w");

    ck_assert_ptr_nonnull(f);
    snprintf(text, sizeof(text),
             "master_process off; error_log error.log; events { worker_connections 32; } "
             "http { access_log off; server { %s } }", listens);
    fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
    return runtime_read(&options);
}

static struct listener *
nth(struct runtime *rt, unsigned n)
{
    struct link *l = runtime_listeners(rt)->next;

    while (n-- > 0)
        l = l->next;
    return CONTAINER_OF(l, struct listener, link);
}

static int
bound(in_addr_t ip, uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(ip),
                              .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    if (bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
        return fd;
    close(fd);
    return -1;
}

/*
 * A port that was free at all addresses a moment ago, held at one. None of those that the kernel
 * hands out to clients: what is left of their connections is in the way of a wildcard.
 */
static int
hold_port(uint16_t *port)
{
    enum { FIRST = 10240, COUNT = 20000, TRIES = 1000 };

    for (int i = 0; i < TRIES; i++) {
        uint32_t chance;
        int everywhere, fd;

        ck_assert_int_eq(getrandom(&chance, sizeof(chance), 0), sizeof(chance));
        *port = (uint16_t)(FIRST + chance % COUNT);
        everywhere = bound(INADDR_ANY, *port);
        if (everywhere < 0)
            continue;
        close(everywhere);
        fd = bound(INADDR_LOOPBACK, *port);
        if (fd >= 0)
            return fd;
    }
    ck_abort_msg("no port can be had");
    return -1;
}

static void
listens(char *buf, size_t size, const char *host, uint16_t port)
{
    snprintf(buf, size, "listen %s%u;", host, port);
}

/* Retries with other ports: another test may have taken one in between. */
static struct runtime *
open_on(const char *host, uint16_t *port, struct runtime *old)
{
    for (int i = 0; i < 20; i++) {
        char conf[128];
        struct runtime *rt;

        close(hold_port(port));
        listens(conf, sizeof(conf), host, *port);
        rt = read_conf(conf);
        ck_assert_ptr_nonnull(rt);
        if (runtime_open(rt, old, OPEN_AT_RELOAD))
            return rt;
        runtime_free(rt);
    }
    ck_abort_msg("no port can be had");
    return NULL;
}

static bool
connects(uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0;

    close(fd);
    return ok;
}

START_TEST(listener_of_the_same_address_is_shared_and_handed_on)
{
    struct runtime *old, *rt;
    uint16_t port;
    int fd;
    char conf[128];

    setup();
    old = open_on("127.0.0.1:", &port, NULL);
    fd = nth(old, 0)->fd;
    listens(conf, sizeof(conf), "127.0.0.1:", port);
    rt = read_conf(conf);
    ck_assert(runtime_open(rt, old, OPEN_AT_RELOAD));
    ck_assert_int_eq(nth(rt, 0)->fd, fd);
    ck_assert_int_eq(nth(old, 0)->fd, fd);
    runtime_keep(rt, old);
    ck_assert_int_eq(nth(old, 0)->fd, -1);
    runtime_free(old);
    ck_assert(connects(port));
    runtime_free(rt);
    ck_assert(!connects(port));
    teardown();
}
END_TEST

START_TEST(failed_opening_leaves_the_old_one_as_it_was)
{
    struct runtime *old, *rt;
    uint16_t port, busy;
    int held, fd;
    char conf[256];

    setup();
    old = open_on("127.0.0.1:", &port, NULL);
    fd = nth(old, 0)->fd;
    held = hold_port(&busy);
    ck_assert_int_eq(listen(held, 1), 0);
    snprintf(conf, sizeof(conf), "listen 127.0.0.1:%u; listen 127.0.0.1:%u;", port, busy);
    rt = read_conf(conf);
    ck_assert_ptr_nonnull(rt);
    ck_assert(!runtime_open(rt, old, OPEN_AT_RELOAD));
    runtime_free(rt);
    ck_assert_int_eq(nth(old, 0)->fd, fd);
    ck_assert(connects(port));
    runtime_free(old);
    close(held);
    teardown();
}
END_TEST

START_TEST(start_on_a_busy_address_tries_five_times)
{
    char conf[128], log[4096], path[96];
    struct runtime *rt;
    unsigned tries = 0;
    uint16_t busy;
    int held, fd;
    ssize_t n;

    setup();
    held = hold_port(&busy);
    ck_assert_int_eq(listen(held, 1), 0);
    listens(conf, sizeof(conf), "127.0.0.1:", busy);
    rt = read_conf(conf);
    ck_assert(!runtime_open(rt, NULL, OPEN_AT_START));
    snprintf(path, sizeof(path), "%s/error.log", folder);
    fd = open(path, O_RDONLY);
    n = read(fd, log, sizeof(log) - 1);
    ck_assert_int_gt(n, 0);
    log[n] = '\0';
    for (const char *p = log; (p = strstr(p, "failed (98: Address already in use)")) != NULL; p++)
        tries++;
    ck_assert_uint_eq(tries, 5);
    ck_assert_ptr_nonnull(strstr(log, "still could not bind()"));
    runtime_free(rt);
    close(fd);
    close(held);
    teardown();
}
END_TEST

/* From a wildcard to one address and back, while the old one is still open. */
static const struct { const char *before, *after; } changes[] = {
    { "*:", "127.0.0.1:" },
    { "127.0.0.1:", "*:" },
};

START_TEST(address_may_widen_and_narrow_in_a_reload)
{
    struct runtime *old, *rt;
    uint16_t port;
    char conf[128];

    setup();
    old = open_on(changes[_i].before, &port, NULL);
    listens(conf, sizeof(conf), changes[_i].after, port);
    rt = read_conf(conf);
    ck_assert(runtime_open(rt, old, OPEN_AT_RELOAD));
    ck_assert(connects(port));
    runtime_keep(rt, old);
    runtime_free(old);
    ck_assert(connects(port));
    runtime_free(rt);
    ck_assert(!connects(port));
    teardown();
}
END_TEST

START_TEST(narrowed_port_is_refused_to_another_server)
{
    struct runtime *old, *rt;
    struct listener stranger = { .fd = -1 };
    const char *step;
    uint16_t port;
    char conf[128];

    setup();
    old = open_on("*:", &port, NULL);
    listens(conf, sizeof(conf), "127.0.0.1:", port);
    rt = read_conf(conf);
    ck_assert(runtime_open(rt, old, OPEN_AT_RELOAD));
    runtime_keep(rt, old);
    runtime_free(old);
    stranger.address = nth(rt, 0)->address;
    stranger.text = STR("stranger");
    stranger.options = nth(rt, 0)->options;
    ck_assert(!listener_open(&stranger, &step));
    ck_assert_int_eq(errno, EADDRINUSE);
    runtime_free(rt);
    teardown();
}
END_TEST

static int
reuseport_of(const struct listener *listener)
{
    socklen_t len = sizeof(int);
    int value = -1;

    ck_assert_int_eq(getsockopt(listener->fd, SOL_SOCKET, SO_REUSEPORT, &value, &len), 0);
    return value;
}

START_TEST(widened_port_keeps_the_old_socket_as_a_part_of_the_new)
{
    struct runtime *old, *rt;
    uint16_t port;
    char conf[128];
    int fd;

    setup();
    old = open_on("127.0.0.1:", &port, NULL);
    fd = nth(old, 0)->fd;
    listens(conf, sizeof(conf), "*:", port);
    rt = read_conf(conf);
    ck_assert(runtime_open(rt, old, OPEN_AT_RELOAD));
    ck_assert_int_eq(nth(rt, 1)->fd, fd);
    ck_assert_ptr_eq(nth(rt, 1)->owner, nth(rt, 0)->owner);
    sockets_commit(rt, old);
    ck_assert_int_eq(nth(old, 0)->fate, FATE_STAYS);
    ck_assert_int_eq(reuseport_of(nth(rt, 0)), 0);
    ck_assert_int_eq(reuseport_of(nth(rt, 1)), 0);
    runtime_keep(rt, old);
    runtime_free(old);
    runtime_free(rt);
    teardown();
}
END_TEST

START_TEST(reload_that_is_given_up_leaves_no_mark)
{
    struct runtime *old, *rt;
    uint16_t port;
    char conf[128];

    setup();
    old = open_on("127.0.0.1:", &port, NULL);
    listens(conf, sizeof(conf), "*:", port);
    rt = read_conf(conf);
    ck_assert(runtime_open(rt, old, OPEN_AT_RELOAD));
    ck_assert_int_eq(reuseport_of(nth(old, 0)), 1);
    runtime_give_back(rt, old);
    ck_assert_int_eq(nth(rt, 0)->fate, FATE_FADES);
    ck_assert_int_eq(nth(rt, 1)->fate, FATE_STAYS);
    runtime_free(rt);
    ck_assert_int_eq(reuseport_of(nth(old, 0)), 0);
    ck_assert(connects(port));
    runtime_free(old);
    teardown();
}
END_TEST

START_TEST(fates_are_told_in_letters_that_fit_the_list)
{
    struct runtime *rt;
    uint16_t port;
    char letters[8];
    struct writer w = writer_at(letters, sizeof(letters));

    setup();
    rt = open_on("127.0.0.1:", &port, NULL);
    sockets_all_go(rt);
    write_fates(&w, rt);
    ck_assert(str_eq(writer_str(&w), STR("g")));
    ck_assert(!sockets_read_fates(rt, STR("")) && !sockets_read_fates(rt, STR("ss"))
              && !sockets_read_fates(rt, STR("x")));
    ck_assert_int_eq(nth(rt, 0)->fate, FATE_GOES);
    ck_assert(sockets_read_fates(rt, STR("f")));
    ck_assert_int_eq(nth(rt, 0)->fate, FATE_FADES);
    runtime_free(rt);
    teardown();
}
END_TEST

START_TEST(unix_socket_is_removed_by_the_process_that_opened_it)
{
    char conf[160], path[96];
    struct runtime *rt;
    pid_t child;
    int status;

    setup();
    snprintf(path, sizeof(path), "%s/sock", folder);
    snprintf(conf, sizeof(conf), "listen unix:%s;", path);
    rt = read_conf(conf);
    ck_assert(runtime_open(rt, NULL, OPEN_AT_START));
    ck_assert_int_eq(access(path, F_OK), 0);
    child = fork();
    if (child == 0) {
        runtime_free(rt);
        _exit(access(path, F_OK) == 0 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    runtime_free(rt);
    ck_assert_int_ne(access(path, F_OK), 0);
    teardown();
}
END_TEST

START_TEST(pid_file_lives_as_long_as_what_serves)
{
    struct runtime *old, *rt;
    char path[96];
    pid_t pid = 0;

    setup();
    snprintf(path, sizeof(path), "%s/a.pid", folder);
    options.directives = STR("pid a.pid;");
    old = read_conf("listen unix:/nonexistent-folder/unused;");
    rt = read_conf("listen unix:/nonexistent-folder/unused;");
    ck_assert(runtime_settle(old));
    rt->cleaner = getpid();
    runtime_keep(rt, old);
    runtime_free(old);
    ck_assert_int_eq(pidfile_read(path, &pid), PIDFILE_OK);
    ck_assert_int_eq(pid, getpid());
    runtime_free(rt);
    ck_assert_int_ne(access(path, F_OK), 0);
    teardown();
}
END_TEST

START_TEST(test_of_a_configuration_touches_nothing)
{
    char path[96];
    struct runtime *rt;

    setup();
    rt = read_conf("listen 127.0.0.1:1;");
    ck_assert_ptr_nonnull(rt);
    ck_assert_int_eq(nth(rt, 0)->fd, -1);
    runtime_free(rt);
    snprintf(path, sizeof(path), "%s/error.log", folder);
    ck_assert_int_ne(access(path, F_OK), 0);
    teardown();
}
END_TEST

START_TEST(log_that_cannot_be_opened_is_a_failure)
{
    struct runtime *rt;

    setup();
    options.directives = STR("error_log no-such-folder/x.log;");
    rt = read_conf("listen 127.0.0.1:1;");
    ck_assert_ptr_nonnull(rt);
    ck_assert(!runtime_open(rt, NULL, OPEN_AT_START));
    ck_assert_int_eq(nth(rt, 0)->fd, -1);
    runtime_free(rt);
    teardown();
}
END_TEST

START_TEST(early_log_stands_in_for_a_missing_error_log)
{
    struct runtime *rt;

    setup();
    options.error_log = STR("/somewhere/early.log");
    options.conf_path = STR_NONE;
    options.directives = STR("master_process off; events { }");
    rt = runtime_read(&options);
    ck_assert_ptr_nonnull(rt);
    ck_assert(str_eq(rt->main->error_log->file->path, options.error_log));
    runtime_free(rt);
    options.directives = STR("master_process off; error_log own.log; events { }");
    rt = runtime_read(&options);
    ck_assert(str_ends(rt->main->error_log->file->path, STR("/own.log")));
    ck_assert_ptr_null(rt->main->error_log->next);
    runtime_free(rt);
    teardown();
}
END_TEST

START_TEST(list_names_each_directive_once_with_all_its_contexts)
{
    static char all[65536];
    char name[] = "/tmp/weir-list-XXXXXX";
    int fd = mkstemp(name);
    const char *first;
    ssize_t n;

    ck_assert_int_ge(fd, 0);
    unlink(name);
    ck_assert(list_directives(fd));
    n = pread(fd, all, sizeof(all) - 1, 0);
    ck_assert_int_gt(n, 0);
    all[n] = '\0';
    close(fd);
    ck_assert_ptr_nonnull(strstr(all, "worker_connections\tevents\t512\tevents\n"));
    ck_assert_ptr_nonnull(strstr(all, "\nload_module\tmain\t-\tmain\n"));
    first = strstr(all, "\nerror_log\t");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(strstr(first + 1, "\nerror_log\t"));
    ck_assert_int_eq(strncmp(first, "\nerror_log\tmain, http, server, location\t", 40), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/runtime");

    unit_add(suite, listener_of_the_same_address_is_shared_and_handed_on, 1);
    unit_add(suite, failed_opening_leaves_the_old_one_as_it_was, 1);
    unit_add(suite, start_on_a_busy_address_tries_five_times, 1);
    unit_add(suite, address_may_widen_and_narrow_in_a_reload, ARRAY_LEN(changes));
    unit_add(suite, narrowed_port_is_refused_to_another_server, 1);
    unit_add(suite, widened_port_keeps_the_old_socket_as_a_part_of_the_new, 1);
    unit_add(suite, reload_that_is_given_up_leaves_no_mark, 1);
    unit_add(suite, fates_are_told_in_letters_that_fit_the_list, 1);
    unit_add(suite, unix_socket_is_removed_by_the_process_that_opened_it, 1);
    unit_add(suite, pid_file_lives_as_long_as_what_serves, 1);
    unit_add(suite, test_of_a_configuration_touches_nothing, 1);
    unit_add(suite, log_that_cannot_be_opened_is_a_failure, 1);
    unit_add(suite, early_log_stands_in_for_a_missing_error_log, 1);
    unit_add(suite, list_names_each_directive_once_with_all_its_contexts, 1);
    return unit_run(suite);
}
