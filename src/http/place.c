/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place: location { } and the blocks within it that make it another place, as they become lists of
 * handlers.
 */
#include "base/arena.h"
#include "base/map.h"
#include "http/access.h"
#include "http/grants.h"
#include "http/http.h"
#include "http/settings.h"

/* ---- handlers ------------------------------------------------------------------------------ */

/* What the lists of a place are made of. */
struct making {
    struct conf *conf;
    struct conf_scope *scope;
    const struct conf_scope *base;      /* of a block within a location: the location's */
};

typedef VEC(struct http_handler) handler_vec;

static bool
is_part(const struct conf_scope *scope)
{
    return (scope->where & (IN_LOCATION_IF | IN_SERVER_IF | IN_LIMIT_EXCEPT)) != 0;
}

static struct making
making_of(struct conf *conf, struct conf_scope *scope)
{
    struct making m = { conf, scope, scope };

    while (is_part(m.base))
        m.base = m.base->parent;
    return m;
}

static bool
is_wanted(const struct http_module *m, const void *slot)
{
    return m->wanted == NULL || m->wanted(slot);
}

static bool
add_handler(struct conf *conf, handler_vec *list, const struct http_handler *handler)
{
    struct http_handler *h = VEC_ADD(conf->arena, list);

    if (h == NULL)
        return conf_no_memory(conf);
    *h = *handler;
    return true;
}

/*
 * What rewrites holds for its own level alone, as some others do; what was read after the head
 * need not be read again where nothing else is said than for the server.
 */
static bool
ran_before(const struct making *making, int phase, unsigned i)
{
    const struct conf_scope *base = making->base, *outer = base->parent;

    if (phase == PHASE_POST_READ && base->where == IN_SERVER)
        return false;
    while (phase == PHASE_POST_READ && outer->where != IN_SERVER)
        outer = outer->parent;
    return (phase == PHASE_POST_READ || phase == PHASE_REWRITE || http_modules[i]->own_level)
           && http_module_slot(making->conf, base, i)
              == http_module_slot(making->conf, outer, i);
}

static bool
add_phase(const struct making *making, handler_vec *list, int phase)
{
    /* Blocks within a location come into being while it rewrites: up to there it is the base's. */
    const struct conf_scope *scope = phase <= PHASE_REWRITE ? making->base : making->scope;

    /* Nothing goes before what limit_except says: a "return" would answer whom it denies. */
    if (phase == PHASE_REWRITE && making->scope->where == IN_LIMIT_EXCEPT)
        return true;
    for (unsigned i = 0; http_modules[i] != NULL; i++) {
        const struct http_module *m = http_modules[i];
        struct http_handler handler = { m->handle, NULL, m->main_only || phase == PHASE_ACCESS };

        handler.slot = http_module_slot(making->conf, scope, i);
        if ((int)m->phase == phase && is_wanted(m, handler.slot) && !ran_before(making, phase, i)
            && !add_handler(making->conf, list, &handler))
            return false;
    }
    return true;
}

/* Who may: all by themselves, or as a group. */
static bool
add_access(const struct making *making, handler_vec *list)
{
    static const struct http_handler end;
    const struct location_settings *settings = conf_settings(making->conf, making->scope,
                                                             &location_table);
    handler_vec members = { 0 };
    struct http_handler group;

    if (!access_is_grouped(settings))
        return add_phase(making, list, PHASE_ACCESS);
    if (!add_phase(making, &members, PHASE_ACCESS))
        return false;
    if (members.len == 0)
        return true;
    if (!add_handler(making->conf, &members, &end))
        return false;
    group = access_group(making->conf->arena, settings, members.items);
    if (group.handle == NULL)
        return conf_no_memory(making->conf);
    return add_handler(making->conf, list, &group);
}

/* Handlers in the order of their phases, ended by one that is all zero; NULL: no memory. */
struct handlers {
    struct http_handler *list;
    uint32_t ends[PHASE_COUNT]; /* behind the last of the phase and those before it */
};

static struct handlers
compile_handlers(const struct making *making, enum http_phase first, enum http_phase last)
{
    static const struct http_handler end;
    struct handlers handlers = { 0 };
    handler_vec list = { 0 };

    for (int phase = (int)first; phase <= (int)last; phase++) {
        if (phase == PHASE_ACCESS ? !add_access(making, &list) : !add_phase(making, &list, phase))
            return handlers;
        handlers.ends[phase] = list.len;
    }
    if (add_handler(making->conf, &list, &end))
        handlers.list = list.items;
    return handlers;
}

/* The settings of a module that hold at a level, whether it sets any or not. */
static const void *
slot_within(const struct making *making, unsigned i)
{
    const void *slot = http_module_slot(making->conf, making->scope, i);

    if (http_modules[i]->within != NULL
        && slot == http_module_slot(making->conf, making->scope->parent, i))
        return http_modules[i]->within(slot);
    return slot;
}

static struct http_handler *
compile_filters(const struct making *making, bool on_fail)
{
    static const struct http_handler end;
    handler_vec list = { 0 };

    for (unsigned i = 0; http_modules[i] != NULL; i++) {
        const struct http_module *m = http_modules[i];
        struct http_handler handler = { on_fail ? m->on_fail : m->filter, NULL, m->main_only };

        handler.slot = slot_within(making, i);
        if (handler.handle != NULL && is_wanted(m, handler.slot)
            && !add_handler(making->conf, &list, &handler))
            return NULL;
    }
    return add_handler(making->conf, &list, &end) ? list.items : NULL;
}

static struct http_log_hook *
compile_logs(const struct making *making)
{
    VEC(struct http_log_hook) list = { 0 };
    struct http_log_hook *hook;

    for (unsigned i = 0; http_modules[i] != NULL; i++) {
        const struct http_module *m = http_modules[i];
        const void *slot = http_module_slot(making->conf, making->scope, i);

        if (m->log == NULL || !is_wanted(m, slot))
            continue;
        if ((hook = VEC_ADD(making->conf->arena, &list)) == NULL)
            return NULL;
        *hook = (struct http_log_hook){ m->log, slot };
    }
    return VEC_ADD(making->conf->arena, &list) != NULL ? list.items : NULL;
}

static bool
run_finish(const struct making *making)
{
    for (unsigned i = 0; http_modules[i] != NULL; i++) {
        const struct http_module *m = http_modules[i];
        void *slot = http_settings_of(making->conf, making->scope, m);

        if (m->finish != NULL && !ran_before(making, PHASE_REWRITE, i)
            && !m->finish(making->conf, making->scope, slot))
            return false;
    }
    return true;
}

/* What is opened there. */
static bool
grant(const struct making *making, const struct http_location *place)
{
    if (!http_grant_text(making->conf, &place->settings->root.path, HTTP_READS))
        return false;
    for (unsigned i = 0; http_modules[i] != NULL; i++) {
        const struct http_module *m = http_modules[i];

        if (m->grants != NULL
            && !m->grants(making->conf, place->settings,
                          http_module_slot(making->conf, making->scope, i)))
            return false;
    }
    return true;
}

static bool
make_lists(const struct making *making, struct http_location *place, enum http_phase first)
{
    struct handlers handlers = compile_handlers(making, first, PHASE_CONTENT);

    place->settings = conf_settings(making->conf, making->scope, &location_table);
    place->handlers = handlers.list;
    place->after_rewrite = handlers.ends[PHASE_REWRITE];
    place->filters = compile_filters(making, false);
    place->on_fail = compile_filters(making, true);
    place->logs = compile_logs(making);
    place->slots = making->scope->settings;
    if (place->handlers == NULL || place->filters == NULL || place->on_fail == NULL
        || place->logs == NULL)
        return conf_no_memory(making->conf);
    return grant(making, place);
}

bool
place_finish(struct conf *conf, struct conf_scope *scope, struct http_location *place)
{
    const struct making making = making_of(conf, scope);

    if (place->base == NULL)
        place->base = place;
    return run_finish(&making) && make_lists(&making, place, PHASE_POST_READ)
           && locations_build(conf, place);
}

bool
place_finish_server(struct conf *conf, struct conf_scope *scope, struct http_server *server)
{
    const struct making making = making_of(conf, scope);
    struct http_location *root = server->root;
    struct handlers first;

    root->base = root;
    if (!run_finish(&making))
        return false;
    first = compile_handlers(&making, PHASE_POST_READ, PHASE_REWRITE);
    if (first.list == NULL)
        return conf_no_memory(conf);
    server->rewrite = first.list;
    server->rewrite_step = first.ends[PHASE_POST_READ];
    return make_lists(&making, root, PHASE_PREACCESS) && locations_build(conf, root);
}

/* ---- parts --------------------------------------------------------------------------------- */

static bool
add_part(struct conf *conf, struct http_location *place, struct conf_scope *scope, uint32_t mask)
{
    struct http_part *part = VEC_ADD(conf->arena, &place->parts);
    struct http_location *p = ARENA_NEW(conf->arena, struct http_location);
    const struct making making = making_of(conf, scope);

    if (part == NULL || p == NULL)
        return conf_no_memory(conf);
    *part = (struct http_part){ mask, p, scope };
    p->name = place->name;
    p->kind = place->kind;
    p->regex = place->regex;
    p->mark = place->mark;
    p->base = place;
    p->mask = mask;
    return make_lists(&making, p, PHASE_POST_READ);
}

/* The block once more, on top of what a combination of the earlier ones has made of the place. */
static bool
combine(struct conf *conf, const struct conf_node *node, struct http_location *place,
        const struct http_part *earlier, uint32_t bit)
{
    struct conf_scope *own = conf->scope, *scope;

    conf->scope = earlier->scope;
    conf->is_muted = true;
    scope = conf_apply_block(conf, node, IN_LOCATION_IF, NULL, NULL);
    conf->is_muted = false;
    conf->scope = own;
    return scope != NULL && add_part(conf, place, scope, earlier->mask | bit);
}

/* The bit of the next "if". */
static uint32_t
next_bit(struct conf *conf, const struct conf_node *node, const struct http_location *place)
{
    uint32_t bit = PART_FIRST_IF, n = 0;

    while (place->part_bits & bit) {
        bit <<= 1;
        n++;
    }
    if (n >= PARTS_MAX - 1) {
        conf_error(conf, &node->words[0], "too many \"if\" with settings in one location");
        conf_hint(conf, "%d are possible; a \"map\" does the same with one variable",
                  PARTS_MAX - 1);
        return 0;
    }
    if (n == PARTS_COMBINED) {
        conf_warn(conf, &node->words[0], "of this \"if\" and the others of the location only the "
                  "last that holds counts");
        conf_hint(conf, "up to %d are combined; a \"map\" does the same with one variable",
                  PARTS_COMBINED);
    }
    return bit;
}

/* Where limit_except holds, no "if" does. */
static bool
is_combined(uint32_t bit)
{
    return bit != PART_LIMITED && bit <= (uint32_t)PART_FIRST_IF << (PARTS_COMBINED - 1);
}

struct conf_scope *
place_read_part(struct conf *conf, const struct conf_node *node, const struct conf_module *but,
                uint32_t *bit)
{
    struct http_location *place = http_of(conf)->reading_place;
    uint32_t where = *bit == PART_LIMITED ? IN_LIMIT_EXCEPT : IN_LOCATION_IF;
    uint32_t earlier = place->parts.len;
    unsigned errors = conf->errors;
    struct conf_scope *scope = conf_apply_block(conf, node, where, NULL, NULL);

    if (scope == NULL || conf->errors != errors)
        return NULL;
    if (*bit == 0) {
        if (!conf_sets_anything(conf, scope, but))
            return scope;
        if ((*bit = next_bit(conf, node, place)) == 0)
            return NULL;
    }
    place->part_bits |= *bit;
    if (!add_part(conf, place, scope, *bit))
        return NULL;
    for (uint32_t i = 0; i < earlier; i++) {
        const struct http_part part = place->parts.items[i];

        if (is_combined(*bit) && is_combined(part.mask)
            && !combine(conf, node, place, &part, *bit))
            return NULL;
    }
    return scope;
}

static const struct http_location *
find_part(const struct http_location *base, uint32_t mask)
{
    for (uint32_t i = 0; i < base->parts.len; i++)
        if (base->parts.items[i].mask == mask)
            return base->parts.items[i].place;
    return NULL;
}

const struct http_location *
place_part(const struct http_location *place, uint32_t bit)
{
    const struct http_location *part = find_part(place->base, place->mask | bit);

    if (part == NULL)
        part = find_part(place->base, bit);
    return part != NULL ? part : place;
}

/* ---- limit_except -------------------------------------------------------------------------- */

bool
parse_limit_except(struct conf *conf, const struct conf_node *node, void *field)
{
    struct http_location *place = http_of(conf)->reading_place;
    uint32_t bit = PART_LIMITED;

    (void)field;
    for (uint32_t i = 1; i < node->count; i++) {
        enum http_method method = http_method_of(node->words[i].text);

        if (method == METHOD_OTHER || method == METHOD_TRACE || method == METHOD_CONNECT) {
            conf_error(conf, &node->words[i], "invalid method \"%.*s\"",
                       STR_ARG(node->words[i].text));
            conf_hint(conf, "in capitals: GET HEAD POST PUT DELETE PATCH OPTIONS MKCOL COPY MOVE "
                      "PROPFIND PROPPATCH LOCK UNLOCK");
            return false;
        }
        place->methods |= 1u << method;
    }
    if (place->methods & 1u << METHOD_GET)
        place->methods |= 1u << METHOD_HEAD;
    return place_read_part(conf, node, NULL, &bit) != NULL;
}

/* ---- location { } -------------------------------------------------------------------------- */

static const struct {
    struct str text;
    enum location_kind kind;
    bool is_regex, ignore_case;
} modifiers[] = {               /* the longer ones first: a modifier may be glued to what follows */
    { STR_INIT("~*"), LOCATION_REGEX, true, true },
    { STR_INIT("^~"), LOCATION_PREFIX_FINAL, false, false },
    { STR_INIT("~"), LOCATION_REGEX, true, false },
    { STR_INIT("="), LOCATION_EXACT, false, false },
};

static bool
set_regex(struct conf *conf, struct http_location *place, bool ignore_case)
{
    if (place->name.len == 0)
        return conf_error(conf, place->word, "empty regular expression in \"location\"");
    place->ignore_case = ignore_case;
    place->regex = http_regex_compile(conf, place->word, place->name, ignore_case);
    http_of(conf)->has_regex_locations = true;
    return place->regex != NULL;
}

/* "= /path", "^~ /path", "~ expression", "/path", "@name". */
static bool
parse_location_name(struct conf *conf, const struct conf_node *node, struct http_location *place)
{
    struct str text = node->words[1].text;
    bool is_glued = node->count == 2;
    size_t i = 0;

    place->word = &node->words[node->count - 1];
    place->name = place->word->text;
    while (i < ARRAY_LEN(modifiers)
           && !(is_glued ? str_starts(text, modifiers[i].text) : str_eq(text, modifiers[i].text)))
        i++;
    if (i < ARRAY_LEN(modifiers)) {
        place->kind = modifiers[i].kind;
        if (is_glued)
            place->name = str_from(text, modifiers[i].text.len);
        if (modifiers[i].is_regex)
            return set_regex(conf, place, modifiers[i].ignore_case);
        return true;
    }
    if (!is_glued) {
        conf_error(conf, &node->words[1], "invalid location modifier \"%.*s\"", STR_ARG(text));
        conf_hint(conf, "one of =, ^~, ~, ~*; a path that holds blanks is written in quotes");
        return false;
    }
    if (str_starts(text, STR("@")))
        place->kind = LOCATION_NAMED;
    return true;
}

static bool
check_nesting(struct conf *conf, const struct http_location *outer,
              const struct http_location *place)
{
    bool is_server = outer == http_of(conf)->reading_server->root;

    if (place->kind == LOCATION_NAMED && !is_server) {
        conf_error(conf, place->word, "named location \"%.*s\" can be on the server level only",
                   STR_ARG(place->name));
        conf_hint(conf, "put it beside the outermost location");
        return false;
    }
    if (is_server)
        return true;
    if (outer->kind == LOCATION_EXACT || outer->kind == LOCATION_NAMED)
        return conf_error(conf, place->word, "location \"%.*s\" cannot be inside the %s location "
                          "\"%.*s\"", STR_ARG(place->name),
                          outer->kind == LOCATION_EXACT ? "exact" : "named",
                          STR_ARG(outer->name));
    if (place->kind == LOCATION_REGEX)
        return true;
    if (outer->kind == LOCATION_REGEX || !str_starts(place->name, outer->name)) {
        conf_error(conf, place->word, "location \"%.*s\" is outside location \"%.*s\"",
                   STR_ARG(place->name), STR_ARG(outer->name));
        if (outer->kind == LOCATION_REGEX)
            conf_hint(conf, "only regular expressions can stand inside a regular expression");
        else
            conf_hint(conf, "its path must begin with that of the outer one");
        return false;
    }
    return true;
}

bool
parse_location(struct conf *conf, const struct conf_node *node, void *field)
{
    struct http *http = http_of(conf);
    struct http_location *outer = http->reading_place;
    struct http_location *place = ARENA_NEW(conf->arena, struct http_location);
    struct conf_scope *scope;
    unsigned errors = conf->errors;

    (void)field;
    if (place == NULL)
        return conf_no_memory(conf);
    if (!parse_location_name(conf, node, place) || !check_nesting(conf, outer, place))
        return false;
    place->name = arena_str(conf->arena, place->name);
    place->mark = conf_mark_of(conf, &node->words[0]);
    *(outer->last_child != NULL ? &outer->last_child->next : &outer->children) = place;
    outer->last_child = place;
    http->reading_place = place;
    scope = conf_apply_block(conf, node, IN_LOCATION, NULL, NULL);
    http->reading_place = outer;
    return scope != NULL && conf->errors == errors && place_finish(conf, scope, place);
}
