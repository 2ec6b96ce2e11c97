/* SPDX-License-Identifier: BSD-2-Clause */
/* listen: reading the directive "listen". What its addresses become stands in server.c. */
#include "http/settings.h"
#include <grp.h>
#include <pwd.h>

enum { ADDRESSES_MAX = 16 };    /* of one host name */

/* Where a parameter has a meaning. */
enum place { ANYWHERE, OVER_TCP, OVER_IPV6, IN_FILES /* Unix sockets */ };

struct parameter;

/* A parameter as it was written. */
struct given {
    struct conf *conf;
    const struct conf_word *word;
    struct str value;           /* behind the "="; NUL-terminated */
    const struct parameter *parameter;
    struct server_listen *l;    /* to be filled in */
};

struct parameter {
    struct str name;            /* ends with "=" where a value follows */
    enum place place;
    bool (*parse)(const struct given *g);
    size_t offset;              /* of what it sets, in struct server_listen */
    int min;                    /* of a number */
};

static void *
member_of(const struct given *g)
{
    return (char *)g->l + g->parameter->offset;
}

/* ---- values -------------------------------------------------------------------------------- */

static bool
set_flag(const struct given *g)
{
    *(bool *)member_of(g) = true;
    return true;
}

/* Each address has a socket of its own in any case. */
static bool
set_bind(const struct given *g)
{
    (void)g;
    return true;
}

static bool
set_option(const struct given *g)
{
    *(int *)member_of(g) = 1;
    return true;
}

static bool
parse_number(const struct given *g)
{
    uint64_t n;

    if (!word_uint(g->conf, g->word, g->value, INT32_MAX, &n))
        return false;
    if ((int)n < g->parameter->min)
        return conf_error(g->conf, g->word, "\"%.*s\" must be at least %d", STR_ARG(g->word->text),
                          g->parameter->min);
    *(int *)member_of(g) = (int)n;
    return true;
}

static bool
parse_bytes(const struct given *g)
{
    uint64_t n;

    if (!word_size(g->conf, g->word, g->value, &n))
        return false;
    if (n > INT32_MAX)
        return conf_error(g->conf, g->word, "invalid size \"%.*s\"", STR_ARG(g->value));
    *(int *)member_of(g) = (int)n;
    return true;
}

static bool
parse_switch(const struct given *g)
{
    bool on = str_eq(g->value, STR("on"));

    if (!on && !str_eq(g->value, STR("off"))) {
        conf_error(g->conf, g->word, "invalid parameter \"%.*s\"", STR_ARG(g->word->text));
        conf_hint(g->conf, "on or off");
        return false;
    }
    *(int *)member_of(g) = on;
    return true;
}

/* [idle]:[interval]:[count] */
static bool
parse_probes(struct str text, struct listen_options *o)
{
    int *parts[] = { &o->keepidle, &o->keepintvl, &o->keepcnt };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        ptrdiff_t colon = str_find(text, ':', 0);
        struct str part = { text.p, colon < 0 ? text.len : (size_t)colon };
        uint64_t n = 0;

        if (part.len > 0) {
            if (!(i < 2 ? seconds_parse(part, &n) : str_to_uint(part, 127, &n)) || n == 0)
                return false;
            *parts[i] = (int)MIN(n, 32767);
        }
        if ((colon < 0) != (i == 2))
            return false;
        text = str_from(text, part.len + 1);
    }
    return true;
}

static bool
parse_so_keepalive(const struct given *g)
{
    g->l->options.so_keepalive = !str_eq(g->value, STR("off"));
    if (str_eq(g->value, STR("on")) || str_eq(g->value, STR("off")))
        return true;
    if (parse_probes(g->value, &g->l->options))
        return true;
    conf_error(g->conf, g->word, "invalid so_keepalive value: \"%.*s\"", STR_ARG(g->word->text));
    conf_hint(g->conf, "on, off, or [IDLE]:[INTERVAL]:[COUNT]");
    return false;
}

static bool
parse_mode(const struct given *g)
{
    bool ok = g->value.len == 3 || g->value.len == 4;
    int mode = 0;

    for (size_t i = 0; ok && i < g->value.len; i++) {
        ok = g->value.p[i] >= '0' && g->value.p[i] <= '7';
        mode = mode << 3 | (g->value.p[i] & 7);
    }
    if (!ok || mode > 0777) {
        conf_error(g->conf, g->word, "invalid mode \"%.*s\"", STR_ARG(g->value));
        conf_hint(g->conf, "octal digits, as in mode=0660");
        return false;
    }
    *(int *)member_of(g) = mode;
    return true;
}

static bool
parse_user_name(const struct given *g)
{
    const struct passwd *user = getpwnam(g->value.p);

    if (user == NULL)
        return conf_error(g->conf, g->word, "unknown user \"%.*s\"", STR_ARG(g->value));
    *(int *)member_of(g) = (int)user->pw_uid;
    return true;
}

static bool
parse_group_name(const struct given *g)
{
    const struct group *group = getgrnam(g->value.p);

    if (group == NULL)
        return conf_error(g->conf, g->word, "unknown group \"%.*s\"", STR_ARG(g->value));
    *(int *)member_of(g) = (int)group->gr_gid;
    return true;
}

static bool
refuse_bsd(const struct given *g)
{
    conf_error(g->conf, g->word, "the \"%.*s\" parameter is not supported", STR_ARG(g->word->text));
    conf_hint(g->conf, "only the BSDs have it");
    return false;
}

static bool
refuse_later(const struct given *g)
{
    conf_error(g->conf, g->word, "the \"%.*s\" parameter is not supported", STR_ARG(g->word->text));
    conf_hint(g->conf, "weir does not speak %s yet",
              str_eq(g->parameter->name, STR("ssl")) ? "TLS"
              : str_eq(g->parameter->name, STR("http2")) ? "HTTP/2" : "HTTP/3");
    return false;
}

/* ---- parameters ---------------------------------------------------------------------------- */

#define TO(member) .offset = offsetof(struct server_listen, member)
#define OPTION(member) TO(options.member)

static const struct parameter parameters[] = {
    { STR_INIT("default_server"), .parse = set_flag, TO(is_default) },
    { STR_INIT("default"),        .parse = set_flag, TO(is_default) },
    { STR_INIT("proxy_protocol"), .parse = set_flag, TO(proxy_protocol) },
    { STR_INIT("bind"),           .parse = set_bind },
    { STR_INIT("backlog="),       .parse = parse_number, OPTION(backlog), .min = 1 },
    { STR_INIT("rcvbuf="),        .parse = parse_bytes, OPTION(rcvbuf) },
    { STR_INIT("sndbuf="),        .parse = parse_bytes, OPTION(sndbuf) },
    { STR_INIT("deferred"),       OVER_TCP, .parse = set_option, OPTION(deferred) },
    { STR_INIT("deferred="),      OVER_TCP, .parse = parse_switch, OPTION(deferred) },
    { STR_INIT("fastopen="),      OVER_TCP, .parse = parse_number, OPTION(fastopen) },
    { STR_INIT("reuseport"),      OVER_TCP, .parse = set_option, OPTION(reuseport) },
    { STR_INIT("multipath"),      OVER_TCP, .parse = set_option, OPTION(multipath) },
    { STR_INIT("so_keepalive="),  OVER_TCP, .parse = parse_so_keepalive },
    { STR_INIT("ipv6only="),      OVER_IPV6, .parse = parse_switch, OPTION(ipv6only) },
    { STR_INIT("mode="),          IN_FILES, .parse = parse_mode, OPTION(mode) },
    { STR_INIT("user="),          IN_FILES, .parse = parse_user_name, OPTION(uid) },
    { STR_INIT("group="),         IN_FILES, .parse = parse_group_name, OPTION(gid) },
    { STR_INIT("setfib="),        .parse = refuse_bsd },
    { STR_INIT("accept_filter="), .parse = refuse_bsd },
    { STR_INIT("ssl"),            .parse = refuse_later },
    { STR_INIT("http2"),          .parse = refuse_later },
    { STR_INIT("quic"),           .parse = refuse_later },
};

static const struct parameter *
find_parameter(struct str text)
{
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        struct str name = parameters[i].name;

        if (name.p[name.len - 1] == '=' ? str_starts(text, name) : str_eq(text, name))
            return &parameters[i];
    }
    return NULL;
}

static bool
has_meaning(const struct parameter *parameter, int family)
{
    switch (parameter->place) {
    case ANYWHERE:  break;
    case OVER_TCP:  return family != AF_UNIX;
    case OVER_IPV6: return family == AF_INET6;
    case IN_FILES:  return family == AF_UNIX;
    }
    return true;
}

static bool
parse_parameter(struct conf *conf, const struct conf_word *word, struct server_listen *l)
{
    const struct parameter *p = find_parameter(word->text);
    struct given g = { .conf = conf, .word = word, .parameter = p, .l = l };

    if (p == NULL) {
        conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "known: default_server, proxy_protocol, backlog=, rcvbuf=, sndbuf=, "
                  "deferred, deferred=off, fastopen=, ipv6only=, so_keepalive=, reuseport, "
                  "multipath, bind, mode=, user=, group=");
        return false;
    }
    if (p->place == IN_FILES && !has_meaning(p, l->address.sa.sa_family)) {
        conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "only Unix sockets have permissions");
        return false;
    }
    if (!has_meaning(p, l->address.sa.sa_family)) {
        conf_warn(conf, word, "\"%.*s\" means nothing for \"%.*s\", ignored",
                  STR_ARG(word->text), STR_ARG(l->word.text));
        return true;
    }
    g.value = str_from(word->text, p->name.len);
    l->options_given = l->options_given || p->parse != set_flag;
    return p->parse(&g);
}

/* ---- the directive ------------------------------------------------------------------------- */

bool
http_listen_add(struct conf *conf, struct http_server *server, const struct server_listen *l)
{
    struct server_listen *copy = ARENA_NEW(conf->arena, struct server_listen);
    struct server_listen **place;

    if (copy == NULL || (place = VEC_ADD(conf->arena, &server->listens)) == NULL)
        return conf_no_memory(conf);
    *copy = *l;
    copy->mark = conf_mark_of(conf, &l->word);
    *place = copy;
    return true;
}

/* The path of a Unix socket is relative to the prefix, as others are. STR_NONE: no memory. */
static struct str
address_text(struct conf *conf, struct str text)
{
    struct str path = str_from(text, 5);

    if (!str_starts(text, STR("unix:")) || path.len == 0 || path.p[0] == '/')
        return text;
    path = conf_path_by_prefix(conf, path);
    return str_is_set(path) ? arena_fmt(conf->arena, "unix:%.*s", STR_ARG(path)) : STR_NONE;
}

static bool
listens_already(const struct http_server *server, const struct address *address)
{
    for (uint32_t i = 0; i < server->listens.len; i++)
        if (address_eq(&server->listens.items[i]->address, address))
            return true;
    return false;
}

bool
parse_listen(struct conf *conf, const struct conf_node *node, void *field)
{
    struct http_server *server = http_of(conf)->reading_server;
    const struct conf_word *word = &node->words[1];
    struct address addresses[ADDRESSES_MAX];
    struct str text = address_text(conf, word->text);
    const char *wrong;
    unsigned count;

    (void)field;
    if (!str_is_set(text))
        return conf_no_memory(conf);
    if ((wrong = address_parse(text, addresses, ARRAY_LEN(addresses), &count)) != NULL) {
        conf_error(conf, word, "%s in \"%.*s\" of the \"listen\" directive", wrong,
                   STR_ARG(word->text));
        conf_hint(conf, "such as 8080, 192.0.2.1:8080, [2001:db8::1]:8080 or unix:/run/weir.sock");
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        struct server_listen l = {
            .address = addresses[i], .options = listen_defaults, .word = *word,
        };

        if (listens_already(server, &addresses[i]))
            return conf_error(conf, word, "a duplicate listen %.*s", STR_ARG(word->text));
        for (uint32_t k = 2; k < node->count; k++)
            if (!parse_parameter(conf, &node->words[k], &l))
                return false;
        if (!http_listen_add(conf, server, &l))
            return false;
    }
    return true;
}
