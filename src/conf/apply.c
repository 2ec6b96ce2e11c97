/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apply: a level of the tree to settings.
 *
 * First every statement of the level is checked and gets its directive (claim); then the simple
 * ones run in order, what they left unset is inherited or gets its default, the modules check the
 * whole, and the blocks run in order, each a level of its own by way of conf_apply_block.
 */
#include "conf/private.h"

#include <assert.h>

/* ---- scopes and settings ------------------------------------------------------------------- */

/*
 * Gives the level a struct of its own for module m, if it has none yet. False when memory is short.
 */
static bool
settings_own(struct conf *conf, struct conf_scope *scope, uint32_t m)
{
    size_t size = conf->priv->modules[m].module->conf_size;

    if (scope->set[m] != NULL)
        return true;
    scope->set[m] = arena_zalloc(conf->scratch, size / 8 + 1);
    scope->settings[m] = arena_zalloc(conf->arena, size);
    return (scope->set[m] != NULL && scope->settings[m] != NULL) || conf_no_memory(conf);
}

static struct conf_scope *
scope_create(struct conf *conf, struct conf_scope *parent, uint32_t where,
             const struct conf_node *node)
{
    const struct conf_private *priv = conf->priv;
    struct conf_scope *scope = ARENA_NEW(conf->scratch, struct conf_scope);

    if (scope == NULL)
        goto fail;
    scope->parent = parent;
    scope->where = where;
    scope->node = node;
    scope->set = ARENA_ARRAY(conf->scratch, uint8_t *, priv->module_count);
    scope->settings = ARENA_ARRAY(conf->arena, void *, priv->module_count);
    if (scope->set == NULL || scope->settings == NULL)
        goto fail;
    for (uint32_t m = 0; m < priv->module_count; m++) {
        if (parent != NULL)
            scope->settings[m] = parent->settings[m];
        if (priv->modules[m].module->root == where && !settings_own(conf, scope, m))
            return NULL;
    }
    return scope;

fail:
    conf_no_memory(conf);
    return NULL;
}

static bool
bit_is_set(const uint8_t *bits, uint16_t at)
{
    return (bits[at / 8] >> at % 8 & 1) != 0;
}

static void
bit_set(uint8_t *bits, uint16_t at)
{
    bits[at / 8] = (uint8_t)(bits[at / 8] | 1u << at % 8);
}

/* ---- what a statement may have wrong ------------------------------------------------------- */

static void
tell_misplaced(struct conf *conf, const struct conf_node *node, const struct known *known)
{
    char text[200];
    struct writer w = writer_at(text, sizeof(text));
    uint32_t where = 0;

    for (; known != NULL; known = known->next)
        where |= known->directive->where;
    names_write_contexts(&w, where);
    conf_error(conf, &node->words[0], "\"%.*s\" directive is not allowed here",
               STR_ARG(node->words[0].text));
    conf_hint(conf, "it belongs in %.*s", STR_ARG(writer_str(&w)));
}

static void
tell_arguments(struct conf *conf, const struct conf_node *node, const struct directive *d)
{
    unsigned min = d->args.min, max = d->args.max;
    /* The caret stands under the first word that is too many, else under the name. */
    uint32_t at = node->count - 1 > max ? max + 1 : 0;

    conf_error(conf, &node->words[at], "invalid number of arguments in \"%s\" directive", d->name);
    if (max == 0)
        conf_hint(conf, "it takes no argument");
    else if (max == ARGS_ANY)
        conf_hint(conf, "it takes at least %u argument%s", min, min == 1 ? "" : "s");
    else if (max == 1 && at > 0 && str_eq(node->words[1].text, STR("=")))
        conf_hint(conf, "no \"=\" stands before its argument");
    else if (max == 1 && at > 0 && !node->is_block)
        conf_hint(conf, "it takes 1 argument; quote one with blanks in it");
    else if (min == max)
        conf_hint(conf, "it takes %u argument%s", max, max == 1 ? "" : "s");
    else
        conf_hint(conf, "it takes %u %s %u arguments", min, max == min + 1 ? "or" : "to", max);
}

/* Whether a ";" stands there with more behind it, without a blank, as in the middle of a word. */
static bool
goes_on_behind(struct conf_pos pos)
{
    struct str rest = pos.file != NULL ? str_from(pos.file->text, pos.offset) : STR_NONE;

    return rest.len > 1 && rest.p[0] == ';' && strchr(" \t\r\n;}#", rest.p[1]) == NULL;
}

static void
tell_shape(struct conf *conf, const struct conf_node *node, const struct directive *d)
{
    struct conf_pos pos = pos_after(&node->words[node->count - 1]);

    if (d->flags & DIRECTIVE_BLOCK) {
        error_at(conf, pos, "directive \"%s\" has no opening \"{\"", d->name);
        if (goes_on_behind(pos)) {
            conf_hint(conf, "the \";\" ends the word: one that has it in it needs quotes");
            if (node->next != NULL)
                tree_node(node->next)->told = true;
        } else {
            conf_hint(conf, "it is a block: { ... } instead of \";\"");
        }
    } else {
        error_at(conf, pos, "directive \"%s\" is not terminated by \";\"", d->name);
        conf_hint(conf, "a \";\" is missing here, or the { ... } is too much");
    }
}

/* Another statement of the level, before node, by another name, that sets the same. */
static const struct conf_node *
earlier(const struct conf_node *first, const struct conf_node *node, const struct known *known)
{
    const struct directive *d = known->directive;

    for (const struct conf_node *n = first; n != node; n = n->next) {
        const struct known *other = tree_node(n)->known;

        if (other != NULL && d->size > 0 && other->module == known->module
            && other->directive->size > 0 && other->directive->offset == d->offset)
            return n;
    }
    return NULL;
}

static void
tell_duplicate(struct conf *conf, const struct conf_node *node, const struct conf_node *other)
{
    struct str name = node->words[0].text;
    const struct conf_word *word;

    if (other == NULL || str_eq(other->words[0].text, name))
        conf_error(conf, &node->words[0], "\"%.*s\" directive is duplicate", STR_ARG(name));
    else
        conf_error(conf, &node->words[0],
                   "\"%.*s\" directive is duplicate, \"%.*s\" directive was specified earlier",
                   STR_ARG(name), STR_ARG(other->words[0].text));
    if (other == NULL)
        return;
    word = &other->words[0];
    if (word->pos.file == node->words[0].pos.file)
        conf_hint(conf, "the first is in line %u", word->pos.line);
    else
        conf_hint(conf, "the first is in %.*s:%u", STR_ARG(word->pos.file->path), word->pos.line);
}

/* ---- a forgotten ";" ----------------------------------------------------------------------- */

/* Makes the words from `from` on a statement of their own, that follows. */
static bool
split(struct conf *conf, struct conf_node *node, uint32_t from)
{
    struct tree_node *rest = ARENA_NEW(conf->scratch, struct tree_node);

    if (rest == NULL)
        return conf_no_memory(conf);
    rest->node = *node;
    rest->node.words += from;
    rest->node.count -= from;
    for (struct conf_node *child = node->children; child != NULL; child = child->next)
        child->parent = &rest->node;
    node->count = from;
    node->is_block = false;
    node->children = NULL;
    node->next = &rest->node;
    return true;
}

static void
tell_forgotten(struct conf *conf, const struct conf_word *last, const struct directive *d)
{
    error_at(conf, pos_after(last), "directive \"%s\" is not terminated by \";\"", d->name);
    names_hint_missing(conf, last);
}

/*
 * A simple directive that has too much, and goes on with a line that begins as a directive does,
 * lacks its ";" there: the rest is a statement of its own.
 */
static void
split_forgotten(struct conf *conf, struct conf_node *node, const struct directive *d)
{
    bool is_long = d->args.max != ARGS_ANY && node->count - 1 > d->args.max;
    uint32_t from;

    if ((d->flags & DIRECTIVE_BLOCK) || (!is_long && !node->is_block))
        return;
    from = names_restart(conf, node->words, node->count, 0);
    if (from == 0)
        return;
    tell_forgotten(conf, &node->words[from - 1], d);
    split(conf, node, from);
}

/*
 * The same where the directive takes any number of words. When it refused them the ";" is what it
 * lacks; when it took them it may be meant so, and a warning is all.
 */
static void
suspect_forgotten(struct conf *conf, const struct conf_scope *scope, const struct conf_node *node,
                  const struct directive *d, bool is_good)
{
    uint32_t from = names_restart(conf, node->words, node->count, scope->where);

    if (from == 0)
        return;
    if (!is_good) {
        /* What it said of words that are not its own is beside the point. */
        notes_withdraw(conf, node->words[from].pos, node->words[node->count - 1].pos);
        tell_forgotten(conf, &node->words[from - 1], d);
        return;
    }
    conf_warn(conf, &node->words[from], "\"%.*s\" is an argument of \"%s\"",
              STR_ARG(node->words[from].text), d->name);
    conf_hint(conf, "was a \";\" forgotten in line %u?", node->words[from - 1].pos.line);
}

/* ---- claiming ------------------------------------------------------------------------------ */

static bool
is_sound(struct conf *conf, const struct conf_node *node, const struct directive *d)
{
    uint32_t count = node->count - 1;

    if (node->is_block != ((d->flags & DIRECTIVE_BLOCK) != 0)) {
        tell_shape(conf, node, d);
        return false;
    }
    if (count < d->args.min || (d->args.max != ARGS_ANY && count > d->args.max)) {
        tell_arguments(conf, node, d);
        return false;
    }
    return true;
}

/* Notes that the level has the directive; false when it must not have it twice. */
static bool
take_place(struct conf *conf, struct conf_scope *scope, const struct conf_node *first,
           const struct conf_node *node, struct known *known)
{
    const struct directive *d = known->directive;
    bool is_again = known->seen == scope, is_repeated = is_again;

    if (d->size > 0) {
        if (!settings_own(conf, scope, known->module))
            return false;
        is_repeated = bit_is_set(scope->set[known->module], d->offset);
        bit_set(scope->set[known->module], d->offset);
    }
    if (!is_again) {
        known->seen = scope;
        known->first = node;
    }
    if (!is_repeated || (d->flags & DIRECTIVE_REPEAT))
        return true;
    tell_duplicate(conf, node, is_again ? known->first : earlier(first, node, known));
    return false;
}

static void
claim(struct conf *conf, struct conf_scope *scope, const struct conf_node *first,
      struct conf_node *node)
{
    struct tree_node *tn = tree_node(node);
    struct str name = node->words[0].text;
    struct known *all = names_find(conf, name), *known;

    tn->known = NULL;
    if (tn->told)
        return;
    if (node->words[0].values != 0) {
        conf_error(conf, &node->words[0], "the name of a directive cannot come from the "
                   "environment");
        conf_hint(conf, "\"${env:NAME}\" stands for arguments");
        return;
    }
    if (all == NULL && names_may_pass(conf, name)) {
        conf_warn(conf, &node->words[0], "unknown directive \"%.*s\", ignored", STR_ARG(name));
        conf_hint(conf, "nginx has this directive, weir does not yet");
        return;
    }
    if (all == NULL) {
        conf_error(conf, &node->words[0], "unknown directive \"%.*s\"", STR_ARG(name));
        names_hint(conf, name, scope->where);
        return;
    }
    known = names_find_in(conf, name, scope->where);
    if (known == NULL) {
        tell_misplaced(conf, node, all);
        return;
    }
    split_forgotten(conf, node, known->directive);
    if (is_sound(conf, node, known->directive) && take_place(conf, scope, first, node, known))
        tn->known = known;
}

/* ---- running ------------------------------------------------------------------------------- */

static void *
field_of(const struct conf_scope *scope, uint32_t m, const struct directive *d)
{
    return d->size > 0 ? (char *)scope->settings[m] + d->offset : NULL;
}

static void
run(struct conf *conf, struct conf_scope *scope, const struct conf_node *node)
{
    const struct known *known = tree_node(node)->known;
    const struct directive *d = known->directive;
    unsigned errors = conf->errors;
    bool is_good;

    conf->directive = d;
    is_good = d->parse(conf, node, field_of(scope, known->module, d));
    conf->directive = NULL;
    if (!is_good) {
        conf->priv->modules[known->module].failed = scope;
        if (conf->errors == errors)
            conf_error(conf, &node->words[0], "\"%s\" directive is invalid", d->name);
    }
    if (!node->is_block)
        suspect_forgotten(conf, scope, node, d, is_good);
}

static bool
is_simple(const struct directive *d)
{
    return !(d->flags & DIRECTIVE_BLOCK) || (d->flags & DIRECTIVE_DATA);
}

static void
run_all(struct conf *conf, struct conf_scope *scope, const struct conf_node *first, bool simple)
{
    const struct conf_node *node = first;

    for (; node != NULL && !conf->priv->no_memory; node = node->next) {
        const struct known *known = tree_node(node)->known;

        if (known != NULL && is_simple(known->directive) == simple)
            run(conf, scope, node);
    }
}

/* ---- defaults and inheritance -------------------------------------------------------------- */

/*
 * A default that its own parse function refuses is a mistake in the table, and told as an error
 * without a place.
 */
static void
apply_initial(struct conf *conf, struct conf_scope *scope, uint32_t m, struct field *field)
{
    const struct directive *d = field->initial;
    unsigned errors = conf->errors;

    if (field->words == NULL)
        field->words = tree_initial(conf, d->name, d->initial);
    conf->directive = conf->priv->initial = d;
    if ((field->words == NULL || !d->parse(conf, field->words, field_of(scope, m, d)))
        && conf->errors == errors)
        conf_error(conf, NULL, "the table has it wrong");
    conf->directive = conf->priv->initial = NULL;
}

static void
complete(struct conf *conf, struct conf_scope *scope, uint32_t m)
{
    struct module_state *state = &conf->priv->modules[m];
    const char *outer = scope->parent != NULL ? scope->parent->settings[m] : NULL;

    for (uint32_t i = 0; i < state->fields.len; i++) {
        struct field *field = &state->fields.items[i];

        if (bit_is_set(scope->set[m], field->offset))
            continue;
        if (outer != NULL)
            memcpy((char *)scope->settings[m] + field->offset, outer + field->offset, field->size);
        else if (field->initial != NULL)
            apply_initial(conf, scope, m, field);
    }
}

static void
check(struct conf *conf, struct conf_scope *scope, uint32_t m)
{
    const struct module_state *state = &conf->priv->modules[m];
    unsigned errors = conf->errors;

    if (state->module->check == NULL || state->failed == scope)
        return;
    if (!state->module->check(conf, scope, scope->settings[m]) && conf->errors == errors)
        conf_error(conf, scope->node != NULL ? &scope->node->words[0] : NULL,
                   "settings of \"%s\" are invalid", state->module->name);
}

/* ---- levels -------------------------------------------------------------------------------- */

static void
apply_level(struct conf *conf, struct conf_scope *scope, struct conf_node *first)
{
    const struct conf_private *priv = conf->priv;

    for (struct conf_node *node = first; node != NULL && !priv->no_memory; node = node->next)
        claim(conf, scope, first, node);
    if (priv->no_memory)
        return;
    run_all(conf, scope, first, true);
    for (uint32_t m = 0; m < priv->module_count; m++)
        if (scope->set[m] != NULL)
            complete(conf, scope, m);
    for (uint32_t m = 0; m < priv->module_count; m++)
        if (scope->set[m] != NULL && !priv->no_memory)
            check(conf, scope, m);
    run_all(conf, scope, first, false);
}

struct conf_scope *
conf_apply(struct conf *conf)
{
    struct conf_scope *scope;

    if (conf->priv->given_up || conf->priv->too_deep)
        return NULL;
    conf->priv->is_lenient = str_ieq(conf_main_word(conf, STR("unknown_directive")), STR("warn"));
    scope = scope_create(conf, NULL, IN_MAIN, NULL);
    if (scope == NULL)
        return NULL;
    conf->scope = scope;
    apply_level(conf, scope, conf->priv->first);
    conf->scope = NULL;
    return conf->errors == 0 ? scope : NULL;
}

struct conf_scope *
conf_apply_block(struct conf *conf, const struct conf_node *node, uint32_t where,
                 void (*begin)(void *ctx, struct conf_scope *scope), void *ctx)
{
    struct conf_scope *outer = conf->scope;
    const struct directive *directive = conf->directive;
    struct conf_scope *scope = scope_create(conf, outer, where, node);

    if (scope == NULL)
        return NULL;
    conf->scope = scope;
    if (begin != NULL)
        begin(ctx, scope);
    apply_level(conf, scope, node->children);
    conf->scope = outer;
    conf->directive = directive;
    return conf->priv->no_memory ? NULL : scope;
}
