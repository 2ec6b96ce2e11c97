/* SPDX-License-Identifier: BSD-2-Clause */
/* terminal: which keys bytes are. */
#include "proc/terminal.h"
#include "unit.h"

enum { KEYS_MAX = 6 };

static const struct { struct str bytes; int keys[KEYS_MAX]; } typed[] = {
    { STR_INIT("q"), { 'q' } },
    { STR_INIT("qs+"), { 'q', 's', '+' } },
    { STR_INIT("\033[A\033[B\033[C\033[D"), { KEY_UP, KEY_DOWN, KEY_RIGHT, KEY_LEFT } },
    { STR_INIT("\033OA\033OB\033OC\033OD"), { KEY_UP, KEY_DOWN, KEY_RIGHT, KEY_LEFT } },
    { STR_INIT("\033[H\033[F\033[1~\033[4~\033[7~\033[8~"),
      { KEY_HOME, KEY_END, KEY_HOME, KEY_END, KEY_HOME, KEY_END } },
    { STR_INIT("\033[5~\033[6~"), { KEY_PAGE_UP, KEY_PAGE_DOWN } },
    { STR_INIT("\033[1;5A"), { KEY_UP } },              /* with Ctrl */
    { STR_INIT("\033[15~q"), { 'q' } },                 /* F5 says nothing to us */
    { STR_INIT("\033[200~q\033[201~"), { 'q' } },
    { STR_INIT("\033[99999999999999~q"), { 'q' } },
    { STR_INIT("\033\033[A"), { KEY_UP } },
    { STR_INIT("\033[\033[A"), { KEY_UP } },            /* cut off, and then another */
    { STR_INIT("\033xq"), { 'q' } },                    /* Alt and x */
    { STR_INIT("\033[<0;1;2Mq"), { 'q' } },
    { STR_INIT("\377"), { 0xff } },
};

START_TEST(bytes_are_keys)
{
    struct key_reader reader = { 0 };
    int keys[KEYS_MAX + 1] = { 0 };
    unsigned n = 0;

    for (size_t i = 0; i < typed[_i].bytes.len; i++) {
        int key = key_read(&reader, typed[_i].bytes.p[i]);

        if (key != KEY_NONE)
            keys[n++] = key;
        ck_assert_uint_le(n, KEYS_MAX);
    }
    for (unsigned i = 0; i < KEYS_MAX; i++)
        ck_assert_int_eq(keys[i], typed[_i].keys[i]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/terminal");

    unit_add(suite, bytes_are_keys, ARRAY_LEN(typed));
    return unit_run(suite);
}
