/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_limits: descriptors, memory and processors, against what the configuration wants of them.
 */
#include "proc/cpus.h"
#include "proc/doctor_parts.h"
#include "proc/doctor_proc.h"

#include <sys/resource.h>
#include <unistd.h>

enum {
    OTHER_FILES = 64,           /* of a worker: epoll, channel, queue, counters, libraries */
    SLOT_BYTES = 192,
    HEADER_BYTES = 1 << 10, LARGE_BYTES = 32 << 10,     /* as they are when nothing is said */
    REQUEST_BYTES = 16 << 10    /* a usual request with what it answers */
};

/* ---- descriptors --------------------------------------------------------------------------- */

static uint64_t
files_of_worker(const struct doctor *d)
{
    const struct link *head = &d->rt->log_files.head;
    uint64_t n = (uint64_t)d->rt->events->worker_connections + d->rt->listener_count
        + d->memory.cached_files + OTHER_FILES;

    for (const struct link *l = head->next; l != head; l = l->next)
        n++;
    return n;
}

/* What a worker has, and may raise its limit to. */
struct files_limit {
    uint64_t soft, hard;
    bool is_given;              /* by worker_rlimit_nofile */
};

static bool
limit_here(uint64_t *soft, uint64_t *hard)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return false;
    *soft = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
    *hard = limit.rlim_max == RLIM_INFINITY ? UINT64_MAX : limit.rlim_max;
    return true;
}

/* Of the server that runs, else of this shell, which would start it. */
static bool
find_limit(struct doctor *d, struct files_limit *limit)
{
    uint64_t given = d->rt->main->rlimit_nofile;

    limit->is_given = given != 0;
    if (d->running == 0 || !proc_files_limit(d->running, &limit->soft, &limit->hard))
        if (!limit_here(&limit->soft, &limit->hard))
            return false;
    return true;
}

static struct str
files_mend(struct doctor *d, uint64_t wanted)
{
    return doctor_text(d, "worker_rlimit_nofile %ju;    # at the main level; with systemd "
                       "\"LimitNOFILE=%ju\" in \"systemctl edit weir\"", (uintmax_t)wanted,
                       (uintmax_t)wanted);
}

/* A round number that is enough. */
static uint64_t
rounded(uint64_t wanted)
{
    uint64_t n = 1024;

    while (n < wanted)
        n *= 2;
    return n;
}

static void
check_given(struct doctor *d, const struct files_limit *limit, uint64_t wanted)
{
    uint64_t given = d->rt->main->rlimit_nofile, most;

    if (proc_number("/proc/sys/fs/nr_open", &most) && given > most)
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_ERROR, .about = STR("worker_rlimit_nofile"),
            .text = doctor_text(d, "%ju, and the kernel allows %ju to a process (fs.nr_open)",
                                (uintmax_t)given, (uintmax_t)most),
            .why = STR("the limit cannot be set, and workers keep the one that they have"),
            .mend = doctor_text(d, "sysctl -w fs.nr_open=%ju", (uintmax_t)given),
        });
    else if (given > limit->hard && d->starter.uid != 0)
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_ERROR, .about = STR("worker_rlimit_nofile"),
            .text = doctor_text(d, "%ju, and %s may have %ju (the hard limit)", (uintmax_t)given,
                                d->starter.name, (uintmax_t)limit->hard),
            .why = STR("root alone may raise it; workers keep the limit that they have"),
            .mend = doctor_text(d, "LimitNOFILE=%ju    # in \"systemctl edit weir\", or in "
                                "/etc/security/limits.conf: %s hard nofile %ju", (uintmax_t)given,
                                d->starter.name, (uintmax_t)given),
        });
    else if (given < wanted)
        doctor_add(d, &(struct doctor_finding){
            .level = given < d->rt->events->worker_connections ? DOCTOR_ERROR : DOCTOR_WARNING,
            .about = STR("worker_rlimit_nofile"),
            .text = doctor_text(d, "%ju, and a worker may want %ju: %u connections, cached files, "
                                "logs and listeners", (uintmax_t)given, (uintmax_t)wanted,
                                d->rt->events->worker_connections),
            .why = STR("without a free descriptor nobody is accepted, and no file is opened"),
            .mend = doctor_text(d, "worker_rlimit_nofile %ju;", (uintmax_t)rounded(wanted)),
        });
}

/* A worker raises the soft limit by itself as far as the hard one lets it. */
static void
check_files(struct doctor *d)
{
    uint64_t wanted = files_of_worker(d);
    struct files_limit limit;

    if (!find_limit(d, &limit))
        return;
    if (limit.is_given)
        check_given(d, &limit, wanted);
    else if (limit.hard < wanted)
        doctor_add(d, &(struct doctor_finding){
            .level = limit.hard < d->rt->events->worker_connections ? DOCTOR_ERROR
                                                                    : DOCTOR_WARNING,
            .about = STR("worker_connections"),
            .text = doctor_text(d, "a worker may want %ju descriptors for %u connections, cached "
                                "files, logs and listeners, and may have %ju (soft %ju)",
                                (uintmax_t)wanted, d->rt->events->worker_connections,
                                (uintmax_t)limit.hard, (uintmax_t)limit.soft),
            .why = STR("without a free descriptor nobody is accepted, and no file is opened"),
            .mend = files_mend(d, rounded(wanted)),
        });
    if (d->worst == DOCTOR_FINE)
        doctor_fine(d, "a worker may want %ju, and may have %ju", (uintmax_t)wanted,
                    (uintmax_t)(limit.is_given ? d->rt->main->rlimit_nofile : limit.hard));
}

/* Who looks at "ulimit -n" sees the shell's limit, which need not be the server's. */
static void
check_shell(struct doctor *d)
{
    uint64_t soft, hard, here_soft, here_hard;

    if (d->running == 0 || !proc_files_limit(d->running, &soft, &hard)
        || !limit_here(&here_soft, &here_hard) || hard == here_hard)
        return;
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_NOTICE,
        .text = doctor_text(d, "the running master may have %ju descriptors (soft %ju), this shell "
                            "%ju (soft %ju)", (uintmax_t)hard, (uintmax_t)soft,
                            (uintmax_t)here_hard, (uintmax_t)here_soft),
        .why = STR("a limit that is raised here is not the server's: see \"systemctl show weir -p "
                   "LimitNOFILE\""),
    });
}

static void
check_machine(struct doctor *d)
{
    uint64_t wanted = files_of_worker(d) * d->rt->main->worker_processes, most;

    if (!proc_number("/proc/sys/fs/file-max", &most))
        return;
    if (most >= wanted) {
        doctor_fine(d, "all workers may want %ju files, and the machine has %ju (fs.file-max)",
                    (uintmax_t)wanted, (uintmax_t)most);
        return;
    }
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_WARNING, .about = STR("fs.file-max"),
        .text = doctor_text(d, "%u workers may want %ju files, and the machine has %ju",
                            d->rt->main->worker_processes, (uintmax_t)wanted, (uintmax_t)most),
        .why = STR("other programs of the machine fail, too, when there are none left"),
        .mend = doctor_text(d, "sysctl -w fs.file-max=%ju", (uintmax_t)rounded(2 * wanted)),
    });
}

/* ---- memory -------------------------------------------------------------------------------- */

static uint64_t
zone_bytes(const struct doctor *d)
{
    const struct link *head = &d->rt->zones.head;
    uint64_t bytes = 0;

    for (const struct link *l = head->next; l != head; l = l->next)
        bytes += CONTAINER_OF(l, const struct zone, link)->size;
    return bytes;
}

/* What this machine, or the part of it that we are given, has. */
static uint64_t
memory_here(struct doctor *d, const char **of)
{
    uint64_t total = UINT64_MAX, granted;
    struct rlimit limit;

    *of = "of memory";
    (void)meminfo_parse(proc_read(d->arena, "/proc/meminfo"), STR("MemTotal"), &total);
    granted = proc_cgroup_least(d->arena, "memory.max", "memory", "memory.limit_in_bytes");
    if (granted < total) {
        total = granted;
        *of = "by its cgroup (memory.max)";
    }
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY
        && limit.rlim_cur < total) {
        total = limit.rlim_cur;
        *of = "by its limit of address space (ulimit -v)";
    }
    return total;
}

/* All workers full, with requests of that many bytes each. */
static uint64_t
memory_wanted(const struct doctor *d, uint64_t request_bytes)
{
    uint64_t connections = d->rt->events->worker_connections;
    uint64_t worker = connections * (SLOT_BYTES + request_bytes) + d->memory.worker_bytes;

    return worker * d->rt->main->worker_processes + zone_bytes(d);
}

static void
check_memory(struct doctor *d)
{
    uint64_t header = MAX(d->memory.header_bytes, (uint64_t)HEADER_BYTES);
    uint64_t large = MAX(d->memory.large_bytes, (uint64_t)LARGE_BYTES);
    uint64_t usual = memory_wanted(d, header + REQUEST_BYTES);
    uint64_t worst = memory_wanted(d, header + large + REQUEST_BYTES);
    const char *of;
    uint64_t here = memory_here(d, &of);
    struct str has = doctor_size(d, here), wants = doctor_size(d, worst > here ? worst : usual);
    struct doctor_finding f = {
        .level = usual > here ? DOCTOR_WARNING : DOCTOR_NOTICE,
        .about = STR("worker_connections"),
        .why = STR("the kernel ends processes when memory is used up, and a worker is a large one"),
        .mend = STR("worker_connections less, worker_processes fewer, or "
                    "large_client_header_buffers smaller"),
    };

    if (worst <= here) {
        doctor_fine(d, "full workers want about %.*s, and there is %.*s %s", STR_ARG(wants),
                    STR_ARG(has), of);
        return;
    }
    f.text = doctor_text(d, "%u worker%s with %u connections each may want %.*s%s, and there is "
                         "%.*s %s", d->rt->main->worker_processes,
                         d->rt->main->worker_processes == 1 ? "" : "s",
                         d->rt->events->worker_connections, STR_ARG(wants),
                         usual > here ? "" : " when all clients send the largest heads",
                         STR_ARG(has), of);
    doctor_add(d, &f);
}

/* ---- processors ---------------------------------------------------------------------------- */

static void
check_workers(struct doctor *d)
{
    unsigned workers = d->rt->main->worker_processes, cpus = cpus_usable();

    if (workers > 2 * cpus)
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_WARNING, .about = STR("worker_processes"),
            .text = doctor_text(d, "%u, and %u processor%s may be used (affinity and cgroup "
                                "counted)", workers, cpus, cpus == 1 ? "" : "s"),
            .why = STR("a worker waits for nothing: more of them take turns, and each has caches "
                       "of its own"),
            .mend = STR("worker_processes auto;"),
        });
    else if (workers == 1 && cpus > 1 && !d->has_processes && d->rt->main->master_process)
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_NOTICE, .about = STR("worker_processes"),
            .text = doctor_text(d, "1, as nothing is said, and %u processors may be used", cpus),
            .mend = STR("worker_processes auto;"),
        });
    else
        doctor_fine(d, "%u worker%s, %u processor%s", workers, workers == 1 ? "" : "s", cpus,
                    cpus == 1 ? "" : "s");
}

static const struct doctor_check checks[] = {
    { "descriptors", check_files, "the limit could not be read" },
    { "shell", check_shell, "the server's limit of descriptors is that of this shell" },
    { "files", check_machine, "the machine has no limit of files" },
    { "memory", check_memory, "" },
    { "workers", check_workers, "" },
};
const struct doctor_group doctor_limits = DOCTOR_GROUP("limits", checks);
