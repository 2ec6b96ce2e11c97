/* SPDX-License-Identifier: BSD-2-Clause */
/* commands: what the master does for those who ask at its control socket. */
#include "proc/master_parts.h"

#include "proc/conf_answer.h"
#include "proc/status.h"

static void
on_reload(struct control_client *client, struct str arguments, void *data)
{
    struct master *m = data;

    if (verdict_ask(&m->verdict, client, arguments, m->state != RUNNING))
        reload_begin(m);
}

static void
on_conf(struct control_client *client, struct str arguments, void *data)
{
    const struct master *m = data;

    conf_answer(client, arguments, m->current);
}

static void
on_connections(struct control_client *client, struct str arguments, void *data)
{
    gather_for_client(data, client, arguments);
}

static void
on_upgrade(struct control_client *client, struct str arguments, void *data)
{
    upgrade_ask(data, client, arguments);
}

const struct control_command master_commands[] = {
    { STR_INIT("conf"), on_conf },
    { STR_INIT("connections"), on_connections },
    { STR_INIT("reload"), on_reload },
    { STR_INIT("status"), status_answer },
    { STR_INIT("upgrade"), on_upgrade },
    { { NULL, 0 }, NULL }
};
