/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_access: whether a user may open a file, and which folder on the way to it refuses.
 *
 * Root becomes the user, in a process of its own, and asks the kernel. Who is the user himself asks
 * the kernel, too. Anybody else works it out from owner, mode, groups and POSIX ACL, as far as he
 * can see them.
 */
#ifndef WEIR_PROC_DOCTOR_ACCESS_H
#define WEIR_PROC_DOCTOR_ACCESS_H

#include "base/arena.h"
#include "proc/settings.h"

#include <limits.h>
#include <sys/stat.h>

enum { ACCOUNT_GROUPS_MAX = 64, ACCOUNT_NAME_MAX = 64 };

struct account {
    bool is_known;
    uid_t uid;
    gid_t gid;
    gid_t groups[ACCOUNT_GROUPS_MAX];
    int group_count;            /* without those that are too many */
    char name[ACCOUNT_NAME_MAX];        /* or its number */
};

/* From the user database; a number that it does not know has no groups but gid. */
struct account account_of_uid(uid_t uid, gid_t gid);
/* Not known when there is no such user or group. group not set: the user's own. */
struct account account_of_user(const struct worker_user *user);
/* This process's own effective user. */
struct account account_self(void);
/* The name of an owner or group, or its number. */
void account_write_owner(char *text, size_t size, uid_t uid, gid_t gid);

enum account_method {
    ACCOUNT_IS_US,
    ACCOUNT_BECOME,             /* we are root */
    ACCOUNT_COMPUTE
};
enum account_method account_method(const struct account *account);

/* Whether mode bits alone let the account do what `how` says (R_OK, W_OK, X_OK or-ed). */
bool account_may(const struct account *account, const struct stat *st, int how);
/*
 * The same by the bytes of a "system.posix_acl_access" attribute (acl(5)), as the kernel does it.
 * Bytes that are no ACL grant nothing to anybody but the owner.
 */
bool account_may_acl(const struct account *account, const struct stat *st, const void *acl,
                     size_t len, int how);

/* A question, and what came of it. */
struct access_question {
    char path[PATH_MAX];        /* absolute */
    int how;                    /* R_OK, W_OK, X_OK or-ed: of what the path leads to */
    int err;                    /* 0: it may; EACCES, ENOENT, ENOTDIR, ELOOP … */
    bool is_hidden;             /* what lies on the way is not ours to see: nothing can be said */
    bool is_whole;              /* `at` is what the path leads to, not a folder on the way */
    char at[PATH_MAX];          /* without links: what refuses, what is missing, or the file */
};

enum { ACCESS_QUESTIONS_MAX = 4096 };

/*
 * So many questions, zeroed, in memory that a child of ours can write to. NULL with errno;
 * access_free in the end.
 */
struct access_question *access_create(size_t count);
void access_free(struct access_question *questions, size_t count);
/*
 * Answers them. False, told, when the user cannot be taken on; the answers are worth nothing then.
 */
bool access_ask(const struct account *account, enum account_method method,
                struct access_question *questions, size_t count);

#endif
