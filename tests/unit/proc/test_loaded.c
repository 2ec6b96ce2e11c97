/* SPDX-License-Identifier: BSD-2-Clause */
/* loaded: the texts of a configuration in one stretch, and what is no whole one. */
#include "unit.h"
#include "proc/loaded.h"

static const struct {
    const char *text;
    const char *path, *content; /* NULL: there is no whole file */
    size_t left;
} texts[] = {
    { "2 3\n/a\nxyz\n",         "/a", "xyz", 0 },
    { "2 0\n/a\n\n1 1\n/\n/\n", "/a", "", 8 },
    { "2 4\n/a\n\n\n\n\n\n",    "/a", "\n\n\n\n", 0 },
    { "",                       NULL, NULL, 0 },
    { "2 3\n/a\nxy\n",          NULL, NULL, 0 },            /* a byte is missing */
    { "2 3\n/a\nxyz",           NULL, NULL, 0 },
    { "2 2\n/a\nxyz\n",         NULL, NULL, 0 },
    { "3 3\n/a\nxyz\n",         NULL, NULL, 0 },
    { "2 3 /a\nxyz\n",          NULL, NULL, 0 },
    { "-2 3\n/a\nxyz\n",        NULL, NULL, 0 },
    { "2 99999999999999999999\n/a\nxyz\n", NULL, NULL, 0 },
    { "2 18446744073709551615\n/a\nxyz\n", NULL, NULL, 0 },
};

START_TEST(only_whole_files_are_taken)
{
    struct str text = str_of(texts[_i].text), path, content;
    bool ok = loaded_next(&text, &path, &content);

    ck_assert_int_eq(ok, texts[_i].path != NULL);
    if (!ok)
        return;
    ck_assert(str_eq(path, str_of(texts[_i].path)));
    ck_assert(str_eq(content, str_of(texts[_i].content)));
    ck_assert_uint_eq(text.len, texts[_i].left);
}
END_TEST

static const struct conf_module *const no_modules[] = { NULL };

START_TEST(files_are_kept_and_what_the_command_line_says_is_not)
{
    struct arena *arena = arena_create(4096, 0);
    struct conf *conf = conf_create(arena, no_modules, STR("/"));
    struct conf_file second = { .path = STR_INIT("/b"), .text = STR_INIT("two\n") };
    struct conf_file line = { .path = STR_INIT("command line"), .text = STR_INIT("x;"),
                              .is_text = true, .next = &second };
    struct conf_file first = { .path = STR_INIT("/a"), .text = STR_INIT(""), .next = &line };
    struct loaded *loaded;

    conf->files = &first;
    loaded = loaded_make(conf);
    ck_assert_ptr_nonnull(loaded);
    ck_assert(str_eq(loaded->text, STR("2 0\n/a\n\n2 4\n/b\ntwo\n\n")));
    loaded_keep(loaded);
    loaded_use(loaded);
    loaded_leave(loaded);
    ck_assert(str_starts(loaded->text, STR("2 0\n")));
    loaded_leave(loaded);
    loaded_leave(NULL);
    conf_destroy(conf);
    arena_destroy(arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/loaded");

    unit_add(suite, only_whole_files_are_taken, ARRAY_LEN(texts));
    unit_add(suite, files_are_kept_and_what_the_command_line_says_is_not, 1);
    return unit_run(suite);
}
