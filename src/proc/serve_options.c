/* SPDX-License-Identifier: BSD-2-Clause */
/* serve_options: the command line of "weir serve". */
#include "base/log.h"
#include "conf/conf.h"
#include "http/h1/framing.h"
#include "proc/serve.h"

enum { NAME_DISTANCE = 3 };

struct option {
    struct str name;            /* without "--" */
    char letter;                /* that stands for it, too; 0: none */
    const char *value;          /* what it is called; with "=" in front: it may be missing; NULL:
                                   there is none */
    bool (*set)(struct arena *arena, struct serve *serve, char *value);
    const char *wants;          /* said of a value that set() does not take */
    const char *help;
};

/* ---- values -------------------------------------------------------------------------------- */

/* For what is but kept. */
#define KEEP_TEXT(member)                                                                   \
    static bool                                                                             \
    set_##member(struct arena *arena, struct serve *serve, char *value)                     \
    {                                                                                       \
        (void)arena;                                                                        \
        serve->member = value;                                                              \
        return value[0] != '\0';                                                            \
    }
#define KEEP_FLAG(member)                                                                   \
    static bool                                                                             \
    set_##member(struct arena *arena, struct serve *serve, char *value)                     \
    {                                                                                       \
        (void)arena;                                                                        \
        (void)value;                                                                        \
        return serve->member = true;                                                        \
    }
KEEP_TEXT(listen)
KEEP_TEXT(not_found)
KEEP_FLAG(is_public)
KEEP_FLAG(no_compression)
KEEP_FLAG(no_listing)
KEEP_FLAG(hidden)
KEEP_FLAG(quiet)
KEEP_FLAG(no_colour)
KEEP_FLAG(print_conf)
KEEP_FLAG(help)

static bool
set_port(struct arena *arena, struct serve *serve, char *value)
{
    uint64_t port;

    (void)arena;
    if (!str_to_uint(str_of(value), 65535, &port) || port == 0)
        return false;
    serve->port = (unsigned)port;
    return true;
}

static bool
set_spa(struct arena *arena, struct serve *serve, char *value)
{
    (void)arena;
    serve->spa = value != NULL ? value : "index.html";
    return serve->spa[0] != '\0';
}

/* RFC 6454 6.2: a scheme, a host, perhaps a port, and no path. */
static bool
set_cors(struct arena *arena, struct serve *serve, char *value)
{
    struct str origin = str_of(value != NULL ? value : "*");
    const char *host = memmem(origin.p, origin.len, "://", 3);

    (void)arena;
    serve->cors = origin.p;
    for (size_t i = 0; i < origin.len; i++)
        if (origin.p[i] <= ' ' || origin.p[i] == 0x7f)
            return false;
    return str_eq(origin, STR("*")) || (host != NULL && host[3] != '\0'
                                        && strchr(host + 3, '/') == NULL);
}

/* RFC 9110 5.1, 5.5 */
static bool
set_header(struct arena *arena, struct serve *serve, char *value)
{
    struct str text = str_of(value);
    ptrdiff_t colon = str_find(text, ':', 0);
    const char **header;

    if (colon < 0 || !framing_is_token((struct str){ text.p, (size_t)colon }))
        return false;
    for (size_t i = (size_t)colon; i < text.len; i++)
        if (((unsigned char)text.p[i] < ' ' && text.p[i] != '\t') || text.p[i] == 0x7f)
            return false;
    header = VEC_ADD(arena, &serve->headers);
    if (header != NULL)
        *header = value;
    return true;
}

bool
serve_is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.p[i]);

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_')
            return false;
    }
    return name.len > 0 && name.len <= 253;
}

static bool
set_host(struct arena *arena, struct serve *serve, char *value)
{
    struct str name = str_of(value);
    const char **host;

    if (!str_eq(name, STR("*")) && !serve_is_name(str_from(name, str_starts(name, STR("*.")) ? 2 : 0)))
        return false;
    host = VEC_ADD(arena, &serve->hosts);
    if (host != NULL)
        *host = value;
    return true;
}

static bool
set_cache(struct arena *arena, struct serve *serve, char *value)
{
    uint64_t seconds;

    (void)arena;
    serve->cache = value;
    return strcmp(value, "off") == 0 || seconds_parse(str_of(value), &seconds);
}

static bool
set_auth(struct arena *arena, struct serve *serve, char *value)
{
    const char *colon = strchr(value, ':');

    (void)arena;
    serve->auth = value;
    if (value[0] == '@')
        return value[1] != '\0';
    return colon != NULL && colon != value && colon[1] != '\0' && strpbrk(value, "\r\n") == NULL;
}

static bool
set_sandbox(struct arena *arena, struct serve *serve, char *value)
{
    (void)arena;
    serve->sandbox = value;
    return strcmp(value, "on") == 0 || strcmp(value, "off") == 0 || strcmp(value, "report") == 0;
}

static bool
set_allow_read(struct arena *arena, struct serve *serve, char *value)
{
    const char **path = VEC_ADD(arena, &serve->reads);

    if (path != NULL)
        *path = value;
    return value[0] != '\0';
}

static bool
set_gzip(struct arena *arena, struct serve *serve, char *value)
{
    (void)arena;
    serve->no_compression = value != NULL && strcmp(value, "off") == 0;
    return value == NULL || serve->no_compression || strcmp(value, "on") == 0;
}

/* ---- the table ----------------------------------------------------------------------------- */

static const struct option options[] = {
    { STR_INIT("listen"), 0, "ADDRESS:PORT", set_listen,
      "an address as for the directive \"listen\"", "where, as in the directive \"listen\"" },
    { STR_INIT("port"), 'p', "PORT", set_port, "a port from 1 to 65535",
      "where (default: the first free one from 8080)" },
    { STR_INIT("public"), 0, NULL, set_is_public, NULL,
      "for the network, not for this machine alone" },
    { STR_INIT("host"), 0, "NAME", set_host, "a name such as dev.example.org or *.example.org, or *",
      "answer to this name, too; may be repeated, * is any" },
    { STR_INIT("spa"), 0, "=PAGE", set_spa, "the name of a page",
      "this page (default: index.html) for paths that are missing" },
    { STR_INIT("not-found"), 0, "PAGE", set_not_found, "the name of a page",
      "this page for what is missing, with status 404" },
    { STR_INIT("no-listing"), 0, NULL, set_no_listing, NULL,
      "folders without index.html are not listed" },
    { STR_INIT("hidden"), 0, NULL, set_hidden, NULL, "serve and list names that begin with a dot" },
    { STR_INIT("allow-read"), 0, "PATH", set_allow_read, "a folder or a file",
      "links may lead there, too; may be repeated" },
    { STR_INIT("sandbox"), 0, "on|off|report", set_sandbox, "on, off or report",
      "off: links may lead anywhere (default: on)" },
    { STR_INIT("cors"), 0, "=ORIGIN", set_cors, "\"*\" or an origin such as https://example.org",
      "pages of this origin (default: of all) may read what is served" },
    { STR_INIT("header"), 0, "'NAME: VALUE'", set_header, "a field such as 'X-Frame-Options: DENY'",
      "add a field to each answer; may be repeated" },
    { STR_INIT("cache"), 0, "TIME", set_cache, "a time, such as 10m or 1d, or off",
      "browsers keep answers so long (default: they ask each time)" },
    { STR_INIT("auth"), 0, "USER:PASSWORD", set_auth,
      "USER:PASSWORD, or @FILE with lines as htpasswd makes them",
      "ask for a name and password; @FILE: for one of a file" },
    { STR_INIT("gzip"), 0, "=on|off", set_gzip, "on or off",
      "compress what shrinks (default: on)" },
    { STR_INIT("no-gzip"), 0, NULL, set_no_compression, NULL, "compress nothing" },
    { STR_INIT("quiet"), 'q', NULL, set_quiet, NULL, "show no line for each request" },
    { STR_INIT("no-color"), 0, NULL, set_no_colour, NULL, "no colours" },
    { STR_INIT("print-conf"), 0, NULL, set_print_conf, NULL,
      "show the conf file that does the same, and end" },
    { STR_INIT("help"), 'h', NULL, set_help, NULL, "this help" },
};

static bool
may_miss_value(const struct option *option)
{
    return option->value == NULL || option->value[0] == '=';
}

void
write_serve_help(struct writer *w)
{
    enum { COLUMN = 30 };

    write_str(w, STR("Usage: weir serve [options] [PATH | NAME=PATH]...\n"
                     "Serves folders and files, the current folder if none is named, without a"
                     " configuration.\n\nOptions:\n"));
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const struct option *o = &options[i];
        size_t len = 8 + o->name.len;

        if (o->letter != '\0')
            write_fmt(w, "  -%c, ", o->letter);
        else
            write_str(w, STR("      "));
        write_fmt(w, "--%.*s", STR_ARG(o->name));
        if (o->value != NULL) {
            write_fmt(w, o->value[0] == '=' ? "[%s]" : " %s", o->value);
            len += strlen(o->value) + (o->value[0] == '=' ? 2 : 1);
        }
        write_fmt(w, "%*s : %s\n", len < COLUMN ? (int)(COLUMN - len) : 0, "", o->help);
    }
}

/* ---- reading ------------------------------------------------------------------------------- */

static const struct option *
find_option(struct str name, bool is_long)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (is_long ? str_eq(options[i].name, name)
                    : name.len == 1 && options[i].letter == name.p[0])
            return &options[i];
    return NULL;
}

static bool
tell_unknown(struct str name, const char *argument)
{
    const struct option *nearest = NULL;
    unsigned best = NAME_DISTANCE;

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        unsigned distance = str_distance(name, options[i].name, best);

        if (distance < best) {
            best = distance;
            nearest = &options[i];
        }
    }
    if (nearest != NULL)
        console("invalid option: \"%s\", did you mean \"--%.*s\"?", argument,
                STR_ARG(nearest->name));
    else
        console("invalid option: \"%s\", \"weir serve --help\" lists those that there are",
                argument);
    return false;
}

/* Reads one option, and takes its value from the next argument where it stands there. */
static bool
read_option(struct arena *arena, char ***arguments, struct serve *serve)
{
    char *argument = **arguments;
    struct str text = str_of(argument), name;
    bool is_long = str_starts(text, STR("--"));
    ptrdiff_t equals = is_long ? str_find(text, '=', 0) : -1;
    const struct option *option;
    char *value = equals >= 0 ? argument + equals + 1 : NULL;

    name = str_from((struct str){ text.p, equals >= 0 ? (size_t)equals : text.len },
                    is_long ? 2 : 1);
    option = find_option(name, is_long);
    if (option == NULL)
        return tell_unknown(name, argument);
    if (option->value == NULL && value != NULL) {
        console("option \"--%.*s\" takes no value", STR_ARG(option->name));
        return false;
    }
    if (value == NULL && !may_miss_value(option) && (value = *++*arguments) == NULL) {
        console("option \"--%.*s\" requires %s", STR_ARG(option->name), option->wants);
        return false;
    }
    if (!option->set(arena, serve, value)) {
        bool is_secret = option->set == set_auth;

        console("invalid value%s%s%s of \"--%.*s\", it is %s", is_secret ? "" : " \"",
                is_secret || value == NULL ? "" : value, is_secret ? "" : "\"",
                STR_ARG(option->name), option->wants);
        return false;
    }
    return true;
}

static bool
fit_together(const struct serve *serve)
{
    if (serve->listen != NULL && (serve->port != 0 || serve->is_public)) {
        console("options \"--listen\" and \"--%s\" do not go together",
                serve->port != 0 ? "port" : "public");
        return false;
    }
    if (serve->spa != NULL && serve->not_found != NULL) {
        console("options \"--spa\" and \"--not-found\" do not go together");
        return false;
    }
    return true;
}

bool
serve_read(struct arena *arena, char **arguments, struct serve *serve)
{
    bool only_things = false;

    for (; *arguments != NULL; arguments++) {
        const char **thing;

        if (strcmp(*arguments, "--") == 0 && !only_things) {
            only_things = true;
        } else if ((*arguments)[0] == '-' && !only_things) {
            if (!read_option(arena, &arguments, serve))
                return false;
        } else if ((thing = VEC_ADD(arena, &serve->things)) != NULL) {
            *thing = *arguments;
        }
    }
    if (arena_failed(arena)) {
        console("no memory for the command line");
        return false;
    }
    return serve->help || fit_together(serve);
}
