/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/tree.h"
#include "base/compiler.h"
#include "http/temp_file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PASSES = 3,                 /* over a folder that others fill while it is emptied */
    COPY_MOST = 1 << 30,        /* bytes in one call */
    BUFFER = 65536,
    MODES = 0777
};

static bool
fail(struct tree_work *work, const char *what, const char *name)
{
    int error = errno;

    work->what = what;
    snprintf(work->name, sizeof(work->name), "%s", name);
    errno = error;
    return false;
}

/* What was made on the way goes; the failure stays the one it was. */
static bool
undo(struct tree_spot spot)
{
    struct tree_work other = { .overwrite = false };
    int error = errno;

    (void)tree_remove(&other, spot);
    errno = error;
    return false;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* ---- folders ------------------------------------------------------------------------------- */

static bool
is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* To be read, never by way of a link. NULL with errno. */
static DIR *
open_list(struct tree_spot spot)
{
    int fd = openat(spot.folder, spot.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

    if (fd >= 0 && list == NULL) {
        int error = errno;

        close(fd);
        errno = error;
    }
    return list;
}

static bool
close_list(DIR *list, bool ok)
{
    int error = errno;

    closedir(list);
    errno = error;
    return ok;
}

/* NULL: with errno 0 that was the last, else it could not be read. */
static const char *
next_name(DIR *list)
{
    const struct dirent *entry;

    do {
        errno = 0;
        entry = readdir(list);
    } while (entry != NULL && is_dots(entry->d_name));
    return entry != NULL ? entry->d_name : NULL;
}

/* ---- removing ------------------------------------------------------------------------------ */

struct removal {
    struct tree_work *work;
    int top;                    /* the outermost folder */
    bool again;                 /* something came into it from below, and is to go, too */
};

static bool remove_at(struct removal *removal, struct tree_spot spot, unsigned depth);

static bool
empty_list(struct removal *removal, DIR *list, const char *folder, unsigned depth)
{
    const char *name;

    while ((name = next_name(list)) != NULL)
        if (!remove_at(removal, (struct tree_spot){ dirfd(list), name }, depth + 1))
            return false;
    return errno == 0 || fail(removal->work, "readdir()", folder);
}

/* What lies too deep comes up, so that what can be made can be removed. */
static bool
lift(struct removal *removal, struct tree_spot spot)
{
    char hidden[TEMP_HIDDEN];

    temp_hidden_name(hidden);
    removal->again = true;
    return renameat(spot.folder, spot.name, removal->top, hidden) == 0
           || fail(removal->work, "rename()", spot.name);
}

static bool
remove_folder(struct removal *removal, struct tree_spot spot, unsigned depth)
{
    DIR *list;
    bool ok = true;

    if (depth >= TREE_DEPTH_MAX)
        return lift(removal, spot);
    if ((list = open_list(spot)) == NULL)
        return fail(removal->work, "open()", spot.name);
    if (depth == 0)
        removal->top = dirfd(list);
    for (unsigned pass = 0; ok && pass < PASSES; pass += depth > 0 || !removal->again) {
        if (depth == 0)
            removal->again = false;
        rewinddir(list);
        ok = empty_list(removal, list, spot.name, depth);
        if (ok && unlinkat(spot.folder, spot.name, AT_REMOVEDIR) == 0)
            return close_list(list, true);
        if (ok && errno != ENOTEMPTY && errno != EEXIST)
            break;
    }
    if (ok)
        fail(removal->work, "rmdir()", spot.name);
    return close_list(list, false);
}

static bool
remove_at(struct removal *removal, struct tree_spot spot, unsigned depth)
{
    if (unlinkat(spot.folder, spot.name, 0) == 0)
        return true;
    if (errno == EISDIR)
        return remove_folder(removal, spot, depth);
    return (errno == ENOENT && depth > 0) || fail(removal->work, "unlink()", spot.name);
}

bool
tree_remove(struct tree_work *work, struct tree_spot spot)
{
    struct removal removal = { .work = work, .top = -1 };

    return remove_at(&removal, spot, 0);
}

/* ---- coming to a name ---------------------------------------------------------------------- */

/* Whether a folder is, or lies above, an open one. Where nobody can tell it does. */
static bool
is_above(struct tree_spot spot, int folder)
{
    int fd = openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat above, here = { 0 }, last;
    bool is, goes_on = true;

    is = fstatat(spot.folder, spot.name, &above, AT_SYMLINK_NOFOLLOW) != 0;
    for (unsigned steps = 0; !is && goes_on; steps++) {
        int up = steps > 0 ? openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC) : dup(fd);

        close(fd);
        fd = up;
        last = here;
        is = fd < 0 || fstat(fd, &here) != 0 || is_same(&here, &above);
        goes_on = steps == 0 || !is_same(&here, &last);     /* above "/" is "/" */
    }
    if (fd >= 0)
        close(fd);
    return is;
}

/*
 * The two change places, then the old one goes; or it goes first, where they cannot: but not if it
 * would take the new one with it, as the names of the two need not show.
 */
static bool
replace_folder(struct tree_work *work, struct tree_spot from, struct tree_spot to)
{
    if (renameat2(from.folder, from.name, to.folder, to.name, RENAME_EXCHANGE) == 0)
        return tree_remove(work, from);
    if (errno != EINVAL && errno != ENOSYS)
        return fail(work, "rename()", to.name);
    if (is_above(to, from.folder)) {
        errno = EPERM;
        return fail(work, "replacing a folder by one within it", to.name);
    }
    if (!tree_remove(work, to))
        return false;
    return renameat(from.folder, from.name, to.folder, to.name) == 0
           || fail(work, "rename()", to.name);
}

static bool
is_there(struct tree_spot spot)
{
    struct stat st;

    return fstatat(spot.folder, spot.name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* rename(2) does nothing for two names of one file. */
static bool
drop_second_name(struct tree_spot from, struct tree_spot to)
{
    struct stat a, b;

    if (fstatat(from.folder, from.name, &a, AT_SYMLINK_NOFOLLOW) == 0
        && fstatat(to.folder, to.name, &b, AT_SYMLINK_NOFOLLOW) == 0
        && is_same(&a, &b) && a.st_nlink > 1)
        return unlinkat(from.folder, from.name, 0) == 0;
    return true;
}

/* EXDEV is for the caller to deal with. */
static bool
rename_to(struct tree_work *work, struct tree_spot from, struct tree_spot to)
{
    if (renameat2(from.folder, from.name, to.folder, to.name, RENAME_NOREPLACE) == 0)
        return true;
    if (errno == EINVAL || errno == ENOSYS)     /* the file system does not know the flag */
        errno = EEXIST;
    if (errno != EEXIST)
        return fail(work, "rename()", to.name);
    work->replaced = is_there(to);
    if (work->replaced && !work->overwrite) {
        errno = EEXIST;
        return fail(work, "rename()", to.name);
    }
    if (renameat(from.folder, from.name, to.folder, to.name) == 0)
        return drop_second_name(from, to) || fail(work, "unlink()", from.name);
    if (errno == ENOTEMPTY || errno == EEXIST)
        return replace_folder(work, from, to);
    return fail(work, "rename()", to.name);
}

/* By a hidden name: a link replaces nothing. */
static bool
link_over(struct tree_work *work, int fd, struct tree_spot to)
{
    char hidden[TEMP_HIDDEN];

    temp_hidden_name(hidden);
    if (!temp_link(fd, to.folder, hidden))
        return fail(work, "link()", to.name);
    if (renameat(to.folder, hidden, to.folder, to.name) == 0) {
        work->replaced = true;
        return true;
    }
    fail(work, "rename()", to.name);
    return undo((struct tree_spot){ to.folder, hidden });
}

/* EXDEV is for the caller to deal with. */
static bool
place_nameless(struct tree_work *work, int fd, struct tree_spot to)
{
    if (temp_link(fd, to.folder, to.name))
        return true;
    if (errno != EEXIST || !work->overwrite)
        return fail(work, "link()", to.name);
    return link_over(work, fd, to);
}

/* ---- copying ------------------------------------------------------------------------------- */

static bool
copy_slowly(int from, int to)
{
    char *buffer = malloc(BUFFER);
    ssize_t n = -1;
    int error;

    while (buffer != NULL && (n = read(from, buffer, BUFFER)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        for (ssize_t done = 0, put; done < n; done += put)
            if ((put = write(to, buffer + done, (size_t)(n - done))) <= 0) {
                error = errno;
                free(buffer);
                errno = error;
                return false;
            }
    }
    error = errno;
    free(buffer);
    errno = error;
    return n == 0;
}

static bool
copy_bytes(int from, int to)
{
    for (;;) {
        ssize_t n = copy_file_range(from, NULL, to, NULL, COPY_MOST, 0);

        if (n == 0)
            return copy_slowly(from, to);       /* of some files the kernel says 0 too early */
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
            return copy_slowly(from, to);
        if (n < 0)
            return false;
    }
}

static bool
keep_mode_and_times(int fd, const struct stat *st, mode_t more)
{
    const struct timespec times[2] = { st->st_atim, st->st_mtim };

    return fchmod(fd, (st->st_mode & MODES) | more) == 0 && futimens(fd, times) == 0;
}

/* A folder that somebody has removed while it was open. */
static bool
is_gone(int folder)
{
    struct stat st;

    return fstat(folder, &st) == 0 && st.st_nlink == 0;
}

/* An open file in a folder: with a hidden name where it cannot be without (name[0] is 0 else). */
static int
open_new(int folder, char name[TEMP_HIDDEN])
{
    int fd = -1;

    name[0] = '\0';
    if (temp_can_be_nameless()) {
        fd = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0 && errno == EPERM)               /* so ext4 says that the folder is gone */
            errno = is_gone(folder) ? ENOENT : EPERM;
        if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
            return fd;
    }
    temp_hidden_name(name);
    return openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* What was written comes to its name, or goes. */
static bool
end_new(struct tree_work *work, int fd, const char *hidden, struct tree_spot to, bool ok)
{
    struct tree_spot now = { to.folder, hidden };

    if (ok)
        ok = hidden[0] == '\0' ? place_nameless(work, fd, to) : rename_to(work, now, to);
    if (!ok && hidden[0] != '\0')
        undo(now);
    return ok;
}

static bool
copy_open_file(struct tree_work *work, int in, const struct stat *st, struct tree_spot to)
{
    char hidden[TEMP_HIDDEN];
    int fd = open_new(to.folder, hidden), error;
    bool ok;

    if (fd < 0)
        return fail(work, "open()", to.name);
    ok = (copy_bytes(in, fd) && keep_mode_and_times(fd, st, 0)) || fail(work, "copying", to.name);
    ok = end_new(work, fd, hidden, to, ok);
    error = errno;
    close(fd);
    errno = error;
    return ok;
}

static bool
copy_file(struct tree_work *work, struct tree_spot from, struct tree_spot to)
{
    int in = openat(from.folder, from.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), error;
    struct stat st;
    bool ok;

    if (in < 0)
        return fail(work, "open()", from.name);
    ok = fstat(in, &st) == 0 ? copy_open_file(work, in, &st, to) : fail(work, "stat()", from.name);
    error = errno;
    close(in);
    errno = error;
    return ok;
}

static bool
copy_link(struct tree_work *work, struct tree_spot from, struct tree_spot to)
{
    char leads_to[PATH_MAX], hidden[TEMP_HIDDEN];
    ssize_t n = readlinkat(from.folder, from.name, leads_to, sizeof(leads_to) - 1);
    struct tree_spot made = { to.folder, hidden };

    if (n < 0)
        return fail(work, "readlink()", from.name);
    leads_to[n] = '\0';
    temp_hidden_name(hidden);
    if (symlinkat(leads_to, to.folder, hidden) != 0)
        return fail(work, "symlink()", to.name);
    return rename_to(work, made, to) || undo(made);
}

/* The folder that is made of another must not be copied into itself. */
struct made {
    dev_t dev;
    ino_t ino;
};

static bool copy_at(struct tree_work *work, struct tree_spot from, struct tree_spot to,
                    const struct made *made, unsigned depth);

static bool
copy_list(struct tree_work *work, DIR *list, int folder, const struct made *made, unsigned depth)
{
    const char *name;

    while ((name = next_name(list)) != NULL)
        if (!copy_at(work, (struct tree_spot){ dirfd(list), name },
                     (struct tree_spot){ folder, name }, made, depth + 1))
            return false;
    return errno == 0 || fail(work, "readdir()", ".");
}

/* Into a folder that is there, and is to. */
static bool
fill_folder(struct tree_work *work, DIR *list, struct tree_spot to, const struct made *made,
            unsigned depth)
{
    int fd = openat(to.folder, to.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), error;
    struct stat of, new;
    struct made first;
    bool ok;

    if (fd < 0 || fstat(fd, &new) != 0 || fstat(dirfd(list), &of) != 0) {
        ok = fail(work, "open()", to.name);
    } else {
        first = (struct made){ new.st_dev, new.st_ino };
        ok = (work->shallow || copy_list(work, list, fd, made != NULL ? made : &first, depth))
             && (keep_mode_and_times(fd, &of, new.st_mode & S_ISGID)
                 || fail(work, "chmod()", to.name));
    }
    error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return ok;
}

static bool
copy_folder(struct tree_work *work, struct tree_spot from, struct tree_spot to,
            const struct made *made, unsigned depth)
{
    DIR *list;
    bool ok;

    if (depth >= TREE_DEPTH_MAX) {
        errno = ELOOP;
        return fail(work, "going into folders", from.name);
    }
    if ((list = open_list(from)) == NULL)
        return fail(work, "open()", from.name);
    ok = mkdirat(to.folder, to.name, 0700) == 0 || fail(work, "mkdir()", to.name);
    ok = ok && fill_folder(work, list, to, made, depth);
    return close_list(list, ok);
}

/* The outermost folder is made under a hidden name. */
static bool
copy_whole_folder(struct tree_work *work, struct tree_spot from, struct tree_spot to)
{
    char hidden[TEMP_HIDDEN];
    struct tree_spot made = { to.folder, hidden };

    temp_hidden_name(hidden);
    if (copy_folder(work, from, made, NULL, 0) && rename_to(work, made, to))
        return true;
    return undo(made);
}

static bool
copy_at(struct tree_work *work, struct tree_spot from, struct tree_spot to,
        const struct made *made, unsigned depth)
{
    struct stat st;

    if (fstatat(from.folder, from.name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return (errno == ENOENT && depth > 0) || fail(work, "stat()", from.name);
    if (made != NULL && made->dev == st.st_dev && made->ino == st.st_ino) {
        errno = ELOOP;
        return fail(work, "copying a folder into itself", from.name);
    }
    if (S_ISREG(st.st_mode))
        return copy_file(work, from, to);
    if (S_ISLNK(st.st_mode))
        return copy_link(work, from, to);
    if (S_ISDIR(st.st_mode))
        return depth == 0 ? copy_whole_folder(work, from, to)
                          : copy_folder(work, from, to, made, depth);
    errno = EPERM;              /* a device, a socket, a FIFO */
    return fail(work, "copying what is no file", from.name);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool
is_one(struct tree_spot a, struct tree_spot b)
{
    struct stat one, two;

    return strcmp(a.name, b.name) == 0 && fstat(a.folder, &one) == 0 && fstat(b.folder, &two) == 0
           && is_same(&one, &two);
}

static bool
are_two(struct tree_work *work, struct tree_spot from, struct tree_spot to)
{
    if (!is_one(from, to))
        return true;
    errno = EPERM;
    return fail(work, "bringing to where it is", from.name);
}

bool
tree_copy(struct tree_work *work, struct tree_spot from, struct tree_spot to)
{
    return are_two(work, from, to) && copy_at(work, from, to, NULL, 0);
}

bool
tree_move(struct tree_work *work, struct tree_spot from, struct tree_spot to)
{
    if (!are_two(work, from, to))
        return false;
    if (rename_to(work, from, to))
        return true;
    return errno == EXDEV && tree_copy(work, from, to) && tree_remove(work, from);
}

bool
tree_place_file(struct tree_work *work, int fd, const char *has_name, struct tree_spot to)
{
    struct tree_spot from = { AT_FDCWD, has_name };
    struct stat st;

    if (has_name != NULL ? rename_to(work, from, to) : place_nameless(work, fd, to))
        return true;
    if (errno != EXDEV || fstat(fd, &st) != 0 || lseek(fd, 0, SEEK_SET) != 0)
        return false;
    return copy_open_file(work, fd, &st, to);
}
