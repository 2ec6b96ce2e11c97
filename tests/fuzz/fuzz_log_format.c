/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_log_format: any variables in the lines of an access log, and any request. A line is one line:
 * with escape=default printable and nothing in it ends a quoted value, with escape=json JSON.
 *
 * Two lines name variables, the rest is the head of a request.
 */
#include "fuzz.h"
#include "json.h"
#include "no_names.h"
#include "site.h"

enum { NAME_MAX_LEN = 60 };

static const char before[] =
    "server { listen 127.0.0.1:1; server_name a.example ~^(?<sub>.+)\\.b$; set $kept $http_k;"
    " location / { return 200 $uri; }"
    " location /f { root /nonexistent; } location /n { return 444; }\n";

static void
plain_line(struct str line)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.p[i];

        require(c >= ' ' && c < 0x7f);
        if (c == '\\')
            require(i + 3 < line.len && line.p[i + 1] == 'x' && hex_digit(line.p[i + 2]) >= 0
                    && hex_digit(line.p[i + 3]) >= 0);
    }
}

/* The first letter says which format it is of. */
static void
on_line(struct str line)
{
    unsigned quotes = 0;

    require(line.len > 0);
    if (line.p[line.len - 1] == '\n')
        line.len--;
    if (line.p[0] == '{') {
        require(json_is_sound(line));
        return;
    }
    if (line.p[0] == 'N')               /* escape=none: whatever there is */
        return;
    plain_line(line);
    for (size_t i = 0; i < line.len; i++)
        quotes += line.p[i] == '"';
    require(quotes == (line.p[0] == 'D' ? 2 : 6));
}

static bool
is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!(name.p[i] == '_' || (name.p[i] >= '0' && name.p[i] <= '9')
              || (name.p[i] >= 'a' && name.p[i] <= 'z')))
            return false;
    return name.len > 0 && name.len <= NAME_MAX_LEN;
}

static struct str
write_conf(struct writer *w, struct str a, struct str b)
{
    write_fmt(w, "log_format plain 'D\"${%.*s}\"${%.*s}';\n", STR_ARG(a), STR_ARG(b));
    write_fmt(w, "log_format j escape=json '{\"a\":\"${%.*s}\",\"b\":\"${%.*s}-\"}';\n", STR_ARG(a),
              STR_ARG(b));
    write_fmt(w, "log_format none escape=none 'N${%.*s}${%.*s}';\n%s", STR_ARG(a), STR_ARG(b),
              before);
    for (const char *const *f = (const char *const []){ "plain", "j", "none", "combined", "json",
                                                        NULL }; *f != NULL; f++)
        write_fmt(w, "access_log /nonexistent/%s %s;\n", *f, *f);
    write_char(w, '}');
    return writer_str(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, MIN(size, 4096) };
    struct str a = take_line(&rest), b = take_line(&rest);
    char room[4096], head[4096 + 5];
    struct writer w = writer_at(room, sizeof(room));
    struct site site;

    if (!is_name(a) || !is_name(b) || rest.len == 0 || rest.p[0] == '\r' || rest.p[0] == '\n')
        return 0;
    memcpy(head, rest.p, rest.len);
    memcpy(head + rest.len, "\r\n\r\n", 5);
    if (site_read(&site, write_conf(&w, a, b)) && site_open(&site)) {
        site.on_line = on_line;
        site_ask(&site, (struct str){ head, rest.len + 4 });
    }
    site_close(&site);
    return 0;
}
