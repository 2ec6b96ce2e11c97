/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/dav_work.h"
#include "http/file_cache.h"
#include "http/temp_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QUICK_MAX = 1 << 20 };   /* bytes of a file that can go while others wait */

/* ---- outcomes ------------------------------------------------------------------------------ */

static bool
refuse(struct dav_outcome *outcome, unsigned status, const char *what)
{
    *outcome = (struct dav_outcome){ .status = status, .what = what };
    return false;
}

/* RFC 4918 9 and 11; what is missing on the way to something that is to be there is a conflict. */
static unsigned
status_of(int error)
{
    switch (error) {
    case EEXIST:
        return HTTP_PRECONDITION_FAILED;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
    case EINVAL:                /* a folder into itself */
        return HTTP_FORBIDDEN;
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EBUSY:
        return HTTP_CONFLICT;
    case ENAMETOOLONG:
        return HTTP_URI_TOO_LONG;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return HTTP_INSUFFICIENT_STORAGE;
    default:
        return HTTP_INTERNAL_ERROR;
    }
}

static bool
failed(struct dav_outcome *outcome, const char *what)
{
    int error = errno;

    *outcome = (struct dav_outcome){ .status = status_of(error), .error = error, .what = what };
    return false;
}

static bool
work_failed(struct dav_outcome *outcome, const struct tree_work *work)
{
    failed(outcome, work->what);
    snprintf(outcome->name, sizeof(outcome->name), "%s", work->name);
    return false;
}

static bool
done(struct dav_outcome *outcome, bool is_new)
{
    *outcome = (struct dav_outcome){ .status = is_new ? HTTP_CREATED : HTTP_NO_CONTENT };
    return true;
}

/* ---- what is there ------------------------------------------------------------------------- */

/* An open place, and what has the name. */
struct found {
    int folder;                 /* -1: not open */
    bool exists;
    struct stat st;
};

static void
close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* A link's name is the link's own. False: errno tells, but for one that is not there. */
static bool
look_up(struct found *found, const struct dav_place *place)
{
    found->exists = fstatat(found->folder, place->name.p, &found->st, AT_SYMLINK_NOFOLLOW) == 0;
    return found->exists || errno == ENOENT;
}

static bool
find(struct found *found, const struct dav_order *order, const struct dav_place *place,
     const mode_t *make)
{
    found->folder = open_folder(place->folder, order->symlinks, place->trusted, make);
    return found->folder >= 0 && look_up(found, place);
}

static bool
is_missing(int error)
{
    return error == ENOENT || error == ENOTDIR;
}

static bool
is_folder(const struct found *found)
{
    return found->exists && S_ISDIR(found->st.st_mode);
}

/* ---- preconditions ------------------------------------------------------------------------- */

static bool
has_conditions(const struct conditions *c)
{
    return str_is_set(c->if_match) || str_is_set(c->if_none_match)
           || str_is_set(c->if_unmodified_since);
}

/* RFC 9110 13.1: "*" is whatever is there, and nothing when nothing is. */
static bool
conditions_hold(const struct conditions *c, const struct found *found)
{
    char etag[ETAG_MAX];
    struct writer w = writer_at(etag, sizeof(etag));
    struct validators v;

    if (!found->exists)
        return !str_is_set(c->if_match);
    v = (struct validators){ .last_modified = found->st.st_mtim.tv_sec };
    file_write_etag(&w, v.last_modified, (uint64_t)found->st.st_size);
    v.etag = writer_str(&w);
    return validators_check(&v, c, false, IMS_EXACT) == PRECONDITION_PASS;
}

/*
 * Two who compare and then change could undo each other: those who compare take turns, in this
 * process or another. -1: there is no need, or it cannot be had.
 */
static int
take_turn(const struct dav_order *order, int folder)
{
    int fd;

    if (!has_conditions(&order->conditions))
        return -1;
    fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        (void)flock(fd, LOCK_EX);
    return fd;
}

/* ---- PUT ----------------------------------------------------------------------------------- */

static bool
may_put(const struct dav_order *order, const struct found *found, struct dav_outcome *outcome)
{
    if (is_folder(found))
        return refuse(outcome, HTTP_CONFLICT, "there is a folder");
    if (!conditions_hold(&order->conditions, found))
        return refuse(outcome, HTTP_PRECONDITION_FAILED, "a precondition does not hold");
    return true;
}

static bool
prepare_file(const struct dav_order *order, struct dav_outcome *outcome)
{
    const struct timespec times[2] = {
        { .tv_nsec = UTIME_NOW }, { .tv_sec = order->modified },
    };

    if (fchmod(order->fd, order->file_mode) != 0)
        return failed(outcome, "fchmod()");
    if (order->modified != (time_t)-1 && futimens(order->fd, times) != 0)
        return failed(outcome, "futimens()");
    return true;
}

/* "If-None-Match: *" must hold at the very moment. */
static bool
put(const struct dav_order *order, struct found *found, struct dav_outcome *outcome)
{
    bool only_new = str_eq(order->conditions.if_none_match, STR("*"));
    struct tree_work work = { .overwrite = !only_new };
    const char *name = str_is_set(order->temp_name) ? order->temp_name.p : NULL;
    struct tree_spot to = { found->folder, order->target.name.p };

    if (!may_put(order, found, outcome) || !prepare_file(order, outcome))
        return false;
    if (!tree_place_file(&work, order->fd, name, to))
        return work_failed(outcome, &work);
    return done(outcome, !work.replaced);
}

bool
dav_put_is_possible(const struct dav_order *order, struct dav_outcome *outcome)
{
    struct found found = { .folder = -1 };
    bool ok = find(&found, order, &order->target, NULL);

    if (!ok)
        ok = (order->make_folders && errno == ENOENT && found.folder < 0)
             || failed(outcome, "looking for the folder");
    else
        ok = may_put(order, &found, outcome)
             && (faccessat(found.folder, ".", W_OK | X_OK, 0) == 0
                 || failed(outcome, "writing in the folder"));
    close_if_open(found.folder);
    return ok;
}

/* ---- MKCOL, DELETE ------------------------------------------------------------------------- */

static bool
make_collection(const struct dav_order *order, struct found *found, struct dav_outcome *outcome)
{
    if (found->exists)
        return refuse(outcome, HTTP_METHOD_NOT_ALLOWED, "something is there already");
    if (!make_folder(found->folder, order->target.name.p, order->folder_mode))
        return errno == EEXIST
               ? refuse(outcome, HTTP_METHOD_NOT_ALLOWED, "something is there already")
               : failed(outcome, "mkdir()");
    return done(outcome, true);
}

/* The path says "/" where there is a folder, and nowhere else. */
static bool
is_named_rightly(const struct dav_place *place, const struct found *found, unsigned status,
                 struct dav_outcome *outcome)
{
    if (!found->exists)
        return refuse(outcome, HTTP_NOT_FOUND, "it is not there");
    if (is_folder(found) != place->is_folder)
        return refuse(outcome, status, place->is_folder
                      ? "it is no folder" : "it is a folder, whose path ends with \"/\"");
    return true;
}

static bool
remove_target(const struct dav_order *order, struct found *found, struct dav_outcome *outcome)
{
    struct tree_work work = { .overwrite = false };

    if (!is_named_rightly(&order->target, found, HTTP_CONFLICT, outcome))
        return false;
    if (!conditions_hold(&order->conditions, found))
        return refuse(outcome, HTTP_PRECONDITION_FAILED, "a precondition does not hold");
    if (!tree_remove(&work, (struct tree_spot){ found->folder, order->target.name.p })) {
        work_failed(outcome, &work);
        if (outcome->error == ENOENT)
            outcome->status = HTTP_NOT_FOUND;   /* somebody was faster */
        return false;
    }
    return done(outcome, false);
}

/* ---- COPY, MOVE ---------------------------------------------------------------------------- */

static bool
may_replace(const struct dav_order *order, const struct found *there, struct dav_outcome *outcome)
{
    if (!there->exists)
        return true;
    if (is_folder(there) != order->destination.is_folder)
        return refuse(outcome, HTTP_CONFLICT, order->destination.is_folder
                      ? "the destination is no folder" : "the destination is a folder");
    return order->overwrite
           || refuse(outcome, HTTP_PRECONDITION_FAILED, "the destination is there already");
}

static bool
bring(const struct dav_order *order, const struct found *found, const struct found *there,
      struct dav_outcome *outcome)
{
    struct tree_work work = { .overwrite = order->overwrite, .shallow = order->shallow };
    struct tree_spot from = { found->folder, order->target.name.p };
    struct tree_spot to = { there->folder, order->destination.name.p };
    bool ok = order->method == METHOD_COPY ? tree_copy(&work, from, to)
                                           : tree_move(&work, from, to);

    return ok ? done(outcome, !work.replaced) : work_failed(outcome, &work);
}

static bool
copy_or_move(const struct dav_order *order, struct found *found, struct dav_outcome *outcome)
{
    struct found there = { .folder = -1 };
    bool ok;

    if (!is_named_rightly(&order->target, found, order->target.is_folder ? HTTP_CONFLICT
                                                                        : HTTP_BAD_REQUEST,
                          outcome))
        return false;
    if (!conditions_hold(&order->conditions, found))
        return refuse(outcome, HTTP_PRECONDITION_FAILED, "a precondition does not hold");
    ok = find(&there, order, &order->destination, NULL)
         || failed(outcome, "looking for the folder of the destination");
    ok = ok && may_replace(order, &there, outcome) && bring(order, found, &there, outcome);
    close_if_open(there.folder);
    return ok;
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* What gives way must be freed, which takes the longer the larger it is. */
static bool
is_small(const struct found *found)
{
    return !found->exists || (S_ISREG(found->st.st_mode) && found->st.st_size <= QUICK_MAX);
}

static void
act(const struct dav_order *order, struct found *found, struct dav_outcome *outcome)
{
    switch (order->method) {
    case METHOD_PUT:
        put(order, found, outcome);
        return;
    case METHOD_MKCOL:
        make_collection(order, found, outcome);
        return;
    case METHOD_DELETE:
        remove_target(order, found, outcome);
        return;
    default:
        copy_or_move(order, found, outcome);
        return;
    }
}

/* Of what is to be there a missing folder is a conflict, of what is to be found it is not there. */
static void
not_found(const struct dav_order *order, struct dav_outcome *outcome)
{
    failed(outcome, "looking for the folder");
    if (is_missing(outcome->error) && order->method != METHOD_PUT && order->method != METHOD_MKCOL)
        outcome->status = HTTP_NOT_FOUND;
}

void
dav_execute(const struct dav_order *order, struct dav_outcome *outcome)
{
    const mode_t *make = order->make_folders ? &order->folder_mode : NULL;
    struct found found = { .folder = -1 };
    int turn = -1;

    if (find(&found, order, &order->target, make)) {
        turn = take_turn(order, found.folder);
        if (turn >= 0)
            look_up(&found, &order->target);
        act(order, &found, outcome);
    } else {
        not_found(order, outcome);
    }
    close_if_open(turn);
    close_if_open(found.folder);
}

bool
dav_execute_quickly(const struct dav_order *order, struct dav_outcome *outcome)
{
    struct found found = { .folder = -1 };
    bool is_quick;

    if (has_conditions(&order->conditions) || order->method == METHOD_COPY
        || order->method == METHOD_MOVE)
        return false;
    is_quick = find(&found, order, &order->target, NULL) && is_small(&found);
    if (is_quick)
        act(order, &found, outcome);
    close_if_open(found.folder);
    return is_quick;
}

/* ---- what would be ------------------------------------------------------------------------- */

/* Whether the folder of the place is there, and what is asked for in it. */
static bool
look(const struct dav_order *order, const struct dav_place *place, bool *exists)
{
    struct found found = { .folder = -1 };
    bool ok = find(&found, order, place, NULL);

    *exists = ok && found.exists;
    close_if_open(found.folder);
    return ok;
}

static unsigned
foreseen_status(const struct dav_order *order)
{
    bool has_folder, exists;

    has_folder = look(order, &order->target, &exists);
    if (order->method == METHOD_PUT)
        return exists ? HTTP_NO_CONTENT : HTTP_CREATED;
    if (order->method == METHOD_MKCOL && exists)
        return HTTP_METHOD_NOT_ALLOWED;
    if (order->method == METHOD_MKCOL)
        return has_folder ? HTTP_CREATED : HTTP_CONFLICT;
    if (!exists)
        return HTTP_NOT_FOUND;
    if (order->method == METHOD_DELETE)
        return HTTP_NO_CONTENT;
    if (!look(order, &order->destination, &exists))
        return HTTP_CONFLICT;
    if (!exists)
        return HTTP_CREATED;
    return order->overwrite ? HTTP_NO_CONTENT : HTTP_PRECONDITION_FAILED;
}

void
dav_foresee(const struct dav_order *order, struct dav_outcome *outcome)
{
    *outcome = (struct dav_outcome){ .status = HTTP_OK };
    if (order->method != METHOD_PUT || dav_put_is_possible(order, outcome))
        outcome->status = foreseen_status(order);
}
