/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/folders.h"

#include "proc/tell.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* Only the owner may pass it on, or who has all rights. */
static bool
give_to_user(const struct worker_user *user, const char *path, const struct stat *st)
{
    if (!user->resolved || geteuid() != 0 || st->st_uid == user->uid)
        return true;
    if (chown(path, user->uid, (gid_t)-1) == 0)
        return true;
    tell(LEVEL_EMERG, errno, "chown(\"%s\", %d) failed", path, (int)user->uid);
    return false;
}

static bool
look(const char *path, struct stat *st)
{
    if (stat(path, st) != 0) {
        tell(LEVEL_EMERG, errno, "stat() \"%s\" failed", path);
        return false;
    }
    if (S_ISDIR(st->st_mode))
        return true;
    tell(LEVEL_EMERG, 0, "\"%s\" is not a folder", path);
    return false;
}

static bool
make_one(const struct worker_user *user, const char *path)
{
    struct stat st;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        tell(LEVEL_EMERG, errno, "mkdir() \"%s\" failed", path);
        return false;
    }
    return look(path, &st) && give_to_user(user, path, &st);
}

bool
folders_make(const struct runtime *rt)
{
    bool ok = true;

    for (const struct http_folder *f = rt->setup.folders; f != NULL; f = f->next)
        ok &= make_one(&rt->main->user, f->path.p);
    return ok;
}

/* Where it would be made. */
static bool
check_parent(const char *path)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;

    errno = ENAMETOOLONG;
    if (len < sizeof(parent) - 1) {
        memcpy(parent, path, len);
        memcpy(parent + len, "/", 2);
        if (access(parent, W_OK | X_OK) == 0)
            return true;
    }
    tell(LEVEL_EMERG, errno, "mkdir() \"%s\" would fail", path);
    return false;
}

bool
folders_check(const struct runtime *rt)
{
    bool ok = true;

    for (const struct http_folder *f = rt->setup.folders; f != NULL; f = f->next) {
        struct stat st;

        if (stat(f->path.p, &st) != 0 && errno == ENOENT)
            ok &= check_parent(f->path.p);
        else
            ok &= look(f->path.p, &st);
    }
    return ok;
}
