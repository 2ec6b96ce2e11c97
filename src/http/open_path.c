/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/open_path.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_FLAGS = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
    FOLDER_FLAGS = O_PATH | O_DIRECTORY | O_CLOEXEC
};

/* Whether the link `name` in `folder` and what it leads to, open as fd, have one owner. */
static bool
is_own_link(int folder, const char *name, int fd)
{
    struct stat link, target;

    if (fstatat(folder, name, &link, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    if (!S_ISLNK(link.st_mode))
        return true;
    return fstat(fd, &target) == 0 && link.st_uid == target.st_uid;
}

/* One component. flags: O_PATH for a folder on the way, READ_FLAGS for the last. */
static int
open_component(int folder, const char *name, int flags, enum symlinks symlinks)
{
    int fd = openat(folder, name, flags | (symlinks == SYMLINKS_REFUSE ? O_NOFOLLOW : 0));

    if (fd >= 0 && symlinks == SYMLINKS_OWN && !is_own_link(folder, name, fd)) {
        close(fd);
        errno = ELOOP;
        return -1;
    }
    return fd;
}

static bool
copy_component(char name[NAME_MAX + 1], struct str component)
{
    if (component.len > NAME_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(name, component.p, component.len);
    name[component.len] = '\0';
    return true;
}

/* The trusted part, as a folder to start from. */
static int
open_start(struct str path, size_t trusted)
{
    char start[PATH_MAX];

    if (trusted == 0)
        return open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (trusted >= sizeof(start)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(start, path.p, trusted);
    start[trusted] = '\0';
    return open(start, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The folder `name`, which is made if it is missing and may be. */
static int
open_or_make(int folder, const char *name, enum symlinks symlinks, const mode_t *make)
{
    int fd = open_component(folder, name, FOLDER_FLAGS, symlinks);

    if (fd >= 0 || errno != ENOENT || make == NULL)
        return fd;
    if (mkdirat(folder, name, 0700) == 0 ? fchmodat(folder, name, *make, 0) != 0
                                         : errno != EEXIST)
        return -1;
    return open_component(folder, name, FOLDER_FLAGS, symlinks);
}

/* last_flags: how the last component is opened. */
static int
open_by_components(struct str path, enum symlinks symlinks, size_t trusted, int last_flags,
                   const mode_t *make)
{
    int folder = open_start(path, trusted), fd = folder;
    struct str rest = str_from(path, trusted);
    char name[NAME_MAX + 1];

    while (fd >= 0 && rest.len > 0) {
        ptrdiff_t slash = str_find(rest, '/', 0);
        struct str component = { rest.p, slash < 0 ? rest.len : (size_t)slash };
        struct str behind = str_from(rest, component.len + (slash >= 0));
        bool last = slash < 0 || behind.len == 0;

        rest = behind;
        if (component.len == 0)
            continue;
        if (!copy_component(name, component))
            fd = -1;
        else if (last && last_flags != FOLDER_FLAGS)
            fd = open_component(folder, name, last_flags, symlinks);
        else
            fd = open_or_make(folder, name, symlinks, make);
        if (fd < 0 && errno == ENOTDIR && symlinks == SYMLINKS_REFUSE
            && (!last || last_flags == FOLDER_FLAGS))
            errno = ELOOP;      /* what O_DIRECTORY says of a link that is not followed */
        close(folder);
        folder = fd;
    }
    return fd;
}

/*
 * Of a folder that is the trusted part itself, or has two slashes at its end, so far only the place
 * is known.
 */
static int
open_for_reading(int fd)
{
    int folder = fd;

    if (fd < 0 || (fcntl(fd, F_GETFL) & O_PATH) == 0)
        return fd;
    fd = openat(folder, ".", READ_FLAGS);
    close(folder);
    return fd;
}

int
open_path(struct str path, enum symlinks symlinks, size_t trusted)
{
    if (symlinks == SYMLINKS_FOLLOW)
        return open(path.p, READ_FLAGS);
    return open_for_reading(open_by_components(path, symlinks, trusted, READ_FLAGS, NULL));
}

int
open_folder(struct str path, enum symlinks symlinks, size_t trusted, const mode_t *make)
{
    if (symlinks == SYMLINKS_FOLLOW && make == NULL)
        return open(path.p, FOLDER_FLAGS);
    return open_by_components(path, symlinks, trusted, FOLDER_FLAGS, make);
}
