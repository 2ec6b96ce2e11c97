/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * password: whether a password is the one of which a file has the hash.
 *
 * What a hash begins with says of which kind it is: {PLAIN}, {SHA}, {SSHA}, $apr1$, and all that
 * crypt(3) of this system knows. All of it may be called by any thread.
 */
#ifndef WEIR_HTTP_PASSWORD_H
#define WEIR_HTTP_PASSWORD_H

#include "base/str.h"

enum { PASSWORD_MAX = 1024 };   /* bytes; none that is longer is right */

/*
 * Takes as long for a wrong password as for the right one. A hash of a kind that nobody knows fits
 * no password. Neither text holds a NUL. False with errno ENOMEM: there was no memory to compare
 * them; else errno is 0.
 */
bool password_fits(struct str password, struct str hash);

/* Whether that takes so long, on purpose, that nobody should wait for it. */
bool password_is_slow(struct str hash);

/*
 * The begin of a hash that says what it costs: kind and rounds, "$2y$10$". Two hashes with the same
 * one take the same time.
 */
struct str password_cost(struct str hash);

#endif
