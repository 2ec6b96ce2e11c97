/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host: which server of an address a name belongs to: the exact name, else the longest wildcard at
 * the begin, else the longest at the end, else the first regular expression that matches, else the
 * default server.
 */
#include "http/http.h"
#include "http/settings.h"
#include <unistd.h>

/* A name of a server on its way into the tables of an address. */
struct naming {
    struct conf *conf;
    struct http_address *address;
    struct http_server *server;
    const struct server_name *name;
};

static bool
add_key(const struct naming *n, struct map **map, struct str key)
{
    void *old;

    if (*map == NULL && (*map = map_create(n->conf->arena, false)) == NULL)
        return conf_no_memory(n->conf);
    if (!map_add(*map, key, n->server, &old))
        return conf_no_memory(n->conf);
    if (old != NULL)
        conf_warn(n->conf, &n->name->word, "conflicting server name \"%.*s\" on %.*s, ignored",
                  STR_ARG(n->name->name), STR_ARG(n->address->listener.text));
    return true;
}

static bool
add_leading(const struct naming *n, struct str key)
{
    struct hostnames *names = &n->address->names;

    names->leading_max = MAX(names->leading_max, key.len);
    return add_key(n, &names->leading, key);
}

static bool
add_trailing(const struct naming *n, struct str key)
{
    struct hostnames *names = &n->address->names;

    names->trailing_max = MAX(names->trailing_max, key.len);
    return add_key(n, &names->trailing, key);
}

static bool
add_regex(const struct naming *n)
{
    struct host_regex *regex = VEC_ADD(n->conf->arena, &n->address->regexes);

    if (regex == NULL)
        return conf_no_memory(n->conf);
    *regex = (struct host_regex){ n->name->regex, n->server };
    return true;
}

static bool
add_server_name(const struct naming *n)
{
    struct map **exact = &n->address->names.exact;
    struct str text = n->name->name;

    if (n->name->regex != NULL)
        return add_regex(n);
    if (str_starts(text, STR("*.")))
        return add_leading(n, str_from(text, 1));
    if (str_ends(text, STR(".*")))
        return add_trailing(n, (struct str){ text.p, text.len - 1 });
    if (str_starts(text, STR(".")))     /* ".example.com": the name itself and all below it */
        return add_key(n, exact, str_from(text, 1)) && add_leading(n, text);
    return add_key(n, exact, text);
}

bool
hosts_build(struct conf *conf, struct http_address *a)
{
    static const struct server_name nameless = { .name = STR_INIT("") };

    a->only_default = a->servers.len == 1;
    for (uint32_t i = 0; a->only_default && i < a->servers.items[0]->names.len; i++)
        if (a->servers.items[0]->names.items[i].regex != NULL)
            a->only_default = false;    /* its groups are wanted */
    for (uint32_t i = 0; i < a->servers.len; i++) {
        struct http_server *s = a->servers.items[i];
        struct naming n = { conf, a, s, NULL };

        for (uint32_t k = 0; k < s->names.len; k++) {
            n.name = &s->names.items[k];
            if (!add_server_name(&n))
                return false;
        }
        if (s->names.len == 0) {
            struct server_name none = nameless;

            none.word = s->listens.items[0]->word;
            n.name = &none;
            if (!add_server_name(&n))
                return false;
        }
    }
    return true;
}

/* In the order of the file; NULL: none matches. */
static struct http_server *
matching_regex(struct http_request *req, const struct http_address *a)
{
    for (uint32_t i = 0; i < a->regexes.len; i++)
        if (http_regex_match(req, a->regexes.items[i].regex, req->host) != MATCH_NONE)
            return a->regexes.items[i].server;  /* given up: the answer will say so */
    return NULL;
}

struct http_server *
host_find(struct http_request *req, const struct http_address *a, bool *by_regex)
{
    struct str host = req->host;
    struct http_server *s;

    *by_regex = false;
    if (a->only_default)
        return a->default_server;
    if ((s = hostnames_find(&a->names, host)) != NULL)
        return s;
    if (a->regexes.len > 0 && host.len > 0 && (s = matching_regex(req, a)) != NULL) {
        *by_regex = true;
        return s;
    }
    return a->default_server;
}

/* ---- the reason ---------------------------------------------------------------------------- */

static bool
name_fits(struct http_request *req, const struct server_name *name)
{
    struct str text = name->name, host = req->host;

    if (name->regex != NULL)
        return host.len > 0 && http_regex_match(req, name->regex, host) == MATCH_FOUND;
    if (str_starts(text, STR("*.")))
        return host.len > text.len - 1 && str_ends(host, str_from(text, 1));
    if (str_ends(text, STR(".*")))
        return host.len >= text.len
               && str_starts(host, (struct str){ text.p, text.len - 1 });
    if (str_starts(text, STR(".")))
        return str_eq(host, str_from(text, 1)) || str_ends(host, text);
    return str_eq(host, text);
}

/* The first of the server's names that is the host's, exact ones before others. */
static const struct server_name *
fitting_name(struct http_request *req)
{
    const struct http_server *server = req->server;

    for (uint32_t i = 0; i < server->names.len; i++)
        if (server->names.items[i].regex == NULL && str_eq(server->names.items[i].name, req->host))
            return &server->names.items[i];
    for (uint32_t i = 0; i < server->names.len; i++)
        if (name_fits(req, &server->names.items[i]))
            return &server->names.items[i];
    return NULL;
}

bool
host_is_named(struct http_request *req)
{
    const struct http_server *server = req->server;

    for (uint32_t i = 0; i < server->names.len; i++)
        if (server->names.items[i].regex == NULL && name_fits(req, &server->names.items[i]))
            return true;
    return false;
}

COLD void
host_tell(struct http_request *req, const struct http_address *address)
{
    const struct http_server *server = req->server;
    const struct server_name *name = fitting_name(req);
    struct str shown = server->name.len > 0 ? server->name : STR("without a name");

    if (name != NULL && name->regex == NULL && str_eq(name->name, req->host))
        HTTP_TRACE(req, &name->mark, "server: %.*s, by its name", STR_ARG(shown));
    else if (name != NULL)
        HTTP_TRACE(req, &name->mark, "server: %.*s, by %.*s", STR_ARG(shown),
                   STR_ARG(name->name));
    else if (address->servers.len == 1)
        HTTP_TRACE(req, &server->mark, "server: %.*s, the only one", STR_ARG(shown));
    else
        HTTP_TRACE(req, &server->mark, "server: %.*s, the default, for none has the name \"%.*s\"",
                   STR_ARG(shown), STR_ARG(req->host));
}

struct str
http_hostname(void)
{
    static char name[256];
    static size_t len;

    if (len == 0) {
        if (gethostname(name, sizeof(name) - 1) != 0)
            return STR("localhost");
        for (len = 0; name[len] != '\0'; len++)
            name[len] = ascii_lower(name[len]);
    }
    return (struct str){ name, len };
}
