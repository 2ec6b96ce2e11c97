/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toy: tables of a small server that does not exist, to read conf files with.
 *
 * "core" begins at main level, "web" at http, "host" at server. Blocks note their scopes in
 * toy_scopes, in the order of their end.
 */
#ifndef WEIR_TESTS_CONF_TOY_H
#define WEIR_TESTS_CONF_TOY_H

#include "conf/conf.h"
#include <stddef.h>
#include <stdlib.h>

struct toy_core {
    bool daemon;
    uint32_t workers;
    struct str user;
    int unknown;
};

struct toy_web {
    bool gzip, etag;            /* neighbours within four bytes */
    int mode;
    uint64_t timeout_ms, expires_s, buffer_bytes;
    struct str root;            /* set by "root" and by "alias" */
    VEC(struct str) index;
    VEC(struct str) rules;      /* by "allow" and "deny" */
    unsigned types;             /* entries */
    unsigned checked;           /* calls of check: no directive's field */
};

struct toy_host {
    uint32_t weight;
};

static struct toy_scope {
    struct str name;            /* of the block, and its argument if any */
    const struct conf_scope *scope;
} toy_scopes[16];
static unsigned toy_scope_count;
static unsigned toy_begun;

static void
toy_begin(void *ctx, struct conf_scope *scope)
{
    *(uint32_t *)ctx = scope->where;
    toy_begun++;
}

/* data: the context of the block */
static bool
toy_block(struct conf *conf, const struct conf_node *node, void *field)
{
    const uint32_t *where = conf->directive->data;
    uint32_t begun = 0;
    struct conf_scope *outer = conf->scope, *scope;
    const struct directive *directive = conf->directive;

    (void)field;
    scope = conf_apply_block(conf, node, *where, toy_begin, &begun);
    if (scope == NULL)
        return false;
    if (begun != *where || scope->parent != outer || conf->scope != outer
        || conf->directive != directive)
        abort();
    if (toy_scope_count < ARRAY_LEN(toy_scopes))
        toy_scopes[toy_scope_count++] = (struct toy_scope){ node->words[node->count - 1].text,
                                                            scope };
    return true;
}

/* The words behind the name, at the end of a list. */
static bool
toy_list(struct conf *conf, const struct conf_node *node, void *field)
{
    VEC(struct str) *list = field;

    for (uint32_t i = 1; i < node->count; i++) {
        struct str *place = VEC_ADD(conf->arena, list);

        if (place == NULL)
            return conf_no_memory(conf);
        *place = arena_str(conf->arena, node->words[i].text);
    }
    return true;
}

static bool
toy_types(struct conf *conf, const struct conf_node *node, void *field)
{
    unsigned *count = field;

    for (const struct conf_node *child = node->children; child != NULL; child = child->next) {
        if (child->count < 2)
            return conf_error(conf, &child->words[0], "no ending for \"%.*s\"",
                              STR_ARG(child->words[0].text));
        ++*count;
    }
    return true;
}

/* Words of one letter. */
static bool
toy_tags(struct conf *conf, const struct conf_node *node, void *field)
{
    (void)field;
    for (uint32_t i = 1; i < node->count; i++)
        if (node->words[i].text.len != 1)
            return conf_error(conf, &node->words[i], "invalid tag \"%.*s\"",
                              STR_ARG(node->words[i].text));
    return true;
}

/* Refuses without a word, as no parse function should. */
static bool
toy_mute(struct conf *conf, const struct conf_node *node, void *field)
{
    (void)conf;
    (void)node;
    (void)field;
    return false;
}

static bool
toy_web_check(struct conf *conf, struct conf_scope *scope, void *settings)
{
    struct toy_web *web = settings;

    web->checked++;
    if (web->buffer_bytes == 13)
        return conf_error(conf, scope->node != NULL ? &scope->node->words[0] : NULL,
                          "13 bytes bring bad luck");
    return true;
}

static const uint32_t toy_events_where = IN_EVENTS, toy_http_where = IN_HTTP,
    toy_server_where = IN_SERVER, toy_location_where = IN_LOCATION,
    toy_upstream_where = IN_UPSTREAM;
static const struct uint_range toy_range = { 1, 64 };
static const struct conf_enum toy_modes[] = {
    { "fast", 1 }, { "safe", 2 }, { "lazy", 3 }, { NULL, 0 }
};

static const struct conf_enum toy_unknown[] = { { "error", 0 }, { "warn", 1 }, { NULL, 0 } };

static const struct directive toy_core_directives[] = {
    { "unknown_directive", .where = IN_MAIN, .args = {1, 1}, .parse = parse_enum,
      FIELD(struct toy_core, unknown), .data = toy_unknown },
    { "daemon", .where = IN_MAIN, .args = {1, 1}, .parse = parse_flag,
      FIELD(struct toy_core, daemon), .initial = "on" },
    { "workers", .where = IN_MAIN, .args = {1, 1}, .parse = parse_uint,
      FIELD(struct toy_core, workers), .initial = "1", .data = &toy_range },
    { "user", .where = IN_MAIN, .args = {1, 2}, .parse = parse_text,
      FIELD(struct toy_core, user), .initial = "\"no body\"" },
    { "events", .where = IN_MAIN, .flags = DIRECTIVE_BLOCK, .parse = toy_block,
      .data = &toy_events_where },
    { "http", .where = IN_MAIN, .flags = DIRECTIVE_BLOCK, .parse = toy_block,
      .data = &toy_http_where },
    { "mute", .where = IN_MAIN, .parse = toy_mute },
    { 0 }
};

static const struct directive toy_web_directives[] = {
    { "server", .where = IN_HTTP, .flags = DIRECTIVE_BLOCK | DIRECTIVE_REPEAT, .parse = toy_block,
      .data = &toy_server_where },
    { "location", .where = IN_SERVER | IN_LOCATION, .args = {1, 2},
      .flags = DIRECTIVE_BLOCK | DIRECTIVE_REPEAT, .parse = toy_block,
      .data = &toy_location_where },
    { "upstream", .where = IN_HTTP, .args = {1, 1}, .flags = DIRECTIVE_BLOCK | DIRECTIVE_REPEAT,
      .parse = toy_block, .data = &toy_upstream_where },
    { "gzip", .where = IN_HTTP_ALL, .args = {1, 1}, .parse = parse_flag,
      FIELD(struct toy_web, gzip), .initial = "off" },
    { "etag", .where = IN_HTTP_ALL, .args = {1, 1}, .parse = parse_flag,
      FIELD(struct toy_web, etag), .initial = "on" },
    { "mode", .where = IN_HTTP_ALL, .args = {1, 1}, .parse = parse_enum,
      FIELD(struct toy_web, mode), .initial = "safe", .data = toy_modes },
    { "timeout", .where = IN_HTTP_ALL, .args = {1, 1}, .parse = parse_ms,
      FIELD(struct toy_web, timeout_ms), .initial = "75s" },
    { "expires", .where = IN_HTTP_ALL, .args = {1, 1}, .parse = parse_seconds,
      FIELD(struct toy_web, expires_s) },
    { "buffer", .where = IN_HTTP_ALL, .args = {1, 1}, .parse = parse_size,
      FIELD(struct toy_web, buffer_bytes), .initial = "8k" },
    { "root", .where = IN_HTTP_ALL, .args = {1, 1}, .parse = parse_path,
      FIELD(struct toy_web, root), .initial = "html" },
    { "alias", .where = IN_LOCATION, .args = {1, 1}, .parse = parse_path,
      FIELD(struct toy_web, root) },
    { "index", .where = IN_HTTP_ALL, .args = {1, ARGS_ANY}, .flags = DIRECTIVE_REPEAT,
      .parse = toy_list, FIELD(struct toy_web, index), .initial = "index.html" },
    { "allow", .where = IN_HTTP_ALL, .args = {1, 1}, .flags = DIRECTIVE_REPEAT,
      .parse = toy_list, FIELD(struct toy_web, rules) },
    { "deny", .where = IN_HTTP_ALL, .args = {1, 1}, .flags = DIRECTIVE_REPEAT,
      .parse = toy_list, FIELD(struct toy_web, rules) },
    { "types", .where = IN_HTTP_ALL, .flags = DIRECTIVE_BLOCK | DIRECTIVE_DATA, .parse = toy_types,
      FIELD(struct toy_web, types) },
    { "tags", .where = IN_HTTP, .args = {1, ARGS_ANY}, .parse = toy_tags },
    { "padding", .where = IN_HTTP_ALL, .args = {1, 3}, .parse = parse_ignored },
    { 0 }
};

static const struct directive toy_host_directives[] = {
    { "weight", .where = IN_SERVER | IN_LOCATION, .args = {1, 1}, .parse = parse_uint,
      FIELD(struct toy_host, weight), .initial = "5" },
    { "timeout", .where = IN_UPSTREAM, .args = {2, 2}, .parse = parse_ignored },
    { 0 }
};

static const struct conf_module toy_core = {
    .name = "core", .directives = toy_core_directives, .conf_size = sizeof(struct toy_core),
    .root = IN_MAIN,
};
static const struct conf_module toy_web = {
    .name = "web", .directives = toy_web_directives, .conf_size = sizeof(struct toy_web),
    .root = IN_HTTP, .check = toy_web_check,
};
static const struct conf_module toy_host = {
    .name = "host", .directives = toy_host_directives, .conf_size = sizeof(struct toy_host),
    .root = IN_SERVER,
};
static const struct conf_module toy_empty = { .name = "empty", .root = IN_MAIN };
static const struct conf_module *const toy_modules[] = {
    &toy_core, &toy_web, &toy_host, &toy_empty, NULL
};

#endif
