/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole master with its workers, in a child process of the test; what it does is read in its
 * log. The configuration has no http, so that nothing but processes is looked at.
 */
#include "base/str.h"
#include "proc/pidfile.h"
#include "proc/start.h"
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000, STEP_MS = 5 };

static char folder[64], prefix[80], conf_path[96], pid_path[96], log_path[96];
static char text[1 << 20];
static pid_t master;

static void
put_conf(const char *conf)
{
    char fresh[112];
    FILE *f;

    snprintf(fresh, sizeof(fresh), "%s.new", conf_path);
    f = fopen(fresh, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "daemon off; error_log error.log notice; pid weir.pid; %s", conf);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(rename(fresh, conf_path), 0);
}

static const char *
read_log(void)
{
    int fd = open(log_path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static unsigned
count_lines(const char *what)
{
    unsigned n = 0;

    for (const char *p = read_log(); (p = strstr(p, what)) != NULL; p++)
        n++;
    return n;
}

/* Until the log has `what` so many times. */
static void
wait_for(const char *what, unsigned times)
{
    for (int waited = 0; count_lines(what) < times; waited += STEP_MS) {
        ck_assert_msg(waited < PATIENCE_MS, "no \"%s\" in the log:\n%s", what, read_log());
        poll(NULL, 0, STEP_MS);
    }
}

/* The number behind the n-th (from 1) "start worker process ". */
static pid_t
nth_worker(unsigned n)
{
    static const char line[] = "start worker process ";
    const char *p;

    wait_for("start worker process ", n);
    p = read_log();
    while (n-- > 0)
        p = strstr(p, line) + sizeof(line) - 1;
    return (pid_t)atoi(p);
}

static void
launch(const char *conf)
{
    struct options options;
    char *arguments[] = { (char[]){ "weir" }, NULL };

    strcpy(folder, "/tmp/weir-master-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(prefix, sizeof(prefix), "%s/", folder);
    snprintf(conf_path, sizeof(conf_path), "%s/weir.conf", folder);
    snprintf(pid_path, sizeof(pid_path), "%s/weir.pid", folder);
    snprintf(log_path, sizeof(log_path), "%s/error.log", folder);
    put_conf(conf);
    options = (struct options){ .prefix = str_of(prefix), .conf_path = str_of(conf_path) };
    master = fork();
    if (master == 0)
        exit(start_server(&options, arguments, NULL));
}

static void
start(const char *conf)
{
    pid_t pid;

    launch(conf);
    for (int waited = 0; pidfile_read(pid_path, &pid) != PIDFILE_OK; waited += STEP_MS) {
        ck_assert_msg(waited < PATIENCE_MS, "no pid file, the log:\n%s", read_log());
        poll(NULL, 0, STEP_MS);
    }
    ck_assert_int_eq(pid, master);
}

static int
status_of_master(void)
{
    int status = -1;

    ck_assert_int_eq(waitpid(master, &status, 0), master);
    return status;
}

static void
remove_folder(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void
stop(int signal)
{
    ck_assert_int_eq(kill(master, signal), 0);
    ck_assert_int_eq(status_of_master(), 0);
    ck_assert_int_ne(access(pid_path, F_OK), 0);
    ck_assert_msg(strstr(read_log(), ": exit\n") != NULL, "%s", text);
    remove_folder();
}

#define TWO "worker_processes 2; events { }"
#define ONE "worker_processes 1; events { }"

static const int stops[] = { SIGTERM, SIGINT, SIGQUIT };

START_TEST(stop_ends_all_with_success_and_removes_the_pid_file)
{
    pid_t first, second;

    start(TWO);
    first = nth_worker(1);
    second = nth_worker(2);
    stop(stops[_i]);
    ck_assert_int_eq(kill(first, 0), -1);
    ck_assert_int_eq(kill(second, 0), -1);
}
END_TEST

START_TEST(killed_worker_is_replaced_at_once_then_later_and_later)
{
    start(ONE);
    for (unsigned n = 1; n <= 4; n++)
        ck_assert_int_eq(kill(nth_worker(n), SIGKILL), 0);
    nth_worker(5);
    ck_assert_uint_eq(count_lines("exited on signal 9"), 4);
    ck_assert_uint_eq(count_lines("the next one starts in 100 ms"), 1);
    ck_assert_uint_eq(count_lines("the next one starts in 200 ms"), 1);
    ck_assert_uint_eq(count_lines("the next one starts in 400 ms"), 1);
    stop(SIGTERM);
}
END_TEST

START_TEST(reload_starts_the_new_before_the_old_leave)
{
    const char *last_start, *first_leaving;
    char line[64];

    start(ONE);
    snprintf(line, sizeof(line), "worker process %d exited with code 0", (int)nth_worker(1));
    put_conf(TWO);
    ck_assert_int_eq(kill(master, SIGHUP), 0);
    wait_for(line, 1);
    ck_assert_uint_eq(count_lines("start worker process "), 3);
    last_start = read_log();
    for (const char *p = text; (p = strstr(p, "start worker process ")) != NULL; p++)
        last_start = p;
    first_leaving = strstr(text, "gracefully shutting down");
    ck_assert_ptr_nonnull(first_leaving);
    ck_assert(last_start < first_leaving);
    stop(SIGQUIT);
}
END_TEST

static const char *const broken[] = {
    "events { } nonsense on;",                              /* not known */
    "events { } error_log no-such-folder/error.log;",       /* a log cannot be opened */
    "events { } working_directory no-such-folder;",         /* workers cannot start */
};

START_TEST(reload_that_fails_changes_nothing)
{
    pid_t worker;

    start(ONE);
    worker = nth_worker(1);
    put_conf(broken[_i]);
    ck_assert_int_eq(kill(master, SIGHUP), 0);
    wait_for("the configuration was not changed", 1);
    ck_assert_int_eq(kill(worker, 0), 0);
    ck_assert_uint_eq(count_lines("gracefully shutting down"), 0);
    put_conf(ONE);
    ck_assert_int_eq(kill(master, SIGHUP), 0);
    wait_for("gracefully shutting down", 1);
    stop(SIGTERM);
}
END_TEST

START_TEST(reopened_log_is_used_by_master_and_workers)
{
    char moved[112], line[64];

    start(ONE);
    snprintf(line, sizeof(line), "start worker process %d", (int)nth_worker(1));
    snprintf(moved, sizeof(moved), "%s.1", log_path);
    ck_assert_int_eq(rename(log_path, moved), 0);
    ck_assert_int_eq(kill(master, SIGUSR1), 0);
    for (int waited = 0; access(log_path, F_OK) != 0; waited += STEP_MS) {
        ck_assert_int_lt(waited, PATIENCE_MS);
        poll(NULL, 0, STEP_MS);
    }
    ck_assert_int_eq(kill(master, SIGHUP), 0);
    wait_for("gracefully shutting down", 1);        /* a worker said this */
    ck_assert_uint_eq(count_lines(line), 0);
    stop(SIGTERM);
}
END_TEST

START_TEST(winch_stops_the_workers_and_hup_brings_them_back)
{
    char line[64];

    start(ONE);
    snprintf(line, sizeof(line), "worker process %d exited with code 0", (int)nth_worker(1));
    ck_assert_int_eq(kill(master, SIGWINCH), 0);
    wait_for(line, 1);
    ck_assert_int_eq(kill(master, 0), 0);
    ck_assert_uint_eq(count_lines("start worker process "), 1);
    ck_assert_int_eq(kill(master, SIGHUP), 0);
    nth_worker(2);
    stop(SIGTERM);
}
END_TEST

START_TEST(workers_do_not_outlive_a_killed_master)
{
    pid_t worker;

    /* The orphaned worker becomes a child of the test, which can wait for it then. */
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    start(ONE);
    worker = nth_worker(1);
    ck_assert_int_eq(kill(master, SIGKILL), 0);
    ck_assert_int_ne(status_of_master(), 0);
    ck_assert_int_eq(waitpid(worker, NULL, 0), worker);
    remove_folder();
}
END_TEST

START_TEST(start_with_workers_that_cannot_work_fails)
{
    launch("worker_processes 2; working_directory no-such-folder; events { }");
    ck_assert_int_eq(WEXITSTATUS(status_of_master()), EXIT_FAILURE);
    ck_assert_uint_eq(count_lines("exited with fatal code 2 and cannot be respawned"), 2);
    ck_assert_uint_eq(count_lines("no worker process could be started"), 1);
    ck_assert_int_ne(access(pid_path, F_OK), 0);
    remove_folder();
}
END_TEST

START_TEST(single_process_reloads_in_place_and_stops)
{
    start("master_process off; events { }");
    put_conf("master_process off; nonsense; events { }");
    ck_assert_int_eq(kill(master, SIGHUP), 0);
    wait_for("the configuration was not changed", 1);
    put_conf("master_process off; events { worker_connections 99; }");
    ck_assert_int_eq(kill(master, SIGHUP), 0);
    wait_for("a change of worker_connections takes effect at the next start", 1);
    stop(stops[_i]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/master");

    unit_add(suite, stop_ends_all_with_success_and_removes_the_pid_file, ARRAY_LEN(stops));
    unit_add(suite, killed_worker_is_replaced_at_once_then_later_and_later, 1);
    unit_add(suite, reload_starts_the_new_before_the_old_leave, 1);
    unit_add(suite, reload_that_fails_changes_nothing, ARRAY_LEN(broken));
    unit_add(suite, reopened_log_is_used_by_master_and_workers, 1);
    unit_add(suite, winch_stops_the_workers_and_hup_brings_them_back, 1);
    unit_add(suite, workers_do_not_outlive_a_killed_master, 1);
    unit_add(suite, start_with_workers_that_cannot_work_fails, 1);
    unit_add(suite, single_process_reloads_in_place_and_stops, ARRAY_LEN(stops));
    return unit_run(suite);
}
