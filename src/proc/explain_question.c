/* SPDX-License-Identifier: BSD-2-Clause */
/* explain_question: from the words of the command line to the bytes of a request. */
#include "proc/explain_parts.h"

#include "base/log.h"

/* "http://www.example.com:8080/a?b", taken apart. */
struct parts {
    struct str scheme, authority, host, target;
    uint16_t port;              /* 0: a path alone was given */
};

static bool
has_line_end(const char *text)
{
    return strpbrk(text, "\r\n") != NULL;
}

/* False when it is neither "host" nor "host:port". */
static bool
split_authority(struct parts *parts)
{
    struct str a = parts->authority, port;
    ptrdiff_t colon, end = 0;
    uint64_t n;

    if (str_starts(a, STR("[")) && (end = str_find(a, ']', 0)) < 0)
        return false;
    colon = str_find(a, ':', (size_t)end);
    parts->host = colon < 0 ? a : (struct str){ a.p, (size_t)colon };
    if (colon < 0)
        return a.len > 0;
    port = str_from(a, (size_t)colon + 1);
    if (parts->host.len == 0 || !str_to_uint(port, UINT16_MAX, &n) || n == 0)
        return false;
    parts->port = (uint16_t)n;
    return true;
}

static bool
split_absolute(struct str url, struct parts *parts)
{
    size_t begin, end;

    if (str_istarts(url, STR("http://"))) {
        parts->scheme = STR("http");
        parts->port = 80;
    } else if (str_istarts(url, STR("https://"))) {
        parts->scheme = STR("https");
        parts->port = 443;
    } else {
        return false;
    }
    begin = end = parts->scheme.len + 3;
    while (end < url.len && strchr("/?#", url.p[end]) == NULL)
        end++;
    parts->authority = (struct str){ url.p + begin, end - begin };
    parts->target = str_from(url, end);
    return split_authority(parts);
}

/* The part behind a "#" stays with the client. */
static bool
split_url(struct arena *arena, struct str url, struct parts *parts)
{
    ptrdiff_t hash = str_find(url, '#', 0);

    if (hash >= 0)
        url.len = (size_t)hash;
    if (str_starts(url, STR("/")) || str_eq(url, STR("*"))) {
        parts->target = url;
        return true;
    }
    if (!split_absolute(url, parts))
        return str_find(parts->authority, '@', 0) >= 0;     /* told in words of its own */
    if (parts->target.len == 0 || parts->target.p[0] != '/')
        parts->target = arena_fmt(arena, "/%.*s", STR_ARG(parts->target));
    return true;
}

static bool
read_url(struct arena *arena, const char *text, struct parts *parts)
{
    if (has_line_end(text) || !split_url(arena, str_of(text), parts)) {
        console("invalid URL \"%s\": it begins with http://HOST or https://HOST, or is a path that "
                "begins with \"/\"", text);
        return false;
    }
    if (str_find(parts->authority, '@', 0) < 0)
        return true;
    console("invalid URL \"%s\": say who asks with -H \"Authorization: …\"", text);
    return false;
}

static bool
check_field(const char *field)
{
    const char *colon = strchr(field, ':');

    if (colon != NULL && colon != field && !has_line_end(field))
        return true;
    console("invalid field \"%s\", it must be \"Name: value\"", field);
    return false;
}

static bool
read_from(const char *text, struct peer *client)
{
    if (text == NULL || peer_parse(str_of(text), client))
        return true;
    if (strcmp(text, "unix:") == 0) {
        *client = (struct peer){ .family = AF_UNIX };
        return true;
    }
    console("invalid address \"%s\" for option \"--from\"", text);
    return false;
}

static bool
read_to(const char *text, struct address *local)
{
    unsigned count = 0;
    const char *wrong;

    if (text == NULL)
        return true;
    wrong = address_parse(str_of(text), local, 1, &count);
    if (wrong == NULL && count == 1)
        return true;
    console("%s in \"--to %s\"", wrong != NULL ? wrong : "no address", text);
    return false;
}

static bool
is_named(const char *field, const char *name)
{
    size_t len = strlen(name);

    return strncasecmp(field, name, len) == 0 && field[len] == ':';
}

/* The value of the Host field that is given, or what stands in the URL. */
static struct str
host_of(const struct explain *explain, const struct parts *parts)
{
    for (unsigned i = 0; i < explain->fields_len; i++)
        if (is_named(explain->fields[i], "host"))
            return str_trim(str_of(explain->fields[i] + sizeof("host:") - 1));
    return parts->authority.len > 0 ? parts->authority : STR("localhost");
}

static bool
has_host(const struct explain *explain)
{
    for (unsigned i = 0; i < explain->fields_len; i++)
        if (is_named(explain->fields[i], "host"))
            return true;
    return false;
}

static struct str
make_head(struct arena *arena, const struct explain *explain, const struct parts *parts)
{
    struct writer w = writer_in(arena);

    write_fmt(&w, "%s %.*s HTTP/1.1\r\n", explain->method != NULL ? explain->method : "GET",
              STR_ARG(parts->target));
    if (!has_host(explain))
        write_fmt(&w, "Host: %.*s\r\n", STR_ARG(host_of(explain, parts)));
    for (unsigned i = 0; i < explain->fields_len; i++)
        write_fmt(&w, "%s\r\n", explain->fields[i]);
    write_str(&w, STR("\r\n"));
    return writer_str(&w);
}

static bool
check_words(const struct explain *explain)
{
    if (explain->method != NULL && (has_line_end(explain->method) || explain->method[0] == '\0')) {
        console("invalid method \"%s\"", explain->method);
        return false;
    }
    for (unsigned i = 0; i < explain->fields_len; i++)
        if (!check_field(explain->fields[i]))
            return false;
    return true;
}

bool
explain_read(struct arena *arena, const struct explain *explain, struct explain_question *q)
{
    struct parts parts = { .scheme = STR("http") };

    if (!read_url(arena, explain->url, &parts) || !check_words(explain)
        || !read_from(explain->from, &q->asked.client) || !read_to(explain->to, &q->asked.local))
        return false;
    q->method = str_of(explain->method != NULL ? explain->method : "GET");
    q->asked.host = parts.host;
    q->asked.port = parts.port;
    q->asked.head = make_head(arena, explain, &parts);
    q->url = arena_fmt(arena, "%.*s://%.*s%.*s", STR_ARG(parts.scheme),
                       STR_ARG(host_of(explain, &parts)), STR_ARG(parts.target));
    return !arena_failed(arena);
}
