/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compiler: what the compiler is told about our functions, and small helpers that are no functions.
 */
#ifndef WEIR_BASE_COMPILER_H
#define WEIR_BASE_COMPILER_H

#include <stddef.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that holds `member` at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COLD        __attribute__((cold, noinline))

/*
 * memset to zero by a call of libc's, whose vector code beats the "rep stos" that gcc puts in its
 * place for a known size.
 */
#define CLEAR(p, size)                                  \
    do {                                                \
        size_t clear_size = (size);                     \
        __asm__("" : "+r"(clear_size));                 \
        memset((p), 0, clear_size);                     \
    } while (0)

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
