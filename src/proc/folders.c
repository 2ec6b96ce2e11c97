/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/folders.h"

#include "base/log_open.h"
#include "proc/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Only the owner may pass it on, or who has all rights. */
static bool
give_to_user(const struct worker_user *user, const char *path, int fd, const struct stat *st)
{
    if (!user->resolved || geteuid() != 0 || st->st_uid == user->uid)
        return true;
    if (fchownat(fd, "", user->uid, (gid_t)-1, AT_EMPTY_PATH) == 0)
        return true;
    tell(LEVEL_EMERG, errno, "chown(\"%s\", %d) failed", path, (int)user->uid);
    return false;
}

/*
 * Whether what is done to a path would be done where somebody with fewer rights than ours says: a
 * folder of the whole machine could become the workers' in that way.
 */
static bool
is_led_astray(const char *path)
{
    struct stat st;

    return geteuid() == 0 && lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && st.st_uid != 0;
}

/* What was looked at is what is given, whatever comes to its name meanwhile. */
static bool
give(const struct worker_user *user, const char *path, const struct log_place *place)
{
    int fd = openat(place->folder, place->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    bool ok = false;

    if (fd < 0 && errno == ENOTDIR)
        tell(LEVEL_EMERG, 0, "\"%s\" is not a folder", path);
    else if (fd < 0 || fstat(fd, &st) != 0)
        tell(LEVEL_EMERG, errno, "open() \"%s\" failed", path);
    else
        ok = give_to_user(user, path, fd, &st);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* On a way on which nobody with fewer rights than ours leads us elsewhere. */
static bool
find_place(const char *path, struct log_place *place)
{
    struct log_refusal why;
    char name[PATH_MAX];
    size_t len = strlen(path);

    if (is_led_astray(path)) {
        tell(LEVEL_EMERG, 0, "\"%s\" is a link that is not root's", path);
        return false;
    }
    while (len > 1 && path[len - 1] == '/')
        len--;
    snprintf(name, sizeof(name), "%.*s", (int)len, path);
    if (log_place_find(name, place, &why))
        return true;
    tell(LEVEL_EMERG, why.err, "%s", why.text);
    return false;
}

static bool
make_one(const struct worker_user *user, const char *path)
{
    struct log_place place;
    bool ok = false;

    if (!find_place(path, &place))
        return false;
    if (mkdirat(place.folder, place.name, 0700) == 0 || errno == EEXIST)
        ok = give(user, path, &place);
    else
        tell(LEVEL_EMERG, errno, "mkdir() \"%s\" failed", path);
    log_place_leave(&place);
    return ok;
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

static bool
check_one(const char *path)
{
    struct log_place place;
    struct stat st;
    bool is_there = stat(path, &st) == 0 || errno != ENOENT;

    if ((!is_there && !check_parent(path)) || !find_place(path, &place))
        return false;
    log_place_leave(&place);
    if (!is_there || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        return true;
    tell(LEVEL_EMERG, 0, "\"%s\" is not a folder", path);
    return false;
}

bool
folders_check(const struct runtime *rt)
{
    bool ok = true;

    for (const struct http_folder *f = rt->setup.folders; f != NULL; f = f->next)
        ok &= check_one(f->path.p);
    return ok;
}
