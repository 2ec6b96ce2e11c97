/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostnames: values by host name, where a name may have a wildcard: "example.com",
 * "*.example.com", ".example.com" (both), "www.example.*".
 *
 * The exact name counts, else the longest wildcard at the begin, else the longest at the end;
 * capitals do not matter.
 */
#ifndef WEIR_HTTP_HOSTNAMES_H
#define WEIR_HTTP_HOSTNAMES_H

#include "base/map.h"

/* All zero: empty. */
struct hostnames {
    struct map *exact;
    struct map *leading;        /* ".example.com" of "*.example.com" */
    struct map *trailing;       /* "www.example." of "www.example.*" */
    size_t leading_max, trailing_max;   /* bytes of the longest */
};

enum hostnames_verdict {
    HOSTNAMES_ADDED,
    HOSTNAMES_CONFLICT,         /* it is there; the old value stays */
    HOSTNAMES_INVALID,          /* a wildcard that stands elsewhere, or an empty label */
    HOSTNAMES_NO_MEMORY
};

/* Room for so many exact names, before the first is added. False when memory is short. */
bool hostnames_reserve(struct hostnames *names, struct arena *arena, uint32_t count);

/* The key must live as long as the arena; value is not NULL. */
enum hostnames_verdict hostnames_add(struct hostnames *names, struct arena *arena, struct str name,
                                     void *value);
/* The same where "*" and "." mean nothing. */
enum hostnames_verdict hostnames_add_exact(struct hostnames *names, struct arena *arena,
                                           struct str name, void *value);

/* NULL: none. */
void *hostnames_find(const struct hostnames *names, struct str host);

#endif
