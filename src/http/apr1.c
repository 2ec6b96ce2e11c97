/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/apr1.h"
#include "base/digest.h"

enum { MD5_SIZE = 16, ROUNDS = 1000 };

static const char letters[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static struct str
bytes(const uint8_t *p, size_t len)
{
    return (struct str){ (const char *)p, len };
}

/* password, salt, password */
static bool
mix_inner(struct digest *md5, struct str password, struct str salt, uint8_t sum[MD5_SIZE])
{
    digest_add(md5, password);
    digest_add(md5, salt);
    digest_add(md5, password);
    return digest_end(md5, sum);
}

/* The inner sum as long as the password; then for each bit of that length a NUL or a letter. */
static bool
mix_outer(struct digest *md5, struct str password, struct str salt, uint8_t sum[MD5_SIZE])
{
    digest_add(md5, password);
    digest_add(md5, STR("$apr1$"));
    digest_add(md5, salt);
    for (size_t left = password.len; left > 0; left -= left < MD5_SIZE ? left : MD5_SIZE)
        digest_add(md5, bytes(sum, left < MD5_SIZE ? left : MD5_SIZE));
    for (size_t bits = password.len; bits > 0; bits >>= 1)
        digest_add(md5, (bits & 1) != 0 ? STR("\0") : (struct str){ password.p, 1 });
    return digest_end(md5, sum);
}

static bool
mix_round(struct digest *md5, unsigned round, const struct str texts[2], uint8_t sum[MD5_SIZE])
{
    struct str password = texts[0], salt = texts[1], last = bytes(sum, MD5_SIZE);

    digest_add(md5, round % 2 != 0 ? password : last);
    if (round % 3 != 0)
        digest_add(md5, salt);
    if (round % 7 != 0)
        digest_add(md5, password);
    digest_add(md5, round % 2 != 0 ? last : password);
    return digest_end(md5, sum);
}

/* Three bytes make four letters, the lowest bits first. */
static void
write_letters(const uint8_t sum[MD5_SIZE], char hash[APR1_HASH_LEN])
{
    for (unsigned i = 0; i < 5; i++) {
        uint32_t bits = (uint32_t)sum[i] << 16 | (uint32_t)sum[i + 6] << 8
                        | sum[i < 4 ? i + 12 : 5];

        for (unsigned k = 0; k < 4; k++)
            *hash++ = letters[bits >> 6 * k & 63];
    }
    *hash++ = letters[sum[11] & 63];
    *hash = letters[sum[11] >> 6];
}

bool
apr1_hash(struct str password, struct str salt, char hash[APR1_HASH_LEN])
{
    struct digest *md5 = digest_create(DIGEST_MD5);
    const struct str texts[2] = { password, salt };
    uint8_t sum[MD5_SIZE];
    bool ok = md5 != NULL && mix_inner(md5, password, salt, sum)
              && mix_outer(md5, password, salt, sum);

    for (unsigned round = 0; ok && round < ROUNDS; round++)
        ok = mix_round(md5, round, texts, sum);
    if (ok)
        write_letters(sum, hash);
    digest_destroy(md5);
    explicit_bzero(sum, sizeof(sum));
    return ok;
}
