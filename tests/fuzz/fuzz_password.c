/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_password: a password and any text as its hash. A hash that is made of a password fits it, and
 * no other; the same question has the same answer; a cost is the hash's own begin.
 */
#include "fuzz.h"

#include "base/base64.h"
#include "base/digest.h"
#include "base/writer.h"
#include "http/apr1.h"
#include "http/password.h"

#include <crypt.h>

enum { TEXT_MAX = 2048, SHA1_SIZE = 20 };

/* Hashes that are slow on purpose are crypt(3)'s own business; of these only one that is not. */
static bool
is_quick(struct str hash)
{
    return !password_is_slow(hash) || str_starts(hash, STR("$apr1$"))
           || str_starts(hash, STR("$1$"));
}

static void
write_digest(struct writer *w, struct str password, struct str salt)
{
    char text[2 * TEXT_MAX];
    uint8_t sum[SHA1_SIZE + TEXT_MAX / 4];
    struct writer both = writer_at(text, sizeof(text));

    write_str(&both, password);
    write_str(&both, salt);
    require(both.ok && digest_of(DIGEST_SHA1, writer_str(&both), sum));
    if (salt.len > 0)
        memcpy(sum + SHA1_SIZE, salt.p, salt.len);
    write_base64(w, BASE64_PLAIN, (struct str){ (const char *)sum, SHA1_SIZE + salt.len });
}

static void
write_crypt(struct writer *w, struct str password, struct str setting)
{
    static struct crypt_data data;
    char *text = text_of(password), *how = text_of(setting);
    const char *hash = crypt_r(text, how, &data);

    if (hash != NULL && hash[0] != '*')
        write_str(w, str_of(hash));
    free(text);
    free(how);
}

/* STR_NONE: there is none of this kind and salt. */
static struct str
make_hash(struct writer *w, unsigned kind, struct str password, struct str salt)
{
    char hash[APR1_HASH_LEN];

    switch (kind % 5) {
    case 0:
        write_str(w, STR("{PLAIN}"));
        write_str(w, password);
        break;
    case 1:
        write_str(w, STR("{SHA}"));
        write_digest(w, password, STR(""));
        break;
    case 2:
        write_str(w, STR("{SSHA}"));
        write_digest(w, password, (struct str){ salt.p, MIN(salt.len, 64) });
        break;
    case 3:
        salt.len = MIN(salt.len, APR1_SALT_MAX);
        if (memchr(salt.p, '$', salt.len) != NULL || !apr1_hash(password, salt, hash))
            return STR_NONE;
        write_fmt(w, "$apr1$%.*s$", STR_ARG(salt));
        write_bytes(w, hash, sizeof(hash));
        break;
    case 4:
        if (salt.len != 2 || salt.p[0] == '$' || salt.p[0] == '_')
            return STR_NONE;
        write_crypt(w, password, salt);
        break;
    }
    return w->p > w->start ? writer_str(w) : STR_NONE;
}

/* The old DES looks at seven bits of eight characters. */
static bool
is_another(struct str password, struct str other, unsigned kind)
{
    return kind % 5 != 4 && !str_eq(password, other);
}

static void
try_made(unsigned kind, struct str password, struct str other, struct str salt)
{
    char room[4 * TEXT_MAX];
    struct writer w = writer_at(room, sizeof(room));
    struct str hash = make_hash(&w, kind, password, salt);

    if (!str_is_set(hash))
        return;
    require(password_fits(password, hash) == (password.len <= PASSWORD_MAX));
    if (is_another(password, other, kind))
        require(!password_fits(other, hash));
}

static void
try_any(struct str password, struct str hash)
{
    struct str cost = password_cost(hash);
    bool fits;

    require(cost.len <= hash.len && (cost.len == 0 || cost.p == hash.p));
    require(str_eq(password_cost(cost), cost) || cost.len == 0 || cost.len < hash.len);
    if (!is_quick(hash))
        return;
    fits = password_fits(password, hash);
    require(password_fits(password, hash) == fits);
    if (str_starts(hash, STR("{PLAIN}")))
        require(fits == (password.len <= PASSWORD_MAX && str_eq(password, str_from(hash, 7))));
}

/* A byte is the kind; lines are the password, another one, and the salt, or the hash. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, MIN(size, TEXT_MAX) }, password, other;
    unsigned kind = take_byte(&rest);

    if (memchr(data, '\0', size) != NULL)
        return 0;
    password = take_line(&rest);
    other = take_line(&rest);
    try_any(password, rest);
    try_made(kind, password, other, rest);
    return 0;
}
