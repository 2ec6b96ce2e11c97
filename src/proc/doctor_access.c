/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/doctor_access.h"

#include "base/str.h"
#include "proc/privileges.h"
#include "proc/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };        /* as the kernel's own limit */

/* ---- accounts ------------------------------------------------------------------------------ */

static void
take_groups(struct account *a, const char *name)
{
    int n = ACCOUNT_GROUPS_MAX;

    if (getgrouplist(name, a->gid, a->groups, &n) >= 0) {
        a->group_count = n;
    } else if (n > ACCOUNT_GROUPS_MAX) {        /* as many as there is room for are there */
        a->group_count = ACCOUNT_GROUPS_MAX;
    } else {
        a->groups[0] = a->gid;
        a->group_count = 1;
    }
}

struct account
account_of_uid(uid_t uid, gid_t gid)
{
    const struct passwd *pw = getpwuid(uid);
    struct account a = { .is_known = true, .uid = uid, .gid = gid, .groups = { gid },
                         .group_count = 1 };

    if (pw == NULL) {
        snprintf(a.name, sizeof(a.name), "%u", (unsigned)uid);
        return a;
    }
    snprintf(a.name, sizeof(a.name), "%s", pw->pw_name);
    take_groups(&a, pw->pw_name);
    return a;
}

struct account
account_of_user(const struct worker_user *user)
{
    const struct passwd *pw = getpwnam(user->name.p);
    struct account a = { .is_known = pw != NULL };
    const struct group *gr;

    snprintf(a.name, sizeof(a.name), "%s", user->name.p);
    if (pw == NULL)
        return a;
    a.uid = pw->pw_uid;
    a.gid = pw->pw_gid;
    gr = getgrnam(str_is_set(user->group) ? user->group.p : user->name.p);
    if (gr != NULL)
        a.gid = gr->gr_gid;
    else if (str_is_set(user->group))
        a.is_known = false;
    take_groups(&a, user->name.p);
    return a;
}

struct account
account_self(void)
{
    struct account a = account_of_uid(geteuid(), getegid());
    int n = getgroups(ACCOUNT_GROUPS_MAX, a.groups);

    if (n < 0)                  /* more than there is room for: those of the database will do */
        return a;
    a.group_count = MIN(n, (int)ACCOUNT_GROUPS_MAX - 1);
    a.groups[a.group_count++] = a.gid;
    return a;
}

void
account_write_owner(char *text, size_t size, uid_t uid, gid_t gid)
{
    const struct passwd *pw = getpwuid(uid);
    const struct group *gr = getgrgid(gid);
    char user[16], group[16];

    snprintf(user, sizeof(user), "%u", (unsigned)uid);
    snprintf(group, sizeof(group), "%u", (unsigned)gid);
    snprintf(text, size, "%s:%s", pw != NULL ? pw->pw_name : user,
             gr != NULL ? gr->gr_name : group);
}

enum account_method
account_method(const struct account *account)
{
    if (account->uid == geteuid())
        return ACCOUNT_IS_US;
    return geteuid() == 0 ? ACCOUNT_BECOME : ACCOUNT_COMPUTE;
}

/* ---- owner, mode, ACL ---------------------------------------------------------------------- */

static bool
is_member(const struct account *account, gid_t gid)
{
    for (int i = 0; i < account->group_count; i++)
        if (account->groups[i] == gid)
            return true;
    return account->gid == gid;
}

bool
account_may(const struct account *account, const struct stat *st, int how)
{
    mode_t bits = st->st_mode;

    if (account->uid == 0)
        return true;
    if (account->uid == st->st_uid)
        bits >>= 6;
    else if (is_member(account, st->st_gid))
        bits >>= 3;
    return (bits & (mode_t)how) == (mode_t)how;
}

/* As the kernel stores it, little-endian: a version, then entries. */
enum {
    ACL_VERSION = 2,
    ACL_USER_OBJ = 1, ACL_USER = 2, ACL_GROUP_OBJ = 4, ACL_GROUP = 8, ACL_MASK = 16, ACL_OTHER = 32,
    ACL_HEAD_BYTES = 4, ACL_ENTRY_BYTES = 8
};

struct acl_entry {
    unsigned tag, bits;
    uint32_t id;
};

static uint32_t
little(const uint8_t *p, unsigned bytes)
{
    uint32_t v = 0;

    while (bytes-- > 0)
        v = v << 8 | p[bytes];
    return v;
}

static struct acl_entry
acl_entry(const uint8_t *acl, size_t i)
{
    const uint8_t *p = acl + ACL_HEAD_BYTES + i * ACL_ENTRY_BYTES;

    return (struct acl_entry){ little(p, 2), little(p + 2, 2), little(p + 4, 4) };
}

/* Bits that a tag has; `otherwise` when there is no such entry. */
static unsigned
acl_bits(const uint8_t *acl, size_t count, unsigned tag, unsigned otherwise)
{
    for (size_t i = 0; i < count; i++) {
        struct acl_entry e = acl_entry(acl, i);

        if (e.tag == tag)
            return e.bits;
    }
    return otherwise;
}

static bool
has(unsigned bits, int how)
{
    return (bits & (unsigned)how) == (unsigned)how;
}

bool
account_may_acl(const struct account *account, const struct stat *st, const void *acl, size_t len,
                int how)
{
    const uint8_t *p = acl;
    size_t count = len < ACL_HEAD_BYTES ? 0 : (len - ACL_HEAD_BYTES) / ACL_ENTRY_BYTES;
    bool is_in_group = false;
    unsigned mask;

    if (account->uid == 0)
        return true;
    if ((st->st_mode & S_IRWXG) == 0)   /* where the mask is empty the kernel does not look at it */
        return account_may(account, st, how);
    if (count == 0 || little(p, 4) != ACL_VERSION)
        return account->uid == st->st_uid && account_may(account, st, how);
    if (account->uid == st->st_uid)
        return has(acl_bits(p, count, ACL_USER_OBJ, 0), how);
    mask = acl_bits(p, count, ACL_MASK, 7);
    for (size_t i = 0; i < count; i++) {
        struct acl_entry e = acl_entry(p, i);

        if (e.tag == ACL_USER && e.id == account->uid)
            return has(e.bits & mask, how);
    }
    for (size_t i = 0; i < count; i++) {
        struct acl_entry e = acl_entry(p, i);

        if (!(e.tag == ACL_GROUP_OBJ && is_member(account, st->st_gid))
            && !(e.tag == ACL_GROUP && is_member(account, e.id)))
            continue;
        if (has(e.bits & mask, how))
            return true;
        is_in_group = true;
    }
    return !is_in_group && has(acl_bits(p, count, ACL_OTHER, 0), how);
}

/* ---- the way to a file --------------------------------------------------------------------- */

/* NULL: the kernel is asked, for this process. */
typedef const struct account *judge;

static int
ask_one(judge account, const char *path, int how)
{
    uint8_t acl[4096];
    struct stat st;
    ssize_t n;

    if (account == NULL)
        return faccessat(AT_FDCWD, path, how, AT_EACCESS) == 0 ? 0 : errno;
    if (stat(path, &st) != 0)
        return errno;
    n = getxattr(path, "system.posix_acl_access", acl, sizeof(acl));
    if (n > 0)
        return account_may_acl(account, &st, acl, (size_t)n, how) ? 0 : EACCES;
    return account_may(account, &st, how) ? 0 : EACCES;
}

/* Where a question is on its way: `at` is real, `rest` is still to be walked. */
struct way {
    struct access_question *q;
    char rest[PATH_MAX];
    unsigned links;
};

/* The next name of rest, which it leaves; empty at its end. False: it is too long. */
static bool
next_name(struct way *way, char name[NAME_MAX + 1])
{
    const char *from = way->rest + strspn(way->rest, "/");
    size_t len = strcspn(from, "/");

    if (len > NAME_MAX)
        return false;
    memcpy(name, from, len);
    name[len] = '\0';
    memmove(way->rest, from + len, strlen(from + len) + 1);
    return true;
}

static void
go_up(char *at)
{
    char *slash = strrchr(at, '/');

    slash[slash == at ? 1 : 0] = '\0';
}

/* What the link leads to comes before the rest. */
static int
follow(struct way *way, const char *link)
{
    char target[PATH_MAX], whole[PATH_MAX];
    ssize_t n = readlink(link, target, sizeof(target) - 1);
    int written;

    if (n < 0)
        return errno;
    if (++way->links > LINKS_MAX)
        return ELOOP;
    target[n] = '\0';
    written = snprintf(whole, sizeof(whole), "%s/%s", target, way->rest);
    if (written < 0 || (size_t)written >= sizeof(whole))
        return ENAMETOOLONG;
    memcpy(way->rest, whole, (size_t)written + 1);
    if (target[0] == '/')
        memcpy(way->q->at, "/", 2);
    return 0;
}

static bool
is_at_end(const struct way *way)
{
    return way->rest[strspn(way->rest, "/")] == '\0';
}

/* One name further, in a folder that may be searched. */
static int
step(struct way *way, const char *name)
{
    struct access_question *q = way->q;
    char next[PATH_MAX];
    struct stat st;
    int err = 0, n = snprintf(next, sizeof(next), "%s/%s", q->at[1] == '\0' ? "" : q->at, name);

    if (n < 0 || (size_t)n >= sizeof(next))
        return ENAMETOOLONG;
    if (lstat(next, &st) != 0)
        err = errno;
    else if (S_ISLNK(st.st_mode))
        return follow(way, next);
    memcpy(q->at, next, (size_t)n + 1);
    if (err == 0 && !S_ISDIR(st.st_mode) && way->rest[0] != '\0')
        err = ENOTDIR;
    q->is_whole = is_at_end(way);
    return err;
}

static void
walk(judge account, struct access_question *q)
{
    struct way way = { .q = q };
    char name[NAME_MAX + 1] = "";

    memcpy(way.rest, q->path, sizeof(way.rest));
    memcpy(q->at, "/", 2);
    q->err = 0;
    while (q->err == 0 && !is_at_end(&way)) {
        q->is_whole = false;
        q->err = ask_one(account, q->at, X_OK);
        if (q->err != 0)
            break;
        if (!next_name(&way, name))
            q->err = ENAMETOOLONG;
        else if (strcmp(name, "..") == 0)
            go_up(q->at);
        else if (name[0] != '\0' && strcmp(name, ".") != 0)
            q->err = step(&way, name);
        /* What the account may search, and we may not. */
        if (q->err == EACCES)
            q->is_hidden = account != NULL;
    }
    if (q->err == 0) {
        q->is_whole = true;
        q->err = ask_one(account, q->at, q->how);
    }
}

/* ---- all questions ------------------------------------------------------------------------- */

struct access_question *
access_create(size_t count)
{
    void *p = mmap(NULL, count * sizeof(struct access_question), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return p != MAP_FAILED ? p : NULL;
}

void
access_free(struct access_question *questions, size_t count)
{
    if (questions != NULL)
        munmap(questions, count * sizeof(*questions));
}

static void
walk_all(judge account, struct access_question *questions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        walk(account, &questions[i]);
}

/* In a child, which ends with it: what a worker gave up cannot be taken back. */
static bool
ask_as(const struct account *account, struct access_question *questions, size_t count)
{
    const struct worker_user user = { .name = str_of(account->name), .resolved = true,
                                      .uid = account->uid, .gid = account->gid };
    pid_t pid = fork();
    int status = 0;

    if (pid < 0) {
        tell(LEVEL_EMERG, errno, "fork() failed");
        return false;
    }
    if (pid == 0) {
        if (!privileges_drop(&user, PRIVILEGES_WRITE))
            _exit(EXIT_FAILURE);
        walk_all(NULL, questions, count);
        _exit(EXIT_SUCCESS);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

bool
access_ask(const struct account *account, enum account_method method,
           struct access_question *questions, size_t count)
{
    switch (method) {
    case ACCOUNT_BECOME:
        return ask_as(account, questions, count);
    case ACCOUNT_IS_US:
        walk_all(NULL, questions, count);
        return true;
    case ACCOUNT_COMPUTE:
        walk_all(account, questions, count);
        return true;
    }
    return false;
}
