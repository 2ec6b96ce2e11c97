/* SPDX-License-Identifier: BSD-2-Clause */
/* base64: the examples of RFC 4648 10, and what is not base64. */
#include "unit.h"
#include "base/base64.h"

static const struct { enum base64_alphabet alphabet; const char *bytes, *letters; } pairs[] = {
    { BASE64_PLAIN, "",       "" },
    { BASE64_PLAIN, "f",      "Zg==" },
    { BASE64_PLAIN, "fo",     "Zm8=" },
    { BASE64_PLAIN, "foo",    "Zm9v" },
    { BASE64_PLAIN, "foob",   "Zm9vYg==" },
    { BASE64_PLAIN, "fooba",  "Zm9vYmE=" },
    { BASE64_PLAIN, "foobar", "Zm9vYmFy" },
    { BASE64_PLAIN, "\xfb\xff\xbf", "+/+/" },
    { BASE64_URL,   "\xfb\xff\xbf", "-_-_" },
    { BASE64_URL,   "f",      "Zg" },
    { BASE64_URL,   "fo",     "Zm8" },
};

/* NULL: malformed. */
static const struct { enum base64_alphabet alphabet; const char *letters, *bytes; } readings[] = {
    { BASE64_PLAIN, "Zg",       "f" },                  /* without padding */
    { BASE64_PLAIN, "Zm8",      "fo" },
    { BASE64_URL,   "Zg==",     "f" },                  /* with padding */
    { BASE64_PLAIN, "Zh==",     "f" },                  /* bits behind the last byte */
    { BASE64_PLAIN, "Z",        NULL },
    { BASE64_PLAIN, "Zm9vY",    NULL },
    { BASE64_PLAIN, "=",        NULL },
    { BASE64_PLAIN, "==",       NULL },
    { BASE64_PLAIN, "Z===",     NULL },
    { BASE64_PLAIN, "Zg=",      NULL },
    { BASE64_PLAIN, "Zm9v=",    NULL },
    { BASE64_PLAIN, "Zm9v====", NULL },
    { BASE64_PLAIN, "Zg==Zg==", NULL },
    { BASE64_PLAIN, "Zm 9v",    NULL },
    { BASE64_PLAIN, "Zm9\n",    NULL },
    { BASE64_PLAIN, "Zm9-",     NULL },
    { BASE64_URL,   "Zm9+",     NULL },
    { BASE64_PLAIN, "Zm9\xff",  NULL },
};

START_TEST(bytes_become_letters_and_bytes_again)
{
    char letters[32], bytes[32];
    struct writer w = writer_at(letters, sizeof(letters));
    ptrdiff_t len;

    write_base64(&w, pairs[_i].alphabet, str_of(pairs[_i].bytes));
    ck_assert_str_eq(writer_cstr(&w), pairs[_i].letters);
    len = base64_decode(pairs[_i].alphabet, str_of(pairs[_i].letters), bytes);
    ck_assert_int_eq(len, (int)strlen(pairs[_i].bytes));
    ck_assert_mem_eq(bytes, pairs[_i].bytes, (size_t)len);
}
END_TEST

START_TEST(letters_are_read_or_refused)
{
    struct str letters = str_of(readings[_i].letters);
    char *bytes = malloc(base64_decoded_max(letters.len));
    ptrdiff_t len = base64_decode(readings[_i].alphabet, letters, bytes);

    if (readings[_i].bytes == NULL) {
        ck_assert_int_eq(len, -1);
    } else {
        ck_assert_int_eq(len, (int)strlen(readings[_i].bytes));
        ck_assert_mem_eq(bytes, readings[_i].bytes, (size_t)len);
    }
    free(bytes);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/base64");

    unit_add(suite, bytes_become_letters_and_bytes_again, ARRAY_LEN(pairs));
    unit_add(suite, letters_are_read_or_refused, ARRAY_LEN(readings));
    return unit_run(suite);
}
