/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/cpus.h"

#include "base/compiler.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

/* The next part of *rest, up to `end` or its end; *rest is what follows. */
static struct str
cut(struct str *rest, char end)
{
    struct str part = { rest->p, 0 };

    while (part.len < rest->len && part.p[part.len] != end)
        part.len++;
    *rest = str_from(*rest, part.len + 1);
    return part;
}

unsigned
cpus_of_quota(struct str quota, struct str period)
{
    uint64_t granted, of;

    if (!str_to_uint(quota, INT64_MAX, &granted) || !str_to_uint(period, INT64_MAX, &of)
        || of == 0 || granted == 0)
        return 0;
    return (unsigned)MIN((granted - 1) / of + 1, (uint64_t)UINT_MAX);
}

unsigned
cpus_of_max(struct str cpu_max)
{
    struct str rest = cpu_max;
    struct str line = cut(&rest, '\n');
    struct str quota = cut(&line, ' ');

    return cpus_of_quota(quota, line);
}

static bool
lists(struct str names, struct str name)
{
    while (names.len > 0)
        if (str_eq(cut(&names, ','), name))
            return true;
    return false;
}

struct str
cpus_cgroup(struct str proc_cgroup, struct str controller)
{
    while (proc_cgroup.len > 0) {
        struct str path = cut(&proc_cgroup, '\n');
        struct str number = cut(&path, ':');
        struct str controllers = cut(&path, ':');

        if (str_is_set(controller) ? lists(controllers, controller)
                                   : str_eq(number, STR("0")) && controllers.len == 0)
            return path;
    }
    return STR_NONE;
}

/* The first bytes of a file without its last newline; empty when it cannot be read. */
static struct str
read_small(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, buf, size);

    if (fd >= 0)
        close(fd);
    while (n > 0 && buf[n - 1] == '\n')
        n--;
    return (struct str){ buf, n > 0 ? (size_t)n : 0 };
}

static unsigned
granted_v2(struct str group)
{
    char path[PATH_MAX], text[64];

    snprintf(path, sizeof(path), "/sys/fs/cgroup%.*s/cpu.max", STR_ARG(group));
    return cpus_of_max(read_small(path, text, sizeof(text)));
}

static unsigned
granted_v1(struct str group)
{
    char path[PATH_MAX], quota[64], period[64];
    struct str q, p;

    snprintf(path, sizeof(path), "/sys/fs/cgroup/cpu%.*s/cpu.cfs_quota_us", STR_ARG(group));
    q = read_small(path, quota, sizeof(quota));
    snprintf(path, sizeof(path), "/sys/fs/cgroup/cpu%.*s/cpu.cfs_period_us", STR_ARG(group));
    p = read_small(path, period, sizeof(period));
    return cpus_of_quota(q, p);
}

/*
 * A group has no more than the groups around it have. Inside a container its own path may not be
 * visible: the root is.
 */
static unsigned
least_granted(struct str group, unsigned (*granted)(struct str group), unsigned least)
{
    for (;;) {
        unsigned n;

        while (group.len > 0 && group.p[group.len - 1] == '/')
            group.len--;
        n = granted(group);
        if (n > 0)
            least = MIN(least, n);
        if (group.len == 0)
            return least;
        while (group.len > 0 && group.p[group.len - 1] != '/')
            group.len--;
    }
}

unsigned
cpus_usable(void)
{
    char text[4096];
    struct str groups = read_small("/proc/self/cgroup", text, sizeof(text));
    struct str v1 = cpus_cgroup(groups, STR("cpu"));
    struct str v2 = cpus_cgroup(groups, STR_NONE);
    cpu_set_t set;
    unsigned n = 1;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        n = (unsigned)CPU_COUNT(&set);
    else if (sysconf(_SC_NPROCESSORS_ONLN) > 0)
        n = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);    /* more than a cpu_set_t has bits */
    if (str_is_set(v2))
        n = least_granted(v2, granted_v2, n);
    if (str_is_set(v1))
        n = least_granted(v1, granted_v1, n);
    return MAX(n, 1u);
}
