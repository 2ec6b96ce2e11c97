/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * terminal: the whole of a terminal for a while: an alternate screen without a cursor, keys as they
 * are struck. What stood there before is back afterwards.
 *
 * Nothing here waits: output is taken as the terminal takes it. The sequences are those of ECMA-48
 * and the private modes 25 and 1049 of xterm, which terminals of today share.
 */
#ifndef WEIR_PROC_TERMINAL_H
#define WEIR_PROC_TERMINAL_H

#include "base/str.h"
#include <termios.h>

struct terminal {
    int fd;                     /* non-blocking, if it can be so without being it for others */
    int input;                  /* the same, or standard input */
    bool entered;
    struct termios before;
};

/*
 * The one that standard output is. False with errno: it is none (ENOTTY), or cannot be read from.
 */
bool terminal_open(struct terminal *t);

/* To the alternate screen, or back there after somebody else had the terminal. */
void terminal_enter(struct terminal *t);
/* As it was before. Nothing when it is so already. */
void terminal_leave(struct terminal *t);
/* Leaves, too. */
void terminal_close(struct terminal *t);

/* Columns and lines; 80 and 24 when it does not tell. */
void terminal_size(const struct terminal *t, unsigned *width, unsigned *height);

/* Takes from the front of `text` what the terminal takes now. False: it is gone. */
bool terminal_write(const struct terminal *t, struct str *text);

/* Up to `size` bytes that were typed; 0: none at present; -1: it is gone. */
int terminal_read(const struct terminal *t, char *bytes, size_t size);

/* ---- keys ---------------------------------------------------------------------------------- */

/* Others than these are told as their character. */
enum key {
    KEY_NONE = 0,               /* the middle of a sequence, or one that says nothing to us */
    KEY_UP = 0x100, KEY_DOWN, KEY_RIGHT, KEY_LEFT, KEY_HOME, KEY_END, KEY_PAGE_UP, KEY_PAGE_DOWN
};

/* Zero it. */
struct key_reader {
    unsigned char state;
    unsigned char parameter;
};

/* The key that is complete with this byte, or KEY_NONE. */
int key_read(struct key_reader *reader, char byte);

#endif
