/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/gather.h"

#include "base/clock.h"
#include "http/listing_report.h"
#include "proc/channel.h"
#include "proc/master_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LIMIT_MS = 1000,
    TEXT_MAX = 64 << 20,        /* of a list, whatever workers write */
    ARENA_BLOCK = 64 << 10
};

bool
gather_read(struct arena *arena, int file, struct str *text)
{
    struct stat st;
    size_t done = 0;
    char *p;

    if (fstat(file, &st) != 0 || st.st_size > TEXT_MAX
        || (p = arena_bytes(arena, (size_t)st.st_size + 1)) == NULL)
        return false;
    while (done < (size_t)st.st_size) {
        ssize_t n = pread(file, p + done, (size_t)st.st_size - done, (off_t)done);

        if (n <= 0)
            break;
        done += (size_t)n;
    }
    *text = (struct str){ p, done };
    return true;
}

/* ---- the answer ---------------------------------------------------------------------------- */

static void
answer_client(struct control_client *client, struct arena *arena, struct str lines)
{
    struct writer w = writer_in(arena);
    struct str text;

    listing_text(&w, lines);
    text = writer_str(&w);
    if (str_is_set(text))
        control_say(client, text);
    control_end(client, str_is_set(text));
}

static void
answer_clients(struct master *m)
{
    struct arena *arena = arena_create(ARENA_BLOCK, 0);
    struct control_client *client;
    struct str lines = STR("");
    bool ok = arena != NULL && gather_read(arena, m->gather.file, &lines);

    while ((client = control_next(&m->gather.clients)) != NULL) {
        if (ok)
            answer_client(client, arena, lines);
        else
            control_end(client, false);
    }
    arena_destroy(arena);
}

static void
answer_children(struct master *m)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next) {
        struct child *c = child_of(l);

        c->lists = false;
        if (c->wants_list && c->channel.fd >= 0)
            channel_send(c->channel.fd, CHANNEL_LISTED, STR_NONE, m->gather.file);
        c->wants_list = false;
    }
}

/* Also when some did not write theirs in time: the others' is better than nothing. */
static void
finish(struct master *m)
{
    timer_cancel(&m->gather.limit);
    answer_children(m);
    if (!list_is_empty(&m->gather.clients))
        answer_clients(m);
    close(m->gather.file);
    m->gather.file = -1;
}

static void
on_limit(struct timer *timer)
{
    finish(CONTAINER_OF(timer, struct master, gather.limit));
}

/* ---- the question -------------------------------------------------------------------------- */

static bool
somebody_lists(struct master *m)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next)
        if (child_of(l)->lists)
            return true;
    return false;
}

/* Appending keeps apart what several write at a time. */
static int
make_file(void)
{
    int file = memfd_create("weir-connections", MFD_CLOEXEC);

    if (file >= 0 && fcntl(file, F_SETFL, O_APPEND) == 0)
        return file;
    if (file >= 0)
        close(file);
    LOG(&process_log, ALERT, errno, "memfd_create() failed");
    return -1;
}

static void
begin(struct master *m)
{
    if (m->gather.file >= 0)
        return;
    m->gather.file = make_file();
    for (struct link *l = m->children.next; l != &m->children && m->gather.file >= 0; l = l->next) {
        struct child *c = child_of(l);

        c->lists = c->pid != 0 && c->ready && c->channel.fd >= 0
                   && channel_send(c->channel.fd, CHANNEL_LIST, STR_NONE, m->gather.file);
    }
    if (m->gather.file >= 0 && somebody_lists(m))
        timer_arm(&m->loop.timers, &m->gather.limit, now.mono_ms + LIMIT_MS);
    else
        finish(m);
}

void
gather_for_client(struct master *m, struct control_client *client)
{
    control_wait(client, &m->gather.clients);
    begin(m);
}

void
gather_for_child(struct child *c)
{
    c->wants_list = true;
    begin(c->master);
}

void
gather_listed(struct child *c)
{
    struct master *m = c->master;

    if (!c->lists)
        return;
    c->lists = false;
    if (!somebody_lists(m))
        finish(m);
}

void
gather_init(struct master *m)
{
    m->gather.file = -1;
    timer_init(&m->gather.limit, on_limit);
    link_init(&m->gather.clients);
}

void
gather_fini(struct master *m)
{
    struct control_client *client;

    timer_cancel(&m->gather.limit);
    while ((client = control_next(&m->gather.clients)) != NULL)
        control_end(client, false);
    if (m->gather.file >= 0)
        close(m->gather.file);
    m->gather.file = -1;
}
