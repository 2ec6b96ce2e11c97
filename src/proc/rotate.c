/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/rotate.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/log_rotation.h"
#include "base/map.h"
#include "base/vec.h"
#include "proc/tell.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOOK_MS = 1000,             /* between two looks at sizes, or at what another master does */
    LONGEST_MS = 30 * 1000,     /* between any two, so that a clock that was set is noticed */
    SHORTEST_MS = 10,
    RETRY_MS = 60 * 1000,
    HOUR_MS = 3600 * 1000,
    TRIES = 16,                 /* of names that turn out to be taken */
    SET_BACK_S = 5,             /* a clock that went back farther was set */
    LIST_BLOCK = 16 << 10
};

/* One log on its way. */
struct rotating {
    struct log_file *file;
    struct log_rotation *rotation;
    struct log_place place;
    struct stat st;             /* of the file that is written to */
};

/* A former file. */
struct former {
    struct str name;
    struct rotation_mark mark;
};

struct formers {
    VEC(struct former) list;
    struct arena *arena;
};

/* ---- failures ------------------------------------------------------------------------------ */

static const char *
mend_for(int err)
{
    switch (err) {
    case EACCES:
    case EPERM:
        return "the user of the master process must be allowed to write to its folder";
    case EROFS:
        return "its file system is mounted read-only";
    case ENOSPC:
    case EDQUOT:
        return "there is no room on the disk, or in a quota";
    case ENOENT:
    case ENOTDIR:
        return "make its folder again, then \"weir -s reopen\"";
    default:
        return "see what is wrong with its folder";
    }
}

/* Once, until it went well again. Always false. */
static bool
fail(const struct log_file *file, int err, const char *what)
{
    struct log_rotation *rotation = file->rotation;

    if (rotation->retry_ms == 0)
        LOG(&process_log, ERR, err, "\"%s\" cannot be rotated, %s failed; it is written to as "
            "before, and tried again every minute: %s", file->path.p, what, mend_for(err));
    rotation->retry_ms = now.mono_ms + RETRY_MS;
    counters_note_rotation(counters_shared(), false);
    return false;
}

static bool
fail_unsafe(const struct log_file *file, const struct log_refusal *why)
{
    if (why->err != 0)
        return fail(file, why->err, "finding it");
    if (file->rotation->retry_ms == 0)
        LOG(&process_log, ERR, 0, "%s; it is not rotated, and written to as before", why->text);
    file->rotation->retry_ms = now.mono_ms + RETRY_MS;
    counters_note_rotation(counters_shared(), false);
    return false;
}

/* ---- former files -------------------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
    const struct rotation_mark *x = &((const struct former *)a)->mark;
    const struct rotation_mark *y = &((const struct former *)b)->mark;

    if (x->stamp != y->stamp)
        return x->stamp < y->stamp ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static bool
note_former(struct formers *formers, const struct log_place *place, const char *name)
{
    struct rotation_mark mark;
    struct former *former;
    struct stat st;

    if (!rotation_find_mark(str_of(place->name), str_of(name), &mark)
        || fstatat(place->folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return true;
    if ((former = VEC_ADD(formers->arena, &formers->list)) == NULL)
        return false;
    *former = (struct former){ arena_str(formers->arena, str_of(name)), mark };
    return str_is_set(former->name);
}

/* All there are, the oldest first. False with errno; what is in the arena is to be freed anyway. */
static bool
list_formers(const struct log_place *place, struct formers *formers)
{
    int fd = openat(place->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    bool ok = folder != NULL;
    int err;

    if (!ok && fd >= 0)
        close(fd);
    if (!ok)
        return false;
    errno = 0;
    while (ok && (entry = readdir(folder)) != NULL) {
        ok = note_former(formers, place, entry->d_name);
        errno = ok ? 0 : ENOMEM;
    }
    err = errno;
    closedir(folder);
    errno = err;
    if (err == 0 && formers->list.len > 1)
        qsort(formers->list.items, formers->list.len, sizeof(*formers->list.items), compare);
    return err == 0;
}

static void
remove_former(const struct rotating *log, const struct former *former)
{
    if (unlinkat(log->place.folder, former->name.p, 0) == 0)
        LOG(&process_log, NOTICE, 0, "\"%s\" of \"%s\" removed (keep=%u)", former->name.p,
            log->file->path.p, log->rotation->keep);
    else if (errno != ENOENT)
        LOG(&process_log, ERR, errno, "unlink() \"%s\" of \"%s\" failed", former->name.p,
            log->file->path.p);
}

/* From the newest on. A file and what is being compressed of it are one. */
static void
remove_beyond(const struct rotating *log, const struct formers *formers, uint32_t keep,
              const char *made)
{
    const struct former *newer = NULL;
    uint32_t kept = 0;

    for (uint32_t i = formers->list.len; i > 0; i--) {
        const struct former *f = &formers->list.items[i - 1];

        if (made != NULL && strcmp(f->name.p, made) == 0)
            continue;
        kept += newer == NULL || compare(newer, f) != 0;
        newer = f;
        if (kept > keep)
            remove_former(log, f);
    }
}

/*
 * All but the newest. The one that was made a moment ago (NULL: none was) counts as that, whatever
 * its date: the clock may have been set.
 */
static void
remove_old(const struct rotating *log, const char *made)
{
    struct formers formers = { .arena = NULL };

    if (log->rotation->keep == 0 || (formers.arena = arena_create(LIST_BLOCK, 0)) == NULL)
        return;
    if (list_formers(&log->place, &formers))
        remove_beyond(log, &formers, log->rotation->keep - (made != NULL), made);
    else
        LOG(&process_log, ERR, errno, "the former files of \"%s\" cannot be listed",
            log->file->path.p);
    arena_destroy(formers.arena);
}

/* ---- a new name ---------------------------------------------------------------------------- */

/* The first number that no former file of that label has, compressed or not. */
static bool
free_number(const struct log_place *place, struct str label, uint32_t *number)
{
    struct formers formers = { .arena = arena_create(LIST_BLOCK, 0) };
    size_t log_len = strlen(place->name);
    bool ok = formers.arena != NULL && list_formers(place, &formers);
    int err = formers.arena != NULL ? errno : ENOMEM;

    *number = 0;
    for (uint32_t i = 0; ok && i < formers.list.len; i++) {
        const struct former *f = &formers.list.items[i];
        struct str its = { f->name.p + log_len, f->mark.label_len - log_len };

        if (str_eq(its, label))
            *number = MAX(*number, f->mark.number + 1);
    }
    arena_destroy(formers.arena);
    errno = err;
    return ok;
}

static bool
write_name(const struct log_place *place, struct str label, uint32_t number,
           char name[NAME_MAX + 1])
{
    int n = number == 0 ? snprintf(name, NAME_MAX + 1, "%s%.*s", place->name, STR_ARG(label))
                        : snprintf(name, NAME_MAX + 1, "%s%.*s.%u", place->name, STR_ARG(label),
                                   number);

    errno = ENAMETOOLONG;
    return n > 0 && n <= NAME_MAX;
}

/* Some file systems cannot promise that nothing is replaced: there it is looked before. */
static bool
move(int folder, const char *from, const char *to)
{
    struct stat st;

    if (renameat2(folder, from, folder, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    if (fstatat(folder, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return false;
    }
    return renameat(folder, from, folder, to) == 0;
}

/*
 * When its lines were written. A file that got none lately says so itself; the others may have got
 * some after their period was over, and before this was done.
 */
static time_t
time_of_lines(const struct rotating *log)
{
    enum rotation_unit unit = log->rotation->unit;
    time_t last = log->st.st_mtim.tv_sec;

    if (unit == ROTATE_BY_SIZE)
        return now.wall_s;
    return rotation_period(unit, last) < rotation_period(unit, now.wall_s) ? last
                                                                           : log->rotation->lines_s;
}

/* The name it has then is in `name`. */
static bool
move_away(const struct rotating *log, char name[NAME_MAX + 1])
{
    char bytes[ROTATION_LABEL_MAX];
    struct str label = rotation_label(log->rotation->unit, time_of_lines(log), bytes);
    uint32_t number;

    if (!free_number(&log->place, label, &number))
        return fail(log->file, errno, "listing its folder");
    for (int tries = 0; tries < TRIES; tries++, number++) {
        if (!write_name(&log->place, label, number, name))
            return fail(log->file, errno, "finding a name");
        if (move(log->place.folder, log->place.name, name))
            return true;
        if (errno != EEXIST)
            break;
    }
    return fail(log->file, errno, "rename()");
}

/* Owner, group and mode are those of the file before. What cannot be given is told. */
static bool
make_anew(const struct rotating *log)
{
    const struct stat *st = &log->st;
    int fd = openat(log->place.folder, log->place.name,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok;

    if (fd < 0)
        return false;
    if (geteuid() == 0)
        ok = fchown(fd, st->st_uid, st->st_gid) == 0;
    else
        ok = fchown(fd, (uid_t)-1, st->st_gid) == 0 || errno == EPERM;
    if (!ok || fchmod(fd, st->st_mode & 0777) != 0)
        LOG(&process_log, WARN, errno, "the owner, group or mode of the new \"%s\" cannot be set",
            log->file->path.p);
    close(fd);
    return true;
}

/* ---- one log ------------------------------------------------------------------------------- */

static bool
is_still_there(const struct rotating *log)
{
    struct stat st;

    return fstatat(log->place.folder, log->place.name, &st, AT_SYMLINK_NOFOLLOW) == 0
           && st.st_dev == log->st.st_dev && st.st_ino == log->st.st_ino;
}

static bool
exchange(struct rotator *r, const struct rotating *log)
{
    char name[NAME_MAX + 1];
    int err;

    if (!move_away(log, name))
        return false;
    if (!make_anew(log)) {
        err = errno;
        if (!move(log->place.folder, name, log->place.name))
            LOG(&process_log, ERR, errno, "rename() \"%s\" back to \"%s\" failed", name,
                log->file->path.p);
        return fail(log->file, err, "making the new file");
    }
    r->reopen(r->data, log->file->path);
    LOG(&process_log, NOTICE, 0, "\"%s\" rotated, its lines so far are in \"%s\"",
        log->file->path.p, name);
    counters_note_rotation(counters_shared(), true);
    remove_old(log, name);
    return true;
}

/* Somebody else has rotated it, or removed it, or put there what is not to be opened. */
static bool
open_anew(struct rotator *r, const struct log_file *file)
{
    struct log_refusal why;
    int fd = log_open(file->path.p, &why);

    if (fd < 0)
        return fail_unsafe(file, &why);
    close(fd);
    r->reopen(r->data, file->path);
    return true;
}

/* True: nothing is to be done for that file any more. */
static bool
rotate(struct rotator *r, struct log_file *file)
{
    struct rotating log = { .file = file, .rotation = file->rotation };
    struct log_refusal why;
    bool ok = true;

    if (fstat(file->fd, &log.st) != 0)
        return fail(file, errno, "fstat()");
    if (!log_place_find(file->path.p, &log.place, &why))
        return fail_unsafe(file, &why);
    if (is_still_there(&log))
        ok = exchange(r, &log);
    else
        ok = open_anew(r, file);
    log_place_leave(&log.place);
    if (ok)
        log.rotation->retry_ms = 0;
    return ok;
}

static bool
is_due(struct log_rotation *rotation, const struct stat *st)
{
    if (st->st_size == 0 || now.wall_s < rotation->looked_s - SET_BACK_S)
        rotation->lines_s = now.wall_s;
    rotation->looked_s = now.wall_s;
    if (st->st_size == 0)
        return false;
    return rotation_period(rotation->unit, now.wall_s)
               > rotation_period(rotation->unit, rotation->lines_s)
           || (rotation->size > 0 && (uint64_t)st->st_size >= rotation->size);
}

static void
look_at(struct rotator *r, struct log_file *file)
{
    struct log_rotation *rotation = file->rotation;
    struct stat st;

    if (fstat(file->fd, &st) != 0 || !S_ISREG(st.st_mode) || !is_due(rotation, &st)
        || now.mono_ms < rotation->retry_ms)
        return;
    if (rotate(r, file))
        rotation->lines_s = now.wall_s;
}

/* ---- what another master does -------------------------------------------------------------- */

/* As of a file that was opened just now. */
static void
begin(struct log_rotation *rotation, int fd)
{
    struct stat st;
    time_t t = now.wall_s;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        t = MIN(t, st.st_mtim.tv_sec);
    rotation->lines_s = t;
    rotation->looked_s = now.wall_s;
    rotation->retry_ms = 0;
}

static void
follow(struct rotator *r, struct log_file *file)
{
    struct rotating log = { .file = file };
    struct log_refusal why;

    if (fstat(file->fd, &log.st) != 0 || !S_ISREG(log.st.st_mode)
        || !log_place_find(file->path.p, &log.place, &why))
        return;
    if (!is_still_there(&log)) {
        r->reopen(r->data, file->path);
        if (file->rotation != NULL)
            begin(file->rotation, file->fd);
    }
    log_place_leave(&log.place);
}

/* ---- all logs ------------------------------------------------------------------------------ */

static struct log_file *
file_of(struct link *link)
{
    return CONTAINER_OF(link, struct log_file, link);
}

static bool
is_rotated(const struct log_file *file)
{
    return file->rotation != NULL && file->kind == LOG_FILE && file->fd >= 0;
}

/* Whether it is to be looked at again. */
static bool
look_at_own(struct rotator *r, struct log_file *file, uint64_t *pause_ms)
{
    if (!is_rotated(file))
        return false;
    if (file->rotation->size > 0)
        *pause_ms = LOOK_MS;
    look_at(r, file);
    return true;
}

/* All periods begin with an hour of local time, wherever that is an hour's part from ours. */
static uint64_t
ms_to_hour(void)
{
    struct tm tm = { 0 };

    localtime_r(&now.wall_s, &tm);
    return HOUR_MS - ((uint64_t)tm.tm_min * 60 + (uint64_t)MIN(tm.tm_sec, 59)) * 1000
           - now.wall_ms % 1000;
}

static void
look(struct rotator *r)
{
    bool is_ours = r->is_ours(r->data);
    uint64_t pause_ms = is_ours ? LONGEST_MS : LOOK_MS;
    bool again = !is_ours;

    for (struct link *l = r->files->head.next; l != &r->files->head; l = l->next) {
        struct log_file *file = file_of(l);

        if (is_ours)
            again |= look_at_own(r, file, &pause_ms);
        else if (file->kind == LOG_FILE && file->fd >= 0)
            follow(r, file);
    }
    if (again)
        timer_arm(r->timers, &r->timer,
                  now.mono_ms + MAX(MIN(pause_ms, ms_to_hour()), (uint64_t)SHORTEST_MS));
}

static void
on_time(struct timer *timer)
{
    look(CONTAINER_OF(timer, struct rotator, timer));
}

static void
take_over(struct log_rotation *rotation, const struct log_file *file,
          const struct log_files *before)
{
    const struct log_file *old = before != NULL ? map_get(before->by_path, file->path) : NULL;

    begin(rotation, file->fd);
    if (old == NULL || old->rotation == NULL || old->rotation->unit != rotation->unit)
        return;
    rotation->lines_s = old->rotation->lines_s;
    rotation->looked_s = old->rotation->looked_s;
    rotation->retry_ms = old->rotation->retry_ms;
}

/* keep= may have become less. */
static void
tidy(struct log_file *file)
{
    struct rotating log = { .file = file, .rotation = file->rotation };
    struct log_refusal why;

    if (file->rotation->keep == 0 || !log_place_find(file->path.p, &log.place, &why))
        return;
    remove_old(&log, NULL);
    log_place_leave(&log.place);
}

void
rotator_init(struct rotator *r, bool (*is_ours)(void *data),
             void (*reopen)(void *data, struct str path), void *data)
{
    *r = (struct rotator){ .is_ours = is_ours, .reopen = reopen, .data = data };
    timer_init(&r->timer, on_time);
}

void
rotator_take(struct rotator *r, struct timer_wheel *timers, struct log_files *files,
             const struct log_files *before)
{
    timer_cancel(&r->timer);
    r->timers = timers;
    r->files = files;
    for (struct link *l = files->head.next; l != &files->head; l = l->next) {
        struct log_file *file = file_of(l);

        if (!is_rotated(file))
            continue;
        take_over(file->rotation, file, before);
        if (r->is_ours(r->data))
            tidy(file);
    }
    look(r);
}

void
rotator_stop(struct rotator *r)
{
    if (r->timers != NULL)
        timer_cancel(&r->timer);
}

void
rotate_check(const struct log_files *files)
{
    struct stat st;

    for (struct link *l = files->head.next; l != &files->head; l = l->next) {
        const struct log_file *file = file_of(l);

        if (file->rotation != NULL && file->kind == LOG_FILE && stat(file->path.p, &st) == 0
            && !S_ISREG(st.st_mode))
            tell(LEVEL_WARN, 0, "\"%s\" is no regular file, it is not rotated", file->path.p);
    }
}
