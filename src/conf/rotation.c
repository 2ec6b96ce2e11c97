/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/rotation.h"
#include <limits.h>

enum {
    SIZE_MIN = 4096,
    KEEP_MAX = 100000,
    SUFFIX_MAX = 27             /* "-20261121-173000.999999.zst" */
};

static const struct { struct str name; enum rotation_unit unit; } units[] = {
    { STR_INIT("hourly"),  ROTATE_HOURLY },
    { STR_INIT("daily"),   ROTATE_DAILY },
    { STR_INIT("weekly"),  ROTATE_WEEKLY },
    { STR_INIT("monthly"), ROTATE_MONTHLY },
};

bool
is_rotation_word(const struct conf_word *word)
{
    return str_starts(word->text, STR("rotate=")) || str_starts(word->text, STR("keep="));
}

static bool
take_unit(struct str text, struct log_rotation *how)
{
    if (!str_is_set(text))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units) && how->unit == ROTATE_BY_SIZE; i++) {
        if (!str_eq(units[i].name, text))
            continue;
        how->unit = units[i].unit;
        return true;
    }
    return false;
}

static bool
take_size(struct conf *conf, const struct conf_word *word, struct str text,
          struct log_rotation *how)
{
    if (how->size == 0 && size_parse(text, &how->size) && how->size >= SIZE_MIN)
        return true;
    conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
    conf_hint(conf, "hourly, daily, weekly, monthly, a size of 4k at least, or both: "
              "rotate=daily,100m");
    return false;
}

static bool
parse_rotate(struct conf *conf, const struct conf_word *word, struct rotation_words *words)
{
    struct str rest = str_from(word->text, sizeof("rotate=") - 1);
    ptrdiff_t comma;

    if (words->rotate != NULL)
        return conf_error(conf, word, "duplicate parameter \"%.*s\"", STR_ARG(word->text));
    words->rotate = word;
    do {
        struct str part = rest;

        comma = str_find(rest, ',', 0);
        if (comma >= 0)
            part.len = (size_t)comma;
        rest = str_from(rest, part.len + 1);
        if (!take_unit(part, &words->how) && !take_size(conf, word, part, &words->how))
            return false;
    } while (comma >= 0);
    return true;
}

static bool
parse_keep(struct conf *conf, const struct conf_word *word, struct rotation_words *words)
{
    struct str text = str_from(word->text, sizeof("keep=") - 1);
    uint64_t n;

    if (words->keep != NULL)
        return conf_error(conf, word, "duplicate parameter \"%.*s\"", STR_ARG(word->text));
    if (!str_to_uint(text, KEEP_MAX, &n) || n == 0) {
        conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "how many former files stay, from 1 to 100000; without keep= all do");
        return false;
    }
    words->keep = word;
    words->how.keep = (uint32_t)n;
    return true;
}

bool
parse_rotation_word(struct conf *conf, const struct conf_word *word, struct rotation_words *words)
{
    return str_starts(word->text, STR("keep=")) ? parse_keep(conf, word, words)
                                                : parse_rotate(conf, word, words);
}

static bool
is_possible(struct conf *conf, const struct conf_word *word, const struct log_file *file)
{
    const char *slash;

    if (file == NULL) {
        conf_error(conf, word, "logs with variables in their name are not rotated by weir");
        conf_hint(conf, "a date in the name does the same; or logrotate, and \"weir -s reopen\"");
        return false;
    }
    if (file->kind != LOG_FILE)
        return conf_error(conf, word, "\"%.*s\" is no file that can be rotated",
                          STR_ARG(file->path));
    slash = memrchr(file->path.p, '/', file->path.len);
    if (slash == NULL || strlen(slash + 1) + SUFFIX_MAX <= NAME_MAX)
        return true;
    return conf_error(conf, word, "the name of the log is too long to be rotated: what is added "
                      "takes %d bytes, and a name has at most %d", SUFFIX_MAX, NAME_MAX);
}

static bool
is_same(const struct log_rotation *a, const struct log_rotation *b)
{
    return a->unit == b->unit && a->size == b->size && a->keep == b->keep;
}

bool
rotation_apply(struct conf *conf, const struct rotation_words *words, struct log_file *file)
{
    if (words->rotate == NULL) {
        if (words->keep == NULL)
            return true;
        conf_error(conf, words->keep, "\"keep\" without \"rotate\"");
        conf_hint(conf, "as in rotate=daily keep=14");
        return false;
    }
    if (!is_possible(conf, words->rotate, file))
        return false;
    if (file->rotation == NULL) {
        file->rotation = ARENA_NEW(conf->arena, struct log_rotation);
        if (file->rotation == NULL)
            return conf_no_memory(conf);
        *file->rotation = words->how;
    } else if (!is_same(file->rotation, &words->how)) {
        conf_error(conf, words->rotate, "\"%.*s\" is already rotated in another way",
                   STR_ARG(file->path));
        conf_hint(conf, "rotate= and keep= are the file's: write them once, or alike");
        return false;
    }
    return true;
}
