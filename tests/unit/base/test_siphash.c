/* SPDX-License-Identifier: BSD-2-Clause */
/* siphash: the results of another implementation (OpenSSL's), for the bytes 00, 01, 02 … */
#include "unit.h"
#include "base/siphash.h"
#include <endian.h>

static const struct { size_t len; unsigned char hash[16]; } vectors[] = {
    { 0,  { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55,
            0x02, 0x93 } },
    { 1,  { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22,
            0xfc, 0x45 } },
    { 8,  { 0x3b, 0x62, 0xa9, 0xba, 0x62, 0x58, 0xf5, 0x61, 0x0f, 0x83, 0xe2, 0x64, 0xf3, 0x14,
            0x97, 0xb4 } },
    { 15, { 0x54, 0x93, 0xe9, 0x99, 0x33, 0xb0, 0xa8, 0x11, 0x7e, 0x08, 0xec, 0x0f, 0x97, 0xcf,
            0xc3, 0xd9 } },
    { 16, { 0x6e, 0xe2, 0xa4, 0xca, 0x67, 0xb0, 0x54, 0xbb, 0xfd, 0x33, 0x15, 0xbf, 0x85, 0x23,
            0x05, 0x77 } },
    { 63, { 0x51, 0x50, 0xd1, 0x77, 0x2f, 0x50, 0x83, 0x4a, 0x50, 0x3e, 0x06, 0x9a, 0x97, 0x3f,
            0xbd, 0x7c } },
};

static void
count_up(char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (char)i;
}

START_TEST(hash_is_that_of_others)
{
    uint64_t key[2], hash[2];
    char text[64];

    count_up((char *)key, sizeof(key));
    key[0] = le64toh(key[0]);
    key[1] = le64toh(key[1]);
    count_up(text, vectors[_i].len);
    siphash128(key, (struct str){ text, vectors[_i].len }, hash);
    hash[0] = htole64(hash[0]);
    hash[1] = htole64(hash[1]);
    ck_assert_mem_eq(hash, vectors[_i].hash, sizeof(hash));
}
END_TEST

START_TEST(hash_depends_on_the_key)
{
    static const uint64_t key[2] = { 1, 2 }, other[2] = { 1, 3 };
    uint64_t a[2], b[2];

    siphash128(key, STR("text"), a);
    siphash128(other, STR("text"), b);
    ck_assert_mem_ne(a, b, sizeof(a));
    siphash128(key, STR_NONE, a);
    siphash128(key, STR(""), b);
    ck_assert_mem_eq(a, b, sizeof(a));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/siphash");

    unit_add(suite, hash_is_that_of_others, ARRAY_LEN(vectors));
    unit_add(suite, hash_depends_on_the_key, 1);
    return unit_run(suite);
}
