/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/privileges.h"

#include "proc/tell.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CAPABILITY_WORDS = _LINUX_CAPABILITY_U32S_3 };

#define BIT(capability) ((uint64_t)1 << (capability))

/* Bits of those that are kept, by whoever this process is now. */
static uint64_t
kept(enum privileges left)
{
    const uint64_t reads = BIT(CAP_DAC_READ_SEARCH);
    const uint64_t writes = reads | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER);
    bool is_root = geteuid() == 0;

    switch (left) {
    case PRIVILEGES_WRITE: return is_root ? writes : 0;
    case PRIVILEGES_READ:  return is_root ? reads : 0;
    case PRIVILEGES_ALONE: return (is_root ? writes | BIT(CAP_CHOWN) : 0) | BIT(CAP_NET_BIND_SERVICE);
    }
    return 0;
}

/*
 * What root alone may set, so before the user changes. Who is not allowed to (EPERM: no root, or
 * one that was given less) has little to lose: no_new_privs does the rest.
 */
static void
bound(uint64_t keep)
{
    for (unsigned i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
        if ((keep & BIT(i)) == 0)
            prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED
          | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE
          | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED, 0, 0, 0);
}

static bool
become(const struct worker_user *user)
{
    if (setgid(user->gid) != 0) {
        tell(LEVEL_EMERG, errno, "setgid(%d) failed", (int)user->gid);
        return false;
    }
    if (initgroups(user->name.p, user->gid) != 0) {
        tell(LEVEL_EMERG, errno, "initgroups(%s, %d) failed", user->name.p, (int)user->gid);
        return false;
    }
    if (setuid(user->uid) != 0) {
        tell(LEVEL_EMERG, errno, "setuid(%d) failed", (int)user->uid);
        return false;
    }
    return true;
}

/* Those kept are what is there of them already: somebody may have started root without. */
static bool
drop_capabilities(uint64_t keep)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[CAPABILITY_WORDS] = { 0 };

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capget, &head, sets) != 0)
        return false;
    for (unsigned i = 0; i < CAPABILITY_WORDS; i++) {
        sets[i].permitted &= (uint32_t)(keep >> 32 * i);
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    return syscall(SYS_capset, &head, sets) == 0;
}

bool
privileges_drop(const struct worker_user *user, enum privileges left)
{
    bool changes = user != NULL && user->resolved && geteuid() == 0;

    bound(!changes || user->uid == 0 ? kept(left) : 0);
    if (changes && !become(user))
        return false;
    if (!drop_capabilities(kept(left))) {
        tell(LEVEL_EMERG, errno, "capset() failed");
        return false;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        return true;
    tell(LEVEL_EMERG, errno, "prctl(PR_SET_NO_NEW_PRIVS) failed");
    return false;
}
