/* SPDX-License-Identifier: BSD-2-Clause */
/* reopen: log files opened anew, for the master and all workers. */
#include "proc/master_parts.h"

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
        if (!channel_send(c->channel.fd, CHANNEL_LOG_FILE, file->path, file->fd))
            kill(c->pid, SIGUSR1);
    }
}

static void
reopen_one(struct master *m, struct runtime *rt)
{
    struct link *head = &rt->log_files.head;

    for (struct link *l = head->next; l != head; l = l->next) {
        struct log_file *file = CONTAINER_OF(l, struct log_file, link);

        if (file->kind != LOG_FILE)
            continue;
        if (!log_file_reopen(file)) {
            LOG(&process_log, EMERG, errno, "open() \"%s\" failed", file->path.p);
            continue;
        }
        give_to_workers(file, &rt->main->user);
        pass_to_workers(m, file);
    }
    daemon_follow_log(rt);
}

void
reopen_logs(struct master *m)
{
    LOG(&process_log, NOTICE, 0, "reopening logs");
    if (m->next != NULL)
        reopen_one(m, m->next);
    reopen_one(m, m->current);
}
