/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap_places: locations that no path comes to, and addresses that exclude each other.
 *
 * What an expression matches is not looked into beyond what is certain: the same expression before
 * it, one that matches everything, or literal bytes at its begin that a "^~" takes away.
 */
#include "base/map.h"
#include "base/writer.h"
#include "http/settings.h"
#include "http/traps.h"

/* The locations of one level. */
struct siblings {
    struct conf *conf;
    struct map *finals;         /* "^~": name -> node */
    struct map *open;           /* names of finals within which a longer prefix is no "^~" */
    struct map *seen, *seen_any_case;   /* expressions: text -> node */
    const struct conf_node *everything; /* an expression that leaves nothing to those behind it */
};

/* ---- prefixes ------------------------------------------------------------------------------ */

static void
check_slash(struct conf *conf, const struct trap_location *l)
{
    if ((l->kind != KIND_PREFIX && l->kind != KIND_FINAL && l->kind != KIND_EXACT)
        || str_starts(l->name, STR("/")))
        return;
    conf_warn(conf, l->word, "location \"%.*s\" never matches: each path begins with a slash",
              STR_ARG(l->name));
    if (l->kind == KIND_PREFIX && memchr(l->name.p, '\\', l->name.len) != NULL)
        conf_hint(conf, "a regular expression? location ~ %.*s", STR_ARG(l->name));
    else
        conf_hint(conf, "location %s/%.*s", l->kind == KIND_EXACT ? "= "
                  : l->kind == KIND_FINAL ? "^~ " : "", STR_ARG(l->name));
}

static bool
note_finals(struct siblings *s, const struct conf_node *block)
{
    void *old;

    for (const struct conf_node *n = block->children; n != NULL; n = n->next) {
        struct trap_location l;

        if (!trap_is(n, "location"))
            continue;
        l = trap_location_of(n);
        if (l.kind == KIND_FINAL
            && !map_add(s->finals, l.name, (void *)(uintptr_t)n, &old))
            return conf_no_memory(s->conf);
    }
    return true;
}

/* The longest "^~" that begins the text, and is not the text itself if it must be shorter. */
static const struct conf_node *
final_around(const struct siblings *s, struct str text, size_t most)
{
    for (size_t len = MIN(text.len, most); len > 0; len--) {
        const struct conf_node *n = map_get(s->finals, (struct str){ text.p, len });

        if (n != NULL)
            return n;
    }
    return NULL;
}

/* A longer prefix that is no "^~" brings the expressions back for its own paths. */
static bool
note_open(struct siblings *s, const struct conf_node *block)
{
    void *old;

    if (map_len(s->finals) == 0)
        return true;
    for (const struct conf_node *n = block->children; n != NULL; n = n->next) {
        struct trap_location l;
        const struct conf_node *final;

        if (!trap_is(n, "location") || (l = trap_location_of(n)).kind != KIND_PREFIX)
            continue;
        final = final_around(s, l.name, l.name.len);
        while (final != NULL) {
            struct str name = trap_location_of(final).name;

            if (!map_add(s->open, name, s, &old))
                return conf_no_memory(s->conf);
            final = final_around(s, name, name.len - 1);
        }
    }
    return true;
}

/* ---- expressions --------------------------------------------------------------------------- */

static bool
matches_everything(struct str expression)
{
    static const struct str all[] = {
        STR_INIT(".*"), STR_INIT("."), STR_INIT("^"), STR_INIT("/"), STR_INIT("^/"),
        STR_INIT("^.*$"), STR_INIT("^.*"), STR_INIT(".*$"), STR_INIT("^/.*"), STR_INIT("^/.*$"),
        STR_INIT("/.*"), STR_INIT("(.*)"), STR_INIT("^(.*)$"), STR_INIT("^/(.*)$"),
        STR_INIT("^/(.*)"),
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (str_eq(expression, all[i]))
            return true;
    return false;
}

/*
 * The bytes that each path must begin with which the expression matches, in scratch. "/" at least:
 * each path does.
 */
static struct str
literal_begin(struct conf *conf, struct str e)
{
    struct writer w = writer_in(conf->scratch);
    struct str text;
    size_t i = 1;

    if (e.len == 0 || e.p[0] != '^' || str_find(e, '|', 0) >= 0)
        return STR("/");
    for (; i < e.len; i++) {
        char c = e.p[i];

        if (c == '\\' && i + 1 < e.len && strchr("./-_~", e.p[i + 1]) != NULL)
            c = e.p[++i];
        else if (memchr("\\.[]{}()*+?$|^", c, 14) != NULL)
            break;
        write_char(&w, c);
    }
    text = writer_str(&w);
    if (text.len > 0 && i < e.len && strchr("*?{", e.p[i]) != NULL)
        text.len--;             /* the last may be missing */
    return text.len > 0 ? text : STR("/");
}

static bool
has_letter(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (ascii_lower(text.p[i]) >= 'a' && ascii_lower(text.p[i]) <= 'z')
            return true;
    return false;
}

static void
tell_shadowed(struct siblings *s, const struct trap_location *l, const struct conf_node *by)
{
    conf_warn(s->conf, l->word, "location \"%.*s\" never matches: location \"%.*s\" of line %u "
              "takes all its paths", STR_ARG(l->name), STR_ARG(trap_location_of(by).name),
              by->words[0].pos.line);
}

/* False: memory is short. */
static bool
check_regex(struct siblings *s, const struct conf_node *node, const struct trap_location *l)
{
    bool any_case = l->kind == KIND_REGEX_ANY_CASE;
    const struct conf_node *before = map_get(s->seen_any_case, l->name);
    const struct conf_node *final;
    struct str begin = literal_begin(s->conf, l->name);
    void *old;

    if (before == NULL && !any_case)
        before = map_get(s->seen, l->name);
    if (before == NULL)
        before = s->everything;
    final = final_around(s, any_case && has_letter(begin) ? STR("/") : begin, begin.len);
    if (before != NULL) {
        tell_shadowed(s, l, before);
        conf_hint(s->conf, "of several expressions that match the first counts: move it in front");
    } else if (final != NULL && map_get(s->open, trap_location_of(final).name) == NULL) {
        tell_shadowed(s, l, final);
        conf_hint(s->conf, "leave out the \"^~\", or put the expression inside of that location");
    }
    if (s->everything == NULL && matches_everything(l->name))
        s->everything = node;
    return map_add(any_case ? s->seen_any_case : s->seen, l->name, (void *)(uintptr_t)node, &old)
           || conf_no_memory(s->conf);
}

static bool
make_maps(struct siblings *s)
{
    struct map **const maps[] = { &s->finals, &s->open, &s->seen, &s->seen_any_case };

    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        if ((*maps[i] = map_create(s->conf->scratch, false)) == NULL)
            return conf_no_memory(s->conf);
    return true;
}

/* False: memory is short. */
static bool
check_regexes(struct conf *conf, const struct conf_node *block)
{
    struct siblings s = { .conf = conf };

    if (!make_maps(&s) || !note_finals(&s, block) || !note_open(&s, block))
        return false;
    for (const struct conf_node *n = block->children; n != NULL; n = n->next) {
        struct trap_location l;

        if (!trap_is(n, "location"))
            continue;
        l = trap_location_of(n);
        if ((l.kind == KIND_REGEX || l.kind == KIND_REGEX_ANY_CASE) && !check_regex(&s, n, &l))
            return false;
    }
    return true;
}

bool
trap_unreachable(struct conf *conf, const struct trap_level *level)
{
    bool has_regex = false;

    if (level->first[TRAP_LOCATION] == NULL)
        return true;
    for (const struct conf_node *n = level->node->children; n != NULL; n = n->next) {
        struct trap_location l;

        if (!trap_is(n, "location"))
            continue;
        l = trap_location_of(n);
        check_slash(conf, &l);
        has_regex = has_regex || l.kind == KIND_REGEX || l.kind == KIND_REGEX_ANY_CASE;
    }
    return !has_regex || check_regexes(conf, level->node);
}

/* ---- addresses ----------------------------------------------------------------------------- */

static const struct server_listen *
listen_of(const struct http_address *address)
{
    const struct http_server *server = address->servers.items[0];

    for (uint32_t i = 0; i < server->listens.len; i++)
        if (address_eq(&server->listens.items[i]->address, &address->listener.address))
            return server->listens.items[i];
    return server->listens.items[0];
}

static bool
takes_both_families(const struct http_address *a)
{
    const struct address *address = &a->listener.address;

    return address->sa.sa_family == AF_INET6 && address_is_wildcard(address)
           && a->listener.options.ipv6only == 0;
}

/* Linux lets nobody listen on an address of IPv4 beside a socket that has it already. */
void
trap_listens(struct conf *conf, const struct http *http)
{
    for (const struct http_address *both = http->addresses; both != NULL; both = both->next) {
        if (!takes_both_families(both))
            continue;
        for (const struct http_address *a = http->addresses; a != NULL; a = a->next) {
            if (a->listener.address.sa.sa_family != AF_INET
                || address_port(&a->listener.address) != address_port(&both->listener.address))
                continue;
            conf_warn(conf, &listen_of(a)->word, "%.*s cannot be listened on beside %.*s with "
                      "ipv6only=off, which takes it, too", STR_ARG(a->listener.text),
                      STR_ARG(both->listener.text));
            conf_hint(conf, "leave out \"ipv6only=off\", or this \"listen\"");
        }
    }
}
