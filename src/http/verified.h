/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verified: logins whose password was found right a short time ago, so that not each request of a
 * page costs a slow hash.
 *
 * What is kept of a login is a digest of its name, its password and the hash in the file, made with
 * a key that only this process has: nothing can be learned from it, and a hash that was changed
 * in the file makes it another.
 */
#ifndef WEIR_HTTP_VERIFIED_H
#define WEIR_HTTP_VERIFIED_H

#include "base/str.h"

enum { VERIFIED_KEY_SIZE = 32 };

struct verified;

/*
 * So many are kept, for so long; the one that was not used for longest goes first. NULL when
 * memory is short.
 */
struct verified *verified_create(uint32_t max, uint64_t valid_ms);
/* NULL is allowed. */
void verified_destroy(struct verified *verified);

struct verified_login {
    struct str name, password, hash;
};

/* False: there is no digest to be had. */
bool verified_key(const struct verified *verified, const struct verified_login *login,
                  uint8_t key[VERIFIED_KEY_SIZE]);

bool verified_has(struct verified *verified, const uint8_t key[VERIFIED_KEY_SIZE],
                  uint64_t now_ms);
void verified_add(struct verified *verified, const uint8_t key[VERIFIED_KEY_SIZE],
                  uint64_t now_ms);

#endif
