/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log_open.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    LINKS_MAX = 40,             /* as in the kernel */
    OPEN_FLAGS = O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
    FOLDER_FLAGS = O_PATH | O_DIRECTORY | O_CLOEXEC
};

/* Who may change what a folder lists. */
enum changers {
    ROOT_ALONE,
    ANYBODY_HIS_OWN,            /* sticky, and root's */
    OTHERS
};

struct walk {
    const char *path;           /* as it was asked for */
    struct log_refusal *why;
    bool is_root;
    int folder;                 /* O_PATH; -1: none */
    enum changers changers;     /* of that folder; OTHERS for good once one on the way was */
    bool is_astray;             /* a folder on the way was others', or an entry in a sticky one */
    unsigned links;
    struct log_place *place;
    char rest[PATH_MAX];        /* still to be walked */
};

/* ---- what is told -------------------------------------------------------------------------- */

static bool
fail(struct log_refusal *why, const char *path, int err)
{
    why->err = err;
    snprintf(why->text, sizeof(why->text), "open() \"%s\" failed", path);
    errno = err;
    return false;
}

/* Where a descriptor leads, for a message. */
static void
name_of_folder(int folder, char name[PATH_MAX])
{
    char link[64];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", folder);
    n = readlink(link, name, PATH_MAX - 1);
    if (n <= 0)
        n = snprintf(name, PATH_MAX, "its folder");
    name[n] = '\0';
}

/* Not said with words for EACCES or the like: it is we who do not want it. */
static bool
refuse(struct log_refusal *why, const char *path, int folder, const char *name, const char *what)
{
    char at[PATH_MAX];

    name_of_folder(folder, at);
    why->err = 0;
    snprintf(why->text, sizeof(why->text), "\"%.300s\" is not opened: \"%.80s\" in \"%.300s\" is %s, "
             "and others than root may change that folder or one above it; name the file itself in "
             "the configuration, or let the folders be root's alone (chown root, chmod go-w)",
             path, name, at, what);
    errno = EPERM;
    return false;
}

/* ---- folders ------------------------------------------------------------------------------- */

/* The group's right counts whatever the group: an access control list shows as that. */
static enum changers
changers_of(const struct stat *st)
{
    if (st->st_uid != 0)
        return OTHERS;
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return ROOT_ALONE;
    return (st->st_mode & S_ISVTX) != 0 ? ANYBODY_HIS_OWN : OTHERS;
}

/* Takes the descriptor over. */
static bool
stand_in(struct walk *w, int folder)
{
    struct stat st;

    if (folder < 0)
        return fail(w->why, w->path, errno);
    if (w->folder >= 0)
        close(w->folder);
    w->folder = folder;
    if (fstat(folder, &st) != 0)
        return fail(w->why, w->path, errno);
    w->changers = !w->is_root ? ROOT_ALONE : w->is_astray ? OTHERS : changers_of(&st);
    w->is_astray = w->changers == OTHERS;
    return true;
}

/* Whether nobody but root can have put the entry there. */
static bool
is_roots(const struct walk *w, const struct stat *st)
{
    switch (w->changers) {
    case ROOT_ALONE:
        return true;
    case ANYBODY_HIS_OWN:
        return st->st_uid == 0 && (S_ISDIR(st->st_mode) || st->st_nlink == 1);
    case OTHERS:
        return false;
    }
    return false;
}

static bool
go_down(struct walk *w, const char *name, const struct stat *st)
{
    if (!is_roots(w, st))
        w->is_astray = true;
    return stand_in(w, openat(w->folder, name, FOLDER_FLAGS | O_NOFOLLOW));
}

static bool
go_up(struct walk *w)
{
    if (w->is_astray)
        return refuse(w->why, w->path, w->folder, "..", "a way up");
    return stand_in(w, openat(w->folder, "..", FOLDER_FLAGS));
}

/* ---- links --------------------------------------------------------------------------------- */

/* What it stands for, followed by what is left, is what is walked next. */
static bool
follow(struct walk *w, const char *name)
{
    char target[PATH_MAX], whole[PATH_MAX];
    ssize_t n = readlinkat(w->folder, name, target, sizeof(target) - 1);
    int len;

    if (n <= 0)
        return fail(w->why, w->path, n < 0 ? errno : ENOENT);
    if (++w->links > LINKS_MAX)
        return fail(w->why, w->path, ELOOP);
    target[n] = '\0';
    len = snprintf(whole, sizeof(whole), "%s%s%s", target, w->rest[0] != '\0' ? "/" : "", w->rest);
    if (len < 0 || (size_t)len >= sizeof(whole))
        return fail(w->why, w->path, ENAMETOOLONG);
    memcpy(w->rest, whole, (size_t)len + 1);
    return target[0] != '/' || stand_in(w, open("/", FOLDER_FLAGS));
}

static bool
is_in_proc(int folder)
{
    struct statfs fs;

    return fstatfs(folder, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* ---- the walk ------------------------------------------------------------------------------ */

/* Cuts the next part off what is left. False: there is none. */
static bool
next_part(struct walk *w, char name[NAME_MAX + 1], bool *too_long)
{
    const char *from = w->rest;
    size_t len;

    while (*from == '/')
        from++;
    len = strcspn(from, "/");
    *too_long = len > NAME_MAX;
    if (len == 0 || *too_long)
        return false;
    memcpy(name, from, len);
    name[len] = '\0';
    for (from += len; *from == '/' && from[1] != '\0';)
        from++;
    memmove(w->rest, from, strlen(from) + 1);
    return true;
}

static bool
arrive(struct walk *w, const char *name, bool is_magic)
{
    *w->place = (struct log_place){ .folder = w->folder, .is_shared = w->changers != ROOT_ALONE,
                                    .is_magic = is_magic };
    memcpy(w->place->name, name, strlen(name) + 1);
    w->folder = -1;
    return true;
}

enum step { STEP_ON, STEP_ARRIVED, STEP_FAILED };

static enum step
step(struct walk *w, const char *name)
{
    bool is_last = w->rest[0] == '\0';
    struct stat st;

    if (strcmp(name, ".") == 0 && !is_last)
        return STEP_ON;
    if (strcmp(name, "..") == 0 && !is_last)
        return go_up(w) ? STEP_ON : STEP_FAILED;
    if (fstatat(w->folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT && is_last)
            return arrive(w, name, false) ? STEP_ARRIVED : STEP_FAILED;
        fail(w->why, w->path, errno);
        return STEP_FAILED;
    }
    if (!S_ISLNK(st.st_mode)) {
        if (is_last)
            return arrive(w, name, false) ? STEP_ARRIVED : STEP_FAILED;
        return go_down(w, name, &st) ? STEP_ON : STEP_FAILED;
    }
    if (!is_roots(w, &st)) {
        refuse(w->why, w->path, w->folder, name, "a symbolic link");
        return STEP_FAILED;
    }
    if (is_last && is_in_proc(w->folder))       /* what it reads as is no path: "pipe:[1234]" */
        return arrive(w, name, true) ? STEP_ARRIVED : STEP_FAILED;
    return follow(w, name) ? STEP_ON : STEP_FAILED;
}

bool
log_place_find(const char *path, struct log_place *place, struct log_refusal *why)
{
    struct walk w = { .path = path, .why = why, .is_root = geteuid() == 0, .folder = -1,
                      .place = place };
    char name[NAME_MAX + 1];
    bool ok, too_long = false;

    if (strlen(path) >= sizeof(w.rest))
        return fail(why, path, ENAMETOOLONG);
    memcpy(w.rest, path, strlen(path) + 1);
    ok = stand_in(&w, open(path[0] == '/' ? "/" : ".", FOLDER_FLAGS));
    while (ok) {
        if (!next_part(&w, name, &too_long)) {
            ok = fail(why, path, too_long ? ENAMETOOLONG : EISDIR);
            break;
        }
        switch (step(&w, name)) {
        case STEP_ON:      continue;
        case STEP_ARRIVED: return true;
        case STEP_FAILED:  ok = false; break;
        }
    }
    if (w.folder >= 0) {
        int err = errno;

        close(w.folder);
        errno = err;
    }
    return ok;
}

void
log_place_leave(struct log_place *place)
{
    if (place->folder >= 0)
        close(place->folder);
    place->folder = -1;
}

/* ---- opening ------------------------------------------------------------------------------- */

/*
 * One that is there is not opened with O_CREAT: in sticky folders the kernel refuses that for a
 * file which has another owner (fs.protected_regular), as logs do that were given to the workers.
 * A FIFO without a reader is opened for reading, too, so that it waits for one with us.
 */
static int
open_at(int folder, const char *name, int flags)
{
    int fd = openat(folder, name, O_WRONLY | OPEN_FLAGS | flags);

    if (fd < 0 && errno == ENOENT)
        fd = openat(folder, name, O_WRONLY | O_CREAT | OPEN_FLAGS | flags, 0644);
    if (fd < 0 && errno == ENXIO && (fd = openat(folder, name, O_RDWR | OPEN_FLAGS | flags)) < 0)
        errno = ENXIO;
    return fd;
}

/* A file that has another name, too, may be anybody's. */
static bool
is_sound(int fd, const char *path, const struct log_place *place, struct log_refusal *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return fail(why, path, errno);
    if (place->is_shared && S_ISREG(st.st_mode) && st.st_nlink > 1)
        return refuse(why, path, place->folder, place->name, "a file that has other names (hard "
                      "links), too");
    return true;
}

static int
open_as_root(const char *path, struct log_refusal *why)
{
    struct log_place place;
    int fd;

    if (!log_place_find(path, &place, why))
        return -1;
    fd = open_at(place.folder, place.name, place.is_magic ? 0 : O_NOFOLLOW);
    if (fd < 0) {
        /* It became a link since it was looked at. */
        if (errno == ELOOP && place.is_shared)
            refuse(why, path, place.folder, place.name, "a symbolic link");
        else
            fail(why, path, errno);
    } else if (!is_sound(fd, path, &place, why)) {
        close(fd);
        fd = -1;
    }
    log_place_leave(&place);
    return fd;
}

int
log_open(const char *path, struct log_refusal *why)
{
    int fd;

    if (geteuid() == 0) {
        fd = open_as_root(path, why);
        if (fd < 0)
            errno = why->err != 0 ? why->err : EPERM;
        return fd;
    }
    fd = open_at(AT_FDCWD, path, 0);
    if (fd < 0)
        fail(why, path, errno);
    return fd;
}
