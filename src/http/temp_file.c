/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/temp_file.h"
#include "base/compiler.h"
#include "base/writer.h"
#include "http/http.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIGITS = 10, TRIES = 100, MODE = 0600 };

/* ---- the conf file ------------------------------------------------------------------------- */

bool
parse_temp_path(struct conf *conf, const struct conf_node *node, void *field)
{
    struct temp_path *path = field;
    const struct conf_word *word = &node->words[1];
    unsigned digits = 0;

    *path = (struct temp_path){ .folder = conf_path_by_prefix(conf, word->text) };
    if (!str_is_set(path->folder))
        return conf_no_memory(conf);
    for (uint32_t i = 2; i < node->count; i++) {
        uint64_t level;

        if (!str_to_uint(node->words[i].text, 3, &level) || level == 0) {
            conf_error(conf, &node->words[i], "invalid value \"%.*s\"",
                       STR_ARG(node->words[i].text));
            conf_hint(conf, "how many digits name a folder: 1, 2 or 3");
            return false;
        }
        path->levels[i - 2] = (uint8_t)level;
        digits += (unsigned)level;
    }
    if (digits > DIGITS)
        return conf_error(conf, word, "the levels have more than %d digits", DIGITS);
    return node->words[0].pos.file == NULL || http_want_folder(conf, path->folder);
}

/* ---- names --------------------------------------------------------------------------------- */

static uint32_t
random_number(void)
{
    static uint32_t last;
    uint32_t number;

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
        number = last + 1;      /* whatever it is: a name that is taken is not taken twice */
    return last = number;
}

void
temp_hidden_name(char *name)
{
    uint32_t parts[2];

    if (getrandom(parts, sizeof(parts), GRND_NONBLOCK) != (ssize_t)sizeof(parts))
        parts[0] = parts[1] = (uint32_t)getpid();
    snprintf(name, TEMP_HIDDEN, TEMP_HIDDEN_PREFIX "%08x%08x", parts[0], parts[1]);
}

/* "FOLDER/7/45/0000123457". make: its folders are made on the way. False with errno. */
static bool
write_name(char *name, const struct temp_path *path, uint32_t number, bool make)
{
    char digits[DIGITS + 1];
    struct writer w = writer_at(name, PATH_MAX);
    int end = DIGITS;

    snprintf(digits, sizeof(digits), "%0*u", DIGITS, number);
    write_str(&w, path->folder);
    for (unsigned i = 0; i < TEMP_LEVELS && path->levels[i] > 0; i++) {
        end -= path->levels[i];
        write_char(&w, '/');
        write_bytes(&w, digits + end, path->levels[i]);
        if (make && writer_cstr(&w) != NULL && mkdir(name, 0700) != 0 && errno != EEXIST)
            return false;
    }
    write_char(&w, '/');
    write_bytes(&w, digits, DIGITS);
    errno = ENAMETOOLONG;
    return writer_cstr(&w) != NULL;
}

/* What is to be done with a name. False with errno. */
typedef bool (*name_fn)(struct temp_file *file, const char *name);

/* Finds a name that nobody has. */
static bool
with_name(struct temp_file *file, const struct temp_path *path, struct arena *arena, name_fn fn)
{
    char name[PATH_MAX];
    bool make = false;

    for (unsigned i = 0; i < TRIES; i++) {
        if (!write_name(name, path, random_number(), make))
            return false;
        if (fn(file, name)) {
            file->name = arena_str(arena, str_of(name));
            if (str_is_set(file->name))
                return true;
            unlink(name);
            errno = ENOMEM;
            return false;
        }
        if (errno == ENOENT && !make && path->levels[0] > 0)
            make = true;
        else if (errno != EEXIST)
            return false;
    }
    return false;
}

/* ---- files --------------------------------------------------------------------------------- */

static bool
create(struct temp_file *file, const char *name)
{
    file->fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, MODE);
    return file->fd >= 0;
}

static bool
give_name(struct temp_file *file, const char *name)
{
    return temp_link(file->fd, AT_FDCWD, name);
}

bool
temp_link(int fd, int folder, const char *name)
{
    char path[sizeof("/proc/self/fd/") + 10];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, folder, name, AT_SYMLINK_FOLLOW) == 0;
}

/* It can be given one only where /proc is. */
bool
temp_can_be_nameless(void)
{
    static _Atomic int can;     /* 1: yes, -1: no, 0: nobody has looked */

    if (can == 0)
        can = access("/proc/self/fd", X_OK) == 0 ? 1 : -1;
    return can > 0;
}

/* *wants_name: the file system cannot do without. */
static bool
open_nameless(struct temp_file *file, const char *folder, bool *wants_name)
{
    *file = (struct temp_file){ -1, STR_NONE };
    *wants_name = true;
    if (!temp_can_be_nameless())
        return false;
    file->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);
    *wants_name = file->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL);
    return file->fd >= 0;
}

bool
temp_file_open_named(struct temp_file *file, const struct temp_path *path, struct arena *arena)
{
    *file = (struct temp_file){ -1, STR_NONE };
    if (with_name(file, path, arena, create))
        return true;
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    return false;
}

bool
temp_file_open(struct temp_file *file, const struct temp_path *path, struct arena *arena)
{
    bool wants_name;

    if (open_nameless(file, path->folder.p, &wants_name))
        return true;
    return wants_name && temp_file_open_named(file, path, arena);
}

bool
temp_file_open_in(struct temp_file *file, struct str folder, struct arena *arena)
{
    char hidden[TEMP_HIDDEN];
    bool wants_name;

    if (open_nameless(file, folder.p, &wants_name))
        return true;
    if (!wants_name)
        return false;
    temp_hidden_name(hidden);
    file->name = arena_fmt(arena, "%.*s/%s", STR_ARG(folder), hidden);
    if (str_is_set(file->name) && create(file, file->name.p))
        return true;
    file->name = STR_NONE;
    return false;
}

bool
temp_file_name(struct temp_file *file, const struct temp_path *path, struct arena *arena)
{
    return str_is_set(file->name) || with_name(file, path, arena, give_name);
}

void
temp_file_close(struct temp_file *file)
{
    if (file->fd < 0)
        return;
    if (str_is_set(file->name))
        unlink(file->name.p);
    close(file->fd);
    *file = (struct temp_file){ -1, STR_NONE };
}
