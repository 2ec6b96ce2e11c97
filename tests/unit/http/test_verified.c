/* SPDX-License-Identifier: BSD-2-Clause */
/* verified: logins that were right, for a time, and in a bounded number. */
#include "unit.h"
#include "http/verified.h"

enum { MAX = 3, VALID_MS = 1000 };

static struct verified *verified;

static void
start(void)
{
    verified = verified_create(MAX, VALID_MS);
    ck_assert_ptr_nonnull(verified);
}

static void
key_of(char name, uint8_t key[VERIFIED_KEY_SIZE])
{
    struct verified_login login = { { &name, 1 }, STR("password"), STR("hash") };

    ck_assert(verified_key(verified, &login, key));
}

static void
add(char name, uint64_t now_ms)
{
    uint8_t key[VERIFIED_KEY_SIZE];

    key_of(name, key);
    verified_add(verified, key, now_ms);
}

static bool
has(char name, uint64_t now_ms)
{
    uint8_t key[VERIFIED_KEY_SIZE];

    key_of(name, key);
    return verified_has(verified, key, now_ms);
}

/* A letter looks it up, a capital adds it; after "." time goes on by 600 ms; then what is there. */
static const struct { const char *steps, *there, *gone; } lives[] = {
    { "",           "",    "abc" },
    { "A",          "a",   "b" },
    { "ABC",        "abc", "d" },
    { "ABCD",       "bcd", "a" },
    { "ABCaD",      "acd", "b" },
    { "ABCabcD",    "bcd", "a" },
    { "AAAA",       "a",   "b" },
    { "AABC",       "abc", "d" },
    { "A.",         "a",   "b" },
    { "A..",        "",    "a" },
    { "A.a.",       "",    "a" },               /* a look makes it live no longer */
    { "A.A.",       "a",   "b" },
    { "A.BC.D",     "bcd", "a" },
    { "ABC..aD",    "d",   "abc" },
    { "ABC..DEF",   "def", "abc" },
    { "ABCDEFGHAB", "hab", "cdefg" },
};

START_TEST(what_is_there_after_a_life)
{
    uint64_t now_ms = 5;

    start();
    for (const char *p = lives[_i].steps; *p != '\0'; p++) {
        if (*p == '.')
            now_ms += 600;
        else if (*p >= 'a')
            has(*p, now_ms);
        else
            add((char)(*p - 'A' + 'a'), now_ms);
    }
    for (const char *p = lives[_i].there; *p != '\0'; p++)
        ck_assert(has(*p, now_ms));
    for (const char *p = lives[_i].gone; *p != '\0'; p++)
        ck_assert(!has(*p, now_ms));
    verified_destroy(verified);
}
END_TEST

static const struct verified_login others[] = {
    { STR_INIT("name"),   STR_INIT("password"),  STR_INIT("hash2") },
    { STR_INIT("name"),   STR_INIT("password2"), STR_INIT("hash") },
    { STR_INIT("name2"),  STR_INIT("password"),  STR_INIT("hash") },
    { STR_INIT("namep"),  STR_INIT("assword"),   STR_INIT("hash") },
    { STR_INIT("name"),   STR_INIT("passwor"),   STR_INIT("dhash") },
    { STR_INIT(""),       STR_INIT(""),          STR_INIT("") },
};

START_TEST(key_is_of_all_three)
{
    static const struct verified_login login = { STR_INIT("name"), STR_INIT("password"),
                                                 STR_INIT("hash") };
    uint8_t key[VERIFIED_KEY_SIZE], other[VERIFIED_KEY_SIZE];

    start();
    ck_assert(verified_key(verified, &login, key));
    ck_assert(verified_key(verified, &others[_i], other));
    ck_assert_mem_ne(key, other, sizeof(key));
    ck_assert(verified_key(verified, &login, other));
    ck_assert_mem_eq(key, other, sizeof(key));
    verified_destroy(verified);
    verified_destroy(NULL);
}
END_TEST

START_TEST(key_is_another_in_another_process)
{
    uint8_t key[VERIFIED_KEY_SIZE], other[VERIFIED_KEY_SIZE];

    start();
    key_of('a', key);
    verified_destroy(verified);
    start();
    key_of('a', other);
    ck_assert_mem_ne(key, other, sizeof(key));
    verified_destroy(verified);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/verified");

    unit_add(suite, what_is_there_after_a_life, ARRAY_LEN(lives));
    unit_add(suite, key_is_of_all_three, ARRAY_LEN(others));
    unit_add(suite, key_is_another_in_another_process, 1);
    return unit_run(suite);
}
