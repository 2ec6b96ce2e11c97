/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/serve_users.h"

#include "base/log.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The line of a user file; the password is forgotten. STR_NONE, told, when there is no hash. */
static struct str
user_line(struct arena *arena, char *auth)
{
    char *password = strchr(auth, ':') + 1;
    struct crypt_data data = { 0 };
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    const char *hash = NULL;
    struct str line = STR_NONE;

    if (crypt_gensalt_rn("$6$", 0, NULL, 0, setting, sizeof(setting)) != NULL)
        hash = crypt_r(password, setting, &data);
    explicit_bzero(password, strlen(password));
    if (hash == NULL || hash[0] == '*')
        console("the password cannot be hashed (%d: %s)", errno, strerror(errno));
    else
        line = arena_fmt(arena, "%.*s%s\n", (int)(password - auth), auth, hash);
    explicit_bzero(&data, sizeof(data));
    return line;
}

/* A file that is nowhere but in memory; its path. STR_NONE, told, when it cannot be had. */
static struct str
keep_users(struct arena *arena, struct str line)
{
    int fd = memfd_create("users", MFD_CLOEXEC);

    if (fd < 0 || write(fd, line.p, line.len) != (ssize_t)line.len) {
        console("the names and passwords cannot be kept (%d: %s)", errno, strerror(errno));
        return STR_NONE;
    }
    return arena_fmt(arena, "/proc/self/fd/%d", fd);
}

/* A file that somebody keeps. */
static struct str
given_file(struct arena *arena, const char *name)
{
    char *path = realpath(name, NULL);
    struct str copy = STR_NONE;

    if (path == NULL || access(path, R_OK) != 0)
        console("cannot read \"%s\" (%d: %s)", name, errno, strerror(errno));
    else
        copy = arena_str(arena, str_of(path));
    free(path);
    return copy;
}

bool
serve_users_find(struct arena *arena, const struct serve *serve, struct str *path,
                 struct str *note)
{
    struct str line;

    *path = STR_NONE;
    *note = STR("");
    if (serve->auth == NULL)
        return true;
    if (serve->auth[0] == '@') {
        *path = given_file(arena, serve->auth + 1);
        return str_is_set(*path);
    }
    line = user_line(arena, serve->auth);
    if (!str_is_set(line))
        return false;
    if (serve->print_conf) {
        *path = STR("weir.users");
        *note = arena_fmt(arena, "# The file weir.users, beside this one, has this line:\n# %.*s",
                          STR_ARG(line));
        return true;
    }
    *path = keep_users(arena, line);
    return str_is_set(*path);
}
