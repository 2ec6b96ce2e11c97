/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * access: who may, by address: "allow 192.0.2.0/24; deny all;"
 */
#include "http/access.h"
#include "http/module.h"
#include "net/networks.h"

enum verdict { ALLOW, DENY };

struct access_conf {
    struct rules *rules;        /* NULL: none */
};

/* What "allow" and "deny" say, in order. */
struct rules {
    VEC(struct network) networks;
    VEC(enum verdict) verdicts; /* of each of these */
    VEC(struct conf_mark) marks;        /* likewise */
    struct networks *table;     /* made of them by check */
};

/* ---- the conf file ------------------------------------------------------------------------- */

/* One rule as it was written. */
struct rule {
    enum verdict verdict;
    struct conf_mark mark;
};

static bool
add_rule(struct conf *conf, struct rules *rules, const struct network *network,
         const struct rule *rule)
{
    struct network *place = VEC_ADD(conf->arena, &rules->networks);
    enum verdict *its = VEC_ADD(conf->arena, &rules->verdicts);
    struct conf_mark *its_mark = VEC_ADD(conf->arena, &rules->marks);

    if (place == NULL || its == NULL || its_mark == NULL)
        return conf_no_memory(conf);
    *place = *network;
    *its = rule->verdict;
    *its_mark = rule->mark;
    return true;
}

static bool
add_all(struct conf *conf, struct rules *rules, const struct rule *rule)
{
    static const uint16_t families[] = { AF_INET, AF_INET6, AF_UNIX };

    for (size_t i = 0; i < ARRAY_LEN(families); i++)
        if (!add_rule(conf, rules, &(struct network){ .family = families[i] }, rule))
            return false;
    return true;
}

static bool
parse_rule(struct conf *conf, const struct conf_node *node, void *field)
{
    const enum verdict *verdict = conf->directive->data;
    const struct conf_word *word = &node->words[1];
    struct rules **rules = field;
    const struct rule rule = { *verdict, conf_mark_of(conf, word) };
    struct network network;
    bool low;

    if (*rules == NULL && (*rules = ARENA_NEW(conf->arena, struct rules)) == NULL)
        return conf_no_memory(conf);
    if (str_eq(word->text, STR("all")))
        return add_all(conf, *rules, &rule);
    if (!network_parse(word->text, &network, &low)) {
        conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "an address, a block of them like 192.0.2.0/24, unix: or all");
        return false;
    }
    if (low)
        conf_warn(conf, word, "low address bits of %.*s are meaningless", STR_ARG(word->text));
    return add_rule(conf, *rules, &network, &rule);
}

static bool
access_check(struct conf *conf, struct conf_scope *scope, void *slot)
{
    struct rules *rules = ((struct access_conf *)slot)->rules;

    (void)scope;
    if (rules == NULL || rules->table != NULL)
        return true;
    rules->table = networks_build(conf->arena, rules->networks.items, rules->networks.len);
    return rules->table != NULL || conf_no_memory(conf);
}

static bool
access_wanted(const void *slot)
{
    return ((const struct access_conf *)slot)->rules != NULL;
}

/* ---- requests ------------------------------------------------------------------------------ */

static enum http_next
access_handle(struct http_request *req, const void *slot)
{
    const struct rules *rules = ((const struct access_conf *)slot)->rules;
    int32_t first = networks_find(rules->table, req->peer);

    if (first < 0) {
        HTTP_TRACE(req, NULL, "access: no rule has the client's address");
        return HTTP_PASS;
    }
    HTTP_TRACE(req, &rules->marks.items[first], "access: %s",
               rules->verdicts.items[first] == ALLOW ? "allowed" : "denied");
    if (rules->verdicts.items[first] == ALLOW)
        return access_allow(req);
    if (req->location->settings->satisfy == SATISFY_ALL)
        access_log_forbidden(req);
    return http_fail(req, HTTP_FORBIDDEN);
}

static const enum verdict verdict_allow = ALLOW, verdict_deny = DENY;

#define RULE                                                                               \
    .where = IN_HTTP_ALL | IN_LIMIT_EXCEPT, .args = { 1, 1 }, .flags = DIRECTIVE_REPEAT,   \
    .parse = parse_rule, FIELD(struct access_conf, rules)

static const struct directive access_directives[] = {
    { "allow", RULE, .data = &verdict_allow },
    { "deny", RULE, .data = &verdict_deny },
    { 0 }
};

const struct http_module access_module = {
    .name = "access",
    .directives = access_directives,
    .conf_size = sizeof(struct access_conf),
    .check = access_check,
    .phase = PHASE_ACCESS,
    .handle = access_handle,
    .wanted = access_wanted,
};
