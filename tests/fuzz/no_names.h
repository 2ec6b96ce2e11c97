/* SPDX-License-Identifier: BSD-2-Clause */
/* no_names: host names are not asked for: libc's resolver is replaced by one that knows none. */
#ifndef WEIR_FUZZ_NO_NAMES_H
#define WEIR_FUZZ_NO_NAMES_H

#include <netdb.h>

int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
            struct addrinfo **found)
{
    (void)name;
    (void)service;
    (void)hints;
    *found = NULL;
    return EAI_NONAME;
}

#endif
