/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * geo: a variable whose value goes by the client's address: "geo $country { default ZZ;
 * 192.0.2.0/24 NL; }"
 */
#include "http/engine.h"
#include "http/forwarded.h"
#include "http/module.h"
#include "net/atlas.h"

/* One geo { }. */
struct geo_rules {
    const struct http_variable *source; /* of the address; NULL: the client's */
    const struct atlas *atlas;  /* to indexes in values */
    VEC(struct str) values;     /* [0] is the default */
    struct forwarded_trust trust;
    struct str variable;        /* with its "$" */
    struct conf_mark mark;
};

/* ---- the conf file ------------------------------------------------------------------------- */

/* One geo { } being read. */
struct geo_reading {
    struct conf *conf;
    struct geo_rules *rules;
    struct http_variable *var;
    struct map *numbers;        /* of values, to their indexes; in scratch */
    struct atlas_draft *draft;
    bool ranges, has_areas, has_default;
    bool ok;
};

/* The index of a value in values, from 1; 0: no memory. */
/* A "$" alone is meant: this is how operators have one in their texts. */
static bool
looks_like_variable(struct str text)
{
    ptrdiff_t dollar = str_find(text, '$', 0);

    return dollar >= 0 && text.len > (size_t)dollar + 1;
}

static uint32_t
number_of(struct geo_reading *r, const struct conf_word *word)
{
    struct conf *conf = r->conf;
    uint32_t number = (uint32_t)(uintptr_t)map_get(r->numbers, word->text);
    struct str *place;

    if (number != 0)
        return number;
    number = r->rules->values.len;
    place = VEC_ADD(conf->arena, &r->rules->values);
    if (place == NULL || !str_is_set(*place = arena_str(conf->arena, word->text))
        || !map_set(r->numbers, *place, (void *)(uintptr_t)number)) {
        conf_no_memory(conf);
        return 0;
    }
    if (looks_like_variable(word->text)) {
        conf_warn(conf, word, "\"%.*s\" is plain text in \"geo\"", STR_ARG(word->text));
        conf_hint(conf, "a map of %.*s can have variables in its values",
                  STR_ARG(r->rules->variable));
    }
    return number;
}

static bool
read_network(struct conf *conf, const struct conf_word *word, struct network *network)
{
    bool low;

    if (!network_parse(word->text, network, &low) || network->family == AF_UNIX) {
        conf_error(conf, word, "invalid network \"%.*s\"", STR_ARG(word->text));
        if (str_find(word->text, '-', 0) > 0)
            conf_hint(conf, "ranges want \"ranges;\" at the begin of the block");
        else
            conf_hint(conf, "an address, or a block of them like 192.0.2.0/24 or 2001:db8::/32");
        return false;
    }
    if (low)
        conf_warn(conf, word, "low address bits of %.*s are meaningless", STR_ARG(word->text));
    return true;
}

static bool
read_range(const struct geo_reading *r, const struct conf_word *word, struct atlas_range *range)
{
    struct network network;

    if (!r->ranges) {
        if (!read_network(r->conf, word, &network))
            return false;
        *range = atlas_range_of(&network);
        return true;
    }
    if (atlas_range_parse(word->text, range))
        return true;
    conf_error(r->conf, word, "invalid range \"%.*s\"", STR_ARG(word->text));
    conf_hint(r->conf, "two addresses, the lower one first: 192.0.2.1-192.0.2.9");
    return false;
}

static bool
read_area(struct geo_reading *r, const struct conf_node *node)
{
    const struct conf_word *word = &node->words[0];
    struct atlas_name name = { .tag = word };
    struct atlas_range range;

    r->has_areas = true;
    if (!read_range(r, word, &range))
        return false;
    if ((name.number = number_of(r, &node->words[1])) == 0)
        return false;
    return atlas_add(r->draft, &range, name) || conf_no_memory(r->conf);
}

static bool
read_delete(struct geo_reading *r, const struct conf_node *node)
{
    const struct conf_word *word = &node->words[1];
    struct atlas_range range;

    r->has_areas = true;
    return read_range(r, word, &range)
           && (atlas_remove(r->draft, &range, word) || conf_no_memory(r->conf));
}

static bool
read_default(struct geo_reading *r, const struct conf_node *node)
{
    const struct conf_word *value = &node->words[1];
    uint32_t number = number_of(r, value);
    struct str *old = &r->rules->values.items[0];

    if (number == 0)
        return false;
    if (r->has_default) {
        conf_warn(r->conf, &node->words[0], "%s value: \"%.*s\", old value: \"%.*s\"",
                  r->ranges ? "duplicate default geo range" : "duplicate network \"default\",",
                  STR_ARG(value->text), STR_ARG(*old));
        conf_hint(r->conf, "the last one counts");
    }
    *old = r->rules->values.items[number];
    r->has_default = r->has_areas = true;
    return true;
}

static bool
read_proxy(struct geo_reading *r, const struct conf_node *node)
{
    struct network network, *place;

    if (!read_network(r->conf, &node->words[1], &network))
        return false;
    if ((place = VEC_ADD(r->conf->arena, &r->rules->trust.proxies)) == NULL)
        return conf_no_memory(r->conf);
    *place = network;
    return true;
}

static bool
read_ranges(struct geo_reading *r, const struct conf_node *node)
{
    r->ranges = true;
    if (!r->has_areas)
        return true;
    conf_error(r->conf, &node->words[0],
               "the \"ranges\" directive must be the first directive inside \"geo\" block");
    conf_hint(r->conf, "write it before the first address and before default");
    return false;
}

static bool
read_statement(struct geo_reading *r, const struct conf_node *node)
{
    struct str word = node->words[0].text;

    if (node->count == 1 && !node->is_block) {
        if (str_eq(word, STR("ranges")))
            return read_ranges(r, node);
        if (str_eq(word, STR("proxy_recursive")))
            return (r->rules->trust.recursive = true);
        if (str_eq(word, STR("volatile")))
            return (r->var->is_volatile = true);
    }
    if (!conf_pair(r->conf, node))
        return false;
    if (str_eq(word, STR("default")))
        return read_default(r, node);
    if (str_eq(word, STR("delete")))
        return read_delete(r, node);
    if (str_eq(word, STR("proxy")))
        return read_proxy(r, node);
    return read_area(r, node);
}

static void
tell_mistake(void *ctx, enum atlas_mistake mistake, struct atlas_name area, struct atlas_name other)
{
    struct geo_reading *r = ctx;
    const struct str *values = r->rules->values.items;
    const struct conf_word *word = area.tag, *before = other.tag;

    switch (mistake) {
    case ATLAS_TWICE:
        conf_warn(r->conf, word, "duplicate %s \"%.*s\", value: \"%.*s\", old value: \"%.*s\"",
                  r->ranges ? "range" : "network", STR_ARG(word->text),
                  STR_ARG(values[area.number]), STR_ARG(values[other.number]));
        conf_hint(r->conf, "the last one counts");
        break;
    case ATLAS_NOT_THERE:
        conf_warn(r->conf, word, "no %s \"%.*s\" to delete",
                  r->ranges ? "address range" : "network", STR_ARG(word->text));
        conf_hint(r->conf, "what is deleted must have been written just so before");
        break;
    case ATLAS_ACROSS:
        r->ok = conf_error(r->conf, word, "range \"%.*s\" overlaps \"%.*s\"", STR_ARG(word->text),
                           STR_ARG(before->text));
        conf_hint(r->conf, "a range lies within another, or apart from it");
        break;
    }
}

/* "$name" */
static bool
read_source(struct geo_reading *r, const struct conf_word *word)
{
    struct str name = str_from(word->text, 1);

    if (!str_starts(word->text, STR("$")) || name.len == 0) {
        conf_error(r->conf, word, "invalid variable name \"%.*s\"", STR_ARG(word->text));
        conf_hint(r->conf, "the variable that has the address: geo $http_x_client $name { }");
        return false;
    }
    if (str_ieq(name, STR("remote_addr")))
        return true;
    r->rules->source = http_variable_use(r->conf, word, name);
    return r->rules->source != NULL;
}

static struct str get_geo(struct http_request *req, const void *data, struct str rest);

static bool
begin(struct geo_reading *r, const struct conf_node *node)
{
    struct conf *conf = r->conf;
    const struct conf_word *name = &node->words[node->count - 1];

    r->rules = ARENA_NEW(conf->arena, struct geo_rules);
    r->numbers = map_create(conf->scratch, false);
    r->draft = atlas_begin(conf->scratch);
    if (r->rules == NULL || r->numbers == NULL || r->draft == NULL
        || VEC_ADD(conf->arena, &r->rules->values) == NULL)
        return conf_no_memory(conf);
    r->rules->values.items[0] = STR("");
    r->rules->mark = conf_mark_of(conf, &node->words[0]);
    r->rules->variable = arena_str(conf->arena, name->text);
    r->var = http_variable_define(conf, name, get_geo, r->rules, false);
    return r->var != NULL && (node->count == 2 || read_source(r, &node->words[1]));
}

static bool
parse_geo(struct conf *conf, const struct conf_node *node, void *field)
{
    struct geo_reading r = { .conf = conf, .ok = true };
    struct atlas_reader reader = { .tell = tell_mistake, .ctx = &r };

    (void)field;
    if (!begin(&r, node))
        return false;
    for (const struct conf_node *n = node->children; n != NULL; n = n->next)
        r.ok = read_statement(&r, n) && r.ok;
    reader.leaves_holes = r.ranges;
    r.rules->atlas = atlas_finish(r.draft, conf->arena, &reader);
    return r.rules->atlas != NULL ? r.ok : conf_no_memory(conf);
}

/* ---- values -------------------------------------------------------------------------------- */

/* What is no address is 255.255.255.255. */
static struct peer
find_address(struct http_request *req, const struct geo_rules *rules)
{
    struct peer none = { .family = AF_INET, .ip = { 255, 255, 255, 255 } };
    struct peer peer = req->peer->family == AF_UNIX ? none : *req->peer;

    if (rules->source != NULL
        && !peer_parse_ip(http_variable_value(req, rules->source), &peer))
        return none;
    if (forwarded_trusts(&rules->trust, &peer))
        forwarded_find(req, &rules->trust, STR("X-Forwarded-For"), &peer);
    return peer;
}

static struct str
get_geo(struct http_request *req, const void *data, struct str rest)
{
    const struct geo_rules *rules = data;
    struct peer peer = find_address(req, rules);
    struct str value = rules->values.items[atlas_find(rules->atlas, &peer)];

    (void)rest;
    HTTP_TRACE(req, &rules->mark, "geo: %.*s is \"%.*s\"", STR_ARG(rules->variable),
               STR_ARG(value));
    return value;
}

static const struct directive geo_directives[] = {
    { "geo", .where = IN_HTTP, .args = { 1, 2 },
      .flags = DIRECTIVE_BLOCK | DIRECTIVE_DATA | DIRECTIVE_REPEAT, .parse = parse_geo },
    { 0 }
};

const struct http_module geo_module = {
    .name = "geo",
    .directives = geo_directives,
};
