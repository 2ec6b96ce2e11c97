/* SPDX-License-Identifier: BSD-2-Clause */
/* digest: libcrypto's digests, each looked up once in a process. */
#include "base/digest.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>

struct digest {
    EVP_MD_CTX *ctx;
    const EVP_MD *md;
    bool ok;                    /* all of the text so far was taken */
};

static const struct { const char *name; size_t size; } kinds[DIGEST_KINDS] = {
#define DIGEST_AS_ROW(name, text, size) [DIGEST_##name] = { text, size },
    DIGESTS(DIGEST_AS_ROW)
#undef DIGEST_AS_ROW
};

static EVP_MD *mds[DIGEST_KINDS];       /* NULL: cannot be had */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
fetch_all(void)
{
    for (unsigned i = 0; i < DIGEST_KINDS; i++)
        mds[i] = EVP_MD_fetch(NULL, kinds[i].name, NULL);
}

static const EVP_MD *
md_of(enum digest_kind kind)
{
    pthread_once(&once, fetch_all);
    return mds[kind];
}

size_t
digest_size(enum digest_kind kind)
{
    return kinds[kind].size;
}

bool
digest_of(enum digest_kind kind, struct str text, uint8_t *out)
{
    const EVP_MD *md = md_of(kind);

    return md != NULL && EVP_Digest(text.p, text.len, out, NULL, md, NULL) == 1;
}

bool
digest_hmac(enum digest_kind kind, struct str key, struct str text, uint8_t *out)
{
    const EVP_MD *md = md_of(kind);
    const void *key_bytes = key.len > 0 ? key.p : "";
    const void *bytes = text.len > 0 ? text.p : "";

    return md != NULL
           && HMAC(md, key_bytes, (int)key.len, bytes, text.len, out, NULL) != NULL;
}

static void
start(struct digest *digest)
{
    digest->ok = EVP_DigestInit_ex(digest->ctx, digest->md, NULL) == 1;
}

struct digest *
digest_create(enum digest_kind kind)
{
    struct digest *digest = calloc(1, sizeof(*digest));

    if (digest == NULL)
        return NULL;
    digest->md = md_of(kind);
    digest->ctx = EVP_MD_CTX_new();
    if (digest->md != NULL && digest->ctx != NULL)
        start(digest);
    if (!digest->ok) {
        digest_destroy(digest);
        return NULL;
    }
    return digest;
}

void
digest_add(struct digest *digest, struct str piece)
{
    if (digest->ok && piece.len > 0)
        digest->ok = EVP_DigestUpdate(digest->ctx, piece.p, piece.len) == 1;
}

bool
digest_end(struct digest *digest, uint8_t *out)
{
    bool ok = digest->ok && EVP_DigestFinal_ex(digest->ctx, out, NULL) == 1;

    start(digest);
    return ok;
}

void
digest_destroy(struct digest *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->ctx);
    free(digest);
}

bool
digest_eq(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
