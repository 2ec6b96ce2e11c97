/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/verdict.h"

#include "proc/notify.h"
#include "proc/tell.h"

enum { SAID_BLOCK = 4096, SAID_MAX = 1 << 20 };

static const struct str stopping_text = STR_INIT("weir: [error] the server is stopping\n");

void
verdict_init(struct verdict *v, struct counters_segment *counters)
{
    *v = (struct verdict){ .counters = counters };
    link_init(&v->asking);
    link_init(&v->waiting);
}

static bool
refuse(struct control_client *client, struct str why)
{
    control_say(client, why);
    control_end(client, false);
    return false;
}

bool
verdict_ask(struct verdict *v, struct control_client *client, struct str arguments, bool stopping)
{
    if (arguments.len > 0)
        return refuse(client, STR("weir: [error] \"reload\" takes no arguments\n"));
    if (stopping)
        return refuse(client, stopping_text);
    LOG(&process_log, NOTICE, 0, "process %d asks for a reload", (int)control_peer(client));
    control_wait(client, &v->asking);
    return true;
}

void
verdict_begin(struct verdict *v)
{
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
tell_manager(uint64_t generation, bool ok, struct str said)
{
    char text[512];
    struct writer w = writer_at(text, sizeof(text));

    write_fmt(&w, "generation %ju serves", (uintmax_t)generation);
    if (!ok)
        write_fmt(&w, ", the reload failed: %.*s", STR_ARG(first_line(said)));
    notify_ready((struct str){ w.start, (size_t)(w.p - w.start) });
}

void
verdict_start(uint64_t generation)
{
    LOG(&process_log, NOTICE, 0, "generation %ju serves", (uintmax_t)generation);
    tell_manager(generation, true, STR(""));
}

void
verdict_end(struct verdict *v, bool ok, uint64_t generation)
{
    struct str said = STR("");

    tell_copy(NULL);
    if (v->arena != NULL)
        said = writer_str(&v->said);
    if (!str_is_set(said))
        said = STR("weir: [error] there is more to say than fits here, see the error log\n");
    counters_note_reload(v->counters, ok, ok && said.len == 0 ? STR("the new configuration serves")
                                                              : said);
    answer(&v->waiting, said, ok);
    tell_manager(generation, ok, said);
    arena_destroy(v->arena);
    v->arena = NULL;
}

void
verdict_forget(struct verdict *v)
{
    tell_copy(NULL);
    answer(&v->waiting, stopping_text, false);
    answer(&v->asking, stopping_text, false);
    arena_destroy(v->arena);
    v->arena = NULL;
}
