/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict: the master's commands, and those who asked for a reload and wait to hear how it ended.
 *
 * Who asks while a reload is under way is told the outcome of the next, which reads the conf file
 * after it was asked for.
 */
#include "proc/master_parts.h"

#include "proc/notify.h"
#include "proc/tell.h"

enum { SAID_BLOCK = 4096, SAID_MAX = 1 << 20 };

static void
on_reload(struct control_client *client, struct str arguments, void *data)
{
    struct master *m = data;

    if (arguments.len > 0) {
        control_say(client, STR("weir: [error] \"reload\" takes no arguments\n"));
        control_end(client, false);
    } else if (m->state != RUNNING) {
        control_say(client, STR("weir: [error] the server is stopping\n"));
        control_end(client, false);
    } else {
        LOG(&process_log, NOTICE, 0, "process %d asks for a reload",
            (int)control_peer(client));
        control_wait(client, &m->verdict.asking);
        reload_begin(m);
    }
}

static void
on_connections(struct control_client *client, struct str arguments, void *data)
{
    if (arguments.len > 0) {
        control_say(client, STR("weir: [error] \"connections\" takes no arguments\n"));
        control_end(client, false);
        return;
    }
    gather_for_client(data, client);
}

static const struct control_command commands[] = {
    { STR_INIT("connections"), on_connections },
    { STR_INIT("reload"), on_reload },
    { { NULL, 0 }, NULL }
};

void
verdict_init(struct master *m)
{
    control_server_init(&m->control, &m->loop, commands, m);
    link_init(&m->verdict.asking);
    link_init(&m->verdict.waiting);
}

void
verdict_begin(struct master *m)
{
    struct verdict *v = &m->verdict;
    struct control_client *client;

    notify_reloading();
    while ((client = control_next(&v->asking)) != NULL)
        control_wait(client, &v->waiting);
    v->arena = arena_create(SAID_BLOCK, SAID_MAX);
    if (v->arena == NULL)
        return;
    v->said = writer_in(v->arena);
    tell_copy(&v->said);
}

static void
answer(struct link *list, struct str said, bool ok)
{
    struct control_client *client;

    while ((client = control_next(list)) != NULL) {
        control_say(client, said);
        control_end(client, ok);
    }
}

static struct str
first_line(struct str text)
{
    ptrdiff_t newline = str_find(text, '\n', 0);

    if (newline >= 0)
        text.len = (size_t)newline;
    return text;
}

static void
tell_manager(const struct master *m, bool ok, struct str said)
{
    char text[512];
    struct writer w = writer_at(text, sizeof(text));

    write_fmt(&w, "generation %ju serves", (uintmax_t)m->current->generation);
    if (!ok)
        write_fmt(&w, ", the reload failed: %.*s", STR_ARG(first_line(said)));
    notify_ready((struct str){ w.start, (size_t)(w.p - w.start) });
}

void
verdict_start(struct master *m)
{
    LOG(&process_log, NOTICE, 0, "generation %ju serves", (uintmax_t)m->current->generation);
    tell_manager(m, true, STR(""));
}

void
verdict_end(struct master *m, bool ok)
{
    struct verdict *v = &m->verdict;
    struct str said = STR("");

    tell_copy(NULL);
    if (v->arena != NULL)
        said = writer_str(&v->said);
    if (!str_is_set(said))
        said = STR("weir: [error] there is more to say than fits here, see the error log\n");
    counters_note_reload(m->counters, ok, ok && said.len == 0 ? STR("the new configuration serves")
                                                              : said);
    answer(&v->waiting, said, ok);
    tell_manager(m, ok, said);
    arena_destroy(v->arena);
    v->arena = NULL;
}

void
verdict_forget(struct master *m)
{
    struct verdict *v = &m->verdict;
    const struct str why = STR("weir: [error] the server is stopping\n");

    tell_copy(NULL);
    answer(&v->waiting, why, false);
    answer(&v->asking, why, false);
    arena_destroy(v->arena);
    v->arena = NULL;
}
