/* SPDX-License-Identifier: BSD-2-Clause */
/* digest: the examples of RFC 1321, RFC 3174, FIPS 180-2, RFC 2202 and RFC 4231. */
#include "unit.h"
#include "base/digest.h"
#include <stdio.h>

#define LETTERS "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
#define TWENTY_0B "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"

static const struct { enum digest_kind kind; const char *text, *hex; } digests[] = {
    { DIGEST_MD5,    "",        "d41d8cd98f00b204e9800998ecf8427e" },
    { DIGEST_MD5,    "abc",     "900150983cd24fb0d6963f7d28e17f72" },
    { DIGEST_SHA1,   "abc",     "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { DIGEST_SHA1,   LETTERS,   "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
    { DIGEST_SHA256, "abc",
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { DIGEST_SHA256, LETTERS,
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static const struct { enum digest_kind kind; const char *key, *text, *hex; } hmacs[] = {
    { DIGEST_MD5,    "Jefe", "what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738" },
    { DIGEST_SHA1,   "Jefe", "what do ya want for nothing?",
      "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
    { DIGEST_SHA256, "Jefe", "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { DIGEST_SHA256, TWENTY_0B, "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
};

static void
check_hex(enum digest_kind kind, const uint8_t *bytes, const char *hex)
{
    char text[2 * DIGEST_MAX + 1] = "";

    for (size_t i = 0; i < digest_size(kind); i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    ck_assert_str_eq(text, hex);
}

START_TEST(digest_is_that_of_the_standard)
{
    uint8_t out[DIGEST_MAX];

    ck_assert(digest_of(digests[_i].kind, str_of(digests[_i].text), out));
    check_hex(digests[_i].kind, out, digests[_i].hex);
}
END_TEST

START_TEST(pieces_are_as_good_as_the_whole)
{
    struct digest *digest = digest_create(digests[_i].kind);
    struct str text = str_of(digests[_i].text);
    uint8_t out[DIGEST_MAX];

    ck_assert_ptr_nonnull(digest);
    for (unsigned times = 0; times < 2; times++) {
        for (size_t i = 0; i < text.len; i++)
            digest_add(digest, (struct str){ text.p + i, 1 });
        ck_assert(digest_end(digest, out));
        check_hex(digests[_i].kind, out, digests[_i].hex);
    }
    digest_destroy(digest);
    digest_destroy(NULL);
}
END_TEST

START_TEST(hmac_is_that_of_the_standard)
{
    uint8_t out[DIGEST_MAX];

    ck_assert(digest_hmac(hmacs[_i].kind, str_of(hmacs[_i].key), str_of(hmacs[_i].text), out));
    check_hex(hmacs[_i].kind, out, hmacs[_i].hex);
}
END_TEST

START_TEST(hmac_takes_empty_texts)
{
    uint8_t a[DIGEST_MAX], b[DIGEST_MAX];

    ck_assert(digest_hmac(DIGEST_SHA256, STR(""), STR(""), a));
    ck_assert(digest_hmac(DIGEST_SHA256, STR_NONE, STR_NONE, b));
    ck_assert_mem_eq(a, b, DIGEST_MAX);
    check_hex(DIGEST_SHA256, a,
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}
END_TEST

START_TEST(secrets_are_compared_whole)
{
    ck_assert(digest_eq("abcd", "abcd", 4));
    ck_assert(!digest_eq("abcd", "abce", 4));
    ck_assert(!digest_eq("bbcd", "abcd", 4));
    ck_assert(digest_eq("abcd", "abce", 3));
    ck_assert(digest_eq("a", "b", 0));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/digest");

    unit_add(suite, digest_is_that_of_the_standard, ARRAY_LEN(digests));
    unit_add(suite, pieces_are_as_good_as_the_whole, ARRAY_LEN(digests));
    unit_add(suite, hmac_is_that_of_the_standard, ARRAY_LEN(hmacs));
    unit_add(suite, hmac_takes_empty_texts, 1);
    unit_add(suite, secrets_are_compared_whole, 1);
    return unit_run(suite);
}
