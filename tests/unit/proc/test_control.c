/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/control.h"
#include "base/log.h"
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], prefix[80];
static struct options options;

static void
setup(void)
{
    strcpy(folder, "/tmp/weir-control-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(prefix, sizeof(prefix), "%s/", folder);
    options = (struct options){
        .prefix = str_of(prefix), .conf_path = STR("/dev/null"),
        .directives = STR("master_process off; pid weir.pid; events { }"),
    };
}

static void
put_pid(const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/weir.pid", folder);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
}

static void
teardown(void)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/weir.pid", folder);
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* What control_send says on the console. */
static int
send_and_hear(struct str word, char *said, size_t size)
{
    int ends[2], before, status;
    ssize_t n;

    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    before = console_redirect(ends[1]);
    status = control_send(&options, word, &(struct control_patience){ .none = false });
    console_redirect(before);
    n = read(ends[0], said, size - 1);
    said[n > 0 ? n : 0] = '\0';
    return status;
}

START_TEST(only_four_words_are_known)
{
    ck_assert(control_knows(STR("stop")) && control_knows(STR("quit")));
    ck_assert(control_knows(STR("reopen")) && control_knows(STR("reload")));
    ck_assert(!control_knows(STR("")) && !control_knows(STR("restart")));
    ck_assert(!control_knows(STR("STOP")));
}
END_TEST

START_TEST(missing_pid_file_is_told_as_scripts_expect)
{
    char said[512], expected[512];

    setup();
    ck_assert_int_eq(send_and_hear(STR("reload"), said, sizeof(said)), EXIT_FAILURE);
    snprintf(expected, sizeof(expected), "weir: [error] open() \"%s/weir.pid\" failed (2: No such "
             "file or directory)\nweir: [notice] no server runs with \"%s\"; -c and -p name another "
             "configuration\n", folder, options.conf_path.p);
    ck_assert_str_eq(said, expected);
    teardown();
}
END_TEST

START_TEST(malformed_pid_file_signals_nobody)
{
    char said[512];

    setup();
    put_pid("-1\n");
    ck_assert_int_eq(send_and_hear(STR("stop"), said, sizeof(said)), EXIT_FAILURE);
    ck_assert_ptr_nonnull(strstr(said, "[error] invalid PID number in \""));
    teardown();
}
END_TEST

START_TEST(number_of_nobody_is_told)
{
    char said[512], text[32];
    pid_t gone = fork();

    if (gone == 0)
        _exit(0);
    ck_assert_int_eq(waitpid(gone, NULL, 0), gone);
    setup();
    snprintf(text, sizeof(text), "%d\n", (int)gone);
    put_pid(text);
    ck_assert_int_eq(send_and_hear(STR("stop"), said, sizeof(said)), EXIT_FAILURE);
    ck_assert_ptr_nonnull(strstr(said, "failed (3: No such process)"));
    teardown();
}
END_TEST

static const struct { struct str word; int signal; } signals[] = {
    { STR_INIT("stop"),   SIGTERM },
    { STR_INIT("quit"),   SIGQUIT },
    { STR_INIT("reopen"), SIGUSR1 },
    { STR_INIT("reload"), SIGHUP },
};

START_TEST(word_sends_its_signal_and_stop_waits_for_the_end)
{
    char said[512], text[32];
    siginfo_t info = { 0 };
    pid_t child;

    /* Check catches some signals, and the child would inherit that. */
    signal(signals[_i].signal, SIG_DFL);
    child = fork();
    if (child == 0)
        for (;;)
            pause();
    setup();
    snprintf(text, sizeof(text), "%d\n", (int)child);
    put_pid(text);
    ck_assert_int_eq(send_and_hear(signals[_i].word, said, sizeof(said)), EXIT_SUCCESS);
    if (signals[_i].signal == SIGHUP)   /* without a control socket */
        ck_assert_ptr_nonnull(strstr(said, "was told to reload, its error log has the verdict"));
    else
        ck_assert_str_eq(said, "");
    /* Those that wait have waited: the child is a zombie by now. */
    if (signals[_i].signal == SIGTERM || signals[_i].signal == SIGQUIT) {
        ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT), 0);
        ck_assert_int_eq(info.si_pid, child);
    }
    ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED), 0);
    ck_assert_int_eq(info.si_status, signals[_i].signal);
    teardown();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/control");

    unit_add(suite, only_four_words_are_known, 1);
    unit_add(suite, missing_pid_file_is_told_as_scripts_expect, 1);
    unit_add(suite, malformed_pid_file_signals_nobody, 1);
    unit_add(suite, number_of_nobody_is_told, 1);
    unit_add(suite, word_sends_its_signal_and_stop_waits_for_the_end, ARRAY_LEN(signals));
    return unit_run(suite);
}
