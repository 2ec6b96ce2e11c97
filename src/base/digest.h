/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * digest: MD5, SHA-1, SHA-256 and HMAC, by OpenSSL's libcrypto.
 *
 * MD5 and SHA-1 are here for what was written with them long ago (password files, links that
 * expire), and for nothing new. All of it may be called by any thread.
 */
#ifndef WEIR_BASE_DIGEST_H
#define WEIR_BASE_DIGEST_H

#include "base/str.h"

/* Name, as libcrypto calls it, bytes of the result. */
#define DIGESTS(X)              \
    X(MD5,    "MD5",    16)     \
    X(SHA1,   "SHA1",   20)     \
    X(SHA256, "SHA256", 32)
enum digest_kind {
#define DIGEST_AS_ENUM(name, text, size) DIGEST_##name,
    DIGESTS(DIGEST_AS_ENUM)
#undef DIGEST_AS_ENUM
    DIGEST_KINDS
};
enum { DIGEST_MAX = 32 };       /* bytes of the longest */

size_t digest_size(enum digest_kind kind);

/*
 * Of one text, digest_size bytes to out. False, with out untouched, when memory is short, or when
 * the system's rules forbid the kind (MD5 under FIPS).
 */
bool digest_of(enum digest_kind kind, struct str text, uint8_t *out);
/* RFC 2104, likewise. */
bool digest_hmac(enum digest_kind kind, struct str key, struct str text, uint8_t *out);

/*
 * Of a text that comes in pieces, and of more texts after it. A failure on the way is told by
 * digest_end.
 */
struct digest;

/* NULL: as digest_of's false. */
struct digest *digest_create(enum digest_kind kind);
void digest_add(struct digest *digest, struct str piece);
/* The result of all pieces since the last one; whatever it says, the next text may begin. */
bool digest_end(struct digest *digest, uint8_t *out);
/* What it has read is wiped. NULL is allowed. */
void digest_destroy(struct digest *digest);

/* Whether two secrets are the same, in a time that does not tell where they differ. */
bool digest_eq(const void *a, const void *b, size_t len);

#endif
