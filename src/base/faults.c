/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults: the wrappers that the linker puts between us and the libraries in a debug build.
 *
 * What is called here by its plain name would come back here: this file calls __real_NAME.
 */
#include "base/faults.h"
#include "base/compiler.h"

#include "config.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <crypt.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pcre2.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>
#include <zlib.h>
#if WEIR_HAVE_LIBDEFLATE
#include <libdeflate.h>
#else
#undef FAULT_LIBDEFLATE
#define FAULT_LIBDEFLATE(FAIL, WAIT, MOVE, CODE, HAND)
#endif
#if WEIR_HAVE_BROTLI
#include <brotli/encode.h>
#else
#undef FAULT_BROTLI
#define FAULT_BROTLI(FAIL, WAIT, MOVE, CODE, HAND)
#endif
#if WEIR_HAVE_SECCOMP
#include <seccomp.h>
#else
#undef FAULT_SECCOMP
#define FAULT_SECCOMP(FAIL, WAIT, MOVE, CODE, HAND)
#endif
#if WEIR_HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#else
#undef FAULT_ZSTD
#define FAULT_ZSTD(FAIL, WAIT, MOVE, CODE, HAND)
#endif

#define FAULT_TABLE(FAIL, WAIT, MOVE, CODE, HAND)       \
    FAULT_MEMORY(FAIL, WAIT, MOVE, CODE, HAND)          \
    FAULT_FILES(FAIL, WAIT, MOVE, CODE, HAND)           \
    FAULT_SOCKETS(FAIL, WAIT, MOVE, CODE, HAND)         \
    FAULT_EVENTS(FAIL, WAIT, MOVE, CODE, HAND)          \
    FAULT_PROCESSES(FAIL, WAIT, MOVE, CODE, HAND)       \
    FAULT_LIBRARIES(FAIL, WAIT, MOVE, CODE, HAND)       \
    FAULT_LIBDEFLATE(FAIL, WAIT, MOVE, CODE, HAND)      \
    FAULT_BROTLI(FAIL, WAIT, MOVE, CODE, HAND)          \
    FAULT_ZSTD(FAIL, WAIT, MOVE, CODE, HAND)            \
    FAULT_SECCOMP(FAIL, WAIT, MOVE, CODE, HAND)

/* The names that --wrap asks for, and nobody else calls. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#if defined(__clang__)
#pragma GCC diagnostic ignored "-Wreserved-identifier"
#endif

/* ---- which call it is ---------------------------------------------------------------------- */

/* NULL: nothing was asked for. */
static struct faults *faults;

extern const char __executable_start[], etext[];

static uint32_t
offset_of(const void *address)
{
    return (uint32_t)((const char *)address - __executable_start);
}

static bool
is_ours(const void *address)
{
    return (const char *)address >= __executable_start && (const char *)address < etext;
}

/*
 * The return addresses that led here, by the frame pointers of debug builds; the first caller that
 * is not ours ends it. Returns how many.
 */
__attribute__((no_sanitize("address", "undefined")))
static uint32_t
walk(void *const *frame, const void *caller, uint32_t stack[FAULT_DEPTH])
{
    uint32_t n = 0;

    stack[n++] = offset_of(caller);
#if defined(__x86_64__) || defined(__aarch64__)
    while (n < FAULT_DEPTH) {
        void *const *older = (void *const *)frame[0];

        if (older <= frame || (const char *)older - (const char *)frame > 1 << 20
            || ((uintptr_t)older & (sizeof(void *) - 1)) != 0 || !is_ours(older[1]))
            break;
        stack[n++] = offset_of(older[1]);
        frame = older;
    }
#else
    (void)frame;
#endif
    return n;
}

static uint32_t
hash_of(const uint32_t *stack, uint32_t depth)
{
    uint32_t hash = 2166136261U;

    for (uint32_t i = 0; i < depth; i++)
        hash = (hash ^ stack[i]) * 16777619U;
    return hash;
}

struct row {
    const char *name;
    const long *ways;
    size_t count;
    bool waits;
    bool *has_failed;           /* of `waits`: its last call was made to fail */
};

static bool
counts(const struct row *row, uint32_t way)
{
    return way < row->count && (faults->only[0] == '\0' || strcmp(faults->only, row->name) == 0)
           && (faults->pid == 0 || faults->pid == (uint32_t)getpid());
}

static void
keep_first(const struct row *row, const uint32_t *stack, uint32_t depth)
{
    faults->first_pid = (uint32_t)getpid();
    snprintf(faults->first_name, sizeof(faults->first_name), "%s", row->name);
    memcpy(faults->first_stack, stack, depth * sizeof(*stack));
    __atomic_store_n(&faults->depth, depth, __ATOMIC_RELEASE);
}

/* The way in which this call is to fail; 0: it is not. */
static long
meet(const struct row *row, void *const *frame, const void *caller)
{
    uint64_t at = __atomic_load_n(&faults->at, __ATOMIC_ACQUIRE);
    uint32_t way = faults->way, stack[FAULT_DEPTH], depth;
    int err = errno;
    uint64_t met;

    if (at == 0 || !counts(row, way))
        return 0;
    depth = walk(frame, caller, stack);
    met = __atomic_add_fetch(&faults->met, 1, __ATOMIC_ACQ_REL);
    if (met <= FAULT_CALLS_MAX) {
        struct faults_call *call = &faults->calls[met - 1];

        call->from = stack[0];
        call->way_here = hash_of(stack, depth);
        snprintf(call->name, sizeof(call->name), "%s", row->name);
    }
    errno = err;
    if (met < at || (met > at && faults->goes_on == 0))
        return 0;
    if (row->waits && faults->goes_on != 0 && (*row->has_failed = !*row->has_failed) == false)
        return 0;
    if (__atomic_add_fetch(&faults->failed, 1, __ATOMIC_ACQ_REL) == 1)
        keep_first(row, stack, depth);
    return row->ways[way];
}

/* ---- the wrappers -------------------------------------------------------------------------- */

#define WAYS(...) (const long[]){ __VA_ARGS__ }

#define MEET(fn, is_waiting, ...)                                                                   \
    static bool has_failed;                                                                         \
    const struct row row = { #fn, WAYS(__VA_ARGS__), ARRAY_LEN(WAYS(__VA_ARGS__)), is_waiting,      \
                             &has_failed };                                                         \
    long way = LIKELY(faults == NULL) ? 0                                                           \
        : meet(&row, __builtin_frame_address(0), __builtin_return_address(0))

#define WRAPPER(fn, type, params, args, failure, is_waiting, ...)                                   \
    type __real_##fn params;                                                                        \
    type __wrap_##fn params;                                                                        \
    type                                                                                            \
    __wrap_##fn params                                                                              \
    {                                                                                               \
        MEET(fn, is_waiting, __VA_ARGS__);                                                          \
                                                                                                    \
        if (way == 0)                                                                               \
            return __real_##fn args;                                                                \
        errno = (int)way;                                                                           \
        return failure;                                                                             \
    }

#define FAIL(fn, type, params, args, failure, ...)                                                  \
    WRAPPER(fn, type, params, args, failure, false, __VA_ARGS__)
#define WAIT(fn, type, params, args, failure, ...)                                                  \
    WRAPPER(fn, type, params, args, failure, true, __VA_ARGS__)

#define CODE(fn, type, params, args, ...)                                                           \
    type __real_##fn params;                                                                        \
    type __wrap_##fn params;                                                                        \
    type                                                                                            \
    __wrap_##fn params                                                                              \
    {                                                                                               \
        MEET(fn, false, __VA_ARGS__);                                                               \
                                                                                                    \
        return way == 0 ? __real_##fn args : (type)way;                                             \
    }

#define MOVE(fn, type, params, args, failure, ...)                                                  \
    type __real_##fn params;                                                                        \
    type __wrap_##fn params;                                                                        \
    type                                                                                            \
    __wrap_##fn params                                                                              \
    {                                                                                               \
        MEET(fn, false, __VA_ARGS__);                                                               \
                                                                                                    \
        if (way > 0) {                                                                              \
            errno = (int)way;                                                                       \
            return failure;                                                                         \
        }                                                                                           \
        if (way == FAULT_SHORT)                                                                     \
            len = half_of(FIRST args, len);                                                         \
        return __real_##fn args;                                                                    \
    }
#define FIRST(fd, ...) fd

#define HAND(fn, ...)

int __real_fstat(int fd, struct stat *st);
int __real_getsockopt(int fd, int level, int name, void *p, socklen_t *n);

/* A message or the word of an eventfd comes whole or not at all. */
static bool
may_be_cut(int fd)
{
    int type = 0;
    socklen_t n = sizeof(type);
    struct stat st;

    if (__real_fstat(fd, &st) != 0)
        return false;
    if (S_ISSOCK(st.st_mode))
        return __real_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM;
    return S_ISREG(st.st_mode);
}

static size_t
half_of(int fd, size_t len)
{
    return len >= 16 && may_be_cut(fd) ? len / 2 : len;
}

FAULT_TABLE(FAIL, WAIT, MOVE, CODE, HAND)

ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
pcre2_code *__real_pcre2_compile_8(PCRE2_SPTR text, PCRE2_SIZE n, uint32_t options, int *error,
                                   PCRE2_SIZE *at, pcre2_compile_context *context);
pcre2_code *__wrap_pcre2_compile_8(PCRE2_SPTR text, PCRE2_SIZE n, uint32_t options, int *error,
                                   PCRE2_SIZE *at, pcre2_compile_context *context);

/* The first half of the bytes. */
static ssize_t
send_half(int fd, const struct msghdr *m, int flags)
{
    struct iovec iov[64];
    struct msghdr half = *m;
    size_t left = 0;

    if (m->msg_iovlen > ARRAY_LEN(iov))
        return __real_sendmsg(fd, m, flags);
    for (size_t i = 0; i < m->msg_iovlen; i++)
        left += m->msg_iov[i].iov_len;
    left = half_of(fd, left);
    half.msg_iov = iov;
    for (size_t i = 0; i < m->msg_iovlen; i++) {
        iov[i] = m->msg_iov[i];
        iov[i].iov_len = MIN(iov[i].iov_len, left);
        left -= iov[i].iov_len;
    }
    return __real_sendmsg(fd, &half, flags);
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
    MEET(sendmsg, false, ENOBUFS, EAGAIN, FAULT_SHORT);

    if (way == 0)
        return __real_sendmsg(fd, m, flags);
    if (way == FAULT_SHORT)
        return send_half(fd, m, flags);
    errno = (int)way;
    return -1;
}

int __real_epoll_ctl(int fd, int op, int of, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int op, int of, struct epoll_event *event);

/* Memory is needed for what is added or changed: to remove cannot fail. */
int
__wrap_epoll_ctl(int fd, int op, int of, struct epoll_event *event)
{
    if (op == EPOLL_CTL_DEL)
        return __real_epoll_ctl(fd, op, of, event);

    MEET(epoll_ctl, false, ENOSPC);

    if (way == 0)
        return __real_epoll_ctl(fd, op, of, event);
    errno = (int)way;
    return -1;
}

int __wrap_dprintf(int fd, const char *fmt, ...);

PRINTF_LIKE(2, 3)
int
__wrap_dprintf(int fd, const char *fmt, ...)
{
    MEET(dprintf, false, ENOSPC);
    va_list args;
    int n = -1;

    if (way != 0) {
        errno = (int)way;
        return n;
    }
    va_start(args, fmt);
    n = vdprintf(fd, fmt, args);
    va_end(args);
    return n;
}

pcre2_code *
__wrap_pcre2_compile_8(PCRE2_SPTR text, PCRE2_SIZE n, uint32_t options, int *error, PCRE2_SIZE *at,
                       pcre2_compile_context *context)
{
    MEET(pcre2_compile_8, false, PCRE2_ERROR_HEAP_FAILED);

    if (way == 0)
        return __real_pcre2_compile_8(text, n, options, error, at, context);
    *error = (int)way;
    *at = 0;
    return NULL;
}

/* ---- what is asked for --------------------------------------------------------------------- */

static bool
parse_count(const char **p, uint64_t *count)
{
    *count = 0;
    if (**p < '0' || **p > '9')
        return false;
    for (; **p >= '0' && **p <= '9'; ++*p)
        if (__builtin_mul_overflow(*count, 10, count)
            || __builtin_add_overflow(*count, (uint64_t)(**p - '0'), count))
            return false;
    return *count > 0;
}

bool
faults_parse(const char *text, struct faults *plan)
{
    const char *colon = strchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    uint64_t way = 1;

    if (len >= sizeof(plan->only))
        return false;
    memset(plan->only, 0, sizeof(plan->only));
    memcpy(plan->only, text, len);
    if (colon != NULL)
        text = colon + 1;
    if (!parse_count(&text, &plan->at))
        return false;
    plan->goes_on = *text == '+';
    text += plan->goes_on;
    if (*text == '/' && (++text, !parse_count(&text, &way) || way > UINT32_MAX))
        return false;
    plan->way = (uint32_t)way - 1;
    return *text == '\0';
}

/* Of a file or, without one, of a process and all that it forks. */
static struct faults *
map(int fd)
{
    void *p = __real_mmap(NULL, sizeof(struct faults), PROT_READ | PROT_WRITE,
                          MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

    return p != MAP_FAILED ? p : NULL;
}

static struct faults *
map_file(const char *path)
{
    struct stat st;
    int fd = __real_open(path, O_RDWR | O_CLOEXEC, 0);
    struct faults *mapped = NULL;

    if (fd < 0)
        return NULL;
    if (__real_fstat(fd, &st) == 0 && (size_t)st.st_size >= sizeof(struct faults))
        mapped = map(fd);
    close(fd);
    return mapped;
}

void
faults_arm(const struct faults *plan)
{
    static struct faults *mine;

    faults = NULL;
    if (plan == NULL)
        return;
    if (mine == NULL)
        mine = map(-1);
    if (mine == NULL)
        abort();
    memset(mine, 0, offsetof(struct faults, calls));
    mine->way = plan->way;
    mine->goes_on = plan->goes_on;
    mine->pid = plan->pid;
    memcpy(mine->only, plan->only, sizeof(mine->only));
    mine->at = plan->at;
    faults = mine;
}

/* Before main(), so that no call is missed. */
__attribute__((constructor))
static void
begin(void)
{
    static struct faults plan;
    const char *text = getenv("WEIR_FAIL");

    if (text == NULL || *text == '\0')
        return;
    if (*text == '@') {
        faults = map_file(text + 1);
        if (faults != NULL)
            return;
    } else if (faults_parse(text, &plan)) {
        faults_arm(&plan);
        return;
    }
    fprintf(stderr, "weir: WEIR_FAIL=%s is no fault: NUMBER[+], NAME:NUMBER[+], NUMBER/WAY or "
            "@FILE, whose size is at least %zu\n", text, sizeof(struct faults));
    exit(EXIT_FAILURE);
}
