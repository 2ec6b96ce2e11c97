/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen: a picture made of characters, put together in memory and then written as a whole. What
 * is put beyond its edges is cut.
 */
#ifndef WEIR_PROC_SCREEN_H
#define WEIR_PROC_SCREEN_H

#include "base/writer.h"

/* By what it means; what it looks like is in screen.c. */
enum style {
    STYLE_PLAIN,
    STYLE_LABEL,
    STYLE_VALUE,
    STYLE_HEADING,
    STYLE_NOTICE,
    STYLE_GOOD,
    STYLE_BAD,
    STYLE_READING,
    STYLE_WRITING,
    STYLE_IDLE,
    STYLE_LINGERING,
    STYLE_FREE,
    STYLES
};

struct screen;

enum { SCREEN_SIDE_MAX = 1000 };

/* Blank. In the arena; width and height from 1 to SCREEN_SIDE_MAX. NULL when memory is short. */
struct screen *screen_create(struct arena *arena, unsigned width, unsigned height);
unsigned screen_width(const struct screen *screen);
unsigned screen_height(const struct screen *screen);

/*
 * Columns and lines count from 0. Bytes that are not printable ASCII become "?". Returns the column
 * behind the text, which may lie beyond the edge.
 */
unsigned screen_put(struct screen *screen, unsigned x, unsigned y, enum style style,
                    struct str text);
unsigned screen_fmt(struct screen *screen, unsigned x, unsigned y, enum style style,
                    const char *fmt, ...) PRINTF_LIKE(5, 6);
void screen_repeat(struct screen *screen, unsigned x, unsigned y, enum style style, char c,
                   unsigned n);

/* The whole line in that style, its text as it is. */
void screen_line_style(struct screen *screen, unsigned y, enum style style);

enum colours { COLOURS_NONE, COLOURS_ANSI };

/*
 * As a terminal draws it over what was there (ECMA-48), without flicker, for nothing is cleared
 * that is not overwritten.
 */
void screen_draw(struct writer *w, const struct screen *screen, enum colours colours);

/* As lines of text, without blanks at their ends and without blank lines at the end. */
void screen_write(struct writer *w, const struct screen *screen);

#endif
