/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/doctor_proc.h"

#include "base/writer.h"
#include "proc/cpus.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum {
    READ_MAX = 4 << 20,         /* of a file of /proc; a table of sockets may be long */
    NAME_ROOM = 64,
    STATE_LISTEN = 10
};

/* ---- files --------------------------------------------------------------------------------- */

struct str
proc_read(struct arena *arena, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct writer w = writer_in(arena);
    const char *text;
    char block[4096];
    ssize_t n = 0;

    if (fd < 0)
        return STR_NONE;
    while ((size_t)(w.p - w.start) < READ_MAX && w.ok) {
        n = read(fd, block, sizeof(block));
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        if (n > 0)
            write_bytes(&w, block, (size_t)n);
    }
    close(fd);
    text = n < 0 ? NULL : writer_cstr(&w);
    return text != NULL ? (struct str){ text, (size_t)(w.p - w.start) } : STR_NONE;
}

struct str
proc_line(struct str *rest)
{
    ptrdiff_t end = str_find(*rest, '\n', 0);
    struct str line = { rest->p, end < 0 ? rest->len : (size_t)end };

    *rest = str_from(*rest, line.len + 1);
    return line;
}

struct str
proc_word(struct str *rest)
{
    size_t from = 0, len;

    while (from < rest->len && (rest->p[from] == ' ' || rest->p[from] == '\t'))
        from++;
    *rest = str_from(*rest, from);
    for (len = 0; len < rest->len && rest->p[len] != ' ' && rest->p[len] != '\t';)
        len++;
    {
        struct str word = { rest->p, len };

        *rest = str_from(*rest, len);
        return word;
    }
}

bool
proc_number(const char *path, uint64_t *value)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[64];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    struct str rest = { text, n > 0 ? (size_t)n : 0 };
    struct str line = proc_line(&rest);

    if (fd >= 0)
        close(fd);
    return str_to_uint(proc_word(&line), UINT64_MAX, value);
}

/* ---- processes ----------------------------------------------------------------------------- */

/* The begin of a file of a process; empty when it cannot be read. */
static struct str
read_of(pid_t pid, const char *name, char *buf, size_t size)
{
    char path[64];
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? 0 : read(fd, buf, size);
    if (fd >= 0)
        close(fd);
    return (struct str){ buf, n > 0 ? (size_t)n : 0 };
}

bool
proc_is_weir(pid_t pid)
{
    char text[64];
    struct str title = read_of(pid, "cmdline", text, sizeof(text));

    return str_starts(title, STR("weir: master process"))
           || str_starts(title, STR("weir: worker process"));
}

bool
status_parse(struct str text, struct str name, uint32_t *number)
{
    while (text.len > 0) {
        struct str line = proc_line(&text);
        struct str word = proc_word(&line);
        uint64_t n;

        if (!str_eq(word, name))
            continue;
        proc_word(&line);       /* the real one */
        if (!str_to_uint(proc_word(&line), UINT32_MAX, &n))
            return false;
        *number = (uint32_t)n;
        return true;
    }
    return false;
}

bool
proc_ids(pid_t pid, uid_t *uid, gid_t *gid)
{
    char buf[4096];
    struct str text = read_of(pid, "status", buf, sizeof(buf));

    return status_parse(text, STR("Uid:"), uid) && status_parse(text, STR("Gid:"), gid);
}

static bool
limit_parse(struct str word, uint64_t *limit)
{
    if (str_eq(word, STR("unlimited"))) {
        *limit = UINT64_MAX;
        return true;
    }
    return str_to_uint(word, UINT64_MAX, limit);
}

bool
limits_parse(struct str text, uint64_t *soft, uint64_t *hard)
{
    static const struct str name = STR_INIT("Max open files");

    while (text.len > 0) {
        struct str line = proc_line(&text);

        if (!str_starts(line, name))
            continue;
        line = str_from(line, name.len);
        return limit_parse(proc_word(&line), soft) && limit_parse(proc_word(&line), hard);
    }
    return false;
}

bool
proc_files_limit(pid_t pid, uint64_t *soft, uint64_t *hard)
{
    char buf[4096];

    return limits_parse(read_of(pid, "limits", buf, sizeof(buf)), soft, hard);
}

bool
meminfo_parse(struct str text, struct str name, uint64_t *bytes)
{
    while (text.len > 0) {
        struct str line = proc_line(&text);
        uint64_t kib;

        if (!str_starts(line, name) || line.len == name.len || line.p[name.len] != ':')
            continue;
        line = str_from(line, name.len + 1);
        if (!str_to_uint(proc_word(&line), UINT64_MAX >> 10, &kib))
            return false;
        *bytes = kib << 10;
        return true;
    }
    return false;
}

/* ---- sockets ------------------------------------------------------------------------------- */

/* Words of 32 bits, each in the order of this machine, as the kernel prints them. */
static bool
ip_parse(struct str hex, void *ip, size_t words)
{
    if (hex.len != words * 8)
        return false;
    for (size_t i = 0; i < words; i++) {
        uint64_t v;
        uint32_t word;

        if (!str_to_hex((struct str){ hex.p + 8 * i, 8 }, UINT32_MAX, &v))
            return false;
        word = (uint32_t)v;
        memcpy((char *)ip + 4 * i, &word, 4);
    }
    return true;
}

/* "0100007F:0050" */
static bool
endpoint_parse(struct str text, struct address *a)
{
    ptrdiff_t colon = str_find(text, ':', 0);
    struct str ip = { text.p, colon > 0 ? (size_t)colon : 0 };
    uint64_t port;

    *a = (struct address){ 0 };
    if (colon < 0 || !str_to_hex(str_from(text, ip.len + 1), 65535, &port))
        return false;
    if (ip.len == 8 && ip_parse(ip, &a->in.sin_addr, 1)) {
        a->in.sin_family = AF_INET;
        a->len = sizeof(a->in);
    } else if (ip.len == 32 && ip_parse(ip, &a->in6.sin6_addr, 4)) {
        a->in6.sin6_family = AF_INET6;
        a->len = sizeof(a->in6);
    } else {
        return false;
    }
    address_set_port(a, (uint16_t)port);
    return true;
}

/* sl local remote st tx:rx tr:tm retrnsmt uid timeout inode … */
bool
tcp_parse(struct str line, struct proc_listener *listener)
{
    struct str local, state, word;
    uint64_t number;

    proc_word(&line);
    local = proc_word(&line);
    proc_word(&line);
    state = proc_word(&line);
    if (!str_to_hex(state, 255, &number) || number != STATE_LISTEN
        || !endpoint_parse(local, &listener->address))
        return false;
    for (unsigned i = 0; i < 3; i++)
        proc_word(&line);
    word = proc_word(&line);
    if (!str_to_uint(word, UINT32_MAX, &number))
        return false;
    listener->uid = (uid_t)number;
    proc_word(&line);
    return str_to_uint(proc_word(&line), UINT64_MAX, &listener->inode);
}

static bool
stands_in_the_way(const struct address *there, const struct address *wanted)
{
    if (address_port(there) != address_port(wanted))
        return false;
    return address_eq(there, wanted) || address_is_wildcard(there) || address_is_wildcard(wanted);
}

bool
proc_find_listener(struct arena *arena, const struct address *address, unsigned n,
                   struct proc_listener *found)
{
    static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
    bool is_v6 = address->sa.sa_family == AF_INET6;

    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct str text = proc_read(arena, tables[is_v6 ? 1 - i : i]);

        while (text.len > 0)
            if (tcp_parse(proc_line(&text), found) && stands_in_the_way(&found->address, address)
                && n-- == 0)
                return true;
    }
    return false;
}

/* As proc_has_socket; folder: that of a process. */
static int
has_socket(int folder, uint64_t inode)
{
    int fd = openat(folder, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    bool found = false;
    char text[64], wanted[64];

    snprintf(wanted, sizeof(wanted), "socket:[%ju]", (uintmax_t)inode);
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    while (!found && (entry = readdir(dir)) != NULL) {
        ssize_t n = readlinkat(fd, entry->d_name, text, sizeof(text) - 1);

        text[MAX(n, 0)] = '\0';
        found = strcmp(text, wanted) == 0;
    }
    closedir(dir);
    return found;
}

static int
look_at_process(int proc, const char *pid, uint64_t inode)
{
    int folder = openat(proc, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int found = folder >= 0 ? has_socket(folder, inode) : -1;

    if (folder >= 0)
        close(folder);
    return found;
}

int
proc_has_socket(pid_t pid, uint64_t inode)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    return look_at_process(AT_FDCWD, path, inode);
}

pid_t
proc_socket_owner(uint64_t inode, char *name)
{
    int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    uint64_t pid = 0;

    name[0] = '\0';
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (!str_to_uint(str_of(entry->d_name), INT_MAX, &pid)
            || look_at_process(fd, entry->d_name, inode) != 1) {
            pid = 0;
            continue;
        }
        {
            struct str text = read_of((pid_t)pid, "comm", name, NAME_ROOM - 1);

            name[text.len] = '\0';
            name[strcspn(name, "\n")] = '\0';
        }
        break;
    }
    closedir(dir);
    return (pid_t)pid;
}

/* ---- cgroups ------------------------------------------------------------------------------- */

/*
 * A group has no more than the groups around it; inside a container only the root may be visible.
 */
static uint64_t
least_within(const char *hierarchy, struct str group, const char *file)
{
    uint64_t least = UINT64_MAX, n;
    char path[PATH_MAX];

    for (;;) {
        while (group.len > 0 && group.p[group.len - 1] == '/')
            group.len--;
        snprintf(path, sizeof(path), "/sys/fs/cgroup%s%.*s/%s", hierarchy, STR_ARG(group), file);
        if (proc_number(path, &n))
            least = MIN(least, n);
        if (group.len == 0)
            return least;
        while (group.len > 0 && group.p[group.len - 1] != '/')
            group.len--;
    }
}

uint64_t
proc_cgroup_least(struct arena *arena, const char *file, const char *controller,
                  const char *file_v1)
{
    struct str groups = proc_read(arena, "/proc/self/cgroup");
    struct str v1 = cpus_cgroup(groups, str_of(controller));
    struct str v2 = cpus_cgroup(groups, STR_NONE);
    uint64_t least = UINT64_MAX;
    char hierarchy[64];

    if (str_is_set(v2))
        least = least_within("", v2, file);
    snprintf(hierarchy, sizeof(hierarchy), "/%s", controller);
    if (str_is_set(v1))
        least = MIN(least, least_within(hierarchy, v1, file_v1));
    return least;
}
