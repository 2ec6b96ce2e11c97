/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults: what can fail, made to fail on purpose. In debug builds alone.
 *
 * FAULT_TABLE has a row for each function of libc and of the libraries whose failure weir has to
 * live with. The linker sends each of our calls of it to a wrapper (--wrap), which counts, and at the
 * call that was asked for fails instead. The sources say nothing of it, and a release pays nothing.
 * Calls within a shared library are out of reach. What weir calls and no row is there for stands in
 * tests/e2e/no_faults, with the reason; test_faults.py fails when a function stands in neither.
 *
 * The environment says which call is to fail:
 *     WEIR_FAIL=N          the Nth, once
 *     WEIR_FAIL=N+         the Nth and all behind it; those that only wait (WAIT) but once in a row
 *     WEIR_FAIL=NAME:N     of the calls of one function
 *     WEIR_FAIL=N/2        in the second way of the row; rows without one do not count
 *     WEIR_FAIL=@FILE      whatever a struct faults at the begin of FILE says at the time
 * One count is kept for a process and all that it forks.
 */
#ifndef WEIR_BASE_FAULTS_H
#define WEIR_BASE_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* A way to fail that is none: half of the bytes. For files and streams of 16 bytes and more. */
    FAULT_SHORT = -1,

    FAULT_NAME_MAX = 32,        /* with the NUL */
    FAULT_DEPTH = 12,           /* return addresses that are kept, the innermost first */
    FAULT_CALLS_MAX = 1 << 16   /* calls that are written down */
};

/*
 * The rows. Each stands in a line of its own: the Makefile reads the names. The ways come last.
 *   FAIL(name, type, parameters, arguments, value of failure, errno…)
 *   WAIT     the same, of calls that only wait
 *   MOVE     the same, of calls that move `len` bytes and answer -1: may be FAULT_SHORT
 *   CODE(name, type, parameters, arguments, value…)     the failure is the value itself
 *   HAND(name, way…)         the wrapper is written by hand in faults.c
 * What a variadic function may be given is spelled as words, which all ABIs of Linux pass alike.
 */
#define FAULT_MEMORY(FAIL, WAIT, MOVE, CODE, HAND)                                                  \
    FAIL(malloc, void *, (size_t size), (size), NULL, ENOMEM)                                       \
    FAIL(calloc, void *, (size_t count, size_t size), (count, size), NULL, ENOMEM)                  \
    FAIL(realloc, void *, (void *p, size_t size), (p, size), NULL, ENOMEM)                          \
    FAIL(strdup, char *, (const char *s), (s), NULL, ENOMEM)                                        \
    CODE(posix_memalign, int, (void **p, size_t align, size_t size), (p, align, size), ENOMEM)      \
    FAIL(mmap, void *, (void *p, size_t n, int how, int flags, int fd, off_t at),                   \
         (p, n, how, flags, fd, at), MAP_FAILED, ENOMEM)                                            \
    FAIL(memfd_create, int, (const char *name, unsigned flags), (name, flags), -1, EMFILE)

#define FAULT_FILES(FAIL, WAIT, MOVE, CODE, HAND)                                                   \
    FAIL(open, int, (const char *path, int flags, long mode), (path, flags, mode), -1,              \
         EMFILE, EACCES, EINTR)                                                                     \
    FAIL(openat, int, (int dir, const char *path, int flags, long mode), (dir, path, flags, mode),  \
         -1, EMFILE, EACCES, EINTR)                                                                 \
    FAIL(fcntl, int, (int fd, int what, long value), (fd, what, value), -1, EMFILE)                 \
    FAIL(ioctl, int, (int fd, unsigned long what, long value), (fd, what, value), -1, ENOTTY)       \
    FAIL(syscall, long, (long number, long a, long b, long c, long d, long e, long f),              \
         (number, a, b, c, d, e, f), -1, EMFILE, ENOSYS, EPERM)                                     \
    FAIL(access, int, (const char *path, int how), (path, how), -1, EACCES)                         \
    FAIL(faccessat, int, (int dir, const char *path, int how, int flags),                           \
         (dir, path, how, flags), -1, EACCES)                                                       \
    FAIL(stat, int, (const char *path, struct stat *st), (path, st), -1, EACCES, ENOENT)            \
    FAIL(lstat, int, (const char *path, struct stat *st), (path, st), -1, EACCES, ENOENT)           \
    FAIL(fstat, int, (int fd, struct stat *st), (fd, st), -1, EIO)                                  \
    FAIL(fstatat, int, (int dir, const char *path, struct stat *st, int flags),                     \
         (dir, path, st, flags), -1, EACCES, ENOENT)                                                \
    FAIL(statx, int, (int dir, const char *path, int flags, unsigned mask, struct statx *st),       \
         (dir, path, flags, mask, st), -1, EIO, ENOSYS)                                             \
    FAIL(statfs, int, (const char *path, struct statfs *st), (path, st), -1, EACCES)                \
    FAIL(getxattr, ssize_t, (const char *path, const char *name, void *p, size_t size),             \
         (path, name, p, size), -1, ENOTSUP, ENODATA)                                               \
    FAIL(fstatfs, int, (int fd, struct statfs *st), (fd, st), -1, EIO)                              \
    FAIL(lseek, off_t, (int fd, off_t at, int whence), (fd, at, whence), -1, ESPIPE)                \
    MOVE(read, ssize_t, (int fd, void *p, size_t len), (fd, p, len), -1, EIO, EINTR, FAULT_SHORT)   \
    MOVE(pread, ssize_t, (int fd, void *p, size_t len, off_t at), (fd, p, len, at), -1,             \
         EIO, EINTR, FAULT_SHORT)                                                                   \
    FAIL(preadv2, ssize_t, (int fd, const struct iovec *iov, int n, off_t at, int flags),           \
         (fd, iov, n, at, flags), -1, EIO, EAGAIN, EOPNOTSUPP)                                      \
    MOVE(write, ssize_t, (int fd, const void *p, size_t len), (fd, p, len), -1,                     \
         ENOSPC, EINTR, FAULT_SHORT)                                                                \
    MOVE(sendfile, ssize_t, (int to, int from, off_t *at, size_t len), (to, from, at, len), -1,     \
         EIO, EAGAIN, FAULT_SHORT)                                                                  \
    MOVE(copy_file_range, ssize_t,                                                                  \
         (int from, off_t *at, int to, off_t *to_at, size_t len, unsigned flags),                   \
         (from, at, to, to_at, len, flags), -1, ENOSPC, EXDEV, FAULT_SHORT)                         \
    FAIL(fsync, int, (int fd), (fd), -1, EIO)                                                       \
    FAIL(ftruncate, int, (int fd, off_t len), (fd, len), -1, ENOSPC)                                \
    FAIL(futimens, int, (int fd, const struct timespec *times), (fd, times), -1, EPERM)             \
    FAIL(chmod, int, (const char *path, mode_t mode), (path, mode), -1, EPERM)                      \
    FAIL(fchmod, int, (int fd, mode_t mode), (fd, mode), -1, EPERM)                                 \
    FAIL(fchown, int, (int fd, uid_t uid, gid_t gid), (fd, uid, gid), -1, EPERM)                    \
    FAIL(fchownat, int, (int dir, const char *path, uid_t uid, gid_t gid, int flags),               \
         (dir, path, uid, gid, flags), -1, EPERM)                                                   \
    FAIL(mkdir, int, (const char *path, mode_t mode), (path, mode), -1, ENOSPC)                     \
    FAIL(mkdirat, int, (int dir, const char *path, mode_t mode), (dir, path, mode), -1, ENOSPC)     \
    FAIL(mkostemp, int, (char *path, int flags), (path, flags), -1, ENOSPC)                         \
    FAIL(linkat, int, (int from, const char *path, int to, const char *name, int flags),            \
         (from, path, to, name, flags), -1, ENOSPC, EEXIST)                                         \
    FAIL(symlinkat, int, (const char *text, int dir, const char *path), (text, dir, path), -1,      \
         ENOSPC)                                                                                    \
    FAIL(rename, int, (const char *from, const char *to), (from, to), -1, ENOSPC)                   \
    FAIL(renameat, int, (int from_dir, const char *from, int to_dir, const char *to),               \
         (from_dir, from, to_dir, to), -1, ENOSPC, EXDEV)                                           \
    FAIL(renameat2, int,                                                                            \
         (int from_dir, const char *from, int to_dir, const char *to, unsigned flags),              \
         (from_dir, from, to_dir, to, flags), -1, ENOSPC, EINVAL)                                   \
    FAIL(unlink, int, (const char *path), (path), -1, EACCES)                                       \
    FAIL(unlinkat, int, (int dir, const char *path, int flags), (dir, path, flags), -1, EACCES)     \
    FAIL(readlink, ssize_t, (const char *path, char *p, size_t size), (path, p, size), -1, EACCES)  \
    FAIL(readlinkat, ssize_t, (int dir, const char *path, char *p, size_t size),                    \
         (dir, path, p, size), -1, EACCES)                                                          \
    FAIL(realpath, char *, (const char *path, char *p), (path, p), NULL, EACCES, ENOMEM)            \
    FAIL(fdopendir, DIR *, (int fd), (fd), NULL, ENOMEM)                                            \
    FAIL(readdir, struct dirent *, (DIR *dir), (dir), NULL, EIO)                                    \
    FAIL(flock, int, (int fd, int how), (fd, how), -1, ENOLCK, EINTR)                               \
    FAIL(dup, int, (int fd), (fd), -1, EMFILE)                                                      \
    FAIL(dup2, int, (int fd, int to), (fd, to), -1, EMFILE)                                         \
    FAIL(getcwd, char *, (char *p, size_t size), (p, size), NULL, ENOENT)                           \
    FAIL(chdir, int, (const char *path), (path), -1, EACCES)                                        \
    CODE(glob, int, (const char *pattern, int flags, int (*fn)(const char *, int), glob_t *found),  \
         (pattern, flags, fn, found), GLOB_NOSPACE, GLOB_ABORTED)                                   \
    HAND(dprintf, ENOSPC)                                                                           \
    FAIL(fwrite, size_t, (const void *p, size_t size, size_t n, FILE *to), (p, size, n, to), 0,     \
         ENOSPC)                                                                                    \
    FAIL(fflush, int, (FILE *file), (file), EOF, ENOSPC)

#define FAULT_SOCKETS(FAIL, WAIT, MOVE, CODE, HAND)                                                 \
    FAIL(socket, int, (int family, int type, int protocol), (family, type, protocol), -1, EMFILE)   \
    FAIL(socketpair, int, (int family, int type, int protocol, int *fds),                           \
         (family, type, protocol, fds), -1, EMFILE)                                                 \
    FAIL(bind, int, (int fd, const struct sockaddr *sa, socklen_t n), (fd, sa, n), -1,              \
         EACCES, EADDRINUSE)                                                                        \
    FAIL(listen, int, (int fd, int backlog), (fd, backlog), -1, EADDRINUSE)                         \
    FAIL(accept4, int, (int fd, struct sockaddr *sa, socklen_t *n, int flags), (fd, sa, n, flags),  \
         -1, EMFILE, ECONNABORTED, ENOMEM)                                                          \
    FAIL(connect, int, (int fd, const struct sockaddr *sa, socklen_t n), (fd, sa, n), -1,           \
         ECONNREFUSED, EAGAIN)                                                                      \
    FAIL(getsockname, int, (int fd, struct sockaddr *sa, socklen_t *n), (fd, sa, n), -1, ENOBUFS)   \
    FAIL(getsockopt, int, (int fd, int level, int name, void *p, socklen_t *n),                     \
         (fd, level, name, p, n), -1, ENOPROTOOPT)                                                  \
    FAIL(setsockopt, int, (int fd, int level, int name, const void *p, socklen_t n),                \
         (fd, level, name, p, n), -1, ENOMEM)                                                       \
    MOVE(send, ssize_t, (int fd, const void *p, size_t len, int flags), (fd, p, len, flags), -1,    \
         EPIPE, EAGAIN, FAULT_SHORT)                                                                \
    FAIL(sendto, ssize_t,                                                                           \
         (int fd, const void *p, size_t n, int flags, const struct sockaddr *sa, socklen_t sa_len), \
         (fd, p, n, flags, sa, sa_len), -1, ENOBUFS, EAGAIN)                                        \
    HAND(sendmsg, ENOBUFS, EAGAIN, FAULT_SHORT)                                                       \
    MOVE(recv, ssize_t, (int fd, void *p, size_t len, int flags), (fd, p, len, flags), -1,          \
         ECONNRESET, EAGAIN, FAULT_SHORT)                                                           \
    FAIL(recvmsg, ssize_t, (int fd, struct msghdr *m, int flags), (fd, m, flags), -1,               \
         ENOMEM, EAGAIN)                                                                            \
    FAIL(shutdown, int, (int fd, int how), (fd, how), -1, ENOTCONN)                                 \
    CODE(getaddrinfo, int,                                                                          \
         (const char *name, const char *service, const struct addrinfo *hints,                      \
          struct addrinfo **found), (name, service, hints, found), EAI_MEMORY, EAI_AGAIN)           \
    CODE(getnameinfo, int,                                                                          \
         (const struct sockaddr *sa, socklen_t n, char *name, socklen_t name_size, char *service,   \
          socklen_t service_size, int flags),                                                       \
         (sa, n, name, name_size, service, service_size, flags), EAI_MEMORY)                        \
    FAIL(getifaddrs, int, (struct ifaddrs **found), (found), -1, ENOMEM)                            \
    FAIL(gethostname, int, (char *p, size_t size), (p, size), -1, ENAMETOOLONG)

#define FAULT_EVENTS(FAIL, WAIT, MOVE, CODE, HAND)                                                  \
    FAIL(epoll_create1, int, (int flags), (flags), -1, EMFILE)                                      \
    HAND(epoll_ctl, ENOSPC)                                                                         \
    WAIT(epoll_wait, int, (int fd, struct epoll_event *events, int n, int ms),                      \
         (fd, events, n, ms), -1, EINTR)                                                            \
    WAIT(poll, int, (struct pollfd *fds, nfds_t n, int ms), (fds, n, ms), -1, EINTR, ENOMEM)        \
    WAIT(waitpid, pid_t, (pid_t pid, int *status, int options), (pid, status, options), -1, EINTR)  \
    WAIT(nanosleep, int, (const struct timespec *time, struct timespec *rest), (time, rest), -1,    \
         EINTR)                                                                                     \
    FAIL(eventfd, int, (unsigned value, int flags), (value, flags), -1, EMFILE)                     \
    FAIL(signalfd, int, (int fd, const sigset_t *set, int flags), (fd, set, flags), -1, EMFILE)     \
    FAIL(pipe2, int, (int *fds, int flags), (fds, flags), -1, EMFILE)

#define FAULT_PROCESSES(FAIL, WAIT, MOVE, CODE, HAND)                                               \
    FAIL(fork, pid_t, (void), (), -1, EAGAIN)                                                       \
    FAIL(execve, int, (const char *path, char *const *args, char *const *env), (path, args, env),   \
         -1, ENOENT, ENOMEM)                                                                        \
    FAIL(kill, int, (pid_t pid, int number), (pid, number), -1, EPERM, ESRCH)                       \
    FAIL(setsid, pid_t, (void), (), -1, EPERM)                                                      \
    FAIL(setuid, int, (uid_t uid), (uid), -1, EAGAIN)                                               \
    FAIL(setgid, int, (gid_t gid), (gid), -1, EPERM)                                                \
    FAIL(initgroups, int, (const char *name, gid_t gid), (name, gid), -1, ENOMEM)                   \
    FAIL(getpwnam, struct passwd *, (const char *name), (name), NULL, ENOMEM, 0)                    \
    FAIL(getgrnam, struct group *, (const char *name), (name), NULL, ENOMEM, 0)                     \
    FAIL(getpwuid, struct passwd *, (uid_t uid), (uid), NULL, ENOMEM, 0)                            \
    FAIL(getgrgid, struct group *, (gid_t gid), (gid), NULL, ENOMEM, 0)                             \
    FAIL(getgrouplist, int, (const char *name, gid_t gid, gid_t *groups, int *count),               \
         (name, gid, groups, count), -1, ENOMEM)                                                    \
    FAIL(getgroups, int, (int count, gid_t *groups), (count, groups), -1, EINVAL)                   \
    FAIL(adjtimex, int, (struct timex *t), (t), -1, EPERM)                                          \
    FAIL(prctl, int, (int what, long a, long b, long c, long d), (what, a, b, c, d), -1,            \
         EPERM, EINVAL)                                                                             \
    FAIL(getrlimit, int, (int what, struct rlimit *limit), (what, limit), -1, EINVAL)               \
    FAIL(setrlimit, int, (int what, const struct rlimit *limit), (what, limit), -1, EPERM)          \
    FAIL(getpriority, int, (int what, id_t who), (what, who), -1, ESRCH)                            \
    FAIL(setpriority, int, (int what, id_t who, int value), (what, who, value), -1, EACCES)         \
    FAIL(sched_getaffinity, int, (pid_t pid, size_t size, cpu_set_t *set), (pid, size, set), -1,    \
         EINVAL)                                                                                    \
    FAIL(sched_setaffinity, int, (pid_t pid, size_t size, const cpu_set_t *set), (pid, size, set),  \
         -1, EINVAL)                                                                                \
    CODE(pthread_create, int,                                                                       \
         (pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *data),         \
         (thread, attr, run, data), EAGAIN)                                                         \
    CODE(pthread_mutex_init, int, (pthread_mutex_t *mutex, const pthread_mutexattr_t *attr),        \
         (mutex, attr), ENOMEM)                                                                     \
    CODE(pthread_mutexattr_setrobust, int, (pthread_mutexattr_t *attr, int how), (attr, how),       \
         ENOTSUP)                                                                                   \
    CODE(ttyname_r, int, (int fd, char *p, size_t size), (fd, p, size), ENOTTY)                     \
    FAIL(tcgetattr, int, (int fd, struct termios *t), (fd, t), -1, ENOTTY)                          \
    FAIL(tcsetattr, int, (int fd, int when, const struct termios *t), (fd, when, t), -1, EIO)       \
    FAIL(getrandom, ssize_t, (void *p, size_t n, unsigned flags), (p, n, flags), -1, EAGAIN, EINTR)

#define FAULT_LIBRARIES(FAIL, WAIT, MOVE, CODE, HAND)                                               \
    FAIL(crypt_r, char *, (const char *phrase, const char *setting, struct crypt_data *data),       \
         (phrase, setting, data), NULL, ENOMEM)                                                     \
    FAIL(crypt_gensalt_rn, char *,                                                                  \
         (const char *prefix, unsigned long count, const char *bytes, int n, char *p, int size),    \
         (prefix, count, bytes, n, p, size), NULL, ENOMEM)                                          \
    HAND(pcre2_compile_8, PCRE2_ERROR_HEAP_FAILED)                                                  \
    CODE(pcre2_jit_compile_8, int, (pcre2_code *code, uint32_t flags), (code, flags),               \
         PCRE2_ERROR_NOMEMORY)                                                                      \
    FAIL(pcre2_jit_stack_create_8, pcre2_jit_stack *,                                               \
         (size_t first, size_t most, pcre2_general_context *context), (first, most, context), NULL, \
         ENOMEM)                                                                                    \
    FAIL(pcre2_match_context_create_8, pcre2_match_context *, (pcre2_general_context *context),     \
         (context), NULL, ENOMEM)                                                                   \
    FAIL(pcre2_match_data_create_8, pcre2_match_data *,                                             \
         (uint32_t pairs, pcre2_general_context *context), (pairs, context), NULL, ENOMEM)          \
    CODE(pcre2_match_8, int,                                                                        \
         (const pcre2_code *code, PCRE2_SPTR text, PCRE2_SIZE n, PCRE2_SIZE at, uint32_t options,   \
          pcre2_match_data *data, pcre2_match_context *context),                                    \
         (code, text, n, at, options, data, context), PCRE2_ERROR_NOMEMORY,                         \
         PCRE2_ERROR_MATCHLIMIT, PCRE2_ERROR_JIT_STACKLIMIT)                                        \
    CODE(deflateInit2_, int,                                                                        \
         (z_streamp z, int level, int method, int bits, int memory, int strategy, const char *v,    \
          int size), (z, level, method, bits, memory, strategy, v, size), Z_MEM_ERROR)              \
    CODE(inflateInit2_, int, (z_streamp z, int bits, const char *v, int size), (z, bits, v, size),  \
         Z_MEM_ERROR)                                                                               \
    CODE(inflate, int, (z_streamp z, int flush), (z, flush), Z_MEM_ERROR, Z_DATA_ERROR)             \
    FAIL(EVP_MD_fetch, EVP_MD *, (OSSL_LIB_CTX *lib, const char *name, const char *properties),     \
         (lib, name, properties), NULL, ENOMEM)                                                     \
    FAIL(EVP_MD_CTX_new, EVP_MD_CTX *, (void), (), NULL, ENOMEM)                                    \
    FAIL(EVP_DigestInit_ex, int, (EVP_MD_CTX *to, const EVP_MD *md, ENGINE *engine),                \
         (to, md, engine), 0, ENOMEM)                                                               \
    FAIL(EVP_DigestUpdate, int, (EVP_MD_CTX *to, const void *p, size_t n), (to, p, n), 0, ENOMEM)   \
    FAIL(EVP_DigestFinal_ex, int, (EVP_MD_CTX *of, unsigned char *p, unsigned *n), (of, p, n), 0,   \
         ENOMEM)                                                                                    \
    FAIL(EVP_Digest, int,                                                                           \
         (const void *p, size_t n, unsigned char *to, unsigned *to_n, const EVP_MD *md,             \
          ENGINE *engine), (p, n, to, to_n, md, engine), 0, ENOMEM)                                 \
    FAIL(HMAC, unsigned char *,                                                                     \
         (const EVP_MD *md, const void *key, int key_n, const unsigned char *p, size_t n,           \
          unsigned char *to, unsigned *to_n), (md, key, key_n, p, n, to, to_n), NULL, ENOMEM)

/* Libraries that a build may do without. */
#define FAULT_LIBDEFLATE(FAIL, WAIT, MOVE, CODE, HAND)                                              \
    FAIL(libdeflate_alloc_compressor, struct libdeflate_compressor *, (int level), (level), NULL,   \
         ENOMEM)

#define FAULT_BROTLI(FAIL, WAIT, MOVE, CODE, HAND)                                                  \
    FAIL(BrotliEncoderCreateInstance, BrotliEncoderState *,                                         \
         (brotli_alloc_func alloc, brotli_free_func release, void *data), (alloc, release, data),   \
         NULL, ENOMEM)                                                                              \
    FAIL(BrotliEncoderCompressStream, int,                                                          \
         (BrotliEncoderState *state, BrotliEncoderOperation op, size_t *in, const uint8_t **from,   \
          size_t *out, uint8_t **to, size_t *total), (state, op, in, from, out, to, total), 0,      \
         ENOMEM)

#define FAULT_ZSTD(FAIL, WAIT, MOVE, CODE, HAND)                                                    \
    FAIL(ZSTD_createCCtx, ZSTD_CCtx *, (void), (), NULL, ENOMEM)                                    \
    FAIL(ZSTD_createCDict, ZSTD_CDict *, (const void *p, size_t n, int level), (p, n, level), NULL, \
         ENOMEM)                                                                                    \
    CODE(ZSTD_CCtx_refCDict, size_t, (ZSTD_CCtx *state, const ZSTD_CDict *dict), (state, dict),     \
         -(size_t)ZSTD_error_memory_allocation)                                                     \
    CODE(ZSTD_compressStream2, size_t,                                                              \
         (ZSTD_CCtx *state, ZSTD_outBuffer *out, ZSTD_inBuffer *in, ZSTD_EndDirective how),         \
         (state, out, in, how), -(size_t)ZSTD_error_memory_allocation)

#define FAULT_SECCOMP(FAIL, WAIT, MOVE, CODE, HAND)                                                 \
    FAIL(seccomp_init, scmp_filter_ctx, (uint32_t action), (action), NULL, ENOMEM)                  \
    CODE(seccomp_attr_set, int, (scmp_filter_ctx filter, enum scmp_filter_attr what, uint32_t to),  \
         (filter, what, to), -EINVAL)                                                               \
    CODE(seccomp_load, int, (scmp_filter_ctx filter), (filter), -ENOMEM)

/*
 * What is to fail and what came of it; shared by all processes. Written by whoever tests, but for
 * `met` and all behind it. tests/e2e/harness/faults.py knows this layout.
 */
struct faults {
    uint64_t at;                    /* 0: nothing is counted, nothing fails */
    uint32_t way;                   /* from 0 */
    uint32_t goes_on;               /* 1: and all behind it */
    uint32_t pid;                   /* of this process alone; 0: of all */
    uint32_t unused;
    char only[FAULT_NAME_MAX];      /* calls of this function alone; "": of all */

    uint64_t met;                   /* calls that counted */
    uint64_t failed;                /* calls that were made to fail */
    uint32_t first_pid;             /* the first of these: where and what */
    uint32_t depth;
    char first_name[FAULT_NAME_MAX];
    uint32_t first_stack[FAULT_DEPTH];      /* from the begin of the program in memory */

    /* Each call that counted, in turn. */
    struct faults_call {
        uint32_t from;              /* its return address, from the begin of the program */
        uint32_t way_here;          /* hash of the addresses that led here */
        char name[24];              /* cut */
    } calls[FAULT_CALLS_MAX];
};

/* Reads what WEIR_FAIL says, but for @FILE. False: it is none of the forms above. */
bool faults_parse(const char *text, struct faults *plan);

/* From now on these, counted from 1; NULL: none. For unit tests. */
void faults_arm(const struct faults *plan);

#endif
