/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/title.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char **arguments;
static int argument_count;
static char *first_variable;

/* What ps reads, up to the first NUL. */
static void
shown(char *text, size_t size)
{
    int fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t n = read(fd, text, size - 1);

    close(fd);
    ck_assert_int_gt(n, 0);
    text[n] = '\0';
}

START_TEST(title_is_what_ps_shows)
{
    char text[4096];

    title_set("worker process");
    shown(text, sizeof(text));
    ck_assert_str_eq(text, "weir: worker process");
    title_set("x");
    shown(text, sizeof(text));
    ck_assert_str_eq(text, "weir: x");
}
END_TEST

START_TEST(title_longer_than_the_area_is_cut)
{
    static char longer[1 << 20];
    char text[4096];

    memset(longer, 'y', sizeof(longer) - 1);
    title_set(longer);
    shown(text, sizeof(text));
    ck_assert_int_eq(strncmp(text, "weir: yyyyyy", 12), 0);
}
END_TEST

START_TEST(arguments_and_environment_outlive_a_title)
{
    static char longer[1 << 20];

    memset(longer, 'y', sizeof(longer) - 1);
    title_set(longer);
    ck_assert_int_gt(argument_count, 0);
    ck_assert_ptr_nonnull(strstr(arguments[0], "test_title"));
    ck_assert_ptr_null(arguments[argument_count]);
    ck_assert_str_eq(getenv("WEIR_TEST_TITLE"), "here");
    if (first_variable != NULL)
        ck_assert_str_eq(title_environ()[0], first_variable);
}
END_TEST

int
main(int argc, char **argv)
{
    Suite *suite = suite_create("proc/title");

    first_variable = environ[0] != NULL ? strdup(environ[0]) : NULL;
    if (setenv("WEIR_TEST_TITLE", "here", 1) != 0)
        return EXIT_FAILURE;
    argument_count = argc;
    arguments = title_init(argc, argv);
    if (arguments == NULL)
        return EXIT_FAILURE;
    unit_add(suite, title_is_what_ps_shows, 1);
    unit_add(suite, title_longer_than_the_area_is_cut, 1);
    unit_add(suite, arguments_and_environment_outlive_a_title, 1);
    return unit_run(suite);
}
