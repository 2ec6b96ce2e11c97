/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/doctor_scan.h"
#include "unit.h"

static const struct { const char *name; enum scan_kind kind; } names[] = {
    { "index.html",     SCAN_PLAIN },   { ".well-known",   SCAN_PLAIN },
    { ".git",           SCAN_HIDDEN },  { ".gitignore",    SCAN_PLAIN },
    { ".env",           SCAN_HIDDEN },  { ".env.local",    SCAN_HIDDEN },
    { ".htpasswd",      SCAN_HIDDEN },  { ".bash_history", SCAN_HIDDEN },
    { ".a.php.swp",     SCAN_HIDDEN },  { "environment",   SCAN_PLAIN },
    { "site.key",       SCAN_KEY },     { "key",           SCAN_PLAIN },
    { "id_rsa",         SCAN_KEY },     { "id_rsa.pub",    SCAN_PLAIN },
    { "all.p12",        SCAN_KEY },     { "monkey",        SCAN_PLAIN },
    { "a.php~",         SCAN_BACKUP },  { "~a",            SCAN_PLAIN },
    { "a.bak",          SCAN_BACKUP },  { "a.old",         SCAN_BACKUP },
    { "#a.c#",          SCAN_BACKUP },  { "a.bakery",      SCAN_PLAIN },
    { "shop.sql",       SCAN_DUMP },    { "shop.sql.gz",   SCAN_DUMP },
    { "mysql",          SCAN_PLAIN },   { "",              SCAN_PLAIN },
};

START_TEST(name_tells_what_should_not_be_served)
{
    ck_assert_int_eq(scan_kind_of(str_of(names[_i].name)), names[_i].kind);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/doctor_scan");

    unit_add(suite, name_tells_what_should_not_be_served, ARRAY_LEN(names));
    return unit_run(suite);
}
