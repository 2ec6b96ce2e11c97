/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/serve_conf.h"

#include "http/encoder.h"
#include "http/http.h"

/* What is worth compressing, beside text/html. */
static const char compressed_types[] =
    "text/css text/plain text/xml text/csv text/markdown text/javascript text/vtt "
    "application/javascript application/json application/ld+json application/manifest+json "
    "application/xml application/atom+xml application/rss+xml application/xhtml+xml "
    "application/wasm image/svg+xml image/bmp font/ttf font/otf";

/* Those whose charset a browser would have to guess. */
static const char charset_types[] =
    "text/css text/plain text/xml text/csv text/markdown text/javascript text/vtt "
    "application/javascript application/xml application/xhtml+xml image/svg+xml";

/* ---- words --------------------------------------------------------------------------------- */

/* Between two quotes. dollars: where variables are looked for. */
static void
write_inside(struct writer *w, struct str text, bool dollars)
{
    static const struct str of_environment = STR_INIT("${env:");

    for (size_t i = 0; i < text.len; i++) {
        switch (text.p[i]) {
        case '"':
        case '\\':
            write_char(w, '\\');
            write_char(w, text.p[i]);
            break;
        case '\n': write_str(w, STR("\\n")); break;
        case '\r': write_str(w, STR("\\r")); break;
        case '\t': write_str(w, STR("\\t")); break;
        case '$':
            write_str(w, dollars ? STR("${dollar}")
                      : str_starts(str_from(text, i), of_environment) ? STR("${env::-$}")
                      : STR("$"));
            break;
        default:   write_char(w, text.p[i]);
        }
    }
}

static void
write_word(struct writer *w, struct str text, bool dollars)
{
    write_char(w, '"');
    write_inside(w, text, dollars);
    write_char(w, '"');
}

void
write_quoted(struct writer *w, struct str text)
{
    write_word(w, text, false);
}

/* Where a directive takes variables, a "$" is one. */
static void
write_text(struct writer *w, struct str text)
{
    write_word(w, text, true);
}

static bool
has_dollar(const char *text)
{
    return text != NULL && strchr(text, '$') != NULL;
}

static bool
needs_dollar(const struct serve_site *site)
{
    const struct serve *serve = site->serve;
    bool needs = has_dollar(serve->spa) || has_dollar(serve->not_found) || has_dollar(serve->cors)
                 || has_dollar(site->users.p);

    for (uint32_t i = 0; i < site->items.len; i++)
        needs = needs || has_dollar(site->items.items[i].path.p)
                || has_dollar(site->items.items[i].name.p);
    for (uint32_t i = 0; i < serve->headers.len; i++)
        needs = needs || has_dollar(serve->headers.items[i]);
    return needs;
}

/* Bare where it may be: without quotes bytes of a field's name, or of a time, could end the word. */
static void
write_bare(struct writer *w, struct str text)
{
    bool is_plain = true;

    for (size_t i = 0; i < text.len; i++)
        is_plain = is_plain && text.p[i] != '\0' && strchr(" #$'\"\\;{}", text.p[i]) == NULL;
    if (is_plain)
        write_str(w, text);
    else
        write_quoted(w, text);
}

/* ---- who asks ------------------------------------------------------------------------------- */

/*
 * A page of any site can make a browser here ask this server, by a name of the page's site that leads
 * to this machine, and read what comes as its own (DNS rebinding). Whoever is asked by an address, or by
 * a name of the machine, is not asked by such a page. Browsers do not ask over Unix sockets.
 */
static bool
has_strangers(const struct serve_site *site)
{
    const struct serve *serve = site->serve;

    for (uint32_t i = 0; i < serve->hosts.len; i++)
        if (strcmp(serve->hosts.items[i], "*") == 0)
            return false;
    return !str_starts(site->listen[0], STR("unix:")) && !str_starts(site->listen[0], STR("\"unix:"));
}

/* ---- lines of the access log --------------------------------------------------------------- */

/* A format for each kind of status: what is in it is fixed, for what is not would be escaped. */
static void
write_coloured_log(struct writer *w)
{
    static const struct { char digit; const char *colour; } kinds[] = {
        { '2', "32" }, { '3', "36" }, { '4', "33" }, { '5', "31" },
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        char digit = kinds[i].digit;

        write_fmt(w, "map $status $is_%cxx { ~^%c 1; }\n", digit, digit);
        write_fmt(w, "log_format line_%c '\033[2m$clock\033[0m \033[%sm$status\033[0m "
                  "$request_method $request_uri \033[2m$request_time_ms ms, "
                  "$body_bytes_sent bytes\033[0m';\n", digit, kinds[i].colour);
        write_fmt(w, "access_log stderr line_%c if=$is_%cxx;\n", digit, digit);
    }
}

/* The line for a request by a foreign name, which is shown in it. */
static void
write_stranger_format(struct writer *w, bool colour)
{
    static const char shown[] = "no name of this server, see --host: \"$http_host\"";

    if (colour)
        write_fmt(w, "log_format stranger '\033[2m$clock\033[0m \033[33m$status\033[0m "
                  "$request_method $request_uri \033[33m%s\033[0m';\n", shown);
    else
        write_fmt(w, "log_format stranger '$clock $status $request_method $request_uri %s';\n",
                  shown);
}

/* A file that is not there is told by the line of its request, and by no error beside it. */
static void
write_log(struct writer *w, const struct serve_site *site)
{
    write_str(w, STR("log_not_found off;\n"));
    if (site->serve->quiet) {
        write_str(w, STR("access_log off;\n"));
        return;
    }
    write_str(w, STR("\n# a line for each request\n"
                     "map $time_local $clock { \"~:(?<time_of_day>\\d\\d:\\d\\d:\\d\\d)\""
                     " $time_of_day; }\n"));
    if (has_strangers(site))
        write_stranger_format(w, site->colour);
    if (site->colour) {
        write_coloured_log(w);
        return;
    }
    write_str(w, STR("log_format line '$clock $status $request_method $request_uri "
                     "$request_time_ms ms, $body_bytes_sent bytes';\n"
                     "access_log stderr line;\n"));
}

/* ---- what holds for all of the site -------------------------------------------------------- */

static void
write_compression(struct writer *w, const struct serve_site *site)
{
    static const struct { struct str name; const struct encoder *encoder; } kinds[] = {
        { STR_INIT("gzip"), &gzip_encoder }, { STR_INIT("brotli"), &brotli_encoder },
        { STR_INIT("zstd"), &zstd_encoder },
    };

    if (site->serve->no_compression)
        return;
    write_str(w, STR("\n# smaller on the way: FILE.gz is sent where it lies beside FILE\n"));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct str name = kinds[i].name;

        if (!http_has_directive(name))
            continue;
        if (encoder_is_built(kinds[i].encoder))
            write_fmt(w, "%.*s on;\n%.*s_types %s;\n", STR_ARG(name), STR_ARG(name),
                      compressed_types);
        write_fmt(w, "%.*s_static on;\n", STR_ARG(name));
    }
    if (http_has_directive(STR("gzip")))
        write_str(w, STR("gzip_vary on;\ngzip_proxied any;\n"));
}

static void
write_cors_maps(struct writer *w)
{
    write_str(w, STR("\n# browsers ask first whether they may (a preflight)\n"
                     "map \"$request_method $http_access_control_request_method\" $is_preflight {"
                     " default \"\"; \"~^OPTIONS .\" 1; }\n"
                     "map $is_preflight $cors_methods { default \"\"; 1 \"GET, HEAD\"; }\n"
                     "map $is_preflight $cors_age { default \"\"; 1 600; }\n"));
}

static void
write_cors(struct writer *w, struct str origin)
{
    write_str(w, STR("add_header Access-Control-Allow-Origin "));
    write_text(w, origin);
    write_str(w, STR(" always;\n"));
    if (!str_eq(origin, STR("*")))
        write_str(w, STR("add_header Vary Origin always;\n"
                         "add_header Access-Control-Allow-Credentials true always;\n"));
    write_str(w, STR("add_header Access-Control-Expose-Headers "
                     "\"Content-Range, Content-Encoding, ETag\" always;\n"
                     "add_header Access-Control-Allow-Methods $cors_methods always;\n"
                     "add_header Access-Control-Allow-Headers"
                     " $http_access_control_request_headers always;\n"
                     "add_header Access-Control-Max-Age $cors_age always;\n"
                     "if ($is_preflight) { return 204; }\n"));
}

static void
write_headers(struct writer *w, const struct serve *serve)
{
    if (serve->cors != NULL)
        write_cors(w, str_of(serve->cors));
    if (serve->cache == NULL) {
        write_str(w, STR("add_header Cache-Control no-cache;\n"));
    } else if (strcmp(serve->cache, "off") == 0) {
        write_str(w, STR("add_header Cache-Control no-store;\n"));
    } else {
        write_str(w, STR("expires "));
        write_bare(w, str_of(serve->cache));
        write_str(w, STR(";\n"));
    }
    for (uint32_t i = 0; i < serve->headers.len; i++) {
        struct str text = str_of(serve->headers.items[i]);
        ptrdiff_t colon = str_find(text, ':', 0);

        write_str(w, STR("add_header "));
        write_bare(w, (struct str){ text.p, (size_t)colon });
        write_char(w, ' ');
        write_text(w, str_trim(str_from(text, (size_t)colon + 1)));
        write_str(w, STR(" always;\n"));
    }
}

static void
write_auth(struct writer *w, const struct serve_site *site)
{
    if (!str_is_set(site->users))
        return;
    write_str(w, STR("auth_basic \"weir\";\nauth_basic_user_file "));
    write_text(w, site->users);
    write_str(w, STR(";\n"));
}

static void
write_listing(struct writer *w, const struct serve *serve)
{
    if (serve->hidden)
        write_str(w, STR("serve_hidden on;\n"));
    if (serve->no_listing || serve->spa != NULL || !http_has_directive(STR("autoindex")))
        return;
    write_str(w, STR("autoindex on;\nautoindex_localtime on;\n"));
    if (serve->hidden)
        write_str(w, STR("autoindex_hidden on;\n"));
}

/* ---- names --------------------------------------------------------------------------------- */

static void
write_listens(struct writer *w, const struct serve_site *site, const char *option)
{
    for (size_t i = 0; i < ARRAY_LEN(site->listen); i++)
        if (str_is_set(site->listen[i]))
            write_fmt(w, "listen %.*s%s;\n", STR_ARG(site->listen[i]), option);
}

static void
write_strangers(struct writer *w, const struct serve_site *site)
{
    write_str(w, STR("\n# by a name that is not of this machine a page of another site may ask\n"
                     "server {\n"));
    write_listens(w, site, " default_server");
    write_str(w, STR("server_name _;\n"));
    if (!site->serve->quiet)
        write_str(w, STR("access_log stderr stranger;\n"));
    write_str(w, STR("default_type text/plain;\nadd_header X-Content-Type-Options nosniff always;\n"
                     "return 421 \"$host is no name of this server: weir serve --host $host\\n\";\n}\n"));
}

static void
write_names(struct writer *w, const struct serve_site *site)
{
    struct str machine = http_hostname();

    write_str(w, STR("server_name localhost *.localhost \"\" \"~^[0-9.]+$\" \"~^\\[\""));
    if (serve_is_name(machine) && !str_eq(machine, STR("localhost"))) {
        write_fmt(w, " \"%.*s\"", STR_ARG(machine));
        if (str_find(machine, '.', 0) < 0)
            write_fmt(w, " \"%.*s.local\"", STR_ARG(machine));
    }
    for (uint32_t i = 0; i < site->serve->hosts.len; i++)
        write_fmt(w, " \"%s\"", site->serve->hosts.items[i]);
    write_str(w, STR(";\n"));
}

/* ---- items --------------------------------------------------------------------------------- */

/* The path of a page of an item: "/name/page", or "/page" where the item is all of the site. */
static struct str
page_path(struct arena *arena, const struct serve_site *site, const struct serve_item *item,
          const char *page)
{
    if (page[0] == '/')
        page++;
    return site->is_whole ? arena_fmt(arena, "/%s", page)
                          : arena_fmt(arena, "/%.*s/%s", STR_ARG(item->name), page);
}

/* Only who looks for a page gets one: a script or an image that is missing is missing. */
static void
write_spa_map(struct writer *w, struct arena *arena, const struct serve_site *site, uint32_t i)
{
    write_fmt(w, "map $http_accept $page_%u { default \"\"; ~*text/html ", i);
    write_text(w, page_path(arena, site, &site->items.items[i], site->serve->spa));
    write_str(w, STR("; }\n"));
}

/* How the paths of a folder are looked for, in the place that is being written. */
static void
write_lookup(struct writer *w, struct arena *arena, const struct serve_site *site, uint32_t i)
{
    const struct serve *serve = site->serve;

    if (serve->spa != NULL)
        write_fmt(w, "try_files $uri $uri/index.html $page_%u =404;\n", i);
    if (serve->not_found != NULL) {
        write_str(w, STR("error_page 404 "));
        write_text(w, page_path(arena, site, &site->items.items[i], serve->not_found));
        write_str(w, STR(";\n"));
    }
}

static void
write_file_item(struct writer *w, struct arena *arena, const struct serve_item *item)
{
    write_str(w, STR("location = "));
    write_quoted(w, arena_fmt(arena, "/%.*s", STR_ARG(item->name)));
    write_str(w, STR(" { alias "));
    write_text(w, item->path);
    write_str(w, STR("; }\n"));
}

/*
 * Who leaves out the slash behind a name is led on, as below the folder. "return" would answer
 * before anybody is asked for a password; behind try_files it does not.
 */
static void
write_way_in(struct writer *w, struct arena *arena, const struct serve_item *item, uint32_t i)
{
    struct writer path = writer_in(arena);

    write_char(&path, '/');
    write_uri(&path, item->name);
    write_str(w, STR("location = "));
    write_quoted(w, arena_fmt(arena, "/%.*s", STR_ARG(item->name)));
    write_fmt(w, " { try_files \"\" @folder_%u; }\nlocation @folder_%u { return 301 \"", i, i);
    write_inside(w, writer_str(&path), true);
    write_str(w, STR("/$is_args$args\"; }\n"));
}

static void
write_folder_item(struct writer *w, struct arena *arena, const struct serve_site *site, uint32_t i)
{
    const struct serve_item *item = &site->items.items[i];

    write_way_in(w, arena, item, i);
    write_str(w, STR("location "));
    write_quoted(w, arena_fmt(arena, "/%.*s/", STR_ARG(item->name)));
    write_str(w, STR(" {\nalias "));
    write_text(w, arena_fmt(arena, "%.*s%s", STR_ARG(item->path),
                            str_ends(item->path, STR("/")) ? "" : "/"));
    write_str(w, STR(";\n"));
    write_lookup(w, arena, site, i);
    write_str(w, STR("}\n"));
}

static void
write_link(struct writer *w, const struct serve_item *item)
{
    write_str(w, STR("<li><a href=\"/"));
    write_uri(w, item->name);
    write_str(w, item->is_folder ? STR("/\">") : STR("\">"));
    write_html(w, item->name);
    write_str(w, item->is_folder ? STR("/</a></li>\n") : STR("</a></li>\n"));
}

/* "return" would answer before anybody is asked for a password; behind try_files it does not. */
static void
write_start(struct writer *w)
{
    write_str(w, STR("location = / { try_files \"\" @start; }\nlocation @start {\n"));
}

/* It looks like the listings that it leads to. */
static const char page_begin[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
    "<title>Served here</title>\n<style>\n"
    ":root { --ground: #f5f7f8; --card: #fff; --line: #dfe5e8; --text: #14212a;"
    " --over: #eef4f6; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  :root { --ground: #0d1418; --card: #141e24; --line: #25333b; --text: #e4edf1;"
    " --over: #1b2830; }\n}\n"
    "body { margin: 0 auto; max-width: 62rem; padding: 1.4rem 1rem; background: var(--ground);"
    " color: var(--text); font: 15px/1.45 system-ui, sans-serif; }\n"
    "h1 { margin: 0 0 .9rem; font-size: 1.25rem; font-weight: 600; }\n"
    "ul { margin: 0; padding: 0; list-style: none; background: var(--card);"
    " border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }\n"
    "li + li { border-top: 1px solid var(--line); }\n"
    "a { display: block; padding: .5rem 1rem; color: inherit; text-decoration: none;"
    " overflow-wrap: anywhere; }\n"
    "a:hover { background: var(--over); }\n"
    "</style>\n</head>\n<body>\n<h1>Served here</h1>\n<ul>\n";

/* What there is to be had. */
static void
write_start_page(struct writer *w, struct arena *arena, const struct serve_site *site)
{
    struct writer page = writer_in(arena);
    struct str text;

    write_str(&page, str_of(page_begin));
    for (uint32_t i = 0; i < site->items.len; i++)
        write_link(&page, &site->items.items[i]);
    write_str(&page, STR("</ul>\n</body>\n</html>\n"));
    text = writer_str(&page);
    write_start(w);
    write_str(w, STR("default_type text/html;\nreturn 200 "));
    write_text(w, text);
    write_str(w, STR(";\n}\n"));
}

/* One file: its address is the site's. */
static void
write_way_to(struct writer *w, struct arena *arena, const struct serve_item *item)
{
    struct writer path = writer_in(arena);

    write_char(&path, '/');
    write_uri(&path, item->name);
    write_start(w);
    write_str(w, STR("return 302 "));
    write_text(w, writer_str(&path));
    write_str(w, STR(";\n}\n"));
}

static void
write_items(struct writer *w, struct arena *arena, const struct serve_site *site)
{
    const struct serve_item *first = &site->items.items[0];

    if (site->is_whole) {
        write_str(w, STR("root "));
        write_text(w, first->path);
        write_str(w, STR(";\n"));
        write_lookup(w, arena, site, 0);
        return;
    }
    if (site->items.len == 1 && !first->is_folder)
        write_way_to(w, arena, first);
    else
        write_start_page(w, arena, site);
    for (uint32_t i = 0; i < site->items.len; i++) {
        if (site->items.items[i].is_folder)
            write_folder_item(w, arena, site, i);
        else
            write_file_item(w, arena, &site->items.items[i]);
    }
    write_str(w, STR("location / { return 404; }\n"));
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void
write_server(struct writer *w, struct arena *arena, const struct serve_site *site)
{
    if (has_strangers(site))
        write_strangers(w, site);
    write_str(w, STR("\nserver {\n"));
    write_listens(w, site, "");
    if (has_strangers(site))
        write_names(w, site);
    write_str(w, STR("index index.html index.htm;\n"));
    write_listing(w, site->serve);
    write_headers(w, site->serve);
    write_auth(w, site);
    write_items(w, arena, site);
    write_str(w, STR("}\n"));
}

static void
write_sandbox(struct writer *w, const struct serve_site *site)
{
    if (site->serve->sandbox != NULL)
        write_fmt(w, "sandbox %s;\n", site->serve->sandbox);
    for (uint32_t i = 0; i < site->reads.len; i++) {
        write_str(w, STR("sandbox_allow_read "));
        write_quoted(w, site->reads.items[i]);
        write_str(w, STR(";\n"));
    }
}

struct str
serve_conf(struct arena *arena, const struct serve_site *site)
{
    struct writer w = writer_in(arena);

    write_str(&w, STR("daemon off;\nmaster_process off;\nerror_log stderr;\npid weir.pid;\n"));
    write_sandbox(&w, site);
    write_str(&w, STR("\nevents { worker_connections 1024; }\n\nhttp {\n"));
    if (needs_dollar(site))
        write_str(&w, STR("geo $dollar { default \"$\"; }\n"));
    write_str(&w, STR("default_type application/octet-stream;\n"));
    write_fmt(&w, "charset utf-8;\ncharset_types %s;\n", charset_types);
    write_log(&w, site);
    write_compression(&w, site);
    if (site->serve->cors != NULL)
        write_cors_maps(&w);
    if (site->serve->spa != NULL)
        for (uint32_t i = 0; i < site->items.len; i++)
            write_spa_map(&w, arena, site, i);
    write_server(&w, arena, site);
    write_str(&w, STR("}\n"));
    return writer_str(&w);
}
