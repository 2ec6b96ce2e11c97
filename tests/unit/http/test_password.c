/* SPDX-License-Identifier: BSD-2-Clause */
/* password: hashes made by openssl passwd, by other crypt(3)s, and by sha1sum. */
#include "unit.h"
#include "http/password.h"
#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

#define TEN "xxxxxxxxxx"
#define FORTY TEN TEN TEN TEN

static const struct { const char *password, *hash; } right[] = {
    { "myPassword", "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/" },
    { "",           "$apr1$abcdefgh$L.PT565ESX4Tp2bqNs7Ie." },
    { FORTY,        "$apr1$ab$FiHbuuOAxqtN.GlsS4Osk." },
    { "secret",     "{PLAIN}secret" },
    { "",           "{PLAIN}" },
    { "secret",     "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=" },
    { "secret",     "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ" },
    { "secret",     "{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0" },
    { "secret",     "{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=" },     /* an empty salt */
    { "secret",     "abNANd1rDfiNc" },
    { "secret",     "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1" },
    { "secret",     "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA" },
    { "secret",     "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2" },
    { "secret",     "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0"
                    "Y77vwPZN.Pq.H91p5hVO1" },
};

/* Tried where the system's crypt(3) knows them. */
static const struct { const char *password, *hash; } of_some_systems[] = {
    { "secret", "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW" },
    { "secret", "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW" },
    { "secret", "$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW" },
    { "secret", "$y$j75$abcdefgh$uMUXG79B2cFpoAYyDccUnsaH/aGTyBYMlnQidzyag01" },
};

static const struct { const char *password, *hash; } wrong[] = {
    { "",               "" },
    { "x",              "" },
    { "zzz",            "zzz" },
    { "bar",            "{FOO}bar" },
    { "secret",         "{plain}secret" },
    { "secret",         "secret" },
    { "secre",          "{PLAIN}secret" },
    { "secret ",        "{PLAIN}secret" },
    { "x",              "{SHA}zz" },
    { "x",              "{SHA}" },
    { "x",              "{SSHA}!!!!" },
    { "secret",         "{SHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0" },      /* a salt where none is */
    { "secret",         "*0" },
    { "secret",         "*1" },
    { "secret",         "*" },
    { "secret",         "$9$salt$xxxxxxxxxxxxxxxxxxxxxx" },
    { "secret",         "$" },
    { "secret",         "$apr1$" },
    { "secret",         "$apr1$salt" },
    { "secret",         "$apr1$salt$" },
    { "myPassword",     "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/x" },
    { "myPassword",     "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA" },
    { "secret",         "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0" },
    { "secret",         "$2y$99$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW" },
};

static const struct { const char *hash; bool is_slow; const char *cost; } costs[] = {
    { "{PLAIN}secret",                              false, "{PLAIN}" },
    { "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",          false, "{SHA}" },
    { "abNANd1rDfiNc",                              false, "" },
    { "_J9..rasmBYk8r9AiWNc",                       true,  "" },
    { "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/",      true,  "$apr1$" },
    { "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1",         true,  "$1$" },
    { "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdne", true,  "$2y$04$" },
    { "$5$saltsalt$0IyaXrmV7",                      true,  "$5$" },
    { "$5$rounds=1000$saltsalt$eKLZU9",             true,  "$5$rounds=1000$" },
    { "$y$j9T$abcdefgh$uMUXG79B2cFpoA",             true,  "$y$j9T$" },
    { "$y$j9T",                                     true,  "$y$j9T" },
    { "$",                                          true,  "" },
    { "",                                           false, "" },
};

START_TEST(right_password_fits)
{
    ck_assert(password_fits(str_of(right[_i].password), str_of(right[_i].hash)));
}
END_TEST

/* An unknown kind gives an error for every password. */
static bool
is_known(const char *hash)
{
    struct crypt_data *data = calloc(1, sizeof(*data));
    const char *result = crypt_r("", hash, data);
    bool known = result != NULL && result[0] == '$';

    free(data);
    return known;
}

START_TEST(right_password_fits_where_the_kind_is_known)
{
    struct str hash = str_of(of_some_systems[_i].hash);

    if (!is_known(of_some_systems[_i].hash))
        return;
    ck_assert(password_fits(str_of(of_some_systems[_i].password), hash));
}
END_TEST

START_TEST(changed_password_does_not_fit)
{
    char text[64];

    snprintf(text, sizeof(text), "%s!", right[_i].password);
    ck_assert(!password_fits(str_of(text), str_of(right[_i].hash)));
}
END_TEST

START_TEST(changed_hash_does_not_fit)
{
    char text[256];
    size_t len = strlen(right[_i].hash);

    memcpy(text, right[_i].hash, len + 1);
    for (size_t i = password_cost(str_of(text)).len; i < MIN(len, 60); i += 7) {
        char was = text[i];

        text[i] = was == 'k' ? 'j' : 'k';
        ck_assert(!password_fits(str_of(right[_i].password), str_of(text)));
        text[i] = was;
    }
}
END_TEST

START_TEST(wrong_password_does_not_fit)
{
    ck_assert(!password_fits(str_of(wrong[_i].password), str_of(wrong[_i].hash)));
}
END_TEST

/* The stack does not grow any more either, once memory is short. Not inlined: what is called after
 * it needs that room, too. */
static COLD void
grow_stack(void)
{
    volatile char room[256 << 10];

    for (size_t i = 0; i < sizeof(room); i += 1024)
        room[i] = 0;
}

/* Nobody is to be asked for another password because memory is short. */
START_TEST(right_password_that_cannot_be_compared_is_told_from_a_wrong_one)
{
    static const struct str hash = STR_INIT("$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA");
    struct rlimit before, none;
    void *volatile block;       /* or compilers leave out what nobody uses */

    if (SANITIZED)              /* it ends the process when memory is short */
        return;
    ck_assert(password_fits(STR("secret"), hash) && errno == 0);
    ck_assert(!password_fits(STR("other"), hash) && errno == 0);
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &before), 0);
    none = before;
    grow_stack();
    none.rlim_cur = 4096;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
    do
        block = malloc(16384);
    while (block != NULL);
    ck_assert(!password_fits(STR("secret"), hash) && errno == ENOMEM);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &before), 0);
}
END_TEST

START_TEST(longest_password_fits_and_a_longer_one_does_not)
{
    char hash[PASSWORD_MAX + 9] = "{PLAIN}";
    struct str text = { hash + 7, PASSWORD_MAX };

    memset(hash + 7, 'x', PASSWORD_MAX + 1);
    ck_assert(password_fits(text, (struct str){ hash, PASSWORD_MAX + 7 }));
    text.len++;
    ck_assert(!password_fits(text, (struct str){ hash, PASSWORD_MAX + 8 }));
    ck_assert(!password_fits(text, STR("{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0")));
    ck_assert(!password_fits(text, STR("$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1")));
}
END_TEST

START_TEST(cost_is_in_the_begin_of_a_hash)
{
    struct str hash = str_of(costs[_i].hash);

    ck_assert(password_is_slow(hash) == costs[_i].is_slow);
    ck_assert(str_eq(password_cost(hash), str_of(costs[_i].cost)));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/password");

    unit_add(suite, right_password_fits, ARRAY_LEN(right));
    unit_add(suite, right_password_fits_where_the_kind_is_known, ARRAY_LEN(of_some_systems));
    unit_add(suite, changed_password_does_not_fit, ARRAY_LEN(right));
    unit_add(suite, changed_hash_does_not_fit, ARRAY_LEN(right));
    unit_add(suite, wrong_password_does_not_fit, ARRAY_LEN(wrong));
    unit_add(suite, right_password_that_cannot_be_compared_is_told_from_a_wrong_one, 1);
    unit_add(suite, longest_password_fits_and_a_longer_one_does_not, 1);
    unit_add(suite, cost_is_in_the_begin_of_a_hash, ARRAY_LEN(costs));
    return unit_run(suite);
}
