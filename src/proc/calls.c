/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/calls.h"

#include "base/compiler.h"
#include "base/counters.h"
#include "base/log.h"
#include "proc/title.h"

#include "config.h"

#include <errno.h>

#if WEIR_HAVE_SECCOMP

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
enum { UNDER_SANITIZER = 1 };
#else
enum { UNDER_SANITIZER = 0 };
#endif

#ifdef WEIR_DEBUG
enum { IS_DEBUG = 1 };
#else
enum { IS_DEBUG = 0 };
#endif

/* ---- the calls ----------------------------------------------------------------------------- */

/*
 * Whatever their arguments are: the kernel remembers that these are allowed, and runs no filter for
 * them. A name that the library or the processor does not know is passed over.
 */
static const char *const allowed[] = {
    /* bytes */
    "read", "write", "readv", "writev", "pread64", "preadv2", "sendfile", "copy_file_range", "close",
    "lseek", "dup", "flock", "ftruncate", "fadvise64", "readahead", "getdents64",
    /* files by name: where they may lie is Landlock's affair */
    "open", "openat", "openat2", "stat", "lstat", "fstat", "newfstatat", "fstatat64", "statx",
    "statfs", "fstatfs", "readlink", "readlinkat", "access", "faccessat", "faccessat2", "getcwd",
    /* connections that are there, and new ones of sockets that listen */
    "accept", "accept4", "recvfrom", "recvmsg", "sendto", "sendmsg", "getsockname",
    "getpeername", "getsockopt",
    /* waiting */
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll",
    "eventfd2", "signalfd4", "nanosleep", "clock_nanosleep", "restart_syscall",
    /* memory, threads, signals of its own */
    "brk", "munmap", "mremap", "madvise", "futex", "futex_wait", "futex_wake", "futex_requeue",
    "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "getpriority", "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "exit", "exit_group",
    /* what time it is, who it is */
    "clock_gettime", "clock_getres", "gettimeofday", "time", "getrandom", "getpid", "getppid",
    "gettid", "getuid", "geteuid", "getgid", "getegid", "getrlimit", "getrusage", "uname",
    "sysinfo",
};

/* cachestat(2) is younger than many a libseccomp; its number is the same everywhere. */
enum { CALL_CACHESTAT = 451 };

/* Where files are written: dav, bodies of requests. */
static const char *const writing[] = {
    "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link",
    "linkat", "symlink", "symlinkat", "fchmod", "utimensat", "fallocate", "fsync", "fdatasync",
};

/* A Unix socket's file that is there no longer than the server. */
static const char *const removing[] = { "unlink", "unlinkat" };

/* By which a process without a master opens a configuration beside the one that it serves. */
static const char *const reloading[] = {
    "bind", "listen", "connect", "sendmmsg", "recvmmsg", "umask", "chmod", "fchmodat", "chown",
    "fchown", "fchownat", "dup2", "dup3", "memfd_create", "setsockopt",
};

/* By which the leak checker stops all threads and looks into their memory. */
static const char *const of_sanitizers[] = {
    "clone", "ptrace", "wait4", "prctl", "getdents",
};

static bool
allow(scmp_filter_ctx filter, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);

        if (call != __NR_SCMP_ERROR && seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) != 0)
            return false;
    }
    return true;
}

/* Where the argument is one of the values. */
static bool
allow_values(scmp_filter_ctx filter, int call, unsigned argument, const scmp_datum_t *values,
             size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                             SCMP_CMP32(argument, SCMP_CMP_EQ, values[i], 0)) != 0)
            return false;
    return true;
}

static bool
allow_option(scmp_filter_ctx filter, int level, int option)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
                            SCMP_CMP32(1, SCMP_CMP_EQ, (scmp_datum_t)level, 0),
                            SCMP_CMP32(2, SCMP_CMP_EQ, (scmp_datum_t)option, 0)) == 0;
}

static bool
allow_arguments(scmp_filter_ctx filter)
{
    static const scmp_datum_t ioctls[] = { FIONREAD, SIOCOUTQ, TCGETS };
    static const scmp_datum_t fcntls[] = {
        F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL,    /* no F_SETFL: whether it blocks
                                                                   is others' affair, too */
    };
    static const scmp_datum_t prctls[] = { PR_SET_NAME, 0x53564d41 /* PR_SET_VMA: malloc's names */ };
    const scmp_datum_t self = (scmp_datum_t)getpid();

    return allow_values(filter, SCMP_SYS(ioctl), 1, ioctls, ARRAY_LEN(ioctls))
        && allow_values(filter, SCMP_SYS(fcntl), 1, fcntls, ARRAY_LEN(fcntls))
        && (UNDER_SANITIZER
            || allow_values(filter, SCMP_SYS(prctl), 0, prctls, ARRAY_LEN(prctls)))
        /* of a socket that listens the other way would be its end, for the others who listen, too;
           and that one could be connected by sendto(MSG_FASTOPEN) */
        && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(shutdown), 1,
                            SCMP_CMP32(1, SCMP_CMP_EQ, SHUT_WR, 0)) == 0
        /* of connections: those of a socket that listens would be the others', too, for good */
        && allow_option(filter, IPPROTO_TCP, TCP_CORK)
        && allow_option(filter, SOL_SOCKET, SO_LINGER)
        /* no code is made */
        && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                            SCMP_CMP32(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0
        && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                            SCMP_CMP32(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0
        /* threads, but no processes; clone3() hides its flags, and libc can do without */
        && (UNDER_SANITIZER
            || seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                SCMP_CMP(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) == 0)
        && seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0
        /* signals to itself, and whether another is alive */
        && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
                            SCMP_CMP32(1, SCMP_CMP_EQ, 0, 0)) == 0
        && allow_values(filter, SCMP_SYS(kill), 0, &self, 1)
        && allow_values(filter, SCMP_SYS(tgkill), 0, &self, 1)
        /* its threads' priority; its limits, to look at */
        && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setpriority), 2,
                            SCMP_CMP32(0, SCMP_CMP_EQ, PRIO_PROCESS, 0),
                            SCMP_CMP32(1, SCMP_CMP_EQ, 0, 0)) == 0
        && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
                            SCMP_CMP32(0, SCMP_CMP_EQ, 0, 0), SCMP_CMP(2, SCMP_CMP_EQ, 0, 0)) == 0;
}

enum { SOCK_TYPES = 0xf };      /* of the second argument; the rest are flags */

/* Datagrams, which go to a syslog server: no connection can be made. */
static bool
allow_datagrams(scmp_filter_ctx filter, int family)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3,
                            SCMP_CMP32(0, SCMP_CMP_EQ, (scmp_datum_t)family, 0),
                            SCMP_CMP32(1, SCMP_CMP_MASKED_EQ, SOCK_TYPES, SOCK_DGRAM),
                            SCMP_CMP32(2, SCMP_CMP_EQ, 0, 0)) == 0
        && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0) == 0;
}

/* Those that a listener, the control socket and libc, for names, open. */
static bool
allow_sockets(scmp_filter_ctx filter)
{
    static const scmp_datum_t families[] = { AF_UNIX, AF_INET, AF_INET6 };
    bool ok = true;

    for (size_t i = 0; ok && i < ARRAY_LEN(families); i++)
        ok = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                              SCMP_CMP32(0, SCMP_CMP_EQ, families[i], 0),
                              SCMP_CMP32(1, SCMP_CMP_MASKED_EQ, SOCK_TYPES, SOCK_STREAM)) == 0
            && allow_datagrams(filter, (int)families[i]);
    /* which addresses there are (netlink(7), NETLINK_ROUTE) */
    return ok && seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                  SCMP_CMP32(0, SCMP_CMP_EQ, AF_NETLINK, 0),
                                  SCMP_CMP32(2, SCMP_CMP_EQ, 0, 0)) == 0;
}

static bool
fill(scmp_filter_ctx filter, const struct calls_wanted *wanted)
{
    return allow(filter, allowed, ARRAY_LEN(allowed))
        && seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL_CACHESTAT, 0) == 0
        && (!UNDER_SANITIZER || allow(filter, of_sanitizers, ARRAY_LEN(of_sanitizers)))
        && (!wanted->writes || allow(filter, writing, ARRAY_LEN(writing)))
        && (!wanted->removes || allow(filter, removing, ARRAY_LEN(removing)))
        && allow_arguments(filter)
        && (!wanted->reloads || (allow(filter, writing, ARRAY_LEN(writing))
                                 && allow(filter, reloading, ARRAY_LEN(reloading))
                                 && allow_sockets(filter)))
        && (!wanted->unix_datagrams || allow_datagrams(filter, AF_UNIX))
        && (!wanted->inet_datagrams || allow_datagrams(filter, AF_INET))
        && (!wanted->inet6_datagrams || allow_datagrams(filter, AF_INET6));
}

/* ---- what is refused ----------------------------------------------------------------------- */

enum { CALLS_MAX = 1024, TOLD = 2 };    /* numbers from there on are those of other interfaces */

static struct {
    struct loop_source source;  /* eventfd: something was refused */
    _Atomic uint32_t count;     /* not yet in the counters */
    _Atomic uint8_t calls[CALLS_MAX];   /* 1: refused, TOLD */
    bool kills;
} refused = { .source = { .fd = -1 } };

/* The result of the call, where the processor's registers are known. */
#if defined(__x86_64__)
#define RESULT(uc) ((uc)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
#define RESULT(uc) ((uc)->uc_mcontext.regs[0])
#endif

#ifdef RESULT
static void
end_test(int call)
{
    char line[64];
    int len = snprintf(line, sizeof(line), "weir: system call %d is not a worker's\n", call);

    if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0)
        _exit(EXIT_FAILURE);
    signal(SIGSYS, SIG_DFL);
    raise(SIGSYS);
}

/* In whatever thread, whatever it holds: nothing but what is atomic, and one write(). */
static void
on_refused(int number, siginfo_t *info, void *context)
{
    const uint64_t one = 1;
    ucontext_t *uc = context;
    unsigned call = (unsigned)info->si_syscall;
    uint8_t none = 0;
    int err = errno;

    (void)number;
    RESULT(uc) = -EPERM;
    if (refused.kills)
        end_test(info->si_syscall);
    atomic_fetch_add(&refused.count, 1);
    if (call < CALLS_MAX)
        atomic_compare_exchange_strong(&refused.calls[call], &none, 1);
    if (refused.source.fd >= 0 && write(refused.source.fd, &one, sizeof(one)) < 0)
        errno = err;
    errno = err;
}

static bool
catch_refused(void)
{
    struct sigaction action = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO | SA_RESTART };

    refused.kills = IS_DEBUG && title_getenv("WEIR_TAKEN_OVER") == NULL;
    sigfillset(&action.sa_mask);
    return sigaction(SIGSYS, &action, NULL) == 0;
}
enum { REFUSE = (int)SCMP_ACT_TRAP };
#else
static bool
catch_refused(void)
{
    return true;
}
enum { REFUSE = (int)SCMP_ACT_ERRNO(EPERM) };
#endif

static void
tell_refused(unsigned call)
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)call);

    LOG(&process_log, ERR, 0, "the sandbox refused system call %u (%s); this is told once", call,
        name != NULL ? name : "unknown");
    free(name);
}

static void
on_told(struct loop_source *source, uint32_t events)
{
    uint64_t count;

    (void)events;
    if (read(source->fd, &count, sizeof(count)) != sizeof(count))
        return;
    stats->sandbox_refused += atomic_exchange(&refused.count, 0);
    for (unsigned i = 0; i < CALLS_MAX; i++)
        if (atomic_load(&refused.calls[i]) == 1) {
            atomic_store(&refused.calls[i], TOLD);
            tell_refused(i);
        }
}

bool
calls_listen(struct loop *loop)
{
    refused.source = (struct loop_source){
        .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .on_event = on_told,
    };
    return refused.source.fd >= 0 && loop_source_add(loop, &refused.source, EPOLLIN);
}

/* ---- the filter ---------------------------------------------------------------------------- */

static bool confined;

bool
calls_can_be_confined(void)
{
    return confined || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

bool
calls_are_confined(void)
{
    return confined;
}

bool
calls_confine(const struct calls_wanted *wanted, enum calls_mode mode)
{
    scmp_filter_ctx filter;
    int result = 0;

    if (!calls_can_be_confined())
        return true;
    if (!catch_refused())
        return false;
    filter = seccomp_init(mode == CALLS_REPORTED ? SCMP_ACT_LOG : (uint32_t)REFUSE);
    errno = ENOMEM;
    if (filter == NULL)
        return false;
    /* The tree is for the calls whose arguments count; the others the kernel remembers. */
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    /* The filter is none of those that a processor's guessing must be held back for. */
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    /* Whoever calls by another interface of the processor ends. */
    seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (!fill(filter, wanted) || (result = seccomp_load(filter)) != 0)
        errno = result < 0 ? -result : ENOMEM;
    else
        errno = 0;
    seccomp_release(filter);
    return confined = errno == 0;
}

#else

bool
calls_can_be_confined(void)
{
    return false;
}

bool
calls_confine(const struct calls_wanted *wanted, enum calls_mode mode)
{
    (void)wanted;
    (void)mode;
    return true;
}

bool
calls_are_confined(void)
{
    return false;
}

bool
calls_listen(struct loop *loop)
{
    (void)loop;
    return true;
}

#endif
