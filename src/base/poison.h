/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poison: tells AddressSanitizer which bytes of ours nobody may touch. Nothing where it is not
 * compiled in.
 */
#ifndef WEIR_BASE_POISON_H
#define WEIR_BASE_POISON_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define WEIR_HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEIR_HAVE_ASAN 1
#endif
#endif

#if defined(WEIR_HAVE_ASAN)
#include <sanitizer/asan_interface.h>

static inline void
poison(const void *p, size_t n)
{
    /* GCC holds a const parameter to be read, and new memory must not be: it forgets what p is. */
    __asm__("" : "+r"(p));
    __asan_poison_memory_region(p, n);
}

static inline void
unpoison(const void *p, size_t n)
{
    __asan_unpoison_memory_region(p, n);
}

#else

static inline void
poison(const void *p, size_t n)
{
    (void)p;
    (void)n;
}

static inline void
unpoison(const void *p, size_t n)
{
    (void)p;
    (void)n;
}

#endif
#endif
