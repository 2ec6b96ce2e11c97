/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/walls.h"

#include "base/landlock.h"
#include "base/syslog_server.h"
#include "proc/calls.h"
#include "proc/tell.h"
#include "proc/title.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
enum { UNDER_SANITIZER = 1 };
#else
enum { UNDER_SANITIZER = 0 };
#endif

enum { LINKS_MAX = 40 };        /* as the kernel's own limit */

/* ---- what is opened ------------------------------------------------------------------------ */

/*
 * What libc and the server itself open, whatever is served. Folders that hold much of the machine
 * are none of it.
 */
static const char *const always[] = {
    "/dev/null",                /* the descriptor that is kept in reserve */
    "/etc/localtime", "/usr/share/zoneinfo",
};

static enum landlock_access
access_of(enum http_access access)
{
    switch (access) {
    case HTTP_READS:  return LANDLOCK_READ;
    case HTTP_WRITES: return LANDLOCK_WRITE;
    case HTTP_LOGS:   return LANDLOCK_APPEND;
    }
    return LANDLOCK_READ;
}

/* What is mounted there is a disk, or something else that is a whole. */
static bool
is_mounted(const char *folder)
{
    char parent[PATH_MAX];
    struct stat st, above;

    return snprintf(parent, sizeof(parent), "%s/..", folder) < (int)sizeof(parent)
           && stat(folder, &st) == 0 && stat(parent, &above) == 0 && st.st_dev != above.st_dev;
}

/*
 * A folder that holds too much to be opened for the sake of one file or link in it: "/", "/etc",
 * "/home/somebody", "/var/lib", "/mnt/disk".
 */
static bool
is_wide(const char *folder)
{
    static const char *const wholes[] = { "/home/", "/usr/", "/var/" };
    unsigned depth = 0;

    for (const char *p = folder; *p != '\0'; p++)
        depth += p[0] == '/' && p[1] != '\0';
    if (depth < 2 || is_mounted(folder))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(wholes); i++)
        if (strncmp(folder, wholes[i], strlen(wholes[i])) == 0)
            return depth == 2 && strcmp(folder, "/var/www") != 0;
    return false;
}

/*
 * The folder of something that will be replaced by a rename under the same name: a file that an
 * editor saves, what a link leads to.
 */
static void
allow_around(struct landlock *walls, const char *path, enum landlock_access access)
{
    char real[PATH_MAX], *slash;

    if (realpath(path, real) == NULL || (slash = strrchr(real, '/')) == NULL)
        return;
    *slash = '\0';
    if (!is_wide(real))
        landlock_allow(walls, real, access);
}

/*
 * When the first `len` bytes of path are a link, puts what it leads to in their place, and returns
 * how many bytes that is; 0: they are none.
 */
static size_t
follow(char path[PATH_MAX], size_t len)
{
    char head[PATH_MAX], target[PATH_MAX], whole[PATH_MAX];
    char *slash;
    ssize_t n;
    int written;

    memcpy(head, path, len);
    head[len] = '\0';
    n = readlink(head, target, sizeof(target) - 1);
    if (n <= 0)
        return 0;
    target[n] = '\0';
    slash = strrchr(head, '/');
    if (target[0] == '/')
        head[0] = '\0';
    else if (slash != NULL)
        slash[1] = '\0';
    written = snprintf(whole, sizeof(whole), "%s%s%s", head, target, path + len);
    if (written < 0 || (size_t)written >= sizeof(whole))
        return 0;
    memcpy(path, whole, (size_t)written + 1);
    return strlen(head) + (size_t)n;
}

/*
 * Sites are often changed by a link on the way to them that is led elsewhere ("current", to one
 * of "releases"): where a link leads to, its neighbours are opened, too.
 */
static void
allow_links(struct landlock *walls, const char *name, enum landlock_access access)
{
    char path[PATH_MAX], target[PATH_MAX];
    size_t len;

    if (snprintf(path, sizeof(path), "%s", name) >= (int)sizeof(path))
        return;
    for (size_t i = 1, links = 0; path[i - 1] != '\0' && links < LINKS_MAX; i++) {
        if ((path[i] != '/' && path[i] != '\0') || (len = follow(path, i)) == 0)
            continue;
        memcpy(target, path, len);
        target[len] = '\0';
        allow_around(walls, target, access);
        links++;
        i = 0;                  /* the loop goes on with 1: what it led to may hold links */
    }
}

static bool
allow(void *ctx, struct str path, enum http_access access)
{
    struct landlock *walls = ctx;
    struct stat st;

    /* What is not there, or cannot be reached, is no worker's either. */
    if (!landlock_allow(walls, path.p, access_of(access)))
        return true;
    if (stat(path.p, &st) == 0 && !S_ISDIR(st.st_mode))
        allow_around(walls, path.p, access_of(access));
    allow_links(walls, path.p, access_of(access));
    return true;
}

/*
 * The sanitizers write their reports to files, and the one that looks for leaks reads what /proc
 * says of the process.
 */
static void
allow_sanitizers(struct landlock *walls)
{
    static const char *const names[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS" };
    char folder[PATH_MAX];

    landlock_allow(walls, "/proc/self", LANDLOCK_READ);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *options = title_getenv(names[i]);
        const char *path = options != NULL ? strstr(options, "log_path=") : NULL;
        size_t len = path != NULL ? strcspn(path += sizeof("log_path=") - 1, ":") : 0;

        while (len > 0 && path[len - 1] != '/')
            len--;
        if (len == 0 || len >= sizeof(folder))
            continue;
        memcpy(folder, path, len);
        folder[len] = '\0';
        landlock_allow(walls, folder, LANDLOCK_APPEND);
    }
}

/* ---- entering ------------------------------------------------------------------------------ */

static void
allow_listed(struct landlock *walls, const struct path_list *list, enum http_access access)
{
    for (uint32_t i = 0; i < list->paths.len; i++)
        allow(walls, list->paths.items[i], access);
}

static bool
confine_files(const struct runtime *rt)
{
    struct landlock walls;

    if (landlock_version() == 0)
        return true;
    if (!landlock_begin(&walls)) {
        tell(LEVEL_EMERG, errno, "landlock_create_ruleset() failed");
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        landlock_allow(&walls, always[i], LANDLOCK_READ);
    http_grants_each(&rt->setup, allow, &walls);
    allow_listed(&walls, &rt->main->sandbox_reads, HTTP_READS);
    allow_listed(&walls, &rt->main->sandbox_writes, HTTP_WRITES);
    if (UNDER_SANITIZER)
        allow_sanitizers(&walls);
    if (landlock_enforce(&walls))
        return true;
    tell(LEVEL_EMERG, errno, "landlock_restrict_self() failed");
    return false;
}

static bool
note_writing(void *ctx, struct str path, enum http_access access)
{
    struct calls_wanted *wanted = ctx;

    (void)path;
    wanted->writes |= access == HTTP_WRITES;
    return true;
}

static struct calls_wanted
calls_wanted_by(const struct runtime *rt)
{
    struct calls_wanted wanted = { .writes = rt->main->sandbox_writes.paths.len > 0 };
    const struct link *head = &rt->log_files.head;

    http_grants_each(&rt->setup, note_writing, &wanted);
    for (const struct link *l = head->next; l != head; l = l->next) {
        const struct log_file *file = CONTAINER_OF(l, const struct log_file, link);
        int family = file->kind == LOG_SYSLOG ? file->server->address.ss_family : AF_UNSPEC;

        wanted.unix_datagrams |= family == AF_UNIX;
        wanted.inet_datagrams |= family == AF_INET;
        wanted.inet6_datagrams |= family == AF_INET6;
    }
    return wanted;
}

static bool
confine_calls(const struct runtime *rt)
{
    const struct calls_wanted wanted = calls_wanted_by(rt);

    if (calls_confine(&wanted, rt->main->sandbox == SANDBOX_REPORT ? CALLS_REPORTED : CALLS_REFUSED))
        return true;
    tell(LEVEL_EMERG, errno, "the system calls cannot be confined");
    return false;
}

bool
walls_enter(const struct runtime *rt)
{
    tzset();                    /* while its file can be read, whatever TZ says */
    return rt->main->sandbox == SANDBOX_OFF
           || ((rt->main->sandbox == SANDBOX_REPORT || confine_files(rt)) && confine_calls(rt));
}

/* ---- telling ------------------------------------------------------------------------------- */

void
walls_tell_missing(const struct runtime *rt)
{
    int version = landlock_version();

    if (rt->main->sandbox == SANDBOX_OFF)
        return;
    if (!rt->main->master_process) {
        LOG(&process_log, NOTICE, 0, "sandbox: none, with \"master_process off\"");
        return;
    }
    if (!calls_can_be_confined())
        LOG(&process_log, NOTICE, 0, "sandbox: system calls are not confined, %s",
            WEIR_HAVE_SECCOMP ? "the kernel has no seccomp" : "libseccomp is not built in");
    if (rt->main->sandbox == SANDBOX_REPORT)
        LOG(&process_log, NOTICE, 0, "sandbox: files are not confined while it reports");
    else if (version == 0)
        LOG(&process_log, NOTICE, 0, "sandbox: files are not confined, the kernel has no Landlock "
            "for this process");
    else if (version < LANDLOCK_NEWEST)
        LOG(&process_log, NOTICE, 0, "sandbox: the kernel has version %d of Landlock: %s", version,
            landlock_lacks(version));
}

struct grant_list {
    struct arena *arena;
    VEC(const char *) paths;
    bool writes;
};

static bool
list_add(struct grant_list *list, struct str path)
{
    const char **place = VEC_ADD(list->arena, &list->paths);

    return place != NULL && (*place = path.p) != NULL;
}

static bool
list_grant(void *ctx, struct str path, enum http_access access)
{
    struct grant_list *list = ctx;

    return (access != HTTP_READS) != list->writes || list_add(list, path);
}

/* "/a/b" stands right behind "/a". */
static int
compare_paths(const void *a, const void *b)
{
    const unsigned char *p = *(const unsigned char *const *)a;
    const unsigned char *q = *(const unsigned char *const *)b;

    while (*p == *q && *p != '\0') {
        p++;
        q++;
    }
    return (*p == '/' ? 1 : *p) - (*q == '/' ? 1 : *q);
}

static bool
is_within(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0
           && (path[len] == '/' || path[len] == '\0' || folder[len - 1] == '/');
}

/* As many paths on a line as can be read at once. */
static void
tell_list(struct grant_list *list)
{
    enum { LINE = 100 };
    const char *verb = list->writes ? "write" : "read", *outer = NULL;
    char line[LOG_LINE_MAX];
    struct writer w = writer_at(line, sizeof(line));

    if (list->paths.len > 0)
        qsort(list->paths.items, list->paths.len, sizeof(*list->paths.items), compare_paths);
    for (uint32_t i = 0; i < list->paths.len; i++) {
        const char *path = list->paths.items[i];

        if (outer != NULL && is_within(path, outer))
            continue;
        outer = path;
        if (w.p > w.start && (size_t)(w.p - w.start) + strlen(path) > LINE) {
            tell(LEVEL_NOTICE, 0, "sandbox: %s %s", verb, writer_cstr(&w));
            w = writer_at(line, sizeof(line));
        }
        write_fmt(&w, "%s%s", w.p > w.start ? ", " : "", path);
    }
    if (w.p > w.start && writer_cstr(&w) != NULL)
        tell(LEVEL_NOTICE, 0, "sandbox: %s %s", verb, writer_cstr(&w));
}

void
walls_tell_grants(const struct runtime *rt)
{
    const struct main_settings *s = rt->main;

    if (s->sandbox != SANDBOX_ON || !s->master_process) {
        tell(LEVEL_NOTICE, 0, "sandbox: %s", s->sandbox == SANDBOX_OFF ? "off"
             : s->master_process ? "report, all files are open"
             : "off, there is none with \"master_process off\"");
        return;
    }
    for (int writes = 0; writes <= 1; writes++) {
        struct grant_list list = { .arena = rt->arena, .writes = writes != 0 };
        const struct path_list *more = writes ? &s->sandbox_writes : &s->sandbox_reads;

        http_grants_each(&rt->setup, list_grant, &list);
        for (uint32_t i = 0; i < more->paths.len; i++)
            list_add(&list, more->paths.items[i]);
        tell_list(&list);
    }
}
