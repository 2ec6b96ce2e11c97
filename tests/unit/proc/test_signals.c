/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/signals.h"
#include "base/log.h"
#include "unit.h"

#include <string.h>
#include <unistd.h>

static const struct { int number; const char *name; } names[] = {
    { SIGHUP, "SIGHUP" }, { SIGINT, "SIGINT" }, { SIGQUIT, "SIGQUIT" }, { SIGUSR1, "SIGUSR1" },
    { SIGUSR2, "SIGUSR2" }, { SIGTERM, "SIGTERM" }, { SIGCHLD, "SIGCHLD" },
    { SIGWINCH, "SIGWINCH" },
};

START_TEST(each_signal_has_its_name_and_is_listened_to)
{
    sigset_t set;

    signals_set(&set);
    ck_assert_str_eq(signal_name(names[_i].number), names[_i].name);
    ck_assert_int_eq(sigismember(&set, names[_i].number), 1);
}
END_TEST

START_TEST(signals_that_show_a_bug_are_left_alone)
{
    sigset_t set;

    signals_set(&set);
    ck_assert_int_eq(sigismember(&set, SIGSEGV), 0);
    ck_assert_int_eq(sigismember(&set, SIGABRT), 0);
    ck_assert_str_eq(signal_name(SIGSEGV), "?");
}
END_TEST

static const struct { struct loop_signal signal; const char *effect, *line; } lines[] = {
    { { SIGHUP, 4711 }, "reconfiguring",
      "weir: [notice] signal 1 (SIGHUP) received from 4711, reconfiguring\n" },
    { { SIGINT, 0 }, "exiting", "weir: [notice] signal 2 (SIGINT) received, exiting\n" },
    { { SIGWINCH, 0 }, "", "weir: [notice] signal 28 (SIGWINCH) received\n" },
};

START_TEST(line_names_signal_sender_and_effect)
{
    char text[256] = "";
    int ends[2], before;

    ck_assert_int_eq(pipe(ends), 0);
    before = console_redirect(ends[1]);
    signal_log(&lines[_i].signal, lines[_i].effect);
    console_redirect(before);
    ck_assert_int_gt(read(ends[0], text, sizeof(text) - 1), 0);
    ck_assert_str_eq(text, lines[_i].line);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/signals");

    unit_add(suite, each_signal_has_its_name_and_is_listened_to, ARRAY_LEN(names));
    unit_add(suite, signals_that_show_a_bug_are_left_alone, 1);
    unit_add(suite, line_names_signal_sender_and_effect, ARRAY_LEN(lines));
    return unit_run(suite);
}
