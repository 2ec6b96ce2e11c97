/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/walls.h"

#include "base/landlock.h"
#include "base/syslog_server.h"
#include "http/grants.h"
#include "proc/calls.h"
#include "proc/notify.h"
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

/* What libc looks up names and users in, where a configuration is read within the walls. */
static const char *const to_reload[] = {
    "/etc/gai.conf", "/etc/group", "/etc/host.conf", "/etc/hosts", "/etc/nsswitch.conf",
    "/etc/passwd", "/etc/resolv.conf", "/etc/services",
};

static enum http_walls
whose(const struct runtime *rt)
{
    return rt->main->master_process ? HTTP_WALLS_WORKER
           : rt->options->fixed     ? HTTP_WALLS_SERVE : HTTP_WALLS_ALONE;
}

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

/* Called for each path that is opened, NUL-terminated; until it returns false. */
typedef bool (*opened_fn)(void *ctx, struct str path, enum landlock_access access);

struct each {
    opened_fn fn;
    void *ctx;
};

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
 * editor saves, what a link leads to. That may be still to come, as long as the folder is there.
 */
static void
each_around(const struct each *each, const char *path, enum landlock_access access)
{
    char real[PATH_MAX], folder[PATH_MAX], *slash;

    if (realpath(path, real) == NULL) {
        if (errno != ENOENT || snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder)
            || (slash = strrchr(folder, '/')) == NULL)
            return;
        *slash = '\0';
        if (realpath(folder, real) == NULL)
            return;
    } else if ((slash = strrchr(real, '/')) != NULL) {
        *slash = '\0';
    }
    if (!is_wide(real))
        each->fn(each->ctx, str_of(real), access);
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
each_link(const struct each *each, const char *name, enum landlock_access access)
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
        each_around(each, target, access);
        links++;
        i = 0;                  /* the loop goes on with 1: what it led to may hold links */
    }
}

/* What is opened beside a path, so that it can be replaced. */
static void
each_beside(const struct each *each, const char *path, enum landlock_access access)
{
    struct stat st;

    if (access == LANDLOCK_KEEP || access == LANDLOCK_REMOVE)
        return;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        each_around(each, path, access);
    each_link(each, path, access);
}

static bool
each_grant(void *ctx, struct str path, enum http_access access)
{
    const struct each *each = ctx;

    return each->fn(each->ctx, path, access_of(access));
}

static bool
each_listed(const struct each *each, const struct path_list *list, enum landlock_access access)
{
    for (uint32_t i = 0; i < list->paths.len; i++)
        if (!each->fn(each->ctx, list->paths.items[i], access))
            return false;
    return true;
}

/* The folder of a file, "" for that of all. */
static struct str
folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');

    return (struct str){ file, slash != NULL ? (size_t)(slash - file) : 0 };
}

bool
walls_keep(const char *file)
{
    static const struct str never[] = {
        STR_INIT(""), STR_INIT("/etc"), STR_INIT("/dev"), STR_INIT("/proc"),
    };

    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (str_eq(folder_of(file), never[i]))
            return false;
    return true;
}

/* The folder of a file that the process makes or removes. */
static bool
each_folder_of(const struct each *each, const char *file, enum landlock_access access)
{
    struct str folder = folder_of(file);
    char name[PATH_MAX];

    if (!walls_keep(file) || folder.len >= sizeof(name))
        return true;
    memcpy(name, folder.p, folder.len);
    name[folder.len] = '\0';
    return each->fn(each->ctx, (struct str){ name, folder.len }, access);
}

/* The sockets whose files are there as long as the server. */
static bool
each_unix_socket(const struct each *each, const struct runtime *rt, enum landlock_access access)
{
    const struct link *head = runtime_listeners(rt);

    for (const struct link *l = head->next; l != head; l = l->next) {
        const struct address *a = &CONTAINER_OF(l, const struct listener, link)->address;

        if (a->sa.sa_family == AF_UNIX && a->un.sun_path[0] == '/'
            && !each_folder_of(each, a->un.sun_path, access))
            return false;
    }
    return true;
}

/* What a log's path leads to lies in a folder of its own. */
static bool
each_log(const struct each *each, const struct runtime *rt)
{
    const struct link *head = &rt->log_files.head;
    char real[PATH_MAX];

    for (const struct link *l = head->next; l != head; l = l->next) {
        const struct log_file *file = CONTAINER_OF(l, const struct log_file, link);

        if (file->kind != LOG_FILE)
            continue;
        if (!each->fn(each->ctx, file->path, LANDLOCK_APPEND)
            || !each_folder_of(each, file->path.p, LANDLOCK_KEEP)
            || (realpath(file->path.p, real) != NULL && strcmp(real, file->path.p) != 0
                && !each_folder_of(each, real, LANDLOCK_KEEP)))
            return false;
    }
    return true;
}

/* The text of a configuration, for the next reload. What is no path came with the command line. */
static bool
each_conf_file(const struct each *each, const struct runtime *rt)
{
    struct str rest = rt->loaded->text, path, content;
    char name[PATH_MAX];

    while (loaded_next(&rest, &path, &content)) {
        if (path.len == 0 || path.p[0] != '/' || path.len >= sizeof(name))
            continue;
        memcpy(name, path.p, path.len);
        name[path.len] = '\0';
        if (!each->fn(each->ctx, (struct str){ name, path.len }, LANDLOCK_READ))
            return false;
    }
    return true;
}

/* What a process without a master does beside serving. */
static bool
each_chore(const struct each *each, const struct runtime *rt)
{
    struct str control = runtime_control_path(rt);

    if (rt->options->fixed)
        return each_unix_socket(each, rt, LANDLOCK_REMOVE);
    return each_conf_file(each, rt) && each_log(each, rt) && each_unix_socket(each, rt, LANDLOCK_KEEP)
           && (rt->options->no_pid_file
               || each_folder_of(each, rt->main->pid_path.p, LANDLOCK_KEEP))
           && (!str_is_set(control) || each_folder_of(each, control.p, LANDLOCK_KEEP));
}

/* All that those who serve the configuration open by name. */
static void
each_opened(const struct runtime *rt, opened_fn fn, void *ctx)
{
    struct each each = { fn, ctx };

    (void)(http_grants_each(&rt->setup, each_grant, &each)
           && each_listed(&each, &rt->main->sandbox_reads, LANDLOCK_READ)
           && each_listed(&each, &rt->main->sandbox_writes, LANDLOCK_WRITE)
           && (rt->main->master_process || each_chore(&each, rt)));
}

static bool
allow_one(void *ctx, struct str path, enum landlock_access access)
{
    /* What is not there, or cannot be reached, is no worker's either. */
    landlock_allow(ctx, path.p, access);
    return true;
}

static bool
allow(void *ctx, struct str path, enum landlock_access access)
{
    allow_one(ctx, path, access);
    each_beside(&(struct each){ allow_one, ctx }, path.p, access);
    return true;
}

/* Tried again: a test of faults makes a call fail, and the sanitizer would be what suffers. */
static void
allow_for_sure(struct landlock *walls, const char *path, enum landlock_access access)
{
    if (!landlock_allow(walls, path, access))
        landlock_allow(walls, path, access);
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

    allow_for_sure(walls, "/proc/self", LANDLOCK_READ);
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
        allow_for_sure(walls, folder, LANDLOCK_APPEND);
    }
}

/* ---- entering ------------------------------------------------------------------------------ */

static unsigned
left_open(const struct runtime *rt)
{
    if (rt->main->master_process)
        return 0;
    return (rt->options->fixed ? 0 : LANDLOCK_BINDS) | (notify_is_abstract() ? LANDLOCK_ABSTRACT : 0);
}

static void
allow_all(struct landlock *walls, const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        landlock_allow(walls, paths[i], LANDLOCK_READ);
}

static bool
confine_files(const struct runtime *rt)
{
    struct landlock walls;

    if (landlock_version() == 0)
        return true;
    if (!landlock_begin(&walls, left_open(rt))) {
        tell(LEVEL_EMERG, errno, "landlock_create_ruleset() failed");
        return false;
    }
    allow_all(&walls, always, ARRAY_LEN(always));
    if (whose(rt) == HTTP_WALLS_ALONE)
        allow_all(&walls, to_reload, ARRAY_LEN(to_reload));
    each_opened(rt, allow, &walls);
    if (UNDER_SANITIZER)
        allow_sanitizers(&walls);
    http_walls_are(whose(rt));
    if (landlock_enforce(&walls))
        return true;
    tell(LEVEL_EMERG, errno, "landlock_restrict_self() failed");
    return false;
}

static bool
note_writing(void *ctx, struct str path, enum landlock_access access)
{
    struct calls_wanted *wanted = ctx;

    (void)path;
    wanted->writes |= access == LANDLOCK_WRITE;
    wanted->removes |= access == LANDLOCK_REMOVE;
    return true;
}

static struct calls_wanted
calls_wanted_by(const struct runtime *rt)
{
    struct calls_wanted wanted = {
        .reloads = whose(rt) == HTTP_WALLS_ALONE,
        .unix_datagrams = whose(rt) == HTTP_WALLS_SERVE && notify_is_wanted(),
    };
    const struct link *head = &rt->log_files.head;

    each_opened(rt, note_writing, &wanted);
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
walls_enter_files(const struct runtime *rt)
{
    tzset();                    /* while its file can be read, whatever TZ says */
    return rt->main->sandbox != SANDBOX_ON || confine_files(rt);
}

bool
walls_enter(const struct runtime *rt)
{
    return walls_enter_files(rt) && (rt->main->sandbox == SANDBOX_OFF || confine_calls(rt));
}

/* ---- walls that are there ------------------------------------------------------------------- */

/* Whether an open() of that kind is refused by the walls, and by nothing else. */
static bool
is_refused(const char *path, enum landlock_access access)
{
    bool reads = access == LANDLOCK_READ;
    struct stat st;
    int fd;

    if (stat(path, &st) != 0 || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)))
        return false;
    if (reads)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    else if (S_ISDIR(st.st_mode))
        fd = open(path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    else
        fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return landlock_refused(path, reads ? R_OK : W_OK, errno);
    close(fd);
    return false;
}

static bool
tell_refused(void *ctx, struct str path, enum landlock_access access)
{
    bool *ok = ctx;

    if (!is_refused(path.p, access))
        return true;
    tell(LEVEL_EMERG, 0, "the sandbox, which stays as it was at the start without a master, does not "
         "open \"%s\": start weir anew, or with \"sandbox_allow_%s\" for a folder around it", path.p,
         access == LANDLOCK_READ ? "read" : "write");
    return *ok = false, true;
}

bool
walls_hold(const struct runtime *rt)
{
    bool ok = true;

    each_opened(rt, tell_refused, &ok);
    return ok;
}

/* ---- telling ------------------------------------------------------------------------------- */

void
walls_tell_missing(const struct runtime *rt)
{
    int version = landlock_version();

    if (rt->main->sandbox == SANDBOX_OFF)
        return;
    if (whose(rt) == HTTP_WALLS_ALONE)
        LOG(&process_log, NOTICE, 0, "sandbox: wider with \"master_process off\", by what a reload "
            "takes");
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

/* What is of this call alone is copied. */
static bool
list_one(void *ctx, struct str path, enum landlock_access access)
{
    struct grant_list *list = ctx;

    if ((access != LANDLOCK_READ) != list->writes)
        return true;
    path = arena_str(list->arena, path);
    return str_is_set(path) && list_add(list, path);
}

static bool
list_opened(void *ctx, struct str path, enum landlock_access access)
{
    if (!list_one(ctx, path, access))
        return false;
    each_beside(&(struct each){ list_one, ctx }, path.p, access);
    return true;
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

    if (s->sandbox != SANDBOX_ON) {
        tell(LEVEL_NOTICE, 0, "sandbox: %s",
             s->sandbox == SANDBOX_OFF ? "off" : "report, all files are open");
        return;
    }
    for (int writes = 0; writes <= 1; writes++) {
        struct grant_list list = { .arena = rt->arena, .writes = writes != 0 };

        each_opened(rt, list_opened, &list);
        tell_list(&list);
    }
}
