/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top_frame: one picture of weir top, drawn from numbers. It knows neither terminals nor sockets.
 */
#ifndef WEIR_PROC_TOP_FRAME_H
#define WEIR_PROC_TOP_FRAME_H

#include "proc/screen.h"
#include "proc/top_numbers.h"

struct top_view {
    const struct report *report;        /* NULL: none has come yet */
    const struct top_numbers *numbers;  /* set with it */
    struct str notice;                  /* in the place of the reload's verdict; or empty */
    struct str listing;                 /* lines in the place of the numbers; not set: none */
    unsigned first_line, first_column;  /* of the listing, by scrolling */
    uint64_t interval_ms;
    enum top_order order;
    bool is_paused, has_keys;           /* has_keys: their names stand in the last line */
};

/* Fills what the screen has room for. */
void top_frame(struct screen *screen, const struct top_view *view);

/* Lines for all workers and hosts. */
unsigned top_frame_height(const struct top_view *view);

/* How far a listing can be scrolled on a screen of so many lines. */
unsigned top_frame_last_line(struct str listing, unsigned height);

/*
 * Shares out `width` cells: each part that there is has one at least, as far as there are so many.
 */
void top_frame_bar(const uint64_t parts[POOL_PARTS], unsigned width, unsigned cells[POOL_PARTS]);

/* A number in five characters at most: "0.5", "12.3", "12345", "123k", "4.5M", "678G". */
struct str top_short(double value, char text[16]);

#endif
