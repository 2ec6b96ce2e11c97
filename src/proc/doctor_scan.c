/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/doctor_scan.h"

#include "base/map.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

/* Patterns of fnmatch(); the first that fits. */
static const struct {
    const char *pattern;
    enum scan_kind kind;
} kinds[] = {
    { ".git", SCAN_HIDDEN },    { ".svn", SCAN_HIDDEN },     { ".hg", SCAN_HIDDEN },
    { ".env", SCAN_HIDDEN },    { ".env.*", SCAN_HIDDEN },   { ".ssh", SCAN_HIDDEN },
    { ".aws", SCAN_HIDDEN },    { ".htpasswd", SCAN_HIDDEN }, { ".*_history", SCAN_HIDDEN },
    { ".*.sw?", SCAN_HIDDEN },
    { "*.key", SCAN_KEY },      { "*.pem", SCAN_KEY },       { "id_rsa", SCAN_KEY },
    { "id_dsa", SCAN_KEY },     { "id_ecdsa", SCAN_KEY },    { "id_ed25519", SCAN_KEY },
    { "*.p12", SCAN_KEY },      { "*.pfx", SCAN_KEY },
    { "*.sql", SCAN_DUMP },     { "*.sql.gz", SCAN_DUMP },   { "*.sql.zst", SCAN_DUMP },
    { "*.sql.xz", SCAN_DUMP },  { "*.dump", SCAN_DUMP },     { "*.sqlite", SCAN_DUMP },
    { "*.sqlite3", SCAN_DUMP },
    { "*~", SCAN_BACKUP },      { "*.bak", SCAN_BACKUP },    { "*.old", SCAN_BACKUP },
    { "*.orig", SCAN_BACKUP },  { "*.save", SCAN_BACKUP },   { "*.swp", SCAN_BACKUP },
    { "#*#", SCAN_BACKUP },
};

enum scan_kind
scan_kind_of(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (fnmatch(kinds[i].pattern, name.p, FNM_PERIOD) == 0)
            return kinds[i].kind;
    return SCAN_PLAIN;
}

/* A ".pem" may be a certificate, and a ".key" the slides of a talk: what begins it tells. */
static bool
holds_key(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char text[8192];
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

    if (fd >= 0)
        close(fd);
    return n > 0 && memmem(text, (size_t)n, "PRIVATE KEY-----", 16) != NULL;
}

static bool
is_archive_of_keys(struct str name)
{
    return str_ends(name, STR(".p12")) || str_ends(name, STR(".pfx"));
}

static void
take(struct doctor *d, struct scan *scan, int folder, const char *name)
{
    struct str text = arena_str(d->arena, str_of(name));
    enum scan_kind kind = scan_kind_of(str_of(name));
    struct scan_entry *entry;
    struct str *place;
    struct stat st;

    if (!str_is_set(text) || fstatat(folder, name, &st, 0) != 0)
        return;
    if (kind == SCAN_KEY && !is_archive_of_keys(text)
        && (!S_ISREG(st.st_mode) || !holds_key(folder, name)))
        kind = SCAN_PLAIN;
    if (kind != SCAN_PLAIN && (kind == SCAN_HIDDEN || S_ISREG(st.st_mode))
        && (place = VEC_ADD(d->arena, &scan->found[kind].list)) != NULL)
        *place = text;
    if (kind != SCAN_PLAIN || name[0] == '.' || strcmp(name, "lost+found") == 0
        || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        || (entry = VEC_ADD(d->arena, &scan->entries)) == NULL)
        return;
    *entry = (struct scan_entry){ text, S_ISDIR(st.st_mode), st.st_mtim.tv_sec };
}

static struct scan *
look_into(struct doctor *d, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct scan *scan = dir != NULL ? ARENA_NEW(d->arena, struct scan) : NULL;
    const struct dirent *entry;

    for (unsigned n = 0; scan != NULL && n < SCAN_ENTRIES_MAX; n++) {
        if ((entry = readdir(dir)) == NULL)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            take(d, scan, fd, entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    return scan;
}

const struct scan *
scan_of(struct doctor *d, const struct doctor_place *place)
{
    struct scan *scan;

    if (place->kind != DOCTOR_ROOT || place->is_cut)
        return NULL;
    if (d->scans == NULL && (d->scans = map_create(d->arena, false)) == NULL)
        return NULL;
    scan = map_get(d->scans, place->path);
    if (scan == NULL && (scan = look_into(d, place->path.p)) != NULL)
        map_set(d->scans, place->path, scan);
    return scan;
}
