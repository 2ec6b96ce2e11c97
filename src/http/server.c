/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server: http { }, server { } and location { } as they become hosts, places and listening
 * addresses.
 */
#include "base/arena.h"
#include "base/counters.h"
#include "base/map.h"
#include "http/access.h"
#include "http/engine.h"
#include "http/http.h"
#include "http/settings.h"
#include <stdlib.h>
#include <unistd.h>

struct http *
http_of(const struct conf *conf)
{
    const struct http_setup *setup = conf->owner;

    return setup->http;
}

static struct http_server *
server_of(struct conf *conf)
{
    return http_of(conf)->reading_server;
}

/* ---- server_name --------------------------------------------------------------------------- */

bool
parse_server_name(struct conf *conf, const struct conf_node *node, void *field)
{
    struct http_server *server = server_of(conf);

    (void)field;
    for (uint32_t i = 1; i < node->count; i++) {
        const struct conf_word *word = &node->words[i];
        struct server_name *name;
        char *lower;
        struct str text = word->text;
        ptrdiff_t star;

        if (text.len > 0 && text.p[0] == '~') {
            conf_error(conf, word, "invalid server name \"%.*s\"", STR_ARG(text));
            conf_hint(conf, "weir has no regular expressions in server names yet");
            return false;
        }
        star = str_find(text, '*', 0);
        if (star >= 0
            && !((star == 0 && text.len > 2 && text.p[1] == '.'
                  && str_find(text, '*', 1) < 0)
                 || (star == (ptrdiff_t)text.len - 1 && text.len > 2
                     && text.p[text.len - 2] == '.'))) {
            conf_error(conf, word, "invalid server name or wildcard \"%.*s\"", STR_ARG(text));
            conf_hint(conf, "a \"*\" stands for whole labels at the begin or the end: "
                      "*.example.com, www.example.*");
            return false;
        }
        if (str_find(text, '/', 0) >= 0)
            conf_warn(conf, word, "server name \"%.*s\" has suspicious symbols", STR_ARG(text));
        if ((name = VEC_ADD(conf->arena, &server->names)) == NULL
            || (lower = arena_bytes(conf->arena, text.len + 1)) == NULL)
            return conf_no_memory(conf);
        for (size_t k = 0; k < text.len; k++)
            lower[k] = ascii_lower(text.p[k]);
        lower[text.len] = '\0';
        name->name = (struct str){ lower, text.len };
        if (str_eq(text, STR("$hostname")))
            name->name = http_hostname();
        name->word = *word;
    }
    return true;
}

/* ---- places -------------------------------------------------------------------------------- */

static bool
is_wanted(const struct http_module *m, const void *slot)
{
    return m->wanted == NULL || m->wanted(slot);
}

typedef VEC(struct http_handler) handler_vec;

static bool
add_handler(struct conf *conf, handler_vec *list,
            enum http_next (*handle)(struct http_request *, const void *), const void *slot)
{
    struct http_handler *h = VEC_ADD(conf->arena, list);

    if (h == NULL)
        return conf_no_memory(conf);
    *h = (struct http_handler){ handle, slot };
    return true;
}

/*
 * What rewrites holds for its own level alone, as some others do; what was read after the head
 * need not be read again where nothing else is said than for the server.
 */
static bool
ran_before(const struct conf *conf, const struct conf_scope *scope, int phase, unsigned i)
{
    const struct conf_scope *outer = scope->parent;

    if (phase == PHASE_POST_READ && scope->where == IN_SERVER)
        return false;
    while (phase == PHASE_POST_READ && outer->where != IN_SERVER)
        outer = outer->parent;
    return (phase == PHASE_POST_READ || phase == PHASE_REWRITE || http_modules[i]->own_level)
           && http_module_slot(conf, scope, i) == http_module_slot(conf, outer, i);
}

static bool
add_phase(struct conf *conf, struct conf_scope *scope, int phase, handler_vec *list)
{
    for (unsigned i = 0; http_modules[i] != NULL; i++) {
        const struct http_module *m = http_modules[i];
        const void *slot = http_module_slot(conf, scope, i);

        if ((int)m->phase == phase && is_wanted(m, slot) && !ran_before(conf, scope, phase, i)
            && !add_handler(conf, list, m->handle, slot))
            return false;
    }
    return true;
}

/* Who may: all by themselves, or as a group. */
static bool
add_access(struct conf *conf, struct conf_scope *scope, handler_vec *list)
{
    const struct location_settings *settings = conf_settings(conf, scope, &location_table);
    handler_vec members = { 0 };
    struct http_handler group;

    if (!access_is_grouped(settings))
        return add_phase(conf, scope, PHASE_ACCESS, list);
    if (!add_phase(conf, scope, PHASE_ACCESS, &members))
        return false;
    if (members.len == 0)
        return true;
    if (!add_handler(conf, &members, NULL, NULL))
        return false;
    group = access_group(conf->arena, settings, members.items);
    if (group.handle == NULL)
        return conf_no_memory(conf);
    return add_handler(conf, list, group.handle, group.slot);
}

/* The handlers of the phases from first to last, in order, ended by one that is all zero. */
static struct http_handler *
compile_handlers(struct conf *conf, struct conf_scope *scope, enum http_phase first,
                 enum http_phase last)
{
    handler_vec list = { 0 };

    for (int phase = (int)first; phase <= (int)last; phase++)
        if (phase == PHASE_ACCESS ? !add_access(conf, scope, &list)
                                  : !add_phase(conf, scope, phase, &list))
            return NULL;
    return add_handler(conf, &list, NULL, NULL) ? list.items : NULL;
}

/* The settings of a module that hold at a level, whether it sets any or not. */
static const void *
slot_within(const struct conf *conf, const struct conf_scope *scope, unsigned i)
{
    const void *slot = http_module_slot(conf, scope, i);

    if (http_modules[i]->within != NULL && slot == http_module_slot(conf, scope->parent, i))
        return http_modules[i]->within(slot);
    return slot;
}

static struct http_handler *
compile_filters(struct conf *conf, struct conf_scope *scope, bool on_fail)
{
    handler_vec list = { 0 };

    for (unsigned i = 0; http_modules[i] != NULL; i++) {
        const struct http_module *m = http_modules[i];
        const void *slot = slot_within(conf, scope, i);
        enum http_next (*fn)(struct http_request *, const void *) =
            on_fail ? m->on_fail : m->filter;

        if (fn != NULL && is_wanted(m, slot) && !add_handler(conf, &list, fn, slot))
            return NULL;
    }
    return add_handler(conf, &list, NULL, NULL) ? list.items : NULL;
}

static struct http_log_hook *
compile_logs(struct conf *conf, struct conf_scope *scope)
{
    VEC(struct http_log_hook) list = { 0 };
    struct http_log_hook *hook;

    for (unsigned i = 0; http_modules[i] != NULL; i++) {
        const struct http_module *m = http_modules[i];
        const void *slot = http_module_slot(conf, scope, i);

        if (m->log == NULL || !is_wanted(m, slot))
            continue;
        if ((hook = VEC_ADD(conf->arena, &list)) == NULL)
            return NULL;
        *hook = (struct http_log_hook){ m->log, slot };
    }
    return VEC_ADD(conf->arena, &list) != NULL ? list.items : NULL;
}

/* The scope's settings are final: what the place does is made of them. */
static bool
place_finish(struct conf *conf, struct conf_scope *scope, struct http_location *place)
{
    place->settings = conf_settings(conf, scope, &location_table);
    place->handlers = compile_handlers(conf, scope, PHASE_POST_READ, PHASE_CONTENT);
    place->filters = compile_filters(conf, scope, false);
    place->on_fail = compile_filters(conf, scope, true);
    place->logs = compile_logs(conf, scope);
    if (place->handlers == NULL || place->filters == NULL || place->on_fail == NULL
        || place->logs == NULL)
        return conf_no_memory(conf);
    return locations_build(conf, place);
}

/* "= /path", "^~ /path", "/path"; the modifier may be glued to the path. */
static bool
parse_location_name(struct conf *conf, const struct conf_node *node, struct http_location *place)
{
    struct str text = node->words[1].text;
    const struct conf_word *word = &node->words[node->count - 1];

    place->word = word;
    place->name = word->text;
    if (node->count == 3) {
        if (str_eq(text, STR("=")))
            place->kind = LOCATION_EXACT;
        else if (str_eq(text, STR("^~")))
            place->kind = LOCATION_PREFIX_FINAL;
        else if (!str_starts(text, STR("~"))) {
            conf_error(conf, &node->words[1], "invalid location modifier \"%.*s\"", STR_ARG(text));
            conf_hint(conf, "one of =, ^~");
            return false;
        }
    } else if (str_starts(text, STR("="))) {
        place->kind = LOCATION_EXACT;
        place->name = str_from(text, 1);
    } else if (str_starts(text, STR("^~"))) {
        place->kind = LOCATION_PREFIX_FINAL;
        place->name = str_from(text, 2);
    }
    if (str_starts(text, STR("~")) || str_starts(text, STR("@"))) {
        conf_error(conf, &node->words[1], "invalid location modifier \"%.*s\"", STR_ARG(text));
        conf_hint(conf, text.p[0] == '~' ? "weir has no regular expressions in locations yet"
                                         : "weir has no named locations yet");
        return false;
    }
    return true;
}

static bool
check_nesting(struct conf *conf, const struct http_location *outer,
              const struct http_location *place)
{
    if (outer == http_of(conf)->reading_server->root)
        return true;
    if (outer->kind == LOCATION_EXACT)
        return conf_error(conf, place->word, "location \"%.*s\" cannot be inside the exact "
                          "location \"%.*s\"", STR_ARG(place->name), STR_ARG(outer->name));
    if (!str_starts(place->name, outer->name))
        return conf_error(conf, place->word, "location \"%.*s\" is outside location \"%.*s\"",
                          STR_ARG(place->name), STR_ARG(outer->name));
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
    *(outer->last_child != NULL ? &outer->last_child->next : &outer->children) = place;
    outer->last_child = place;
    http->reading_place = place;
    scope = conf_apply_block(conf, node, IN_LOCATION, NULL, NULL);
    http->reading_place = outer;
    return scope != NULL && conf->errors == errors && place_finish(conf, scope, place);
}

/* A server without "listen": port 80 for root, 8000 for others, as nginx does. */
static bool
add_default_listen(struct conf *conf, struct http_server *server, const struct conf_node *node)
{
    struct server_listen l = { .options = listen_defaults, .word = node->words[0] };
    unsigned count;

    address_parse(geteuid() == 0 ? STR("*:80") : STR("*:8000"), &l.address, 1, &count);
    return http_listen_add(conf, server, &l);
}

bool
parse_server(struct conf *conf, const struct conf_node *node, void *field)
{
    struct http *http = http_of(conf);
    struct http_server *server = ARENA_NEW(conf->arena, struct http_server);
    struct conf_scope *scope;
    unsigned errors = conf->errors;

    (void)field;
    if (server == NULL || (server->root = ARENA_NEW(conf->arena, struct http_location)) == NULL)
        return conf_no_memory(conf);
    server->http = http;
    http->reading_server = server;
    http->reading_place = server->root;
    scope = conf_apply_block(conf, node, IN_SERVER, NULL, NULL);
    if (scope == NULL || conf->errors != errors)
        return false;
    server->settings = conf_settings(conf, scope, &server_table);
    server->rewrite = compile_handlers(conf, scope, PHASE_POST_READ, PHASE_REWRITE);
    if (server->rewrite == NULL || !place_finish(conf, scope, server->root))
        return false;
    server->root->handlers = compile_handlers(conf, scope, PHASE_PREACCESS, PHASE_CONTENT);
    server->name = server->names.len > 0 ? server->names.items[0].name : STR("");
    if (str_starts(server->name, STR(".")))
        server->name = str_from(server->name, 1);
    if (server->listens.len == 0 && !add_default_listen(conf, server, node))
        return false;
    *http->servers_end = server;
    http->servers_end = &server->next;
    return server->root->handlers != NULL;
}

/* ---- addresses ----------------------------------------------------------------------------- */

/* Its text is its name: two addresses are the same when their texts are. */
static struct http_address *
find_address(const struct http *http, const struct address *address)
{
    char text[ADDRESS_TEXT_MAX];
    struct writer w = writer_at(text, sizeof(text));

    write_address(&w, address);
    return map_get(http->address_names, writer_str(&w));
}

static struct http_address *
address_of(struct conf *conf, struct http *http, const struct server_listen *l)
{
    struct http_address *a = find_address(http, &l->address);
    struct writer w;

    if (a != NULL)
        return a;
    if ((a = ARENA_NEW(conf->arena, struct http_address)) == NULL)
        return NULL;
    w = writer_in(conf->arena);
    write_address(&w, &l->address);
    write_char(&w, '\0');
    a->listener = (struct listener){
        .address = l->address, .text = writer_str(&w), .options = l->options, .fd = -1,
        .owner = a, .on_accept = http_accept,
    };
    if (a->listener.text.len == 0)
        return NULL;
    a->listener.text.len--;
    if (!map_add(http->address_names, a->listener.text, a, NULL))
        return NULL;
    a->http = http;
    link_init(&a->listener.link);
    list_push(&http->listeners, &a->listener.link);
    *http->addresses_end = a;
    http->addresses_end = &a->next;
    return a;
}

static bool
options_eq(const struct listen_options *a, const struct listen_options *b)
{
    return a->backlog == b->backlog && a->rcvbuf == b->rcvbuf && a->sndbuf == b->sndbuf
           && a->fastopen == b->fastopen && a->ipv6only == b->ipv6only
           && a->deferred == b->deferred && a->nodelay == b->nodelay
           && a->reuseport == b->reuseport && a->so_keepalive == b->so_keepalive
           && a->keepidle == b->keepidle && a->keepintvl == b->keepintvl
           && a->keepcnt == b->keepcnt && a->multipath == b->multipath && a->mode == b->mode
           && a->uid == b->uid && a->gid == b->gid;
}

static bool
listen_join(struct conf *conf, struct http *http, struct http_server *server,
            const struct server_listen *l)
{
    struct http_address *a = address_of(conf, http, l);
    struct http_server **place;

    if (a == NULL || (place = VEC_ADD(conf->arena, &a->servers)) == NULL)
        return conf_no_memory(conf);
    *place = server;
    if (a->servers.len == 1)
        a->proxy_protocol = l->proxy_protocol;
    if (a->proxy_protocol != l->proxy_protocol) {
        conf_error(conf, &l->word, "listen %.*s both with and without \"proxy_protocol\"",
                   STR_ARG(a->listener.text));
        conf_hint(conf, "write it in each \"listen\" of the address, or in none");
        return false;
    }
    if (l->options_given) {
        if (a->options_given && !options_eq(&a->listener.options, &l->options))
            return conf_error(conf, &l->word, "duplicate listen options for %.*s",
                              STR_ARG(a->listener.text));
        a->options_given = true;
        a->listener.options = l->options;
    }
    if (l->is_default && a->default_given)
        return conf_error(conf, &l->word, "a duplicate default server for %.*s",
                          STR_ARG(a->listener.text));
    if (l->is_default || a->default_server == NULL)
        a->default_server = server;
    a->default_given = a->default_given || l->is_default;
    return true;
}

/* The address of all addresses with the same port, if it is listened on. */
static struct http_address *
wildcard_of(const struct http *http, const struct address *one)
{
    struct address all = *one;

    if (one->sa.sa_family == AF_INET)
        all.in.sin_addr.s_addr = htonl(INADDR_ANY);
    else if (one->sa.sa_family == AF_INET6)
        all.in6.sin6_addr = in6addr_any;
    return address_is_wildcard(&all) ? find_address(http, &all) : NULL;
}

/*
 * Linux lets nobody listen on 127.0.0.1:80 beside *:80. So the socket of all addresses serves the
 * single ones too, and the address that a client came to tells which it was.
 */
static void
share_wildcards(struct http *http)
{
    for (struct http_address *one = http->addresses; one != NULL; one = one->next) {
        struct http_address *all = wildcard_of(http, &one->listener.address);

        if (all == NULL || all == one)
            continue;
        link_remove(&one->listener.link);
        one->next_single = all->singles;
        all->singles = one;
    }
}

static bool
build_addresses(struct conf *conf, struct http *http)
{
    for (struct http_server *s = http->servers; s != NULL; s = s->next)
        for (uint32_t i = 0; i < s->listens.len; i++)
            if (!listen_join(conf, http, s, s->listens.items[i]))
                return false;
    share_wildcards(http);
    for (struct http_address *a = http->addresses; a != NULL; a = a->next) {
        a->listener.options.nodelay = a->default_server->root->settings->tcp_nodelay;
        if (!hosts_build(conf, a))
            return false;
    }
    return true;
}

bool
http_serves(const struct http *http, const struct conn *conn)
{
    return http_address_of(conn)->http == http;
}

struct link *
http_listeners(struct http *http)
{
    return &http->listeners;
}

void
http_count_hosts(struct http *http, struct counters_segment *segment)
{
    for (struct http_server *s = http->servers; s != NULL; s = s->next)
        s->row = counters_host(segment, s->name);
}

static void
note_file_cache(struct http *http, const struct http_location *place)
{
    const struct open_file_settings *o = &place->settings->open_file_cache;

    if (o->enabled) {
        http->file_cache_max = MAX(http->file_cache_max, o->max);
        http->file_cache_inactive_ms = MAX(http->file_cache_inactive_ms, o->inactive_ms);
    }
    for (const struct http_location *l = place->children; l != NULL; l = l->next)
        note_file_cache(http, l);
}

bool
parse_http(struct conf *conf, const struct conf_node *node, void *field)
{
    struct http_setup *setup = conf->owner;
    struct http *http = ARENA_NEW(conf->arena, struct http);
    unsigned errors = conf->errors;
    struct conf_scope *scope;
    const struct http_settings *settings;

    (void)field;
    if (http == NULL || (http->address_names = map_create(conf->arena, false)) == NULL)
        return conf_no_memory(conf);
    http->arena = conf->arena;
    http->servers_end = &http->servers;
    http->addresses_end = &http->addresses;
    http->log_files = setup->log_files;
    http->pcre_jit = !setup->no_jit;
    link_init(&http->listeners);
    log_buffers_init(&http->log_buffers);
    link_init(&http->log_caches);
    setup->http = http;
    scope = conf_apply_block(conf, node, IN_HTTP, NULL, NULL);
    if (scope == NULL || conf->errors != errors)
        return false;
    settings = conf_settings(conf, scope, &http_table);
    http->file_cache_body_bytes = settings->file_cache_body_bytes;
    http->regex_match_limit = settings->regex_match_limit;
    if (!http_variables_bind(conf, http))
        return false;
    for (const struct http_server *s = http->servers; s != NULL; s = s->next)
        note_file_cache(http, s->root);
    return build_addresses(conf, http);
}

/* ---- tables -------------------------------------------------------------------------------- */

enum { CORE_TABLES = 3, MAX_MODULES = 64 };
static struct conf_module module_tables[MAX_MODULES];
static const struct conf_module *all_tables[CORE_TABLES + MAX_MODULES + 1];

const struct conf_module *const *
http_conf_modules(void)
{
    unsigned n = 0;

    if (all_tables[0] != NULL)
        return all_tables;
    all_tables[n++] = &http_table;
    all_tables[n++] = &server_table;
    all_tables[n++] = &location_table;
    for (unsigned i = 0; http_modules[i] != NULL && i < MAX_MODULES; i++) {
        const struct http_module *m = http_modules[i];

        module_tables[i] = (struct conf_module){
            .name = m->name, .directives = m->directives, .conf_size = m->conf_size,
            .root = m->root != 0 ? m->root : IN_HTTP, .check = m->check,
        };
        all_tables[n++] = &module_tables[i];
    }
    return all_tables;
}

const void *
http_module_slot(const struct conf *conf, const struct conf_scope *scope, unsigned i)
{
    return conf_settings(conf, scope, &module_tables[i]);
}

void *
http_settings_of(const struct conf *conf, const struct conf_scope *scope,
                 const struct http_module *module)
{
    for (unsigned i = 0; http_modules[i] != NULL; i++)
        if (http_modules[i] == module)
            return conf_settings(conf, scope, &module_tables[i]);
    return NULL;
}

void
write_http_modules(struct writer *w)
{
    for (unsigned i = 0; http_modules[i] != NULL; i++)
        write_fmt(w, "%shttp_%s", i > 0 ? " " : "", http_modules[i]->name);
}
