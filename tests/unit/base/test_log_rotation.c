/* SPDX-License-Identifier: BSD-2-Clause */
/* log_rotation: periods in local time, and the names of former files. */
#include "unit.h"
#include "base/log_rotation.h"
#include <stdlib.h>

/* ---- periods ------------------------------------------------------------------------------- */

static const struct {
    const char *zone;
    enum rotation_unit unit;
    time_t t;
    uint64_t period;
} periods[] = {
    { "UTC0", ROTATE_BY_SIZE, 1795282200, 0 },
    { "UTC0", ROTATE_HOURLY,  1795282200, 2026112117 },
    { "UTC0", ROTATE_DAILY,   1795282200, 20261121 },
    { "UTC0", ROTATE_MONTHLY, 1795282200, 202611 },
    { "UTC0", ROTATE_WEEKLY,  1795282200, 20261116 },       /* a Saturday's Monday */
    { "UTC0", ROTATE_WEEKLY,  1795391999, 20261116 },       /* Sunday, the last second */
    { "UTC0", ROTATE_WEEKLY,  1795392000, 20261123 },       /* Monday */
    { "UTC0", ROTATE_WEEKLY,  1798848000, 20261228 },       /* the first of January, a Friday */
    { "XXX-1", ROTATE_DAILY,  1795301999, 20261121 },       /* one hour ahead: 23:59:59 */
    { "XXX-1", ROTATE_DAILY,  1795302000, 20261122 },
    { "XXX-5:45", ROTATE_HOURLY, 1795282200, 2026112123 },  /* 23:15 */
    /* The hour from two to three stands twice in that night: it is one period. */
    { "CET-1CEST,M3.5.0,M10.5.0/3", ROTATE_HOURLY, 1792889999, 2026102502 },     /* 02:59:59 */
    { "CET-1CEST,M3.5.0,M10.5.0/3", ROTATE_HOURLY, 1792890000, 2026102502 },     /* 02:00:00 */
    { "CET-1CEST,M3.5.0,M10.5.0/3", ROTATE_HOURLY, 1792893600, 2026102503 },
    /* And in spring it is not there. */
    { "CET-1CEST,M3.5.0,M10.5.0/3", ROTATE_HOURLY, 1774745999, 2026032901 },
    { "CET-1CEST,M3.5.0,M10.5.0/3", ROTATE_HOURLY, 1774746000, 2026032903 },
    { "CET-1CEST,M3.5.0,M10.5.0/3", ROTATE_DAILY,  1774821600, 20260330 },
    /* Midnight is not there in that night. */
    { "XXX4YYY,M9.1.0/0,M4.1.0/0", ROTATE_DAILY, 1788667199, 20260905 },
    { "XXX4YYY,M9.1.0/0,M4.1.0/0", ROTATE_DAILY, 1788667200, 20260906 },
};

static void
use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

START_TEST(period_is_a_local_date)
{
    use_zone(periods[_i].zone);
    ck_assert_uint_eq(rotation_period(periods[_i].unit, periods[_i].t), periods[_i].period);
}
END_TEST

static const struct {
    enum rotation_unit unit;
    const char *label;
} labels[] = {
    { ROTATE_BY_SIZE, "-20261121-173000" },
    { ROTATE_HOURLY,  "-2026112117" },
    { ROTATE_DAILY,   "-20261121" },
    { ROTATE_WEEKLY,  "-20261116" },
    { ROTATE_MONTHLY, "-202611" },
};

START_TEST(label_is_recognised_again)
{
    char bytes[ROTATION_LABEL_MAX], name[64] = "a.log";
    struct rotation_mark mark;
    struct str label;

    use_zone("UTC0");
    label = rotation_label(labels[_i].unit, 1795282200, bytes);
    ck_assert(str_eq(label, str_of(labels[_i].label)));
    memcpy(name + 5, label.p, label.len + 1);
    ck_assert(rotation_find_mark(STR("a.log"), str_of(name), &mark));
    ck_assert_uint_eq(mark.label_len, strlen(name));
}
END_TEST

/* ---- names --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool is_former;
    uint64_t stamp;
    uint32_t number;
} names[] = {
    { "a.log-20261121",            true, 20261121000000, 0 },
    { "a.log-202611",              true, 20261100000000, 0 },
    { "a.log-2026112117",          true, 20261121170000, 0 },
    { "a.log-20261121-173001",     true, 20261121173001, 0 },
    { "a.log-20261121.1",          true, 20261121000000, 1 },
    { "a.log-20261121.12.gz",      true, 20261121000000, 12 },
    { "a.log-20261121.gz",         true, 20261121000000, 0 },
    { "a.log-20261121.zst",        true, 20261121000000, 0 },
    { "a.log-20261121-173001.3.xz", true, 20261121173001, 3 },
    { "a.log",                     false, 0, 0 },
    { "a.log-",                    false, 0, 0 },
    { "a.log.1",                   false, 0, 0 },           /* logrotate's */
    { "a.log-2026",                false, 0, 0 },
    { "a.log-2026112",             false, 0, 0 },           /* digits that are no date */
    { "a.log-20261321",            false, 0, 0 },
    { "a.log-20261132",            false, 0, 0 },
    { "a.log-20261100",            false, 0, 0 },
    { "a.log-2026112124",          false, 0, 0 },
    { "a.log-00261121",            false, 0, 0 },
    { "a.log-20261121-1730",       false, 0, 0 },
    { "a.log-20261121-176001",     false, 0, 0 },
    { "a.log-202611-173001",       false, 0, 0 },
    { "a.log-20261121.0",          false, 0, 0 },           /* never written */
    { "a.log-20261121.01",         false, 0, 0 },
    { "a.log-20261121.1234567",    false, 0, 0 },
    { "a.log-20261121.",           false, 0, 0 },
    { "a.log-20261121.txt",        false, 0, 0 },
    { "a.log-20261121.gz.tmp",     false, 0, 0 },
    { "a.log-20261121x",           false, 0, 0 },
    { "a.log2-20261121",           false, 0, 0 },           /* of another log */
    { "b.log-20261121",            false, 0, 0 },
    { "a.lo",                      false, 0, 0 },
};

START_TEST(only_former_files_have_a_mark)
{
    struct rotation_mark mark;

    ck_assert_int_eq(rotation_find_mark(STR("a.log"), str_of(names[_i].name), &mark),
                     names[_i].is_former);
    if (!names[_i].is_former)
        return;
    ck_assert_uint_eq(mark.stamp, names[_i].stamp);
    ck_assert_uint_eq(mark.number, names[_i].number);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/log_rotation");

    unit_add(suite, period_is_a_local_date, ARRAY_LEN(periods));
    unit_add(suite, label_is_recognised_again, ARRAY_LEN(labels));
    unit_add(suite, only_former_files_have_a_mark, ARRAY_LEN(names));
    return unit_run(suite);
}
