/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * referer: whether a request comes from a page that may link here: "valid_referers none blocked
 * server_names *.example.com; if ($invalid_referer) { return 403; }"
 */
#include "http/engine.h"
#include "http/hostnames.h"
#include "http/module.h"
#include "http/regex.h"

struct referer_conf {
    struct valid_referers {
        bool is_set;
        bool none, blocked, server_names;
        struct hostnames names;         /* to struct str: how the path begins */
        VEC(const struct http_regex *) regexes;         /* of what follows "http://" */
        VEC(const struct http_regex *) hosts;           /* of the server's names */
    } valid;
};

extern const struct http_module referer_module;

/* ---- the conf file ------------------------------------------------------------------------- */

static bool
add_regex(struct conf *conf, struct valid_referers *valid, const struct conf_word *word)
{
    const struct http_regex **place;

    if (word->text.len == 1) {
        conf_error(conf, word, "empty regex in \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "the expression follows the ~ without a blank: ~\\.example\\.");
        return false;
    }
    if ((place = VEC_ADD(conf->arena, &valid->regexes)) == NULL)
        return conf_no_memory(conf);
    *place = http_regex_compile(conf, word, str_from(word->text, 1), true);
    return *place != NULL;
}

static bool
tell_name(struct conf *conf, const struct conf_word *word, enum hostnames_verdict verdict)
{
    switch (verdict) {
    case HOSTNAMES_ADDED:
        return true;
    case HOSTNAMES_NO_MEMORY:
        return conf_no_memory(conf);
    case HOSTNAMES_CONFLICT:
        conf_error(conf, word, "conflicting parameter \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "the name is there already; a regular expression can have many paths");
        return false;
    case HOSTNAMES_INVALID:
        conf_error(conf, word, "invalid hostname or wildcard \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "a name such as example.com, *.example.com or www.example.*, and a path "
                  "behind it at most");
        return false;
    }
    return false;
}

/* "www.example.org/galleries/" */
static bool
add_name(struct conf *conf, struct valid_referers *valid, const struct conf_word *word)
{
    struct str text = arena_str(conf->arena, word->text);
    struct str *path = ARENA_NEW(conf->arena, struct str);
    ptrdiff_t slash;

    if (!str_is_set(text) || path == NULL)
        return conf_no_memory(conf);
    if (text.len == 0)
        return conf_error(conf, word, "invalid referer \"\"");
    if (str_istarts(text, STR("http://")) || str_istarts(text, STR("https://"))) {
        conf_warn(conf, word, "\"%.*s\" is no referer that can be met", STR_ARG(text));
        conf_hint(conf, "write it without the scheme");
        return true;
    }
    slash = str_find(text, '/', 0);
    *path = slash >= 0 ? str_from(text, (size_t)slash) : STR("");
    text.len -= path->len;
    if (str_find(text, ':', 0) >= 0) {
        conf_warn(conf, word, "\"%.*s\" is no referer that can be met", STR_ARG(word->text));
        conf_hint(conf, "write it without the port: any port will do");
        return true;
    }
    return tell_name(conf, word, hostnames_add(&valid->names, conf->arena, text, path));
}

static bool
parse_valid_referers(struct conf *conf, const struct conf_node *node, void *field)
{
    struct valid_referers *valid = field;
    bool ok = true;

    valid->is_set = true;
    for (uint32_t i = 1; i < node->count; i++) {
        const struct conf_word *word = &node->words[i];

        if (str_eq(word->text, STR("none")))
            valid->none = true;
        else if (str_eq(word->text, STR("blocked")))
            valid->blocked = true;
        else if (str_eq(word->text, STR("server_names")))
            valid->server_names = true;
        else if (str_starts(word->text, STR("~")))
            ok = add_regex(conf, valid, word) && ok;
        else
            ok = add_name(conf, valid, word) && ok;
    }
    return ok;
}

static bool
add_server_name(struct conf *conf, struct valid_referers *valid, const struct server_name *name)
{
    static const struct str any_path = STR_INIT("");
    const struct http_regex **place;

    if (name->regex != NULL) {
        if ((place = VEC_ADD(conf->arena, &valid->hosts)) == NULL)
            return conf_no_memory(conf);
        *place = name->regex;
        return true;
    }
    if (name->name.len == 0)
        return true;
    return hostnames_add(&valid->names, conf->arena, name->name, (void *)(uintptr_t)&any_path)
               != HOSTNAMES_NO_MEMORY
           || conf_no_memory(conf);
}

/* All names of the server are known now, wherever they stand. */
static bool
referer_check(struct conf *conf, struct conf_scope *scope, void *slot)
{
    struct valid_referers *valid = &((struct referer_conf *)slot)->valid;
    const struct http_server *server = http_of(conf)->reading_server;

    if (!valid->server_names
        || !conf_is_set(conf, scope, http_table_of(&referer_module),
                        offsetof(struct referer_conf, valid)))
        return true;
    for (uint32_t i = 0; i < server->names.len; i++)
        if (!add_server_name(conf, valid, &server->names.items[i]))
            return false;
    return true;
}

/* ---- the variable -------------------------------------------------------------------------- */

static bool
matches_one(struct http_request *req, const struct http_regex *const *regexes, uint32_t len,
            struct str subject)
{
    for (uint32_t i = 0; i < len; i++)
        if (http_regex_test(req, regexes[i], subject) == MATCH_FOUND)
            return true;
    return false;
}

/* What follows "http://" or "https://"; STR_NONE: neither comes first. */
static struct str
without_scheme(struct str referer)
{
    if (str_istarts(referer, STR("http://")))
        return str_from(referer, 7);
    if (str_istarts(referer, STR("https://")))
        return str_from(referer, 8);
    return STR_NONE;
}

static bool
is_valid(struct http_request *req, const struct valid_referers *valid)
{
    struct str referer = req->known[FIELD_REFERER], place = without_scheme(referer), host, path;
    const struct str *begin;

    if (!str_is_set(referer))
        return valid->none;
    if (!str_is_set(place))
        return valid->blocked;
    host = (struct str){ place.p, 0 };
    while (host.len < place.len && strchr("/:", place.p[host.len]) == NULL)
        host.len++;
    path = str_from(place, host.len);
    if (str_starts(path, STR(":"))) {
        ptrdiff_t slash = str_find(path, '/', 0);

        path = str_from(path, slash >= 0 ? (size_t)slash : path.len);
    }
    if ((begin = hostnames_find(&valid->names, host)) != NULL)
        return str_starts(path, *begin);
    return matches_one(req, valid->hosts.items, valid->hosts.len, host)
           || matches_one(req, valid->regexes.items, valid->regexes.len, place);
}

static struct str
get_invalid_referer(struct http_request *req, const void *data, struct str rest)
{
    const struct referer_conf *rc = http_slot_of(req, &referer_module);

    (void)data;
    (void)rest;
    return !rc->valid.is_set || is_valid(req, &rc->valid) ? STR("") : STR("1");
}

static const struct http_variable referer_variables[] = {
    { "invalid_referer", .get = get_invalid_referer },
    { 0 }
};

static const struct directive referer_directives[] = {
    { "valid_referers", .where = IN_SERVER | IN_LOCATION, .args = { 1, ARGS_ANY },
      .flags = DIRECTIVE_REPEAT, .parse = parse_valid_referers,
      FIELD(struct referer_conf, valid) },
    { "referer_hash_bucket_size", .where = IN_SERVER | IN_LOCATION, .args = { 1, 1 },
      .parse = parse_ignored },
    { "referer_hash_max_size", .where = IN_SERVER | IN_LOCATION, .args = { 1, 1 },
      .parse = parse_ignored },
    { 0 }
};

const struct http_module referer_module = {
    .name = "referer",
    .directives = referer_directives,
    .conf_size = sizeof(struct referer_conf),
    .check = referer_check,
    .variables = referer_variables,
};
