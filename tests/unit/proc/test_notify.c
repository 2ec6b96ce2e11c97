/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/notify.h"
#include "unit.h"

static const struct { const char *usec, *pid; uint64_t interval_ms; } watchdogs[] = {
    { NULL,         NULL, 0 },
    { "",           NULL, 0 },
    { "0",          NULL, 0 },
    { "-1",         NULL, 0 },
    { "10s",        NULL, 0 },
    { "30000000",   NULL, 15000 },
    { "30000000",   "7",  15000 },
    { "30000000",   "8",  0 },          /* meant for another process */
    { "30000000",   "",   0 },
    { "30000000",   "x",  0 },
    { "1",          "7",  1 },          /* never without a pause */
    { "18446744073709551615", NULL, 9223372036854775 },
    { "18446744073709551616", NULL, 0 },
};

START_TEST(watchdog_is_fed_at_half_its_interval)
{
    ck_assert_uint_eq(watchdog_interval_ms(watchdogs[_i].usec, watchdogs[_i].pid, 7),
                      watchdogs[_i].interval_ms);
}
END_TEST

static const struct { struct str status, line; } statuses[] = {
    { STR_INIT(""), STR_INIT("") },
    { STR_INIT("generation 1 serves"), STR_INIT("generation 1 serves") },
    { STR_INIT("one\nREADY=1\n"), STR_INIT("one READY=1") },
    { STR_INIT("a\tb\x1b[2J"), STR_INIT("a b [2J") },
    { STR_INIT("0123456789012345678901234567890123456789"),
      STR_INIT("01234567890123456789012345678901") },
    { STR_INIT("\n\n"), STR_INIT("") },
};

START_TEST(status_is_one_line)
{
    char line[32];

    ck_assert(str_eq(status_line(line, sizeof(line), statuses[_i].status), statuses[_i].line));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/notify");

    unit_add(suite, watchdog_is_fed_at_half_its_interval, ARRAY_LEN(watchdogs));
    unit_add(suite, status_is_one_line, ARRAY_LEN(statuses));
    return unit_run(suite);
}
