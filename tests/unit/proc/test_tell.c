/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/tell.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>

static char copied[8192];
static struct writer w;

static struct str
written(void)
{
    return (struct str){ w.start, (size_t)(w.p - w.start) };
}

/* The terminal is not what is looked at. */
static void
begin(size_t size)
{
    console_redirect(open("/dev/null", O_WRONLY));
    w = writer_at(copied, size);
    tell_copy(&w);
}

START_TEST(copy_has_the_lines_of_the_terminal_from_warn_on)
{
    begin(sizeof(copied));
    tell(LEVEL_EMERG, ENOENT, "open() \"%s\" failed", "a\x1b[2J");
    tell(LEVEL_NOTICE, 0, "of no interest");
    tell(LEVEL_WARN, 0, "beware");
    ck_assert(str_eq(written(), STR("weir: [emerg] open() \"a\\x1B[2J\" failed (2: No such file "
                                    "or directory)\nweir: [warn] beware\n")));
    tell_copy(NULL);
    tell(LEVEL_EMERG, 0, "nobody listens");
    ck_assert(str_ends(written(), STR("beware\n")));
}
END_TEST

START_TEST(copy_that_is_full_says_so)
{
    begin(16);
    tell(LEVEL_EMERG, 0, "this is longer than there is room for");
    ck_assert(!w.ok);
}
END_TEST

static const struct { struct str lines, copy; } passed[] = {
    { STR_INIT("weir: [emerg] one\nweir: [emerg] two\n"),
      STR_INIT("weir: [emerg] one\nweir: [emerg] two\n") },
    { STR_INIT("a\x1b]0;x\x07\x7f\0b\xc3\xa9\n"), STR_INIT("a?]0;x???b\xc3\xa9\n") },
    { STR_INIT(""), STR_INIT("") },
};

START_TEST(what_others_told_is_passed_on_as_far_as_it_can_be_seen)
{
    begin(sizeof(copied));
    tell_passed_on(passed[_i].lines);
    ck_assert(str_eq(written(), passed[_i].copy));
    tell_copy(NULL);
    tell_passed_on(STR("more"));
    ck_assert(str_eq(written(), passed[_i].copy));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/tell");

    unit_add(suite, copy_has_the_lines_of_the_terminal_from_warn_on, 1);
    unit_add(suite, copy_that_is_full_says_so, 1);
    unit_add(suite, what_others_told_is_passed_on_as_far_as_it_can_be_seen, ARRAY_LEN(passed));
    return unit_run(suite);
}
