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

static bool
unreadable(int err)
{
    LOG(&process_log, ALERT, err, "the list of connections cannot be read");
    return false;
}

bool
gather_read(struct arena *arena, int file, struct str *text)
{
    struct stat st;
    size_t done = 0;
    char *p;

    if (fstat(file, &st) != 0)
        return unreadable(errno);
    if (st.st_size > TEXT_MAX)
        return unreadable(EFBIG);
    if ((p = arena_bytes(arena, (size_t)st.st_size + 1)) == NULL)
        return unreadable(ENOMEM);
    while (done < (size_t)st.st_size) {
        ssize_t n = pread(file, p + done, (size_t)st.st_size - done, (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return unreadable(errno);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *text = (struct str){ p, done };
    return true;
}

/* ---- the answer ---------------------------------------------------------------------------- */

void
gather_answer(struct control_client *client, bool json, struct str lines)
{
    struct arena *arena = arena_create(ARENA_BLOCK, 0);
    struct str text = STR_NONE;
    struct writer w;

    if (arena != NULL && str_is_set(lines)) {
        w = writer_in(arena);
        if (json)
            listing_json(&w, lines);
        else
            listing_text(&w, lines);
        text = writer_str(&w);
    }
    if (!str_is_set(text) && str_is_set(lines))
        LOG(&process_log, CRIT, ENOMEM, "the connections cannot be listed");
    control_say(client, str_is_set(text)
                            ? text : STR("weir: [error] the connections cannot be listed, the error "
                                         "log says why\n"));
    control_end(client, str_is_set(text));
    arena_destroy(arena);
}

static void
answer_clients(struct master *m)
{
    struct arena *arena = arena_create(ARENA_BLOCK, 0);
    struct control_client *client;
    struct str lines = STR_NONE;

    if (arena == NULL)
        unreadable(ENOMEM);
    else if (m->gather.file >= 0)
        gather_read(arena, m->gather.file, &lines);
    while ((client = control_next(&m->gather.tables)) != NULL)
        gather_answer(client, false, lines);
    while ((client = control_next(&m->gather.objects)) != NULL)
        gather_answer(client, true, lines);
    arena_destroy(arena);
}

static void
answer_children(struct master *m)
{
    for (struct link *l = m->children.next; l != &m->children; l = l->next) {
        struct child *c = child_of(l);

        c->lists = false;
        if (c->wants_list && c->channel.fd >= 0)
            channel_send(c->tell, CHANNEL_LISTED, STR_NONE, m->gather.file);
        c->wants_list = false;
    }
}

/* Also when some did not write theirs in time: the others' is better than nothing. */
static void
finish(struct master *m)
{
    timer_cancel(&m->gather.limit);
    answer_children(m);
    if (!list_is_empty(&m->gather.tables) || !list_is_empty(&m->gather.objects))
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
                   && channel_send(c->tell, CHANNEL_LIST, STR_NONE, m->gather.file);
    }
    if (m->gather.file >= 0 && somebody_lists(m))
        timer_arm(&m->loop.timers, &m->gather.limit, now.mono_ms + LIMIT_MS);
    else
        finish(m);
}

bool
gather_form(struct control_client *client, struct str form, bool *json)
{
    *json = str_eq(form, STR("json"));
    if (*json || form.len == 0 || str_eq(form, STR("text")))
        return true;
    control_say(client, STR("weir: [error] \"connections\" has the forms text and json\n"));
    control_end(client, false);
    return false;
}

void
gather_for_client(struct master *m, struct control_client *client, struct str form)
{
    bool json;

    if (!gather_form(client, form, &json))
        return;
    control_wait(client, json ? &m->gather.objects : &m->gather.tables);
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
    link_init(&m->gather.tables);
    link_init(&m->gather.objects);
}

void
gather_fini(struct master *m)
{
    timer_cancel(&m->gather.limit);
    if (m->gather.file >= 0)
        close(m->gather.file);
    m->gather.file = -1;
    answer_clients(m);
}
