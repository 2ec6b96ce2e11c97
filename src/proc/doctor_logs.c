/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor_logs: where the master and the workers write, and whether there is room. */
#include "base/map.h"
#include "proc/doctor_logs.h"
#include "proc/doctor_proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LARGE_LOG (UINT64_C(1) << 30)

/* ---- paths --------------------------------------------------------------------------------- */

static bool
is_device(const char *path)
{
    return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}

static const struct log_file *
log_of(const struct link *link)
{
    return CONTAINER_OF(link, const struct log_file, link);
}

/* Of the logs those that are files with a name of their own. */
static bool
is_file(const struct log_file *file)
{
    return file->kind == LOG_FILE && !is_device(file->path.p);
}

/* ---- logs ---------------------------------------------------------------------------------- */

static void
tell_no_folder(struct doctor *d, const struct log_file *file, const char *folder, int err)
{
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_ERROR, .about = file->path,
        .text = err == ENOENT ? doctor_text(d, "there is no folder %s", folder)
            : doctor_text(d, "%s cannot be used (%d: %s)", folder, err, strerror(err)),
        .why = STR("the server does not start without its logs"),
        .mend = err == ENOENT ? doctor_text(d, "mkdir -p %s", doctor_shell(d, folder))
            : doctor_text(d, "ls -ld %s", doctor_shell(d, folder)),
    });
}

static void
tell_unwritable(struct doctor *d, const struct log_file *file, const char *path, int err)
{
    char owner[2 * ACCOUNT_NAME_MAX] = "";
    struct stat st;

    if (stat(path, &st) == 0)
        account_write_owner(owner, sizeof(owner), st.st_uid, st.st_gid);
    else
        st.st_mode = 0;
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_ERROR, .about = file->path,
        .text = err == EROFS ? doctor_text(d, "%s is on a file system that is read-only", path)
            : doctor_text(d, "%s may not write to %s (mode %04o, %s)", d->starter.name, path,
                          (unsigned)st.st_mode & 07777, owner),
        .why = STR("the server does not start without its logs, nor reopen them"),
        .mend = doctor_text(d, "chown %s %s", d->starter.name, doctor_shell(d, path)),
    });
}

static void
check_log(struct doctor *d, const struct log_file *file)
{
    struct str folder = doctor_folder_of(d, file->path.p);
    struct log_place place;
    struct log_refusal why;
    struct stat st;
    int err;

    if (stat(folder.p, &st) != 0 && errno != EACCES) {
        tell_no_folder(d, file, folder.p, errno);
        return;
    }
    if (stat(file->path.p, &st) == 0)
        err = doctor_starter_may(d, file->path.p, W_OK);
    else
        err = doctor_starter_may(d, folder.p, W_OK | X_OK);
    if (err != 0) {
        tell_unwritable(d, file, stat(file->path.p, &st) == 0 ? file->path.p : folder.p, err);
    } else if (d->starter.uid == 0 && d->starter_is_us) {
        if (log_place_find(file->path.p, &place, &why)) {
            log_place_leave(&place);
            return;
        }
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_ERROR, .about = file->path,
            .text = why.err != 0 ? doctor_text(d, "%s (%d: %s)", why.text, why.err,
                                               strerror(why.err)) : doctor_text(d, "%s", why.text),
            .why = STR("root does not open a log where others could have put a link"),
        });
    }
}

static void
check_logs(struct doctor *d)
{
    const struct link *head = &d->rt->log_files.head;
    unsigned n = 0;

    for (const struct link *l = head->next; l != head; l = l->next)
        if (is_file(log_of(l))) {
            check_log(d, log_of(l));
            n++;
        }
    if (d->worst == DOCTOR_FINE && n > 0)
        doctor_fine(d, "%s can write all %u", d->starter.name, n);
}

static void
check_log_folders(struct doctor *d)
{
    const struct link *head = &d->rt->log_files.head;
    struct map *seen = map_create(d->arena, false);

    for (const struct link *l = head->next; seen != NULL && l != head; l = l->next) {
        struct str folder = is_file(log_of(l)) ? doctor_folder_of(d, log_of(l)->path.p) : STR("");
        struct stat st;

        if (folder.len < 2 || map_get(seen, folder) != NULL || stat(folder.p, &st) != 0)
            continue;
        map_set(seen, folder, seen);
        if (!(st.st_mode & S_IWOTH))
            continue;
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_WARNING, .about = folder,
            .text = doctor_text(d, "everybody on this machine may write to this folder of logs "
                                "(mode %04o)", (unsigned)st.st_mode & 07777),
            .why = st.st_mode & S_ISVTX
                ? STR("anybody may put a file or a link where a log is to be made")
                : STR("anybody may take logs away, or put others in their place"),
            .mend = doctor_text(d, "chmod o-w %s", doctor_shell(d, folder.p)),
        });
    }
}

/* ---- room ---------------------------------------------------------------------------------- */

enum doctor_level
room_level(uint64_t left, uint64_t all)
{
    if (all > 0 && (left == 0 || left < all / 100))
        return DOCTOR_ERROR;
    return left < all / 20 ? DOCTOR_WARNING : DOCTOR_FINE;
}

static void
tell_room(struct doctor *d, const char *folder, const struct statfs *fs)
{
    uint64_t unit = (uint64_t)fs->f_bsize;
    enum doctor_level bytes = room_level(fs->f_bavail, fs->f_blocks);
    enum doctor_level inodes = room_level(fs->f_ffree, fs->f_files);
    struct str left = doctor_size(d, fs->f_bavail * unit);
    struct str all = doctor_size(d, fs->f_blocks * unit);

    if (fs->f_bavail * unit >= ROOM_ENOUGH)
        bytes = DOCTOR_FINE;
    if (bytes != DOCTOR_FINE)
        doctor_add(d, &(struct doctor_finding){
            .level = bytes, .about = str_of(folder),
            .text = doctor_text(d, "%.*s of %.*s are left", STR_ARG(left), STR_ARG(all)),
            .why = STR("what cannot be written is lost, of logs, and of what clients send"),
            .mend = doctor_text(d, "du -xhd1 %s | sort -h", doctor_shell(d, folder)),
        });
    if (inodes != DOCTOR_FINE)
        doctor_add(d, &(struct doctor_finding){
            .level = inodes, .about = str_of(folder),
            .text = doctor_text(d, "%ju of %ju inodes are left", (uintmax_t)fs->f_ffree,
                                (uintmax_t)fs->f_files),
            .why = STR("no file can be made when there are none, however many bytes are free"),
            .mend = doctor_text(d, "du --inodes -xd1 %s | sort -n", doctor_shell(d, folder)),
        });
}

/* Each file system once. */
static void
look_at_room(struct doctor *d, struct map *seen, const char *folder)
{
    struct statfs fs;
    struct stat st;
    struct str key;

    if (stat(folder, &st) != 0 || statfs(folder, &fs) != 0)
        return;
    key = doctor_text(d, "%ju", (uintmax_t)st.st_dev);
    if (map_get(seen, key) != NULL)
        return;
    map_set(seen, key, seen);
    tell_room(d, folder, &fs);
}

static void
check_room(struct doctor *d)
{
    const struct link *head = &d->rt->log_files.head;
    struct map *seen = map_create(d->arena, false);

    if (seen == NULL)
        return;
    for (const struct link *l = head->next; l != head; l = l->next)
        if (is_file(log_of(l)))
            look_at_room(d, seen, doctor_folder_of(d, log_of(l)->path.p).p);
    for (const struct http_folder *f = d->rt->setup.folders; f != NULL; f = f->next) {
        const char *around = doctor_folder_of(d, f->path.p).p;
        struct stat st;

        look_at_room(d, seen, stat(f->path.p, &st) == 0 ? f->path.p : around);
    }
    look_at_room(d, seen, doctor_folder_of(d, d->rt->main->pid_path.p).p);
}

static void
check_kept(struct doctor *d)
{
    const struct link *head = &d->rt->log_files.head;

    for (const struct link *l = head->next; l != head; l = l->next) {
        struct statfs fs;

        if (!is_file(log_of(l)) || statfs(doctor_folder_of(d, log_of(l)->path.p).p, &fs) != 0
            || ((unsigned long)fs.f_type != TMPFS_MAGIC && (unsigned long)fs.f_type != RAMFS_MAGIC))
            continue;
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_NOTICE, .about = log_of(l)->path,
            .text = STR("it lies in memory (tmpfs): it takes memory, and is gone when the machine "
                        "starts anew"),
        });
    }
}

/* ---- rotation ------------------------------------------------------------------------------ */

static bool
is_glob_of(struct str word, struct str path)
{
    char pattern[4096];

    if (word.len > 1 && (word.p[0] == '"' || word.p[0] == '\'')) {
        word = str_from(word, 1);
        if (word.p[word.len - 1] == '"' || word.p[word.len - 1] == '\'')
            word.len--;
    }
    if (word.len == 0 || word.p[0] != '/' || word.len >= sizeof(pattern))
        return false;
    memcpy(pattern, word.p, word.len);
    pattern[word.len] = '\0';
    return fnmatch(pattern, path.p, FNM_PATHNAME) == 0;
}

bool
logrotate_names(struct str text, struct str path)
{
    unsigned depth = 0;

    while (text.len > 0) {
        struct str line = proc_line(&text);
        struct str word;

        while ((word = proc_word(&line)).len > 0 && word.p[0] != '#') {
            bool opens = str_ends(word, STR("{"));

            if (opens)
                word.len--;
            if (depth == 0 && is_glob_of(word, path))
                return true;
            depth += opens;
            if (str_eq(word, STR("}")) && depth > 0)
                depth--;
        }
    }
    return false;
}

static bool
rotates_by_folder(struct doctor *d, struct str path)
{
    int fd = open("/etc/logrotate.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    bool found = false;

    while (!found && dir != NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            found = logrotate_names(proc_read(d->arena, doctor_text(d, "/etc/logrotate.d/%s",
                                                                    entry->d_name).p), path);
    if (dir != NULL)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    return found;
}

static void
check_rotation(struct doctor *d)
{
    const struct link *head = &d->rt->log_files.head;

    for (const struct link *l = head->next; l != head; l = l->next) {
        const struct log_file *file = log_of(l);
        struct stat st;
        struct str size;

        if (!is_file(file) || file->rotation != NULL || stat(file->path.p, &st) != 0
            || (uint64_t)st.st_size < LARGE_LOG
            || logrotate_names(proc_read(d->arena, "/etc/logrotate.conf"), file->path)
            || rotates_by_folder(d, file->path))
            continue;
        size = doctor_size(d, (uint64_t)st.st_size);
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_WARNING, .about = file->path,
            .text = doctor_text(d, "%.*s, and nobody rotates it: neither \"rotate=\" nor a file in "
                                "/etc/logrotate.d names it", STR_ARG(size)),
            .why = STR("it grows until the disk is full"),
            .mend = doctor_text(d, "rotate=daily keep=14    # behind the path, in access_log or "
                                "error_log"),
        });
    }
}

/* ---- what else is written ------------------------------------------------------------------ */

static void
check_pid(struct doctor *d)
{
    const char *path = d->rt->main->pid_path.p;
    struct str folder = doctor_folder_of(d, path);
    struct stat st;
    int err = 0;

    if (stat(folder.p, &st) != 0)
        err = errno;
    else if (d->running == 0)
        err = stat(path, &st) == 0 ? doctor_starter_may(d, path, W_OK)
            : doctor_starter_may(d, folder.p, W_OK | X_OK);
    if (err != 0)
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_ERROR, .about = doctor_text(d, "pid %s", path),
            .text = err == ENOENT ? doctor_text(d, "there is no folder %s", folder.p)
                : doctor_text(d, "%s cannot write it (%d: %s)", d->starter.name, err,
                              strerror(err)),
            .why = STR("the server does not start without its pid file"),
            .mend = err == ENOENT ? doctor_text(d, "mkdir -p %s", doctor_shell(d, folder.p))
                : doctor_text(d, "chown %s %s", d->starter.name, doctor_shell(d, folder.p)),
        });
    else if (d->running == 0 && stat(path, &st) == 0)
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_NOTICE, .about = doctor_text(d, "pid %s", path),
            .text = STR("it is there, and no server of that number runs"),
            .why = STR("the last one was killed, or the machine went down; the next start "
                       "replaces it"),
        });
}

/* Folders for what clients send: the master makes them, and gives them to the workers. */
static void
check_folders(struct doctor *d)
{
    for (const struct http_folder *f = d->rt->setup.folders; f != NULL; f = f->next) {
        struct str around = doctor_folder_of(d, f->path.p);
        struct stat st;
        bool is_there = stat(f->path.p, &st) == 0;
        int err = is_there ? 0 : errno;

        if (is_there && !S_ISDIR(st.st_mode))
            err = ENOTDIR;
        else if (is_there && d->starter.uid != 0)
            err = doctor_starter_may(d, f->path.p, W_OK | X_OK);
        else if (err == ENOENT)
            err = doctor_starter_may(d, around.p, W_OK | X_OK);
        if (err == 0)
            continue;
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_ERROR, .about = f->path,
            .text = err == ENOTDIR ? STR("it is no folder")
                : doctor_text(d, "%s cannot %s it (%d: %s)", d->starter.name,
                              is_there ? "write to" : "make", err, strerror(err)),
            .why = STR("the server does not start; bodies of requests are kept there"),
            .mend = err == ENOENT ? doctor_text(d, "mkdir -p %s", doctor_shell(d, around.p))
                : err == ENOTDIR ? doctor_text(d, "rm %s", doctor_shell(d, f->path.p))
                : doctor_text(d, "chown %s %s", d->starter.name,
                              doctor_shell(d, is_there ? f->path.p : around.p)),
        });
    }
}

static const struct doctor_check checks[] = {
    { "logs", check_logs, "there are none in files" },
    { "folders", check_log_folders, "nobody else may write to a folder of logs" },
    { "room", check_room, "there is room where it writes" },
    { "kept", check_kept, "they outlive the machine's next start" },
    { "rotation", check_rotation, "none has grown over 1 GiB without being rotated" },
    { "pid", check_pid, "the pid file can be written" },
    { "bodies", check_folders, "the folders for what clients send can be had" },
};
const struct doctor_group doctor_logs = DOCTOR_GROUP("logs", checks);
