/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_user_file: any bytes as a file of users; what is found in it is what a plain search finds. */
#include "fuzz.h"

#include "base/clock.h"
#include "http/password.h"
#include "http/user_file.h"

#include <stdio.h>
#include <sys/mman.h>

/* The part of s before the first of these bytes. */
static struct str
before(struct str s, char a, char b)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] == a || s.p[i] == b)
            return (struct str){ s.p, i };
    return s;
}

/* Name and hash of a line; false: it has no user. */
static bool
read_line(struct str line, struct str *name, struct str *hash)
{
    *name = before(line, ':', ':');
    *hash = before(str_from(line, name->len + 1), ':', '\r');
    return line.len > 0 && line.p[0] != '#' && name->len < line.len
           && memchr(line.p, '\0', line.len) == NULL;
}

static struct str
plain_find(struct str text, struct str wanted)
{
    struct str name, hash;

    while (text.len > 0)
        if (read_line(take_line(&text), &name, &hash) && str_eq(name, wanted))
            return hash;
    return STR_NONE;
}

static void
compare(const struct user_file *file, struct str text, struct str name)
{
    struct str found = user_file_find(file, name), plain = plain_find(text, name);

    require(str_is_set(found) == str_is_set(plain) && str_eq(found, plain));
}

/* It is the hash of a user, and no cost is commoner. */
static void
require_usual(const struct user_file *file, struct str text)
{
    struct str usual = user_file_usual(file), rest = text, name, hash;
    bool has_users = false, is_theirs = false;

    while (rest.len > 0) {
        if (!read_line(take_line(&rest), &name, &hash) || hash.len == 0)
            continue;
        hash = plain_find(text, name);          /* the first line of a name counts */
        has_users = has_users || hash.len > 0;
        is_theirs = is_theirs || (str_is_set(usual) && str_eq(hash, usual));
    }
    require(str_is_set(usual) == has_users && is_theirs == has_users);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct log no_log;
    static const struct log_context silent = { .log = &no_log };
    static struct user_files *files;
    static char path[64];
    static int fd = -1;
    struct str text = { (const char *)data, MIN(size, 8192) }, rest = text;
    const struct user_file *file;

    if (fd < 0) {
        fd = memfd_create("users", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        files = user_files_create();
    }
    clock_update();
    require(fd >= 0 && files != NULL && ftruncate(fd, 0) == 0);
    require(pwrite(fd, text.p, text.len, 0) == (ssize_t)text.len);
    file = user_files_get(files, str_of(path), &silent);
    require(file != NULL);
    compare(file, text, STR("nobody"));
    compare(file, text, STR(""));
    while (rest.len > 0) {
        struct str line = take_line(&rest);

        compare(file, text, before(line, ':', ':'));
        compare(file, text, line);
    }
    require_usual(file, text);
    return 0;
}
