/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/landlock.h"

#include "base/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of <linux/landlock.h>, which is older than the kernel on many a machine. */
enum { CALL_CREATE = 444, CALL_ADD = 445, CALL_RESTRICT = 446 };
enum { CREATE_VERSION = 1, RULE_PATH_BENEATH = 1 };

struct ruleset { uint64_t fs, net, scoped; };
struct path_rule { uint64_t access; int32_t fd; } __attribute__((packed));

enum {
    FS_EXECUTE     = 1 << 0,
    FS_WRITE_FILE  = 1 << 1,
    FS_READ_FILE   = 1 << 2,
    FS_READ_DIR    = 1 << 3,
    FS_REMOVE_DIR  = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_CHAR   = 1 << 6,
    FS_MAKE_DIR    = 1 << 7,
    FS_MAKE_REG    = 1 << 8,
    FS_MAKE_SOCK   = 1 << 9,
    FS_MAKE_FIFO   = 1 << 10,
    FS_MAKE_BLOCK  = 1 << 11,
    FS_MAKE_SYM    = 1 << 12,
    FS_REFER       = 1 << 13,   /* version 2 */
    FS_TRUNCATE    = 1 << 14,   /* version 3 */
    FS_IOCTL_DEV   = 1 << 15,   /* version 5 */
    NET_BIND_TCP   = 1 << 0,    /* version 4 */
    NET_CONNECT_TCP = 1 << 1,
    SCOPE_ABSTRACT_UNIX = 1 << 0,       /* version 6 */
    SCOPE_SIGNAL   = 1 << 1
};

enum {
    OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
    READS = FS_READ_FILE | FS_READ_DIR,
    WRITES = READS | FS_WRITE_FILE | FS_TRUNCATE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR
             | FS_MAKE_REG | FS_MAKE_SYM | FS_REFER,
    APPENDS = FS_WRITE_FILE | FS_MAKE_REG,
    REMOVES = FS_REMOVE_FILE,
    KEEPS = APPENDS | REMOVES | FS_TRUNCATE | FS_READ_DIR | FS_MAKE_SOCK
};

static bool enforced;
static int newest = INT_MAX;

int
landlock_version(void)
{
    static long version = -1;   /* asked once: later the walls may forbid it */

    if (version < 0)
        version = MAX(syscall(CALL_CREATE, NULL, 0, CREATE_VERSION), 0L);
    return (int)MIN(version, (long)newest);
}

void
landlock_pretend(int version)
{
    newest = version;
}

const char *
landlock_lacks(int version)
{
    static const char *const lacks[] = {
        "it has none",
        "files cannot be moved between folders, truncating and TCP are not confined",
        "truncating and TCP are not confined",
        "TCP is not confined",
        "devices may be controlled, signals and abstract sockets are not confined",
        "signals and abstract sockets are not confined",
    };

    return version >= 0 && version < LANDLOCK_NEWEST ? lacks[version] : "nothing";
}

/* All rights over files that the version knows. */
static uint64_t
all_of_files(int version)
{
    uint64_t all = (uint64_t)FS_MAKE_SYM * 2 - 1;

    if (version >= 2)
        all |= FS_REFER;
    if (version >= 3)
        all |= FS_TRUNCATE;
    if (version >= 5)
        all |= FS_IOCTL_DEV;
    return all;
}

bool
landlock_begin(struct landlock *walls, unsigned open)
{
    struct ruleset rules = { 0 };
    size_t size = offsetof(struct ruleset, net);

    walls->version = landlock_version();
    walls->rules = 0;
    rules.fs = all_of_files(walls->version);
    if (walls->version >= 4) {
        rules.net = NET_CONNECT_TCP | ((open & LANDLOCK_BINDS) == 0 ? NET_BIND_TCP : 0);
        size = offsetof(struct ruleset, scoped);
    }
    if (walls->version >= 6) {
        rules.scoped = SCOPE_SIGNAL | ((open & LANDLOCK_ABSTRACT) == 0 ? SCOPE_ABSTRACT_UNIX : 0);
        size = sizeof(rules);
    }
    walls->fd = (int)syscall(CALL_CREATE, &rules, size, 0);
    return walls->fd >= 0;
}

static uint64_t
rights_of(enum landlock_access access)
{
    switch (access) {
    case LANDLOCK_READ:   return READS;
    case LANDLOCK_WRITE:  return WRITES;
    case LANDLOCK_APPEND: return APPENDS;
    case LANDLOCK_KEEP:   return KEEPS;
    case LANDLOCK_REMOVE: return REMOVES;
    }
    return 0;
}

bool
landlock_allow(struct landlock *walls, const char *path, enum landlock_access access)
{
    int fd = open(path, O_PATH | O_CLOEXEC), err;
    struct path_rule rule = { rights_of(access), fd };
    struct stat st;
    bool ok;

    if (fd < 0)
        return false;
    rule.access &= all_of_files(walls->version);
    ok = fstat(fd, &st) == 0;
    if (ok && !S_ISDIR(st.st_mode))
        rule.access &= OF_FILES;
    ok = ok && syscall(CALL_ADD, walls->fd, RULE_PATH_BENEATH, &rule, 0) == 0;
    walls->rules += ok;
    err = errno;
    close(fd);
    errno = err;
    return ok;
}

bool
landlock_enforce(struct landlock *walls)
{
    bool ok = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
              && syscall(CALL_RESTRICT, walls->fd, 0) == 0;
    int err = errno;

    close(walls->fd);
    walls->fd = -1;
    enforced = enforced || ok;
    errno = err;
    return ok;
}

bool
landlock_refused(const char *path, int mode, int err)
{
    int kept = errno;
    bool is = enforced && err == EACCES
              && faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;

    errno = kept;
    return is;
}
