/* SPDX-License-Identifier: BSD-2-Clause */
/* screen: what is put where, and how it is written. */
#include "proc/screen.h"
#include "unit.h"

static struct arena *arena;

static struct screen *
begin(unsigned width, unsigned height)
{
    struct screen *screen;

    arena = arena_create(4096, 0);
    screen = screen_create(arena, width, height);
    ck_assert_ptr_nonnull(screen);
    return screen;
}

static void
is_written_as(const struct screen *screen, const char *wanted)
{
    struct writer w = writer_in(arena);

    screen_write(&w, screen);
    ck_assert_str_eq(writer_cstr(&w), wanted);
}

static void
is_drawn_as(const struct screen *screen, enum colours colours, const char *wanted)
{
    struct writer w = writer_in(arena);

    screen_draw(&w, screen, colours);
    ck_assert_str_eq(writer_cstr(&w), wanted);
}

START_TEST(edges_cut)
{
    struct screen *s = begin(5, 2);

    ck_assert_uint_eq(screen_put(s, 3, 0, STYLE_PLAIN, STR("abc")), 6);
    ck_assert_uint_eq(screen_put(s, 6, 0, STYLE_PLAIN, STR("abc")), 9);
    screen_put(s, 0, 2, STYLE_PLAIN, STR("below"));
    screen_fmt(s, 1, 1, STYLE_PLAIN, "%d%s", 12, "3456789");
    screen_repeat(s, 0, 0, STYLE_PLAIN, '*', 2);
    screen_repeat(s, 4, 3, STYLE_PLAIN, '*', 1000000);
    screen_line_style(s, 2, STYLE_NOTICE);
    is_written_as(s, "** ab\n 1234\n");
    arena_destroy(arena);
}
END_TEST

START_TEST(nothing_but_printable_ascii_gets_to_the_terminal)
{
    struct screen *s = begin(10, 1);

    screen_put(s, 0, 0, STYLE_PLAIN, STR("a\033\n\t\x7f\xc3\xa4~"));
    is_written_as(s, "a??????~\n");
    arena_destroy(arena);
}
END_TEST

START_TEST(blanks_at_ends_are_not_written)
{
    struct screen *s = begin(10, 4);

    is_written_as(s, "");
    screen_put(s, 0, 1, STYLE_PLAIN, STR(" a  "));
    is_written_as(s, "\n a\n");
    arena_destroy(arena);
}
END_TEST

START_TEST(lines_are_drawn_over_what_was_there)
{
    struct screen *s = begin(4, 3);

    screen_put(s, 0, 0, STYLE_PLAIN, STR("ab"));
    screen_put(s, 0, 1, STYLE_PLAIN, STR("abcd"));
    is_drawn_as(s, COLOURS_NONE, "\033[1;1Hab\033[K\033[2;1Habcd\033[3;1H\033[K");
    arena_destroy(arena);
}
END_TEST

START_TEST(styles_are_told_where_they_change)
{
    struct screen *s = begin(6, 1);

    screen_put(s, 0, 0, STYLE_VALUE, STR("ab"));
    screen_put(s, 2, 0, STYLE_PLAIN, STR("c"));
    screen_put(s, 3, 0, STYLE_IDLE, STR("d"));
    is_drawn_as(s, COLOURS_NONE, "\033[1;1H\033[0;1mab\033[0mcd\033[K");
    is_drawn_as(s, COLOURS_ANSI, "\033[1;1H\033[0;1mab\033[0mc\033[0;36md\033[0m\033[K");
    screen_line_style(s, 0, STYLE_HEADING);
    is_drawn_as(s, COLOURS_NONE, "\033[1;1H\033[0;7mabcd  \033[0m");
    is_written_as(s, "abcd\n");
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/screen");

    unit_add(suite, edges_cut, 1);
    unit_add(suite, nothing_but_printable_ascii_gets_to_the_terminal, 1);
    unit_add(suite, blanks_at_ends_are_not_written, 1);
    unit_add(suite, lines_are_drawn_over_what_was_there, 1);
    unit_add(suite, styles_are_told_where_they_change, 1);
    return unit_run(suite);
}
