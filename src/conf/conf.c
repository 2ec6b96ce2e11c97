/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf: a run from its start to its end, and what a scope has.
 */
#include "conf/private.h"

#include <assert.h>

enum { SCRATCH_BLOCK = 256 << 10 };

/*
 * The places that a module's directives set: two directives of one place (root, alias) are one
 * field.
 */
static bool
fields_init(struct conf *conf, struct module_state *state)
{
    const struct directive *d = state->module->directives;

    for (; d != NULL && d->name != NULL; d++) {
        struct field *field = NULL;

        if (d->size == 0)
            continue;
        assert((size_t)d->offset + d->size <= state->module->conf_size);
        for (uint32_t i = 0; i < state->fields.len; i++)
            if (state->fields.items[i].offset == d->offset)
                field = &state->fields.items[i];
        if (field == NULL)
            field = VEC_ADD(conf->scratch, &state->fields);
        if (field == NULL)
            return false;
        field->offset = d->offset;
        field->size = d->size;
        if (field->initial == NULL && d->initial != NULL)
            field->initial = d;
    }
    return true;
}

static bool
modules_init(struct conf *conf, const struct conf_module *const *modules)
{
    struct conf_private *priv = conf->priv;

    while (modules[priv->module_count] != NULL)
        priv->module_count++;
    priv->modules = ARENA_ARRAY(conf->scratch, struct module_state, priv->module_count);
    if (priv->modules == NULL)
        return false;
    for (uint32_t m = 0; m < priv->module_count; m++) {
        priv->modules[m].module = modules[m];
        if (!fields_init(conf, &priv->modules[m]))
            return false;
    }
    return true;
}

static bool
private_init(struct conf *conf, const struct conf_module *const *modules)
{
    struct conf_private *priv = ARENA_NEW(conf->scratch, struct conf_private);

    if (priv == NULL)
        return false;
    conf->priv = priv;
    priv->files_end = &conf->files;
    priv->end = &priv->first;
    priv->paths = map_create(conf->scratch, false);
    return priv->paths != NULL && modules_init(conf, modules) && names_init(conf);
}

struct conf *
conf_create(struct arena *arena, const struct conf_module *const *modules, struct str prefix)
{
    struct arena *scratch = arena_create(SCRATCH_BLOCK, 0);
    struct conf *conf;

    if (scratch == NULL)
        return NULL;
    arena_wipe_at_end(scratch); /* the text of the conf file */
    conf = ARENA_NEW(scratch, struct conf);
    if (conf == NULL)
        goto fail;
    conf->arena = arena;
    conf->scratch = scratch;
    conf->prefix = arena_str(scratch, prefix);
    conf->main_file = STR("");
    if (!str_is_set(conf->prefix) || !private_init(conf, modules))
        goto fail;
    return conf;

fail:
    arena_destroy(scratch);
    return NULL;
}

void
conf_destroy(struct conf *conf)
{
    if (conf != NULL)
        arena_destroy(conf->scratch);
}

uint32_t
conf_module_number(const struct conf *conf, const struct conf_module *module)
{
    uint32_t m = 0;

    while (m < conf->priv->module_count && conf->priv->modules[m].module != module)
        m++;
    return m;
}

void *
conf_settings(const struct conf *conf, const struct conf_scope *scope,
              const struct conf_module *module)
{
    uint32_t m = conf_module_number(conf, module);

    return m < conf->priv->module_count ? scope->settings[m] : NULL;
}

bool
conf_is_set(const struct conf *conf, const struct conf_scope *scope,
            const struct conf_module *module, uint16_t offset)
{
    uint32_t m = conf_module_number(conf, module);

    if (m == conf->priv->module_count || scope->set[m] == NULL)
        return false;
    return (scope->set[m][offset / 8] >> offset % 8 & 1) != 0;
}

bool
conf_sets_anything(const struct conf *conf, const struct conf_scope *scope,
                   const struct conf_module *but)
{
    uint32_t except = but != NULL ? conf_module_number(conf, but) : conf->priv->module_count;

    for (uint32_t m = 0; m < conf->priv->module_count; m++)
        if (m != except && scope->set[m] != NULL)
            return true;
    return false;
}

struct conf_mark
conf_mark_of(struct conf *conf, const struct conf_word *word)
{
    /* Files are the run's own, and only seen as constant through a word. */
    struct conf_file *file = (struct conf_file *)(uintptr_t)word->pos.file;

    if (file == NULL)
        return (struct conf_mark){ STR(""), 0 };
    if (!str_is_set(file->kept))
        file->kept = arena_str(conf->arena, file->path);
    return (struct conf_mark){ file->kept, word->pos.line };
}

const struct conf_node *
conf_tree(const struct conf *conf)
{
    return conf->priv->first;
}

struct str
conf_main_word(const struct conf *conf, struct str name)
{
    for (const struct conf_node *node = conf->priv->first; node != NULL; node = node->next)
        if (!node->is_block && node->count == 2 && str_eq(node->words[0].text, name))
            return node->words[1].text;
    return STR_NONE;
}
