/* SPDX-License-Identifier: BSD-2-Clause */
/* reopen: log files opened anew, for the master and all workers; and those that weir rotates. */
#include "proc/master_parts.h"

#include "base/clock.h"
#include "base/map.h"
#include "proc/channel.h"
#include "proc/daemon.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DUE_MS = 100,               /* between two attempts to give a worker its logs */
    ASKED_MS = 1000             /* between two reopenings that workers ask for */
};

/* ---- giving them to workers ---------------------------------------------------------------- */

/* A log that was made anew belongs to the workers' user, for whoever reads it as that. */
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

static bool
pass(const struct child *c, const struct log_file *file)
{
    return channel_send(c->tell, CHANNEL_LOG_FILE, file->path, file->fd);
}

/*
 * Whoever does not read its channel, or has so many logs that not all fit into it at once, gets them
 * later: it cannot open them itself.
 */
static void
pass_later(struct child *c)
{
    struct master *m = c->master;

    c->logs_due = true;
    if (!timer_is_armed(&m->logs_due))
        timer_arm(&m->loop.timers, &m->logs_due, now.mono_ms + DUE_MS);
}

static void
pass_to_workers(struct master *m, const struct log_file *file)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next) {
        struct child *c = child_of(l);

        if (c->pid != 0 && c->channel.fd >= 0 && !c->logs_due && !pass(c, file))
            pass_later(c);
    }
}

/* Those of the configuration that serves, and of the one that will. */
static bool
pass_all_of(const struct child *c, const struct runtime *rt)
{
    const struct link *head = &rt->log_files.head;

    for (const struct link *l = head->next; l != head; l = l->next) {
        const struct log_file *file = CONTAINER_OF(l, const struct log_file, link);

        if (file->kind == LOG_FILE && file->fd >= 0 && !pass(c, file))
            return false;
    }
    return true;
}

static void
pass_due(struct child *c)
{
    struct master *m = c->master;

    if (!c->logs_due || c->pid == 0 || c->channel.fd < 0)
        return;
    c->logs_due = false;
    if ((m->next != NULL && !pass_all_of(c, m->next)) || !pass_all_of(c, m->current)
        || !channel_send(c->tell, CHANNEL_REOPEN, STR_NONE, -1))
        pass_later(c);
}

static void
on_logs_due(struct timer *timer)
{
    struct master *m = CONTAINER_OF(timer, struct master, logs_due);

    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        pass_due(child_of(l));
}

/* ---- opening ------------------------------------------------------------------------------- */

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
    for (struct link *l = m->children.next; l != &m->children; l = l->next) {
        struct child *c = child_of(l);

        if (c->pid != 0 && c->channel.fd >= 0 && !c->logs_due
            && !channel_send(c->tell, CHANNEL_REOPEN, STR_NONE, -1))
            pass_later(c);
    }
}

static void
on_reopen(struct timer *timer)
{
    struct master *m = CONTAINER_OF(timer, struct master, reopen);

    m->reopened_ms = now.mono_ms;
    reopen_logs(m);
}

void
reopen_logs_for(struct child *c)
{
    struct master *m = c->master;

    if (m->state == RUNNING && !timer_is_armed(&m->reopen))
        timer_arm(&m->loop.timers, &m->reopen,
                  MAX(now.mono_ms, m->reopened_ms == 0 ? 0 : m->reopened_ms + ASKED_MS));
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
reopen_init(struct master *m)
{
    timer_init(&m->logs_due, on_logs_due);
    timer_init(&m->reopen, on_reopen);
    rotator_init(&m->rotator, is_ours, reopen_path, m);
}

void
rotation_take(struct master *m, const struct runtime *before)
{
    rotator_take(&m->rotator, &m->loop.timers, &m->current->log_files,
                 before != NULL ? &before->log_files : NULL);
}

void
reopen_forget(struct master *m)
{
    timer_cancel(&m->logs_due);
    timer_cancel(&m->reopen);
}
