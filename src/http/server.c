/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server: http { } and server { } as they become hosts and listening addresses. Places stand in
 * place.c.
 */
#include "base/arena.h"
#include "base/counters.h"
#include "base/map.h"
#include "http/aio.h"
#include "http/engine.h"
#include "http/http.h"
#include "http/settings.h"
#include "http/traps.h"
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

/* "~^www\.(?<domain>.+)$" */
static bool
add_regex_name(struct conf *conf, struct http_server *server, const struct conf_word *word)
{
    struct server_name *name = VEC_ADD(conf->arena, &server->names);

    if (name == NULL || !str_is_set(name->name = arena_str(conf->arena, word->text)))
        return conf_no_memory(conf);
    name->word = *word;
    name->mark = conf_mark_of(conf, word);
    if (word->text.len == 1)
        return conf_error(conf, word, "empty regex in server name \"%.*s\"", STR_ARG(word->text));
    name->regex = http_regex_compile(conf, word, str_from(name->name, 1), true);
    return name->regex != NULL;
}

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
            if (!add_regex_name(conf, server, word))
                return false;
            continue;
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
        name->mark = conf_mark_of(conf, word);
    }
    return true;
}

/* ---- servers ------------------------------------------------------------------------------- */

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
    server->mark = server->root->mark = conf_mark_of(conf, &node->words[0]);
    http->reading_server = server;
    http->reading_place = server->root;
    scope = conf_apply_block(conf, node, IN_SERVER, NULL, NULL);
    if (scope == NULL || conf->errors != errors)
        return false;
    server->settings = conf_settings(conf, scope, &server_table);
    if (!place_finish_server(conf, scope, server))
        return false;
    server->name = server->names.len > 0 ? server->names.items[0].name : STR("");
    if (str_starts(server->name, STR(".")))
        server->name = str_from(server->name, 1);
    if (server->listens.len == 0 && !add_default_listen(conf, server, node))
        return false;
    *http->servers_end = server;
    http->servers_end = &server->next;
    return true;
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
http_want_folder(struct conf *conf, struct str path)
{
    struct http_setup *setup = conf->owner;
    struct http_folder *folder;

    for (folder = setup->folders; folder != NULL; folder = folder->next)
        if (str_eq(folder->path, path))
            return true;
    if ((folder = ARENA_NEW(conf->arena, struct http_folder)) == NULL)
        return conf_no_memory(conf);
    *folder = (struct http_folder){ path, setup->folders };
    setup->folders = folder;
    return true;
}

enum { CORE_TABLES = 3, MAX_MODULES = 64 };
static struct conf_module module_tables[MAX_MODULES];
static const struct conf_module *all_tables[CORE_TABLES + MAX_MODULES + 1];

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
    if (!aio_add_default_pool(conf->arena, &setup->thread_pools))
        return conf_no_memory(conf);
    http->thread_pools = setup->thread_pools;
    link_init(&http->listeners);
    log_buffers_init(&http->log_buffers);
    link_init(&http->log_caches);
    setup->http = http;
    scope = conf_apply_block(conf, node, IN_HTTP, NULL, NULL);
    if (scope == NULL || conf->errors != errors)
        return false;
    settings = conf_settings(conf, scope, &http_table);
    http->first_slot = conf_module_number(conf, &module_tables[0]);
    http->file_cache_body_bytes = settings->file_cache_body_bytes;
    http->regex_match_limit = settings->regex_match_limit;
    http->folder_threads = settings->folder_threads;
    http->folder_memory = settings->folder_memory;
    if (!http_variables_bind(conf, http))
        return false;
    for (const struct http_server *s = http->servers; s != NULL; s = s->next)
        note_file_cache(http, s->root);
    return build_addresses(conf, http) && http_traps(conf, node, http);
}

/* ---- tables -------------------------------------------------------------------------------- */

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

const struct conf_module *
http_table_of(const struct http_module *module)
{
    for (unsigned i = 0; http_modules[i] != NULL; i++)
        if (http_modules[i] == module)
            return &module_tables[i];
    return NULL;
}

const void *
http_slot_of(const struct http_request *req, const struct http_module *module)
{
    const struct http_location *place = req->location != NULL ? req->location : req->server->root;
    uint32_t i = 0;

    while (http_modules[i] != module)
        i++;
    return place->slots[req->server->http->first_slot + i];
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

bool
http_has_directive(struct str name)
{
    for (unsigned i = 0; http_modules[i] != NULL; i++) {
        const struct directive *d = http_modules[i]->directives;

        for (; d != NULL && d->name != NULL; d++)
            if (str_eq(str_of(d->name), name))
                return true;
    }
    return false;
}
