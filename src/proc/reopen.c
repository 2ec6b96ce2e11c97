/* SPDX-License-Identifier: BSD-2-Clause */
/* reopen: log files opened anew, for the master and all workers; and those that weir rotates. */
#include "proc/master_parts.h"

#include "base/map.h"
#include "proc/channel.h"
#include "proc/daemon.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* Workers must be able to open it themselves when they are asked to. */
static void
give_to_workers(const struct log_file *file, const struct worker_user *user)
{
    struct stat st;

    if (!user->resolved || geteuid() != 0 || fstat(file->fd, &st) != 0 || !S_ISREG(st.st_mode)
        || st.st_uid == user->uid)
        return;
    if (fchown(file->fd, user->uid, (gid_t)-1) != 0)
        LOG(&process_log, EMERG, errno, "chown(\"%s\", %d) failed", file->path.p, (int)user->uid);
}

static void
pass_to_workers(struct master *m, const struct log_file *file)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next) {
        const struct child *c = child_of(l);

        if (c->pid == 0 || c->channel.fd < 0)
            continue;
        /* Who does not read its channel may have time for a signal later. */
        if (!channel_send(c->tell, CHANNEL_LOG_FILE, file->path, file->fd))
            kill(c->pid, SIGUSR1);
    }
}

/* False, logged: it goes on as before. */
static bool
reopen_file(struct master *m, struct log_file *file)
{
    struct log_refusal why;

    if (!log_file_reopen(file, &why)) {
        log_write(&process_log, why.err != 0 ? LEVEL_EMERG : LEVEL_ERR, why.err,
                  "%s; the file that was open goes on to be written", why.text);
        return false;
    }
    pass_to_workers(m, file);
    return true;
}

static void
reopen_all(struct master *m, struct runtime *rt)
{
    struct link *head = &rt->log_files.head;

    for (struct link *l = head->next; l != head; l = l->next) {
        struct log_file *file = CONTAINER_OF(l, struct log_file, link);

        if (file->kind == LOG_FILE && reopen_file(m, file))
            give_to_workers(file, &rt->main->user);
    }
    daemon_follow_log(rt);
}

void
reopen_logs(struct master *m)
{
    LOG(&process_log, NOTICE, 0, "reopening logs");
    if (m->next != NULL)
        reopen_all(m, m->next);
    reopen_all(m, m->current);
}

/* ---- rotation ------------------------------------------------------------------------------ */

/* In the midst of an upgrade it is the old master's. */
static bool
is_ours(void *data)
{
    const struct master *m = data;

    return !m->upgrade.is_new;
}

static void
reopen_path(void *data, struct str path)
{
    struct master *m = data;
    struct runtime *both[] = { m->next, m->current };

    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        struct log_file *file = both[i] != NULL ? map_get(both[i]->log_files.by_path, path) : NULL;

        if (file != NULL && file->kind == LOG_FILE)
            reopen_file(m, file);
    }
    daemon_follow_log(m->current);
}

void
rotation_init(struct master *m)
{
    rotator_init(&m->rotator, is_ours, reopen_path, m);
}

void
rotation_take(struct master *m, const struct runtime *before)
{
    rotator_take(&m->rotator, &m->loop.timers, &m->current->log_files,
                 before != NULL ? &before->log_files : NULL);
}
