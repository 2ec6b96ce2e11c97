/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apr1: the password hash of Apache's htpasswd, a thousand rounds of MD5 ("$apr1$salt$hash"), which
 * no libcrypt knows.
 */
#ifndef WEIR_HTTP_APR1_H
#define WEIR_HTTP_APR1_H

#include "base/str.h"

enum { APR1_HASH_LEN = 22, APR1_SALT_MAX = 8 };

/* The letters of the hash, without "$apr1$" and salt. False: MD5 cannot be had. */
bool apr1_hash(struct str password, struct str salt, char hash[APR1_HASH_LEN]);

#endif
