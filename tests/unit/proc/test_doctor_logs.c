/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/doctor_logs.h"
#include "unit.h"

static const struct { uint64_t left, all; enum doctor_level level; } rooms[] = {
    { 1000, 1000, DOCTOR_FINE },
    { 50,   1000, DOCTOR_FINE },
    { 49,   1000, DOCTOR_WARNING },
    { 10,   1000, DOCTOR_WARNING },
    { 9,    1000, DOCTOR_ERROR },
    { 0,    1000, DOCTOR_ERROR },
    { 0,    0,    DOCTOR_FINE },        /* a file system that counts none */
    { UINT64_MAX, UINT64_MAX, DOCTOR_FINE },
    { 0,    10,   DOCTOR_ERROR },
    { 1,    10,   DOCTOR_FINE },
};

START_TEST(little_room_is_told_of)
{
    ck_assert_int_eq(room_level(rooms[_i].left, rooms[_i].all), rooms[_i].level);
}
END_TEST

static const struct { const char *text, *path; bool names; } rotations[] = {
    { "/var/log/weir/*.log {\n daily\n}\n", "/var/log/weir/access.log", true },
    { "/var/log/weir/*.log\n{\n daily\n}\n", "/var/log/weir/access.log", true },
    { "/var/log/weir/*.log{\n daily\n}\n", "/var/log/weir/access.log", true },
    { "/a/x.log /var/log/weir/access.log {\n}\n", "/var/log/weir/access.log", true },
    { "\"/var/log/weir/*.log\" {\n}\n", "/var/log/weir/access.log", true },
    { "'/var/log/weir/access.log' {\n}\n", "/var/log/weir/access.log", true },
    { "weekly\n/a.log {\n}\n/b.log {\n}\n", "/b.log", true },
    { "/var/log/*.log {\n}\n", "/var/log/weir/access.log", false },     /* a star has no slash */
    { "# /var/log/weir/access.log {\n", "/var/log/weir/access.log", false },
    { "/a.log {\n postrotate\n  /b.log\n endscript\n}\n", "/b.log", false },
    { "/var/log/weir/error.log {\n}\n", "/var/log/weir/access.log", false },
    { "\"", "/a", false },
    { "", "/a", false },
};

START_TEST(pattern_of_logrotate_is_found)
{
    ck_assert_int_eq(logrotate_names(str_of(rotations[_i].text), str_of(rotations[_i].path)),
                     rotations[_i].names);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/doctor_logs");

    unit_add(suite, little_room_is_told_of, ARRAY_LEN(rooms));
    unit_add(suite, pattern_of_logrotate_is_found, ARRAY_LEN(rotations));
    return unit_run(suite);
}
