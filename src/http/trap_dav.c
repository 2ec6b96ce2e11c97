/* SPDX-License-Identifier: BSD-2-Clause */
/* trap_dav: a site that anybody may change. */
#include "http/traps.h"

/* Who writes one of these, here or around or within, has thought of who may. */
static const char *const guards[] = {
    "allow", "deny", "auth_basic", "auth_request", "internal", "limit_except", "secure_link",
};

static bool
is_guard(const struct conf_node *node)
{
    for (size_t i = 0; i < ARRAY_LEN(guards); i++)
        if (trap_is(node, guards[i]))
            return true;
    return false;
}

/* Depth: that of the blocks in the conf file. */
static bool
has_guard(const struct conf_node *block)
{
    for (const struct conf_node *n = block->children; n != NULL; n = n->next)
        if (is_guard(n) || has_guard(n))
            return true;
    return false;
}

static bool
is_guarded(const struct trap_level *level)
{
    if (has_guard(level->node))
        return true;
    while ((level = level->outer) != NULL)
        for (const struct conf_node *n = level->node->children; n != NULL; n = n->next)
            if (is_guard(n))
                return true;
    return false;
}

/* An address that only this machine comes to. */
static bool
is_local(struct str address)
{
    return str_starts(address, STR("127.")) || str_starts(address, STR("[::1]"))
           || str_starts(address, STR("localhost")) || str_starts(address, STR("unix:"));
}

static bool
listens_locally(const struct conf_node *server)
{
    bool listens = false;

    for (const struct conf_node *n = server->children; n != NULL; n = n->next) {
        if (!trap_is(n, "listen"))
            continue;
        if (!is_local(n->words[1].text))
            return false;
        listens = true;
    }
    return listens;
}

/* Of the level's server, or, at the level of http, of all. */
static bool
is_reached_locally(const struct trap_level *level)
{
    while (level->outer != NULL && !trap_is(level->node, "server"))
        level = level->outer;
    if (level->outer != NULL)
        return listens_locally(level->node);
    for (const struct conf_node *n = level->node->children; n != NULL; n = n->next)
        if (trap_is(n, "server") && !listens_locally(n))
            return false;
    return true;
}

bool
trap_dav(struct conf *conf, const struct trap_level *level)
{
    const struct conf_node *dav = level->first[TRAP_DAV_METHODS];

    if (dav == NULL || str_eq(dav->words[1].text, STR("off")) || is_guarded(level)
        || is_reached_locally(level))
        return true;
    conf_warn(conf, &dav->words[0], "anybody may change the files here");
    conf_hint(conf, "say who may by \"auth_basic\", \"allow\" or \"limit_except\" "
              "(\"allow all;\" if it is meant)");
    return true;
}
