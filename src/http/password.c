/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/password.h"
#include "base/base64.h"
#include "base/compiler.h"
#include "base/digest.h"
#include "http/apr1.h"
#include <crypt.h>
#include <errno.h>
#include <stdlib.h>

enum { SHA1_SIZE = 20, HASH_MAX = 1024 };

/* ---- kinds --------------------------------------------------------------------------------- */

/* Digests of both, so that lengths tell nothing either. */
static bool
fits_plain(struct str password, struct str rest)
{
    uint8_t given[DIGEST_MAX], wanted[DIGEST_MAX];

    return digest_of(DIGEST_SHA256, password, given) && digest_of(DIGEST_SHA256, rest, wanted)
           && digest_eq(given, wanted, digest_size(DIGEST_SHA256));
}

/* SHA-1 of the password and of the salt, which stands behind it; {SHA} has none. */
static bool
fits_salted(struct str password, struct str rest, bool has_salt)
{
    char bytes[HASH_MAX / 4 * 3 + 3];
    char text[PASSWORD_MAX + sizeof(bytes)];
    ptrdiff_t len = rest.len <= HASH_MAX ? base64_decode(BASE64_PLAIN, rest, bytes) : -1;
    size_t salt_len = len > SHA1_SIZE ? (size_t)len - SHA1_SIZE : 0;
    uint8_t sum[SHA1_SIZE];
    bool ok;

    if (len < SHA1_SIZE || (salt_len > 0 && !has_salt))
        return false;
    memcpy(text, password.p, password.len);
    memcpy(text + password.len, bytes + SHA1_SIZE, salt_len);
    ok = digest_of(DIGEST_SHA1, (struct str){ text, password.len + salt_len }, sum)
         && digest_eq(sum, bytes, SHA1_SIZE);
    explicit_bzero(text, sizeof(text));
    return ok;
}

static bool
fits_ssha(struct str password, struct str rest)
{
    return fits_salted(password, rest, true);
}

static bool
fits_sha(struct str password, struct str rest)
{
    return fits_salted(password, rest, false);
}

static bool
fits_apr1(struct str password, struct str rest)
{
    ptrdiff_t dollar = str_find(rest, '$', 0);
    struct str salt = { rest.p, dollar < 0 ? 0 : MIN((size_t)dollar, APR1_SALT_MAX) };
    struct str wanted = str_from(rest, dollar < 0 ? rest.len : (size_t)dollar + 1);
    char hash[APR1_HASH_LEN];

    return wanted.len == APR1_HASH_LEN && apr1_hash(password, salt, hash)
           && digest_eq(hash, wanted.p, APR1_HASH_LEN);
}

static const struct {
    struct str begin;
    bool (*fits)(struct str password, struct str rest);
    bool is_slow;
} kinds[] = {
    { STR_INIT("{PLAIN}"), fits_plain, false },
    { STR_INIT("{SHA}"),   fits_sha,   false },
    { STR_INIT("{SSHA}"),  fits_ssha,  false },
    { STR_INIT("$apr1$"),  fits_apr1,  true },
};

/* -1: none of these. */
static int
kind_of(struct str hash)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_starts(hash, kinds[i].begin))
            return (int)i;
    return -1;
}

/* ---- crypt(3) ------------------------------------------------------------------------------ */

/* What crypt_r needs, which is too much for a thread's stack. */
struct workshop {
    struct crypt_data data;
    char password[PASSWORD_MAX + 1], hash[HASH_MAX + 1];
};

/* A result that begins with "*" is an error, also where the file has the very same. */
static bool
fits_crypt(struct str password, struct str hash)
{
    struct workshop *w = hash.len <= HASH_MAX ? calloc(1, sizeof(*w)) : NULL;
    const char *result;
    bool ok;

    if (w == NULL)
        return false;
    memcpy(w->password, password.p, password.len);
    memcpy(w->hash, hash.p, hash.len);
    result = crypt_r(w->password, w->hash, &w->data);
    ok = result != NULL && result[0] != '*' && strlen(result) == hash.len
         && digest_eq(result, w->hash, hash.len);
    explicit_bzero(w, sizeof(*w));
    free(w);
    return ok;
}

/* ---- all of them --------------------------------------------------------------------------- */

bool
password_fits(struct str password, struct str hash)
{
    int kind = kind_of(hash);
    bool fits;

    errno = 0;
    if (password.len > PASSWORD_MAX)
        return false;
    fits = kind < 0 ? fits_crypt(password, hash)
                    : kinds[kind].fits(password, str_from(hash, kinds[kind].begin.len));
    if (fits || errno != ENOMEM)
        errno = 0;
    return fits;
}

/* Of crypt(3)'s, all but the old DES, which begins with its salt. */
bool
password_is_slow(struct str hash)
{
    int kind = kind_of(hash);

    return kind < 0 ? hash.len > 0 && (hash.p[0] == '$' || hash.p[0] == '_') : kinds[kind].is_slow;
}

/* Whether the field behind "$kind$" says how much work it is. */
static bool
has_cost_field(struct str kind, struct str rest)
{
    static const struct str kinds_with_cost[] = {
        STR_INIT("$2a$"), STR_INIT("$2b$"), STR_INIT("$2x$"), STR_INIT("$2y$"), STR_INIT("$y$"),
        STR_INIT("$gy$"), STR_INIT("$sha1$"),
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds_with_cost); i++)
        if (str_eq(kind, kinds_with_cost[i]))
            return true;
    return str_starts(rest, STR("rounds="));
}

struct str
password_cost(struct str hash)
{
    struct str kind = { hash.p, 0 };
    ptrdiff_t end;

    if (hash.len == 0 || (hash.p[0] != '$' && hash.p[0] != '{'))
        return kind;
    end = str_find(hash, hash.p[0] == '$' ? '$' : '}', 1);
    if (end < 0)
        return kind;
    kind.len = (size_t)end + 1;
    if (has_cost_field(kind, str_from(hash, kind.len))) {
        end = str_find(hash, '$', kind.len);
        kind.len = end < 0 ? hash.len : (size_t)end + 1;
    }
    return kind;
}
