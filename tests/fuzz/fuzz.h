/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz: what the targets share. */
#ifndef WEIR_FUZZ_FUZZ_H
#define WEIR_FUZZ_FUZZ_H

#include "base/compiler.h"
#include "base/log.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The target: 0 always. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void
require_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

/* What must hold, whatever the input. */
#define require(holds)                                      \
    do {                                                    \
        if (!(holds))                                       \
            require_failed(__FILE__, __LINE__, #holds);     \
    } while (0)

/* What is said on the console goes nowhere. To be called with each input. */
static inline void
hush(void)
{
    static int nowhere = -1;
    int low;

    if (nowhere >= 0)
        return;
    low = open("/dev/null", O_WRONLY | O_CLOEXEC);
    nowhere = fcntl(low, F_DUPFD_CLOEXEC, 100);     /* the low ones may be a target's own */
    require(low >= 0 && nowhere >= 0);
    close(low);
    console_redirect(nowhere);
}

/* Takes the next line, without its end; "" when nothing is left. */
static inline struct str
take_line(struct str *rest)
{
    ptrdiff_t end = str_find(*rest, '\n', 0);
    struct str line = { rest->p, end >= 0 ? (size_t)end : rest->len };

    *rest = str_from(*rest, end >= 0 ? line.len + 1 : rest->len);
    return line;
}

/* Takes a byte; 0 when nothing is left. */
static inline unsigned
take_byte(struct str *rest)
{
    unsigned byte = rest->len > 0 ? (unsigned char)rest->p[0] : 0;

    *rest = str_from(*rest, 1);
    return byte;
}

/* As a text of libc's, by malloc: bytes behind a NUL are lost. */
static inline char *
text_of(struct str s)
{
    char *text = malloc(s.len + 1);

    require(text != NULL);
    if (s.len > 0)
        memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    return text;
}

#endif
