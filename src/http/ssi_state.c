/* SPDX-License-Identifier: BSD-2-Clause */
/* ssi_state: see ssi_state.h. */
#include "http/ssi_state.h"
#include "base/map.h"
#include "http/engine.h"
#include "http/subrequest.h"

/* ---- memory -------------------------------------------------------------------------------- */

static void *
take(struct http_request *req, size_t size)
{
    void *p = NULL;

    if (size <= SSI_MEMORY_MAX && arena_used(req->arena) <= SSI_MEMORY_MAX - size)
        p = arena_alloc(req->arena, size);
    if (p == NULL)
        LOG(&req->log, ERR, 0, "no memory for what SSI commands are to remember");
    return p;
}

static struct str
take_text(struct http_request *req, struct str text)
{
    char *p = take(req, text.len + 1);

    if (p == NULL)
        return STR_NONE;
    memcpy(p, text.len > 0 ? text.p : "", text.len);
    return (struct str){ p, text.len };
}

bool
ssi_keep(struct http_request *req, struct ssi_kept *kept, struct str text)
{
    if (kept->room == NULL || text.len > kept->cap) {
        size_t cap = MAX(text.len, 2 * kept->cap);
        char *p = take(req, cap + 1);

        if (p == NULL)
            return false;
        kept->room = p;
        kept->cap = cap;
    }
    memmove(kept->room, text.len > 0 ? text.p : "", text.len);
    kept->text = (struct str){ kept->room, text.len };
    return true;
}

/* ---- states -------------------------------------------------------------------------------- */

static struct ssi_state *
new_state(struct http_request *req, struct ssi_shared *shared)
{
    struct ssi_state *state = ARENA_NEW(req->arena, struct ssi_state);

    if (state == NULL)
        return NULL;
    state->shared = shared;
    req->ssi = state;
    return state;
}

static struct ssi_shared *
new_shared(struct http_request *client)
{
    struct ssi_shared *shared = ARENA_NEW(client->arena, struct ssi_shared);

    if (shared == NULL || (shared->values = map_create(client->arena, true)) == NULL
        || (shared->blocks = map_create(client->arena, false)) == NULL)
        return NULL;
    shared->client = client;
    return shared;
}

struct ssi_state *
ssi_state_of(struct http_request *req)
{
    struct http_request *client = http_main_request(req);
    struct ssi_shared *shared;

    if (req->ssi != NULL)
        return req->ssi;
    if (client->ssi == NULL
        && ((shared = new_shared(client)) == NULL || new_state(client, shared) == NULL))
        return NULL;
    return req->ssi != NULL ? req->ssi : new_state(req, client->ssi->shared);
}

/* ---- values -------------------------------------------------------------------------------- */

bool
ssi_value_set(struct ssi_shared *shared, struct str name, struct str value)
{
    struct http_request *client = shared->client;
    struct ssi_kept *kept = map_get(shared->values, name);
    struct str key;

    if (kept != NULL)
        return ssi_keep(client, kept, value);
    kept = take(client, sizeof(*kept));
    if (kept == NULL || !str_is_set(key = take_text(client, name)))
        return false;
    *kept = (struct ssi_kept){ 0 };
    return ssi_keep(client, kept, value) && map_set(shared->values, key, kept);
}

struct str
ssi_value(struct http_request *req, struct str name)
{
    const struct ssi_shared *shared = req->ssi->shared;
    const struct ssi_kept *kept = map_get(shared->values, name);

    if (kept != NULL)
        return kept->text;
    if (name.len == 1 && name.p[0] >= '0' && name.p[0] <= '9')
        return shared->captures[name.p[0] - '0'].text;
    return http_variable_named(req, name);
}

static void
keep_group(void *ctx, uint32_t number, struct str name, struct str value)
{
    struct ssi_shared *shared = ctx;

    for (size_t i = 0; number == 0 && i < SSI_CAPTURES; i++)
        shared->captures[i].text = STR_NONE;
    if (number < SSI_CAPTURES && str_is_set(value))
        ssi_keep(shared->client, &shared->captures[number], value);
    if (str_is_set(name))
        ssi_value_set(shared, name, str_is_set(value) ? value : STR(""));
}

enum http_match
ssi_match(struct http_request *req, struct str pattern, struct str subject)
{
    return http_regex_once(req, pattern, subject, keep_group, req->ssi->shared);
}

/* ---- blocks -------------------------------------------------------------------------------- */

struct ssi_block *
ssi_block_begin(struct ssi_shared *shared, struct str name)
{
    struct ssi_block *block = take(shared->client, sizeof(*block));

    if (block == NULL || !str_is_set(block->name = take_text(shared->client, name)))
        return NULL;
    block->items = NULL;
    block->end = &block->items;
    return block;
}

static struct ssi_item *
add_item(struct ssi_shared *shared, struct ssi_block *block)
{
    struct ssi_item *item = take(shared->client, sizeof(*item));

    if (item == NULL)
        return NULL;
    *item = (struct ssi_item){ .text = STR("") };
    *block->end = item;
    block->end = &item->next;
    return item;
}

bool
ssi_block_text(struct ssi_shared *shared, struct ssi_block *block, struct str text)
{
    struct str copy = take_text(shared->client, text);
    struct ssi_item *item;

    if (!str_is_set(copy) || (item = add_item(shared, block)) == NULL)
        return false;
    item->text = copy;
    return true;
}

bool
ssi_block_command(struct ssi_shared *shared, struct ssi_block *block,
                  const struct ssi_command *command)
{
    struct ssi_command *copy = take(shared->client, sizeof(*copy));
    struct ssi_item *item;

    if (copy == NULL)
        return false;
    *copy = *command;
    for (size_t i = 0; i < SSI_PARAM_KINDS; i++)
        if (str_is_set(copy->params[i])
            && !str_is_set(copy->params[i] = take_text(shared->client, copy->params[i])))
            return false;
    if ((item = add_item(shared, block)) == NULL)
        return false;
    item->command = copy;
    return true;
}

bool
ssi_block_end(struct ssi_shared *shared, struct ssi_block *block)
{
    void *old;

    return map_add(shared->blocks, block->name, block, &old);
}

const struct ssi_block *
ssi_block_find(const struct ssi_shared *shared, struct str name)
{
    return map_get(shared->blocks, name);
}
