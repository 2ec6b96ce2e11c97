/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/open_path.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    READ_FLAGS = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
    FOLDER_FLAGS = O_PATH | O_DIRECTORY | O_CLOEXEC
};

/* close() that leaves errno alone. */
static void
close_kept(int fd)
{
    int err = errno;

    close(fd);
    errno = err;
}

/*
 * Follows a link to what its owner owns, too. Owner and text are those of one and the same link,
 * whatever takes its name meanwhile. -1 with ELOOP: it may not be followed; ENOTDIR: it is no link,
 * and no folder either.
 */
static int
follow_own(int folder, const char *name, int flags)
{
    int link = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd = -1;
    char text[PATH_MAX];
    struct stat of_link, target;
    ssize_t len;

    if (link < 0)
        return -1;
    if (fstat(link, &of_link) != 0 || !S_ISLNK(of_link.st_mode)) {
        errno = ENOTDIR;
    } else if ((len = readlinkat(link, "", text, sizeof(text) - 1)) > 0) {
        text[len] = '\0';
        fd = openat(folder, text, flags);
        if (fd >= 0 && (fstat(fd, &target) != 0 || target.st_uid != of_link.st_uid)) {
            close(fd);
            fd = -1;
            errno = ELOOP;
        }
    }
    close_kept(link);
    return fd;
}

/* What an open that follows no link says of one: ELOOP, or of a folder's place, ENOTDIR. */
static bool
is_link(int folder, const char *name)
{
    struct stat st;

    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* One component. flags: O_PATH for a folder on the way, READ_FLAGS for the last. */
static int
open_component(int folder, const char *name, int flags, enum symlinks symlinks)
{
    int fd = openat(folder, name, flags | (symlinks == SYMLINKS_FOLLOW ? 0 : O_NOFOLLOW));

    if (fd >= 0 || symlinks == SYMLINKS_FOLLOW || (errno != ELOOP && errno != ENOTDIR))
        return fd;
    if (symlinks == SYMLINKS_OWN)
        return follow_own(folder, name, flags);
    if (errno == ENOTDIR && is_link(folder, name))
        errno = ELOOP;
    return -1;
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
        return open("/", FOLDER_FLAGS);
    if (trusted >= sizeof(start)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(start, path.p, trusted);
    start[trusted] = '\0';
    return open(start, FOLDER_FLAGS);
}

bool
make_folder(int folder, const char *name, mode_t mode)
{
    struct stat st;
    bool ok;
    int fd;

    if (mkdirat(folder, name, 0700) != 0)
        return false;
    /* By a descriptor: a link that took the name meanwhile leads nowhere. */
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    ok = fstat(fd, &st) == 0 && fchmod(fd, mode | (st.st_mode & S_ISGID)) == 0;
    close_kept(fd);
    return ok;
}

/* The folder `name`, which is made if it is missing and may be. */
static int
open_or_make(int folder, const char *name, enum symlinks symlinks, const mode_t *make)
{
    int fd = open_component(folder, name, FOLDER_FLAGS, symlinks);

    if (fd >= 0 || errno != ENOENT || make == NULL)
        return fd;
    if (!make_folder(folder, name, *make) && errno != EEXIST)
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
        close_kept(folder);
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
    close_kept(folder);
    return fd;
}

/* Number, struct and flag of openat2(2), which is younger than many a libc. */
enum { CALL_OPENAT2 = 437, NO_SYMLINKS = 0x04 };
struct opening { uint64_t flags, mode, resolve; };

/*
 * The whole path at once where no link is on it, by openat2(). ENOSYS: the kernel, or who confines
 * us, does not know that.
 */
static int
open_without_links(struct str path, size_t trusted)
{
    struct opening how = { .flags = READ_FLAGS, .resolve = NO_SYMLINKS };
    int folder = trusted > 0 ? open_start(path, trusted) : AT_FDCWD, fd;
    struct str rest = str_from(path, trusted);

    if (trusted > 0 && folder < 0)
        return -1;
    while (trusted > 0 && rest.len > 0 && rest.p[0] == '/')
        rest = str_from(rest, 1);
    fd = (int)syscall(CALL_OPENAT2, folder, rest.len > 0 ? rest.p : ".", &how, sizeof(how));
    if (trusted > 0)
        close_kept(folder);
    if (fd < 0 && (errno == EPERM || errno == E2BIG || errno == EINVAL))
        errno = ENOSYS;
    return fd;
}

int
open_path(struct str path, enum symlinks symlinks, size_t trusted)
{
    int fd;

    if (symlinks == SYMLINKS_FOLLOW)
        return open(path.p, READ_FLAGS);
    fd = open_without_links(path, trusted);
    if (fd >= 0 || (errno != ENOSYS && (errno != ELOOP || symlinks != SYMLINKS_OWN)))
        return fd;
    return open_for_reading(open_by_components(path, symlinks, trusted, READ_FLAGS, NULL));
}

int
open_folder(struct str path, enum symlinks symlinks, size_t trusted, const mode_t *make)
{
    if (symlinks == SYMLINKS_FOLLOW && make == NULL)
        return open(path.p, FOLDER_FLAGS);
    return open_by_components(path, symlinks, trusted, FOLDER_FLAGS, make);
}
